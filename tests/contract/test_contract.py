"""The contract, on both backends: every method, its edges and its errors. Changing behaviour means changing this file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import numpy as np
import pytest

from agent_brain_store import (
    DimensionMismatchError,
    EmbeddingMetadata,
    InvalidDocumentError,
    InvalidFilterError,
    InvalidQueryError,
    NotInitialized,
    Progress,
    ProviderMismatchError,
    QueryFailed,
    ReplaceResult,
    SchemaError,
    StorageBackend,
    StorageError,
)
from tests.conftest import DIMENSIONS, embed, fill

ANIMALS = (
    ("a", "the growling bear sleeps in the forest", {"source_type": "doc", "language": "en", "n": 1}),
    ("b", "a small cat chases the mouse", {"source_type": "code", "language": "en", "n": 2}),
    ("c", "the bear and the cat are friends", {"source_type": "doc", "language": "de", "n": 3}),
    ("d", "rockets fly to the moon", {"source_type": "test", "n": 4}),
)


# --- life ------------------------------------------------------------------------------------------------------------


async def test_is_a_storage_backend(store):
    assert isinstance(store, StorageBackend)
    assert store.is_initialized


async def test_nothing_happens_before_initialize(make):
    store = make()
    assert not store.is_initialized
    calls = [
        store.get_count(),
        store.get_by_id("a"),
        store.get_by_ids([]),
        store.vector_search(embed("x"), 3),
        store.vector_search(embed("x"), 0),
        store.keyword_search("x", 3),
        store.hybrid_search("x", embed("x"), 3),
        store.upsert_documents(["a"], [embed("a")], ["a"], [{}]),
        store.upsert_documents([], [], [], []),
        store.replace_documents({"n": 1}, [], [], [], []),
        store.delete_by_ids(["a"]),
        store.delete_by_ids([]),
        store.delete_by_metadata({"n": 1}),
        store.reset(),
        store.get_embedding_metadata(),
        store.set_embedding_metadata("test", "hashed", DIMENSIONS),
        store.ensure_indexes(),
        store.reindex(),
    ]
    for call in calls:
        with pytest.raises(NotInitialized, match=r"initialize\(\)"):
            await call
    with pytest.raises(NotInitialized):
        [chunk async for chunk in store.iter_documents()]
    with pytest.raises(NotInitialized):
        async with store.bulk_load():
            pass
    health = await store.health()
    assert not health.ok
    assert "initialize()" in health.details["error"]


async def test_initialize_twice_and_from_fifty_tasks(make):
    store = make()
    await asyncio.gather(*(store.initialize() for _ in range(50)))
    await fill(store, *ANIMALS)
    await store.initialize()
    assert await store.get_count() == 4


async def test_close_twice_then_reopen(make):
    store = make()
    await store.close()
    await store.initialize()
    await fill(store, *ANIMALS)
    await store.close()
    await store.close()
    assert not store.is_initialized
    with pytest.raises(NotInitialized):
        await store.get_count()
    await store.initialize()
    assert await store.get_count() == 4
    assert [hit.chunk_id for hit in await store.keyword_search("rockets", 5)] == ["d"]


async def test_data_outlive_the_store(make):
    first = make()
    await first.initialize()
    await fill(first, *ANIMALS)
    await first.close()
    second = make()
    await second.initialize()
    assert await second.get_by_id("a") == {"text": ANIMALS[0][1], "metadata": ANIMALS[0][2]}
    assert {hit.chunk_id for hit in await second.keyword_search("bear", 5)} == {"a", "c"}


async def test_health_runs_a_query(store):
    await fill(store, *ANIMALS)
    health = await store.health()
    assert health.ok
    assert health.details["chunks"] == 4
    assert health.details["exact_fallbacks"] == 0


# --- writing ---------------------------------------------------------------------------------------------------------


async def test_upsert_returns_distinct_ids_and_the_last_one_wins(store, caplog):
    caplog.set_level(logging.WARNING)
    texts = ["first", "second", "third"]
    assert (
        await store.upsert_documents(["x", "y", "x"], [embed(t) for t in texts], texts, [{"n": i} for i in range(3)])
        == 2
    )
    assert await store.get_by_id("x") == {"text": "third", "metadata": {"n": 2}}
    assert "repeated" in caplog.text
    assert (await store.vector_search(embed("third"), 1))[0].chunk_id == "x"


async def test_upsert_replaces_text_vector_and_the_whole_metadata(store):
    await fill(store, ("x", "old words", {"old": 1, "both": 1, "tags": ["a"]}))
    await fill(store, ("x", "new phrase", {"both": 2}))
    assert await store.get_by_id("x") == {"text": "new phrase", "metadata": {"both": 2}}
    assert await store.keyword_search("old words", 5) == []
    assert await store.get_count({"old": 1}) == 0
    assert await store.get_count({"tags": {"$contains": "a"}}) == 0
    assert (await store.vector_search(embed("new phrase"), 1))[0].score == pytest.approx(1, abs=1e-5)
    assert await store.get_count() == 1


async def test_upsert_takes_numpy_arrays(store):
    for dtype in (np.float32, np.float64, np.float16):
        vectors = np.eye(3, DIMENSIONS, dtype=dtype)
        assert await store.upsert_documents(["a", "b", "c"], vectors, ["1", "2", "3"], [{}] * 3) == 3
        rows = [np.asarray(row) for row in vectors]
        assert await store.upsert_documents(["a", "b", "c"], rows, ["1", "2", "3"], [{}] * 3) == 3
    assert [hit.chunk_id for hit in await store.vector_search(np.eye(3, DIMENSIONS)[1], 1)] == ["b"]


async def test_upsert_of_nothing(store):
    assert await store.upsert_documents([], [], [], []) == 0
    assert await store.upsert_documents([], np.empty((0, DIMENSIONS)), [], []) == 0


async def test_lists_of_unequal_length(store):
    with pytest.raises(ValueError, match="2 ids, 1 embeddings, 1 documents, 1 metadatas"):
        await store.upsert_documents(["a", "b"], [embed("a")], ["a"], [{}])
    assert await store.get_count() == 0


@pytest.mark.parametrize("place", range(4))
async def test_lists_that_are_none(store, place):
    for wrong in (None, iter(()), "a", {"a": 1}, {"a"}):
        lists: list[Any] = [["a"], [embed("a")], ["a"], [{}]]
        lists[place] = wrong
        with pytest.raises(ValueError, match="not a list"):
            await store.upsert_documents(*lists)
    assert await store.get_count() == 0


async def test_replace_documents(store):
    await fill(store, *((f"f{i}", f"page {i}", {"source": "/f", "page": i}) for i in range(5)))
    await fill(store, ("other", "elsewhere", {"source": "/g"}))
    texts = ["page 1", "brand new"]
    result = await store.replace_documents(
        {"source": "/f"}, ["f1", "f9"], [embed(t) for t in texts], texts, [{"source": "/f"}] * 2
    )
    assert result == ReplaceResult(deleted=4, upserted=2)
    assert [chunk.chunk_id async for chunk in store.iter_documents()] == ["f1", "f9", "other"]
    assert {hit.chunk_id for hit in await store.keyword_search("page brand", 9)} == {"f1", "f9"}


async def test_replace_with_nothing_deletes(store):
    await fill(store, *ANIMALS)
    assert await store.replace_documents({"source_type": "doc"}, [], [], [], []) == ReplaceResult(2, 0)
    assert await store.get_count() == 2


async def test_replace_with_bad_input_changes_nothing(store):
    await fill(store, *ANIMALS)
    with pytest.raises(StorageError):
        await store.replace_documents({"source_type": "doc"}, ["z"], [[float("nan")] * DIMENSIONS], ["z"], [{}])
    with pytest.raises(InvalidFilterError, match="reset"):
        await store.replace_documents({}, ["z"], [embed("z")], ["z"], [{}])
    assert await store.get_count() == 4


async def test_delete_by_ids_counts_what_was_there(store):
    await fill(store, *ANIMALS)
    assert await store.delete_by_ids([]) == 0
    assert await store.delete_by_ids(["a", "a", "nobody", "", "\0"]) == 1
    assert await store.delete_by_ids(["a"]) == 0
    for wrong in (iter(["b"]), None, 5, "b"):  # an iterator would be used up by its check
        with pytest.raises(InvalidQueryError, match="must be a list of strings"):
            await store.delete_by_ids(wrong)
        with pytest.raises(InvalidQueryError, match="must be a list of strings"):
            await store.get_by_ids(wrong)
    assert await store.get_count() == 3
    assert await store.keyword_search("growling", 5) == []


async def test_delete_by_metadata(store):
    await fill(store, *ANIMALS)
    assert await store.delete_by_metadata({"language": {"$ne": "en"}}) == 2
    assert await store.delete_by_metadata({"language": "fr"}) == 0
    nothings: list[Any] = [{}, None]
    for nothing in nothings:
        with pytest.raises(InvalidFilterError):
            await store.delete_by_metadata(nothing)
    assert await store.get_count() == 2


async def test_delete_many_ids_at_once(store):
    ids = [f"id{i:05}" for i in range(3000)]
    await store.upsert_documents(ids, np.random.default_rng(1).normal(size=(3000, DIMENSIONS)), ids, [{}] * 3000)
    assert await store.delete_by_ids(ids[::2] + [f"unknown{i}" for i in range(40_000)]) == 1500
    assert await store.get_count() == 1500


async def test_a_cancelled_start_is_undone_by_close(make):
    for delay in (0.0001, 0.001, 0.01, 0.05):
        store = make()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(store.initialize(), delay)
        await store.close()
        await asyncio.sleep(0.05)
        assert not store.is_initialized
    store = make()
    await store.initialize()
    assert await store.get_count() == 0


async def test_reset_and_reuse(store):
    await fill(store, *ANIMALS)
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    await store.reset()
    assert await store.get_count() == 0
    assert await store.get_embedding_metadata() is None
    assert await store.keyword_search("bear", 5) == []
    assert await store.vector_search(embed("bear"), 5) == []
    await fill(store, *ANIMALS)
    assert await store.get_count() == 4
    assert len(await store.hybrid_search("bear", embed("bear"), 5)) == 4


async def test_after_a_reset_new_chunks_have_nothing_of_the_old_ones(store):
    await fill(store, *((chunk_id, "text", {"tags": ["old", 1], "source": f"/old/{chunk_id}"}) for chunk_id in "abc"))
    await store.reset()
    await fill(store, ("x", "text", {"tags": ["new"]}), ("y", "text", {"source": "/new/y"}), ("z", "text"))
    for old in ({"tags": {"$contains": "old"}}, {"tags": {"$contains": 1}}, {"source": {"$prefix": "/old/"}}):
        assert await store.get_count(old) == 0
        assert await store.get_count({"$not": old}) == 3
        assert await store.vector_search(embed("text"), 5, where=old) == []
        assert await store.keyword_search("text", 5, where=old) == []
        assert await store.delete_by_metadata(old) == 0
    assert await store.get_count({"tags": {"$contains": "new"}}) == 1


# --- an empty store, and odd arguments -------------------------------------------------------------------------------


async def test_empty_store(store):
    assert await store.get_count() == 0
    assert await store.get_by_id("a") is None
    assert await store.get_by_ids(["a"]) == {}
    assert await store.vector_search(embed("a"), 5) == []
    assert await store.keyword_search("a question about bears", 5) == []
    assert await store.hybrid_search("bears", embed("a"), 5) == []
    assert await store.hybrid_search("bears", embed("a"), 5, fusion="relative_score") == []
    assert [chunk async for chunk in store.iter_documents()] == []
    assert await store.delete_by_ids(["a"]) == 0
    assert await store.delete_by_metadata({"a": 1}) == 0
    assert await store.get_embedding_metadata() is None
    await store.reset()


async def test_top_k_zero_and_huge(store):
    await fill(store, *ANIMALS)
    for top_k, found in ((0, 0), (1, 1), (4, 4), (10**12, 4)):
        assert len(await store.vector_search(embed("bear"), top_k)) == found
        assert len(await store.hybrid_search("bear", embed("bear"), top_k)) == found
        assert len(await store.keyword_search("bear", top_k)) == min(found, 2)


@pytest.mark.parametrize("top_k", [-1, 1.5, "3", None, True])
async def test_top_k_must_be_a_count(store, top_k):
    for call in (
        store.vector_search(embed("a"), top_k),
        store.keyword_search("a", top_k),
        store.hybrid_search("a", embed("a"), top_k),
    ):
        with pytest.raises(InvalidQueryError, match="top_k"):
            await call


@pytest.mark.parametrize(
    ("vector", "error", "words"),
    [
        ([0.0] * DIMENSIONS, InvalidQueryError, "all zeros"),
        ([float("nan")] * DIMENSIONS, InvalidQueryError, "NaN"),
        ([1e39] * DIMENSIONS, InvalidQueryError, "infinity"),
        ([1.0] * (DIMENSIONS + 1), DimensionMismatchError, f"17 dimensions, the store has {DIMENSIONS}"),
        ([], DimensionMismatchError, "0 dimensions"),
        (["1"] * DIMENSIONS, InvalidQueryError, "numbers"),
        (None, InvalidQueryError, "numbers"),
    ],
)
async def test_bad_query_vectors(store, vector, error, words):
    for call in (store.vector_search(vector, 3), store.hybrid_search("a", vector, 3)):
        with pytest.raises(error, match=words):
            await call


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), "x"])
async def test_bad_thresholds(store, threshold):
    with pytest.raises(InvalidQueryError, match="similarity_threshold"):
        await store.vector_search(embed("a"), 3, similarity_threshold=threshold)


@pytest.mark.parametrize(
    "arguments",
    [
        {"vector_weight": -1},
        {"keyword_weight": 10**400},
        {"vector_weight": 0, "keyword_weight": 0},
        {"vector_weight": 1e308, "keyword_weight": 1e308},
        {"keyword_weight": float("nan")},
        {"rrf_k": -1},
        {"rrf_k": 1.5},
        {"fusion": "magic"},
        {"candidates": 0},
    ],
)
async def test_bad_hybrid_arguments(store, arguments):
    with pytest.raises(InvalidQueryError, match=next(iter(arguments)).split("_")[0]):
        await store.hybrid_search("a", embed("a"), 3, **arguments)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "the of and",
        "?!... --",
        "' \" \\ % _ & | ! ( ) :*",
        "-alpha",
        '"exact phrase',
        "\0",
        "\ud800",
        "🐻" * 50,
        "x " * 2000,
    ],
)
async def test_any_text_is_a_question(store, query):
    await fill(store, *ANIMALS)
    assert isinstance(await store.keyword_search(query, 5), list)
    assert len(await store.hybrid_search(query, embed("bear"), 5)) == 4


# --- searching -------------------------------------------------------------------------------------------------------


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


async def test_similarity_threshold(store):
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
async def test_other_distances(make, distance, score, backend, request):
    store = make(distance=distance, **_elsewhere(backend, request, "other"))
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


def _elsewhere(backend, request, name):
    if backend == "chroma":
        return {"chroma": {"path": str(request.getfixturevalue("tmp_path") / name)}}
    return {"postgres": {**request.getfixturevalue("database"), "schema": name}}


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


async def test_top_k_100_gives_100(store):
    ids = [f"{i:04}" for i in range(3000)]
    vectors = np.random.default_rng(1).normal(size=(3000, DIMENSIONS))
    await store.upsert_documents(ids, vectors, ids, [{"part": i % 20} for i in range(3000)])
    assert len(await store.vector_search(vectors[0], 100)) == 100
    assert len(await store.vector_search(vectors[0], 100, where={"part": 7})) == 100
    assert len(await store.vector_search(vectors[0], 1000, where={"part": 7})) == 150
    assert len(await store.hybrid_search("0001", vectors[0], 100, where={"part": 7})) == 100


async def test_keyword_search_answers_questions_in_plain_words(store):
    await fill(store, *ANIMALS)
    hits = await store.keyword_search("Where does a growling bear sleep, and how do I get there?", 5)
    assert [hit.chunk_id for hit in hits] == ["a", "c"]
    assert hits[0].score == 1.0
    assert 0 < hits[1].score < 1
    assert hits[0].matched_terms is None


async def test_explain_names_the_words(store):
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


async def test_keyword_filters_combine(store):
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


async def test_hybrid_ranks_both_legs(store):
    await fill(store, *ANIMALS)
    hits = {hit.chunk_id: hit for hit in await store.hybrid_search("bear", embed("rockets fly to the moon"), 4)}
    assert hits["d"].vector_rank == 1
    assert hits["d"].keyword_rank is None
    assert hits["d"].vector_score == pytest.approx(1, abs=1e-5)
    assert {hits["a"].keyword_rank, hits["c"].keyword_rank} == {1, 2}
    best = next(hit for hit in hits.values() if hit.keyword_rank == 1)
    assert best.keyword_score == 1.0
    assert best.score == pytest.approx((0.5 / 61 + 0.5 / (60 + best.vector_rank)) / (1 / 61))


@pytest.mark.parametrize("fusion", ["rrf", "relative_score"])
async def test_hybrid_weights_of_one_leg(store, fusion):
    await fill(store, *ANIMALS)
    vector = [hit.chunk_id for hit in await store.vector_search(embed("moon"), 4)]
    keyword = [hit.chunk_id for hit in await store.keyword_search("growling bear cat", 4)]
    only_vector = await store.hybrid_search("growling bear cat", embed("moon"), 4, 1.0, 0.0, fusion=fusion)
    assert [hit.chunk_id for hit in only_vector] == vector
    only_keyword = await store.hybrid_search("growling bear cat", embed("moon"), 3, 0.0, 1.0, fusion=fusion)
    assert [hit.chunk_id for hit in only_keyword] == keyword
    assert only_keyword[0].score == 1.0


@pytest.mark.parametrize("fusion", ["rrf", "relative_score"])
async def test_a_leg_without_weight_is_not_searched(store, fusion):
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


async def test_hybrid_filters_both_legs(store):
    await fill(store, *ANIMALS)
    hits = await store.hybrid_search(
        "bear moon", embed("moon"), 4, where={"n": {"$gte": 2}}, source_types=["doc", "code"]
    )
    assert {hit.chunk_id for hit in hits} == {"b", "c"}


async def test_fifty_questions_at_once_each_get_their_own_answer(store):
    await fill(store, *((f"{i:02}", f"word{i} is here", {"n": i}) for i in range(50)))

    async def ask(i):
        hits = await store.hybrid_search(f"where is word{i}?", embed(f"word{i} is here"), 1)
        return hits[0].chunk_id

    assert await asyncio.gather(*(ask(i) for i in range(50))) == [f"{i:02}" for i in range(50)]


async def test_searching_while_writing(store):
    await fill(store, *ANIMALS)

    async def write(i):
        await fill(store, *((f"w{i}-{j}", f"extra text {j}", {"i": i}) for j in range(20)))

    results = await asyncio.gather(
        *(write(i) for i in range(10)),
        *(store.hybrid_search("growling bear", embed("the growling bear sleeps in the forest"), 1) for _ in range(40)),
    )
    assert {hits[0].chunk_id for hits in results[10:]} == {"a"}
    assert await store.get_count() == 204


# --- looking up ------------------------------------------------------------------------------------------------------


async def test_get_by_ids(store):
    await fill(store, *ANIMALS)
    assert await store.get_by_ids(["d", "nobody", "a", "a"]) == {
        "a": {"text": ANIMALS[0][1], "metadata": ANIMALS[0][2]},
        "d": {"text": ANIMALS[3][1], "metadata": ANIMALS[3][2]},
    }
    assert await store.get_by_ids([]) == {}
    assert await store.get_by_id("nobody") is None
    with pytest.raises(InvalidQueryError):
        await store.get_by_ids("a")


async def test_get_count(store):
    await fill(store, *ANIMALS)
    assert await store.get_count() == await store.get_count({}) == await store.get_count(None) == 4
    assert await store.get_count({"source_type": {"$in": ["doc", "code"]}}) == 3
    assert await store.get_count({"$and": [{"source_type": "doc"}, {"language": "en"}]}) == 1


async def test_iter_documents_yields_no_chunk_that_no_longer_matches(store):
    await fill(store, *((chunk_id, "text", {"lang": "de"}) for chunk_id in "abc"))
    seen = []
    async for document in store.iter_documents({"lang": "de"}, batch_size=1):
        seen.append((document.chunk_id, document.metadata))
        await fill(store, ("b", "text", {"lang": "en"}))
    assert seen == [("a", {"lang": "de"}), ("c", {"lang": "de"})]


async def test_iter_documents_streams_in_id_order(store):
    ids = ["b", "ä", "a", "Z", "z", "🐻", "一", "10", "9"]
    await fill(store, *((i, f"text {i}", {"odd": n % 2}) for n, i in enumerate(ids)))
    for batch_size in (1, 2, 1000):
        assert [chunk.chunk_id async for chunk in store.iter_documents(batch_size=batch_size)] == sorted(ids)
    odd = [chunk async for chunk in store.iter_documents({"odd": 1}, batch_size=2, include_embeddings=True)]
    assert [chunk.chunk_id for chunk in odd] == sorted(ids[1::2])
    for chunk in odd:
        assert chunk.text == f"text {chunk.chunk_id}"
        assert chunk.embedding.dtype == np.float32
        assert np.array_equal(chunk.embedding, np.asarray(embed(chunk.text), np.float32))
    plain = [chunk async for chunk in store.iter_documents()]
    assert all(chunk.embedding is None for chunk in plain)
    with pytest.raises(InvalidQueryError, match="batch_size"):
        [chunk async for chunk in store.iter_documents(batch_size=0)]


async def test_unicode_ids_are_kept_apart(store):
    ids = ["é", "e\u0301", "Ünï", "ß", "SS", "שלום", "a b", "a\tb", "'; drop table chunks; --", "\\", "%", "_"]
    await fill(store, *((i, f"text of {n}") for n, i in enumerate(ids)))
    assert await store.get_count() == len(ids)
    assert {i: value["text"] for i, value in (await store.get_by_ids(ids)).items()} == {
        i: f"text of {n}" for n, i in enumerate(ids)
    }
    assert await store.delete_by_ids(ids) == len(ids)


# --- the embedding profile and the guard -----------------------------------------------------------------------------


async def test_embedding_profile(make):
    store = make()
    await store.initialize()
    await store.set_embedding_metadata("other", "model", DIMENSIONS)
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    assert await store.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)
    with pytest.raises(DimensionMismatchError, match=f"99 dimensions, the store holds vectors of {DIMENSIONS}"):
        await store.set_embedding_metadata("test", "hashed", 99)
    for names in (("x", None), (1, "m"), ("", "m"), ("x", "nul\0")):
        with pytest.raises(InvalidQueryError, match="must be a non-empty text"):
            await store.set_embedding_metadata(*names, DIMENSIONS)
    await store.close()
    again = make()
    await again.initialize()
    assert await again.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)


async def test_validate_embedding_compatibility(store):
    stored = EmbeddingMetadata("openai", "large", 16)
    store.validate_embedding_compatibility("openai", "large", 16, None)
    store.validate_embedding_compatibility("openai", "large", 16, stored)
    # The str() of an enumeration's member.
    store.validate_embedding_compatibility("EmbeddingProvider.OPENAI", "large", 16, stored)
    for current in (("openai", "small", 16), ("cohere", "large", 16), ("openai", "large", 8)):
        with pytest.raises(ProviderMismatchError, match="openai/large") as caught:
            store.validate_embedding_compatibility(*current, stored)
        assert (caught.value.current_provider, caught.value.current_model) == current[:2]
        assert (caught.value.indexed_provider, caught.value.indexed_model) == ("openai", "large")


async def test_guard_refuses_another_model(make, caplog):
    first = make()
    await first.initialize()
    await first.set_embedding_metadata("openai", "large", DIMENSIONS)
    await first.close()
    with pytest.raises(ProviderMismatchError) as caught:
        await make().initialize()
    assert caught.value.message.startswith(
        f"the store was filled with openai/large ({DIMENSIONS} dimensions), now test/hashed ({DIMENSIONS} dimensions) is in use."
    )


async def test_guard_refuses_other_dimensions(make):
    await _once(make())
    with pytest.raises(DimensionMismatchError) as caught:
        await make(dimensions=8).initialize()
    assert caught.value.message.startswith(
        "the store holds vectors of 16 dimensions, the configuration says 8 (test/hashed). Configure the model"
    )
    assert (caught.value.expected, caught.value.actual) == (16, 8)


async def test_guard_refuses_another_distance(make):
    await _once(make())
    with pytest.raises(SchemaError) as caught:
        await make(distance="l2").initialize()
    assert caught.value.message.startswith(
        "the store was made with storage.distance 'cosine', the configuration says 'l2'. Set it back, or open another store"
    )


async def test_guard_refuses_another_language(make):
    await _once(make())
    with pytest.raises(SchemaError) as caught:
        await make(keyword={"language": "german"}).initialize()
    assert caught.value.message.startswith(
        "the store was made with storage.keyword.language 'english', the configuration says 'german'. Set it back"
    )


async def test_a_refused_store_is_closed_and_the_data_are_untouched(make):
    store = make()
    await store.initialize()
    await fill(store, *ANIMALS)
    await store.close()
    refused = make(dimensions=8)
    with pytest.raises(DimensionMismatchError):
        await refused.initialize()
    assert not refused.is_initialized
    await store.initialize()
    assert await store.get_count() == 4


async def _once(store):
    await store.initialize()
    await store.close()


# --- indexes ---------------------------------------------------------------------------------------------------------


async def test_bulk_load(store):
    seen: list[Progress] = []
    ids = [f"{i:05}" for i in range(3000)]
    vectors = np.random.default_rng(1).normal(size=(3000, DIMENSIONS))
    async with store.bulk_load(seen.append) as load:
        for start in range(0, 3000, 1000):
            part = slice(start, start + 1000)
            assert await load.upsert_documents(ids[part], vectors[part], ids[part], [{}] * 1000) == 1000
        assert (await store.vector_search(vectors[5], 1))[0].chunk_id == "00005"
    assert await store.get_count() == 3000
    assert (await store.vector_search(vectors[2999], 1))[0].chunk_id == "02999"
    assert [p.done for p in seen if p.operation == "loading"] == [1000, 2000, 3000]


async def test_one_large_call_reports_its_parts(store):
    seen: list[Progress] = []
    ids = [f"{i:05}" for i in range(2500)]
    vectors = np.random.default_rng(1).normal(size=(2500, DIMENSIONS))
    async with store.bulk_load(seen.append) as load:
        await load.upsert_documents(ids, vectors, ids, [{}] * 2500)
        with pytest.raises(InvalidDocumentError):
            await load.upsert_documents(["x", ""], vectors[:2], ["", ""], [{}] * 2)
        await load.upsert_documents(ids[:10], vectors[:10], ids[:10], [{}] * 10)
    loading = [p for p in seen if p.operation == "loading"]
    assert loading == [Progress("loading", done, None) for done in (1000, 2000, 2500, 2510)]


@pytest.mark.parametrize("error", [RuntimeError("enough"), BrokenPipeError(), TimeoutError(), QueryFailed("of mine")])
async def test_what_a_progress_callback_raises_is_raised_when_the_call_has_ended(store, error):
    told: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        told.append(progress)
        raise error

    ids = [f"{i:04}" for i in range(2500)]
    vectors = np.random.default_rng(1).normal(size=(2500, DIMENSIONS))

    async def load_two() -> None:
        async with store.bulk_load(interrupt) as load:
            await load.upsert_documents(ids, vectors, ids, [{}] * 2500)
            await load.upsert_documents(["c"], [embed("c")], ["c"], [{}])

    with pytest.raises(type(error)) as caught:
        await load_two()
    assert caught.value is error
    assert [step for step in told if step.operation == "loading"] == [Progress("loading", 1000, None)], (
        "once, and no more"
    )
    assert await store.get_count() == 2500, "the second call was not made"
    assert (await store.keyword_search("0042", 1))[0].chunk_id == "0042"


async def test_an_error_in_a_bulk_load_comes_before_that_of_a_callback(store):
    def fail(progress: Progress) -> None:
        if progress.operation != "loading":
            raise RuntimeError("of the callback")

    async def job(error: BaseException) -> None:
        async with store.bulk_load(fail) as load:
            await load.upsert_documents(["a"], [embed("a")], ["a"], [{}])
            raise error

    for error in (ValueError("of the block"), asyncio.CancelledError()):
        with pytest.raises(type(error)) as caught:
            await job(error)
        assert caught.value is error


async def test_a_cancelled_call_reports_no_more(store):
    seen: list[Progress] = []
    begun = asyncio.Event()

    def report(progress: Progress) -> None:
        seen.append(progress)
        begun.set()

    ids = [f"{i:05}" for i in range(6000)]
    vectors = np.random.default_rng(1).normal(size=(6000, DIMENSIONS))
    async with store.bulk_load(report) as load:
        call = asyncio.create_task(load.upsert_documents(ids, vectors, ids, [{}] * 6000))
        await begun.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        seen.clear()
        await load.upsert_documents(ids, vectors, ids, [{}] * 6000)
    assert [step.done for step in seen if step.operation == "loading"] == [1000, 2000, 3000, 4000, 5000, 6000]


async def test_ensure_indexes_and_reindex(store):
    await fill(store, *ANIMALS)
    await store.ensure_indexes()
    assert (await store.ensure_indexes()).created == ()
    await store.reindex()
    assert len(await store.vector_search(embed("bear"), 4)) == 4
