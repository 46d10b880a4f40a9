"""Have the terms of a large write prepared on other connections, while its first parts are written.

The server prepares the texts in the process of the connection that asks, and this takes longer than the rest of a write.
So one connection keeps one core busy, and a large write can have more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from agent_brain_store.checks.chunks import Batch
from agent_brain_store.errors import StorageError
from agent_brain_store.postgres.pools import Pools

log = logging.getLogger(__name__)

# To prepare a part takes up to twice as long as to write it. More parts would only fill the memory
# (docs/decisions/0081-one-large-call-prepares-ahead.md).
_AHEAD = 2


class Preparation:
    """Yields the parts of one batch with their terms. When the context ends, nothing is being prepared any more.

    There are no terms if the statement that writes the part has to prepare them. As long as ``ahead`` is true, the parts
    behind the one that is yielded are begun.
    """

    def __init__(self, pools: Pools, batch: Batch, parts: Iterator[slice], ahead: bool) -> None:
        self._pools, self._batch, self._parts, self.ahead = pools, batch, parts, ahead
        self._begun: deque[tuple[slice, asyncio.Task[list[str]]]] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[slice, list[str]]:
        part, task = self._begun.popleft() if self._begun else (next(self._parts, None), None)
        if part is None:
            raise StopAsyncIteration
        while self.ahead and len(self._begun) < _AHEAD and (following := next(self._parts, None)) is not None:
            self._begun.append((following, asyncio.create_task(self._prepare(following))))
        return part, [] if task is None else await task

    async def _prepare(self, part: slice) -> list[str]:
        if not self._pools.has_spare_readers:
            return []
        texts, metadatas = self._batch.texts[part], self._batch.metadatas[part]
        try:
            (row,) = await self._pools.fetch("prepare_terms", texts=texts, metadatas=metadatas)
        except StorageError as error:
            log.info("a part of this write is not prepared on another connection: %s", error.message)
            return []
        terms: list[str] = row["terms"]
        return terms

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks = [task for _, task in self._begun]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
