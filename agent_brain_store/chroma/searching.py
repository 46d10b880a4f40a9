"""Search one collection by filter, by vector, or by vector and words together. No filter makes a search miss chunks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.chroma import client
from agent_brain_store.chroma.directory import Collection
from agent_brain_store.chroma.stored import from_stored, in_searched_form
from agent_brain_store.chroma.where import to_where
from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import Filter
from agent_brain_store.protocol import SearchResult
from agent_brain_store.repository import HybridQuery
from agent_brain_store.textsearch import fusion

if TYPE_CHECKING:
    from agent_brain_store.textsearch.index import Hits, KeywordIndex

EXTRA_CANDIDATES = 16  # more candidates than asked for, to see ties at the end
FEW = 400  # comparing this many chunks takes less time than Chroma needs to find the nearest of them
_PART = 100  # vectors that are compared at a time

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

    def distances(self, rows: list[client.Row]) -> NDArray[np.float64]:
        """Return the exact distances of rows that were read with their vectors."""
        # A matrix product could give different results for equal rows at different places. einsum does not, so ties
        # stay ties.
        vectors = np.array([row.vector for row in rows], np.float64).reshape(len(rows), -1)
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
    rows = collection.rows
    where, rest = to_where(filter)
    stored = rows.count()
    asked = min(stored, (top_k if rest is None else 4 * top_k + 100) + EXTRA_CANDIDATES)
    if top_k == 0 or asked == 0:
        return []
    few = None if filter is None else _few(collection, filter, 2 * top_k * stored // asked)
    if few is not None:
        return scan(rows, question, few)
    raw = rows.nearest(question.vector, asked, where, rest is not None)
    near = [(chunk_id, question.from_chroma(distance), meta) for chunk_id, distance, meta in raw]
    found = sorted(
        ((i, distance) for i, distance, meta in near if rest is None or matches(rest, from_stored(meta))),
        key=lambda item: (item[1], item[0]),
    )
    if len(raw) == stored or (len(found) >= top_k and found[top_k - 1][1] < max(distance for _, distance, _ in near)):
        return found
    return _exact(collection, question, filter, found)


def _few(collection: Collection, filter: Filter, sparse_limit: int) -> list[str] | None:
    """Return the ids of all chunks that match, if they are few and quickly found. Otherwise return None.

    Few are up to `FEW`. If metadata must be checked after Chroma's search, few are also up to ``sparse_limit``: with so
    few matches, too few of Chroma's candidates would match.
    """
    where, rest = to_where(filter)
    if rest is None:
        ids, most = collection.rows.ids(where, FEW + 1), FEW
    elif collection.any_index is not None:
        ids, most = matching_ids(collection.rows, filter, collection.any_index), max(FEW, sparse_limit)
    else:
        return None
    return ids if len(ids) <= most else None


def _exact(collection: Collection, question: VectorQuestion, filter: Filter | None, found: Near) -> Near:
    ids = matching_ids(collection.rows, filter, collection.any_index)
    if len(ids) <= len(found):
        return found
    collection.exact_fallbacks += 1
    return scan(collection.rows, question, ids)


def scan(rows: client.Rows, question: VectorQuestion, ids: Sequence[str]) -> Near:
    """Compare the given chunks with the question. Returns them in the exact order of their distances."""
    present: list[str] = []
    parts: list[NDArray[np.float64]] = []
    found = rows.read(ids, dimensions=len(question.vector))
    while part := list(islice(found, _PART)):
        present.extend(row.chunk_id for row in part)
        parts.append(question.distances(part))
    distances = np.concatenate(parts) if parts else np.zeros(0)
    order = np.argsort(distances, kind="stable")
    return [(present[i], float(distances[i])) for i in order.tolist()]


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
    hits = index.search(asked.text, asked.candidates, asked.filter) if asked.keyword_weight else []
    if asked.fusion == "relative_score":
        return _by_score(collection, index, question, asked, near, hits)
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
    collection: Collection, index: KeywordIndex, question: VectorQuestion, asked: HybridQuery, near: Near, hits: Hits
) -> Fused:
    """Fuse by scores. Every candidate of either ranking gets both scores."""
    candidates = list(dict.fromkeys(chunk_id for ranking in (near, hits) for chunk_id, _ in ranking))
    known = dict(near)
    if asked.vector_weight:
        known |= dict(scan(collection.rows, question, [i for i in candidates if i not in known]))
    similarities = {chunk_id: question.similarity(distance) for chunk_id, distance in known.items()}
    keyword_scores = index.scores_of(asked.text, candidates) if asked.keyword_weight else {}
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
