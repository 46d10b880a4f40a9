"""The three searches of a `Store`: they check what the caller passes, ask the `Repository`, and finish the results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agent_brain_store.checks import arguments
from agent_brain_store.checks.vectors import ChunkRules, query_vector
from agent_brain_store.filters.parse import combine, parse
from agent_brain_store.finishing import finished
from agent_brain_store.refining import candidates_of, check_refinement
from agent_brain_store.repository import HybridQuery, KeywordQuery, Repository, VectorQuery
from agent_brain_store.results import SearchResult
from agent_brain_store.types import Boosts, Distinct, Fusion, Match, Vector, Where
from agent_brain_store.unknown_keys import UnknownKeys


class Searches:
    """What `Store` inherits. `StorageBackend` says what every method means."""

    _keys: UnknownKeys

    def _opened(self) -> Repository:
        raise NotImplementedError

    @property
    def _rules(self) -> ChunkRules:
        raise NotImplementedError

    async def vector_search(
        self,
        query_embedding: Vector,
        top_k: int,
        similarity_threshold: float = 0.0,
        where: Where | None = None,
        highlights: str | None = None,
        distinct: Distinct | None = None,
        boost: Boosts | None = None,
        now: datetime | float | None = None,
    ) -> list[SearchResult]:
        repository, top_k = self._opened(), arguments.check_top_k(top_k)
        threshold = arguments.check_threshold("similarity_threshold", similarity_threshold)
        words = None if highlights is None else arguments.check_query(highlights)
        how = check_refinement(distinct, boost, now)
        vector = query_vector(self._rules, query_embedding)
        query = VectorQuery(vector, top_k, parse(where), candidates_of(top_k, how), how)
        found = self._keys.noticed(query.filter, await repository.vector_search(query)) if top_k else []
        return await finished(found, threshold, words, repository.stored.language)

    async def keyword_search(
        self,
        query: str,
        top_k: int,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        where: Where | None = None,
        explain: bool = False,
        match: Match = "any",
        prefix: bool = False,
        min_score: float = 0.0,
        highlights: bool = False,
        distinct: Distinct | None = None,
        boost: Boosts | None = None,
        now: datetime | float | None = None,
    ) -> list[SearchResult]:
        repository, top_k, text = self._opened(), arguments.check_top_k(top_k), arguments.check_query(query, prefix)
        threshold = arguments.check_threshold("min_score", min_score)
        every, how = arguments.check_match(match), check_refinement(distinct, boost, now)
        filter, text = combine(where, source_types, languages), arguments.first_words(text) if every else text
        asked = KeywordQuery(text, top_k, filter, explain, every, candidates_of(top_k, how), how)
        found = self._keys.noticed(asked.filter, await repository.keyword_search(asked)) if top_k else []
        return await finished(found, threshold, text if highlights else None, repository.stored.language)

    async def hybrid_search(
        self,
        query: str,
        query_embedding: Vector,
        top_k: int,
        vector_weight: float = 0.5,
        keyword_weight: float = 0.5,
        rrf_k: int = 60,
        fusion: Fusion = "convex",
        candidates: int | None = None,
        where: Where | None = None,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        explain: bool = False,
        normalize: bool = False,
        min_score: float = 0.0,
        highlights: bool = False,
        distinct: Distinct | None = None,
        boost: Boosts | None = None,
        now: datetime | float | None = None,
    ) -> list[SearchResult]:
        repository, top_k = self._opened(), arguments.check_top_k(top_k)
        threshold = arguments.check_threshold("min_score", min_score)
        weights, how = arguments.check_weights(vector_weight, keyword_weight), check_refinement(distinct, boost, now)
        asked = HybridQuery(
            arguments.check_query(query),
            query_vector(self._rules, query_embedding),
            top_k,
            combine(where, source_types, languages),
            arguments.check_fusion(fusion),
            *weights,
            arguments.check_rrf_k(rrf_k),
            arguments.check_candidates(candidates, top_k, weights, candidates_of(top_k, how)),
            explain,
            how,
        )
        found = self._keys.noticed(asked.filter, await repository.hybrid_search(asked)) if top_k else []
        words = asked.text if highlights else None
        return await finished(found, threshold, words, repository.stored.language, normalize)
