"""Keeps counts fresh: document frequencies for BM25, the planner's statistics, and ``chunk_counts``, which it keeps short.

The rule: lexemes are counted again when the chunks written or deleted since exceed a tenth of all chunks, and whenever any
were, if the last count is long enough ago for counting to be a fiftieth of the time. A call that wrote a good part of the
store itself, or a small store, waits for the first; otherwise it runs in the background, one at a time over all processes,
and again if more was written meanwhile. Searches look now and then whether another process has left that undone. The number of
chunks and their lengths are always exact, so that what ages is only how rare a word seems. The planner's statistics are
refreshed with them, whatever becomes of the count: without any it takes every filter for a wide one, until autovacuum comes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

from agent_brain_store.errors import StorageError
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.database import Database
from agent_brain_store.sql import queries

log = logging.getLogger(__name__)

_AGED_AT = 0.1  # of all chunks changed
_SMALL = 5000  # chunks: counting them takes about a tenth of a second
_LARGE_PART = 0.25  # of all chunks, written by one call: then waiting is a small part of what it took
_REST = 0.00125  # seconds a chunk from one count to the next: fifty times what counting it takes
_LOOK = 10.0  # seconds until it is looked again whether a count is due
_PATIENCE = 3600.0  # seconds for one count
_PAUSE = 1.0  # seconds until asking again whether another session has finished its count
_COMPACT_AT = 50  # rows of chunk_counts, one for each write: every question adds them up


class Age(NamedTuple):
    """What ``lexemes_age`` says."""

    changes: int
    seconds: float
    chunks: int
    rows: int
    may_count: bool

    @property
    def has_aged(self) -> bool:
        """Whether there is something to count, for a session that may."""
        return self.may_count and self.changes > 0

    @property
    def is_high(self) -> bool:
        """Whether that may no longer wait."""
        return self.has_aged and self.changes > self.chunks * _AGED_AT

    @property
    def rest(self) -> float:
        """In how many seconds it is due."""
        return 0.0 if self.is_high else self.chunks * _REST - self.seconds

    @property
    def is_due(self) -> bool:
        """Whether that is now."""
        return self.has_aged and self.rest <= 0


class LexemeKeeper:
    """Counts the lexemes of one store when they have aged."""

    def __init__(self, database: Database, lock_timeout: float) -> None:
        """``lock_timeout`` is how many seconds a count waits for a lock of another session."""
        self._database, self._lock_timeout = database, f"{lock_timeout * 1000:.0f}ms"
        self._turn = asyncio.Lock()
        self._counting: asyncio.Task[None] | None = None
        self._next_look = 0.0  # by the monotonic clock

    async def at_start(self) -> None:
        """Count now if the counts have aged: what a crash has left undone."""
        self._turn, self._counting = asyncio.Lock(), None  # which belong to one event loop
        self.suspect()
        if (await self._age()).is_high:
            await self._count()

    def look(self) -> None:
        """See in the background whether the counts have aged, but not for every search that calls this."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            self._soon()

    def suspect(self) -> None:
        """Let the next search look: something may be stored that is not counted."""
        self._next_look = 0.0

    async def after_write(self, written: int) -> None:
        """See whether the counts have aged, after a call that wrote so many chunks, or deleted some and wrote none."""
        age = await self._age()
        if age.rows > _COMPACT_AT:
            await self._compact()
        waits = age.is_high and (age.chunks <= _SMALL or written >= age.chunks * _LARGE_PART)
        if age.has_aged and (not waits or await self._count() is False):
            self._soon()

    async def refresh(self) -> None:
        """Count now, aged or not; later, if another session is counting."""
        if await self._count(always=True) is False:
            self._soon()

    def _soon(self) -> None:
        """Count in the background, as soon as it is due."""
        if self._counting is None or self._counting.done():
            self._counting = self._database.background.start(self._until_fresh())

    async def _until_fresh(self) -> None:
        background = self._database.background
        while not background.is_closing and (age := await self._age()).has_aged:
            if not age.is_due:
                await background.rest(min(age.rest, _LOOK))
                continue
            counted = await self._count()
            if counted is None:
                self._next_look = time.monotonic() + _PATIENCE
                break
            if not counted:
                await background.rest(_PAUSE)

    async def _age(self) -> Age:
        try:
            rows = await self._database.fetch("lexemes_age")
        except StorageError as error:  # what the caller asked for is done: this must not look like its failure
            log.warning("the age of the lexemes could not be read: %s", error.message)
            rows = []
        return Age(**rows[0]) if rows else Age(0, 0.0, 0, 0, False)

    async def _compact(self) -> None:
        try:
            await self._database.write("compact_counts", lambda connection: run(connection, "compact_counts"))
        except StorageError as error:  # as above
            log.warning("chunk_counts could not be compacted: %s", error.message)

    async def _count(self, always: bool = False) -> bool | None:
        """Count if it is due: True when that is done, False when another session is at it, None when it failed.

        A failure is a warning: what the caller has written is stored.
        """

        async def count(connection: Connection) -> bool:
            await run(connection, "use_maintenance_timeouts", lock_timeout=self._lock_timeout)
            return bool(await connection.fetch(queries()["refresh_lexemes"].text, timeout=_PATIENCE))

        async def analyze(connection: Connection) -> None:
            await run(connection, "use_maintenance_timeouts", lock_timeout=self._lock_timeout)
            await connection.execute(queries()["analyze_chunks"].text, timeout=_PATIENCE)

        async with self._turn:
            if not always and not (await self._age()).is_due:
                return True
            try:
                counted = await self._database.write("counting the lexemes", count)
            except StorageError as error:
                log.warning("the lexemes could not be counted, keyword ranking stays as it was: %s", error.message)
                counted = None
            try:
                if counted is not False:
                    await self._database.write("analyzing the chunks", analyze)
            except StorageError as error:
                log.warning("the planner's statistics could not be refreshed: %s", error.message)
            return counted
