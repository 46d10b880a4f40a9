"""Many calls at once: they take turns, see whole states, do not deadlock, and can be cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import Any

import numpy as np
import pytest

from agent_brain_store import PoolTimeout
from agent_brain_store.postgres.sql import queries
from tests.support.internals import limit_attempts
from tests.support.postgres import arguments, connect, lock_counts, slow_down_commits, until
from tests.support.stores import DIMENSIONS, embed, fill

pytestmark = pytest.mark.postgres


# --- writers ---------------------------------------------------------------------------------------------------------


async def test_concurrent_upserts_of_the_same_ids_do_not_deadlock(store):
    rng = np.random.default_rng(1)

    async def write(n):
        order = rng.permutation(300)
        ids = [f"{i:03}" for i in order]
        await store.upsert_documents(ids, rng.normal(size=(300, DIMENSIONS)), [f"by {n}"] * 300, [{"n": n}] * 300)

    await asyncio.gather(*(write(n) for n in range(20)))
    assert await store.get_count() == 300


async def test_readers_see_the_chunks_before_or_after_a_replacement(opened, store, database):
    """A reader sees the old chunks or the new ones, never neither and never both."""
    await fill(store, *((f"old{i}", "text", {"source": "/f"}) for i in range(50)))
    seen = set()

    reader, stop = await opened(database), asyncio.Event()

    async def read():
        while not stop.is_set():
            seen.add(await reader.get_count({"source": "/f"}))

    reading = asyncio.create_task(read())
    for round_ in range(20):
        ids = [f"r{round_}-{i}" for i in range(50)]
        await store.replace_documents({"source": "/f"}, ids, [embed("x")] * 50, ids, [{"source": "/f"}] * 50)
    stop.set()
    await reading
    assert seen == {50}


async def test_concurrent_replacements_of_one_filter_leave_one_set(store):
    async def replace(name: str) -> None:
        ids = [f"{name}{i}" for i in range(20)]
        vectors = [embed(name)] * 20
        await store.replace_documents({"source": "f"}, ids, vectors, ids, [{"source": "f"}] * 20)

    await asyncio.gather(*(store.get_count() for _ in range(8)))  # connections are open
    for turn in range(5):
        await asyncio.gather(*(replace(f"{turn}{letter}") for letter in "abcd"))
        found = [chunk.chunk_id async for chunk in store.iter_documents({"source": "f"})]
        assert len(found) == 20
        assert len({chunk_id[:2] for chunk_id in found}) == 1


async def test_replacements_take_turns_whatever_the_isolation_level_is(opened, database, plain):
    await plain.execute(f"alter database {database['database']} set default_transaction_isolation = 'repeatable read'")
    store = await opened(database)

    async def replace(name: str) -> None:
        ids = [f"{name}{i}" for i in range(5)]
        await store.replace_documents({"source": "f"}, ids, [embed(i) for i in ids], ids, [{"source": "f"}] * 5)

    for turn in range(3):
        await asyncio.gather(*(replace(f"{turn}{name}") for name in "abc"))
        assert await store.get_count() == 5


async def test_replacements_that_swap_their_chunks_do_not_deadlock(store, plain):
    ids = [f"{i}" for i in range(60)]
    for turn in range(4):

        async def replace(name: str, mine: list[str], other: str = str(turn)) -> None:
            texts = [f"{other} {i}" for i in mine]
            await store.replace_documents({"f": name}, mine, [embed("x")] * len(mine), texts, [{"f": name}] * len(mine))

        halves = (ids[::2], ids[1::2]) if turn % 2 else (ids[1::2], ids[::2])
        await asyncio.gather(replace("one", halves[0]), replace("two", halves[1]))
    await asyncio.sleep(1.1)  # a backend reports its statistics once a second
    assert await plain.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0


# --- readers beside writers ------------------------------------------------------------------------------------------


async def test_replacements_that_overlap_deadlock_once_at_most(opened, database, plain, caplog, monkeypatch):
    """With three deadlocks in the log of the server, the test has seen enough."""
    limit_attempts(monkeypatch, 2)
    caplog.set_level("INFO")
    await plain.execute(f"alter database {database['database']} set deadlock_timeout = '10ms'")
    store = await opened({**database, "pool_size": 40})
    vector = embed("text")

    async def replace_some(random: Random) -> None:
        some = [f"{n:02}" for n in random.sample(range(60), 12)]
        metadatas = [{"g": random.randrange(3), "h": random.randrange(3)} for _ in some]
        where = random.choice([{"g": random.randrange(3)}, {"$or": [{"g": random.randrange(3)}, {"h": 1}]}])
        texts = [f"{random.random()}" for _ in some]
        await store.replace_documents(where, some, [vector] * 12, texts, metadatas)

    for seed in range(200):
        await asyncio.gather(*(replace_some(Random(f"{seed} {writer}")) for writer in range(10)))
        if caplog.text.count("replace_documents is done again after a deadlock") >= 3:
            return
    raise AssertionError("nothing was provoked")


async def test_waiting_writers_leave_connections_for_questions(opened, database, plain):
    store = await opened({**database, "pool_size": 4, "pool_max_overflow": 0, "pool_timeout": 1})
    await fill(store, ("a", "text"))
    async with plain.transaction():
        await plain.execute("lock table chunks in share row exclusive mode")
        writers = [asyncio.create_task(fill(store, (f"{i}", "text"))) for i in range(8)]
        await asyncio.sleep(0.2)
        assert await store.get_by_id("a") == {"text": "text", "metadata": {}}
        assert [hit.chunk_id for hit in await store.keyword_search("text", 1)] == ["a"]
    done = await asyncio.gather(*writers, return_exceptions=True)
    assert all(result is None or isinstance(result, PoolTimeout) for result in done)


@pytest.mark.parametrize("name", ["keyword_search", "hybrid_search", "fold_term_changes"])
async def test_searches_and_counts_lock_their_tables_in_the_order_of_a_reset(store, database, plain, name):
    """All lock the chunks first, then the counted terms. So none can hold what another waits for."""
    await fill(store, ("a", "text"))
    other = await connect(database)
    values: dict[str, Any] = {"query": "text", "top_k": 1, "candidates": 9, "rrf_k": 60}
    values |= {"query_embedding": str(embed("x")), "vector_weight": 0.5, "keyword_weight": 0.5}
    async with plain.transaction():
        await lock_counts(plain, "access exclusive")
        searching = asyncio.create_task(other.fetch(queries()[name].text, *arguments(name, **values)))
        locks = f"select true from pg_locks where pid = {other.get_server_pid()} and relation = "
        await until(plain, locks + "'term_statistics'::regclass and not granted")
        assert await plain.fetchval(locks + "'chunks'::regclass and granted")
    assert await searching
    await other.close()


# --- cancellation ----------------------------------------------------------------------------------------------------


async def test_cancelled_calls_leave_no_connection_and_no_transaction_behind(store, plain):
    await fill(store, *((f"{i}", f"text {i}") for i in range(50)))
    rng = np.random.default_rng(3)
    for _ in range(100):
        task = asyncio.create_task(store.hybrid_search("text", embed("text"), 10))
        await asyncio.sleep(float(rng.uniform(0, 0.004)))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    writing = [asyncio.create_task(fill(store, (f"new{i}", "text"))) for i in range(20)]
    await asyncio.sleep(0.005)
    for task in writing:
        task.cancel()
    await asyncio.gather(*writing, return_exceptions=True)
    await asyncio.sleep(0.2)
    status = (await store.health()).details["pool"]
    assert status["open"] == status["idle"]
    stuck = (
        "select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()"
    )
    assert await plain.fetchval(stuck) == 0


async def test_a_cancelled_write_is_not_reported_to_the_event_loop_as_an_error(store):
    loop, messages = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: messages.append(context["message"]))
    random, cancelled = Random(1), 0
    for i in range(200):
        try:
            await asyncio.wait_for(fill(store, (f"{i}", "text")), random.random() * 0.006)
        except TimeoutError:
            cancelled += 1
    loop.set_exception_handler(None)
    assert cancelled > 20
    assert messages == []


async def test_nothing_is_committed_after_a_cancelled_call_has_ended(store, plain):
    """A commit that is under way is finished first. What the caller does next comes after it."""
    await slow_down_commits(plain, seconds=0.5)
    writing = asyncio.create_task(fill(store, ("a", "text")))
    await until(plain, "select pid from pg_stat_activity where query = 'COMMIT;' and state = 'active'")
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await store.delete_by_ids(["a"]) == 1
    assert await store.get_count() == 0
    await asyncio.sleep(0.7)
    assert await store.get_count() == 0
