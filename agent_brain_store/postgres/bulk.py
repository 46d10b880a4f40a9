"""Loading many chunks: the vector index is out of the way when building it after is cheaper."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg

from agent_brain_store.errors import QueryFailed, StorageError
from agent_brain_store.loading import Loader, Written, told
from agent_brain_store.postgres.connection import Connection, translated
from agent_brain_store.postgres.database import Database
from agent_brain_store.postgres.writing import as_parameter
from agent_brain_store.protocol import BulkLoader, Progress, ProgressCallback, StorageBackend
from agent_brain_store.records import Batch

log = logging.getLogger(__name__)

FEWEST = 1000  # chunks, below which nobody would notice
# Adding a chunk to the graph, or changing one, costs about five times its share of a build (docs/performance.md), so that a new
# build over everything pays once the load is a quarter of what was there. Nobody asked a single call for it: it must write as
# much as there was, so that the searches that are exact meanwhile go over no more than the call itself brings.
_PAYS_AT, _PAYS_FOR_ONE_CALL_AT = 0.25, 1.0
_SAMPLE = 100
_PATIENCE = 30.0  # seconds that a single call waits for transactions of others, at each step


class Suspension:
    """Drops the vector index when what comes is much beside what is there, and builds it again at the end."""

    def __init__(self, database: Database, pays_at: float, patience: float | None = None) -> None:
        """``pays_at`` is how many writes it takes, at least `FEWEST`; ``patience`` is that of `IndexKeeper.alone`."""
        self._database, self._patience = database, patience
        self._pays_at, self._writes = max(FEWEST, pays_at), 0.0
        self._deciding, self._decided = asyncio.Lock(), False
        self._resources = AsyncExitStack()
        self._maintenance: Connection | None = None

    async def consider(self, batch: Batch) -> None:
        """See whether suspending pays, now that these chunks are going to be written. After `finish` it never does."""
        async with self._deciding:
            if self._decided:
                return
            self._writes += len(batch) * await self._share_to_write(batch)
            if self._writes >= self._pays_at:
                self._decided = True
                await self._suspend()

    async def _share_to_write(self, batch: Batch) -> float:
        """How many of these chunks are new or changed, by a sample: loading the same again must not cost a build."""
        sample = slice(0, None, max(1, len(batch) // _SAMPLE))
        ids = batch.ids[sample]
        (row,) = await self._database.fetch(
            "count_unchanged",
            ids=ids,
            texts=batch.texts[sample],
            metadatas=batch.metadatas[sample],
            embeddings=as_parameter(batch.vectors[sample]),
        )
        return 1 - int(row["chunks"]) / max(1, len(ids))

    async def _suspend(self) -> None:
        try:
            connection = await self._resources.enter_async_context(self._database.indexes.alone(self._patience))
            self._maintenance = connection
            with translated("suspending the vector index"):
                await self._database.indexes.suspend(connection)
        except StorageError as error:
            log.warning("the vector index could not be suspended for this load: %s", error.message)

    async def finish(self, progress: ProgressCallback | None = None) -> None:
        """Build the index again, if it was suspended."""
        async with self._deciding:
            self._decided = True  # a call that comes late finds the index in place
        async with self._resources:
            if self._maintenance is None:
                return
            if not self._maintenance.is_closed():
                await self._resume(self._maintenance, progress)
                return
        # It was idle while the chunks were written, and something in between has closed it.
        await self._database.indexes.repair(progress, self._patience)

    async def _resume(self, connection: Connection, progress: ProgressCallback | None) -> None:
        try:
            with translated("building the vector index"):
                await self._database.indexes.resume(connection, progress)
        except QueryFailed as error:
            if not isinstance(error.__cause__, asyncpg.InsufficientPrivilegeError):
                raise
            # There was none to suspend: dropping it takes the same right.
            log.warning("the vector index is missing, and stays so: %s", error.message)


@asynccontextmanager
async def bulk_load(
    backend: StorageBackend,
    prepare: Callable[..., Awaitable[Batch]],
    store: Callable[[Batch, Written], Awaitable[int]],
    database: Database | None,
    count_lexemes: Callable[[], Awaitable[None]],
    progress: ProgressCallback | None,
) -> AsyncIterator[BulkLoader]:
    """A loader whose end builds what it suspended and counts the lexemes, also after an error in the block.

    Without ``database`` there is no vector index to suspend.
    """
    before = await backend.get_count()
    suspension = Suspension(database, before * _PAYS_AT) if database is not None else None

    async def upsert(written: Written, *lists: Any) -> int:
        batch = await prepare(*lists)
        if suspension is not None:
            await suspension.consider(batch)
        return await store(batch, written)

    async def end() -> None:
        try:
            with told(progress) as report:
                if suspension is not None:
                    await suspension.finish(report)
                if report is not None:
                    report(Progress("counting the words", 0, None))
        finally:
            await count_lexemes()

    def ending() -> Awaitable[None]:
        return end() if database is None else asyncio.shield(database.background.start(end()))

    try:
        yield Loader(upsert, progress)
    except BaseException:
        try:
            await ending()
        except Exception as error:  # what went wrong in the block comes first
            log.warning("the end of a bulk load has failed: %s", error)
        raise
    await ending()


@asynccontextmanager
async def suspended_for_one_call(store: StorageBackend, database: Database, batch: Batch) -> AsyncIterator[None]:
    """The same for one call that writes as much as there was. What it wrote is stored: a build that fails is a warning."""
    before = await store.get_count()
    suspension = Suspension(database, before * _PAYS_FOR_ONE_CALL_AT, _PATIENCE)

    async def finish() -> None:
        try:
            await suspension.finish()
        except StorageError as error:
            log.warning("the chunks are stored, but the vector index is not; trying again: %s", error.message)
            database.background.start(database.indexes.repair_in_time(_PATIENCE))

    try:
        await suspension.consider(batch)
        yield
    finally:
        building = database.background.start(finish())
    await asyncio.shield(building)
