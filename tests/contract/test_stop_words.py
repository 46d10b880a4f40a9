"""Questions of nothing but stop words find what contains them as they are written. That is the last resort."""

# ruff: noqa: RUF001 - letters that look like others belong to the texts

from __future__ import annotations

import pytest

from tests.support.stores import embed, fill, ids

TEXTS = (
    ("hamlet", "To be, or not to be: that is the question", {"n": 1}),
    ("band", "We saw The Who at the stadium. The  WHO!", {"n": 2}),
    ("who", "the one who saw a stadium", {"n": 3}),
    ("long", "In this long text of many other words about music, somebody names the Who once", {"n": 4}),
    ("other", "It was a dark and stormy night, whose theme to best or not", {"n": 5}),
)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("to be or not to be", ["hamlet"]),
        ("To be or not to be?", ["hamlet"]),
        ("The Who", ["band", "long"]),
        ("it was", ["other"]),
        ("who the", []),
        ("not to be or", []),
        ("the " * 21, []),
        (f"the{' ' * 400}who", []),
        ("?!", []),
        ("to be zzz", []),
    ],
)
async def test_a_question_of_stop_words_is_found_as_it_is_written(store, question, found):
    await fill(store, *TEXTS)
    assert await ids(store, question) == found
    hybrid = await store.hybrid_search(question, embed("night"), 5)
    assert [hit.chunk_id for hit in sorted(hybrid, key=lambda hit: hit.keyword_rank or 9) if hit.keyword_rank] == found
    assert len(hybrid) == 5
    scored = await store.hybrid_search(question, embed("night"), 5, 0, 1, fusion="relative_score")
    assert [hit.chunk_id for hit in scored] == found


async def test_it_is_filtered_scored_and_highlighted_like_others(store):
    await fill(store, *TEXTS)
    assert await ids(store, "the who", where={"n": {"$gt": 2}}) == ["long"]
    assert await ids(store, "the who", where={"n": 3}) == []
    best, other = await store.keyword_search("the who", 5, highlights=True)
    assert best.score == 1.0
    assert 0 < other.score < 0.8
    marked = [best.text[start:end] for passage in best.highlights for start, end in passage.words]
    assert marked == ["The Who", "The  WHO"]


async def test_letters_beyond_ascii_are_found_in_any_case(make, elsewhere):
    store = make(keyword={"language": "russian"}, **elsewhere("russian"))
    await store.initialize()
    await fill(store, ("a", "Слова: И не с ним"), ("b", "слово и ним"), ("c", "они не с ним"))
    assert await ids(store, "и не с") == ["a"]
    assert await ids(store, "И НЕ С") == ["a"]


async def test_only_so_many_texts_are_read(make):
    """Thirty budgets are. A filter or a budget of 0 reaches the others."""
    store = make(keyword={"budget": 10})
    await store.initialize()
    await fill(
        store, *((f"{i:04}", f"filler {i}", {"late": i >= 400}) for i in range(500)), ("z", "The Who", {"late": True})
    )
    assert await ids(store, "the who") == []
    assert await ids(store, "the who", where={"late": True}) == ["z"]
    unbounded = make(keyword={"budget": 0})
    await unbounded.initialize()
    assert await ids(unbounded, "the who") == ["z"]
