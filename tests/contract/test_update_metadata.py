"""Changing the metadata of stored chunks, without their texts and vectors."""

from __future__ import annotations

import numpy as np
import pytest

from agent_brain_store import InvalidFilterError, InvalidQueryError
from tests.support.internals import write_marks
from tests.support.stores import ANIMALS, embed, fill, ids


@pytest.fixture
async def animals(store):
    await fill(store, *ANIMALS)
    assert await ids(store, "bear") == ["c", "a"], "on Chroma, the keyword index is in memory from here on"
    return store


async def metadata_of(store):
    return {document.chunk_id: document.metadata async for document in store.iter_documents()}


async def test_keys_are_set_and_removed_and_the_others_stay(animals):
    before = [document.embedding async for document in animals.iter_documents(include_embeddings=True)]
    assert await animals.update_metadata({"n": 9, "tags": ["x"], "language": None}, where={"source_type": "doc"}) == 2
    assert await metadata_of(animals) == {
        "a": {"source_type": "doc", "n": 9, "tags": ["x"]},
        "b": ANIMALS[1][2],
        "c": {"source_type": "doc", "n": 9, "tags": ["x"]},
        "d": ANIMALS[3][2],
    }
    assert await animals.get_count({"n": 9}) == await animals.get_count({"tags": {"$contains": "x"}}) == 2
    assert await animals.get_count({"language": {"$exists": True}}) == 1
    hits = await animals.vector_search(embed(ANIMALS[0][1]), 4, where={"n": 9})
    assert [hit.chunk_id for hit in hits] == ["a", "c"]
    after = [document.embedding async for document in animals.iter_documents(include_embeddings=True)]
    assert np.array_equal(before, after)


async def test_ids_a_filter_and_both_choose_the_chunks(animals):
    assert await animals.update_metadata({"k": 1}, ids=["d", "a", "a", "nobody"]) == 2
    assert await animals.update_metadata({"k": 2}, ids=["a", "b"], where={"source_type": "doc"}) == 1
    assert await animals.update_metadata({"k": 3}, ids=[]) == 0
    assert await animals.update_metadata({"k": 3}, where={"n": 99}) == 0
    found = await metadata_of(animals)
    assert {chunk_id: metadata.get("k") for chunk_id, metadata in found.items()} == {
        "a": 2,
        "b": None,
        "c": None,
        "d": 1,
    }


async def test_keyword_search_and_folders_follow(animals):
    await animals.update_metadata({"title": "Honey", "source": "/new/place/a.md"}, ids=["a"])
    assert await ids(animals, "honey") == ["a"]
    assert await animals.get_count({"source": {"$prefix": "/new/"}}) == 1
    await animals.update_metadata({"title": None, "source": None}, ids=["a"])
    assert await ids(animals, "honey") == []
    assert await animals.get_count({"source": {"$prefix": "/new/"}}) == 0


async def test_only_chunks_that_differ_are_written(animals):
    await animals.update_metadata({"flag": 1}, where={"n": {"$lte": 2}})
    before = await write_marks(animals)
    assert await animals.update_metadata({"flag": 1, "absent": None}, where={"n": {"$lte": 3}}) == 3
    after = await write_marks(animals)
    assert [chunk_id for chunk_id in before if before[chunk_id] != after[chunk_id]] == ["c"]
    await animals.update_metadata({"flag": True}, ids=["a"])
    assert (await animals.get_by_id("a"))["metadata"]["flag"] is True
    assert await animals.upsert_documents(["b"], [embed(ANIMALS[1][1])], [ANIMALS[1][1]], [{"flag": 1}]) == 1
    assert (await animals.get_by_id("b"))["metadata"] == {"flag": 1}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({"k": 1},), InvalidFilterError, "update_metadata needs ids or a filter"),
        (({"k": 1}, None, {}), InvalidFilterError, "update_metadata needs ids or a filter"),
        (({}, ["a"]), InvalidQueryError, "with at least one key"),
        ((["k"], ["a"]), InvalidQueryError, "must be a mapping"),
        (({"k": {1}}, ["a"]), InvalidQueryError, r"changes cannot be stored: metadata\.k is of type set"),
        (({1: None}, ["a"]), InvalidQueryError, "has a key of type int"),
        (({"k": "x" * 2**20}, ["a"]), InvalidQueryError, "bytes as JSON, more than 1048576"),
        (({"k": "x" * (2**20 - 30)}, ["d", "a"]), InvalidQueryError, "with these changes, the metadata of a chunk has"),
    ],
)
async def test_wrong_arguments_are_refused_and_change_nothing(animals, arguments, error, message):
    with pytest.raises(error, match=message):
        await animals.update_metadata(*arguments)
    assert await metadata_of(animals) == {chunk[0]: chunk[2] for chunk in ANIMALS}
