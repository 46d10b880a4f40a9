"""Document frequencies: counted in time, in the background where they can wait, and after every failure."""

from __future__ import annotations

import asyncio

import pytest

from agent_brain_store import Progress
from tests.support.internals import (
    count_terms,
    count_under_way,
    counted_in_background,
    hold_writes_before_their_count,
    set_timings,
)
from tests.support.postgres import (
    connect,
    count_by_hand,
    count_is_due,
    counted_terms,
    document_frequencies,
    document_frequency,
    keep_others_from_counting,
    lock_counts,
    lose_counts,
)
from tests.support.stores import embed, fill, ids, made_up

pytestmark = pytest.mark.postgres


# --- when terms are counted ------------------------------------------------------------------------------------------


async def test_a_write_that_changes_much_counts_the_terms(store, plain, monkeypatch):
    set_timings(store, count_interval_per_chunk=60)  # seconds a chunk: a small change stays uncounted

    async def counted() -> dict[str, int]:
        return await document_frequencies(plain)

    await fill(store, *((f"{i}", "apple", {"n": i}) for i in range(40)))
    assert await counted() == {"appl": 40}
    await fill(store, ("x", "pear"))
    assert await counted() == {"appl": 40}, "a small change does not count again"
    assert await ids(store, "pear") == ["x"], "and what was not counted is found all the same"
    await fill(store, *((f"p{i}", "pear") for i in range(15)))
    assert await counted() == {"appl": 40, "pear": 16}
    await store.delete_by_ids([f"{i}" for i in range(15)])
    assert await counted() == {"appl": 25, "pear": 16}
    assert await store.delete_by_metadata({"n": {"$lt": 30}}) == 15
    assert await counted() == {"appl": 10, "pear": 16}
    await store.replace_documents(
        {"none": 1}, [f"r{i}" for i in range(20)], [embed("r")] * 20, ["plum"] * 20, [{}] * 20
    )
    assert await counted() == {"appl": 10, "pear": 16, "plum": 20}
    await fill(store, *((f"r{i}", "grape") for i in range(20)))
    assert await counted() == {"appl": 10, "pear": 16, "grape": 20}, "a change counts as well"


async def test_a_reset_forgets_what_was_counted(store, plain, monkeypatch):
    set_timings(store, count_interval_per_chunk=60)

    async def counted() -> dict[str, int]:
        return await document_frequencies(plain)

    await fill(store, *((f"{i}", "apple") for i in range(40)))
    assert await counted() == {"appl": 40}
    await store.reset()
    assert await counted() == {}
    await fill(store, *((f"{i}", "cherry") for i in range(5)))
    assert await counted() == {"cherri": 5}, "what was counted before the reset is forgotten"
    async with store.bulk_load() as load:
        await load.upsert_documents(["x", "y"], [embed("x")] * 2, ["quince", "quince tree"], [{}] * 2)
    assert await counted() == {"cherri": 5, "quinc": 2, "tree": 1}
    await store.reset()
    await fill(store, *((f"{i}", "cherry") for i in range(5)))
    assert await counted() == {"cherri": 5}


async def test_a_large_store_is_counted_in_the_background(store, plain, monkeypatch):
    set_timings(store, count_interval_per_chunk=60, count_check_interval=0.05)
    await fill(store, *((f"{i}", "apple") for i in range(6000)))
    assert await document_frequency(plain, "appl") == 6000, "a call that wrote much of the store waits"
    await fill(store, *((f"p{i}", "pear") for i in range(500)))
    await asyncio.sleep(0.3)
    assert await document_frequency(plain, "pear") is None, "less than a tenth"
    await fill(store, *((f"q{i}", "pear") for i in range(500)))
    await counted_in_background(store)
    assert await document_frequency(plain, "pear") == 1000


async def test_a_small_change_is_counted_in_time(store, plain):
    await fill(store, *((f"{i}", "apple") for i in range(1000)))
    await fill(store, ("p", "pear"))
    assert await document_frequency(plain, "pear") is None
    await counted_in_background(store)
    assert await document_frequency(plain, "pear") == 1
    assert await plain.fetchval("select extract(epoch from now() - counted_at) < 60 from term_statistics_state")
    await store.upsert_documents(["p"], [embed("pear")], ["pear"], [{}])
    counting = count_under_way(store)
    assert counting is not None
    assert counting.done(), "nothing has changed"


# --- what was left uncounted -----------------------------------------------------------------------------------------


