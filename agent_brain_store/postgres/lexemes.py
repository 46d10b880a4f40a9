"""Keeps what is counted fresh: document frequencies for BM25, statistics for the planner, and short sums of chunks.

The rule: lexemes are counted again when the chunks written or deleted since exceed a tenth of all chunks. A call that wrote
a good part of the store itself, or a small store, waits for it; otherwise it runs in the background, one at a time over
all processes. The number of chunks and their lengths are always exact, so that what ages is only how rare a word seems. The
planner's statistics are refreshed with them: without any it takes every filter for a wide one, until autovacuum comes.
"""

from __future__ import annotations

import asyncio
import logging

from agent_brain_store.errors import StorageError
from agent_brain_store.postgres.connection import Connection
from agent_brain_store.postgres.database import Database, run
from agent_brain_store.sql import queries

log = logging.getLogger(__name__)

_AGED_AT = 0.1  # of all chunks changed
_SMALL = 5000  # chunks: counting them takes about a tenth of a second
_LARGE_PART = 0.25  # of all chunks, written by one call: then waiting is a small part of what it took
_PATIENCE = 3600.0  # seconds for one count
_COMPACT_AT = 50  # rows of chunk_counts, one for each write: every question adds them up


class LexemeKeeper:
    """Counts the lexemes of one store when they have aged."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counting: asyncio.Task[None] | None = None

    async def at_start(self) -> None:
        """Count now if the counts have aged: what a crash has left undone."""
        changes, chunks, _ = await self._age()
        if changes > chunks * _AGED_AT:
            await self.refresh()

    async def after_write(self, written: int) -> None:
        """See whether the counts have aged, after a call that wrote so many chunks, or deleted some and wrote none."""
        changes, chunks, rows = await self._age()
        if rows > _COMPACT_AT:
            await self._compact()
        if changes <= chunks * _AGED_AT:
            return
        if chunks <= _SMALL or written >= chunks * _LARGE_PART:
            await self.refresh()
        elif self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self.refresh())

    async def _age(self) -> tuple[int, int, int]:
        try:
            row = (await self._database.fetch("lexemes_age"))[0]
        except StorageError as error:  # what the caller asked for is done: this must not look like its failure
            log.warning("the age of the lexemes could not be read: %s", error.message)
            return 0, 0, 0
        return row["changes"], row["chunks"], row["rows"]

    async def _compact(self) -> None:
        try:
            await self._database.write("compact_counts", lambda connection: run(connection, "compact_counts"))
        except StorageError as error:  # as above
            log.warning("chunk_counts could not be compacted: %s", error.message)

    async def refresh(self) -> None:
        """Count now, unless another session is counting. A failure is a warning: what the caller has written is stored."""

        async def work(connection: Connection) -> None:
            if await connection.fetch(queries()["refresh_lexemes"].text, timeout=_PATIENCE):
                await connection.execute(queries()["analyze_chunks"].text, timeout=_PATIENCE)

        try:
            await self._database.write("counting the lexemes", work)
        except StorageError as error:
            log.warning("the lexemes could not be counted, keyword ranking stays as it was: %s", error.message)

    async def settle(self) -> None:
        """Wait for a count in the background."""
        if self._counting is not None:
            await self._counting
            self._counting = None
