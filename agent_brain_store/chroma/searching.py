"""Search one collection by filter, by vector, or by vector and words together. No filter makes a search miss chunks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agent_brain_store import telemetry
from agent_brain_store.chroma import client
from agent_brain_store.chroma.directory import Collection
from agent_brain_store.chroma.stored import Stored, from_stored, in_searched_form
from agent_brain_store.chroma.vectors import LARGEST
from agent_brain_store.chroma.where import to_where
from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import Filter
from agent_brain_store.repository import HybridQuery, KeywordQuery
from agent_brain_store.results import SearchResult
from agent_brain_store.textsearch import fusion

if TYPE_CHECKING:
    from agent_brain_store.textsearch.index import KeywordIndex
    from agent_brain_store.textsearch.scored import Hits, Scored

EXTRA_CANDIDATES = 16  # more candidates than asked for, to see ties at the end
FEW = 400  # comparing this many chunks takes less time than Chroma needs to find the nearest of them
WIDE = 1000  # among more candidates of all chunks, finding those that match takes longer than Chroma's own filter
_PART = 100  # vectors that are compared at a time

Raw = list[tuple[str, float, Stored | None]]
Near = list[tuple[str, float]]
"""Ids and distances, nearest first, with ties in the order of ids.

A distance is ``1 - cosine``, Euclidean, or the negative inner product.
"""


@dataclass(frozen=True, slots=True)
class VectorQuestion:
    """A vector to search by, in the form that the index compares, and the store's distance."""

    vector: NDArray[np.float32]
    distance: str

    @classmethod
    def of(cls, vector: NDArray[np.float32], distance: str) -> VectorQuestion:
        """Make a question from a vector as the caller gives it."""
        return cls(in_searched_form(distance, vector), distance)

    def similarity(self, distance: float) -> float:
        """Turn a distance into a score from 0 to 1. `SearchResult` has the formulas."""
        if self.distance == "cosine":
            return max(0.0, min(1.0, 1.0 - distance))
        if self.distance == "l2":
            return 1.0 / (1.0 + distance)
        return (1.0 - distance / (1.0 + abs(distance))) / 2.0

    @property
    def cosine_unit(self) -> float:
        """How many times as large a difference in cosine is as the difference in score, for unit vectors."""
        return 1.0 if self.distance == "cosine" else 4.0

    def from_chroma(self, distance: float) -> float:
        """Turn Chroma's distance into the store's. Chroma's L2 is squared, and its inner product p comes as ``1 - p``."""
        if self.distance == "l2":
            return math.sqrt(max(0.0, distance))
        # For unit vectors, 1 - p is the cosine distance.
        return distance - 1.0 if self.distance == "inner_product" else distance

    def distances(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the exact distances of stored vectors."""
        # A matrix product could give different results for equal rows at different places. einsum does not, so ties
        # stay ties.
        asked = self.vector.astype(np.float64)
        if self.distance == "l2":
            return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors - asked, vectors - asked)))
        products = np.einsum("ij,j->i", vectors, asked)
        return np.asarray(-products if self.distance == "inner_product" else 1.0 - products)


def matching_ids(rows: client.Rows, filter: Filter | None, index: KeywordIndex | None = None) -> list[str]:
    """Return the ids of all chunks that match, in code point order. An ``index`` has their metadata in memory."""
    where, rest = to_where(filter)
    if filter is not None and rest is not None and index is not None:
        return index.matching(filter, None if where is None else rows.ids(where))
    ids = rows.ids(where)
    if rest is None:
        return ids
    return [row.chunk_id for row in rows.read(ids, stored=True) if matches(rest, from_stored(row.stored))]


def count_matching(rows: client.Rows, filter: Filter | None, index: KeywordIndex | None = None) -> int:
    """Return how many chunks match."""
    return rows.count() if filter is None else len(matching_ids(rows, filter, index))


def nearest(collection: Collection, question: VectorQuestion, top_k: int, filter: Filter | None) -> Near:
    """Return the nearest chunks that match: at least ``top_k`` if there are that many, and possibly more.

    If few match, all of these are compared. Otherwise Chroma's index answers. If it finds too few, or cannot say which
    of many equally near chunks come first, all chunks that match are compared after all.
    """
    stored = collection.rows.count()
    if top_k == 0 or stored == 0:
        return []
    if collection.is_large and 2 * stored * collection.stored.dimensions < LARGEST:
        collection.is_large = False  # many were deleted
    known = None if filter is None else matching(collection, filter)
    vectors = collection.vectors
    if vectors is not None and (filter is None or known is not None):
        candidates = vectors.candidates(question.vector, question.distance, top_k, known)
        return scan(collection, question, sorted(candidates))
    if known is not None:
        if len(known) <= FEW:
            return scan(collection, question, list(known))
        found, is_complete = _among(collection.rows, question, top_k, known)
        if is_complete:
            return found
    found, is_complete = _by_chroma(collection.rows, question, top_k, filter)
    if is_complete:
        return found
    ids = matching_ids(collection.rows, filter, collection.any_index) if known is None else list(known)
    if len(ids) <= len(found):
        return found
    collection.exact_fallbacks += 1
    telemetry.fell_back()
    if filter is None:  # so many are equally near: from the next search on, all vectors are in memory
        collection.has_equal, collection.is_large = True, False
    return scan(collection, question, ids)


def matching(collection: Collection, filter: Filter) -> dict[str, None] | None:
    """Return the ids of all chunks that match, in code point order, if they are quickly found. Otherwise return None."""
    rows, index = collection.rows, collection.any_index
    if index is None and to_where(filter)[1] is not None:
        return None  # Chroma cannot decide the filter, and reading all metadata takes long
    return collection.remembered(filter, lambda: dict.fromkeys(matching_ids(rows, filter, index)))


def _among(rows: client.Rows, question: VectorQuestion, top_k: int, known: Mapping[str, None]) -> tuple[Near, bool]:
    """Look among the nearest of all chunks for those whose ids are known to match.

    Chroma's own filter takes as long as reading all ids that match. So this comes first if many match.
    """
    stored = rows.count()
    asked = (top_k + EXTRA_CANDIDATES) * stored * 3 // (2 * len(known))  # half as many again as would do on average
    if asked > WIDE:
        return [], False
    raw = rows.nearest(question.vector, min(stored, asked), None, False)
    return _best(question, raw, top_k, stored, [chunk_id in known for chunk_id, _, _ in raw])


def _by_chroma(rows: client.Rows, question: VectorQuestion, top_k: int, filter: Filter | None) -> tuple[Near, bool]:
    """Let Chroma filter. What it cannot decide is checked on the candidates that it returns."""
    where, rest = to_where(filter)
    stored = rows.count()
    asked = (top_k if rest is None else 4 * top_k + 100) + EXTRA_CANDIDATES
    raw = rows.nearest(question.vector, min(stored, asked), where, rest is not None)
    return _best(question, raw, top_k, stored, [rest is None or matches(rest, from_stored(meta)) for _, _, meta in raw])


def _best(question: VectorQuestion, raw: Raw, top_k: int, stored: int, are_matches: list[bool]) -> tuple[Near, bool]:
    """Return the candidates that match, nearest first, and whether no other chunk can be among the first ``top_k``."""
    near = [(chunk_id, question.from_chroma(distance)) for chunk_id, distance, _ in raw]
    found = sorted(itertools.compress(near, are_matches), key=lambda item: (item[1], item[0]))
    if len(raw) == stored:
        return found, True
    return found, len(found) >= top_k and found[top_k - 1][1] < max(distance for _, distance in near)


def scan(collection: Collection, question: VectorQuestion, ids: Sequence[str]) -> Near:
    """Compare the given chunks with the question. Returns them in the exact order of their distances."""
    present: list[str] = []
    parts: list[NDArray[np.float64]] = []
    for some, vectors in _vectors(collection, ids):
        present.extend(some)
        parts.append(question.distances(vectors.astype(np.float64)))
    distances = np.concatenate(parts) if parts else np.zeros(0)
    order = np.argsort(distances, kind="stable")
    return [(present[i], float(distances[i])) for i in order.tolist()]


def _vectors(collection: Collection, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """Yield ids and vectors of the given chunks that exist, some at a time."""
    if (in_memory := collection.vectors) is not None:
        for start in range(0, len(ids), client.PAGE):
            yield in_memory.of(ids[start : start + client.PAGE])
        return
    found = collection.rows.read(ids, dimensions=collection.stored.dimensions)
    while part := list(itertools.islice(found, _PART)):
        yield [row.chunk_id for row in part], np.array([row.vector for row in part])


def as_written(rows: client.Rows, index: KeywordIndex, asked: KeywordQuery | HybridQuery, top_k: int) -> Hits:
    """Find a question of nothing but stop words as it is written. Only so many texts are read, see `verbatim`."""
    from agent_brain_store.textsearch.verbatim import BUDGETS, verbatim

    if (pattern := verbatim(asked.text, index.config.language)) is None:
        return []
    ids, counted = matching_ids(rows, asked.filter, index), {}
    if index.config.budget:
        ids = ids[: BUDGETS * index.config.budget]
    for start in range(0, len(ids), client.PAGE):
        for chunk_id, (text, _) in rows.contents(ids[start : start + client.PAGE]).items():
            if times := len(pattern.findall(text)):
                counted[chunk_id] = times
    return index.as_one_word(counted)[:top_k]


# --- hybrid search ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Fused:
    """A fused ranking, best first, with the rank and the score of each chunk in both rankings."""

    ranked: fusion.Ranked
    vector_ranks: dict[str, int]
    keyword_ranks: dict[str, int]
    vector_scores: dict[str, float]
    keyword_scores: dict[str, float]

    def explained(self, result: SearchResult) -> SearchResult:
        """Return a result with its ranks and scores in both rankings."""
        chunk_id = result.chunk_id
        return replace(
            result,
            vector_rank=self.vector_ranks.get(chunk_id),
            keyword_rank=self.keyword_ranks.get(chunk_id),
            vector_score=self.vector_scores.get(chunk_id),
            keyword_score=self.keyword_scores.get(chunk_id),
        )


def fused(collection: Collection, index: KeywordIndex, question: VectorQuestion, asked: HybridQuery) -> Fused:
    """Search both ways and fuse the rankings.

    A ranking of weight 0 is not searched, so no chunk, rank or score comes from it.
    """
    near = nearest(collection, question, asked.candidates, asked.filter) if asked.vector_weight else []
    near = near[: asked.candidates]
    scored = index.score(asked.text) if asked.keyword_weight else None
    known = None if asked.filter is None else matching(collection, asked.filter)
    hits = [] if scored is None else scored.best(asked.candidates, asked.filter, known)
    if scored is not None and not hits:
        hits = as_written(collection.rows, index, asked, asked.candidates)
    if asked.fusion == "relative_score":
        return _by_score(collection, scored, question, asked, near, hits)
    similarities = [(chunk_id, question.similarity(distance)) for chunk_id, distance in near]
    weights = asked.vector_weight, asked.keyword_weight
    if asked.fusion == "rrf":
        ranked = fusion.reciprocal_rank_fusion([i for i, _ in near], [i for i, _ in hits], *weights, asked.rrf_k)
    else:
        ranked = fusion.convex_combination(similarities, hits, *weights, asked.candidates, question.cosine_unit)
        if all(weights):
            holders = index.holders(asked.text, [chunk_id for chunk_id, _ in ranked])
            ranked = fusion.lift_named(ranked, holders)
    return Fused(ranked, _ranks(near), _ranks(hits), dict(similarities), _relative(dict(hits), hits))


def _by_score(
    collection: Collection, scored: Scored | None, question: VectorQuestion, asked: HybridQuery, near: Near, hits: Hits
) -> Fused:
    """Fuse by scores. Every candidate of either ranking gets both scores."""
    candidates = list(dict.fromkeys(chunk_id for ranking in (near, hits) for chunk_id, _ in ranking))
    known = dict(near)
    if asked.vector_weight:
        known |= dict(scan(collection, question, [i for i in candidates if i not in known]))
    similarities = {chunk_id: question.similarity(distance) for chunk_id, distance in known.items()}
    keyword_scores = {} if scored is None else scored.of(candidates) | dict(hits)
    order = [chunk_id for chunk_id, _ in near]
    ranked = fusion.relative_score_fusion(
        similarities, keyword_scores, asked.vector_weight, asked.keyword_weight, order
    )
    return Fused(ranked, _ranks(near), _ranks(hits), similarities, _relative(keyword_scores, hits))


def _ranks(ranking: list[tuple[str, float]]) -> dict[str, int]:
    return {chunk_id: rank for rank, (chunk_id, _) in enumerate(ranking, 1)}


def _relative(scores: dict[str, float], hits: Hits) -> dict[str, float]:
    """Divide keyword scores by the score of the best hit."""
    best = hits[0][1] if hits else 1.0
    return {chunk_id: score / best for chunk_id, score in scores.items()}
