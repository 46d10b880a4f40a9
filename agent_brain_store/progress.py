"""How a caller hears of progress, and the loader that `bulk_load` yields. Both backends use them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from agent_brain_store.protocol import Metadatas, Progress, ProgressCallback, Vectors

if TYPE_CHECKING:
    from agent_brain_store.checks.chunks import Batch

Written: TypeAlias = Callable[[int], None]
"""Called with how many chunks of a call are written so far. The number falls when a transaction starts over."""

WriteBatch: TypeAlias = "Callable[[Batch, Written], Awaitable[None]]"
"""Writes one batch, and reports how far it has come."""

Prepare: TypeAlias = "Callable[[Sequence[str], Vectors, Sequence[str], Metadatas], Awaitable[Batch]]"
"""Checks the lists of one call and brings them into their stored form."""


@contextmanager
def deferring_errors(progress: ProgressCallback | None) -> Iterator[ProgressCallback | None]:
    """Wrap a callback so that an error it raises waits for the end of the block.

    In the middle of the work the error would look like one of the driver's, or it would undo an index build. After its
    first error the callback is not called again.
    """
    if progress is None:
        yield None
        return
    raised: list[Exception] = []

    def report(step: Progress) -> None:
        if not raised:
            try:
                progress(step)
            except Exception as error:
                raised.append(error)

    yield report
    if raised:
        raise raised[0]


class Loader:
    """Passes chunks on to a backend and reports how many it has loaded: the `BulkLoader` of both backends."""

    def __init__(self, prepare: Prepare, write: WriteBatch, progress: ProgressCallback | None) -> None:
        self._prepare, self._write, self._progress = prepare, write, progress
        self._loaded = 0

    async def upsert_documents(
        self, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Metadatas
    ) -> int:
        """Store chunks as `StorageBackend.upsert_documents` does."""
        batch = await self._prepare(ids, embeddings, documents, metadatas)
        reported = 0

        def written(chunks: int) -> None:
            nonlocal reported
            more, reported = chunks - reported, chunks
            self._loaded += more
            if report is not None and more:
                report(Progress("loading", self._loaded, None))

        with deferring_errors(self._progress) as report:
            try:
                await self._write(batch, written)
                written(len(batch))
            except BaseException:
                self._loaded -= reported
                raise
        return len(batch)
