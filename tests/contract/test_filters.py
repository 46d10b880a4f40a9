"""The truth table of docs/filters.md, executed. It has every operator with every kind of stored value and operand."""

from __future__ import annotations

import math
import operator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_brain_store import InvalidFilterError
from agent_brain_store.checks.chunks import prepare
from tests.support.filter_table import MISSING, RULES, STORED, filters, reference, stored_metadata
from tests.support.stores import DIMENSIONS, fill
from tests.support.strategies import cleaned, kept, keys, wheres


async def test_every_filter_finds_what_the_documented_rules_say(store):
    chunks = stored_metadata()
    raw = [{"other": "same"} if value is MISSING else {"k": value, "other": "same"} for value in STORED]
    await fill(store, *((chunk_id, "text", metadata) for chunk_id, metadata in zip(chunks, raw, strict=True)))
    wrong = []
    for where in filters():
        expected = [chunk_id for chunk_id, metadata in chunks.items() if reference(where, metadata)]
        found = [chunk.chunk_id async for chunk in store.iter_documents(where)]
        if found != expected or await store.get_count(where) != len(expected):
            wrong.append((where, [STORED[int(i)] for i in set(found) ^ set(expected)]))
    assert not wrong


async def test_searches_counts_and_deletions_agree_on_a_filter(store):
    """Vector, keyword and hybrid search, counting, iterating and deleting take the same filter for the same chunks."""
    chunks = stored_metadata()
    await fill(store, *((chunk_id, "text", metadata) for chunk_id, metadata in chunks.items()))
    question = [1.0] * DIMENSIONS
    for where in filters()[::7]:
        expected = {chunk_id for chunk_id, metadata in chunks.items() if reference(where, metadata)}
        for hits in (
            await store.vector_search(question, 100, where=where),
            await store.keyword_search("text", 100, where=where),
            await store.hybrid_search("text", question, 100, where=where),
            await store.hybrid_search("text", question, 100, where=where, fusion="relative_score"),
        ):
            assert {hit.chunk_id for hit in hits} == expected, where
        assert await store.delete_by_metadata(where) == len(expected)
        assert await store.get_count() == len(chunks) - len(expected)
        await fill(store, *((chunk_id, "text", metadata) for chunk_id, metadata in chunks.items()))


async def test_generated_filters_match_the_reference(store):
    cases: list[tuple[list[dict[str, Any]], dict[str, Any]]] = []

    @given(st.lists(st.dictionaries(keys, kept, max_size=3), min_size=1, max_size=4), wheres)
    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def collect(metadatas, where):
        cases.append((metadatas, where))

    collect()
    raw = [metadata for metadatas, _ in cases for metadata in metadatas]
    ids = [f"{i:05}" for i in range(len(raw))]
    await store.upsert_documents(ids, [[1.0] * DIMENSIONS] * len(ids), ["t"] * len(ids), raw)
    chunks = dict(
        zip(ids, prepare(RULES, ids, [[1.0] * DIMENSIONS] * len(ids), ["t"] * len(ids), raw).metadatas, strict=True)
    )
    for _, where in cases:
        expected = [chunk_id for chunk_id, metadata in chunks.items() if reference(cleaned(where), metadata)]
        assert [chunk.chunk_id async for chunk in store.iter_documents(where)] == expected, where
    assert await store.get_count() == len(ids), "no filter has dropped a table"


async def test_neighbouring_floating_point_numbers_are_told_apart(store):
    """Chroma writes a float as a decimal, and not always as the nearest one. It writes 9.9 * 0.1 as 0.99."""
    rng = Random(1)
    numbers = {0.0, 0.1 * 3, 1966.275, 2020.0, 3.0, -7.0, 2**52 + 0.5, 1 / 3, 1e-9, 12345678901.5}
    numbers |= {rng.randint(1, 99) / 10 * (rng.randint(1, 99) / 10) for _ in range(40)}
    numbers |= {round(number, 2) for number in numbers}
    numbers |= {math.nextafter(number, end) for number in numbers for end in (-math.inf, math.inf)}
    ordered = sorted(numbers)
    await fill(store, *((f"{i:03}", "text", {"n": number}) for i, number in enumerate(ordered)))
    operators = {"$eq": operator.eq, "$ne": operator.ne, "$gt": operator.gt, "$gte": operator.ge}
    operators |= {"$lt": operator.lt, "$lte": operator.le}
    for operand in [*ordered[::3], 0, 3, 2020, -7]:
        for name, holds in operators.items():
            expected = [f"{i:03}" for i, number in enumerate(ordered) if holds(number, operand)]
            found = [chunk.chunk_id async for chunk in store.iter_documents({"n": {name: operand}})]
            assert found == expected, (name, operand)
            assert await store.get_count({"n": {name: operand}}) == len(expected), (name, operand)
    some = ordered[::2]
    assert await store.get_count({"n": {"$in": some}}) == len(some)
    assert await store.delete_by_metadata({"n": {"$nin": some}}) == len(ordered) - len(some)
    assert [chunk.metadata["n"] async for chunk in store.iter_documents()] == some


