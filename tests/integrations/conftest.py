"""Fixtures of the integrations' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from agent_brain_store import SyncStore, open_store_sync


@pytest.fixture
def opened(make) -> Iterator[Callable[..., SyncStore]]:
    """Open stores in threads of their own. They are closed at the end."""
    stores: list[SyncStore] = []

    def build(**storage) -> SyncStore:
        stores.append(open_store_sync(make(**storage).config))
        return stores[-1]

    yield build
    for store in stores:
        store.close()
