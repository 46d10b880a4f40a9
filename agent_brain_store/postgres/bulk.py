"""Load many chunks. The vector index is dropped for the load if building it afterwards takes less time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from agent_brain_store import telemetry
from agent_brain_store.checks.chunks import Batch
from agent_brain_store.errors import QueryFailed, StorageError
from agent_brain_store.postgres.background import Background
from agent_brain_store.postgres.connection import Connection
from agent_brain_store.postgres.errors import translated
from agent_brain_store.postgres.indexes import Indexes
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.statistics import TermStatistics
from agent_brain_store.postgres.timings import Timings
from agent_brain_store.postgres.writing import Writer, as_parameter
from agent_brain_store.progress import WriteBatch, Written, deferring_errors, loading
from agent_brain_store.types import Progress, ProgressCallback

log = logging.getLogger(__name__)

# Dropping an index and building it takes some 0.1 s, and on a cluster 0.5 s. From so many chunks on, it pays.
_MIN_CHUNKS, _MIN_CHUNKS_ON_A_CLUSTER = 500, 1000
# Adding or changing a chunk in the graph takes about five times as long as its share of a build. So a build over all
# chunks pays once the load is a quarter of the chunks that were there (docs/decisions/0017-vector-index-last.md). The
# caller of upsert_documents has not asked for that. So a single call must write as many chunks as were there. Until
# the index is there, searches then scan no more chunks than the call itself brings.
_MIN_SHARE, _MIN_SHARE_OF_ONE_CALL = 0.25, 1.0
_SAMPLE = 100


class BulkWriter:
    """Writes many chunks to one store, in one large call or in many."""

    def __init__(
        self,
        pools: Pools,
        writer: Writer,
        indexes: Indexes,
        statistics: TermStatistics,
        background: Background,
        timings: Timings,
    ) -> None:
        self._pools, self._writer, self._indexes = pools, writer, indexes
        self._statistics, self._background, self._timings = statistics, background, timings
        on_cluster = indexes.config.postgres.distributed == "citus"
        self._least = _MIN_CHUNKS_ON_A_CLUSTER if on_cluster else _MIN_CHUNKS

    async def upsert(self, batch: Batch, progress: ProgressCallback | None) -> None:
        """Store the batch of one call. The index is suspended if the batch is as large as the store was."""
        written = loading(progress, len(batch))
        if len(batch) < self._least or not self._indexes.has_vector_index:
            await self._writer.upsert(batch, written)
            return
        suspension = await self._suspension(_MIN_SHARE_OF_ONE_CALL, self._timings.lock_wait)
        try:
            await suspension.suspend_if_worthwhile(batch)
            await self._writer.upsert(batch, written, ahead=suspension.is_suspended)
        finally:
            building = self._background.start(self._finish(suspension, progress))
        await asyncio.shield(building)
        if suspension.is_suspended:
            await self._statistics.refresh_after_write(len(batch))  # it has been counting while the index was built

    async def _finish(self, suspension: Suspension, progress: ProgressCallback | None) -> None:
        """Build the index after one call. If that fails, it is only logged, because the chunks are stored."""
        try:
            await suspension.finish(progress)
        except StorageError as error:
            log.warning(
                "the chunks are stored, but the vector index could not be built; trying again: %s", error.message
            )
            self._indexes.repair_in_background()

    @asynccontextmanager
    async def session(self, progress: ProgressCallback | None) -> AsyncIterator[WriteBatch]:
        """Write many batches. At the end it builds the index and counts the terms, even after an error in the block."""
        suspension = await self._suspension(_MIN_SHARE, None)

        async def write(batch: Batch, written: Written) -> None:
            if self._indexes.has_vector_index:
                await suspension.suspend_if_worthwhile(batch)
            await self._writer.upsert(batch, written, ahead=suspension.is_suspended)

        def ending() -> Awaitable[None]:
            return asyncio.shield(self._background.start(self._end(suspension, progress)))

        try:
            yield write
        except BaseException:
            try:
                await ending()
            except Exception as error:  # the error of the block is the one to raise
                log.warning("the end of a bulk load has failed: %s", error)
            raise
        await ending()

    async def _end(self, suspension: Suspension, progress: ProgressCallback | None) -> None:
        try:
            with deferring_errors(progress) as report:
                await suspension.finish(report)
                if report is not None:
                    report(Progress("counting the terms", 0, None))
        finally:
            await self._statistics.refresh()

    async def _suspension(self, worthwhile_from: float, lock_timeout: float | None) -> Suspension:
        chunks = int((await self._pools.fetch("count_chunks"))[0]["chunks"])
        return Suspension(self._pools, self._indexes, max(self._least, chunks * worthwhile_from), lock_timeout)


class Suspension:
    """Drops the vector index once enough chunks are going to be written, and builds it again at the end."""

    def __init__(self, pools: Pools, indexes: Indexes, worthwhile_from: float, lock_timeout: float | None) -> None:
        """``worthwhile_from`` is the number of written chunks at which the index is dropped.

        ``lock_timeout`` is how many seconds each step waits for other transactions. None means for ever.
        """
        self._pools, self._indexes, self._lock_timeout = pools, indexes, lock_timeout
        self._worthwhile_from, self._writes = worthwhile_from, 0.0
        self._deciding, self._decided = asyncio.Lock(), False
        self._resources = AsyncExitStack()
        self._maintenance: Connection | None = None

    @property
    def is_suspended(self) -> bool:
        """True once the index was dropped. Then most chunks of this load are new or changed."""
        return self._maintenance is not None

    async def suspend_if_worthwhile(self, batch: Batch) -> None:
        """Drop the index if that pays, now that these chunks are going to be written. After `finish` it does nothing."""
        async with self._deciding:
            if self._decided:
                return
            self._writes += len(batch) * await self._changed_share(batch)
            if self._writes >= self._worthwhile_from:
                self._decided = True
                await self._suspend()

    async def _changed_share(self, batch: Batch) -> float:
        """Return the share of these chunks that are new or changed, estimated from a sample.

        Loading the same chunks again must not cause a build.
        """
        sample = slice(0, None, max(1, len(batch) // _SAMPLE))
        ids = batch.ids[sample]
        (row,) = await self._pools.fetch(
            "count_unchanged",
            ids=ids,
            texts=batch.texts[sample],
            metadatas=batch.metadatas[sample],
            embeddings=as_parameter(batch.vectors[sample]),
        )
        return 1 - int(row["chunks"]) / max(1, len(ids))

    async def _suspend(self) -> None:
        if not self._indexes.may_suspend:
            return  # it runs no DDL that nobody has asked for
        if not self._pools.has_sessions:
            log.warning(
                "the vector index stays in place during this load, which takes longer: behind a pooler in transaction "
                "mode, set storage.postgres.direct_url"
            )
            return
        try:
            connection = await self._resources.enter_async_context(self._indexes.exclusive(self._lock_timeout))
            self._maintenance = connection
            with translated("suspending the vector index"):
                await self._indexes.suspend(connection)
            telemetry.event("index_suspended")
        except StorageError as error:
            log.warning("the vector index could not be dropped for this load: %s", error.message)

    async def finish(self, progress: ProgressCallback | None = None) -> None:
        """Build the index again, if it was suspended."""
        async with self._deciding:
            self._decided = True  # a call that comes later leaves the index in place
        async with self._resources:
            if self._maintenance is None:
                return
            if not self._maintenance.is_closed():
                await self._resume(self._maintenance, progress)
                return
        # The connection was idle while the chunks were written. Something between here and the server has closed it.
        await self._indexes.repair(progress, self._lock_timeout)

    async def _resume(self, connection: Connection, progress: ProgressCallback | None) -> None:
        try:
            with translated("building the vector index"):
                await self._indexes.resume(connection, progress)
        except QueryFailed as error:
            if not isinstance(error.__cause__, asyncpg.InsufficientPrivilegeError):
                raise
            # Dropping the index takes the same right. So this role has not dropped it, and there was none before.
            log.warning("the vector index is missing and could not be built: %s", error.message)
