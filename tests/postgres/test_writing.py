"""Writes: nothing for what is unchanged, all or nothing, and counts that stay exact."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import numpy as np
import pgvector
import pytest

from agent_brain_store import QueryFailed
from agent_brain_store.postgres.sql import queries
from tests.support.postgres import connect, forbid_text
from tests.support.stores import DIMENSIONS, fill

pytestmark = pytest.mark.postgres


async def test_an_unchanged_upsert_writes_nothing(store, plain):
    chunks = [(f"{i}", f"text {i}", {"n": i, "f": 0.1, "deep": {"a": [1, None]}}) for i in range(20)]
    await fill(store, *chunks)
    before = await plain.fetch("select ctid, xmin from chunks order by chunk_id")
    await fill(store, *chunks)
    assert await plain.fetch("select ctid, xmin from chunks order by chunk_id") == before
    await fill(store, *chunks[:-1], ("19", "text 19", {"n": 20}))
    after = await plain.fetch("select ctid, xmin from chunks order by chunk_id")
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


async def test_an_unchanged_upsert_writes_nothing_where_the_column_rounds(opened, database):
    """From 2001 dimensions on vectors are stored in half precision. What is given never equals what is stored."""
    postgres = {**database, "schema": "rounded"}
    store = await opened(postgres, dimensions=2048)
    chunks: tuple[Any, ...] = (["a", "b"], np.random.default_rng(1).normal(size=(2, 2048)), ["one", "two"], [{}, {}])
    await store.upsert_documents(*chunks)
    await store.upsert_documents(*chunks)
    connection = await connect(postgres)
    # A row that an insert has met and left alone would be marked as locked.
    assert await connection.fetch("select xmax::text from chunks") == [("0",), ("0",)]
    await store.upsert_documents(chunks[0], chunks[1] * 2, *chunks[2:])
    stored = np.array([chunk.embedding async for chunk in store.iter_documents(include_embeddings=True)])
    assert np.array_equal(stored, (chunks[1] * 2).astype(np.float16).astype(np.float32))
    await connection.close()


async def test_a_failing_upsert_writes_nothing(store, plain):
    await forbid_text(plain, "bad")
    ids = [f"{i:05}" for i in range(2500)]
    texts = ["fine"] * 2400 + ["bad"] * 100
    with pytest.raises(QueryFailed, match="no_bad") as caught:
        await store.upsert_documents(ids, np.ones((2500, DIMENSIONS)), texts, [{}] * 2500)
    assert "insert" not in caught.value.message
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)
    assert await store.get_count() == 0


@pytest.mark.parametrize("dimensions", [DIMENSIONS, 2100])
async def test_vectors_are_sent_and_received_in_binary(opened, database, dimensions, monkeypatch):
    def refuse(*_: Any) -> str:
        raise AssertionError("as text")

    for kind in (pgvector.Vector, pgvector.HalfVector):
        monkeypatch.setattr(kind, "to_text", refuse)
        monkeypatch.setattr(kind, "from_text", refuse)
    store = await opened({**database, "schema": "wide"}, dimensions=dimensions)
    given = np.random.default_rng(1).normal(size=(3, dimensions)).astype(np.float16).astype(np.float32)
    await store.upsert_documents(["a", "b", "c"], given, ["text"] * 3, [{}] * 3)
    stored = [chunk.embedding async for chunk in store.iter_documents(include_embeddings=True)]
    assert np.array_equal(np.array(stored), given)
    assert (await store.vector_search(given[1], 1))[0].chunk_id == "b"


# --- counting chunks -------------------------------------------------------------------------------------------------


async def test_counts_are_exact_whoever_writes(store, plain):
    await fill(store, *((f"{i}", f"text {i}") for i in range(10)))
    await fill(store, *((f"{i}", f"changed {i}") for i in range(5, 15)))
    await store.delete_by_ids(["0", "1"])
    await plain.execute("delete from chunks where chunk_id = '2'")
    assert await store.get_count() == 12 == await plain.fetchval("select count(*) from chunks")
    tokens = await plain.fetchrow(
        "select sum(tokens) as now, (select sum(tokens) from chunk_counts) as noted from chunks"
    )
    assert tokens["now"] == tokens["noted"]
    await plain.execute(queries()["compact_counts"].text)
    assert await store.get_count() == 12
    assert await plain.fetchval("select count(*) from chunk_counts") == 1


async def test_counts_are_exact_when_chunks_are_truncated_during_a_compaction(store, database, plain):
    await fill(store, *((f"{i}", f"text {i}") for i in range(10)))
    async with plain.transaction():
        await plain.execute(queries()["compact_counts"].text)
        other = await connect(database)
        truncating = asyncio.create_task(other.execute("truncate chunks"))
        await asyncio.sleep(0.2)
        assert not truncating.done()
    await truncating
    await other.close()
    assert await store.get_count() == 0


async def test_counts_are_exact_with_concurrent_writers_and_compaction(store, plain):
    async def work(n):
        for i in range(30):
            await fill(store, (f"{n}-{i}", "text"))
            if i % 3 == 0:
                await store.delete_by_ids([f"{n}-{i}"])

    await asyncio.gather(*(work(n) for n in range(8)))
    assert await store.get_count() == 8 * 20 == await plain.fetchval("select count(*) from chunks")
    assert await plain.fetchval("select count(*) from chunk_counts") < 330


async def test_the_table_of_counts_stays_short_whoever_writes(opened, database, plain):
    for _ in range(3):
        store = await opened(database)
        for i in range(40):
            await fill(store, (f"{i}", f"text {i} {uuid.uuid4()}"))
        await store.close()
    assert await plain.fetchval("select count(*) from chunk_counts") <= 51


async def test_the_planner_learns_of_chunks_that_come_a_few_at_a_time(store, plain):
    for start in range(0, 300, 50):
        await fill(store, *((f"{i}", f"text {i}", {"n": i}) for i in range(start, start + 50)))
    await store.close()
    assert await plain.fetchval("select reltuples from pg_class where oid = 'chunks'::regclass") >= 240


async def test_a_published_store_can_be_reset_and_compacted(store, plain):
    await plain.execute("create publication everything for tables in schema agent_brain")
    await fill(store, ("a", "text"))
    await plain.execute(queries()["compact_counts"].text)
    await store.reset()
    assert await store.get_count() == 0
