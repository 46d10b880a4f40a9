"""Vector, keyword and hybrid search: order, scores, filters, and many at once."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.support.stores import ANIMALS, DIMENSIONS, embed, fill

# --- vector search ---------------------------------------------------------------------------------------------------


async def test_vector_search_orders_by_cosine(store):
    await fill(store, *ANIMALS)
    hits = await store.vector_search(embed("the bear and the cat"), 4)
    expected = sorted(ANIMALS, key=lambda c: -np.dot(embed(c[1]), embed("the bear and the cat")))
    assert [hit.chunk_id for hit in hits] == [c[0] for c in expected]
    for hit, (_, text, metadata) in zip(hits, expected, strict=True):
        assert hit.text == text
        assert hit.metadata == metadata
        assert hit.score == pytest.approx(max(0, np.dot(embed(text), embed("the bear and the cat"))), abs=1e-5)
        assert hit.matched_terms is None


async def test_a_similarity_threshold_leaves_out_what_is_below(store):
    await fill(store, *ANIMALS)
    everything = await store.vector_search(embed("the bear and the cat"), 4)
    limit = everything[1].score
    assert await store.vector_search(embed("the bear and the cat"), 4, similarity_threshold=limit) == everything[:2]
    assert await store.vector_search(embed("the bear and the cat"), 4, similarity_threshold=1.0) == []


async def test_scores_stay_between_0_and_1(store):
    await store.upsert_documents(["p", "n"], [[1.0] * DIMENSIONS, [-1.0] * DIMENSIONS], ["p", "n"], [{}, {}])
    hits = await store.vector_search([1.0] * DIMENSIONS, 5)
    assert [(hit.chunk_id, hit.score) for hit in hits] == [("p", pytest.approx(1)), ("n", 0.0)]


@pytest.mark.parametrize(
    ("distance", "score"),
    [("l2", lambda d, p: 1 / (1 + d)), ("inner_product", lambda d, p: (1 + p / (1 + abs(p))) / 2)],
)
async def test_scores_of_other_distances(make, distance, score, elsewhere):
    store = make(distance=distance, **elsewhere("other"))
    await store.initialize()
    rng = np.random.default_rng(3)
    vectors, question = rng.normal(size=(50, DIMENSIONS)), rng.normal(size=DIMENSIONS)
    ids = [f"{i:02}" for i in range(50)]
    await store.upsert_documents(ids, vectors, ids, [{}] * 50)
    expected = {
        chunk_id: score(np.linalg.norm(vector - question), vector @ question)
        for chunk_id, vector in zip(ids, vectors, strict=True)
    }
    hits = await store.vector_search(question, 50)
    assert [hit.chunk_id for hit in hits] == sorted(ids, key=lambda i: -expected[i])
    assert [hit.score for hit in hits] == pytest.approx([expected[hit.chunk_id] for hit in hits], abs=1e-4)
    assert 0 <= hits[-1].score <= hits[0].score <= 1


async def test_relative_scores_keep_the_order_of_negative_similarities(store):
    vectors = [[-1.0, x] + [0.0] * (DIMENSIONS - 2) for x in (0.1, 3.0, 1.0, 9.0)]
    await store.upsert_documents(list("abcd"), vectors, ["apple", "banana", "cherry", "plum"], [{}] * 4)
    question = [1.0] + [0.0] * (DIMENSIONS - 1)
    for weights in ((1.0, 0.0), (0.5, 0.5)):
        hits = await store.hybrid_search("zzz", question, 4, *weights, fusion="relative_score")
        assert [hit.chunk_id for hit in hits] == list("dbca")


async def test_equal_scores_are_ordered_by_id(store):
    ids = [f"{i:02}" for i in range(30)]
    for part in (ids[20:], ids[:10], ids[10:20]):
        await store.upsert_documents(part, [embed("equal")] * 10, ["equal words"] * 10, [{}] * 10)
    for hits in (
        await store.vector_search(embed("equal"), 7),
        await store.keyword_search("equal", 7),
        await store.hybrid_search("equal", embed("equal"), 7),
        await store.hybrid_search("equal", embed("equal"), 7, fusion="relative_score"),
    ):
        assert [hit.chunk_id for hit in hits] == ids[:7]


async def test_a_search_finds_as_many_as_top_k_asks_for(store):
    ids = [f"{i:04}" for i in range(3000)]
    vectors = np.random.default_rng(1).normal(size=(3000, DIMENSIONS))
    await store.upsert_documents(ids, vectors, ids, [{"part": i % 20} for i in range(3000)])
    assert len(await store.vector_search(vectors[0], 100)) == 100
    assert len(await store.vector_search(vectors[0], 100, where={"part": 7})) == 100
    assert len(await store.vector_search(vectors[0], 1000, where={"part": 7})) == 150
    assert len(await store.hybrid_search("0001", vectors[0], 100, where={"part": 7})) == 100


# --- keyword search --------------------------------------------------------------------------------------------------


async def test_keyword_search_answers_questions_in_plain_words(store):
    await fill(store, *ANIMALS)
    hits = await store.keyword_search("Where does a growling bear sleep, and how do I get there?", 5)
    assert [hit.chunk_id for hit in hits] == ["a", "c"]
    assert hits[0].score == 1.0
    assert 0 < hits[1].score < 1
    assert hits[0].matched_terms is None


async def test_explain_names_the_words_that_were_found(store):
    await fill(store, *ANIMALS)
    hits = await store.keyword_search("Do growling BEARS sleep?", 5, explain=True)
    assert [(hit.chunk_id, hit.matched_terms) for hit in hits] == [
        ("a", ["growling", "bears", "sleep"]),
        ("c", ["bears"]),
    ]
    hybrid = await store.hybrid_search("growling bears", embed("rockets fly to the moon"), 4, explain=True)
    terms = {hit.chunk_id: hit.matched_terms for hit in hybrid}
    assert terms["a"] == ["growling", "bears"]
    assert terms["d"] == []


async def test_questions_of_any_allowed_length_are_explained(store):
    """Each has something often: one word, several words, and the parts of one word. Servers have a limit for each."""
    names = [f"{a}{b}{c}uk" for a in "bdfgklmnprtvz" for b in "aeiou" for c in "bcdfghjklmnpqrstvwxz"][:1100]
    await fill(store, ("long", " ".join(names)), ("short", f"{names[0]} and {names[-1]}"))

    async def explained(query: str) -> dict[str, list[str] | None]:
        return {hit.chunk_id: hit.matched_terms for hit in await store.keyword_search(query, 2, explain=True)}

    assert await explained("zz " * 16_600 + "babuk") == {"long": ["babuk"], "short": ["babuk"]}
    # Of so many words only the heaviest count, and the two that both chunks have are lighter.
    assert await explained(" ".join([*names, *names])) == {"long": names[:1000]}
    compound = "_".join(names * 2)
    assert await explained("babuk " * 20 + compound) == {"long": ["babuk", compound], "short": ["babuk", compound]}


async def test_filters_of_keyword_search_combine(store):
    await fill(store, *ANIMALS)
    search = store.keyword_search

    async def ids(**filters):
        return {hit.chunk_id for hit in await search("bear cat rockets", 9, **filters)}

    assert await ids() == {"a", "b", "c", "d"}
    assert await ids(source_types=["doc", "test"]) == {"a", "c", "d"}
    assert await ids(languages=["en"]) == {"a", "b"}
    assert await ids(source_types=["doc"], languages=["en"]) == {"a"}
    assert await ids(source_types=["doc"], where={"n": {"$gt": 1}}) == {"c"}
    assert await ids(source_types=[]) == set()


# --- hybrid search ---------------------------------------------------------------------------------------------------


async def test_hybrid_search_shows_the_ranks_of_both_rankings(store):
    await fill(store, *ANIMALS)
    hits = {
        hit.chunk_id: hit
        for hit in await store.hybrid_search("bear", embed("rockets fly to the moon"), 4, fusion="rrf")
    }
    assert hits["d"].vector_rank == 1
    assert hits["d"].keyword_rank is None
    assert hits["d"].vector_score == pytest.approx(1, abs=1e-5)
    assert {hits["a"].keyword_rank, hits["c"].keyword_rank} == {1, 2}
    best = next(hit for hit in hits.values() if hit.keyword_rank == 1)
    assert best.keyword_score == 1.0
    assert best.score == pytest.approx((0.5 / 61 + 0.5 / (60 + best.vector_rank)) / (1 / 61))


@pytest.mark.parametrize("fusion", ["convex", "rrf", "relative_score"])
async def test_hybrid_search_with_one_weight_is_that_ranking_alone(store, fusion):
    await fill(store, *ANIMALS)
    vector = [hit.chunk_id for hit in await store.vector_search(embed("moon"), 4)]
    keyword = [hit.chunk_id for hit in await store.keyword_search("growling bear cat", 4)]
    only_vector = await store.hybrid_search("growling bear cat", embed("moon"), 4, 1.0, 0.0, fusion=fusion)
    assert [hit.chunk_id for hit in only_vector] == vector
    only_keyword = await store.hybrid_search("growling bear cat", embed("moon"), 3, 0.0, 1.0, fusion=fusion)
    assert [hit.chunk_id for hit in only_keyword] == keyword
    assert only_keyword[0].score == 1.0


@pytest.mark.parametrize("fusion", ["convex", "rrf", "relative_score"])
async def test_a_ranking_without_weight_is_not_searched(store, fusion):
    await fill(store, *ANIMALS)
    for hit in await store.hybrid_search("growling bear", embed("moon"), 4, 1.0, 0.0, fusion=fusion):
        assert hit.vector_rank
        assert hit.vector_score is not None
        assert hit.keyword_rank is None
        assert hit.keyword_score is None
    for hit in await store.hybrid_search("growling bear", embed("moon"), 4, 0.0, 1.0, fusion=fusion):
        assert hit.keyword_rank
        assert hit.keyword_score is not None
        assert hit.vector_rank is None
        assert hit.vector_score is None


async def test_hybrid_search_filters_both_rankings(store):
    await fill(store, *ANIMALS)
    hits = await store.hybrid_search(
        "bear moon", embed("moon"), 4, where={"n": {"$gte": 2}}, source_types=["doc", "code"]
    )
    assert {hit.chunk_id for hit in hits} == {"b", "c"}


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_fifty_questions_at_once_each_get_their_own_answer(store):
    await fill(store, *((f"{i:02}", f"word{i} is here", {"n": i}) for i in range(50)))

    async def ask(i):
        hits = await store.hybrid_search(f"where is word{i}?", embed(f"word{i} is here"), 1)
        return hits[0].chunk_id

    assert await asyncio.gather(*(ask(i) for i in range(50))) == [f"{i:02}" for i in range(50)]


async def test_searches_beside_writers_find_the_best_chunk(store):
    await fill(store, *ANIMALS)

    async def write(i):
        await fill(store, *((f"w{i}-{j}", f"extra text {j}", {"i": i}) for j in range(20)))

    results = await asyncio.gather(
        *(write(i) for i in range(10)),
        *(store.hybrid_search("growling bear", embed("the growling bear sleeps in the forest"), 1) for _ in range(40)),
    )
    assert {hits[0].chunk_id for hits in results[10:]} == {"a"}
    assert await store.get_count() == 204
