"""Upserting, replacing, deleting, and starting over with reset()."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from agent_brain_store import InvalidFilterError, InvalidQueryError, ReplaceResult, StorageError
from tests.support.stores import ANIMALS, DIMENSIONS, embed, fill

# --- upsert ----------------------------------------------------------------------------------------------------------


async def test_upsert_counts_distinct_ids_and_keeps_the_last_of_each(store, caplog):
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


async def test_an_upsert_of_nothing_writes_nothing(store):
    assert await store.upsert_documents([], [], [], []) == 0
    assert await store.upsert_documents([], np.empty((0, DIMENSIONS)), [], []) == 0


async def test_lists_of_unequal_length_are_refused(store):
    with pytest.raises(ValueError, match="2 ids, 1 embeddings, 1 documents, 1 metadatas"):
        await store.upsert_documents(["a", "b"], [embed("a")], ["a"], [{}])
    assert await store.get_count() == 0


@pytest.mark.parametrize("place", range(4))
async def test_arguments_that_are_no_lists_are_refused(store, place):
    for wrong in (None, iter(()), "a", {"a": 1}, {"a"}):
        lists: list[Any] = [["a"], [embed("a")], ["a"], [{}]]
        lists[place] = wrong
        with pytest.raises(ValueError, match="not a list"):
            await store.upsert_documents(*lists)
    assert await store.get_count() == 0


# --- replace ---------------------------------------------------------------------------------------------------------


async def test_replace_documents_deletes_what_matches_and_is_not_given(store):
    await fill(store, *((f"f{i}", f"page {i}", {"source": "/f", "page": i}) for i in range(5)))
    await fill(store, ("other", "elsewhere", {"source": "/g"}))
    texts = ["page 1", "brand new"]
    result = await store.replace_documents(
        {"source": "/f"}, ["f1", "f9"], [embed(t) for t in texts], texts, [{"source": "/f"}] * 2
    )
    assert result == ReplaceResult(deleted=4, upserted=2)
    assert [chunk.chunk_id async for chunk in store.iter_documents()] == ["f1", "f9", "other"]
    assert {hit.chunk_id for hit in await store.keyword_search("page brand", 9)} == {"f1", "f9"}


async def test_replace_documents_with_nothing_deletes_what_matches(store):
    await fill(store, *ANIMALS)
    assert await store.replace_documents({"source_type": "doc"}, [], [], [], []) == ReplaceResult(2, 0)
    assert await store.get_count() == 2


async def test_replace_documents_with_bad_input_changes_nothing(store):
    await fill(store, *ANIMALS)
    with pytest.raises(StorageError):
        await store.replace_documents({"source_type": "doc"}, ["z"], [[float("nan")] * DIMENSIONS], ["z"], [{}])
    with pytest.raises(InvalidFilterError, match="reset"):
        await store.replace_documents({}, ["z"], [embed("z")], ["z"], [{}])
    assert await store.get_count() == 4


# --- delete ----------------------------------------------------------------------------------------------------------


async def test_delete_by_ids_counts_the_chunks_that_were_there(store):
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


async def test_delete_by_metadata_deletes_what_matches_and_refuses_no_filter(store):
    await fill(store, *ANIMALS)
    assert await store.delete_by_metadata({"language": {"$ne": "en"}}) == 2
    assert await store.delete_by_metadata({"language": "fr"}) == 0
    nothings: list[Any] = [{}, None]
    for nothing in nothings:
        with pytest.raises(InvalidFilterError):
            await store.delete_by_metadata(nothing)
    assert await store.get_count() == 2


async def test_delete_by_ids_takes_thousands_of_ids(store):
    ids = [f"id{i:05}" for i in range(3000)]
    await store.upsert_documents(ids, np.random.default_rng(1).normal(size=(3000, DIMENSIONS)), ids, [{}] * 3000)
    assert await store.delete_by_ids(ids[::2] + [f"unknown{i}" for i in range(40_000)]) == 1500
    assert await store.get_count() == 1500


# --- reset -----------------------------------------------------------------------------------------------------------


async def test_a_store_can_be_used_after_a_reset(store):
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


async def test_chunks_written_after_a_reset_have_no_metadata_of_the_old_ones(store):
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
