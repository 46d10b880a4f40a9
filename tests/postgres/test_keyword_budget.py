"""What keyword search scores: no more chunks than its budget, and yet the best of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent_brain_store import StorageBackend, open_store
from agent_brain_store.filters.parse import parse
from agent_brain_store.postgres.searching import filter_values
from agent_brain_store.postgres.sql import queries
from tests.support.internals import only_connection, pooled_connection, watch_questions
from tests.support.large import COMMON_WORDS
from tests.support.postgres import config, plan_of_question, scored_chunks
from tests.support.stores import DIMENSIONS, embed, fill, ids

pytestmark = pytest.mark.postgres


# --- what is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "most"),
    [
        ("", 0),
        ("?! ... -- \\ ' \" ; :* <-> &|", 0),
        ("nowhere unheard", 0),
        ("index", 1500),
        (" ".join(COMMON_WORDS), 1500),
        (" ".join([*COMMON_WORDS, *COMMON_WORDS, "rare7"]), 1500),
        (" ".join(f"{COMMON_WORDS[i % 12]} rare{i} unique{i} nothing{i}" for i in range(50)), 1500),
        ("索引 поиск émigré", 0),
    ],
    ids=[
        "nothing",
        "marks",
        "unknown",
        "a common word",
        "common",
        "repeated",
        "200 words",
        "no language",
    ],
)
async def test_odd_questions_read_no_more_than_their_budget(large, monkeypatch, question, most):
    """Each is answered by indexes, whatever calls it takes, and fetches at most two budgets of the 20,000 chunks."""
    postgres, _ = large
    async with open_store(config(postgres)) as store:
        found, read = await reading(store, monkeypatch, question)
    assert found == (10 if most else 0)
    assert read["seq_scan"] == 0
    assert bool(most) <= read["fetched"] <= most


async def test_a_question_of_stop_words_reads_at_most_thirty_budgets(large, monkeypatch):
    """No index has these words, so the texts are read."""
    postgres, _ = large
    async with open_store(config(postgres)) as store:
        found, read = await reading(store, monkeypatch, "the and of what is it")
    assert found == 0
    assert 0 < read["scanned"] <= 30 * 400


async def test_a_word_of_every_chunk_is_no_reason_to_read_them_all(opened, database, monkeypatch):
    """A licence heads every file, say. The files are long, so that none is about it."""
    store = await opened({**database, "index": "none"}, keyword={"budget": 20})
    filler = " ".join(f"{first}{second}" for first in "bcdfghjkl" for second in "mnpqrtvwxz")
    await fill(store, *((f"{i:04}", f"copyright {filler}") for i in range(1500)))
    for question in ("copyright", "copyright zzzz"):
        found, read = await reading(store, monkeypatch, question)
        assert found == 10
        assert read["seq_scan"] == 0
        assert 20 <= read["fetched"] <= 7 * 20


async def reading(store: StorageBackend, monkeypatch: pytest.MonkeyPatch, question: str) -> tuple[int, Any]:
    """Return how many of the best ten are found, and what is read of the chunks meanwhile."""
    async with only_connection(store, monkeypatch) as connection, connection.transaction():
        hits = await store.keyword_search(question, 10)
        (read,) = await connection.fetch(
            "select seq_scan, seq_tup_read as scanned, idx_tup_fetch as fetched "
            "from pg_stat_xact_user_tables where relname = 'chunks'"
        )
    return len(hits), read


@pytest.mark.parametrize("number", [3, 31, 32, 33, 40, 64])
async def test_common_words_are_looked_up_in_combinations(opened, database, plain, number):
    store = await opened({**database, "index": "none"})
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}x" for i in range(number)]
    await fill(store, *((f"{i:03}", " ".join(words[i % 3 :: 3])) for i in range(600)))
    row = await plan_of_question(plain, " ".join(words), budget=90)
    assert len(row["terms"]) == number
    assert row["combined"]


@pytest.fixture
async def small_and_exact(opened, database) -> tuple[StorageBackend, StorageBackend]:
    """Open a store with a budget of 10, and one of the same chunks that scores every match."""
    store = await opened(database, keyword={"budget": 10})
    await fill(
        store,
        *[(f"{i:03}", "common" + " middle" * (i < 60) + " rareword" * (i < 12), {"part": i // 8}) for i in range(600)],
        ("other", "nothing of it", {"part": 74}),
    )
    return store, await opened(database, keyword={"budget": 0})


WORDS = "rareword middle common"


@pytest.mark.parametrize(
    ("question", "top_k", "where", "hits"),
    [
        (WORDS, 5, None, 5),
        (WORDS, 40, None, 40),
        (WORDS, 600, None, 600),
        ("nowhere", 40, None, 0),
        # Few chunks pass this filter: they are found by the filter, unless all that pass are found already.
        (WORDS, 80, {"part": 74}, 8),
        (WORDS, 5, {"part": 0}, 5),
        ("rareword", 40, {"part": 5}, 0),
        (WORDS, 40, {"part": 99}, 0),
        # More than a budget pass this one.
        (WORDS, 600, {"part": {"$gte": 1}}, 592),
        # And this one, but they fit into the next budget.
        (WORDS, 80, {"part": {"$in": [2, 3, 4, 5, 6, 7]}}, 48),
    ],
)
async def test_one_statement_widens_the_budget_until_enough_is_found(
    small_and_exact, monkeypatch, question, top_k, where, hits
):
    store, exact = small_and_exact
    questions = watch_questions(monkeypatch, store)

    def searches() -> list[str]:
        return [name for name, _ in questions if name in ("keyword_search", "hybrid_search")]

    found = await store.keyword_search(question, top_k, where=where)
    assert len(found) == hits
    assert searches() == ["keyword_search"]
    assert found == await exact.keyword_search(question, top_k, where=where)
    fused = await store.hybrid_search(question, embed("x"), 5, candidates=top_k, where=where)
    assert searches() == ["keyword_search", "hybrid_search"]
    assert fused == await exact.hybrid_search(question, embed("x"), 5, candidates=top_k, where=where)


@pytest.mark.parametrize("top_k", [10, 50])
async def test_the_first_budget_follows_the_filter(opened, large, top_k):
    """Of 20,000 chunks, 1,600 pass. Too few of them are among the 400 that the configured budget would look at."""
    store, query = await opened(large[0]), queries()["keyword_search"]
    where = {"hundredth": {"$lt": 8}}
    values = {"query": " ".join(COMMON_WORDS[:3]), "top_k": top_k, **filter_values(parse(where))}
    async with pooled_connection(store) as connection:
        rows = await connection.fetch(query.statement, *query.args(values))
    assert [row["is_widened"] for row in rows] == [False] * top_k
    exact = await opened(large[0], keyword={"budget": 0})
    assert [row["chunk_id"] for row in rows][:3] == await ids(exact, values["query"], 3, where=where)


async def test_a_narrow_filter_scores_only_what_passes_it(small_and_exact, monkeypatch):
    store, _ = small_and_exact
    async with only_connection(store, monkeypatch) as connection, connection.transaction():
        assert len(await store.keyword_search(WORDS, 80, where={"part": 74})) == 8
        read = await connection.fetchval("select idx_tup_fetch from pg_stat_xact_user_tables where relname = 'chunks'")
    assert read < 100, "less than reading the words of 600 chunks"


async def test_relative_scores_are_exact_where_few_chunks_pass_the_filter(small_and_exact):
    """The candidates of the vector ranking count as well, and none is missing."""
    store, exact = small_and_exact
    asking: dict[str, Any] = {"top_k": 80, "candidates": 80, "where": {"part": 74}, "fusion": "relative_score"}
    fused = await store.hybrid_search(WORDS, embed("nothing of it"), **asking)
    assert fused == await exact.hybrid_search(WORDS, embed("nothing of it"), **asking)


# --- what is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "count"), [((20, 60), 2500), ((300, 500), 333)], ids=["short chunks", "long chunks"])
async def test_a_budget_finds_what_scoring_every_match_finds(opened, database, plain, words, count):
    rng = np.random.default_rng(3)
    vocabulary = np.array([f"w{chr(97 + i // 676)}{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}x" for i in range(9000)])
    texts = [
        " ".join(vocabulary[np.minimum(rng.zipf(1.25, n) - 1, 8999)]) for n in rng.integers(words[0], words[1], count)
    ]
    names, vectors = [f"{i:04}" for i in range(count)], rng.normal(size=(count, DIMENSIONS))
    budget = 90
    pruned, exact = [
        await opened({**database, "index": "none"}, keyword={"budget": candidates}) for candidates in (budget, 0)
    ]
    await pruned.upsert_documents(names, vectors, texts, [{}] * count)
    shares = []
    for number in range(36):
        question = " ".join(rng.choice(vocabulary[:40], 1 + number % 6, replace=False))
        everything = {hit.chunk_id: hit.score for hit in await exact.keyword_search(question, count)}
        best = sum(list(everything.values())[:10])
        shares.append(sum(everything[found] for found in await ids(pruned, question, 10)) / best)
        scored = await scored_chunks(plain, question, budget)
        assert scored <= 2 * budget < len(everything)
    assert np.mean(shares) > 0.97
    assert min(shares) > 0.8


async def test_a_store_no_larger_than_the_budget_is_scored_whole(opened, database):
    rng = np.random.default_rng(1)
    vocabulary = [f"word{i}" for i in range(20)]
    texts = [" ".join(vocabulary[min(19, rng.zipf(1.3) - 1)] for _ in range(rng.integers(3, 60))) for _ in range(50)]
    budget, exact = [await opened(database, keyword={"budget": candidates}) for candidates in (50, 0)]
    await fill(budget, *((f"{i:02}", text, {"n": i % 2}) for i, text in enumerate(texts)))
    for question in texts[:40]:
        for where in (None, {"n": 1}):
            assert await ids(budget, question, 5, where=where) == await ids(exact, question, 5, where=where)


@pytest.mark.parametrize("b", [0.75, 0.0])
async def test_the_scored_chunks_do_not_depend_on_where_they_are_stored(opened, database, plain, b):
    """Half of all chunks have three words that always come together. These are many times the budget.

    The shortest of them are scored, wherever they are stored. With b = 0 length does not count and all are equally good:
    then the first by their ids are scored.
    """
    lengths = np.random.default_rng(6).permutation(np.arange(5, 605)) // 2
    filler = [" ".join(f"w{(7 * i + j) % 900}" for j in range(length)) for i, length in enumerate(lengths)]
    chunks = [(f"{i:04}", f"{'postgre sql postgresql' if i % 2 else 'other'} {filler[i]}") for i in range(600)]
    best = [chunk_id for chunk_id, _ in chunks[1::2]]
    if b:
        best.sort(key=lambda chunk_id: lengths[int(chunk_id)])
    store = await opened({**database, "index": "none"}, keyword={"budget": 75, "b": b})
    await fill(store, *chunks)
    assert await ids(store, "postgre sql postgresql", 10) == best[:10]
    await plain.execute("create index shuffled on chunks (md5(chunk_id))")
    await plain.execute("cluster chunks using shuffled")
    assert await ids(store, "postgre sql postgresql", 10) == best[:10]


async def test_a_question_of_very_many_common_words_is_answered(opened, database):
    """Their probabilities multiply to less than a floating-point number can hold."""
    store = await opened(database, keyword={"budget": 1})
    words = [f"common{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]
    texts = [" ".join(words[i::5]) for i in range(5)] + ["alone"] * 45
    await fill(store, *((f"{i:02}", text) for i, text in enumerate(texts)))
    assert set(await ids(store, " ".join(words))) == {"00", "01", "02", "03", "04"}
