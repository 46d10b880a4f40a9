"""Build and check the indexes, suspend the vector index for a bulk load, and rebuild indexes while the store is in use.

The parameters of a statement that builds or drops an index cannot be bound. So a query of ``sql/queries`` has the
server write the statement. Work on indexes needs one advisory lock, which is taken without waiting, and a connection of
its own.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import NamedTuple

import asyncpg

from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import QueryFailed, StorageError
from agent_brain_store.postgres.background import Background
from agent_brain_store.postgres.connection import Connection, farewell, run
from agent_brain_store.postgres.copies import mark_copies
from agent_brain_store.postgres.distribution import prepare_changes
from agent_brain_store.postgres.errors import BACKEND, translated
from agent_brain_store.postgres.index_builds import (
    LEFTOVER,
    NEW,
    OLD,
    VECTOR_INDEX,
    build,
    build_parameters,
    compare,
    drop_index,
    drop_unfinished,
    fit_functions,
    give_memory,
    most_dimensions,
    reporting_builds,
    run_statement_from,
    warning_of_small_memory,
    watched_by_pools,
)
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.timings import Timings
from agent_brain_store.postgres.transactions import retry_conflicts, transaction
from agent_brain_store.results import IndexReport
from agent_brain_store.types import ProgressCallback

log = logging.getLogger(__name__)

_OPERATION = "index maintenance"
_SECOND_INDEX = "there is a second vector index: a rebuild was interrupted or is under way"


class _Look(NamedTuple):
    """Which indexes are missing, which are invalid, and what is wrong in words.

    ``has_copies`` says whether the vector index holds the copies of equal vectors. It does after an earlier version has
    built it, and after another generation of vectors has come into use.
    """

    missing: list[str]
    invalid: list[str]
    problems: list[str]
    has_copies: bool


def _in_words(name: str) -> str:
    return "the vector index" if name == VECTOR_INDEX else f"the index {name}"


def wants_index(config: StoreConfig) -> bool:
    """Return whether a store of this configuration has a vector index."""
    return config.postgres.index != "none" and config.embedding.dimensions <= most_dimensions(config)


def index_warnings(config: StoreConfig) -> tuple[str, ...]:
    """Return a warning if the embeddings are too long for an index."""
    if config.postgres.index == "none" or wants_index(config):
        return ()
    return (
        f"embeddings of {config.embedding.dimensions} dimensions are beyond pgvector's {most_dimensions(config)} for an "
        "index of this precision: vector search is exact, and its time grows with the number of chunks. "
        "storage.postgres.index_precision: binary allows 64000",
    )


async def create_first_vector_index(connection: Connection, config: StoreConfig) -> None:
    """Build the vector index of a new, empty store, inside the migration's transaction."""
    if wants_index(config):
        await run_statement_from(connection, "create_vector_index", **build_parameters(config, 0, VECTOR_INDEX, False))
        await fit_functions(connection)


