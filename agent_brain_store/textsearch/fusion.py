"""Fuse two rankings in Python, with the formulas, weights and tie-breaks of ``sql/functions/hybrid_ranking.sql``."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

Ranked = list[tuple[str, float]]

LEAD_OVER = 20  # the lead of a ranking is the distance between its best score and the one at this place
LEAST_VECTOR_LEAD, LEAST_KEYWORD_LEAD = 0.001, 0.1  # so that a ranking without a lead still counts a little
FEW = 3  # chunks with an exact name that may come first


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


def convex_combination(
    by_vector: Ranked,
    by_keyword: Ranked,
    vector_weight: float = 0.5,
    keyword_weight: float = 0.5,
    candidates: int = 50,
    cosine_unit: float = 1.0,
) -> Ranked:
    """Fuse by scores, with weights that follow the question. Returns ids and scores, best first.

    A chunk's score is the weighted mean of both scores, each divided by the best of its kind. A ranking whose best
    chunks are far ahead knows the answer, and one whose chunks are all alike does not. So each weight is multiplied by
    what the lead of its ranking says::

        vector_weight  · 3 · best · sqrt(lead)
        keyword_weight · (lead / best) ** 1.5

    A lead is the best score less the 20th. Keyword scores have no upper bound, so their lead is relative. Similarities
    keep their scale, because a small lead in cosine says little. ``cosine_unit`` brings the scores of other distances to
    that scale: it is how many times as large a difference in cosine is.

    A chunk that is in one ranking only counts in the other as its last chunk. If the keyword ranking has fewer than
    ``candidates`` chunks, no other chunk has a word of the question, so it counts 0 there. Ties are in the order of the
    vector ranking, and then of ids.

    A convex combination of scores is from Bruch, Gai and Ingber, 2023. The weights are our own.
    """
    every_match = len(by_keyword) < candidates
    vectors = _Side.of(by_vector, by_vector[-1][1] if by_vector else 0.0)
    keywords = _Side.of(by_keyword, 0.0 if every_match else by_keyword[-1][1])
    lead = cosine_unit * vectors.lead
    vector_weight *= 3.0 * cosine_unit * vectors.best * math.sqrt(max(LEAST_VECTOR_LEAD, lead))
    if keywords.best > 0:
        keyword_weight *= max(LEAST_KEYWORD_LEAD, keywords.lead / keywords.best) ** 1.5
    else:
        keyword_weight = 0.0
    total = vector_weight + keyword_weight or 1.0
    scored = (
        (chunk_id, (vector_weight * vectors.relative(chunk_id) + keyword_weight * keywords.relative(chunk_id)) / total)
        for chunk_id in vectors.scores.keys() | keywords.scores.keys()
    )
    return _best_first(scored, list(vectors.scores))


@dataclass(frozen=True, slots=True)
class _Side:
    """A ranking as `convex_combination` sees it. ``outside`` is what a chunk counts that is not in it."""

    scores: dict[str, float]
    best: float
    lead: float
    outside: float

    @classmethod
    def of(cls, ranked: Ranked, outside: float) -> _Side:
        best = ranked[0][1] if ranked else 0.0
        following = ranked[LEAD_OVER - 1][1] if len(ranked) >= LEAD_OVER else outside
        return cls(dict(ranked), best, best - following, outside)

    def relative(self, chunk_id: str) -> float:
        return self.scores.get(chunk_id, self.outside) / self.best if self.best > 0 else 0.0


def lift_named(ranked: Ranked, holders: Iterable[Collection[str]]) -> Ranked:
    """Bring the chunks that have an exact name of the question among the first three.

    ``holders`` has the candidates with a name, for each name. The rarest names come first, as long as they have no more
    than three chunks in all. A chunk with one of these gets at least the score of the place that it needs, and stands
    before others of that score.
    """
    found = [ids for ids in holders if ids]
    named = {
        chunk_id
        for ids in found
        if sum(len(other) for other in found if len(other) <= len(ids)) <= FEW
        for chunk_id in ids
    }
    if not named:
        return ranked
    needed = ranked[min(FEW - len(named), len(ranked) - 1)][1]
    lifted = [(i, max(score, needed) if i in named else score) for i, score in ranked]
    return sorted(lifted, key=lambda item: (-item[1], item[0] not in named))


def _best_first(scored: Iterable[tuple[str, float]], vector_ids: Sequence[str] = ()) -> Ranked:
    ranks = {chunk_id: rank for rank, chunk_id in enumerate(vector_ids)}
    return sorted(scored, key=lambda item: (-item[1], ranks.get(item[0], len(ranks)), item[0]))
