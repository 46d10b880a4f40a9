"""The life of the indexes: built, checked, suspended for a bulk load, rebuilt online.

Statements that build or drop an index are written by the server from ``sql/queries``: their parameters cannot be bound.
Whoever works on indexes holds one advisory lock, taken without waiting, on a connection of its own.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import asyncpg

from agent_brain_store.config import PostgresConfig, StoreConfig
from agent_brain_store.embedding_models import HALFVEC_DIMENSIONS
from agent_brain_store.errors import QueryFailed, StorageError
from agent_brain_store.postgres.background import Background
from agent_brain_store.postgres.build_progress import watched
from agent_brain_store.postgres.connection import BACKEND, Connection, run, translated
from agent_brain_store.postgres.transactions import starting_over
from agent_brain_store.protocol import IndexReport, ProgressCallback

log = logging.getLogger(__name__)

VECTOR_INDEX = "chunks_embedding_ann"
INDEXABLE_DIMENSIONS = HALFVEC_DIMENSIONS.stop - 1
_OPERATION = "index maintenance"
_NEW, _OLD = VECTOR_INDEX + "_new", VECTOR_INDEX + "_old"
_LEFTOVER = re.compile(rf"{_NEW}|{_OLD}|.*_cc(new|old)\d*")  # what an interrupted rebuild leaves
_SMALLEST_MEMORY, _LARGEST_MEMORY = 2**26, 2**30  # bytes of maintenance_work_mem that we ask for

Connect = Callable[[float | None], Awaitable[Connection]]  # given how many seconds it waits for a lock


def wants_index(config: StoreConfig) -> bool:
    """Whether a store of this configuration has a vector index."""
    return config.postgres.index != "none" and config.embedding.dimensions <= INDEXABLE_DIMENSIONS


def index_warnings(config: StoreConfig) -> tuple[str, ...]:
    """The warning for embeddings that no index can hold."""
    if config.postgres.index == "none" or wants_index(config):
        return ()
    return (
        f"embeddings of {config.embedding.dimensions} dimensions are beyond pgvector's {INDEXABLE_DIMENSIONS} for an "
        "index: vector search is exact, and its time grows with the number of chunks",
    )


def default_lists(chunks: int) -> int:
    """IVFFlat's clusters by pgvector's advice: a thousandth of the rows up to a million, the square root beyond."""
    return max(10, chunks // 1000 if chunks <= 1_000_000 else math.isqrt(chunks))


def build_bytes(config: StoreConfig, chunks: int) -> int:
    """About what building the vector index takes in memory.

    HNSW: vectors, neighbours of all layers, overhead. IVFFlat: at most a sample of 50 vectors a list, k-means' bounds of each
    of them to each list, and the lists' centers several times.
    """
    vector = config.embedding.dimensions * (2 if config.embedding.dimensions in HALFVEC_DIMENSIONS else 4)
    if config.postgres.index == "ivfflat":
        lists = config.postgres.ivfflat_lists or default_lists(chunks)
        sample = max(10_000, 50 * lists)
        return int((sample * (vector + 4 * lists + 24) + lists * (4 * vector + 4 * lists + 64)) * 1.1)
    return int(chunks * (vector + config.postgres.hnsw_m * 56 + 300) * 1.1)


async def create_first_vector_index(connection: Connection, config: StoreConfig) -> None:
    """Build the index of a new, empty store, inside the migration's transaction."""
    if wants_index(config):
        await _run_written(connection, "create_vector_index", **_parameters(config.postgres, 0, VECTOR_INDEX, False))


def _parameters(config: PostgresConfig, chunks: int, name: str, concurrently: bool) -> dict[str, Any]:
    return {
        "method": config.index,
        "m": config.hnsw_m,
        "ef_construction": config.hnsw_ef_construction,
        "lists": config.ivfflat_lists or default_lists(chunks),
        "concurrently": concurrently,
        "name": name,
    }


async def _run_written(connection: Connection, writer: str, /, **values: Any) -> None:
    """Have the server write a statement, then run it."""
    (row,) = await run(connection, writer, **values)
    await connection.execute(row["statement"])


