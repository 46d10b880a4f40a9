"""Fusing two rankings in Python: the twin of ``sql/queries/hybrid_search.sql``, with its formulas, weights and tie-breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Ranked = list[tuple[str, float]]


def reciprocal_rank_fusion(
    vector_ids: Sequence[str],
    keyword_ids: Sequence[str],
    vector_weight: float = 0.5,
    keyword_weight: float = 0.5,
    rrf_k: int = 60,
) -> Ranked:
    """Weighted Reciprocal Rank Fusion: the sum of ``weight / (rrf_k + rank)``, ranks from 1.

    Divided by the largest possible sum, ``(vector_weight + keyword_weight) / (rrf_k + 1)``, so that 1 means first in both.
    Best first; ties by id. Cormack, Clarke and Büttcher, 2009; ``rrf_k`` 60 is theirs.
    """
    scores: dict[str, float] = {}
    for ids, weight in ((vector_ids, vector_weight), (keyword_ids, keyword_weight)):
        for rank, chunk_id in enumerate(ids, 1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + weight / (rrf_k + rank)
    largest = (vector_weight + keyword_weight) / (rrf_k + 1)
    return _best_first((chunk_id, score / largest) for chunk_id, score in scores.items())


def relative_score_fusion(
    vector_scores: Mapping[str, float],
    keyword_scores: Mapping[str, float],
    vector_weight: float = 0.5,
    keyword_weight: float = 0.5,
    vector_ids: Sequence[str] = (),
) -> Ranked:
    """The weighted sum of both scores, each divided by the best of its kind, over the sum of the weights.

    Both mappings hold every candidate of either ranking; a chunk without a query word has the keyword score 0.
    Best first; ties in the order of ``vector_ids``, the vector ranking: it knows more than similarities that end at 0.
    Then by id.
    """
    best_vector = max(vector_scores.values(), default=0.0)
    best_keyword = max(keyword_scores.values(), default=0.0)
    total = vector_weight + keyword_weight

    def score(chunk_id: str) -> float:
        vector = vector_scores.get(chunk_id, 0.0) / best_vector if best_vector > 0 else 0.0
        keyword = keyword_scores.get(chunk_id, 0.0) / best_keyword if best_keyword > 0 else 0.0
        return (vector_weight * vector + keyword_weight * keyword) / total

    scored = ((chunk_id, score(chunk_id)) for chunk_id in vector_scores.keys() | keyword_scores.keys())
    return _best_first(scored, vector_ids)


def _best_first(scored: Iterable[tuple[str, float]], vector_ids: Sequence[str] = ()) -> Ranked:
    ranks = {chunk_id: rank for rank, chunk_id in enumerate(vector_ids)}
    return sorted(scored, key=lambda item: (-item[1], ranks.get(item[0], len(ranks)), item[0]))
