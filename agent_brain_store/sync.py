"""Use a store without an event loop: in a script, in Django, in a Celery task, or in a notebook.

    with open_store_sync("config.yaml") as store:
        hits = store.keyword_search("retry budget", top_k=5)

A thread of its own runs an event loop, and the store lives there. So this works inside a running loop too, like that of
Jupyter.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from agent_brain_store.errors import NotInitialized
from agent_brain_store.factory import OnMismatch, Source, create_backend
from agent_brain_store.protocol import BulkLoader, StorageBackend
from agent_brain_store.results import EmbeddingMetadata, Upserted
from agent_brain_store.types import Document, Metadatas, OnInvalid, ProgressCallback, Vectors, Where

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Call = Coroutine[Any, Any, R]

_CLOSED_MEANWHILE = "the store was closed during the call"


def open_store_sync(
    source: Source = None, progress: ProgressCallback | None = None, on_mismatch: OnMismatch = "refuse"
) -> SyncStore:
    """Open a store for callers without an event loop. Close it with ``with``, or with ``close()``.

    The arguments are those of `open_store`, which says what errors they raise. ``progress`` is called in the store's
    thread.
    """
    store = SyncStore(create_backend(source, on_mismatch))
    try:
        store.initialize(progress)
    except BaseException:
        store.close()
        raise
    return store


def _waiting(method: Callable[Concatenate[Any, P], Call[R]]) -> Callable[Concatenate[SyncStore, P], R]:
    """Return a method of the contract as one that waits for its result."""

    def call(self: SyncStore, /, *args: P.args, **kwargs: P.kwargs) -> R:
        started: Call[R] = getattr(self.backend, method.__name__)(*args, **kwargs)
        return self.run(started)

    functools.update_wrapper(call, method)
    return call


class SyncStore:
    """A store that waits for its results. It has the methods of `StorageBackend`, with the same arguments and errors.

    Any thread may call it. ``backend`` is the store itself, for functions over the contract:
    ``store.run(copy_documents(store.backend, ...))``.

    After ``close()``, and in a process that was forked after the store was opened, every method raises
    `NotInitialized`.
    """

    def __init__(self, backend: StorageBackend) -> None:
        self.backend = backend
        self._lock, self._is_closing = threading.Lock(), False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agent_brain_store", daemon=True)
        self._thread.start()

    # --- running ---

    def run(self, call: Call[R]) -> R:
        """Run a coroutine in the store's thread, and wait for its result. If the wait is interrupted, cancel it."""
        future = self._submit(call)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise NotInitialized(_CLOSED_MEANWHILE) from None
        except BaseException:
            future.cancel()
            raise

    async def arun(self, call: Call[R]) -> R:
        """Run a coroutine in the store's thread, and await its result in the caller's own event loop."""
        future, caller = self._submit(call), asyncio.current_task()
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancelled() and not (caller and caller.cancelling()):
                raise NotInitialized(_CLOSED_MEANWHILE) from None
            raise

    def _submit(self, call: Call[R]) -> concurrent.futures.Future[R]:
        with self._lock:  # whatever is submitted before the end of the loop is run or cancelled
            problem = None
            if self._is_closing or not self._thread.is_alive():  # a fork does not copy threads
                problem = "the store is closed, or was opened before this process was forked: open one here"
            elif threading.current_thread() is self._thread:
                problem = "the store's own thread cannot wait for itself: await the method of store.backend"
            if problem:
                call.close()
                raise NotInitialized(problem)
            return asyncio.run_coroutine_threadsafe(call, self._loop)

    # --- life ---

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_initialized(self) -> bool:
        """True until the store is closed. Never raises."""
        return self._thread.is_alive() and self.backend.is_initialized

    initialize = _waiting(StorageBackend.initialize)

    def close(self, timeout: float = 60.0) -> None:
        """Close the store and end its thread. You can call it again, but you cannot reopen the store.

        After ``timeout`` seconds, what the store still does is cancelled, and a warning is logged.
        """
        if self._is_closing or not self._thread.is_alive():
            return
        closing = self._submit(self.backend.close())
        try:
            closing.result(timeout)
        except TimeoutError:
            log.warning("the store was not closed within %.0f seconds: what it was doing is cancelled", timeout)
        finally:
            self._end_thread()

    def _end_thread(self) -> None:
        with self._lock:
            self._is_closing = True
            asyncio.run_coroutine_threadsafe(self._cancel_everything(), self._loop)
        self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    async def _cancel_everything(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await self._loop.shutdown_asyncgens()
        self._loop.stop()

    # --- the contract ---

    upsert_documents = _waiting(StorageBackend.upsert_documents)
    replace_documents = _waiting(StorageBackend.replace_documents)
    update_metadata = _waiting(StorageBackend.update_metadata)
    vector_search = _waiting(StorageBackend.vector_search)
    keyword_search = _waiting(StorageBackend.keyword_search)
    hybrid_search = _waiting(StorageBackend.hybrid_search)
    get_count = _waiting(StorageBackend.get_count)
    describe = _waiting(StorageBackend.describe)
    get_by_id = _waiting(StorageBackend.get_by_id)
    get_by_ids = _waiting(StorageBackend.get_by_ids)
    delete_by_ids = _waiting(StorageBackend.delete_by_ids)
    delete_by_metadata = _waiting(StorageBackend.delete_by_metadata)
    reset = _waiting(StorageBackend.reset)
    get_embedding_metadata = _waiting(StorageBackend.get_embedding_metadata)
    set_embedding_metadata = _waiting(StorageBackend.set_embedding_metadata)
    health = _waiting(StorageBackend.health)
    ensure_indexes = _waiting(StorageBackend.ensure_indexes)
    reindex = _waiting(StorageBackend.reindex)
    rederive_terms = _waiting(StorageBackend.rederive_terms)
    verify = _waiting(StorageBackend.verify)
    repair = _waiting(StorageBackend.repair)
    wait_idle = _waiting(StorageBackend.wait_idle)

    def validate_embedding_compatibility(
        self, provider: str, model: str, dimensions: int, stored_metadata: EmbeddingMetadata | None
    ) -> None:
        """As in `StorageBackend`."""
        self.backend.validate_embedding_compatibility(provider, model, dimensions, stored_metadata)

    def iter_documents(
        self, where: Where | None = None, batch_size: int = 1000, include_embeddings: bool = False
    ) -> Iterator[Document]:
        """Stream the matching chunks as `StorageBackend.iter_documents` does, ``batch_size`` in memory at a time."""
        chunks = self.backend.iter_documents(where, batch_size, include_embeddings)
        while page := self.run(_next(chunks, batch_size)):
            yield from page

    @contextmanager
    def bulk_load(self, progress: ProgressCallback | None = None) -> Iterator[SyncLoader]:
        """Load many chunks: ``with store.bulk_load() as load: load.upsert_documents(...)``."""
        loading = self.backend.bulk_load(progress)
        load = self.run(_enter(loading))
        try:
            yield SyncLoader(self, load)
        except BaseException as error:
            self.run(_leave(loading, error))
            raise
        self.run(_leave(loading, None))


class SyncLoader:
    """The object that `SyncStore.bulk_load` yields. It takes chunks, and nothing else."""

    def __init__(self, store: SyncStore, load: BulkLoader) -> None:
        self._store, self._load = store, load

    def upsert_documents(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid = "refuse",
    ) -> Upserted:
        """Store chunks as `StorageBackend.upsert_documents` does."""
        return self._store.run(self._load.upsert_documents(ids, embeddings, documents, metadatas, on_invalid))


async def _next(chunks: AsyncIterator[Document], size: int) -> list[Document]:
    """Return the next chunks of a stream. An empty list is its end."""
    page: list[Document] = []
    async for chunk in chunks:
        page.append(chunk)
        if len(page) >= size:
            break
    return page


async def _enter(manager: AbstractAsyncContextManager[R]) -> R:
    return await manager.__aenter__()


async def _leave(manager: AbstractAsyncContextManager[Any], error: BaseException | None) -> None:
    await manager.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
