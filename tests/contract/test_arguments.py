"""Odd arguments of a search: answered as one would expect, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from agent_brain_store import DimensionMismatchError, EmbeddingMetadata, InvalidQueryError
from tests.support.stores import ANIMALS, DIMENSIONS, embed, fill


async def test_top_k_may_be_zero_or_huge(store):
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
        ([1.0] * (DIMENSIONS + 1), DimensionMismatchError, f"17 dimensions, but the store has {DIMENSIONS}"),
        ([], DimensionMismatchError, "0 dimensions"),
        (["1"] * DIMENSIONS, InvalidQueryError, "numbers"),
        (None, InvalidQueryError, "numbers"),
    ],
)
async def test_bad_query_vectors_are_refused(store, vector, error, words):
    for call in (store.vector_search(vector, 3), store.hybrid_search("a", vector, 3)):
        with pytest.raises(error, match=words):
            await call


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), "x"])
async def test_bad_thresholds_are_refused(store, threshold):
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
async def test_bad_arguments_of_hybrid_search_are_refused(store, arguments):
    with pytest.raises(InvalidQueryError, match=next(iter(arguments)).split("_")[0]):
        await store.hybrid_search("a", embed("a"), 3, **arguments)


@pytest.mark.parametrize("weight", [10**400, float("inf")], ids=["huge", "infinite"])
async def test_weights_beyond_floating_point_are_refused(store, weight):
    with pytest.raises(InvalidQueryError, match="vector_weight is inf; it must be a finite number of at least 0"):
        await store.hybrid_search("apple", embed("x"), 3, vector_weight=weight)


@pytest.mark.parametrize(
    "extreme",
    [
        {"vector_weight": 5e-324, "keyword_weight": 0.0},
        {"vector_weight": 5e-324, "keyword_weight": 5e-324},
        {"keyword_weight": 1e300},
        {"rrf_k": 2**31 - 1},
        {"rrf_k": 10**12},
    ],
)
@pytest.mark.parametrize("fusion", ["convex", "rrf", "relative_score"])
async def test_extreme_weights_give_scores_as_any_others(store, extreme, fusion):
    await fill(store, ("a", "apple"), ("b", "pear"))
    hits = await store.hybrid_search("apple", embed("apple"), 2, fusion=fusion, **extreme)
    assert [hit.chunk_id for hit in hits] == ["a", "b"] or extreme.get("keyword_weight") == 1e300
    assert hits[0].score == pytest.approx(1.0)
    assert all(0 <= hit.score <= 1 for hit in hits)


async def test_a_question_as_long_as_a_book_is_refused(store):
    with pytest.raises(InvalidQueryError, match="query has 50001 characters; it may have 50000"):
        await store.keyword_search("x" * 50_001, 3)
    assert await store.keyword_search(" ".join(f"w{i:05x}" for i in range(7_000)), 3) == []


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


# --- numpy's numbers -------------------------------------------------------------------------------------------------


async def test_numbers_of_numpy_are_numbers(store):
    await fill(store, *((f"{i}", f"bear number {i}") for i in range(5)))
    integer, number = np.int64(3), np.float32(0.5)
    assert len(await store.vector_search(embed("bear"), integer, similarity_threshold=np.float16(0))) == 3
    assert len(await store.keyword_search("bear", np.uint8(3))) == 3
    options = {"vector_weight": number, "keyword_weight": np.float64(0.5), "rrf_k": np.int32(60), "candidates": integer}
    assert await store.hybrid_search("bear", embed("bear"), integer, **options) == await store.hybrid_search(
        "bear", embed("bear"), 3, candidates=3
    )
    assert len([d async for d in store.iter_documents(batch_size=np.int16(2))]) == 5
    await store.set_embedding_metadata("test", "hashed", np.int64(DIMENSIONS))
    assert await store.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)


@pytest.mark.parametrize("top_k", [np.float64(3), np.bool_(True), np.array([3])], ids=["float", "bool", "array"])
async def test_other_values_of_numpy_are_no_counts(store, top_k):
    with pytest.raises(InvalidQueryError, match="top_k"):
        await store.keyword_search("a", top_k)
