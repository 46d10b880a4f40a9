"""Warn once if a filter finds nothing and names a metadata key that no chunk has. It is misspelt, most likely."""

from __future__ import annotations

import asyncio
import logging
from typing import TypeVar

from agent_brain_store.errors import StorageError
from agent_brain_store.filters.parse import Exists, Filter, keys_of
from agent_brain_store.repository import Repository

log = logging.getLogger(__name__)

Found = TypeVar("Found")
_MOST = 100  # keys; filters may come from strangers, and looking for a key that is nowhere reads every chunk


class UnknownKeys:
    """Looks for the keys of filters in the background, once for each key. The search that found nothing does not wait."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._seen: set[str] = set()
        self._looking: set[asyncio.Task[None]] = set()

    def noticed(self, filter: Filter | None, found: Found) -> Found:
        """Return what a filter has found. If that is nothing, look whether it names a key that no chunk has."""
        if filter is not None and not found:
            self._look_for(filter)
        return found

    def _look_for(self, filter: Filter) -> None:
        new = keys_of(filter) - self._seen
        if new and len(self._seen) < _MOST:
            self._seen |= new
            task = asyncio.create_task(self._look(new))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def wait(self) -> None:
        """Wait until nothing is looked for any more."""
        await asyncio.gather(*self._looking)

    async def stop(self) -> None:
        """Give up what is looked for."""
        for task in self._looking:
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    async def _look(self, keys: set[str]) -> None:
        try:
            if not await self._any_chunk(None):
                self._seen -= keys  # an empty store says nothing about a key
                return
            for key in sorted(keys):
                if not await self._any_chunk(Exists(key)):
                    log.warning(
                        "a filter names the metadata key %s, which no chunk has: describe() lists the keys that there are",
                        ascii(key[:80]),
                        extra={"metadata_key": key[:80]},
                    )
        except StorageError as error:
            log.debug("the keys of a filter could not be looked for: %s", error.message)

    async def _any_chunk(self, filter: Filter | None) -> bool:
        async for page in self._repository.pages(filter, 1, False):
            return bool(page)
        return False
