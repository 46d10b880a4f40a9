"""What goes on beside a store's calls until it is closed: builds, counts, and waiting for their time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Background:
    """The tasks of one store, in the event loop that opened it."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start without tasks: those of an event loop that is gone do not go on."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def is_closing(self) -> bool:
        """Whether `settle` waits for what is running."""
        return self._closing.is_set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start work that a caller may wait for, and that goes on when the caller is cancelled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def rest(self, seconds: float) -> None:
        """Sleep, but no longer than until `settle` is called."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def settle(self) -> None:
        """Wait for what is running. Its errors are for those who started it, not for who closes the store."""
        if not self._running():
            return
        self._closing.set()
        try:
            while running := self._running():
                await asyncio.wait(running)
        finally:
            self._closing = asyncio.Event()

    def _running(self) -> set[asyncio.Task[None]]:
        loop = asyncio.get_running_loop()
        return {task for task in self._tasks if task.get_loop() is loop}
