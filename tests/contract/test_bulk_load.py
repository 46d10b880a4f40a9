"""bulk_load(), its progress, what a callback may do, and the indexes."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent_brain_store import InvalidDocumentError, Progress, QueryFailed
from agent_brain_store.chroma.client import PAGE
from agent_brain_store.postgres.writing import ROWS
from tests.support.stores import ANIMALS, DIMENSIONS, embed, fill


def reported(store, chunks: int) -> list[int]:
    """Return what the progress of so many chunks says after each part."""
    size = {"postgres": ROWS, "chroma": PAGE}[store.repository.name]
    return [*range(size, chunks, size), chunks]


async def test_a_bulk_load_writes_what_upserts_write(store):
    seen: list[Progress] = []
    ids = [f"{i:05}" for i in range(3000)]
    vectors = np.random.default_rng(1).normal(size=(3000, DIMENSIONS))
    async with store.bulk_load(seen.append) as load:
        for start in range(0, 3000, 1000):
            part = slice(start, start + 1000)
            assert await load.upsert_documents(ids[part], vectors[part], ids[part], [{}] * 1000) == 1000
        assert (await store.vector_search(vectors[5], 1))[0].chunk_id == "00005"
    assert await store.get_count() == 3000
    assert (await store.vector_search(vectors[2999], 1))[0].chunk_id == "02999"
    assert [p.done for p in seen if p.operation == "loading"] == reported(store, 3000)


async def test_one_large_call_reports_its_parts(store):
    seen: list[Progress] = []
    ids = [f"{i:05}" for i in range(2500)]
    vectors = np.random.default_rng(1).normal(size=(2500, DIMENSIONS))
    async with store.bulk_load(seen.append) as load:
        await load.upsert_documents(ids, vectors, ids, [{}] * 2500)
        with pytest.raises(InvalidDocumentError):
            await load.upsert_documents(["x", ""], vectors[:2], ["", ""], [{}] * 2)
        await load.upsert_documents(ids[:10], vectors[:10], ids[:10], [{}] * 10)
    loading = [p for p in seen if p.operation == "loading"]
    assert loading == [Progress("loading", done, None) for done in (*reported(store, 2500), 2510)]


async def test_a_large_upsert_reports_its_parts_and_the_index(store, may_suspend):
    seen: list[Progress] = []
    ids = [f"{i:05}" for i in range(2500)]
    vectors = np.random.default_rng(1).normal(size=(2500, DIMENSIONS))
    await store.upsert_documents(ids, vectors, ids, [{}] * 2500, progress=seen.append)
    parts = [Progress("loading", done, 2500) for done in reported(store, 2500)]
    builds = [Progress("building the vector index", 2500, 2500)] if may_suspend else []
    assert seen[: len(parts)] == parts
    assert seen[len(parts) :][-1:] == builds
    with pytest.raises(ValueError, match="enough"):
        await store.upsert_documents(["x"], vectors[:1], ["x"], [{}], progress=lambda _: int("enough"))
    assert await store.get_count() == 2501, "the chunk is stored nevertheless"


@pytest.mark.parametrize("error", [RuntimeError("enough"), BrokenPipeError(), TimeoutError(), QueryFailed("of mine")])
async def test_an_error_of_a_callback_is_raised_when_its_call_has_ended(store, error):
    told: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        told.append(progress)
        raise error

    ids = [f"{i:04}" for i in range(2500)]
    vectors = np.random.default_rng(1).normal(size=(2500, DIMENSIONS))

    async def load_two() -> None:
        async with store.bulk_load(interrupt) as load:
            await load.upsert_documents(ids, vectors, ids, [{}] * 2500)
            await load.upsert_documents(["c"], [embed("c")], ["c"], [{}])

    with pytest.raises(type(error)) as caught:
        await load_two()
    assert caught.value is error
    loading = [step for step in told if step.operation == "loading"]
    assert loading == [Progress("loading", reported(store, 2500)[0], None)], "once, and no more"
    assert await store.get_count() == 2500, "the second call was not made"
    assert (await store.keyword_search("0042", 1))[0].chunk_id == "0042"


async def test_an_error_in_a_bulk_load_is_raised_although_a_callback_fails_too(store):
    def fail(progress: Progress) -> None:
        if progress.operation != "loading":
            raise RuntimeError("of the callback")

    async def job(error: BaseException) -> None:
        async with store.bulk_load(fail) as load:
            await load.upsert_documents(["a"], [embed("a")], ["a"], [{}])
            raise error

    for error in (ValueError("of the block"), asyncio.CancelledError()):
        with pytest.raises(type(error)) as caught:
            await job(error)
        assert caught.value is error


async def test_a_cancelled_call_reports_no_more_progress(store):
    seen: list[Progress] = []
    begun = asyncio.Event()

    def report(progress: Progress) -> None:
        seen.append(progress)
        begun.set()

    ids = [f"{i:05}" for i in range(6000)]
    vectors = np.random.default_rng(1).normal(size=(6000, DIMENSIONS))
    async with store.bulk_load(report) as load:
        call = asyncio.create_task(load.upsert_documents(ids, vectors, ids, [{}] * 6000))
        await begun.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        seen.clear()
        await load.upsert_documents(ids, vectors, ids, [{}] * 6000)
    assert [step.done for step in seen if step.operation == "loading"] == reported(store, 6000)


async def test_ensure_indexes_and_reindex_keep_the_store_searchable(store):
    await fill(store, *ANIMALS)
    await store.ensure_indexes()
    assert (await store.ensure_indexes()).created == ()
    await store.reindex()
    assert len(await store.vector_search(embed("bear"), 4)) == 4
