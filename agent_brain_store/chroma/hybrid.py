"""Hybrid search: the vector ranking and the keyword ranking of one question, fused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent_brain_store import fusion
from agent_brain_store.chroma.searching import Near, Question, nearest, scan
from agent_brain_store.chroma.shared import Collection
from agent_brain_store.filters import Node
from agent_brain_store.protocol import SearchResult

if TYPE_CHECKING:
    from agent_brain_store.chroma.keywords import Hits, KeywordIndex


@dataclass(frozen=True, slots=True)
class Hybrid:
    """The checked arguments of one hybrid search."""

    query: str
    question: Question
    candidates: int
    vector_weight: float
    keyword_weight: float
    rrf_k: int
    fusion: str
    node: Node | None


@dataclass(slots=True)
class Fused:
    """A fused ranking, best first, and what each leg said of its chunks."""

    ranked: fusion.Ranked
    vector_ranks: dict[str, int]
    keyword_ranks: dict[str, int]
    vector_scores: dict[str, float]
    keyword_scores: dict[str, float]

    def explained(self, result: SearchResult) -> SearchResult:
        """A result with its ranks and scores in both legs."""
        chunk_id = result.chunk_id
        return replace(
            result,
            vector_rank=self.vector_ranks.get(chunk_id),
            keyword_rank=self.keyword_ranks.get(chunk_id),
            vector_score=self.vector_scores.get(chunk_id),
            keyword_score=self.keyword_scores.get(chunk_id),
        )


def fused(collection: Collection, index: KeywordIndex, asked: Hybrid) -> Fused:
    """Search both ways and fuse. A side without weight is not searched: no chunk, rank or score comes from it."""
    near = nearest(collection, asked.question, asked.candidates, asked.node) if asked.vector_weight else []
    near = near[: asked.candidates]
    hits = index.search(asked.query, asked.candidates, asked.node) if asked.keyword_weight else []
    if asked.fusion == "rrf":
        return _by_rank(asked, near, hits)
    return _by_score(collection, index, asked, near, hits)


def _by_rank(asked: Hybrid, near: Near, hits: Hits) -> Fused:
    ranked = fusion.reciprocal_rank_fusion(
        [chunk_id for chunk_id, _ in near],
        [chunk_id for chunk_id, _ in hits],
        asked.vector_weight,
        asked.keyword_weight,
        asked.rrf_k,
    )
    similar = {chunk_id: asked.question.similarity(distance) for chunk_id, distance in near}
    return Fused(ranked, _ranks(near), _ranks(hits), similar, _relative(dict(hits), hits))


def _by_score(collection: Collection, index: KeywordIndex, asked: Hybrid, near: Near, hits: Hits) -> Fused:
    """Every candidate of either leg with both scores."""
    candidates = list(dict.fromkeys(chunk_id for leg in (near, hits) for chunk_id, _ in leg))
    known = dict(near)
    if asked.vector_weight:
        known |= dict(scan(collection.rows, asked.question, [i for i in candidates if i not in known]))
    similar = {chunk_id: asked.question.similarity(distance) for chunk_id, distance in known.items()}
    worded = index.scores_of(asked.query, candidates) if asked.keyword_weight else {}
    order = [chunk_id for chunk_id, _ in near]
    ranked = fusion.relative_score_fusion(similar, worded, asked.vector_weight, asked.keyword_weight, order)
    return Fused(ranked, _ranks(near), _ranks(hits), similar, _relative(worded, hits))


def _ranks(leg: list[tuple[str, float]]) -> dict[str, int]:
    return {chunk_id: rank for rank, (chunk_id, _) in enumerate(leg, 1)}


def _relative(scores: dict[str, float], hits: Hits) -> dict[str, float]:
    """Keyword scores over that of the best hit."""
    best = hits[0][1] if hits else 1.0
    return {chunk_id: score / best for chunk_id, score in scores.items()}
