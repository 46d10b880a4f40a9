"""One database as the repository sees it: opened and checked, then read from and written to by query name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import ConnectionFailed, NotInitialized, PoolTimeout, QueryFailed
from agent_brain_store.loading import told
from agent_brain_store.postgres.background import Background
from agent_brain_store.postgres.checks import check_session, check_store
from agent_brain_store.postgres.connection import (
    BACKEND,
    Connection,
    Pool,
    acquire,
    close_pool,
    connect,
    connect_arguments,
    open_pool,
    run,
    session_settings,
    translated,
)
from agent_brain_store.postgres.indexes import IndexKeeper, index_warnings
from agent_brain_store.postgres.migrator import migrate
from agent_brain_store.postgres.transactions import starting_over, transaction
from agent_brain_store.protocol import ProgressCallback

if TYPE_CHECKING:
    from agent_brain_store.embedded import EmbeddedServer

log = logging.getLogger(__name__)
Result = TypeVar("Result")

_PATIENCE = 30.0  # seconds between two tries to build an index that another session keeps from us


class Database:
    """Two pools, so that writers cannot starve questions, and the way to open and check them."""

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._arguments: dict[str, Any] = {}
        self._readers: Pool | None = None
        self._writers: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._embedded: EmbeddedServer | None = None
        self.background = Background()
        self.indexes = IndexKeeper(config, self.connect_alone, self.background)

    @property
    def is_open(self) -> bool:
        """Whether `open` has succeeded, and `close` was not called since."""
        return self._readers is not None

    # --- opening and closing ---

    async def open(self, progress: ProgressCallback | None = None) -> None:
        """Start the private server if there is one, migrate, guard, make the pools, and repair indexes at the end."""
        self.background.begin()
        try:
            await self._locate()
            vector_schema = await self._prepare()
            await self._open_pools(vector_schema)
            await self._repair_indexes(progress)
        except BaseException:
            await self.close()
            raise

    async def _locate(self) -> None:
        config = self._config.postgres
        # Without the extension's schema, which is not known yet and may hold tables of others with the names of ours.
        self._arguments = connect_arguments(config, session_settings(config, f'"{config.schema}", pg_temp'))
        if config.embedded_path is not None:
            from agent_brain_store.embedded import EmbeddedServer

            self._embedded = EmbeddedServer(config.embedded_path)
            self._arguments |= await self._embedded.start()

    async def _prepare(self) -> str:
        connection = await connect(self._arguments, self._config.postgres.connect_timeout)
        try:
            with translated("migrating the schema"):
                await migrate(connection, self._config)
            with translated("checking the store"):
                schema = await check_store(connection, self._config)
        finally:
            await connection.close()
        self._arguments["server_settings"]["search_path"] = f'"{self._config.postgres.schema}", "{schema}", pg_temp'
        return schema

    async def _open_pools(self, vector_schema: str) -> None:
        config = self._config.postgres
        size = config.pool_size + config.pool_max_overflow
        self._loop = asyncio.get_running_loop()
        for_writers = size // 4
        self._readers = await open_pool(self._arguments, size - for_writers, vector_schema)
        self._writers = await open_pool(self._arguments, for_writers, vector_schema) if for_writers else self._readers
        with translated("checking the session"):
            async with self._reader() as connection:
                await check_session(connection, self._arguments["server_settings"])

    async def _repair_indexes(self, progress: ProgressCallback | None) -> None:
        for warning in index_warnings(self._config):
            log.warning(warning)
        with translated("checking the indexes"):
            async with self._reader() as connection:
                problem = await self.indexes.problem(connection)
        if problem is None:
            return
        log.warning("%s; building it", problem)
        try:
            with told(progress) as report:
                await self.indexes.ensure(report)
        except QueryFailed as error:
            log.warning("the indexes were left alone: %s", error.message)
            # A session may still be at it whose client has died: it will leave the index as it is by then.
            self.background.start(self.indexes.repair_in_time(_PATIENCE))

    async def close(self) -> None:
        """Give everything back. Idempotent."""
        pools = {pool for pool in (self._readers, self._writers) if pool is not None}
        if self._loop is not None and self._loop.is_closed():  # and its connections with it
            pools.clear()
        elif pools:
            self.require_open()
        self._readers = self._writers = None
        try:
            for pool in pools:
                await close_pool(pool)
        except BaseException:  # cancelled: nobody will have them again
            for pool in pools:
                pool.terminate()
            raise
        if self._embedded is not None:
            embedded, self._embedded = self._embedded, None
            await embedded.stop()

    async def connect_alone(self, patience: float | None) -> Connection:
        """A connection outside the pools, for work on indexes: nothing cuts it short, or only waiting for a lock."""
        waiting = {} if patience is None else {"lock_timeout": f"{patience:.0f}s"}
        settings = self._arguments["server_settings"] | {"statement_timeout": "0"} | waiting
        arguments = self._arguments | {"server_settings": settings, "command_timeout": None}
        return await connect(arguments, self._config.postgres.connect_timeout)

    # --- reading and writing ---

    async def fetch(self, name: str, /, **values: Any) -> list[asyncpg.Record]:
        """The rows of a query. Asks once more on a fresh connection when one was lost: reading twice is harmless."""
        return await self._read(name, values, exact=False)

    async def fetch_exact(self, name: str, /, **values: Any) -> list[asyncpg.Record]:
        """The same, planned without the vector index."""
        return await self._read(name, values, exact=True)

    async def _read(self, name: str, values: dict[str, Any], exact: bool) -> list[asyncpg.Record]:
        try:
            return await self._read_once(name, values, exact)
        except ConnectionFailed:
            log.info("%s: the connection was lost; asking again", name)
            return await self._read_once(name, values, exact)

    async def _read_once(self, name: str, values: dict[str, Any], exact: bool) -> list[asyncpg.Record]:
        with self._translated(name):
            async with self._reader() as connection:
                if not exact:
                    return await run(connection, name, **values)
                async with connection.transaction(readonly=True):
                    await run(connection, "use_exact_scan")
                    return await run(connection, name, **values)

    async def write(self, operation: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do ``work`` in one transaction. Starts over when it loses to a concurrent one."""

        async def attempt() -> Result:
            pool, timeout = self._pool(self._writers), self._config.postgres.pool_timeout
            async with acquire(pool, timeout) as connection, transaction(connection, operation):
                return await work(connection)

        with self._translated(operation):
            return await starting_over(operation, attempt)

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        """Errors as ours; what fails because the store was closed meanwhile says so."""
        try:
            with translated(operation):
                yield
        except (QueryFailed, ConnectionFailed, PoolTimeout) as error:
            if self._readers is None:
                raise NotInitialized("the store was closed meanwhile", BACKEND) from error
            raise

    def _reader(self) -> AbstractAsyncContextManager[Connection]:
        return acquire(self._pool(self._readers), self._config.postgres.pool_timeout)

    def _pool(self, pool: Pool | None) -> Pool:
        if pool is None:
            raise NotInitialized("the store is not open: call initialize() first, or use open_store()", BACKEND)
        if self._loop is not asyncio.get_running_loop():
            raise NotInitialized("the store was opened in another event loop: open and close one in each", BACKEND)
        return pool

    def require_open(self) -> None:
        """Raise `NotInitialized` unless the database is open, in this event loop: for calls that have nothing to ask it."""
        self._pool(self._readers)

    def pool_status(self) -> dict[str, int]:
        """Connections that are open, idle, and allowed, over both pools."""
        pools = {pool for pool in (self._readers, self._writers) if pool is not None}
        return {
            "open": sum(pool.get_size() for pool in pools),
            "idle": sum(pool.get_idle_size() for pool in pools),
            "largest": sum(pool.get_max_size() for pool in pools),
        }
