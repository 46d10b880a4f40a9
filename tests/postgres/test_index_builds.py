"""Index builds: online, reported, and repaired by the next start."""

from __future__ import annotations

import asyncio
import os

import asyncpg
import numpy as np
import pytest

from agent_brain_store import Progress, open_store
from agent_brain_store.postgres.sql import queries
from tests.support.internals import give_build_memory, limit_build_memory, maintenance_connection, set_timings
from tests.support.postgres import (
    config,
    connect,
    index_facts,
    is_indexed,
    rewrite_chunk,
    until,
    until_blocked,
    until_indexed,
    vector_index,
)
from tests.support.stores import fill, made_up

pytestmark = pytest.mark.postgres


# --- at the start ----------------------------------------------------------------------------------------------------


INVALIDATE = "update pg_index set indisvalid = false where indexrelid = '{}'::regclass"
each_index = pytest.mark.parametrize(
    ("name", "words"),
    [("chunks_embedding_ann", "the vector index"), ("chunks_tsv_gin", "the index chunks_tsv_gin")],
    ids=["vector", "terms"],
)


@each_index
async def test_a_missing_index_is_built_at_the_next_start(store, plain, caplog, name, words):
    await fill(store, *((f"{i}", f"text {i}") for i in range(30)))
    await store.close()
    definition = "select indexdef from pg_indexes where indexname = $1"
    before = await plain.fetchval(definition, name)
    await plain.execute(f"drop index {name}")
    await store.initialize()
    assert f"{words} is missing; building it" in caplog.text
    assert await plain.fetchval(definition, name) == before


@each_index
async def test_an_invalid_index_is_built_anew_at_the_next_start(store, plain, caplog, name, words):
    await fill(store, *((f"{i}", f"text {i}") for i in range(30)))
    await store.close()
    await plain.execute(INVALIDATE.format(name))
    await store.initialize()
    assert f"{words} is invalid: a build was interrupted, or is under way; building it" in caplog.text
    assert (await index_facts(plain))[name]["valid"]
    assert (await store.health()).details["invalid_indexes"] == []


async def test_ensure_indexes_builds_what_is_missing(store, plain):
    await fill(store, ("a", "text"))
    dropped = ["chunks_metadata_gin", "chunks_source_btree", "chunks_tsv_gin"]
    definitions = "select indexname, indexdef from pg_indexes where indexname = any($1) order by indexname"
    before = await plain.fetch(definitions, dropped)
    await plain.execute(f"drop index {', '.join(dropped)}, chunks_embedding_ann")
    assert (await store.health()).details["missing_indexes"] == [*dropped, "chunks_embedding_ann"]
    assert (await store.ensure_indexes()).created == (*dropped, "chunks_embedding_ann")
    assert (await store.health()).details["missing_indexes"] == []
    assert await plain.fetch(definitions, dropped) == before


async def test_ensure_indexes_rebuilds_what_is_invalid(store, plain):
    await fill(store, ("a", "text"))
    await plain.execute(INVALIDATE.format("chunks_tsv_gin"))
    assert (await store.health()).details["invalid_indexes"] == ["chunks_tsv_gin"]
    assert (await store.ensure_indexes()).rebuilt == ("chunks_tsv_gin",)
    assert (await store.health()).details["invalid_indexes"] == []


async def test_an_index_that_another_session_holds_at_the_start_is_built_later(
    opened, database, plain, caplog, monkeypatch
):
    store = await opened(database)
    set_timings(store, index_retry=0.05)
    await fill(store, ("a", "text"))
    await store.close()
    await plain.execute("drop index chunks_embedding_ann")
    assert await plain.fetchval(queries()["maintenance_lock"].text, False)
    await store.initialize()
    assert "the indexes were left alone: another session is building indexes" in caplog.text
    assert await vector_index(plain) is None
    await plain.execute("select pg_advisory_unlock_all()")
    await until_indexed(plain)


async def test_a_build_at_the_start_is_reported(store, database, plain):
    await fill(store, *((f"{i}", f"text {i}") for i in range(30)))
    await store.close()
    await plain.execute("drop index chunks_embedding_ann, chunks_tsv_gin")
    seen: list[Progress] = []
    async with open_store(config(database), seen.append):
        pass
    done = [step.operation for step in seen if step.done == step.total == 30]
    assert list(dict.fromkeys(done)) == ["building chunks_tsv_gin", "building the vector index"]


# --- online ----------------------------------------------------------------------------------------------------------


