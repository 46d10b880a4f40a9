"""Run work in the background until the store is closed: index builds, counts of terms, and the pauses between them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Background:
    """The background tasks of one store."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def is_closing(self) -> bool:
        """True while `finish` waits for the tasks."""
        return self._closing.is_set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task. Wait for it under ``asyncio.shield``, and the task goes on if you are cancelled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def pause(self, seconds: float) -> None:
        """Sleep, but only until `finish` is called."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def wait_idle(self) -> None:
        """Wait for every task. A task's error is not raised here. It goes to whoever started the task."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def finish(self) -> None:
        """Cut pauses short and wait for every task. Call it before the store closes."""
        self._closing.set()
        try:
            await self.wait_idle()
        finally:
            self._closing.clear()
