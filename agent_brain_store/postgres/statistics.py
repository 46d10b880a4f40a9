"""Keep statistics fresh: how many chunks hold each term, for BM25, and what the planner knows about the chunks.

Every write notes the terms that it has added and removed, in its own transaction. A count adds these up. So it costs what
has changed, and not what is stored, and it runs in the background a moment after the write. A call that changed much
waits for it. One count runs at a time over all processes, and it is repeated if more was written meanwhile. Searches
look now and then whether another process has left a count undone. The number of chunks and their lengths are always
exact, so only the rarity of a term can be out of date.

A store of an older library may have to be counted anew once, and so is one of which more than half has changed. A cluster
always has to, because its shards do not note terms. Such a count reads every chunk. It runs when a tenth of all chunks has
changed. After fewer changes it runs only if the last one is long ago, so that counting takes at most a fiftieth of the time.

The planner's statistics are refreshed when a tenth has changed, and ``chunk_counts`` is kept short. Without statistics,
the planner expects every filter to match many chunks, until autovacuum comes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

from asyncpg import Record

from agent_brain_store.errors import StorageError
from agent_brain_store.postgres.background import Background
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.index_builds import watched_by_pools
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.sql import queries
from agent_brain_store.postgres.timings import Timings

log = logging.getLogger(__name__)

_OVERDUE_SHARE = 0.1  # this share of all chunks has changed
_SMALL = 5000  # chunks; counting all of them takes about a fifth of a second
_LARGE_PART = 0.25  # of all chunks; a call that wrote this many takes much longer than the count that it waits for
_COUNT_TIMEOUT = 3600.0  # seconds
_COMPACT_AT = 50  # rows of chunk_counts; each write adds one, and every question adds them up


class Age(NamedTuple):
    """The row of ``term_statistics_age``, which explains the fields."""

    changes: int
    seconds: float
    chunks: int
    rows: int
    recounts: bool
    may_count: bool

    @property
    def needs_count(self) -> bool:
        """True if chunks have changed since the last count, and this session may count."""
        return self.may_count and self.changes > 0

    @property
    def is_overdue(self) -> bool:
        """True if so many chunks have changed that a count is due at once."""
        return self.needs_count and self.changes > self.chunks * _OVERDUE_SHARE


class TermStatistics:
    """The statistics of one store. It counts the terms when a count is due."""

    def __init__(self, pools: Pools, background: Background, lock_timeout: float, timings: Timings) -> None:
        """``lock_timeout`` is how many seconds a count waits for a lock of another session."""
        self._pools, self._background, self._timings = pools, background, timings
        self._lock_timeout = f"{lock_timeout * 1000:.0f}ms"
        self._turn = asyncio.Lock()
        self._counting: asyncio.Task[None] | None = None
        self._next_look = 0.0  # a time of the monotonic clock

    async def refresh_at_start(self) -> None:
        """Count now if a tenth of the chunks has changed. A crash can leave a count undone."""
        self.mark_stale()
        if (await self._age()).is_overdue:
            await self._count()

    def refresh_if_stale(self) -> None:
        """See in the background whether a count is due. Every search calls this, but it looks only now and then."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._timings.count_check_interval
            self._refresh_in_background()

    def mark_stale(self) -> None:
        """Make the next search look, because chunks may be stored that are not counted."""
        self._next_look = 0.0

    async def refresh_after_write(self, written: int) -> None:
        """See whether a count is due after a call. If it wrote a large part of the store, wait for the count.

        ``written`` is how many chunks it wrote. It is 0 if the call only deleted, or if it has more to do meanwhile.
        """
        age = await self._age()
        if age.rows > _COMPACT_AT:
            await self._compact()
        waits = age.is_overdue and (age.chunks <= _SMALL or written >= age.chunks * _LARGE_PART)
        if age.needs_count and (not waits or await self._count() is False):
            self._refresh_in_background()

    async def refresh(self) -> None:
        """Count now, whether it is due or not. If another session is counting, count later in the background."""
        if await self._count(always=True) is False:
            self._refresh_in_background()

    async def recount(self) -> None:
        """Count every chunk anew, which mends wrong counts. If another session is counting, wait until it has finished."""
        while await self._count(always=True, anew=True) is False:
            await self._background.pause(self._timings.count_retry)

    def _refresh_in_background(self) -> None:
        """Start a task that counts as soon as a count is due, unless one is running."""
        if self._counting is None or self._counting.done():
            self._counting = self._background.start(self._until_fresh())

    async def _until_fresh(self) -> None:
        while not self._background.is_closing and (age := await self._age()).needs_count:
            if (due_in := self._due_in(age)) > 0:
                await self._background.pause(min(due_in, self._timings.count_check_interval))
                continue
            counted = await self._count()
            if counted is None:
                self._next_look = time.monotonic() + _COUNT_TIMEOUT
                break
            if not counted:
                await self._background.pause(self._timings.count_retry)

    def _due_in(self, age: Age) -> float:
        """Return in how many seconds the next count is due."""
        if age.is_overdue:
            return 0.0
        pause = age.chunks * self._timings.recount_interval_per_chunk if age.recounts else self._timings.count_interval
        return pause - age.seconds

    async def _age(self) -> Age:
        try:
            rows = await self._pools.fetch("term_statistics_age")
        except StorageError as error:  # the caller's own work is done, so this must not look like its failure
            log.warning(
                "keyword ranking may use old word counts, because their age could not be read: %s", error.message
            )
            rows = []
        return Age(**rows[0]) if rows else Age(0, 0.0, 0, 0, False, False)

    async def _compact(self) -> None:
        try:
            await self._pools.write("compact_counts", lambda connection: run(connection, "compact_counts"))
        except StorageError as error:  # as above
            log.warning("chunk_counts could not be compacted: %s", error.message)

    async def _count(self, always: bool = False, anew: bool = False) -> bool | None:
        """Count if a count is due, or if ``always`` is set. ``anew`` reads every chunk.

        Returns True if there is nothing left to count, False if another session is counting, and None if it failed. A
        failure is only logged, because the caller's chunks are stored.
        """
        async with self._turn:
            age = await self._age()
            if not always and not (age.needs_count and self._due_in(age) <= 0):
                return True
            try:
                rows = await self._pools.write(
                    "counting the terms", lambda connection: self._count_terms(connection, anew)
                )
            except StorageError as error:
                log.warning(
                    "the term statistics could not be refreshed, so keyword ranking stays as it was: %s", error.message
                )
                return None
            if rows and rows[0]["analyze_due"]:
                await self._analyze()
            return bool(rows)

    async def _count_terms(self, connection: Connection, anew: bool) -> list[Record]:
        """Count in the caller's transaction. Returns no row if another session is counting."""
        await run(connection, "use_maintenance_timeouts", lock_timeout=self._lock_timeout)
        if not (await run(connection, "counting_lock"))[0]["locked"]:
            return []
        # It looks under the lock, because an older library may have counted meanwhile, which knows nothing of the notes.
        recounts = anew or (await run(connection, "term_statistics_age"))[0]["recounts"]
        return await self._run_long(connection, "refresh_term_statistics" if recounts else "fold_term_changes")

    async def _analyze(self) -> None:
        try:
            await self._pools.write("analyzing the chunks", self._analyze_chunks)
        except StorageError as error:
            log.warning("the planner's statistics could not be refreshed: %s", error.message)

    async def _analyze_chunks(self, connection: Connection) -> None:
        await run(connection, "use_maintenance_timeouts", lock_timeout=self._lock_timeout)
        await self._run_long(connection, "analyze_chunks")

    async def _run_long(self, connection: Connection, name: str) -> list[Record]:
        async with watched_by_pools(self._pools, connection, self._timings.watch):
            statement = queries(connection.distributed)[name].statement
            rows: list[Record] = await connection.fetch(statement, timeout=_COUNT_TIMEOUT)
            return rows
