"""Words that are in thousands of chunks. Keyword search scores only some of these, and still finds the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.stores import DIMENSIONS, embed, fill, ids


async def test_the_best_chunks_of_a_common_word_are_found(make):
    """Thousands have the word. One has it in its heading, and the newest is about nothing else."""
    store = make(keyword={"budget": 60})
    await store.initialize()
    plain = [(f"{i:04}", f"kubernetes is one of many words in this text number {i}") for i in range(3000)]
    await fill(
        store, *plain[:1500], ("heading", "one of many words in this text", {"title": "Kubernetes"}), *plain[1500:]
    )
    await fill(store, ("newest", "kubernetes, and again kubernetes: a kubernetes"))
    assert set(await ids(store, "kubernetes", 2)) == {"heading", "newest"}
    for fusion in ("convex", "rrf", "relative_score"):
        hits = await store.hybrid_search("kubernetes", embed("x"), 2, 0.0, 1.0, fusion=fusion)
        assert {hit.chunk_id for hit in hits} == {"heading", "newest"}


async def test_the_best_chunks_of_several_common_words_are_found(make):
    """Each word is in a third of all chunks. The best chunk has all of them, not only the two rarest."""
    store = make(keyword={"budget": 60})
    await store.initialize()
    words = ["parser", "token", "lexer"]
    chunks: list[tuple[Any, ...]] = [
        (f"{i:04}", f"{words[i % 3]} text number {i} among many others", {}) for i in range(1800)
    ]
    chunks += [(f"pair{i}", "parser and token in one text among many others", {}) for i in range(30)]
    chunks += [("best", "lexer, parser and token: all in one text", {}), ("headed", "token", {"title": "lexer"})]
    await fill(store, *chunks)
    assert (await ids(store, "parser token lexer"))[0] == "best"
    assert "headed" in await ids(store, "parser token lexer", 5)


async def test_words_that_always_come_together_do_not_push_the_best_out(make):
    """The parts of one name do. By chance their combination would be in ten chunks, but it is in 450."""
    store = make(keyword={"budget": 75})
    await store.initialize()
    filler = [" ".join(f"w{(7 * i + j) % 900}" for j in range(20)) for i in range(3000)]
    words = ["postgre sql postgresql"] * 450 + ["install"] * 150 + ["other"] * 2399 + ["install postgre sql postgresql"]
    await fill(store, *((f"{i:04}", f"{words[i]} {filler[i]}") for i in range(3000)))
    assert (await store.keyword_search("install postgre sql postgresql", 1))[0].chunk_id == "2999"


async def test_a_word_that_is_being_typed_is_a_common_word_too(make):
    """The rare word is in a few long chunks. So the best chunk is about the common one."""
    store = make(keyword={"budget": 60})
    await store.initialize()
    filler = " ".join(f"w{i}" for i in range(400))
    await fill(
        store,
        *((f"rare{i}", f"zebra {filler}") for i in range(10)),
        *((f"{i:04}", f"alpha is one of many words in this text {i}") for i in range(1500)),
        ("best", "many words", {"title": "alpha"}),
        *((f"other{i}", f"one of many words in this text {i}") for i in range(500)),
    )
    assert (await ids(store, "zebra alph*", 5))[0] == "best"


async def test_chunks_that_are_one_common_word_come_first(make):
    """More chunks than a budget consist of the word, and many more have it somewhere."""
    store = make(keyword={"budget": 60})
    await store.initialize()
    others = " ".join(f"other{letter}word" for letter in "abcdefghijklmnopqrstuvwxyz")
    await fill(store, *((f"{i:04}", f"a bear among {others} and number {i}") for i in range(1500)))
    await fill(store, *((f"bear{i:04}", "bear") for i in range(400)))
    hits = await store.keyword_search("bear", 10)
    assert [hit.score for hit in hits] == [1.0] * 10
    assert all(hit.text == "bear" for hit in hits)
    assert len(await store.keyword_search("bear", 1900)) == 1900


async def test_the_best_of_long_chunks_are_found_wherever_they_are(make):
    """The chunks of a book about a word are stored last, after long chunks that have it once."""
    store = make(keyword={"budget": 60})
    await store.initialize()
    rng = np.random.default_rng(4)
    letters = rng.choice(list("bcdfghjklm"), (400, 6))
    filler = ["".join(word) for word in letters]
    plain = [(f"{i:04}", " ".join(["alpha", *rng.choice(filler, 120)])) for i in range(1000)]
    await fill(
        store, *plain, *((f"book{i}", " ".join(["alpha"] * 6 + list(rng.choice(filler, 114)))) for i in range(10))
    )
    assert {hit[:4] for hit in await ids(store, "alpha", 10)} == {"book"}


@pytest.mark.parametrize("budget", [2**31 - 1, 2**28])
async def test_the_largest_budgets_score_every_match(make, budget):
    store = make(keyword={"budget": budget})
    await store.initialize()
    await fill(store, ("a", "bear", {"n": 1}), ("b", "bear wolf", {"n": 2}), ("c", "owl", {"n": 3}))
    assert await ids(store, "bear wolf") == ["b", "a"]
    assert await ids(store, "bear wolf", where={"n": {"$lt": 3}}) == ["b", "a"]
    assert await ids(store, "bear wolf", where={"n": {"$lt": 3}}, match="all") == ["b"]
    assert await ids(store, "nowhere") == []


# --- under a filter --------------------------------------------------------------------------------------------------


async def test_common_words_count_where_the_rare_ones_are_filtered_out(make):
    store = make(keyword={"budget": 50})
    await store.initialize()
    chunks = [(f"{i:03}", "common words" + (" rareword" if i < 30 else ""), {"late": i >= 300}) for i in range(600)]
    await fill(store, *chunks)
    question, where = "rareword common", {"late": True}
    expected = [hit.chunk_id for hit in await store.keyword_search(question, 10, where=where)]
    assert len(expected) == 10
    for fusion in ("convex", "rrf", "relative_score"):
        hits = await store.hybrid_search(question, embed("x"), 10, 0.0, 1.0, fusion=fusion, where=where)
        assert [hit.chunk_id for hit in hits] == expected
    hits = await store.hybrid_search(question, embed("x"), 10, where=where)
    assert any(hit.keyword_rank for hit in hits)


@pytest.mark.parametrize("fusion", ["convex", "rrf", "relative_score"])
async def test_hits_of_the_vector_ranking_do_not_shorten_the_keyword_ranking(make, fusion):
    """Most chunks that pass the filter are near and hold one word. The best by words is not among them."""
    store = make(keyword={"budget": 50})
    await store.initialize()
    near, far, rest = (
        [1.0] + [0.0] * (DIMENSIONS - 1),
        [0.0] * (DIMENSIONS - 1) + [1.0],
        " alpha beta gamma delta epsilon",
    )
    texts = [("data data data", "model model model")[i % 2] for i in range(600)] + ["data model" + rest] * 30
    texts += ["data" + rest] * 60 + ["model model"]
    vectors = [far] * 630 + [near] * 60 + [far]
    names = [f"{i:03}" for i in range(len(texts))]
    await store.upsert_documents(names, vectors, texts, [{"mine": i >= 600} for i in range(len(texts))])
    hits = await store.hybrid_search("data model", near, 10, 0.1, 0.9, fusion=fusion, where={"mine": True})
    assert (hits[0].chunk_id, hits[0].keyword_rank) == (names[-1], 1)
