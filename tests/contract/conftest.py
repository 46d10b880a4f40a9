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
        postgres = request.getfixturevalue("postgres")
        # A cluster has one database for all tests.
        elsewhere = {"postgres": {**postgres, "schema": f"{postgres.get('schema', 'a')}_second"}}
    other = make(**elsewhere)
    await other.initialize()
    return store, other


@pytest.fixture
def may_suspend(backend: str, pooler: dict[str, Any]) -> bool:
    """Return whether a load can drop the vector index. That needs a session, which a pooler may not give."""
    return backend == "postgres" and (pooler.get("pooler") != "transaction" or "direct_url" in pooler)


@pytest.fixture
def with_sessions(request: pytest.FixtureRequest) -> None:
    """Skip a test of what is refused behind a pooler without a direct way (``postgres/test_pooler.py``)."""
    is_postgres = "backend" in request.fixturenames and request.getfixturevalue("backend") == "postgres"
    if is_postgres and not request.getfixturevalue("may_suspend"):
        pytest.skip("refused behind a pooler in transaction mode without direct_url")


@pytest.fixture
def without_others(request: pytest.FixtureRequest) -> None:
    """Skip a test of what a Chroma server refuses, because others may write there (``chroma/test_server.py``)."""
    is_chroma = "backend" in request.fixturenames and request.getfixturevalue("backend") == "chroma"
    if is_chroma and request.getfixturevalue("chroma_place"):
        pytest.skip("refused on a Chroma server")
