"""One call that writes as many chunks as there were builds the vector index anew, as a bulk load does."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from agent_brain_store import QueryFailed
from tests.support.internals import set_timings
from tests.support.postgres import connect, forbid_text, is_indexed, until_indexed, until_suspended, vector_index
from tests.support.stores import embed, fill, made_up

pytestmark = pytest.mark.postgres


# --- when the index is built anew -------------------------------------------------------------------------------------


async def test_many_chunks_into_an_empty_store_build_the_index_anew(store, plain):
    first = await vector_index(plain)
    await store.upsert_documents(*made_up(500))
    doubled = await vector_index(plain)
    assert doubled is not None
    assert doubled != first, "500 chunks into an empty store"
    assert doubled[1]


async def test_other_metadata_for_every_chunk_builds_the_index_anew(store, plain):
    await store.upsert_documents(*made_up(1000))
    doubled = await vector_index(plain)
    ids, vectors, texts, _ = made_up(1000)
    seen: list[dict[str, Any]] = [{"seen": datetime(2026, 1, 1), "n": 1.0, "null": None} for _ in ids]
    await store.upsert_documents(ids, vectors, texts, seen)
    rewritten = await vector_index(plain)
    assert rewritten not in (None, doubled), "1,000 of 1,000 chunks have other metadata"
    await store.upsert_documents(ids, vectors, texts, seen)
    assert await vector_index(plain) == rewritten, "the same chunks again are no writes"


async def test_a_call_that_writes_less_than_there_is_keeps_the_index(store, plain):
    before = await vector_index(plain)
    await store.upsert_documents(*made_up(499, "few"))
    assert await vector_index(plain) == before, "499 chunks are too few"
    await store.upsert_documents(*made_up(1400))
    before = await vector_index(plain)
    await store.upsert_documents(*made_up(1500, "less"))
    assert await vector_index(plain) == before, "1,500 are less than 1,899"
    assert await store.get_count() == 3399
    ids, vectors, *_ = made_up(1500, "less")
    assert (await store.vector_search(vectors[7], 1))[0].chunk_id == ids[7]


# --- meanwhile and afterwards -----------------------------------------------------------------------------------------


async def test_searches_and_writes_go_on_while_a_call_builds_the_index(store, plain):
    await fill(store, ("old", "an old chunk"))
    loading = asyncio.create_task(store.upsert_documents(*made_up(8000)))
    await until_suspended(plain)
    searches = 0
    while not loading.done():
        assert "old" in [hit.chunk_id for hit in await store.vector_search(embed("an old chunk"), 1)]
        await fill(store, (f"new{searches}", "written meanwhile"))
        searches += 1
    assert await loading == 8000
    assert searches > 1
    assert await store.get_count() == 8001 + searches
    assert await is_indexed(plain)


async def test_a_failed_call_builds_the_index_again(store, plain):
    await forbid_text(plain, "00777")
    with pytest.raises(QueryFailed):
        await store.upsert_documents(*made_up(2000))
    await store.close()
    assert await is_indexed(plain)
    assert await plain.fetchval("select count(*) from chunks") == 0


async def test_a_cancelled_call_builds_the_index_again(store, plain):
    loading = asyncio.create_task(store.upsert_documents(*made_up(8000)))
    await until_suspended(plain)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await store.close()
    assert await is_indexed(plain)
    assert await plain.fetchval("select count(*) from chunks") == 0


async def test_a_call_waits_only_so_long_for_a_transaction_in_its_way(store, database, plain, monkeypatch, caplog):
    set_timings(store, lock_wait=1.0)
    other = await connect(database)
    transaction = other.transaction()
    await transaction.start()
    await other.fetch("select count(*) from chunks")
    assert await store.upsert_documents(*made_up(1000)) == 1000
    assert "the vector index could not be dropped for this load" in caplog.text
    assert "the chunks are stored, but the vector index could not be built; trying again" in caplog.text
    ids, vectors, *_ = made_up(1000)
    assert (await store.vector_search(vectors[7], 1))[0].chunk_id == ids[7]
    await transaction.rollback()
    await other.close()
    await until_indexed(plain)
