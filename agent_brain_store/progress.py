"""Call progress callbacks safely, and load many chunks with progress. Both backends use this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from agent_brain_store.results import Upserted
from agent_brain_store.types import Metadatas, OnInvalid, Progress, ProgressCallback, Vectors

if TYPE_CHECKING:
    from agent_brain_store.checks.chunks import Batch

Written: TypeAlias = Callable[[int], None]
"""It is called with the number of chunks of a call that are written so far. The number falls when a transaction starts over."""

WriteBatch: TypeAlias = "Callable[[Batch, Written], Awaitable[None]]"
"""It writes one batch, and reports how far it has come."""

Prepare: TypeAlias = "Callable[[Sequence[str], Vectors, Sequence[str], Metadatas, OnInvalid], Awaitable[Batch]]"
"""It checks the lists of one call and brings them into their stored form."""


def loading(progress: ProgressCallback | None, total: int) -> Written | None:
    """Return what reports the chunks of one call, of which there are ``total``."""
    return None if progress is None else lambda chunks: progress(Progress("loading", chunks, total))


def without_loading(progress: ProgressCallback | None) -> ProgressCallback | None:
    """Leave out the "loading" steps of `bulk_load`, for callers that report what they load by a name of their own."""
    if progress is None:
        return None

    def report(step: Progress) -> None:
        if step.operation != "loading":
            progress(step)

    return report


@contextmanager
def deferring_errors(progress: ProgressCallback | None) -> Iterator[ProgressCallback | None]:
    """Wrap a callback. If it raises an error, the error is raised at the end of the block.

    In the middle of the work, the error would look like an error of the driver, or it would undo an index build. After
    its first error, the callback is not called again.
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
    """The `BulkLoader` of both backends. It passes chunks on and reports how many are loaded."""

    def __init__(self, prepare: Prepare, write: WriteBatch, progress: ProgressCallback | None) -> None:
        self._prepare, self._write, self._progress = prepare, write, progress
        self._loaded = 0

    async def upsert_documents(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid = "refuse",
    ) -> Upserted:
        """Store chunks as `StorageBackend.upsert_documents` does."""
        batch = await self._prepare(ids, embeddings, documents, metadatas, on_invalid)
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
        return Upserted(len(batch), batch.left_out)
