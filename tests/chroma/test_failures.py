"""Failures of Chroma: told in the library's own words, and gone with the next call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chromadb
import pytest

from agent_brain_store import QueryFailed, StorageError
from tests.support.chroma import client, found, opened
from tests.support.internals import client_of, raise_as_driver, wrap, write_in_pieces_of
from tests.support.stores import embed, fill


async def test_chroma_is_opened_anew_after_any_failed_write(tmp_path, monkeypatch):
    failures: list[Exception] = [RuntimeError("any message of Chroma")]

    def failing_once(put: Callable[..., None], *arguments: Any) -> None:
        put(*arguments)
        if failures:
            raise_as_driver("write chunks", failures.pop())

    async with opened(tmp_path) as store, opened(tmp_path, collection="other") as other:
        await fill(store, ("a", "red fox"))
        await fill(other, ("b", "blue wolf"))
        client = client_of(store)
        wrap(monkeypatch, "put", failing_once)
        with pytest.raises(QueryFailed, match="Chroma could not write chunks"):
            await fill(store, ("c", "red hen"))
        assert client_of(store) is client
        assert await store.get_count() == 2
        await fill(store, ("d", "red cat"))
        assert client_of(store) is not client
        assert sorted([hit.chunk_id for hit in await store.keyword_search("red", 5)]) == ["a", "c", "d"]
        assert [hit.chunk_id for hit in await other.hybrid_search("wolf", embed("wolf"), 5)] == ["b"]
        await fill(other, ("e", "blue cat"))
        assert await other.get_count() == 2


async def test_a_reset_that_failed_half_way_can_be_repeated(tmp_path, monkeypatch):
    failures = [QueryFailed("Chroma could not create the collection: the disk is full", "chroma")]

    def failing_once(create: Callable[..., Any], *arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return create(*arguments)

    async with opened(tmp_path) as store:
        await fill(store, ("a", "text"))
        wrap(monkeypatch, "create collection", failing_once)
        with pytest.raises(QueryFailed, match="the disk is full"):
            await store.reset()
        await store.reset()
        await fill(store, ("b", "text"))
        assert await store.get_count() == 1


async def test_a_write_that_fails_half_way_leaves_no_stale_keyword_index(store, monkeypatch):
    await fill(store, *((f"{i:03}", "old word") for i in range(100)))
    assert len(await found(store, "old")) == 100
    write_in_pieces_of(store, 16)
    calls = []

    def failing_at_the_second(put: Callable[..., None], *arguments: Any) -> None:
        calls.append(1)
        put(*arguments)
        if len(calls) == 2:
            raise QueryFailed("the disk is full", "chroma")

    wrap(monkeypatch, "put", failing_at_the_second)
    with pytest.raises(QueryFailed):
        await fill(store, *((f"{i:03}", "new word") for i in range(100)))
    monkeypatch.undo()
    new, old = await found(store, "new"), await found(store, "old")
    assert len(new) == 32
    assert len(old) == 68
    await fill(store, *((f"{i:03}", "new word") for i in range(100)))
    assert (len(await found(store, "new")), await found(store, "old")) == (100, [])


async def test_health_asks_chroma_although_the_count_is_known(store, monkeypatch):
    assert await store.get_count() == 0

    def fail(self: chromadb.Collection, **_: Any) -> None:
        raise chromadb.errors.InternalError("the disk is gone")

    monkeypatch.setattr(chromadb.Collection, "get", fail)
    assert not (await store.health()).ok


async def test_errors_of_chroma_are_told_without_paths_and_classes(store, tmp_path):
    await fill(store, ("a", "x"))
    client(tmp_path).delete_collection("agent_brain")
    with pytest.raises(StorageError) as caught:
        await store.get_count({"n": 1})
    assert "chromadb" not in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert caught.value.__cause__ is not None
    health = await store.health()
    assert not health.ok
    assert health.details["error"]
