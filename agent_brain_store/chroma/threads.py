"""Run all work on one Chroma directory in threads, and call back from them into an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any, TypeVar

from agent_brain_store.errors import NotInitialized

T = TypeVar("T")

READERS = 4


class Abandoned(BaseException):
    """Nobody waits for a write any more, so it ends between two pieces. No caller sees this."""


class Threads:
    """Some threads for reading and one for writing. So writes run one after the other, whichever store asks for them."""

    def __init__(self) -> None:
        self._readers = ThreadPoolExecutor(READERS, "chroma-read")
        self._writer = ThreadPoolExecutor(1, "chroma-write")
        self._urgent: list[Callable[[], None]] = []
        self._is_abandoned = threading.Event()  # of the write under way

    async def read(self, work: Callable[[], T]) -> T:
        """Run a search or a look-up."""
        return await self._run(self._readers, work)

    async def write(self, work: Callable[[], T]) -> T:
        """Run a write, after all earlier ones. If the caller is cancelled, it still waits for the piece under way."""
        is_abandoned = threading.Event()
        with _closed_meanwhile():
            future = self._writer.submit(self._write, work, is_abandoned)
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            is_abandoned.set()
            future.cancel()  # if it has not begun
            await asyncio.wait([waiting])
            if not waiting.cancelled():
                waiting.exception()  # nobody wants to hear of it
            raise

    def _write(self, work: Callable[[], T], is_abandoned: threading.Event) -> T:
        self._is_abandoned = is_abandoned
        return work()

    def end_if_abandoned(self) -> None:
        """Raise `Abandoned` if nobody waits for the write under way. A write calls this after each of its pieces."""
        if self._is_abandoned.is_set():
            raise Abandoned

    def write_and_wait(self, work: Callable[[], T]) -> T:
        """Run a write, after all earlier ones, for a caller in another thread. It blocks until the write is done."""
        return self._writer.submit(self._write, work, threading.Event()).result()

    async def write_urgently(self, work: Callable[[], T]) -> T:
        """Run something short in the writer's thread, between two pieces of a long write instead of after it."""
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)

        self._urgent.append(run)
        with _closed_meanwhile():
            self._writer.submit(self.run_urgent)
        return await asyncio.wrap_future(future)

    def run_urgent(self) -> None:
        """Run the work that `write_urgently` has taken. A write calls this after each of its pieces."""
        while self._urgent:
            self._urgent.pop(0)()

    def close(self) -> None:
        """Let running work end, then end the threads."""
        self._writer.shutdown()
        self._readers.shutdown()

    async def _run(self, threads: Executor, work: Callable[[], T]) -> T:
        with _closed_meanwhile():
            # With the caller's context, telemetry finds the span of the call.
            future = asyncio.get_running_loop().run_in_executor(threads, copy_context().run, work)
        return await future


@contextmanager
def _closed_meanwhile() -> Iterator[None]:
    """Raise `NotInitialized` if a thread pool takes no more work, because the store was closed."""
    try:
        yield
    except RuntimeError as error:
        raise NotInitialized("the store was closed while this call was running", "chroma") from error


@contextmanager
def called_on_this_loop(function: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """Wrap a function so that another thread can call it. It runs on this event loop. After the block it does nothing."""
    loop, context, is_listening = asyncio.get_running_loop(), copy_context(), True

    def call(*values: Any) -> None:
        if is_listening:
            function(*values)

    def call_soon(*values: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
            loop.call_soon_threadsafe(call, *values, context=context)

    try:
        yield call_soon
    finally:
        is_listening = False  # a piece goes on when its caller is cancelled
