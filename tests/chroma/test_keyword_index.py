"""The keyword index in memory: built when needed, and never behind the chunks."""

from __future__ import annotations

import asyncio

import numpy as np

from agent_brain_store import IndexReport, Progress
from tests.support.chroma import found, opened
from tests.support.internals import has_keyword_index, keyword_index, keyword_index_size
from tests.support.stores import embed, fill


async def test_ensure_indexes_builds_the_keyword_index_and_reports_progress(store):
    await fill(store, *((f"{i:04}", f"text {i}") for i in range(1200)))
    seen: list[Progress] = []
    assert (await store.ensure_indexes(seen.append)).created == ("keyword index",)
    assert seen == [Progress("building the keyword index", done, 1200) for done in (1000, 1200)]
    assert (await store.health()).details["keyword_index"] == "ready"
    assert await store.ensure_indexes(seen.append) == IndexReport()
    assert len(seen) == 2


async def test_the_index_follows_every_write_and_survives_a_restart(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "red fox"), ("b", "red hen"), ("c", "blue fox", {"title": "Crimson"}))
        assert await found(store, "fox") == ["a", "c"]
        await fill(store, ("a", "red wolf"))
        assert await found(store, "fox") == ["c"]
        assert await found(store, "wolves wolf") == ["a"]
        await store.delete_by_metadata({"title": "Crimson"})
        assert await found(store, "fox crimson") == []
        await store.replace_documents({"x": 1}, ["d"], [embed("d")], ["grey fox"], [{"x": 1}])
    async with opened(tmp_path) as store:
        assert not has_keyword_index(store)
        assert await found(store, "fox") == ["d"]
        assert await found(store, "fox", where={"x": 2}) == []


async def test_the_index_is_packed_when_most_of_its_chunks_are_gone(store):
    await fill(store, ("a", "first word"))
    index = await keyword_index(store)
    for i in range(3000):
        index.put("b", f"number {i} word", {})
    assert keyword_index_size(index) < 1500
    assert [chunk_id for chunk_id, _ in index.search("word", 10)] == ["a", "b"]
    assert [chunk_id for chunk_id, _ in index.search("2999", 10)] == ["b"]
    assert index.search("2998", 10) == []


async def test_a_search_need_not_wait_for_a_long_write(store):
    await fill(store, ("a", "first"))
    ids = [f"{i:05}" for i in range(1500)]
    writing = asyncio.create_task(store.upsert_documents(ids, np.ones((1500, 16)), ["text"] * 1500, [{}] * 1500))
    await asyncio.sleep(0.05)
    assert await found(store, "first") == ["a"]
    assert not writing.done()
    await writing
    assert len(await store.keyword_search("text", 5000)) == 1500
