"""bulk_load(): when it suspends the vector index, and that it always builds it again."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from agent_brain_store import DimensionMismatchError, InvalidDocumentError, Progress, QueryFailed
from tests.support.internals import fail_to_build_at_the_end_of_a_load
from tests.support.postgres import document_frequency, index_facts, is_indexed, until, until_indexed, vector_index
from tests.support.stores import DIMENSIONS, embed, made_up

pytestmark = pytest.mark.postgres


# --- suspending the index --------------------------------------------------------------------------------------------


async def test_concurrent_calls_into_one_bulk_load_leave_a_valid_index(store, plain):
    rng = np.random.default_rng(1)
    async with store.bulk_load() as load:

        async def part(n):
            ids = [f"{n}-{i}" for i in range(1500)]
            await load.upsert_documents(ids, rng.normal(size=(1500, DIMENSIONS)), ids, [{}] * 1500)

        await asyncio.gather(*(part(n) for n in range(4)))
        assert await plain.fetchval("select to_regclass('chunks_embedding_ann')") is None, "suspended meanwhile"
        assert len(await store.vector_search(embed("x"), 10)) == 10
    facts = await index_facts(plain)
    assert facts["chunks_embedding_ann"]["valid"]
    assert await store.get_count() == 6000


async def test_a_second_bulk_load_leaves_the_index_to_the_first(opened, store, database, caplog):
    other = await opened(database)
    rng = np.random.default_rng(1)
    async with store.bulk_load() as first, other.bulk_load() as second:
        for name, load in (("a", first), ("b", second)):
            ids = [f"{name}{i}" for i in range(2500)]
            await load.upsert_documents(ids, rng.normal(size=(2500, DIMENSIONS)), ids, [{}] * 2500)
    assert "the vector index could not be dropped for this load" in caplog.text
    assert await store.get_count() == 5000
    assert (await store.ensure_indexes()).created == ()


async def test_the_same_texts_embedded_anew_suspend_the_index(store, plain):
    ids, vectors, texts, metadatas = made_up(3000)
    await store.upsert_documents(ids, vectors, texts, metadatas)
    before = await vector_index(plain)
    async with store.bulk_load() as load:
        await load.upsert_documents(ids, vectors[::-1], texts, metadatas)
    after = await vector_index(plain)
    assert after != before
    await store.upsert_documents(ids, vectors, texts, metadatas)
    assert await vector_index(plain) != after, "as one call does"


async def test_loading_the_same_again_does_not_suspend_the_index(store, plain):
    await store.upsert_documents(*made_up(3000))
    before = await vector_index(plain)
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(3000))
        assert await plain.fetchval("select to_regclass('chunks_embedding_ann')") is not None
    assert await vector_index(plain) == before, "nothing has changed"


async def test_chunks_that_are_refused_do_not_suspend_the_index(store, plain):
    before = await plain.fetchval("select 'chunks_embedding_ann'::regclass::oid")
    ids, texts = [f"{i:06}" for i in range(1500)], ["text"] * 1500
    metadatas: list[dict[str, Any]] = [{}] * 1500
    async with store.bulk_load() as load:
        with pytest.raises(DimensionMismatchError):
            await load.upsert_documents(ids, np.ones((1500, DIMENSIONS + 1)), texts, metadatas)
        with pytest.raises(InvalidDocumentError):
            await load.upsert_documents([*ids[:-1], 7], np.ones((1500, DIMENSIONS)), texts, metadatas)
    assert await plain.fetchval("select 'chunks_embedding_ann'::regclass::oid") == before
    assert await store.get_count() == 0


@pytest.mark.parametrize(("loaded", "is_kept"), [(1100, True), (2000, False)])
async def test_only_a_load_of_a_good_part_of_the_store_suspends_the_index(store, plain, loaded, is_kept):
    await store.upsert_documents(*made_up(6000))
    before = await vector_index(plain)
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(loaded, "new "))
    assert (await vector_index(plain) == before) is is_kept


async def test_a_call_into_a_bulk_load_that_has_ended_leaves_the_index_in_place(store, plain):
    async with store.bulk_load() as load:
        pass
    await load.upsert_documents(*made_up(2000))
    assert await is_indexed(plain)
    assert (await store.ensure_indexes()).created == ()


# --- how it ends -----------------------------------------------------------------------------------------------------


async def test_a_bulk_load_refreshes_the_planners_statistics(store, plain):
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(1500))
    await until(plain, "select analyze_count > 0 from pg_stat_user_tables where relid = 'chunks'::regclass")
    assert await plain.fetchval("select reltuples from pg_class where oid = 'chunks'::regclass") == 1500


async def test_one_large_call_ends_with_fresh_statistics_although_terms_are_counted_while_it_builds(store, plain):
    """The planner's statistics cannot be refreshed during a build, which locks the table."""
    ids, vectors, _, metadatas = made_up(6000)
    await store.upsert_documents(ids, vectors, ["a common word"] * 6000, metadatas)
    assert await is_indexed(plain)
    assert await document_frequency(plain, "common") == 6000
    assert await plain.fetchval("select reltuples from pg_class where oid = 'chunks'::regclass") == 6000
    assert await plain.fetchval("select count(*) from pg_stats where tablename = 'chunks' and attname = 'tokens'") == 1


async def test_a_bulk_load_that_is_cancelled_while_it_builds_leaves_an_index(store, plain):
    building = asyncio.Event()

    def seen(progress: Progress) -> None:
        if progress.operation.startswith("building"):
            building.set()

    async def job() -> None:
        async with store.bulk_load(seen) as load:
            await load.upsert_documents(*made_up(8000))

    loading = asyncio.create_task(job())
    await building.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await until_indexed(plain)


async def test_a_bulk_load_with_an_error_counts_what_it_has_written(store, plain):
    await store.upsert_documents(*made_up(100))

    async def job() -> None:
        async with store.bulk_load() as load:
            await load.upsert_documents(["x"], [embed("x")], ["zyzzyva"], [{}])
            raise RuntimeError("in the block")

    with pytest.raises(RuntimeError, match="in the block"):
        await job()
    assert await document_frequency(plain, "zyzzyva") == 1


async def test_an_error_in_a_bulk_load_is_raised_although_its_end_fails_too(store, monkeypatch, caplog):
    fail_to_build_at_the_end_of_a_load(monkeypatch, store, QueryFailed("no build today", "postgres"))

    async def job() -> None:
        async with store.bulk_load() as load:
            await load.upsert_documents(*made_up(2000))
            raise RuntimeError("in the block")

    with pytest.raises(RuntimeError, match="in the block"):
        await job()
    assert "the end of a bulk load has failed: no build today" in caplog.text


async def test_a_bulk_load_survives_the_loss_of_its_idle_connection(store, plain):
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(2000))
        assert await plain.fetchval("select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory'")
        await load.upsert_documents(*made_up(100, "more"))
    assert await store.get_count() == 2100
    assert await is_indexed(plain)
