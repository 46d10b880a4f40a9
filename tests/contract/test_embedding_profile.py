"""The embedding profile, and the guard that refuses a store of another model, distance or language."""

from __future__ import annotations

import pytest

from agent_brain_store import (
    DimensionMismatchError,
    EmbeddingMetadata,
    InvalidQueryError,
    ProviderMismatchError,
    SchemaError,
)
from tests.support.stores import ANIMALS, DIMENSIONS, fill


async def test_the_embedding_profile_is_stored(make):
    store = make()
    await store.initialize()
    await store.set_embedding_metadata("other", "model", DIMENSIONS)
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    assert await store.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)
    with pytest.raises(DimensionMismatchError, match=f"99 dimensions, but the store holds vectors of {DIMENSIONS}"):
        await store.set_embedding_metadata("test", "hashed", 99)
    for names in (("x", None), (1, "m"), ("", "m"), ("x", "nul\0")):
        with pytest.raises(InvalidQueryError, match="must be a non-empty text"):
            await store.set_embedding_metadata(*names, DIMENSIONS)
    await store.close()
    again = make()
    await again.initialize()
    assert await again.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)


async def test_a_model_is_compatible_only_with_its_own_vectors(store):
    stored = EmbeddingMetadata("openai", "large", 16)
    store.validate_embedding_compatibility("openai", "large", 16, None)
    store.validate_embedding_compatibility("openai", "large", 16, stored)
    # Some callers give the str() of an enumeration's member.
    store.validate_embedding_compatibility("EmbeddingProvider.OPENAI", "large", 16, stored)
    for current in (("openai", "small", 16), ("cohere", "large", 16), ("openai", "large", 8)):
        with pytest.raises(ProviderMismatchError, match="openai/large") as caught:
            store.validate_embedding_compatibility(*current, stored)
        assert (caught.value.current_provider, caught.value.current_model) == current[:2]
        assert (caught.value.indexed_provider, caught.value.indexed_model) == ("openai", "large")


# --- the guard -------------------------------------------------------------------------------------------------------


async def test_a_store_of_another_model_is_refused(make, caplog):
    first = make()
    await first.initialize()
    await first.set_embedding_metadata("openai", "large", DIMENSIONS)
    await first.close()
    with pytest.raises(ProviderMismatchError) as caught:
        await make().initialize()
    assert caught.value.message.startswith(
        f"the store was filled with openai/large ({DIMENSIONS} dimensions), "
        f"but test/hashed ({DIMENSIONS} dimensions) is in use now."
    )


async def test_a_store_of_other_dimensions_is_refused(make):
    await fill_once(make())
    with pytest.raises(DimensionMismatchError) as caught:
        await make(dimensions=8).initialize()
    assert caught.value.message.startswith(
        "the store holds vectors of 16 dimensions, but the configuration says 8 (test/hashed). Configure the model"
    )
    assert (caught.value.expected, caught.value.actual) == (16, 8)


async def test_a_store_of_another_distance_is_refused(make):
    await fill_once(make())
    with pytest.raises(SchemaError) as caught:
        await make(distance="l2").initialize()
    assert caught.value.message.startswith(
        "the store was made with storage.distance 'cosine', but the configuration says 'l2'. Set it back, or open another store"
    )


async def test_a_store_of_another_language_is_refused(make):
    await fill_once(make())
    with pytest.raises(SchemaError) as caught:
        await make(keyword={"language": "german"}).initialize()
    assert caught.value.message.startswith(
        "the store was made with storage.keyword.language 'english', but the configuration says 'german'. Set it back"
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


async def fill_once(store):
    """Store a chunk, which decides what the store holds."""
    await store.initialize()
    await fill(store, ANIMALS[0])
    await store.close()
