"""Keep the Chroma directories and servers that this process has open.

Several stores of one process may use one directory, and even one collection. They share Chroma's client, the threads
and the keyword indexes, because separate caches would go stale. The last store to close gives the directory back.
"""

from __future__ import annotations

import threading
from typing import Any

from agent_brain_store.chroma import client
from agent_brain_store.chroma.directory import Collection, Directory
from agent_brain_store.chroma.places import key_of, place_of
from agent_brain_store.config import StoreConfig

_directories: dict[tuple[Any, ...], Directory] = {}
_opening = threading.Lock()


def acquire(config: StoreConfig, tolerant: bool) -> Collection:
    """Open the configured collection, or share it with the stores that have it open.

    Raises `MissingDependency`, `StoreLocked`, `ConnectionFailed`, and the errors of a store that is not the configured
    one.
    """
    client.require_packages()
    with _opening:
        key = key_of(config.chroma)
        directory = _directories.get(key)
        if directory is None:
            directory = _directories[key] = Directory(place_of(config.chroma))
        try:
            collection = directory.open_collection(config, tolerant)
        except BaseException:
            _close_unused(key)
            raise
        directory.users += 1
        return collection


def release(collection: Collection) -> None:
    """Release a collection. The last release closes its directory."""
    with _opening:
        for key, directory in list(_directories.items()):
            if directory is collection.directory:
                directory.users -= 1
                _close_unused(key)


def _close_unused(key: tuple[Any, ...]) -> None:
    if _directories[key].users == 0:
        _directories.pop(key).close()
