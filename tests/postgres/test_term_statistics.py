"""Document frequencies: counted in time, in the background where they can wait, and after every failure."""

from __future__ import annotations

import asyncio
import random

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
    all_frequencies,
    connect,
    count_by_hand,
    count_is_due,
    counted_terms,
    document_frequencies,
    document_frequency,
    is_counted_anew,
    keep_others_from_counting,
    lock_counts,
    lose_counts,
    true_frequencies,
    until,
)
from tests.support.stores import embed, fill, ids, made_up

pytestmark = pytest.mark.postgres

WORDS = ["bear", "wolf", "fox", "hare", "deer", "owl", "crow", "swan", "duck", "frog", "AB-1200", "snake_case"]


# --- when terms are counted ------------------------------------------------------------------------------------------


async def test_a_write_that_changes_much_counts_the_terms(store, plain, monkeypatch):
    set_timings(store, count_interval=60)  # a small change stays uncounted

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
    set_timings(store, count_interval=60)

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
    set_timings(store, count_interval=60, count_check_interval=0.05)
    await fill(store, *((f"{i}", "apple") for i in range(6000)))
    assert await document_frequency(plain, "appl") == 6000, "a call that wrote much of the store waits"
    await fill(store, *((f"p{i}", "pear") for i in range(500)))
    await asyncio.sleep(0.3)
    assert await document_frequency(plain, "pear") is None, "less than a tenth"
    await fill(store, *((f"q{i}", "pear") for i in range(500)))
    await counted_in_background(store)
    assert await document_frequency(plain, "pear") == 1000


async def test_a_small_change_is_counted_in_time(store, plain):
    set_timings(store, count_interval=60, count_check_interval=0.05)
    await fill(store, *((f"{i}", "apple") for i in range(1000)))
    await fill(store, ("p", "pear"))
    assert await document_frequency(plain, "pear") is None
    set_timings(store, count_interval=0.1)
    await counted_in_background(store)
    assert await document_frequency(plain, "pear") == 1
    assert await plain.fetchval("select extract(epoch from now() - counted_at) < 60 from term_statistics_state")
    await store.upsert_documents(["p"], [embed("pear")], ["pear"], [{}])
    counting = count_under_way(store)
    assert counting is not None
    assert counting.done(), "nothing has changed"


# --- counts are exact ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
async def test_counts_of_what_has_changed_are_those_of_all_chunks(store, plain, seed):
    """After writes of every kind, a few at a time, with counts between them."""
    rng = random.Random(seed)
    await fill(store, *((f"kept {i}", " ".join(rng.choices(WORDS, k=9))) for i in range(200)))

    def chunks() -> list[tuple[str, str, dict[str, str]]]:
        texts = (" ".join(rng.choices(WORDS, k=rng.randrange(1, 12))) for _ in range(rng.randrange(1, 5)))
        return [(f"{rng.randrange(30)}", text, {"title": rng.choice(WORDS)}) for text in texts]

    def some() -> list[str]:
        return [f"{rng.randrange(30)}" for _ in range(rng.randrange(5))]

    for _ in range(60):
        kind = rng.choice(["fill", "delete", "replace", "title", "other key", "rederive"])
        if kind == "fill":
            await fill(store, *{chunk[0]: chunk for chunk in chunks()}.values())
        elif kind == "delete":
            await store.delete_by_ids(some())
        elif kind == "replace":
            new = list({chunk[0]: chunk for chunk in chunks()}.values())
            columns = [c[0] for c in new], [embed(c[1]) for c in new], [c[1] for c in new], [c[2] for c in new]
            await store.replace_documents({"title": rng.choice(WORDS)}, *columns)
        elif kind == "title":
            await store.update_metadata({"title": rng.choice(WORDS)}, ids=some() or ["0"])
        elif kind == "other key":
            await store.update_metadata({"n": rng.random()}, ids=some() or ["0"])
        else:
            await plain.execute("update chunks set tsv = strip(tsv) where chunk_id < '2'")
        if rng.random() < 0.3:
            assert not await is_counted_anew(plain)
            await count_terms(store)
            assert await all_frequencies(plain) == await true_frequencies(plain)
    assert not await is_counted_anew(plain)
    await count_terms(store)
    assert await all_frequencies(plain) == await true_frequencies(plain)
    assert await plain.fetchval("select count(*) from term_changes") == 0


async def test_a_load_and_its_deletion_leave_no_terms(store, plain):
    """A part of the store is counted by what has changed, and the whole store anew."""
    for count, name in ((3000, "first "), (1000, "second ")):
        async with store.bulk_load() as load:
            await load.upsert_documents(*made_up(count, name))
        assert await all_frequencies(plain) == await true_frequencies(plain)
    await store.delete_by_ids([f"second {i:05}" for i in range(1000)])
    assert await document_frequency(plain, "second") is None
    assert await all_frequencies(plain) == await true_frequencies(plain)
    await store.delete_by_metadata({"none": {"$exists": False}})
    assert await store.get_count() == 0
    assert await counted_terms(plain) == 0


async def test_what_was_not_committed_is_not_counted(store, plain, database):
    """A transaction that is rolled back, and one whose session is killed."""
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    for ending in ("rollback", "kill"):
        other = await connect(database)
        await other.execute("begin; delete from chunks where chunk_id < '2'")
        await other.execute("update chunks set tsv = to_tsvector('simple', 'pear')")
        if ending == "rollback":
            await other.execute("rollback")
            await other.close()
        else:
            await plain.execute("select pg_terminate_backend($1)", other.get_server_pid())
            await until(plain, f"select not exists (select from pg_stat_activity where pid = {other.get_server_pid()})")
            other.terminate()
        await count_terms(store)
        assert await document_frequencies(plain) == {"appl": 40}


async def test_a_write_that_changes_no_term_leaves_nothing_to_count(store, plain):
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    await store.update_metadata({"n": 1}, ids=["1", "2"])
    await store.upsert_documents(["3"], [embed("another vector")], ["apple"], [{}])
    assert await plain.fetchval("select count(*) from term_changes") == 0


async def test_after_a_count_of_an_older_library_all_is_counted_anew(store, plain, monkeypatch):
    """It counts every chunk, and leaves alone what writes have noted, so that would be counted twice."""
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    set_timings(store, count_interval=60)
    await fill(store, ("x", "apple"))
    await plain.execute("update term_statistics set df = 41")
    await plain.execute("update term_statistics_state set changes = 41")
    assert await is_counted_anew(plain)
    await fill(store, ("y", "apple"))
    await count_terms(store)
    assert await document_frequencies(plain) == {"appl": 42}
    assert not await is_counted_anew(plain)


async def test_repair_mends_wrong_counts(store, plain):
    """Triggers do not run for what replication writes."""
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    await plain.execute("set session_replication_role = replica; delete from chunks where chunk_id < '2'")
    await store.repair()
    assert await document_frequencies(plain) == {"appl": await store.get_count()} == {"appl": 28}
    assert await all_frequencies(plain) == await true_frequencies(plain)


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
            await lose_counts(plain)

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


@pytest.mark.parametrize("count", ["fold_term_changes", "refresh_term_statistics"])
async def test_writers_and_counts_do_not_wait_for_each_other(store, database, count):
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
            await count_by_hand(other, count)
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
