"""Fixtures of the tests of PostgreSQL alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from agent_brain_store import StorageBackend, create_backend
from tests.support.postgres import config

Opened = Callable[..., Awaitable[StorageBackend]]


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Opens stores for ``storage.postgres``; keywords override ``storage``. Closes them at the end."""
    stores: list[StorageBackend] = []

    async def open_one(postgres: dict[str, Any], **storage: Any) -> StorageBackend:
        stores.append(create_backend(config(postgres, **storage)))
        await stores[-1].initialize()
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
async def store(opened: Opened, database: dict[str, Any]) -> StorageBackend:
    """An initialized, empty store."""
    return await opened(database)
