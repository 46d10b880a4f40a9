"""Run the searches. Each runs one query file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from agent_brain_store import telemetry
from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.errors import DimensionMismatchError, QueryFailed
from agent_brain_store.filters.parse import Filter
from agent_brain_store.postgres.errors import translated
from agent_brain_store.postgres.guard import require_unchanged
from agent_brain_store.postgres.jsonpath import required_prefix, to_jsonpath
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.statistics import TermStatistics
from agent_brain_store.refining import Refinement, filled
from agent_brain_store.repository import HybridQuery, KeywordQuery, Query, VectorQuery
from agent_brain_store.results import MOST_VALUES, Description, MetadataKey, SearchResult

_OF_HYBRID_SEARCH = ("vector_rank", "keyword_rank", "vector_score", "keyword_score")


class Searcher:
    """Searches one store. ``exact_fallbacks`` counts the searches whose vector ranking the index could not complete."""

    def __init__(self, pools: Pools, statistics: TermStatistics, stored: StoreFacts) -> None:
        self._pools, self._statistics, self.stored = pools, statistics, stored
        self.exact_fallbacks = 0

    async def vector(self, query: VectorQuery) -> list[SearchResult]:
        """Return the nearest chunks, best first."""
        values = {"query_embedding": query.vector, "top_k": query.top_k, **filter_values(query.filter)}
        rows = await self._rows("vector_search", query, values)
        self._note(rows)
        return [_result(row) for row in rows]

    async def keyword(self, query: KeywordQuery) -> list[SearchResult]:
        """Return the chunks with any word of the question, best first."""
        values = {"query": query.text, "top_k": query.top_k, **filter_values(query.filter)}
        rows = await self._rows("keyword_search", query, values)
        self._note(rows)
        return await self._explained(rows, query)

    async def hybrid(self, query: HybridQuery) -> list[SearchResult]:
        """Fuse both rankings. Returns the best chunks first."""
        values = {
            "query": query.text,
            "query_embedding": query.vector,
            "top_k": query.top_k,
            **filter_values(query.filter),
            "fusion": query.fusion,
            "vector_weight": query.vector_weight,
            "keyword_weight": query.keyword_weight,
            "rrf_k": query.rrf_k,
        }
        rows = await self._rows("hybrid_search", query, values)
        self._note(rows)
        return await self._explained(rows, query)

    async def _rows(self, name: str, query: Query, values: dict[str, Any]) -> Sequence[asyncpg.Record]:
        """Run a search. If it is refined, that has a statement of its own, which sees more candidates than are returned."""
        read = self._pools.read if isinstance(query, KeywordQuery) else self.read_vectors
        how, every = query.refinement, isinstance(query, KeywordQuery) and query.every
        if how is None and not every:
            if isinstance(query, HybridQuery):
                values["candidates"] = query.candidates
            return await read(name, **values)
        refined = f"{name}_refined"
        how = how or Refinement((), False, 0.0)
        values |= {"boosts": how.boosts_as_json(), "now": how.now, "distinct": how.distinct}
        if isinstance(query, KeywordQuery):
            values["every"] = every

        async def ask(candidates: int) -> tuple[Sequence[asyncpg.Record], int]:
            rows = await read(refined, **values, candidates=candidates)
            return rows, rows[0]["candidates"] if rows else 0

        return await filled(ask, query.top_k, query.candidates)

    async def count(self, filter: Filter | None) -> int:
        """Return how many chunks match."""
        if filter is None:
            rows = await self._pools.read("count_chunks")
        else:
            rows = await self._pools.read("count_matching_chunks", **filter_values(filter))
        return int(rows[0]["chunks"])

    async def describe(self, filter: Filter | None, values: int) -> Description:
        """Return the metadata keys of the chunks that match, with so many values of each."""
        chunks = await self.count(filter)
        rows = await self._pools.read("describe_metadata", **filter_values(filter), listed=values, most=MOST_VALUES)
        return Description(chunks, tuple(_key(row) for row in rows))

    async def read_vectors(self, name: str, /, **values: Any) -> list[asyncpg.Record]:
        """Return the rows of a query that reads vectors. Raises an error if they are of another model than was opened."""
        opened = self.stored
        try:
            rows = await self._pools.read(name, **values)
            if not rows or rows[0]["generation"] == opened.generation:
                return rows
        except (QueryFailed, DimensionMismatchError):  # vectors of another length, or in the middle of the switch
            await self._require_unchanged(opened)
            raise
        await self._require_unchanged(opened)
        return await self._pools.fetch(name, **values)  # a standby has not heard of the switch yet

    async def _require_unchanged(self, opened: StoreFacts) -> None:
        with translated("looking at the store"):
            async with self._pools.reader() as connection:
                await require_unchanged(connection, opened)

    def _note(self, rows: Sequence[asyncpg.Record]) -> None:
        """Tell what the statement has done to find enough chunks."""
        if rows and rows[0].get("gave_up"):
            self.exact_fallbacks += 1
            telemetry.fell_back()
        if rows and rows[0].get("is_widened"):
            telemetry.event("budget_widened")

    async def _explained(self, rows: Sequence[asyncpg.Record], query: KeywordQuery | HybridQuery) -> list[SearchResult]:
        """Turn rows into results. With ``explain``, add the words that matched."""
        self._statistics.refresh_if_stale()
        if not query.explain:
            return [_result(row) for row in rows]
        found = await self._pools.read("matched_terms", query=query.text, ids=[row["chunk_id"] for row in rows])
        words = {row["chunk_id"]: row["words"] for row in found}
        return [_result(row, words.get(row["chunk_id"], [])) for row in rows]


def _result(row: asyncpg.Record, matched_terms: list[str] | None = None) -> SearchResult:
    ranks = map(row.get, _OF_HYBRID_SEARCH)
    return SearchResult(row["text"], row["metadata"], row["score"], row["chunk_id"], matched_terms, *ranks)


def _key(row: asyncpg.Record) -> MetadataKey:
    types = sorted("list" if name == "array" else name for name in row["types"])
    values = tuple((value, chunks) for value, chunks in row["common_values"])
    return MetadataKey(row["key"], row["chunks"], tuple(types), row["distinct_values"], values)


def filter_values(filter: Filter | None) -> dict[str, str]:
    """Return a filter as two parameters of a query."""
    prefix = required_prefix(filter, "source")
    return {"filter": to_jsonpath(filter, prefix), "source_prefix": prefix}
