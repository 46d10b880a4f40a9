"""How one backend takes part in a collection: opens it, runs work in its threads, leaves it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from agent_brain_store.chroma import shared, writing
from agent_brain_store.chroma.driver import Rows
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import NotInitialized

if TYPE_CHECKING:
    from agent_brain_store.chroma.keywords import KeywordIndex

T = TypeVar("T")


class Session:
    """Access to one collection, from any event loop. While closed, what needs it open raises `NotInitialized`."""

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._opened: shared.Collection | None = None
        self._opening = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether `open` has succeeded and `close` was not called since."""
        return self._opened is not None and self._opened.is_usable

    @property
    def collection(self) -> shared.Collection:
        """The open collection."""
        if self._opened is None or not self._opened.is_usable:
            raise NotInitialized("the store is not open: call initialize() first, or use open_store()", "chroma")
        return self._opened

    async def open(self) -> None:
        """Open the collection unless it is open."""
        if not self.is_open:
            await asyncio.to_thread(self._open)

    def _open(self) -> None:
        with self._opening:
            if not self.is_open:
                self._opened = shared.acquire(self._config)

    async def close(self) -> None:
        """Wait for what is running, then leave."""
        await asyncio.to_thread(self._close)  # also of what was never opened: a cancelled `open` may still be at it

    def _close(self) -> None:
        with self._opening:
            collection, self._opened = self._opened, None
            if collection is not None and collection.is_usable:
                shared.release(collection)

    async def read(self, work: Callable[[Rows], T]) -> T:
        """Run a search or a look-up."""
        collection = self.collection
        return await self._run(collection.directory.readers, partial(collection.reading, work))

    async def write(self, work: Callable[[shared.Collection], T]) -> T:
        """Run a write, after those that were asked for before."""
        collection = self.collection
        return await self._run(collection.directory.writer, partial(collection.writing, work))

    async def compute(self, work: Callable[[], T]) -> T:
        """Run what needs neither database nor index."""
        return await self._run(self.collection.directory.readers, work)

    async def _run(self, threads: Executor, work: Callable[[], T]) -> T:
        try:
            future = asyncio.get_running_loop().run_in_executor(threads, work)
        except RuntimeError as error:
            raise _closed_meanwhile() from error
        return await future

    async def index(self, indexed: writing.Indexed | None = None) -> KeywordIndex:
        """The keyword index, built first if this process has not needed it yet, or a write has failed."""
        collection, config = self.collection, self._config.keyword
        while (index := collection.indexes.get(config)) is None:
            try:
                building = collection.soon(partial(writing.build_index, collection, config, indexed))
            except RuntimeError as error:
                raise _closed_meanwhile() from error
            await asyncio.wrap_future(building)
        return index


@contextmanager
def called_here(function: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """The function for another thread: it is called on this event loop, and no more when the block has ended."""
    loop, context, listening = asyncio.get_running_loop(), copy_context(), True

    def call(*values: Any) -> None:
        if listening:
            function(*values)

    def call_soon(*values: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(call, *values, context=context)

    try:
        yield call_soon
    finally:
        listening = False  # a write goes on when its caller is cancelled


def _closed_meanwhile() -> NotInitialized:
    return NotInitialized("the store was closed meanwhile", "chroma")
