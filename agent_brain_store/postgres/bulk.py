"""Loading many chunks: the vector index is dropped on the way when building it after is cheaper."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from agent_brain_store.errors import QueryFailed
from agent_brain_store.postgres.connection import Connection, translated
from agent_brain_store.postgres.indexes import IndexKeeper
from agent_brain_store.protocol import BulkLoader, Metadata, Progress, ProgressCallback, StorageBackend, Vectors

log = logging.getLogger(__name__)

# Adding a chunk to the graph costs about five times its share of a build (docs/performance.md), so that a new build over
# everything pays once the load is a quarter of what was there.
_PAYS_AT = 0.25
_FEWEST = 2000  # chunks, below which nobody would notice
_SAMPLE = 100


class Loader:
    """Takes chunks, and decides when to suspend the vector index."""

    def __init__(
        self, store: StorageBackend, indexes: IndexKeeper | None, before: int, progress: ProgressCallback | None
    ) -> None:
        self._store, self._indexes, self._before, self._progress = store, indexes, before, progress
        self._loaded, self._new = 0, 0.0
        self._deciding, self._refused = asyncio.Lock(), False
        self._resources = AsyncExitStack()
        self._maintenance: Connection | None = None

    async def upsert_documents(
        self, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Sequence[Metadata]
    ) -> int:
        """The store's `upsert_documents`."""
        if self._indexes is not None:
            async with self._deciding:
                await self._consider(self._indexes, ids)
        written = await self._store.upsert_documents(ids, embeddings, documents, metadatas)
        self._loaded += written
        if self._progress is not None:
            self._progress(Progress("loading", self._loaded, None))
        return written

    async def _consider(self, indexes: IndexKeeper, ids: Sequence[str]) -> None:
        if self._maintenance is None and not self._refused:
            self._new += len(ids) * await self._share_of_new(ids)
            if self._new >= max(_FEWEST, self._before * _PAYS_AT):
                await self._suspend(indexes)

    async def _share_of_new(self, ids: Sequence[str]) -> float:
        """How many of these ids the store does not have, by a sample: loading the same again must not cost a build."""
        sample = ids[:: max(1, len(ids) // _SAMPLE)]
        return 1 - len(await self._store.get_by_ids(sample)) / max(1, len(set(sample)))

    async def _suspend(self, indexes: IndexKeeper) -> None:
        try:
            connection = await self._resources.enter_async_context(indexes.alone())
            with translated("suspending the vector index"):
                await indexes.suspend(connection)
        except QueryFailed as error:
            log.warning("the vector index stays as it is during this load: %s", error.message)
            self._refused = True
        else:
            self._maintenance = connection

    async def finish(self) -> None:
        """Build the index again, if it was suspended."""
        async with self._resources:
            if self._indexes is not None and self._maintenance is not None:
                with translated("building the vector index"):
                    await self._indexes.resume(self._maintenance, self._progress)


@asynccontextmanager
async def bulk_load(
    store: StorageBackend,
    indexes: IndexKeeper | None,
    count_lexemes: Callable[[], Awaitable[None]],
    progress: ProgressCallback | None,
) -> AsyncIterator[BulkLoader]:
    """A loader whose end builds what it suspended, also after an error in the block, and counts the lexemes."""
    loader = Loader(store, indexes, await store.get_count(), progress)
    try:
        yield loader
    finally:
        await loader.finish()
    await count_lexemes()
