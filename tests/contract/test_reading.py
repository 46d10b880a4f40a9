"""Looking chunks up by id, counting them, and reading them all."""

from __future__ import annotations

import numpy as np
import pytest

from agent_brain_store import InvalidQueryError
from tests.support.stores import ANIMALS, embed, fill


async def test_get_by_ids_returns_the_chunks_that_are_there(store):
    await fill(store, *ANIMALS)
    assert await store.get_by_ids(["d", "nobody", "a", "a"]) == {
        "a": {"text": ANIMALS[0][1], "metadata": ANIMALS[0][2]},
        "d": {"text": ANIMALS[3][1], "metadata": ANIMALS[3][2]},
    }
    assert await store.get_by_ids([]) == {}
    assert await store.get_by_id("nobody") is None
    with pytest.raises(InvalidQueryError):
        await store.get_by_ids("a")


async def test_get_by_ids_returns_vectors_on_request(store):
    await fill(store, *ANIMALS)
    found = await store.get_by_ids(["d", "nobody", "a"], include_embeddings=True)
    assert list(found) == ["a", "d"]
    for chunk_id, text, metadata in (ANIMALS[0], ANIMALS[3]):
        embedding = found[chunk_id].pop("embedding")
        assert found[chunk_id] == {"text": text, "metadata": metadata}
        assert embedding.dtype == np.float32
        np.testing.assert_allclose(embedding, embed(text), rtol=1e-6)


async def test_get_count_counts_what_a_filter_matches(store):
    await fill(store, *ANIMALS)
    assert await store.get_count() == await store.get_count({}) == await store.get_count(None) == 4
    assert await store.get_count({"source_type": {"$in": ["doc", "code"]}}) == 3
    assert await store.get_count({"$and": [{"source_type": "doc"}, {"language": "en"}]}) == 1


async def test_iter_documents_skips_chunks_that_no_longer_match(store):
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


async def test_ids_that_look_alike_are_kept_apart(store):
    ids = ["é", "e\u0301", "Ünï", "ß", "SS", "שלום", "a b", "a\tb", "'; drop table chunks; --", "\\", "%", "_"]
    await fill(store, *((i, f"text of {n}") for n, i in enumerate(ids)))
    assert await store.get_count() == len(ids)
    assert {i: value["text"] for i, value in (await store.get_by_ids(ids)).items()} == {
        i: f"text of {n}" for n, i in enumerate(ids)
    }
    assert await store.delete_by_ids(ids) == len(ids)
