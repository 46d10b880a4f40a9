"""Which collections a store takes: its own, of this format and configuration, or an empty one."""

from __future__ import annotations

import pytest

from agent_brain_store import (
    DimensionMismatchError,
    ProviderMismatchError,
    SchemaError,
    SchemaTooNew,
    StoreConfig,
    create_backend,
)
from tests.support.chroma import client, config, opened
from tests.support.internals import search_in_space, set_format
from tests.support.stores import embed, fill


@pytest.fixture
async def with_l2(tmp_path):
    """Return the directory of a closed store with the distance l2, a profile and one chunk."""
    async with opened(tmp_path, distance="l2") as store:
        await store.set_embedding_metadata("test", "hashed", 16)
        await fill(store, ("a", "x"))
    return tmp_path


async def test_profile_and_distance_survive_a_restart(with_l2):
    async with opened(with_l2, distance="l2") as store:
        assert (await store.get_embedding_metadata()).model == "hashed"
        assert (await store.vector_search(embed("x"), 1))[0].score == pytest.approx(1)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"distance": "cosine"}, SchemaError),
        ({"distance": "l2", "dimensions": 17}, DimensionMismatchError),
        ({"distance": "l2", "keyword": {"language": "german"}}, SchemaError),
    ],
    ids=["distance", "dimensions", "language"],
)
async def test_another_configuration_is_refused(with_l2, wrong, error):
    with pytest.raises(error):
        await create_backend(config(with_l2, **wrong)).initialize()


async def test_another_embedding_provider_is_refused(with_l2):
    other = {"embedding": {"provider": "other", "model": "hashed", "dimensions": 16}}
    other["storage"] = {"distance": "l2", "chroma": {"path": str(with_l2)}}
    with pytest.raises(ProviderMismatchError):
        await create_backend(StoreConfig.from_dict(other)).initialize()


async def test_a_collection_of_another_program_is_refused(tmp_path):
    theirs = client(tmp_path)
    collection = theirs.create_collection("agent_brain", embedding_function=None)
    collection.add(ids=["x"], embeddings=[[1.0] * 16])
    theirs.close()
    with pytest.raises(SchemaError, match=r"storage\.chroma\.collection"):
        await create_backend(config(tmp_path)).initialize()


async def test_an_empty_collection_of_another_program_is_taken_over(tmp_path):
    theirs = client(tmp_path)
    theirs.create_collection("agent_brain", embedding_function=None)
    theirs.close()
    async with opened(tmp_path) as store:
        await fill(store, ("a", "x"))


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [(99, SchemaTooNew, "99"), (1, SchemaError, "format 1.* need 2: choose another name")],
    ids=["newer", "preview"],
)
async def test_another_format_is_refused(tmp_path, number, error, message):
    async with opened(tmp_path) as store:
        set_format(store, number)
    with pytest.raises(error, match=message):
        await create_backend(config(tmp_path)).initialize()


async def test_new_chunks_inherit_nothing_from_a_collection_that_was_deleted(tmp_path):
    """Chroma gives the rows of deleted collections to the next chunks, with the elements of their lists."""
    theirs = client(tmp_path)
    theirs.create_collection("other", embedding_function=None).add(
        ids=["1", "2"], embeddings=[embed("x")] * 2, metadatas=[{"tags": ["secret"]}] * 2
    )
    theirs.delete_collection("other")
    theirs.close()
    async with opened(tmp_path) as store:
        await fill(store, ("a", "x", {"tags": ["open"]}), ("b", "x", {"source": "/src/b.py"}))
        secret = {"tags": {"$contains": "secret"}}
        assert [hit.chunk_id for hit in await store.vector_search(embed("x"), 5, where=secret)] == []
        assert [hit.chunk_id for hit in await store.vector_search(embed("x"), 5, where={"$not": secret})] == ["a", "b"]
        assert await store.delete_by_metadata(secret) == 0
        assert await store.get_count({"tags": {"$contains": "open"}}) == 1


async def test_an_index_in_another_space_than_the_distance_needs_is_refused(tmp_path, monkeypatch):
    search_in_space(monkeypatch, "cosine", "cosine")
    async with opened(tmp_path):
        monkeypatch.undo()
    with pytest.raises(SchemaError, match=r"space 'cosine'.*'cosine' needs 'ip'"):
        await create_backend(config(tmp_path)).initialize()
    for distance in ("l2", "inner_product"):
        with pytest.raises(SchemaError, match=r"storage\.distance 'cosine'"):
            await create_backend(config(tmp_path, distance=distance)).initialize()
