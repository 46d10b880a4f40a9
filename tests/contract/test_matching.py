"""Keyword search for every word of a question, and for a last word that is still being typed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from agent_brain_store import InvalidQueryError, StorageBackend, StoreConfig, create_backend
from tests.support.internals import count_terms
from tests.support.stores import embed, fill, ids, mapping

TEXTS = (
    ("both", "loading chunks into the store"),
    ("one", "a chunk is a piece of text"),
    ("other", "the load of the server"),
    ("title", "a piece of text", {"title": "Loading chunks"}),
    ("mail", "load chunks by e-mail at the café"),
    ("kube", "kubernetes loads the configuration"),
    ("index", "indexes are indexed in an index"),
    ("zh", "我们使用数据库存储"),
    ("path", "open src/app/main.py and send it to https://www.ex.org/upload"),
    ("part", "the main thing about py is on the left"),
    ("band", "We saw The Who: C++ was their language, is_valid their song"),
    ("plain", "a C compiler, a valid one, of whom nobody knows who the author was"),
)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("how do I load a chunk?", {"both", "title", "mail"}),
        ("load chunk email", {"mail"}),
        ("load E-Mail", {"mail"}),
        ("cafe chunk", {"mail"}),
        ("load nowhere", set()),
        ("数据库", {"zh"}),
        ("数据 chunk", set()),
        ("", set()),
        ("the of", set()),
        ("server loading LOAD", {"other"}),
        ("main.py", {"path", "part"}),
        ("(app/main.py),", {"path"}),
        ("main.py ex.org", {"path"}),
        ("src/app/main.py", {"path"}),
        ("lib/main.py", set()),
        ("C++", {"band"}),
        ("is_valid", {"band"}),
        ("The Who", {"band"}),
        ("the who song", {"band"}),
    ],
)
async def test_every_word_has_to_match(store, question, found):
    await fill(store, *TEXTS)
    assert set(await ids(store, question, match="all")) == found


async def test_matches_of_every_word_are_ranked_and_refined_like_others(store):
    await fill(store, *TEXTS)
    plain = [chunk for chunk in await ids(store, "load chunk") if chunk in ("both", "title", "mail")]
    assert await ids(store, "load chunk", match="all") == plain
    hits = await store.keyword_search("load chunks", 1, match="all", explain=True, highlights=True)
    assert [(hit.chunk_id, hit.score) for hit in hits] == [(plain[0], 1.0)]
    assert hits[0].matched_terms == ["load", "chunks"]
    assert await ids(store, "load chunk", match="all", where={"title": {"$exists": True}}) == ["title"]
    await fill(store, ("copy", TEXTS[0][1]))
    assert len(await ids(store, "load chunk", match="all")) == 4
    assert len(await ids(store, "load chunk", match="all", distinct="text")) == 3


async def test_every_word_is_found_beyond_the_budget(make):
    """Both words are common. The one chunk that has both is far from the beginning."""
    store = make(keyword={"budget": 20})
    await store.initialize()
    await fill(store, *((f"{i:04}", f"{('parser', 'token')[i % 2]} among many other words {i}") for i in range(1500)))
    await fill(store, ("rare", "a long text with a token and, after many others, a parser"))
    assert await ids(store, "parser token", match="all") == ["rare"]
    everything = make(keyword={"budget": 0})
    await everything.initialize()
    assert await ids(everything, "parser token", match="all") == ["rare"]
    assert len(await ids(everything, "parser", 2000, match="all")) == 751


@pytest.mark.parametrize("star", ["", "*"])
async def test_of_a_very_long_question_the_first_hundred_words_have_to_match(store, star):
    """The others neither have to match nor count, so the work has a bound."""
    words = [f"word{i}" for i in range(5000)]
    await fill(
        store, ("first", " ".join(words[:100])), ("most", " ".join(words[:150])), ("last", " ".join(words[1:150]))
    )
    asked = await store.keyword_search(" ".join([*words[:50], *words]) + star, 9, match="all", explain=True)
    assert {hit.chunk_id: hit.matched_terms for hit in asked} == {"first": words[:100], "most": words[:100]}
    short = await store.keyword_search(" ".join([*words[:50], *words[:100]]), 9, match="all")
    assert [(hit.chunk_id, hit.score) for hit in asked] == [(hit.chunk_id, hit.score) for hit in short]
    assert await ids(store, "long" * 10_000 + star, match="all") == []
    assert set(await ids(store, f"{words[0]} {'long' * 10_000}{star}", match="all")) == {"first", "most"}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("kub", {"kube"}),
        ("KUBER", {"kube"}),
        ("kubernetes", {"kube"}),
        ("configurati", {"kube"}),
        ("where is the kub", {"kube"}),
        ("ind", {"index"}),
        ("indexes", {"index"}),
        ("caf", {"mail"}),
        ("k", set()),
        ("数据", {"zh"}),
        ("数", {"zh"}),
        ("", set()),
        ("!", set()),
    ],
)
async def test_the_last_word_may_be_typed_in_part(store, typed, found):
    await fill(store, *TEXTS)
    assert set(await ids(store, typed, prefix=True)) == found
    if typed:
        assert set(await ids(store, f"{typed}*")) == found
    assert set(await ids(store, f"{typed}*", match="all")) == found


async def test_a_typed_word_is_one_of_several(store):
    await fill(store, *TEXTS)
    hits = await store.keyword_search("server kub", 9, prefix=True, explain=True, highlights=True)
    assert {hit.chunk_id: hit.matched_terms for hit in hits} == {"kube": ["kub"], "other": ["server"]}
    marked = {hit.chunk_id: [hit.text[a:b] for p in hit.highlights for a, b in p.words] for hit in hits}
    assert marked == {"kube": ["kubernetes"], "other": ["server"]}
    assert await ids(store, "load kub", prefix=True, match="all") == ["kube"]
    hybrid = await store.hybrid_search("kub*", embed("x"), 3)
    assert [hit.keyword_rank for hit in hybrid if hit.chunk_id == "kube"] == [1]


async def test_rare_words_that_begin_so_do_not_outweigh_frequent_ones(store):
    """'post' is in many chunks, and 'postal' in one. Typing 'post' still means 'post' as much as 'postal'."""
    await fill(
        store, *((f"{i:02}", "post") for i in range(40)), ("postal", "postal"), *((f"x{i}", f"y{i}") for i in range(30))
    )
    hits = await store.keyword_search("pos", 41, prefix=True)
    assert [hit.score for hit in hits] == pytest.approx([1.0] * 41)


async def answer(store: StorageBackend, question: str, match: Any) -> dict[str, tuple[float, list[str] | None]]:
    hits = await store.keyword_search(question, 150, match=match, explain=True)
    return {hit.chunk_id: (hit.score, hit.matched_terms) for hit in hits}


@pytest.mark.postgres
async def test_both_backends_match_and_rank_alike(tmp_path, postgres):
    chooser = random.Random(3)
    words = [
        "parser",
        "parse",
        "part",
        "party",
        "token",
        "tokens",
        "tonic",
        "index",
        "café",
        "e-mail",
        "email",
        "getUserById",
    ]
    texts = [" ".join(chooser.choices(words, k=chooser.randint(1, 12))) for _ in range(150)]
    names, answers = [f"{i:03}" for i in range(150)], []
    questions = [" ".join(chooser.sample(words, chooser.randint(1, 3))) for _ in range(15)]
    questions += [f"{question[: chooser.randint(2, len(question))]}*" for question in questions]
    for backend in ("chroma", "postgres"):
        places = {"chroma": {"path": str(tmp_path)}, "postgres": postgres}
        store: Any = create_backend(StoreConfig.from_dict(mapping(backend=backend, keyword={"budget": 0}, **places)))
        await store.initialize()
        await store.upsert_documents(names, [embed(text) for text in texts], texts, [{}] * 150)
        if backend == "postgres":
            await count_terms(store)
        answers.append([await answer(store, question, match) for question in questions for match in ("any", "all")])
        await store.close()
    for mine, theirs in zip(*answers, strict=True):
        assert mine.keys() == theirs.keys()
        assert {i: s for i, (s, _) in mine.items()} == pytest.approx({i: s for i, (s, _) in theirs.items()}, rel=1e-4)
        assert {i: w for i, (_, w) in mine.items()} == {i: w for i, (_, w) in theirs.items()}
    assert sum(map(bool, answers[0])) > 30


async def test_a_way_to_match_that_does_not_exist_is_refused(store):
    wrong: Any = "some"
    with pytest.raises(InvalidQueryError, match="match is 'some'; it must be 'any' or 'all'"):
        await store.keyword_search("x", 1, match=wrong)
