"""What `bulk_load` yields, on both backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from agent_brain_store.protocol import Metadata, Progress, ProgressCallback, Vectors

Upsert = Callable[[Sequence[str], Vectors, Sequence[str], Sequence[Metadata]], Awaitable[int]]


class Loader:
    """Passes chunks on to a backend, and says how far it has come."""

    def __init__(self, upsert: Upsert, progress: ProgressCallback | None) -> None:
        self._upsert, self._progress, self._loaded = upsert, progress, 0

    async def upsert_documents(
        self, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Sequence[Metadata]
    ) -> int:
        """The store's `upsert_documents`."""
        written = await self._upsert(ids, embeddings, documents, metadatas)
        self._loaded += written
        if self._progress is not None:
            self._progress(Progress("loading", self._loaded, None))
        return written
