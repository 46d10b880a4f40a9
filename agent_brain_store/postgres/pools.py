"""Keep two pools of connections, one for reads and one for writes. So many writes cannot hold up searches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import asyncpg

from agent_brain_store import telemetry
from agent_brain_store.config import PostgresConfig
from agent_brain_store.errors import (
    ConnectionFailed,
    NotInitialized,
    OutcomeUnknown,
    PoolTimeout,
    QueryFailed,
    StorageError,
)
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.errors import (
    BACKEND,
    DRIVER_ERRORS,
    caused_by_lost_connection,
    caused_by_standby,
    translated,
)
from agent_brain_store.postgres.sessions import Sessions
from agent_brain_store.postgres.standbys import Standbys
from agent_brain_store.postgres.transactions import retry_conflicts, transaction, with_settings

log = logging.getLogger(__name__)
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Result = TypeVar("Result")

_CLOSE_TIMEOUT = 10.0  # seconds that running queries have left when a pool closes
_RETURN_TIMEOUT = 5.0  # seconds that the server has to end a statement that was given up, and its transaction
_RETURN_PATIENCE = 1.0  # seconds that the caller of such a statement waits for that


class _StaleError(Exception):
    """A connection of a pool is older than the last loss. Whatever cut the lost one may have cut this one too."""


class Pools:
    """The connections of one store. You call a query by the name of its file."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self.sessions: Sessions
        self._direct: Sessions
        self._readers: Pool | None = None
        self._writers: Pool | None = None
        self._copies: Pool | None = None
        self._standbys: Standbys | None = None
        self._lost_at = 0.0  # a time of the monotonic clock
        self._returning: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """True if `open` has succeeded and `close` was not called since."""
        return self._readers is not None

    async def open(self, sessions: Sessions, direct: Sessions, copies: Sessions | None) -> None:
        """Make the pools. Connections open when they are needed.

        ``direct`` are sessions for work that takes long, and ``copies`` are sessions on standbys, if there are any.
        """
        self.sessions, self._direct = sessions, direct
        size = self._config.pool_size + self._config.pool_max_overflow
        for_writers = size // 4
        self._readers = await self._open_pool(sessions, size - for_writers)
        self._writers = await self._open_pool(sessions, for_writers) if for_writers else self._readers
        if copies is not None:
            self._copies = await self._open_pool(copies, size - for_writers)
            self._standbys = Standbys(lambda: self._reading(self._copies), self._config.read_your_writes)
            async with self.reader() as connection:
                await self._standbys.note(connection)
            await self.standby_health()  # a wrong server is refused here; one that is away may come back

    async def _open_pool(self, sessions: Sessions, size: int) -> Pool:
        return await asyncpg.create_pool(
            min_size=0, max_size=size, connect=sessions.open, setup=self._refuse_stale, reset=_nothing
        )

    async def close(self) -> None:
        """Close every connection. Idempotent. Running queries get some seconds to end."""
        pools = self._all()
        self._readers = self._writers = self._copies = self._standbys = None
        try:
            await asyncio.gather(*(_close_pool(pool) for pool in pools))
        except BaseException:  # if this call is cancelled, nothing else can close these pools
            for pool in pools:
                pool.terminate()
            raise

    def _all(self) -> set[Pool]:
        return {pool for pool in (self._readers, self._writers, self._copies) if pool is not None}

    async def connect(self, lock_timeout: float | None) -> Connection:
        """Open a connection outside the pools, for work that takes long. Its statements have no timeout.

        ``lock_timeout`` is how many seconds a statement waits for a lock. None means for ever.
        """
        return await self._direct.untimed(lock_timeout).connect(self._config.connect_timeout)

    @property
    def has_sessions(self) -> bool:
        """True if a connection outside the pools has a session of its own, and not only one for each transaction."""
        return self._direct.pooler != "transaction"

    async def ask(self, connection: Connection, name: str, /, **values: Any) -> list[asyncpg.Record]:
        """Run a query that takes no time, on a connection whose statements have no time limit."""
        async with asyncio.timeout(self._config.command_timeout):
            return await run(connection, name, **values)

    # --- reading and writing ---

    async def fetch(self, name: str, /, **values: Any) -> list[asyncpg.Record]:
        """Return the rows of a query. If the connection is lost, ask once more, because reading twice is harmless."""

        async def attempt() -> list[asyncpg.Record]:
            async with self.reader() as connection:
                return await run(connection, name, **values)

        with self._translated(name):
            return await self._with_second_try(name, attempt)

    async def read(self, name: str, /, **values: Any) -> list[asyncpg.Record]:
        """Do what `fetch` does, on a standby if there is one that has what this store has written."""
        if self._standbys is not None:
            with self._translated(name):
                rows = await self._standbys.ask(lambda connection: run(connection, name, **values))
            if rows is not None:
                return rows
        return await self.fetch(name, **values)

    async def standby_health(self) -> dict[str, Any] | None:
        """Return how a standby is, or None if there is none, or none that can be asked now."""
        if self._standbys is None:
            return None
        with self._translated("looking at the standby"):
            rows = await self._standbys.ask(lambda connection: run(connection, "health"))
        return None if rows is None else {key: rows[0][key] for key in ("in_recovery", "lag_seconds")}

    @property
    def has_standbys(self) -> bool:
        """True if a standby is configured."""
        return self._standbys is not None

    async def note_written(self, connection: Connection) -> None:
        """Let standbys be asked only when they have what was written up to now."""
        if self._standbys is not None:
            await self._standbys.note(connection)

    async def write(self, operation: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do ``work`` in one transaction.

        If it loses to a concurrent transaction, it is repeated, and then keeps replacements out. If its connection is
        lost before the commit is sent, nothing has happened, and it is repeated once.
        """
        is_repeated = False

        async def attempt() -> Result:
            nonlocal is_repeated
            alone, is_repeated = is_repeated, True
            async with self._acquire(self._writers) as connection:
                async with transaction(connection, operation):
                    if alone:
                        await run(connection, "write_alone")
                    result = await work(connection)
                await self.note_written(connection)
                return result

        try:
            with self._translated(operation):
                return await retry_conflicts(operation, lambda: self._with_second_try(operation, attempt))
        except (OutcomeUnknown, asyncio.CancelledError):
            if self._standbys is not None:
                self._standbys.forget()
            raise

    async def _with_second_try(self, operation: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Do something, and once more on a new connection if the first one was lost, or leads to a standby."""
        try:
            return await attempt()
        except Exception as error:
            if not (caused_by_lost_connection(error) or caused_by_standby(error)):
                raise
            self._lost_at = time.monotonic()
            if isinstance(error, OutcomeUnknown):
                raise
            log.info(
                "%s: the connection was lost, or only reads; trying again on a new one",
                operation,
                extra={"operation": operation},
            )
            telemetry.event("retry", reason=type(error).__name__)
        return await attempt()

    def reader(self) -> AbstractAsyncContextManager[Connection]:
        """Take a connection for reading. Raises `PoolTimeout` if none becomes free in time."""
        return self._reading(self._readers)

    @asynccontextmanager
    async def _reading(self, pool: Pool | None) -> AsyncIterator[Connection]:
        async with self._acquire(pool) as connection, with_settings(connection):
            yield connection

    @asynccontextmanager
    async def _acquire(self, pool: Pool | None) -> AsyncIterator[Connection]:
        if pool is None:
            raise NotInitialized("the store was closed while this call was running", BACKEND)
        connection = await self._take(pool)
        try:
            yield connection  # a proxy with the connection's methods
        except BaseException:
            # A statement may have been given up, and the server may be silent. Then the caller does not wait for its end.
            returning = asyncio.create_task(_give_back(pool, connection))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            await asyncio.wait([returning], timeout=_RETURN_PATIENCE)
            raise
        await _give_back(pool, connection)

    async def _take(self, pool: Pool) -> Connection:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._config.pool_timeout):
                while True:
                    with suppress(_StaleError):
                        connection: Connection = await pool.acquire()
                        telemetry.waited(time.perf_counter() - started, self._name(pool))
                        return connection
        except TimeoutError as error:  # of this limit alone: opening a connection raises errors of ours
            raise self._none_in_time(pool) from error

    def _name(self, pool: Pool) -> str:
        if pool is self._readers:
            return "read"
        return "standby" if pool is self._copies else "write"

    def _none_in_time(self, pool: Pool) -> StorageError:
        largest, busy = pool.get_max_size(), pool.get_size() - pool.get_idle_size()
        what = f"no connection became free within {self._config.pool_timeout:g} s"
        if busy == largest:
            return PoolTimeout(
                f"{what} (all {largest} of this pool are busy): "
                "raise storage.postgres.pool_size or pool_timeout, or make fewer calls at once",
                BACKEND,
            )
        return ConnectionFailed(
            f"{what}: {busy} of the {largest} of this pool are busy, and the server does not answer requests for more",
            BACKEND,
        )

    async def _refuse_stale(self, connection: Connection) -> None:
        if connection.opened_at < self._lost_at:
            connection.terminate()
            raise _StaleError

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

    @property
    def has_spare_readers(self) -> bool:
        """True if somebody can take a connection for reading, and at least half of them are still free for searches."""
        if self._readers is None:
            return False
        busy: int = self._readers.get_size() - self._readers.get_idle_size()
        largest: int = self._readers.get_max_size()
        return 2 * (busy + 1) <= largest

    def status(self) -> dict[str, int]:
        """Return how many connections both pools have open, how many of these are idle, and how many are allowed."""
        pools = self._all()
        return {
            "open": sum(pool.get_size() for pool in pools),
            "idle": sum(pool.get_idle_size() for pool in pools),
            "largest": sum(pool.get_max_size() for pool in pools),
        }


async def _nothing(_: Connection) -> None:
    """Replace the driver's reset, which costs a round trip after every use. No query of ours changes a session."""


async def _give_back(pool: Pool, connection: Connection) -> None:
    """Return a connection to its pool. The driver first waits until a cancelled statement has ended, and rolls back.

    The caller has its result or its error. If the connection is lost here, that changes neither.
    """
    with suppress(*DRIVER_ERRORS):
        await pool.release(connection, timeout=_RETURN_TIMEOUT)


async def _close_pool(pool: Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), _CLOSE_TIMEOUT)
    except DRIVER_ERRORS:
        pool.terminate()
