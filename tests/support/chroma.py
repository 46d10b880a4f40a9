"""What tests of Chroma share: configurations, open stores, and a client that is not the library's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import chromadb
from chromadb.config import Settings

from agent_brain_store import StorageBackend, StoreConfig, create_backend
from tests.support.stores import DIMENSIONS, mapping


def config(path: Path, collection: str = "agent_brain", dimensions: int = DIMENSIONS, **storage: Any) -> StoreConfig:
    """Return a configuration for a directory."""
    storage = {"chroma": {"path": str(path), "collection": collection}, **storage}
    return StoreConfig.from_dict(mapping(dimensions=dimensions, **storage))


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[Any]:
    """Open a store, and close it at the end."""
    store = create_backend(config(path, **options))
    await store.initialize()
    try:
        yield store
    finally:
        await store.close()


async def found(store: StorageBackend, query: str, **options: Any) -> list[str]:
    """Return the ids that a keyword search finds, in their own order."""
    return sorted(hit.chunk_id for hit in await store.keyword_search(query, 100, **options))


def client(path: Path) -> Any:
    """Open Chroma's own client, as another program would."""
    return chromadb.PersistentClient(os.path.realpath(path), settings=Settings(anonymized_telemetry=False))
