"""Search under a filter finds what is there, whichever index the planner takes."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import numpy as np
import pytest
from pgvector import Vector

from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import parse
from agent_brain_store.postgres.jsonpath import to_jsonpath
from tests.support.internals import pooled_connection
from tests.support.large import large_metadata
from tests.support.stores import DIMENSIONS, fill

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("key", ["half", "hundredth", "thousandth", "one"])
@pytest.mark.parametrize("top_k", [1, 10, 100])
async def test_filtered_search_is_complete(opened, large, key, top_k):
    postgres, vectors = large
    store = await opened(postgres)
    value = 1234 % {"half": 2, "hundredth": 100, "thousandth": 1000, "one": 10**9}[key]
    matching = [i for i in range(len(vectors)) if large_metadata(i)[key] == value]
    question = np.random.default_rng(9).normal(size=DIMENSIONS)
    unit = vectors[matching] / np.linalg.norm(vectors[matching], axis=1, keepdims=True)
    best = [f"{matching[i]:05}" for i in np.argsort(-(unit @ question))[:top_k]]
    for hits in (
        await store.vector_search(question, top_k, where={key: value}),
        await store.hybrid_search("rare1234 index", question, top_k, where={key: value}),
        await store.hybrid_search("rare1234 index", question, top_k, where={key: value}, fusion="relative_score"),
    ):
        assert len(hits) == min(top_k, len(matching))
        assert all(hit.metadata[key] == value for hit in hits)
    found = [hit.chunk_id for hit in await store.vector_search(question, top_k, where={key: value})]
    assert len(set(found) & set(best)) >= 0.9 * len(best)


async def test_one_prepared_statement_serves_loose_and_selective_filters_in_turn(opened, large):
    postgres, vectors = large
    store = await opened(postgres)
    for i in range(50):
        where = {"half": i % 2} if i % 2 else {"one": i}
        hits = await store.vector_search(vectors[i], 10, where=where)
        assert hits[0].chunk_id == f"{i:05}"
        assert len(hits) == (10 if i % 2 else 1)


async def test_a_search_falls_back_to_an_exact_scan_when_the_index_gives_up(opened, database, plain):
    """Everything that matches lies opposite to the question, further away than the index looks."""
    near, far = np.eye(DIMENSIONS)[0] * 5, -np.eye(DIMENSIONS)[0] * 5
    noise = np.random.default_rng(1).normal(size=(3000, DIMENSIONS))
    store = await opened(database | {"hnsw_ef_search": 10})
    ids = [f"{i:04}" for i in range(3000)]
    vectors = [noise[i] + (far if i % 2 else near) for i in range(3000)]
    await store.upsert_documents(ids, vectors, ids, [{"far": i % 2} for i in range(3000)])
    await store.close()
    await plain.execute("analyze chunks")  # the store's own is skipped while autovacuum is at it
    for setting in ("hnsw.max_scan_tuples = 1", "enable_seqscan = off", "enable_bitmapscan = off"):
        await plain.execute(f"alter database {database['database']} set {setting}")
    await store.initialize()
    assert len(await store.vector_search(near, 20, where={"far": 1})) == 20
    assert len(await store.hybrid_search("zyzzyva", near, 20, 1.0, 0.0, where={"far": 1})) == 20
    assert (await store.health()).details["exact_fallbacks"] == 2
    assert len(await store.vector_search(near, 20, where={"far": 0})) == 20
    assert (await store.health()).details["exact_fallbacks"] == 2


async def test_the_index_keeps_what_it_finds_late(opened, database):
    """Under a filter the scan goes on in rounds. A later one can find chunks that are nearer than the last ones before."""
    count, dimensions = 4000, 384
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(20, dimensions))[rng.integers(0, 20, count)] + 0.7 * rng.normal(size=(count, dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store, ids = await opened(database, dimensions=dimensions), [f"{i:04}" for i in range(count)]
    await store.upsert_documents(ids, vectors, ids, [{"part": i % 50} for i in range(count)])
    await store.wait_idle()
    passing, found = np.arange(7, count, 50), []
    async with pooled_connection(store) as connection:
        for number in range(20):
            question = vectors[number] + 0.1 * rng.normal(size=dimensions)
            nearest = await connection.fetch(  # a search would compare these few chunks
                "select chunk_id from nearest($1, 50, $2, '', null)", Vector(question), to_jsonpath(parse({"part": 7}))
            )
            best = {ids[i] for i in passing[np.argsort(-(vectors[passing] @ question))[:50]]}
            found.append(len(best & {row["chunk_id"] for row in nearest}) / 50)
    assert np.mean(found) > 0.98  # 0.94 in strict order


@pytest.mark.parametrize(("equals", "fallbacks"), [(2, 0), (5, 0), (6, 1)])
async def test_five_chunks_as_far_as_the_last_one_make_a_search_compare_everything(opened, database, equals, fallbacks):
    store, count, wanted = await opened(database), 60, 5
    angles = np.linspace(0.1, 1.5, count)
    angles[wanted - 1 : wanted - 1 + equals] = angles[wanted - 1]
    vectors = np.zeros((count, DIMENSIONS))
    vectors[:, 0] = np.cos(angles)
    for i in range(count):  # vectors that are equally far away are not equal
        vectors[i, 1 + i % (DIMENSIONS - 1)] = np.sin(angles[i])
    ids = [f"{i:02}" for i in range(count)]
    await store.upsert_documents(ids, vectors, ids, [{}] * count)
    await store.wait_idle()
    hits = await store.vector_search(np.eye(DIMENSIONS)[0], wanted)
    assert [hit.chunk_id for hit in hits] == ids[:wanted]
    assert (await store.health()).details["exact_fallbacks"] == fallbacks


def random_filter(random: Random, depth: int) -> dict[str, Any]:
    """Return a filter on the keys a, b and c, nested as deep as ``depth``."""
    if depth == 0 or random.random() < 0.2:
        op, value = random.choice(["$eq", "$ne", "$in", "$nin", "$gt", "$contains", "$exists"]), random.choice([1, "x"])
        operand = {"$in": [value], "$nin": [value], "$exists": True}.get(op, value)
        return {random.choice("abc"): {op: operand}}
    items = [random_filter(random, depth - 1) for _ in range(2)]
    return {op: items[0] if op == "$not" else items for op in [random.choice(["$not", "$and", "$or"])]}


async def test_the_metadata_index_finds_every_match(store, plain):
    """For all combinations of a few values. The server reads small tables whole unless that is forbidden."""
    combined = itertools.product((1, 2, "x", [1, "x"], None), repeat=3)
    metadatas = [{k: v for k, v in zip("abc", values, strict=True) if v is not None} for values in combined]
    await fill(store, *((f"{i:03}", "text", metadata) for i, metadata in enumerate(metadatas)))
    await plain.execute("analyze chunks; set enable_seqscan = off; set enable_indexscan = off")
    random, indexed = Random(1), 0
    for where in [{"$not": {"a": {"$ne": 1}, "b": 1}}, *(random_filter(random, 4) for _ in range(1000))]:
        node = parse(where)
        assert node is not None
        expected = [f"{i:03}" for i, metadata in enumerate(metadatas) if matches(node, metadata)]
        select = "from chunks where metadata @@ $1::text::jsonpath"
        plan = await plain.fetchval(f"explain (format json) select 1 {select}", to_jsonpath(node))
        found = await plain.fetch(f"select chunk_id {select} order by chunk_id", to_jsonpath(node))
        indexed += "chunks_metadata_gin" in plan
        assert [row["chunk_id"] for row in found] == expected, where
    assert indexed > 900
