"""Keep two pools of connections, one for reads and one for writes. So many writes cannot hold up searches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import asyncpg

from agent_brain_store.config import PostgresConfig
from agent_brain_store.errors import ConnectionFailed, NotInitialized, PoolTimeout, QueryFailed
from agent_brain_store.postgres.connection import Connection, connect, register_codecs, run
from agent_brain_store.postgres.errors import BACKEND, DRIVER_ERRORS, translated
from agent_brain_store.postgres.transactions import retry_conflicts, transaction

log = logging.getLogger(__name__)
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Result = TypeVar("Result")

_CLOSE_TIMEOUT = 10.0  # seconds that running queries have left when a pool closes


class Pools:
    """The connections of one store. You call a query by the name of its file."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self.arguments: dict[str, Any] = {}
        self._readers: Pool | None = None
        self._writers: Pool | None = None

    @property
    def is_open(self) -> bool:
        """True if `open` has succeeded and `close` was not called since."""
        return self._readers is not None

    async def open(self, arguments: dict[str, Any], vector_schema: str) -> None:
        """Make the pools. ``arguments`` are asyncpg's arguments for a connection. Connections open when they are needed."""
        self.arguments = arguments
        size = self._config.pool_size + self._config.pool_max_overflow
        for_writers = size // 4
        self._readers = await _open_pool(arguments, size - for_writers, vector_schema)
        self._writers = await _open_pool(arguments, for_writers, vector_schema) if for_writers else self._readers

    async def close(self) -> None:
        """Close every connection. Idempotent. Running queries get some seconds to end."""
        pools = {pool for pool in (self._readers, self._writers) if pool is not None}
        self._readers = self._writers = None
        try:
            for pool in pools:
                await _close_pool(pool)
        except BaseException:  # if this call is cancelled, nothing else can close these pools
            for pool in pools:
                pool.terminate()
            raise

    async def connect(self, lock_timeout: float | None) -> Connection:
        """Open a connection outside the pools, for work that takes long. Its statements have no timeout.

        ``lock_timeout`` is how many seconds a statement waits for a lock. None means for ever.
        """
        waiting = {} if lock_timeout is None else {"lock_timeout": f"{lock_timeout:.0f}s"}
        settings = self.arguments["server_settings"] | {"statement_timeout": "0"} | waiting
        arguments = self.arguments | {"server_settings": settings, "command_timeout": None}
        return await connect(arguments, self._config.connect_timeout)

    # --- reading and writing ---

    async def fetch(self, name: str, /, **values: Any) -> list[asyncpg.Record]:
        """Return the rows of a query. If the connection is lost, ask once more, because reading twice is harmless."""
        try:
            return await self._read_once(name, values)
        except ConnectionFailed:
            log.info("%s: the connection was lost; asking again", name)
            return await self._read_once(name, values)

    async def _read_once(self, name: str, values: dict[str, Any]) -> list[asyncpg.Record]:
        with self._translated(name):
            async with self.reader() as connection:
                return await run(connection, name, **values)

    async def write(self, operation: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do ``work`` in one transaction. If it loses to a concurrent transaction, it is repeated."""

        async def attempt() -> Result:
            async with self._acquire(self._writers) as connection, transaction(connection, operation):
                return await work(connection)

        with self._translated(operation):
            return await retry_conflicts(operation, attempt)

    def reader(self) -> AbstractAsyncContextManager[Connection]:
        """Take a connection for reading. Raises `PoolTimeout` if none becomes free in time."""
        return self._acquire(self._readers)

    @asynccontextmanager
    async def _acquire(self, pool: Pool | None) -> AsyncIterator[Connection]:
        if pool is None:
            raise NotInitialized("the store was closed while this call was running", BACKEND)
        timeout = self._config.pool_timeout
        try:
            connection = await pool.acquire(timeout=timeout)
        except TimeoutError as error:
            raise PoolTimeout(
                f"no connection became free within {timeout:g} s (all {pool.get_max_size()} of this pool are busy): "
                "raise storage.postgres.pool_size or pool_timeout, or make fewer calls at once",
                BACKEND,
            ) from error
        try:
            yield connection  # a proxy with the connection's methods
        finally:
            # The caller has its result or its error. If the connection is lost while it goes back, that changes
            # neither.
            with suppress(*DRIVER_ERRORS):
                if connection.is_in_transaction():  # the caller was cancelled during the commit
                    connection.terminate()
                await asyncio.shield(pool.release(connection))

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        """Turn the driver's errors into ours. If the store was closed while the call was running, raise `NotInitialized`."""
        try:
            with translated(operation):
                yield
        except (QueryFailed, ConnectionFailed, PoolTimeout) as error:
            if not self.is_open:
                raise NotInitialized("the store was closed while this call was running", BACKEND) from error
            raise

    def status(self) -> dict[str, int]:
        """Return how many connections both pools have open, how many of these are idle, and how many are allowed."""
        pools = {pool for pool in (self._readers, self._writers) if pool is not None}
        return {
            "open": sum(pool.get_size() for pool in pools),
            "idle": sum(pool.get_idle_size() for pool in pools),
            "largest": sum(pool.get_max_size() for pool in pools),
        }


async def _open_pool(arguments: dict[str, Any], size: int, vector_schema: str) -> Pool:
    async def init(connection: Connection) -> None:
        await register_codecs(connection, vector_schema)

    return await asyncpg.create_pool(min_size=0, max_size=size, init=init, reset=_nothing, **arguments)


async def _nothing(_: Connection) -> None:
    """Replace the driver's reset, which costs a round trip after every use. No query of ours changes a session."""


async def _close_pool(pool: Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), _CLOSE_TIMEOUT)
    except TimeoutError:
        pool.terminate()