async def test_writes_go_on_while_the_index_is_built_anew(store, monkeypatch):
    set_timings(store, build_poll=0.01)
    await store.upsert_documents(*made_up(12_000))
    seen: list[Progress] = []
    written_at: list[int] = []
    building = asyncio.create_task(store.reindex(progress=seen.append))
    while not building.done():
        await fill(store, (f"beside {len(written_at)}", "text"))
        written_at.append(len(seen))
    await building
    vector_index = [step for step in seen if step.operation == "building the vector index"]
    assert any(0 < step.done < (step.total or 0) for step in vector_index), "what the server says of the build"
    assert [step.done for step in vector_index] == sorted(step.done for step in vector_index)
    others = {"chunks_tsv_gin", "chunks_metadata_gin", "chunks_source_btree", "chunks_pkey"}
    others |= {"chunks_vector_btree", "chunks_copies_btree"}
    done = {step.operation for step in seen if step.done == step.total and step.unit == "chunks"}
    assert done == {"looking for equal vectors", "building the vector index", *(f"building {name}" for name in others)}
    assert len({count for count in written_at if 0 < count < len(seen)}) > 3, "writes between two reports"
    assert await store.get_count() == 12_000 + len(written_at)


async def test_a_reset_and_an_index_build_at_once_both_succeed(opened, database, plain, caplog):
    """They wait for each other. The server stops one of them, which is done again."""
    await plain.execute(f"alter database {database['database']} set deadlock_timeout = '10ms'")
    caplog.set_level("INFO")
    store = await opened(database)
    await fill(store, ("a", "text"), ("b", "more text"))
    await plain.execute("begin")
    await rewrite_chunk(plain, "a")
    rebuilding = asyncio.create_task(store.reindex())
    await until_blocked(database, "create_index")
    resetting = asyncio.create_task(store.reset())
    await until_blocked(database, "truncate")
    await plain.execute("rollback")
    await asyncio.gather(rebuilding, resetting)
    assert "is done again after a deadlock" in caplog.text
    assert all(
        fact["valid"] and not name.endswith(("_new", "_ccnew")) for name, fact in (await index_facts(plain)).items()
    )
    assert await is_indexed(plain)
    assert await store.get_count() == 0


async def vector_indexes(plain: asyncpg.Connection) -> list[str]:
    rows = await plain.fetch(
        "select indexrelid::regclass::text as name from pg_index where indexrelid::regclass::text ~ 'embedding_ann'"
    )
    return [row["name"] for row in rows]


async def test_a_reindex_whose_callback_raises_leaves_one_vector_index(store, plain):
    await store.upsert_documents(*made_up(3000))

    def fail(progress: Progress) -> None:
        raise RuntimeError("a callback's own error")

    with pytest.raises(RuntimeError):
        await store.reindex(fail)
    assert await vector_indexes(plain) == ["chunks_embedding_ann"]


async def test_a_start_removes_the_second_index_of_a_reindex_that_was_killed(store, plain):
    await store.upsert_documents(*made_up(3000))
    await store.close()
    await plain.execute("create index chunks_embedding_ann_new on chunks using hnsw (embedding vector_cosine_ops)")
    await store.initialize()
    assert await vector_indexes(plain) == ["chunks_embedding_ann"]


async def test_a_build_whose_observer_is_lost_goes_on(store, plain):
    await store.upsert_documents(*made_up(3000))
    seen: list[Progress] = []
    of_watchers = "from pg_stat_activity where query like '%index_progress%' and pid <> pg_backend_pid()"
    interrupting = asyncio.create_task(until(plain, f"select pg_terminate_backend(pid) {of_watchers}"))
    assert (await store.reindex(seen.append)).rebuilt[0] == "chunks_embedding_ann"
    await interrupting
    assert seen[-1].done == seen[-1].total == 3000


# --- progress --------------------------------------------------------------------------------------------------------


async def test_a_build_that_looks_at_its_first_block_has_not_come_to_the_end(database, plain, store):
    """The server counts all blocks as done while it reads the first one. A report of that would never go back."""
    await plain.execute("create table slow_table as select i from generate_series(1, 1000) i")
    await plain.execute("""
        create function slow(i int4) returns int4 immutable language plpgsql
        as 'begin perform case when i = 1 then pg_sleep(2) end; return i; end'
    """)
    look = await connect(database)
    pid = plain.get_server_pid()
    building = asyncio.create_task(plain.execute("create index on slow_table using gin ((array[slow(i)]))"))
    await until(look, f"select blocks_done > 0 from pg_stat_progress_create_index where pid = {pid}")
    (row,) = await look.fetch(queries()["index_progress"].text, pid)
    assert not building.done()
    assert (row["building"], row["tuples_done"], row["scanned"]) == (True, 0, 0)
    await building
    await look.close()