async def test_terms_left_uncounted_by_a_crash_are_counted_at_the_next_start(store, plain):
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    await lose_counts(plain)
    await store.close()
    await store.initialize()
    assert await document_frequency(plain, "appl") == 40


@pytest.mark.parametrize("hybrid", [False, True])
async def test_a_search_starts_the_count_that_another_process_left_undone(store, plain, hybrid):
    """The other process has died after its commit, or its role may not count."""
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    await lose_counts(plain)
    if hybrid:
        await store.hybrid_search("apple", embed("apple"), 3)
    else:
        await store.keyword_search("apple", 3)
    await counted_in_background(store)
    assert await document_frequency(plain, "appl") == 40
    looked = count_under_way(store)
    await store.keyword_search("apple", 3)
    assert count_under_way(store) is looked, "not every search looks"


async def test_a_search_starts_the_count_of_a_call_that_was_cancelled(store, plain, monkeypatch):
    """The next search looks whether a count is due, even right after another one has looked."""
    await store.keyword_search("apple", 3)
    waiting = hold_writes_before_their_count(monkeypatch, store)
    call = asyncio.create_task(fill(store, *((f"{i}", "apple") for i in range(40))))
    await waiting.wait()
    call.cancel()
    await asyncio.wait({call})
    await store.keyword_search("apple", 3)
    await counted_in_background(store)
    assert await document_frequency(plain, "appl") == 40


async def test_terms_are_counted_although_a_callback_raises(store, plain):
    def fail(progress: Progress) -> None:
        if progress.operation == "counting the terms":
            raise RuntimeError("no interest in words")

    async def load() -> None:
        async with store.bulk_load(fail) as loader:
            await loader.upsert_documents(*made_up(10))
            await plain.execute("delete from term_statistics; update term_statistics_state set changes = 10")

    with pytest.raises(RuntimeError, match="no interest"):
        await load()
    assert await counted_terms(plain) > 0


async def test_counting_goes_on_when_another_session_has_finished(store, plain):
    async with plain.transaction():
        await keep_others_from_counting(plain)
        await fill(store, *((f"{i}", "apple") for i in range(40)))
        assert await counted_terms(plain) == 0
    for _ in range(600):
        if await counted_terms(plain):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the terms were never counted")


# --- locks and time limits -------------------------------------------------------------------------------------------


async def test_counting_waits_for_locks_no_longer_than_a_statement(opened, database, plain, caplog):
    store = await opened({**database, "command_timeout": 0.5})
    async with plain.transaction():
        await lock_counts(plain, "share")
        await asyncio.wait_for(fill(store, *((f"{i}", "text") for i in range(50))), 10)
    assert "the term statistics could not be refreshed" in caplog.text
    assert await store.get_count() == 50
    await count_is_due(plain)
    await store.close()
    async with plain.transaction():
        await lock_counts(plain, "share")
        await asyncio.wait_for(store.initialize(), 10)


async def test_a_time_limit_of_the_role_does_not_stop_counting(store, database, plain):
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    await store.close()
    await plain.execute(f"alter database {database['database']} set statement_timeout = '1s'")
    await lose_counts(plain)
    async with plain.transaction():
        await lock_counts(plain, "exclusive")  # the count has to wait for this
        starting = asyncio.create_task(store.initialize())
        await asyncio.sleep(2)
    await starting
    assert await document_frequency(plain, "appl") == 40


async def test_writers_and_counts_do_not_wait_for_each_other(store, database):
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    other = await connect(database)
    async with asyncio.timeout(10):
        async with other.transaction():
            await other.execute(
                "update chunks set metadata = '{}' where chunk_id < '2'; delete from chunks where chunk_id = '3'"
            )
            await fill(store, ("new", "pear"))
            await store.delete_by_ids(["4"])
            await count_terms(store)
        async with other.transaction():
            await count_by_hand(other)
            await fill(store, ("newer", "plum"))
            await store.delete_by_ids(["5"])
    await other.close()


async def test_counts_and_writers_at_once_end_with_the_right_counts(opened, plain, database):
    stores = [await opened(database) for _ in range(3)]
    words = ["bear", "wolf", "fox", "hare", "deer", "owl", "crow", "swan", "duck", "frog"]

    async def write(n: int) -> None:
        for i in range(10):
            await fill(stores[n % 3], (f"{n}-{i}", f"shared {words[n]}"))

    await asyncio.gather(*(write(n) for n in range(10)), *(count_terms(s) for s in stores * 3))
    await count_terms(stores[0])
    counts = await document_frequencies(plain)
    assert counts == {"share": 100} | dict.fromkeys(words, 10)
