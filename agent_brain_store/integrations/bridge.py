"""Run a store's calls for the interfaces of other libraries, which have each method twice: with and without await."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeAlias, TypeVar

from agent_brain_store.errors import NotInitialized
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.sync import SyncStore

AnyStore: TypeAlias = StorageBackend | SyncStore
R = TypeVar("R")


class Bridge:
    """A store of either kind. ``backend`` makes the calls, and `run` or `arun` runs them where the store lives.

    A `SyncStore` serves both. A `StorageBackend` serves only who awaits, in its own event loop.
    """

    def __init__(self, store: AnyStore) -> None:
        self._sync = store if isinstance(store, SyncStore) else None
        self.backend: StorageBackend = store.backend if isinstance(store, SyncStore) else store

    def run(self, call: Coroutine[Any, Any, R]) -> R:
        """Wait for a call. Raises `NotInitialized` if the store can only be awaited."""
        if self._sync is None:
            call.close()
            raise NotInitialized(
                "this store can only be awaited: use the async method, or a store of open_store_sync()"
            )
        return self._sync.run(call)

    async def arun(self, call: Coroutine[Any, Any, R]) -> R:
        """Await a call, in any event loop with a `SyncStore`."""
        return await (call if self._sync is None else self._sync.arun(call))
