"""What the metadata hold, and a warning for a filter whose key no chunk has."""

from __future__ import annotations

import logging

import pytest

from agent_brain_store import InvalidQueryError, MetadataKey
from agent_brain_store.chroma import describing
from agent_brain_store.postgres import searching
from tests.support.stores import ANIMALS, embed, fill, ids, made_up


async def test_each_key_has_its_chunks_types_and_values(store):
    await fill(store, *ANIMALS, ("e", "mixed", {"n": "four", "tags": ["x", "y", "x"], "own": {"a": 1}, "ok": True}))
    described = await store.describe()
    assert described.chunks == 5
    assert [key.key for key in described.keys] == ["n", "source_type", "language", "ok", "own", "tags"]
    keys = {key.key: key for key in described.keys}
    assert keys["source_type"] == MetadataKey("source_type", 4, ("string",), 3, (("doc", 2), ("code", 1), ("test", 1)))
    assert keys["n"].types == ("number", "string")
    assert keys["n"].distinct == 5
    assert keys["tags"] == MetadataKey("tags", 1, ("list",), 2, (("x", 1), ("y", 1)))
    assert keys["own"] == MetadataKey("own", 1, ("object",), 0, ())
    assert keys["ok"].values == ((True, 1),)


async def test_numbers_count_by_value_and_booleans_are_no_numbers(store):
    await fill(store, ("a", "a", {"n": 1}), ("b", "b", {"n": 1.0}), ("c", "c", {"n": True}), ("d", "d", {"n": "1"}))
    (key,) = (await store.describe()).keys
    assert (key.distinct, key.types) == (3, ("boolean", "number", "string"))
    assert key.values[0] == (1, 2)


async def test_a_filter_describes_a_part_and_values_are_limited(store):
    await fill(store, *ANIMALS)
    described = await store.describe({"source_type": "doc"}, values=1)
    assert described.chunks == 2
    assert {key.key: key.values for key in described.keys}["source_type"] == (("doc", 2),)
    assert all(len(key.values) == 1 for key in described.keys)
    assert all(key.values == () for key in (await store.describe(values=0)).keys)
    for wrong in (-1, 10_001, "5"):
        with pytest.raises(InvalidQueryError, match="values"):
            await store.describe(values=wrong)


async def test_an_empty_store_has_no_keys(store):
    described = await store.describe()
    assert (described.chunks, described.keys) == (0, ())


async def test_a_long_value_counts_but_is_not_listed(store):
    await fill(store, ("a", "a", {"note": "x" * 300}), ("b", "b", {"note": "short"}))
    (key,) = (await store.describe()).keys
    assert (key.distinct, key.values) == (2, (("short", 1),))


async def test_a_key_with_very_many_values_lists_none(store, backend, monkeypatch):
    """The bound is 10,000 values. It is made small here, because so many chunks take their time."""
    monkeypatch.setattr(searching if backend == "postgres" else describing, "MOST_VALUES", 50)
    names, vectors, texts, _ = made_up(51)
    await store.upsert_documents(names, vectors, texts, [{"n": n, "half": n % 2} for n in range(51)])
    keys = {key.key: key for key in (await store.describe(values=100)).keys}
    assert (keys["n"].distinct, keys["n"].values) == (50, ())
    assert keys["half"].values == ((0, 26), (1, 25))


# --- a key that no chunk has -----------------------------------------------------------------------------------------


async def test_a_filter_with_an_unknown_key_is_warned_of_once(store, caplog):
    await fill(store, *ANIMALS)
    for _ in range(3):
        assert await ids(store, "bear", where={"langauge": "en"}) == []
        assert await store.get_count({"$or": [{"langauge": "en"}, {"$not": {"$not": {"n": 99}}}]}) == 0
    assert await store.vector_search(embed("bear"), 3, where={"pages": 3}) == []
    await store.wait_idle()
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert sorted(record.metadata_key for record in warned) == ["langauge", "pages"]
    assert "describe() lists the keys" in warned[0].getMessage()


async def test_a_filter_that_finds_nothing_by_known_keys_is_not_warned_of(store, caplog):
    assert await store.get_count({"anything": 1}) == 0, "an empty store says nothing about a key"
    await store.wait_idle()
    await fill(store, *ANIMALS)
    assert await store.get_count({"source_type": "nothing"}) == 0
    assert await store.delete_by_metadata({"n": 99}) == 0
    await store.wait_idle()
    assert not caplog.records or all(record.levelno < logging.WARNING for record in caplog.records)


async def test_closing_does_not_wait_for_a_key_that_is_looked_for(store):
    await fill(store, *ANIMALS)
    assert await store.get_count({"langauge": "en"}) == 0
    await store.close()