async def test_a_bad_filter_is_refused_before_anything_happens(store):
    await fill(store, ("a", "text", {"n": 1}))
    bad = {"n": {"$gt": None}}
    calls = [
        store.vector_search([1.0] * DIMENSIONS, 1, where=bad),
        store.keyword_search("text", 1, where=bad),
        store.hybrid_search("text", [1.0] * DIMENSIONS, 1, where=bad),
        store.get_count(bad),
        store.delete_by_metadata(bad),
        store.replace_documents(bad, [], [], [], []),
        store.keyword_search("text", 1, source_types="doc"),
        store.keyword_search("text", 1, languages=[None]),
    ]
    for call in calls:
        with pytest.raises(InvalidFilterError):
            await call
    assert await store.get_count() == 1


# --- lists, folders and long values ----------------------------------------------------------------------------------


async def test_a_filter_may_have_thousands_of_values(store):
    await fill(store, *((f"{i}", "text", {"n": i, "name": f"name {i}"}) for i in range(50)))
    assert await store.get_count({"n": {"$in": list(range(25, 5000))}}) == 25
    assert await store.get_count({"name": {"$nin": [f"name {i}" for i in range(2000)]}}) == 0
    assert await store.get_count({"$or": [{"n": i} for i in range(40, 1000)]}) == 10


async def test_long_lists_match_their_values_and_nothing_between(store):
    """A list is searched in halves. The values, the gaps between them and other kinds of values must not be mixed up."""
    words, numbers = [f"w{i:03}" for i in range(90)], [i / 2 for i in range(90)]
    stored: list[Any] = [*words, *numbers, "", "z", "w", -1, 10**15, True, False, ["w003"], [1], {"a": 1}]
    await fill(store, *((f"{i:03}", "text", {"k": value}) for i, value in enumerate(stored)), ("none", "text", {}))
    for listed in (words[::3], numbers[1::3], [*words[1::7], *numbers[::7], 10**15, True], ["w0035", 0.25, -2]):
        for op in ("$in", "$nin"):
            where = {"k": {op: listed}}
            expected = {f"{i:03}" for i, value in enumerate(stored) if reference(where, {"k": value})}
            expected |= {"none"} if op == "$nin" else set()
            assert {chunk.chunk_id async for chunk in store.iter_documents(where)} == expected, (op, listed)


async def test_a_prefix_selects_a_folder(store):
    sources = [
        "/src/app/main.py",
        "/src/app/lib/x.py",
        "/src/app2/main.py",
        "/src/ap",
        "/src/app",
        "/doc/é/a.md",
        "rel/a",
        "",
    ]
    await fill(store, *((f"{i}", "text", {"source": source}) for i, source in enumerate(sources)), ("none", "text"))
    for prefix in (
        "/src/app/",
        "/src/app",
        "/src/",
        "/",
        "",
        "/doc/é/",
        "rel/",
        "/nowhere/",
        "/src/app/main.py",
        "x" * 2000,
    ):
        where = {"source": {"$prefix": prefix}}
        expected = {f"{i}" for i, source in enumerate(sources) if source.startswith(prefix)}
        assert {chunk.chunk_id async for chunk in store.iter_documents(where)} == expected, prefix
        assert {hit.chunk_id for hit in await store.vector_search([1.0] * DIMENSIONS, 50, where=where)} == expected
    assert await store.delete_by_metadata({"source": {"$prefix": "/src/app/"}}) == 2
    assert await store.get_count() == 7


async def test_prefixes_of_very_long_sources_are_compared_whole(store):
    long = "/" + "d" * 600 + "/"
    await fill(store, ("a", "text", {"source": long + "a"}), ("b", "text", {"source": long + "b"}))
    assert await store.get_count({"source": {"$prefix": long}}) == 2
    assert await store.get_count({"source": {"$prefix": long + "a"}}) == 1
    assert await store.get_count({"source": long + "b"}) == 1
