"""Ask standbys where that is possible. A call waits, within a bound, until a standby has what this store has written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import asyncpg

from agent_brain_store.errors import ConfigError, PoolTimeout, StorageError
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.errors import BACKEND, DRIVER_ERRORS, caused_by_lost_connection, ran_out

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1  # seconds between two looks at how far a standby has come
_RESPITE = 5.0  # seconds for which a standby that is away or behind is not asked
_UNKNOWN = 2**63  # no standby is known to have come so far

Reader = Callable[[], AbstractAsyncContextManager[Connection]]
Result = TypeVar("Result")


class _BehindError(Exception):
    """A standby does not have what this store has written, and did not get it in time."""


class Standbys:
    """The standbys of one store.

    ``reader`` takes a connection to one of them. ``patience`` is for how many seconds a call waits for a write of this
    store. With 0 it does not wait.
    """

    def __init__(self, reader: Reader, patience: float) -> None:
        self._reader, self._patience = reader, patience
        self._identity, self._written = "", _UNKNOWN
        self._avoided_until = 0.0  # a time of the monotonic clock

    async def note(self, primary: Connection) -> None:
        """Remember how far the primary has come, after this store has written."""
        try:
            (row,) = await run(primary, "wal_position")
        except (StorageError, *DRIVER_ERRORS):
            self.forget()  # what was written is safe, but not where it is
            return
        self._identity = row["identity"]
        known = self._written if self._written != _UNKNOWN else 0
        self._written = max(known, row["position"])

    def forget(self) -> None:
        """Ask no standby until the next write, because it is not known where the last one is."""
        self._written = _UNKNOWN

    async def ask(self, question: Callable[[Connection], Awaitable[Result]]) -> Result | None:
        """Return a standby's answer, or None if the primary has to give it.

        Raises `ConfigError` if the standby is one of another server, and `PoolTimeout`.
        """
        if time.monotonic() < self._avoided_until or (self._patience and self._written == _UNKNOWN):
            return None
        try:
            async with self._reader() as connection:
                await self._catch_up(connection)
                return await question(connection)
        except (ConfigError, PoolTimeout):
            raise
        except _BehindError:
            self._avoid("it is behind")
        except (StorageError, ValueError, *DRIVER_ERRORS) as error:
            if ran_out(error):  # storage.postgres.command_timeout has passed, so the caller has waited long enough
                raise
            # A statement can be cancelled because the standby has to go on replaying. Then it may be asked again.
            if isinstance(error, StorageError) or caused_by_lost_connection(error):
                self._avoid(str(error))
        return None

    def _avoid(self, reason: str) -> None:
        log.info("the standby is not asked for %g s, and the primary answers: %s", _RESPITE, reason)
        self._avoided_until = time.monotonic() + _RESPITE

    async def _catch_up(self, connection: Connection) -> None:
        """Wait until a standby has the last write of this store. A look costs a round trip, and often none is needed."""
        wanted = self._written if self._patience else 0
        deadline, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while connection.replayed < wanted:
            row = await self._look(connection)
            position = row["position"]
            if not connection.preamble:  # behind a pooler, the next transaction may run on another standby
                connection.note_replayed(position)
            if position >= wanted:
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise _BehindError
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _look(self, connection: Connection) -> asyncpg.Record:
        (row,) = await run(connection, "wal_position")
        if row["identity"] != self._identity:
            raise ConfigError(
                "storage.postgres.read_url leads to another server or database than the rest of the configuration: name "
                "standbys of the same server",
                BACKEND,
            )
        return row
