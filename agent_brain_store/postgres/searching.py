"""Runs the search queries, and again where the vector index gave up too early or a budget of chunks held too few hits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg

from agent_brain_store.filters import Node
from agent_brain_store.postgres.database import Database
from agent_brain_store.postgres.jsonpath import required_prefix, to_jsonpath
from agent_brain_store.protocol import SearchResult

Search: TypeAlias = Callable[[int], Awaitable[tuple[list[asyncpg.Record], int]]]

_FOR_US = ("complete", "keyword_hits")  # columns that say whether to ask again
_LARGEST_BUDGET = 2**31
_BY_FILTER = -1  # a budget: score every match, found by the filter


class Searcher:
    """Runs the search queries of one store. ``budget`` is about how many chunks a keyword search scores at first."""

    def __init__(self, database: Database, budget: int) -> None:
        self._database, self._budget = database, budget
        self.exact_fallbacks = 0

    async def widened(self, search: Search, query: str, node: Node | None, enough: int) -> list[asyncpg.Record]:
        """The rows of a search that scores about a budget of chunks. It grows tenfold while the words find too few.

        ``search`` gives its rows and how many of them the words have found. The last budget, 0, leaves out no match; nor does
        scoring all that pass the filter, when these are no more than a budget.
        """
        budget = self._budget
        rows, found = await search(budget)
        if budget == 0 or found >= enough:
            return rows
        values = {"query": query, **filter_values(node), "at_most": budget}
        passing, matches = (await self._database.fetch("possible_matches", **values))[0]
        if passing is not None and budget < matches:
            return rows if found == passing else (await search(_BY_FILTER))[0]
        while 0 < budget < matches and found < enough:
            budget = 10 * budget if 10 * budget < min(matches, _LARGEST_BUDGET) else 0
            rows, found = await search(budget)
        return rows

    async def complete(self, name: str, node: Node | None, values: dict[str, Any]) -> list[asyncpg.Record]:
        """The rows of a search that every matching chunk takes part in; exact when the index gave up too early."""
        rows = await self.some(name, values)
        if values["top_k"] and not (rows[0]["complete"] if rows else await self.count(node) == 0):
            self.exact_fallbacks += 1
            rows = await self._database.fetch_exact(name, **values)
        return rows

    async def some(self, name: str, values: dict[str, Any]) -> list[asyncpg.Record]:
        """The rows of a search, none of ``top_k`` 0."""
        if values["top_k"] == 0:
            self._database.require_open()
            return []
        return await self._database.fetch(name, **values)

    async def count(self, node: Node | None) -> int:
        """How many chunks match."""
        name, values = ("count_chunks", {}) if node is None else ("count_matching_chunks", filter_values(node))
        return int((await self._database.fetch(name, **values))[0]["chunks"])


def results(rows: list[asyncpg.Record]) -> list[SearchResult]:
    """Rows as the contract's results."""
    return [SearchResult(**{name: value for name, value in row.items() if name not in _FOR_US}) for row in rows]


def filter_values(node: Node | None) -> dict[str, str]:
    """A filter as two parameters of a query."""
    prefix = required_prefix(node, "source")
    return {"filter": to_jsonpath(node, prefix), "source_prefix": prefix}
