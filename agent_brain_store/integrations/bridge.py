"""What the interfaces of other libraries share.

They have each method twice: with and without await. Their searches take the options of the contract by name, and have
no place of their own for highlights.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import cache
from inspect import signature
from typing import Any, TypeAlias, TypeVar

from agent_brain_store.errors import NotInitialized
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import SearchResult
from agent_brain_store.sync import SyncStore
from agent_brain_store.types import Metadata

HIGHLIGHTS = "_highlights"  # the metadata key of what matched

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


# --- searches --------------------------------------------------------------------------------------------------------


def search_options(search: str, options: dict[str, Any], question: str | None = None) -> dict[str, Any]:
    """Return the options of a search of the contract, which ``search`` names.

    In a vector search, ``highlights=True`` stands for the question. Raises `TypeError` for an option that this search
    does not have.
    """
    known = _options(search)
    if unknown := sorted(options.keys() - known):
        raise TypeError(f"{search} has no option {', '.join(map(repr, unknown))}: its options are {', '.join(known)}")
    if search == "vector_search" and isinstance(options.get("highlights"), bool):
        return {**options, "highlights": question if options["highlights"] else None}
    return options


@cache
def _options(search: str) -> tuple[str, ...]:
    given = {"self", "query", "query_embedding", "top_k", "where"}  # the interfaces have their own names for these
    return tuple(name for name in signature(getattr(StorageBackend, search)).parameters if name not in given)


def shown_metadata(hit: SearchResult) -> Metadata:
    """Return the metadata of a result, with its highlights under `HIGHLIGHTS` if they were asked for.

    Each has its ``text``, the ``start`` and ``end`` of that in the whole text, and those of its ``words``.
    """
    if hit.highlights is None:
        return hit.metadata
    passages = [
        {"text": hit.text[h.start : h.end], "start": h.start, "end": h.end, "words": [list(word) for word in h.words]}
        for h in hit.highlights
    ]
    return {**hit.metadata, HIGHLIGHTS: passages}
