"""Highlights: the passages of a result that match, and the words in them. Both backends find the same."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from agent_brain_store import InvalidQueryError, SearchResult
from agent_brain_store.textsearch.highlights import LONGEST, MOST, passages
from tests.support.stores import embed, fill


def marked(hit: SearchResult) -> list[list[str]]:
    """Return the words of each passage."""
    assert hit.highlights is not None
    return [[hit.text[start:end] for start, end in passage.words] for passage in hit.highlights]


async def test_every_search_shows_the_passages_that_match(store):
    text = "Bears sleep in caves. A growling bear is awake."
    await fill(store, ("a", text), ("b", "a quiet cat"))
    question, vector = "Do growling bears sleep?", embed(text)
    for hits in (
        await store.keyword_search(question, 2, highlights=True),
        await store.hybrid_search(question, vector, 1, highlights=True),
        await store.vector_search(vector, 1, highlights=question),
    ):
        (passage,) = hits[0].highlights
        assert text[passage.start : passage.end] == text
        assert marked(hits[0]) == [["Bears", "sleep", "growling", "bear"]]


async def test_highlights_are_found_only_when_asked_for(store):
    await fill(store, ("a", "the growling bear"), ("b", "words", {"title": "bear"}))
    for hits in (
        await store.keyword_search("bear", 2),
        await store.hybrid_search("bear", embed("bear"), 2),
        await store.vector_search(embed("bear"), 2),
    ):
        assert {hit.highlights for hit in hits} == {None}
    asked = {hit.chunk_id: hit for hit in await store.keyword_search("bear", 2, highlights=True)}
    assert marked(asked["a"]) == [["bear"]]
    assert asked["b"].highlights == (), "its title matches, and its text does not"
    assert await store.keyword_search("nowhere", 2, highlights=True) == []


@pytest.mark.parametrize(
    ("text", "question", "words"),
    [
        ("we met at a café, twice", "cafe", ["café"]),
        ("we met at a cafe\u0301, twice", "café", ["cafe\u0301"]),
        ("send an e-mail.", "email", ["e-mail"]),
        ("Loading (all) chunks!", "how to load a chunk", ["Loading", "chunks"]),
        ("call os.path.join or join", "join", ["join", "join"]),
        ("see getUserById.", "user", ["getUserById"]),
        ("learn C++, not C", "C++", ["C++", "C"]),
        ("some infor-\nmation on paper", "information", ["infor-\nmation"]),
        ("我们使用数据库存储数字", "数据库", ["数据库"]),
        ("我们的猫在家", "猫", ["猫"]),
        ("请查看VA004校验逻辑", "VA004", ["VA004"]),
        ("ask IT, it knows", "IT support", ["IT"]),
        ("ﬁre o\ufb03ce", "office", ["o\ufb03ce"]),
    ],
)
async def test_a_word_is_marked_however_it_is_written(store, text, question, words):
    await fill(store, ("a", text), ("b", "another text"))
    (hit,) = await store.keyword_search(question, 1, highlights=True)
    assert [word for passage in marked(hit) for word in passage] == words


async def test_the_best_passages_of_a_long_text_come_first(store):
    rng = random.Random(1)
    filler = [" ".join(rng.choices(["alpha", "beta", "gamma", "delta"], k=12)) + "." for _ in range(400)]
    filler[30], filler[200], filler[350] = "One bear is here.", "A bear and a wolf meet.", "The last wolf."
    text = " ".join(filler)
    await fill(store, ("a", text), ("b", "other"))
    (hit,) = await store.keyword_search("bear wolf", 1, highlights=True)
    assert marked(hit) == [["bear", "wolf"], ["bear"], ["wolf"]]
    for passage in hit.highlights:
        assert passage.end - passage.start <= LONGEST
        shown = text[passage.start : passage.end]
        assert text[: passage.start].endswith(". "), "a passage begins with a sentence"
        assert shown.endswith(".")
        assert shown == shown.strip()


async def test_a_threshold_is_a_share_of_the_best_score(store):
    await fill(store, ("a", "bear wolf fox"), ("b", "bear wolf"), ("c", "bear and many other words"), ("d", "cat"))
    everything = await store.keyword_search("bear wolf fox", 9)
    assert everything[0].score == 1.0
    limit = everything[1].score
    assert await store.keyword_search("bear wolf fox", 9, min_score=limit) == everything[:2]
    assert await store.keyword_search("bear wolf fox", 9, min_score=1) == everything[:1]
    vector = embed("bear cat")
    for fusion in ("convex", "rrf", "relative_score"):
        for normalize in (False, True):
            fused = await store.hybrid_search("bear wolf", vector, 4, fusion=fusion, normalize=normalize)
            limit = fused[1].score
            kept = await store.hybrid_search(
                "bear wolf", vector, 4, fusion=fusion, normalize=normalize, min_score=limit
            )
            assert kept == [hit for hit in fused if hit.score >= limit]
            assert len(kept) < len(fused)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "much", None, float("nan")])
async def test_a_threshold_is_from_0_to_1(store, wrong: Any):
    for call in (
        store.keyword_search("x", 1, min_score=wrong),
        store.hybrid_search("x", embed("x"), 1, min_score=wrong),
    ):
        with pytest.raises(InvalidQueryError, match="min_score is"):
            await call


def test_passages_of_any_text_stay_inside_it_and_apart():
    rng = random.Random(7)
    pieces = [
        "bear",
        "Bären",
        "wolf",
        "数据库",
        "x" * 300,
        "\n",
        ". ",
        "  ",
        "e-mail",
        "é",
        "-\n",
        "the",
        "。",
        "(",
        "\U0001f600",
    ]
    for _ in range(300):
        text = "".join(rng.choice(pieces) + rng.choice(["", " "]) for _ in range(rng.randint(0, 200)))
        (found,) = passages("bear 数据 email é " + "x" * 300, [text], "english")
        assert len(found) <= MOST
        ordered = sorted((p.start, p.end) for p in found)
        assert all(end <= start for (_, end), (start, _) in pairwise(ordered))
        for passage in found:
            assert 0 <= passage.start < passage.end <= len(text)
            assert passage.words
            assert all(passage.start <= start < end <= passage.end for start, end in passage.words)
