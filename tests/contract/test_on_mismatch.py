"""A store of another configuration, opened with ``on_mismatch="warn"``: it can be read, and it can be mended."""

from __future__ import annotations

import logging

import pytest

from agent_brain_store import (
    DimensionMismatchError,
    EmbeddingMetadata,
    InvalidQueryError,
    ProviderMismatchError,
    SchemaError,
    StoreConfig,
    create_backend,
    open_store,
)
from tests.support.stores import ANIMALS, embed, fill, mapping


@pytest.fixture
def config(backend, request, tmp_path):
    """Return configurations of the same place. Keywords override ``storage``, and a mapping overrides ``embedding``."""

    def build(embedding=None, **storage):
        place = {"chroma": {"path": str(tmp_path / "chroma")}}
        if backend == "postgres":
            place = {"postgres": request.getfixturevalue("postgres")}
        settings = mapping(backend=backend, **place, **storage)
        settings["embedding"] |= embedding or {}
        return StoreConfig.from_dict(settings)

    return build


@pytest.fixture
async def filled(config):
    """Fill a store of 16 dimensions, and close it. Return the function that makes configurations for it."""
    async with open_store(config()) as store:
        await fill(store, *ANIMALS)
        await store.set_embedding_metadata("test", "hashed", 16)
    return config


MISMATCHES = [
    ({"dimensions": 8}, DimensionMismatchError),
    ({"distance": "l2"}, SchemaError),
    ({"keyword": {"language": "german"}}, SchemaError),
    ({"embedding": {"model": "newer"}}, ProviderMismatchError),
]


@pytest.mark.parametrize(("wrong", "error"), MISMATCHES, ids=["dimensions", "distance", "language", "model"])
async def test_it_is_read_as_it_is_and_refuses_vectors(filled, caplog, wrong, error):
    caplog.set_level(logging.WARNING, "agent_brain_store")
    with pytest.raises(error):
        await create_backend(filled(**wrong)).initialize()
    async with open_store(filled(**wrong), on_mismatch="warn") as store:
        assert caplog.messages[-1].startswith("the store is open for reading alone: the store ")
        health = await store.health()
        assert health.ok
        assert "but the configuration says" in health.details["mismatch"] or "in use now" in health.details["mismatch"]
        assert await store.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", 16)
        text = ANIMALS[0][1]
        assert [hit.chunk_id for hit in await store.vector_search(embed(text), 1)] == ["a"]
        assert [hit.chunk_id for hit in await store.hybrid_search("growling", embed(text), 1)] == ["a"]
        for vectors in ([embed("new", 8)], [embed("new")]):
            with pytest.raises(error):
                await store.upsert_documents(["new"], vectors, ["new"], [{}])
            with pytest.raises(error):
                await store.replace_documents({"n": 1}, ["new"], vectors, ["new"], [{}])
        with pytest.raises(error):
            async with store.bulk_load():
                raise AssertionError("the block is not entered")
        assert await store.delete_by_ids(["d"]) == 1
        assert await store.get_count() == 3


@pytest.mark.parametrize(
    "wrong", [{"dimensions": 8, "distance": "l2"}, {"embedding": {"model": "newer"}}], ids=["dimensions", "model"]
)
async def test_reset_mends_it(filled, wrong):
    dimensions = wrong.get("dimensions", 16)
    async with open_store(filled(**wrong), on_mismatch="warn") as store:
        await store.reset()
        assert "mismatch" not in (await store.health()).details
        await store.upsert_documents(["new"], [embed("new", dimensions)], ["new"], [{}])
        await store.set_embedding_metadata("test", "newer", dimensions)
        assert (await store.vector_search(embed("new", dimensions), 1))[0].score == pytest.approx(1, abs=1e-4)
    async with open_store(filled(**{"embedding": {"model": "newer"}, **wrong})) as store:
        assert await store.get_count() == 1


async def test_embedding_every_chunk_anew_mends_another_model(filled):
    async with open_store(filled({"model": "newer"}), on_mismatch="warn") as store:
        await store.set_embedding_metadata("test", "newer", 16)
        assert "mismatch" not in (await store.health()).details
        await fill(store, *ANIMALS)
    async with open_store(filled({"model": "newer"})) as store:
        assert await store.get_count() == 4


async def test_a_store_without_a_mismatch_is_as_always(filled, caplog):
    async with open_store(filled(), on_mismatch="warn") as store:
        await fill(store, ("e", "one more"))
        assert "mismatch" not in (await store.health()).details
    assert not caplog.records


async def test_another_word_is_refused(filled):
    with pytest.raises(InvalidQueryError, match=r"on_mismatch is 'ignore'; it must be 'refuse' or 'warn'"):
        create_backend(filled(), on_mismatch="ignore")  # type: ignore[arg-type]