class IndexKeeper:
    """Works on the indexes of one store. Every operation has a connection of its own, which no timeout cuts short."""

    def __init__(self, config: StoreConfig, connect: Connect, background: Background) -> None:
        self._config = config
        self._connect = connect
        self._background = background

    async def problem(self, connection: Connection) -> str | None:
        """What is wrong with the indexes, in words, or None."""
        for row in await run(connection, "missing_indexes"):
            return f"the index {row['name']} is missing"
        facts = {row["name"]: row for row in await run(connection, "index_facts")}
        wanted = wants_index(self._config)
        if wanted and VECTOR_INDEX not in facts:
            return "the vector index is missing"
        if wanted and any(_LEFTOVER.fullmatch(name) for name in facts):
            return "the vector index has another beside it: a rebuild was interrupted, or is under way"
        for name, fact in facts.items():
            if not fact["valid"] and name == VECTOR_INDEX:
                return "the vector index is invalid: a build was interrupted, or is under way"
            if not fact["valid"]:
                return f"the index {name} is invalid: a build was interrupted, or is under way"
        return None

    async def ensure(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build what is missing or invalid; report what differs from the configuration."""
        async with self.alone() as connection:
            created, rebuilt = await starting_over(_OPERATION, lambda: self._repair(connection, progress))
            warnings = (*index_warnings(self._config), *await self._differences(connection))
        return IndexReport(created, rebuilt, warnings)

    async def reindex(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build the vector index anew beside the old one and swap them; rebuild the others as they are."""
        async with self.alone() as connection:
            created, rebuilt = await starting_over(_OPERATION, lambda: self._rebuild_all(connection, progress))
        return IndexReport(created, rebuilt, index_warnings(self._config))

    async def suspend(self, connection: Connection) -> None:
        """Drop the vector index; `ensure`, or the next start, builds it again."""
        await _run_written(connection, "drop_index", name=VECTOR_INDEX)

    async def resume(self, connection: Connection, progress: ProgressCallback | None) -> None:
        """Build what `suspend` dropped."""
        await starting_over(_OPERATION, lambda: self._repair_vector_index(connection, progress))

    async def repair(self, progress: ProgressCallback | None, patience: float | None) -> None:
        """`resume` on a connection of its own."""
        async with self.alone(patience) as connection:
            await self.resume(connection, progress)

    async def repair_in_time(self, patience: float) -> None:
        """Try to build what is missing until other sessions no longer prevent it, or the store is closed."""
        while not self._background.is_closing:
            try:
                await self.repair(None, patience)
                break
            except StorageError as error:
                if isinstance(error.__cause__, asyncpg.InsufficientPrivilegeError):
                    break
                log.info("the vector index is still not built: %s", error.message)
            await self._background.rest(patience)

    @asynccontextmanager
    async def alone(self, patience: float | None = None) -> AsyncIterator[Connection]:
        """A connection that holds the maintenance lock. Raises `QueryFailed` at once when another session has it.

        ``patience`` is how many seconds it then waits, at each step, for transactions that are in its way.
        """
        with translated(_OPERATION):
            connection = await self._connect(patience)
            try:
                if not (await run(connection, "maintenance_lock"))[0]["locked"]:
                    raise QueryFailed(
                        "another session is building indexes of this store or loading it in bulk; "
                        "try again when it has finished",
                        BACKEND,
                    )
                yield connection
            finally:
                await connection.close()

    async def _repair(
        self, connection: Connection, progress: ProgressCallback | None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        created, rebuilt = [], []
        for row in await run(connection, "missing_indexes"):
            async with self._watched(connection, row["name"], progress):
                await connection.execute(row["statement"])
            created.append(row["name"])
        if await self._repair_vector_index(connection, progress):
            created.append(VECTOR_INDEX)
        for row in await run(connection, "index_facts"):
            if not row["valid"]:
                await self._rebuild(connection, row["name"], progress)
                rebuilt.append(row["name"])
        return tuple(created), tuple(rebuilt)

    async def _rebuild_all(
        self, connection: Connection, progress: ProgressCallback | None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        created, _ = await self._repair(connection, progress)
        rebuilt = []
        if wants_index(self._config) and VECTOR_INDEX not in created:
            await self._build_beside(connection, progress)
            async with connection.transaction():
                await _run_written(connection, "rename_index", name=VECTOR_INDEX, new_name=_OLD)
                await _run_written(connection, "rename_index", name=_NEW, new_name=VECTOR_INDEX)
            rebuilt.append(VECTOR_INDEX)
        elif not wants_index(self._config):
            await _run_written(connection, "drop_index", name=VECTOR_INDEX)
        await _run_written(connection, "drop_index", name=_OLD)
        for row in await run(connection, "index_facts"):
            if row["name"] not in (VECTOR_INDEX, *created):
                await self._rebuild(connection, row["name"], progress)
                rebuilt.append(row["name"])
        return created, tuple(rebuilt)

    async def _rebuild(self, connection: Connection, name: str, progress: ProgressCallback | None) -> None:
        async with self._watched(connection, name, progress):
            await _run_written(connection, "rebuild_index", name=name)

    async def _repair_vector_index(self, connection: Connection, progress: ProgressCallback | None) -> bool:
        """Build the vector index if it is missing or invalid, without what interrupted rebuilds have left: whether it did."""
        names = set()
        for row in await run(connection, "index_facts"):
            name = row["name"]
            if _LEFTOVER.fullmatch(name) or (name == VECTOR_INDEX and not row["valid"]):
                await _run_written(connection, "drop_index", name=name)
            else:
                names.add(name)
        missing = wants_index(self._config) and VECTOR_INDEX not in names
        if missing:
            await self._build(connection, VECTOR_INDEX, progress)
        return missing

    async def _differences(self, connection: Connection) -> list[str]:
        wanted = self._config.postgres
        for row in await run(connection, "index_facts"):
            if row["name"] == VECTOR_INDEX:
                options = dict(option.split("=") for option in row["options"])
                return _compare(wanted, row["method"], options)
        return []

    async def _build_beside(self, connection: Connection, progress: ProgressCallback | None) -> None:
        """Build under another name; every write would have to maintain what an interrupted build leaves."""
        try:
            await self._build(connection, _NEW, progress)
        except BaseException:
            with suppress(Exception):  # the connection may be lost: then the next start drops it
                await _run_written(connection, "drop_index", name=_NEW)
            raise

    async def _build(self, connection: Connection, name: str, progress: ProgressCallback | None) -> None:
        chunks = int((await run(connection, "count_chunks"))[0]["chunks"])
        memory = await self._give_memory(connection, chunks)
        log.info("building the vector index over %d chunks with %d MiB", chunks, memory // 2**20)
        parameters = _parameters(self._config.postgres, chunks, name, chunks > 0)
        connection.add_log_listener(_report_small_memory)
        try:
            async with self._watched(connection, "the vector index", progress):
                await _run_written(connection, "create_vector_index", **parameters)
        finally:
            connection.remove_log_listener(_report_small_memory)

    def _watched(
        self, connection: Connection, what: str, progress: ProgressCallback | None
    ) -> AbstractAsyncContextManager[None]:
        return watched(self._connect, connection, f"building {what}", progress)

    async def _give_memory(self, connection: Connection, chunks: int) -> int:
        needed = build_bytes(self._config, chunks)
        workers = max(1, (os.cpu_count() or 2) // 2)
        # Too little makes HNSW slower; IVFFlat refuses to start.
        largest = needed if self._config.postgres.index == "ivfflat" else _LARGEST_MEMORY
        wanted = max(_SMALLEST_MEMORY, min(needed, largest))
        (row,) = await run(connection, "build_settings", memory_kb=wanted // 1024, workers=workers)
        granted = int(row["memory_kb"]) * 1024
        if needed > granted + 2**20:
            log.warning(
                "the vector index needs about %d MiB to be built in memory, maintenance_work_mem is %d MiB: "
                "the build will be several times slower. Raise maintenance_work_mem on the server",
                needed // 2**20,
                granted // 2**20,
            )
        return granted


def _compare(wanted: PostgresConfig, method: str, options: dict[str, str]) -> list[str]:
    if method != wanted.index:
        return [f"the vector index is {method}, the configuration says {wanted.index}: reindex() changes it"]
    asked = {"m": wanted.hnsw_m, "ef_construction": wanted.hnsw_ef_construction}
    if method == "ivfflat":
        asked = {"lists": wanted.ivfflat_lists} if wanted.ivfflat_lists else {}
    return [
        f"the vector index has {key} = {options.get(key)}, the configuration says {value}: reindex() changes it"
        for key, value in asked.items()
        if options.get(key) != str(value)
    ]


def _report_small_memory(_: Any, message: asyncpg.PostgresLogMessage) -> None:
    if "no longer fits" in str(message):
        log.warning("%s: raise maintenance_work_mem on the server, the build is now several times slower", message)
