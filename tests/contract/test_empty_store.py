"""An empty store takes the settings of whoever opens it, and those who had it open notice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent_brain_store import DimensionMismatchError, ProviderMismatchError, SchemaError, StorageError
from tests.support.stores import ANIMALS, embed, fill

OTHER = {"dimensions": 8, "distance": "l2", "keyword": {"language": "german"}}


async def works(store, dimensions=8):
    """Store two chunks of so many dimensions, and find them in each way."""
    texts = ["die Häuser am Fluss", "ein Boot"]
    vectors = [embed(text, dimensions) for text in texts]
    assert await store.upsert_documents(["a", "b"], vectors, texts, [{}, {}]) == 2
    assert (await store.vector_search(vectors[0], 1))[0].score == pytest.approx(1, abs=1e-4)
    assert [hit.chunk_id for hit in await store.hybrid_search("Haus Fluss", vectors[0], 2)] == ["a", "b"]
    assert [hit.chunk_id for hit in await store.keyword_search("Haus", 2)] == ["a"], "the terms are German"


@pytest.mark.parametrize("emptied", ["never filled", "reset", "deleted"])
async def test_an_empty_store_takes_the_settings_of_the_next_start(make, emptied):
    first = make()
    await first.initialize()
    if emptied != "never filled":
        await fill(first, *ANIMALS)
    if emptied == "deleted":
        await first.delete_by_ids([chunk[0] for chunk in ANIMALS])
    if emptied == "reset":
        await first.set_embedding_metadata("test", "hashed", 16)
        await first.reset()
    await first.close()
    second = make(**OTHER)
    await second.initialize()
    await works(second)
    await second.set_embedding_metadata("test", "hashed", 8)
    await second.close()
    with pytest.raises(DimensionMismatchError, match="holds vectors of 8 dimensions, but the configuration says 16"):
        await make().initialize()


async def test_vectors_of_half_precision_and_back(make):
    for dimensions in (3072, 16, 4500, 8):
        store = make(dimensions=dimensions, keyword={"language": "german"})
        await store.initialize()
        await works(store, dimensions)
        assert (await store.health()).details.get("missing_indexes", []) == []
        await store.reset()
        await store.close()


async def test_a_profile_without_chunks_is_kept(make):
    first = make()
    await first.initialize()
    await first.set_embedding_metadata("openai", "large", 16)
    await first.close()
    with pytest.raises(DimensionMismatchError):
        await make(dimensions=8).initialize()
    with pytest.raises(ProviderMismatchError):
        await make().initialize()


async def test_stores_that_open_an_empty_one_at_once_agree(make):
    await close_again(make())
    stores = [make(**OTHER) for _ in range(6)]
    await asyncio.gather(*(store.initialize() for store in stores))
    await asyncio.gather(*(fill_eight(store, f"{i}") for i, store in enumerate(stores)))
    assert await stores[0].get_count() == 6


async def test_whoever_had_it_open_is_told_and_changes_nothing(make):
    former = make()
    await former.initialize()
    await fill(former, *ANIMALS)
    await former.vector_search(embed("bear"), 1)
    await former.reset()
    current = make(**OTHER)
    await current.initialize()
    for write in (
        lambda: fill(former, *ANIMALS),
        lambda: former.replace_documents({"n": 1}, ["a"], [embed("x")], ["x"], [{}]),
        lambda: former.set_embedding_metadata("test", "hashed", 16),
    ):
        with pytest.raises((SchemaError, DimensionMismatchError), match=r"was emptied and made anew.* again"):
            await write()
    await works(current)
    with pytest.raises(StorageError, match="was emptied and made anew"):
        await former.vector_search(embed("bear"), 1)
    assert await current.get_count() == 2
    assert await current.get_embedding_metadata() is None


async def test_a_stale_writer_of_vectors_of_the_same_length_is_told(make):
    former = make()
    await former.initialize()
    current = make(distance="inner_product")
    await current.initialize()
    with pytest.raises(
        SchemaError, match=r"anew for 16 dimensions, inner_product and english.*for 16 dimensions, cosine"
    ):
        await fill(former, *ANIMALS)
    assert await current.get_count() == 0


async def fill_eight(store, chunk_id):
    await store.upsert_documents([chunk_id], [embed(chunk_id, 8)], [chunk_id], [{}])


async def close_again(store):
    await store.initialize()
    await store.close()


async def test_a_write_and_a_start_for_other_dimensions_at_once_end_as_one_after_the_other(make):
    """Either the write came first, and the start is refused, or the store is made anew, and the write is refused."""
    former = make()
    for round_ in range(3):
        await former.initialize()
        await former.reset()
        other = make(dimensions=8)
        ended: Any = await asyncio.gather(
            fill(former, (f"{round_}", "text")), other.initialize(), return_exceptions=True
        )
        written, started = ended
        assert isinstance(written, StorageError) != isinstance(started, StorageError), (written, started)
        if started is None:
            assert await other.get_count() == 0
            await fill_eight(other, "a")
            await other.reset()
            await other.close()
        else:
            assert [c.chunk_id async for c in former.iter_documents(include_embeddings=True)] == [f"{round_}"]
        await former.close()
