"""`PostgresRepository` is one store in one schema of a PostgreSQL database.

It connects the parts, and does the reading that is not a search.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg

from agent_brain_store.checks.chunks import Batch
from agent_brain_store.checks.startup import StoreFacts, config_of, configured_facts
from agent_brain_store.config import StoreConfig
from agent_brain_store.filters.parse import Filter
from agent_brain_store.postgres.background import Background
from agent_brain_store.postgres.bulk import BulkWriter
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.derivation import outdated_terms, rederive
from agent_brain_store.postgres.errors import BACKEND, translated
from agent_brain_store.postgres.generations import described, drop, filling, patiently
from agent_brain_store.postgres.guard import check_store
from agent_brain_store.postgres.indexes import Indexes
from agent_brain_store.postgres.migrate import remake_if_empty
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.searching import Searcher, filter_values
from agent_brain_store.postgres.sessions import Connect
from agent_brain_store.postgres.startup import Opening, private_server, start
from agent_brain_store.postgres.statistics import TermStatistics
from agent_brain_store.postgres.timings import Timings
from agent_brain_store.postgres.transactions import with_settings
from agent_brain_store.postgres.verifying import COUNTS, OUTDATED, recount, verify
from agent_brain_store.postgres.writing import Writer
from agent_brain_store.progress import WriteBatch
from agent_brain_store.repository import HybridQuery, KeywordQuery, SecondGeneration, VectorQuery
from agent_brain_store.results import Description, EmbeddingMetadata, IndexReport, SearchResult, VerifyReport
from agent_brain_store.types import Document, Metadata, ProgressCallback


class PostgresRepository:
    """See `Repository` for what every method means."""

    name = BACKEND

    def __init__(self, config: StoreConfig, read_only: bool = False, connect: Connect | None = None) -> None:
        self.timings = timings = Timings()
        self._config, self._server = config, private_server(config)
        self._read_only, self._connect = read_only, connect
        self.stored = configured_facts(config)
        self._opening = asyncio.Lock()
        self.background = Background()
        self.pools = Pools(config.postgres)
        self.indexes = Indexes(config, self.pools, self.background, timings)
        self.statistics = TermStatistics(self.pools, self.background, config.postgres.command_timeout, timings)
        self._searcher = Searcher(self.pools, self.statistics, self.stored)
        self._writer = Writer(self.pools, self.statistics, self.stored)
        self._bulk = BulkWriter(self.pools, self._writer, self.indexes, self.statistics, self.background, timings)

    # --- life ---

    @property
    def _may_build(self) -> bool:
        return not self._read_only and self._config.postgres.migrate != "never"

    @property
    def is_open(self) -> bool:
        return self.pools.is_open

    async def open(self, progress: ProgressCallback | None, tolerant: bool) -> None:
        async with self._opening:
            if self.is_open:
                return
            try:
                self._adopt(await self._start(tolerant))
                await self.indexes.repair_at_start(progress, self._may_build)
                await self.statistics.refresh_at_start()
            except BaseException:
                await self._release()
                raise

    async def _start(self, tolerant: bool) -> StoreFacts:
        opening = Opening(tolerant, self._read_only, self._connect, self.timings.watch)
        return await start(self._config, self._server, self.pools, opening)

    def _adopt(self, stored: StoreFacts) -> None:
        """Work on the store as it is, which may differ from the configuration."""
        self.stored = self._writer.stored = self._searcher.stored = stored
        self.indexes.config = config_of(self._config, stored)

    async def close(self) -> None:
        async with self._opening:
            await self.background.finish()
            await self._release()

    async def _release(self) -> None:
        await self.pools.close()
        if self._server is not None:
            await self._server.stop()

    async def wait_idle(self) -> None:
        await self.background.wait_idle()

    # --- writing ---

    async def upsert(self, batch: Batch, progress: ProgressCallback | None) -> None:
        await self._bulk.upsert(batch, progress)

    async def replace(self, filter: Filter, batch: Batch) -> int:
        return await self._writer.replace(filter, batch)

    async def update_metadata(
        self, ids: Sequence[str] | None, filter: Filter | None, changes: Metadata, removed: Sequence[str]
    ) -> int:
        return await self._writer.update_metadata(ids, filter, changes, removed)

    async def delete(self, ids: Sequence[str]) -> int:
        return await self._writer.delete(ids)

    async def delete_matching(self, filter: Filter) -> int:
        return await self._writer.delete_matching(filter)

    async def reset(self) -> None:
        await self.pools.write("reset", lambda connection: run(connection, "truncate_store"))
        if self.stored.fixed == configured_facts(self._config).fixed or not self._may_build:
            self._adopt(replace(self.stored, profile=None))
            return

        async def remake(connection: Connection) -> None:
            with translated("reset"):
                await remake_if_empty(connection, self._config)
                await self._adopt_what_is_there(connection)
                await self.pools.note_written(connection)

        # An index that is being built now would be for vectors of the former length.
        seconds = self._config.postgres.command_timeout
        await patiently(self.indexes, seconds, remake, patience=seconds)

    async def _adopt_what_is_there(self, connection: Connection) -> None:
        async with with_settings(connection):
            self._adopt((await check_store(connection, self._config))[1])

    def bulk_writer(self, progress: ProgressCallback | None) -> AbstractAsyncContextManager[WriteBatch]:
        return self._bulk.session(progress)

    # --- reading ---

    async def vector_search(self, query: VectorQuery) -> list[SearchResult]:
        return await self._searcher.vector(query)

    async def keyword_search(self, query: KeywordQuery) -> list[SearchResult]:
        return await self._searcher.keyword(query)

    async def hybrid_search(self, query: HybridQuery) -> list[SearchResult]:
        return await self._searcher.hybrid(query)

    async def count(self, filter: Filter | None) -> int:
        return await self._searcher.count(filter)

    async def describe(self, filter: Filter | None, values: int) -> Description:
        return await self._searcher.describe(filter, values)

    async def get(self, ids: Sequence[str], with_embeddings: bool) -> dict[str, dict[str, Any]]:
        fetch = self._searcher.read_vectors if with_embeddings else self.pools.read
        rows = await fetch("get_chunks", ids=ids, with_embeddings=with_embeddings)
        found = {row["chunk_id"]: {"text": row["text"], "metadata": row["metadata"]} for row in rows}
        if with_embeddings:
            for row in rows:
                found[row["chunk_id"]]["embedding"] = _vector(row)
        return found

    async def pages(self, filter: Filter | None, size: int, with_embeddings: bool) -> AsyncIterator[list[Document]]:
        values = {"page_size": size, "with_embeddings": with_embeddings, **filter_values(filter)}
        fetch, after = self._searcher.read_vectors if with_embeddings else self.pools.read, ""
        while rows := await fetch("list_chunks", after=after, **values):
            after = rows[-1]["chunk_id"]
            yield [
                Document(row["chunk_id"], row["text"], row["metadata"], _vector(row) if with_embeddings else None)
                for row in rows
            ]

    # --- the store itself ---

    async def get_profile(self) -> EmbeddingMetadata | None:
        rows = await self.pools.fetch("get_profile")
        return EmbeddingMetadata(**rows[0]) if rows else None

    async def set_profile(self, profile: EmbeddingMetadata) -> None:
        await self._writer.set_profile(profile)
        self._adopt(replace(self.stored, profile=profile))

    async def health(self) -> dict[str, Any]:
        (row,) = await self.pools.fetch("health")
        indexes = await self.indexes.health()
        with translated("health"):
            async with self.pools.reader() as connection:
                outdated = await outdated_terms(connection)
        if outdated:
            indexes["degraded"].append("keyword search may miss chunks, because their terms are out of date")
        if row["missing_shards"]:
            indexes["degraded"].append(f"searches fail, because {len(row['missing_shards'])} shards do not answer")
        standby = await self.pools.standby_health()
        if standby is None and self.pools.has_standbys:
            indexes["degraded"].append("the standby is away or behind, and the primary answers in its place")
        return {
            "exact_fallbacks": self._searcher.exact_fallbacks,
            "pool": self.pools.status(),
            **indexes,
            "outdated_terms": outdated,
            **({"standby": standby} if standby else {}),
            "second_generation": None if row["missing_shards"] else await described(self.pools),
            **row,
        }

    async def ensure_indexes(self, progress: ProgressCallback | None) -> IndexReport:
        return await self.indexes.ensure(progress)

    async def reindex(self, progress: ProgressCallback | None) -> IndexReport:
        return await self.indexes.reindex(progress)

    @asynccontextmanager
    async def second_generation(self, profile: EmbeddingMetadata) -> AsyncIterator[SecondGeneration]:
        async with filling(self.pools, self.indexes, self._config, profile) as generation:
            yield generation
        with translated("looking at the store"):
            async with self.pools.reader() as connection:
                await self._adopt_what_is_there(connection)
                await self.pools.note_written(connection)
        if self._may_build:
            await self.indexes.renew_in_background()

    async def drop_second_generation(self) -> None:
        await drop(self.pools, self.indexes)

    async def rederive_terms(self, progress: ProgressCallback | None) -> int:
        changed = await rederive(self.pools, progress)
        await self.statistics.recount()
        return changed

    async def verify(self, progress: ProgressCallback | None) -> VerifyReport:
        return await verify(self.pools, self.indexes, self._searcher, self.stored.distance, progress)

    async def repair(self, found: VerifyReport, progress: ProgressCallback | None) -> None:
        problems = {damage.problem for damage in found.damages}
        if OUTDATED in problems:
            await self.rederive_terms(progress)
        if COUNTS in problems:
            await recount(self.pools)
            await self.statistics.recount()
        if any(damage.part == "indexes" for damage in found.damages):
            await self.reindex(progress)


def _vector(row: asyncpg.Record) -> Any:
    return row["embedding"].to_numpy().astype("float32")
