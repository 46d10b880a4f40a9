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
    """Open stores for ``storage.postgres``. Keywords override ``storage``. Close them at the end."""
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
    """Open an empty store."""
    return await opened(database)
