"""Fuse two rankings in Python, with the formulas, weights and tie-breaks of ``sql/queries/hybrid_search.sql``."""

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
    """Fuse by weighted Reciprocal Rank Fusion. Returns ids and scores, best first. Ties are in the order of ids.

    A chunk's score is the sum of ``weight / (rrf_k + rank)``, where ranks count from 1. It is divided by the largest
    possible sum, ``(vector_weight + keyword_weight) / (rrf_k + 1)``, so a chunk that is first in both rankings scores
    1.

    The method is from Cormack, Clarke and Büttcher, 2009, who set ``rrf_k`` to 60. The weights are an addition to it.
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
    """Fuse by scores. Returns ids and scores, best first.

    A chunk's score is the weighted sum of both scores, each divided by the best of its kind. The sum is divided by the
    sum of the weights, so it is from 0 to 1. Both mappings hold every candidate of either ranking. A chunk without a
    word of the question has the keyword score 0.

    Ties are in the order of ``vector_ids``, the vector ranking, and then of ids. A similarity cannot be less than 0,
    but the ranking still tells two such chunks apart.
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
