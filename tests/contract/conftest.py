"""Fixtures of the contract's tests."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
async def two(make, backend, tmp_path, request):
    """Open the store under test, and an empty one beside it."""
    store = make()
    await store.initialize()
    elsewhere: dict[str, Any] = {"chroma": {"path": str(tmp_path / "chroma"), "collection": "second"}}
    if backend == "postgres":
        elsewhere = {"postgres": {**request.getfixturevalue("database"), "schema": "second"}}
    other = make(**elsewhere)
    await other.initialize()
    return store, other
