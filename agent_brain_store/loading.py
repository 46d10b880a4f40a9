"""What `bulk_load` yields, and how a caller is told of progress, on both backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Concatenate, TypeAlias

from agent_brain_store.protocol import Metadatas, Progress, ProgressCallback, Vectors

Written: TypeAlias = Callable[[int], None]
"""Told how many chunks of a call are written: less than before, where a transaction starts over."""

Upsert: TypeAlias = Callable[Concatenate[Written, ...], Awaitable[int]]
"""A backend's `upsert_documents`, which also says how far it has come."""


@contextmanager
def told(progress: ProgressCallback | None) -> Iterator[ProgressCallback | None]:
    """The callback for one call. When it raises, it is told no more, and the block's end raises that: in the middle it would be
    taken for an error of the driver, or undo a build."""
    raised: list[Exception] = []

    def report(step: Progress) -> None:
        if progress is not None and not raised:
            try:
                progress(step)
            except Exception as error:
                raised.append(error)

    yield progress and report
    if raised:
        raise raised[0]


class Loader:
    """Passes chunks on to a backend, and says how far it has come."""

    def __init__(self, upsert: Upsert, progress: ProgressCallback | None) -> None:
        self._upsert, self._progress, self._loaded = upsert, progress, 0

    async def upsert_documents(
        self, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Metadatas
    ) -> int:
        """The store's `upsert_documents`."""
        reported = 0

        def written(chunks: int) -> None:
            nonlocal reported
            more, reported = chunks - reported, chunks
            self._loaded += more
            if report is not None and more:
                report(Progress("loading", self._loaded, None))

        with told(self._progress) as report:
            try:
                stored = await self._upsert(written, ids, embeddings, documents, metadatas)
                written(stored)
            except BaseException:
                self._loaded -= reported
                raise
        return stored
