"""Keeps statistics fresh: how many chunks hold each term, for BM25, and what the planner knows of the chunks.

The rule: terms are counted again when the chunks written or deleted since exceed a tenth of all chunks. They are also
counted when any were written, if the last count is long enough ago that counting takes a fiftieth of the time. A call
that wrote a good part of the store itself waits for the count, and so does any call on a small store. Otherwise the
count runs in the background, one at a time over all processes, and again if more was written meanwhile. Searches look
now and then whether another process has left a count undone. The number of chunks and their lengths are always exact.
So only the rarity of a word can be out of date.

The planner's statistics are refreshed with the terms, and ``chunk_counts`` is kept short. Without statistics the
planner takes every filter for a wide one, until autovacuum comes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

from agent_brain_store.errors import StorageError
from agent_brain_store.postgres.background import Background
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.sql import queries
from agent_brain_store.postgres.timings import Timings

log = logging.getLogger(__name__)

_AGED_AT = 0.1  # of all chunks changed
_SMALL = 5000  # chunks: counting them takes about a tenth of a second
_LARGE_PART = 0.25  # of all chunks, written by one call: then waiting is a small part of what it took
_COUNT_TIMEOUT = 3600.0  # seconds
_COMPACT_AT = 50  # rows of chunk_counts, one for each write: every question adds them up


class Age(NamedTuple):
    """What ``term_statistics_age`` says."""

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
        """Whether counting may no longer wait."""
        return self.has_aged and self.changes > self.chunks * _AGED_AT


class TermStatistics:
    """The statistics of one store. Counts the terms when they have aged."""

    def __init__(self, pools: Pools, background: Background, lock_timeout: float, timings: Timings) -> None:
        """``lock_timeout`` is how many seconds a count waits for a lock of another session."""
        self._pools, self._background, self._timings = pools, background, timings
        self._lock_timeout = f"{lock_timeout * 1000:.0f}ms"
        self._turn = asyncio.Lock()
        self._counting: asyncio.Task[None] | None = None
        self._next_look = 0.0  # by the monotonic clock

    async def refresh_at_start(self) -> None:
        """Count now if the statistics have aged. A crash can leave a count undone."""
        self.mark_stale()
        if (await self._age()).is_high:
            await self._count()

    def refresh_if_stale(self) -> None:
        """See in the background whether a count is due, though not for every search that calls this."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._timings.statistics_look
            self._refresh_in_background()

    def mark_stale(self) -> None:
        """Let the next search look: something may be stored that is not counted."""
        self._next_look = 0.0

    async def refresh_after_write(self, written: int) -> None:
        """See whether a count is due, after a call that wrote so many chunks, or that deleted some and wrote none."""
        age = await self._age()
        if age.rows > _COMPACT_AT:
            await self._compact()
        waits = age.is_high and (age.chunks <= _SMALL or written >= age.chunks * _LARGE_PART)
        if age.has_aged and (not waits or await self._count() is False):
            self._refresh_in_background()

    async def refresh(self) -> None:
        """Count now, aged or not. If another session is counting, count later."""
        if await self._count(always=True) is False:
            self._refresh_in_background()

    def _refresh_in_background(self) -> None:
        """Count as soon as it is due."""
        if self._counting is None or self._counting.done():
            self._counting = self._background.start(self._until_fresh())

    async def _until_fresh(self) -> None:
        while not self._background.is_closing and (age := await self._age()).has_aged:
            if (due_in := self._due_in(age)) > 0:
                await self._background.pause(min(due_in, self._timings.statistics_look))
                continue
            counted = await self._count()
            if counted is None:
                self._next_look = time.monotonic() + _COUNT_TIMEOUT
                break
            if not counted:
                await self._background.pause(self._timings.statistics_pause)

    def _due_in(self, age: Age) -> float:
        """In how many seconds the next count is due."""
        return 0.0 if age.is_high else age.chunks * self._timings.statistics_rest - age.seconds

    async def _age(self) -> Age:
        try:
            rows = await self._pools.fetch("term_statistics_age")
        except StorageError as error:  # what the caller asked for is done: this must not look like its failure
            log.warning("the age of the term statistics could not be read: %s", error.message)
            rows = []
        return Age(**rows[0]) if rows else Age(0, 0.0, 0, 0, False)

    async def _compact(self) -> None:
        try:
            await self._pools.write("compact_counts", lambda connection: run(connection, "compact_counts"))
        except StorageError as error:  # as above
            log.warning("chunk_counts could not be compacted: %s", error.message)

    async def _count(self, always: bool = False) -> bool | None:
        """Count if it is due: True when that is done, False when another session is at it, None when it failed.

        A failure is a warning: what the caller has written is stored.
        """
        async with self._turn:
            age = await self._age()
            if not always and not (age.has_aged and self._due_in(age) <= 0):
                return True
            counted: bool | None = None
            try:
                counted = bool(await self._pools.write("counting the terms", self._count_terms))
            except StorageError as error:
                log.warning(
                    "the term statistics could not be refreshed, so keyword ranking stays as it was: %s", error.message
                )
            if counted is not False:
                await self._analyze()
            return counted

    async def _count_terms(self, connection: Connection) -> object:
        await run(connection, "use_maintenance_timeouts", lock_timeout=self._lock_timeout)
        return await connection.fetch(queries()["refresh_term_statistics"].text, timeout=_COUNT_TIMEOUT)

    async def _analyze(self) -> None:
        async def analyze(connection: Connection) -> None:
            await run(connection, "use_maintenance_timeouts", lock_timeout=self._lock_timeout)
            await connection.execute(queries()["analyze_chunks"].text, timeout=_COUNT_TIMEOUT)

        try:
            await self._pools.write("analyzing the chunks", analyze)
        except StorageError as error:
            log.warning("the planner's statistics could not be refreshed: %s", error.message)
