"""Opening, closing and opening again: what a store is before, between and after."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from agent_brain_store import NotInitialized, StorageBackend, create_backend, import_documents, open_store
from tests.support.stores import ANIMALS, DIMENSIONS, embed, fill, mapping


async def test_a_store_is_a_storage_backend(store):
    assert isinstance(store, StorageBackend)
    assert store.is_initialized


def test_another_kind_of_event_loop_is_refused(backend, tmp_path):
    """Such as trio's. Here no loop runs at all, which looks the same to asyncio."""
    configuration = mapping(backend=backend, chroma={"path": str(tmp_path)})
    store = create_backend(configuration)
    for call in (store.initialize(), import_documents(store, tmp_path), open_store(configuration).__aenter__()):
        with pytest.raises(NotInitialized, match="asyncio|not open"):
            call.send(None)


async def test_every_call_before_initialize_is_refused(make):
    store = make()
    assert not store.is_initialized
    calls = [
        store.get_count(),
        store.get_by_id("a"),
        store.get_by_ids([]),
        store.vector_search(embed("x"), 3),
        store.vector_search(embed("x"), 0),
        store.keyword_search("x", 3),
        store.hybrid_search("x", embed("x"), 3),
        store.upsert_documents(["a"], [embed("a")], ["a"], [{}]),
        store.upsert_documents([], [], [], []),
        store.replace_documents({"n": 1}, [], [], [], []),
        store.delete_by_ids(["a"]),
        store.delete_by_ids([]),
        store.delete_by_metadata({"n": 1}),
        store.reset(),
        store.get_embedding_metadata(),
        store.set_embedding_metadata("test", "hashed", DIMENSIONS),
        store.ensure_indexes(),
        store.reindex(),
    ]
    for call in calls:
        with pytest.raises(NotInitialized, match=r"initialize\(\)"):
            await call
    with pytest.raises(NotInitialized):
        [chunk async for chunk in store.iter_documents()]
    with pytest.raises(NotInitialized):
        async with store.bulk_load():
            pass
    health = await store.health()
    assert not health.ok
    assert "initialize()" in health.details["error"]


async def test_a_store_may_be_opened_twice_and_from_fifty_tasks(make):
    store = make()
    await asyncio.gather(*(store.initialize() for _ in range(50)))
    await fill(store, *ANIMALS)
    await store.initialize()
    assert await store.get_count() == 4


async def test_a_store_may_be_closed_twice_and_opened_again(make):
    store = make()
    await store.close()
    await store.initialize()
    await fill(store, *ANIMALS)
    await store.close()
    await store.close()
    assert not store.is_initialized
    with pytest.raises(NotInitialized):
        await store.get_count()
    await store.initialize()
    assert await store.get_count() == 4
    assert [hit.chunk_id for hit in await store.keyword_search("rockets", 5)] == ["d"]


async def test_another_store_finds_what_a_closed_one_has_written(make):
    first = make()
    await first.initialize()
    await fill(first, *ANIMALS)
    await first.close()
    second = make()
    await second.initialize()
    assert await second.get_by_id("a") == {"text": ANIMALS[0][1], "metadata": ANIMALS[0][2]}
    assert {hit.chunk_id for hit in await second.keyword_search("bear", 5)} == {"a", "c"}


async def test_health_counts_the_chunks(store):
    await fill(store, *ANIMALS)
    health = await store.health()
    assert health.ok
    assert health.details["chunks"] == 4
    assert health.details["exact_fallbacks"] == 0


async def test_a_cancelled_start_is_undone_by_close(make):
    for delay in (0.0001, 0.001, 0.01, 0.05):
        store = make()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(store.initialize(), delay)
        await store.close()
        await asyncio.sleep(0.05)
        assert not store.is_initialized
    store = make()
    await store.initialize()
    assert await store.get_count() == 0


async def test_an_empty_store_answers_every_call(store):
    assert await store.get_count() == 0
    assert await store.get_by_id("a") is None
    assert await store.get_by_ids(["a"]) == {}
    assert await store.vector_search(embed("a"), 5) == []
    assert await store.keyword_search("a question about bears", 5) == []
    assert await store.hybrid_search("bears", embed("a"), 5) == []
    assert await store.hybrid_search("bears", embed("a"), 5, fusion="relative_score") == []
    assert [chunk async for chunk in store.iter_documents()] == []
    assert await store.delete_by_ids(["a"]) == 0
    assert await store.delete_by_metadata({"a": 1}) == 0
    assert await store.get_embedding_metadata() is None
    await store.reset()
