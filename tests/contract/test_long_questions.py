"""Somebody pastes a page into the search box. Of very many words, the heaviest count, and the work has a bound."""

from __future__ import annotations

import random

import pytest

from tests.support.stores import embed, fill, ids


async def test_of_very_many_words_the_heaviest_count(store):
    """250 are in one chunk each, and fill the bound. Others are in no chunk, or in more chunks, unless they come often."""
    rare = [f"z{'bcdfghjkmp'[i // 100]}{'bcdfghjkmp'[i // 10 % 10]}{'bcdfghjkmp'[i % 10]}x" for i in range(250)]
    await fill(
        store,
        *((f"rare{i}", " ".join(rare[10 * i : 10 * i + 10])) for i in range(25)),
        *((f"common{i}", "oak elm ash") for i in range(3)),
        *((f"often{i}", "vacuum freeze") for i in range(3)),
    )
    unknown = [f"nowhere{i}" for i in range(2000)]
    page = [*unknown, *rare, "oak", "elm", "ash"]
    random.Random(1).shuffle(page)
    question = " ".join(page)
    assert set(await ids(store, question, 50)) == {f"rare{i}" for i in range(25)}
    found = set(await ids(store, f"{question} {'vacuum ' * 20}", 50))
    assert found == {f"rare{i}" for i in range(25)} | {f"often{i}" for i in range(3)}
    for fusion in ("convex", "rrf", "relative_score"):
        hybrid = await store.hybrid_search(question, embed("oak"), 50, fusion=fusion)
        assert {hit.chunk_id for hit in hybrid if hit.keyword_rank} == {f"rare{i}" for i in range(25)}
    short = await ids(store, " ".join([*rare[:200], "oak"]), 50)
    assert set(short) == {f"rare{i}" for i in range(20)} | {f"common{i}" for i in range(3)}


@pytest.mark.parametrize("letters", ["Chinese", "one word", "one name"])
async def test_the_longest_questions_are_answered(store, letters):
    question = {
        "Chinese": "".join(chr(0x4E00 + 7 * i % 20000) for i in range(49_990)),
        "one word": "long" * 12_000,
        "one name": "a_b_" * 12_000,
    }[letters]
    await fill(store, *((f"{i:02}", f"a text {i}") for i in range(30)), ("part", question[70:170]))
    found = [] if letters == "one word" else ["part"]
    assert await ids(store, question, 5) == found
    hybrid = await store.hybrid_search(f'"{question}"', embed("text"), 5)
    assert len(hybrid) == 5
    assert [hit.chunk_id for hit in hybrid if hit.keyword_rank] == found