async def test_progress_falls_back_to_scanned_blocks_when_tuples_are_not_counted(store, plain, monkeypatch):
    set_timings(store, build_poll=0.005)
    ids, vectors, _, metadatas = made_up(3000)
    texts = [" ".join(f"word{i * j % 9973}" for j in range(120)) for i in range(3000)]
    await store.upsert_documents(ids, vectors, texts, metadatas)
    await plain.execute("drop index chunks_tsv_gin")
    seen: list[Progress] = []
    assert (await store.ensure_indexes(seen.append)).created == ("chunks_tsv_gin",)
    steps = [(step.done, step.total) for step in seen if step.operation == "building chunks_tsv_gin"]
    assert steps[-1] == (3000, 3000)
    assert any(0 < done < 3000 for done, _ in steps)
    assert steps == sorted(steps)


async def test_a_build_that_waits_for_a_transaction_reports_it(store, database, plain):
    await fill(store, ("a", "text"), ("b", "more text"))
    seen: list[Progress] = []
    await plain.execute("begin")
    await rewrite_chunk(plain, "a")
    building = asyncio.create_task(store.reindex(seen.append))
    waits = Progress("waiting for other transactions", 0, 1, "transactions")
    for _ in range(400):
        if waits in seen:
            break
        await asyncio.sleep(0.05)
    assert waits in seen
    assert not building.done()
    await plain.execute("rollback")
    await building
    assert seen[-1].done == seen[-1].total == 2


async def test_a_long_build_reports_its_progress(opened, database):
    seen: list[Progress] = []
    store = await opened({**database, "schema": "wide"}, dimensions=1024)
    vectors, ids = np.random.default_rng(1).normal(size=(4000, 1024)), [f"{i}" for i in range(4000)]
    async with store.bulk_load(seen.append) as load:
        await load.upsert_documents(ids, vectors, ["text"] * 4000, [{}] * 4000)
    building = [p for p in seen if p.operation == "building the vector index"]
    assert building[-1].done == building[-1].total == 4000
    assert len(building) > 1
    assert [p.done for p in building] == sorted(p.done for p in building)


async def test_a_reindex_is_finished_although_its_callback_raises(store, plain, monkeypatch):
    set_timings(store, build_poll=0.01)
    await store.upsert_documents(*made_up(2000))
    before = await vector_index(plain)
    error = TimeoutError("mine")

    def fail(_: Progress) -> None:
        raise error

    with pytest.raises(TimeoutError) as caught:
        await store.reindex(fail)
    assert caught.value is error
    after = await vector_index(plain)
    assert after != before
    assert after is not None
    assert after[1]


async def test_a_build_at_the_start_is_finished_although_its_callback_raises(store, plain, monkeypatch):
    set_timings(store, build_poll=0.01)
    await store.upsert_documents(*made_up(2000))
    await store.close()
    await plain.execute("drop index chunks_tsv_gin")

    def fail(_: Progress) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError):
        await store.initialize(fail)
    assert not store.is_initialized
    await store.initialize(fail)  # nothing is left to build


# --- memory ----------------------------------------------------------------------------------------------------------


async def test_a_build_gets_memory_and_parallel_workers(store):
    async with maintenance_connection(store) as connection:
        granted = await give_build_memory(store, connection, 2_000_000)
        assert granted > 500 * 2**20
        assert await connection.fetchval("select pg_size_bytes(current_setting('maintenance_work_mem'))") == granted
        workers = await connection.fetchval("show max_parallel_maintenance_workers")
        assert workers == str(max(1, (os.cpu_count() or 2) // 2))


async def test_a_graph_that_outgrows_its_memory_is_reported(opened, database, plain, caplog, monkeypatch):
    limit_build_memory(monkeypatch, 2**20)
    await plain.execute(f"alter database {database['database']} set maintenance_work_mem = '1MB'")
    store = await opened({**database, "schema": "tight"}, dimensions=384)
    vectors, ids = np.random.default_rng(1).normal(size=(2500, 384)), [f"{i}" for i in range(2500)]
    async with store.bulk_load() as load:
        await load.upsert_documents(ids, vectors, ["text"] * 2500, [{}] * 2500)
    assert "maintenance_work_mem is 1 MiB: the build will be several times slower" in caplog.text
    assert "no longer fits into maintenance_work_mem" in caplog.text