class Indexes:
    """The indexes of one store. Every operation has a connection of its own, and no timeout cuts it short."""

    def __init__(self, config: StoreConfig, pools: Pools, background: Background, timings: Timings) -> None:
        self.config, self._pools, self._background, self._timings = config, pools, background, timings

    @property
    def has_vector_index(self) -> bool:
        """True if a store of this configuration has a vector index."""
        return wants_index(self.config)

    @property
    def may_suspend(self) -> bool:
        """False if the configuration forbids changes to the structure that nobody has asked for."""
        return self.config.postgres.migrate != "never"

    async def repair_at_start(self, progress: ProgressCallback | None, may_build: bool) -> None:
        """Build indexes that are missing or invalid, if that is allowed. Otherwise, only log it.

        If another session prevents it, build them in the background. A vector index that holds copies is built anew in
        the background too.
        """
        for warning in index_warnings(self.config):
            log.warning(warning)
        look = await self._look()
        if look.problems:
            await self._repair_at_start(look.problems[0], progress, may_build)
        if may_build and look.has_copies:
            self._background.start(self._keep_trying(self._renew))

    async def renew_in_background(self) -> None:
        """Build the vector index anew in the background if it holds the copies of equal vectors."""
        if (await self._look()).has_copies:
            self._background.start(self._keep_trying(self._renew))

    async def _repair_at_start(self, problem: str, progress: ProgressCallback | None, may_build: bool) -> None:
        if not may_build:
            log.warning("%s; searches may be slow until the owner calls ensure_indexes()", problem)
            return
        log.warning("%s; building it", problem)
        try:
            await self.ensure(progress)
        except QueryFailed as error:
            log.warning("the indexes were left alone: %s", error.message)
            # The client of the other session may have died. The session may then end and leave the index unfinished.
            self.repair_in_background()

    async def _look(self) -> _Look:
        facts = {row["name"]: row for row in await self._pools.fetch("index_facts")}
        missing = [row["name"] for row in await self._pools.fetch("missing_indexes", concurrently=True)]
        if self.has_vector_index and VECTOR_INDEX not in facts:
            missing.append(VECTOR_INDEX)
        invalid = [name for name, fact in facts.items() if not fact["valid"]]
        problems = [f"{_in_words(name)} is missing" for name in missing]
        if self.has_vector_index and any(LEFTOVER.fullmatch(name) for name in facts):
            problems.append(_SECOND_INDEX)
        problems += [
            f"{_in_words(name)} is invalid: a build was interrupted, or is under way"
            for name in invalid
            if not LEFTOVER.fullmatch(name)
        ]
        vectors = facts.get(VECTOR_INDEX) if self.has_vector_index else None
        has_copies = vectors is not None and vectors["valid"] and not vectors["is_partial"]
        return _Look(missing, invalid, problems, has_copies)

    async def health(self) -> dict[str, list[str]]:
        """Return the names of the indexes that are missing, and of those that are invalid, and what that means."""
        look = await self._look()
        degraded = [f"{text}; searches may be slow" for text in look.problems if text != _SECOND_INDEX]
        return {"missing_indexes": look.missing, "invalid_indexes": look.invalid, "degraded": degraded}

    async def ensure(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build indexes that are missing or invalid, and report those that differ from the configuration."""
        async with self.exclusive() as connection, self._watched(connection):
            created, rebuilt = await retry_conflicts(_OPERATION, lambda: self._repair(connection, progress))
            warnings = (*index_warnings(self.config), *await self._differences(connection))
        return IndexReport(created, rebuilt, warnings)

    async def reindex(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build a new vector index beside the old one, swap them, and rebuild the other indexes."""
        async with self.exclusive() as connection, self._watched(connection):
            created, rebuilt = await retry_conflicts(_OPERATION, lambda: self._rebuild_all(connection, progress))
        return IndexReport(created, rebuilt, index_warnings(self.config))

    async def suspend(self, connection: Connection) -> None:
        """Drop the vector index. `resume`, `ensure` or the next start builds it again."""
        async with self._watched(connection):
            await drop_index(connection, VECTOR_INDEX)
            await fit_functions(connection)

    async def resume(self, connection: Connection, progress: ProgressCallback | None) -> None:
        """Build the vector index again after `suspend`.

        The planner's statistics are refreshed first. The count of terms refreshes them too, but it may end during the
        build, when the table is locked.
        """
        async with self._watched(connection):
            await run(connection, "analyze_chunks")
            await retry_conflicts(_OPERATION, lambda: self._repair_vector_index(connection, progress))

    async def repair(self, progress: ProgressCallback | None, lock_timeout: float | None) -> None:
        """Do what `resume` does, on a connection of its own."""
        async with self.exclusive(lock_timeout) as connection:
            await self.resume(connection, progress)

    def repair_in_background(self) -> None:
        """Try to build the vector index until it succeeds, the store is closed, or this role has no right to build it."""
        self._background.start(self._keep_trying(self.repair))

    async def _renew(self, progress: ProgressCallback | None, lock_timeout: float | None) -> None:
        """Build the vector index anew, without the copies of equal vectors."""
        if not self._pools.has_sessions:  # everything would be one transaction, and writers would wait for it
            log.warning("the vector index holds equal vectors many times, which hides others: call reindex()")
            return
        async with self.exclusive(lock_timeout) as connection, self._watched(connection):
            await retry_conflicts(_OPERATION, lambda: self._repair(connection, progress))
            if (await self._look()).has_copies:
                await retry_conflicts(_OPERATION, lambda: self._replace_vector_index(connection, progress))

    async def _keep_trying(self, work: Callable[[ProgressCallback | None, float | None], Awaitable[None]]) -> None:
        while not self._background.is_closing:
            try:
                await work(None, self._timings.index_retry)
                break
            except StorageError as error:
                if isinstance(error.__cause__, asyncpg.InsufficientPrivilegeError):
                    break
                log.info("the vector index is still not built: %s", error.message)
            await self._background.pause(self._timings.index_retry)

    @asynccontextmanager
    async def exclusive(self, lock_timeout: float | None = None) -> AsyncIterator[Connection]:
        """Open a connection that holds the maintenance lock. Raises `QueryFailed` at once if another session has it.

        ``lock_timeout`` is how many seconds each statement on it waits for other transactions. None means for ever.
        """
        with translated(_OPERATION):
            connection = await self._pools.connect(lock_timeout)
            try:
                # Behind a pooler in transaction mode, everything is one transaction. Writers then wait for it.
                async with transaction(connection, _OPERATION) if connection.preamble else nullcontext():
                    await self._lock(connection)
                    yield connection
            finally:
                await farewell(connection)

    async def _lock(self, connection: Connection) -> None:
        (row,) = await self._pools.ask(connection, "maintenance_lock", until_commit=bool(connection.preamble))
        if not row["locked"]:
            raise QueryFailed(
                "another session is building indexes of this store or loading it in bulk; try again when it has finished",
                BACKEND,
            )

    async def _repair(
        self, connection: Connection, progress: ProgressCallback | None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        created, rebuilt = [], []
        for row in await run(connection, "missing_indexes", concurrently=not connection.preamble):
            async with self._reporting(connection, row["name"], progress):
                await build(connection, row["name"], row["statement"])
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
        if self.has_vector_index and VECTOR_INDEX not in created:
            await self._replace_vector_index(connection, progress)
            rebuilt.append(VECTOR_INDEX)
        elif not self.has_vector_index:
            await drop_index(connection, VECTOR_INDEX)
            await fit_functions(connection)
        for row in await run(connection, "index_facts"):
            if row["name"] not in (VECTOR_INDEX, *created):
                await self._rebuild(connection, row["name"], progress)
                rebuilt.append(row["name"])
        return created, tuple(rebuilt)

    async def _replace_vector_index(self, connection: Connection, progress: ProgressCallback | None) -> None:
        """Build a new vector index beside the old one, and swap them."""
        await mark_copies(self._pools, progress)
        await self.build_beside(connection, self.config, NEW, "embedding", progress)
        async with connection.transaction():
            await prepare_changes(connection)
            await run_statement_from(connection, "rename_index", name=VECTOR_INDEX, new_name=OLD)
            await run_statement_from(connection, "rename_index", name=NEW, new_name=VECTOR_INDEX)
            await fit_functions(connection)
        await drop_index(connection, OLD)

    async def _rebuild(self, connection: Connection, name: str, progress: ProgressCallback | None) -> None:
        (row,) = await run(connection, "rebuild_index", name=name, concurrently=not connection.preamble)
        async with self._reporting(connection, name, progress):
            await build(connection, name, row["statement"])

    async def _repair_vector_index(self, connection: Connection, progress: ProgressCallback | None) -> bool:
        """Build the vector index if it is missing or invalid, and drop leftovers of interrupted rebuilds.

        Returns whether it built the index.
        """
        names = await drop_unfinished(connection, VECTOR_INDEX)
        missing = self.has_vector_index and VECTOR_INDEX not in names
        if missing:
            await self._build(connection, self.config, VECTOR_INDEX, "embedding", progress)
            await fit_functions(connection)
        return missing

    async def _differences(self, connection: Connection) -> list[str]:
        for row in await run(connection, "index_facts"):
            if row["name"] == VECTOR_INDEX:
                return compare(self.config, row)
        return []

    async def build_beside(
        self, connection: Connection, config: StoreConfig, name: str, column: str, progress: ProgressCallback | None
    ) -> None:
        """Build another index of vectors, and drop it if that fails. Otherwise every write would maintain it."""
        await drop_index(connection, name)
        try:
            await self._build(connection, config, name, column, progress)
        except BaseException:
            with suppress(Exception):  # the connection may be lost; then the next try drops the index
                await drop_index(connection, name)
            raise

    async def _build(
        self, connection: Connection, config: StoreConfig, name: str, column: str, progress: ProgressCallback | None
    ) -> None:
        chunks = int((await run(connection, "count_chunks"))[0]["chunks"])
        memory = await give_memory(connection, config, chunks)
        fields = {"index": name, "chunks": chunks, "memory_bytes": memory}
        log.info("building the vector index over %d chunks with %d MiB", chunks, memory // 2**20, extra=fields)
        concurrently = chunks > 0 and not connection.preamble
        parameters = build_parameters(config, chunks, name, concurrently, column)
        (row,) = await run(connection, "create_vector_index", **parameters)
        async with self._reporting(connection, "the vector index", progress):
            with warning_of_small_memory(connection):
                await build(connection, name, row["statement"])

    def _watched(self, connection: Connection) -> AbstractAsyncContextManager[None]:
        return watched_by_pools(self._pools, connection, self._timings.watch)

    def _reporting(
        self, connection: Connection, what: str, progress: ProgressCallback | None
    ) -> AbstractAsyncContextManager[None]:
        return reporting_builds(self._pools, connection, f"building {what}", progress, self._timings.build_poll)
