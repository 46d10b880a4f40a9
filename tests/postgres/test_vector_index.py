"""The vector index: its type, its operators and its parameters follow the configuration."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent_brain_store.config.embedding_models import HALFVEC_DIMENSIONS
from tests.support.internals import pooled_connection
from tests.support.postgres import connect, index_facts, is_indexed, until_suspended, used_indexes
from tests.support.stores import DIMENSIONS, embed, fill, made_up

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("dimensions", [384, 768, 1536, 3072, 4096])
async def test_vectors_of_every_models_dimensions_are_stored_and_searched(opened, database, dimensions):
    postgres = {**database, "schema": f"d{dimensions}"}
    store = await opened(postgres, dimensions=dimensions)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, dimensions)).astype(np.float32)
    ids = [f"{i:03}" for i in range(300)]
    await store.upsert_documents(ids, vectors, ids, [{}] * 300)
    question = vectors[7] + 0.1 * rng.normal(size=dimensions)
    hits = await store.vector_search(question, 5)
    assert hits[0].chunk_id == "007"
    exact = vectors[7] @ question / np.linalg.norm(vectors[7]) / np.linalg.norm(question)
    assert hits[0].score == pytest.approx(exact, abs=2e-3)
    stored = [chunk async for chunk in store.iter_documents(include_embeddings=True)]
    expected = vectors.astype(np.float16) if dimensions in HALFVEC_DIMENSIONS else vectors
    assert np.array_equal(np.array([chunk.embedding for chunk in stored]), expected.astype(np.float32))
    await store.close()
    connection = await connect(postgres)
    await connection.execute("set enable_seqscan = off")
    vector = "[" + ",".join(map(str, question)) + "]"
    used = await used_indexes(connection, "vector_search", query_embedding=vector, top_k=5)
    assert "chunks_embedding_ann" in used
    await connection.close()


async def test_vectors_too_long_for_an_index_of_the_configured_precision_are_compared_one_by_one(
    opened, database, caplog
):
    store = await opened({**database, "schema": "long", "index_precision": "half"}, dimensions=4096)
    vectors = np.eye(3, 4096) + 0.1
    await store.upsert_documents(["a", "b", "c"], vectors, ["text"] * 3, [{}] * 3)
    assert [hit.chunk_id for hit in await store.vector_search(vectors[1], 1)] == ["b"]
    assert "4096 dimensions are beyond pgvector's 4000 for an index of this precision" in caplog.text


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
@pytest.mark.parametrize("precision", ["single", "half", "binary"])
async def test_every_precision_finds_the_nearest_chunks_with_exact_scores(opened, database, distance, precision):
    postgres = {**database, "schema": "rough", "index_precision": precision}
    store = await opened(postgres, distance=distance, dimensions=128)
    rng = np.random.default_rng(2)
    vectors, ids = rng.normal(size=(1500, 128)).astype(np.float32), [f"{i:04}" for i in range(1500)]
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    await store.upsert_documents(ids, vectors, ids, [{}] * 1500)
    connection = await connect(postgres)
    operators = (await index_facts(connection))["chunks_embedding_ann"]["operator_class"]
    assert operators.startswith({"single": "vector_", "half": "halfvec_", "binary": "bit_"}[precision])
    for i in range(0, 1500, 100):
        question = vectors[i] + 0.05 * rng.normal(size=128)
        hits = await store.vector_search(question, 5)
        similar = vectors @ question / (np.linalg.norm(question) if distance == "cosine" else 1)
        assert hits[0].chunk_id == ids[i]
        scores = {
            "cosine": similar[i],
            "l2": 1 / (1 + np.linalg.norm(vectors[i] - question)),
            "inner_product": (1 + similar[i] / (1 + abs(similar[i]))) / 2,
        }
        assert hits[0].score == pytest.approx(scores[distance], abs=1e-5)
    question = str(vectors[7].tolist())
    assert "chunks_embedding_ann" in await used_indexes(connection, "vector_search", query_embedding=question, top_k=5)
    await connection.close()


async def test_another_precision_is_reported_and_built_while_the_store_is_in_use(opened, database, plain):
    old = await opened({**database, "index_precision": "single"})
    await old.reindex()
    await old.upsert_documents(*made_up(1200))
    store = await opened({**database, "index_precision": "binary"})
    assert [w.split(":")[0] for w in (await store.ensure_indexes()).warnings] == [
        "the vector index has index_precision = single, but the configuration says binary"
    ]
    _, vectors, _, _ = made_up(1200)
    building = asyncio.create_task(store.reindex())
    while not building.done():
        assert (await old.vector_search(vectors[5], 1))[0].chunk_id == "00005"
    assert (await building).warnings == ()
    assert (await store.ensure_indexes()).warnings == ()
    used = await used_indexes(plain, "vector_search", query_embedding=str(vectors[5].tolist()), top_k=5)
    assert "chunks_embedding_ann" in used
    assert (await old.vector_search(vectors[5], 1))[0].chunk_id == "00005", "sessions that were open see the change"


async def test_without_its_index_of_bits_a_search_is_exact(opened, database, plain):
    store = await opened({**database, "index_precision": "binary"})
    await store.reindex()
    _, vectors, _, _ = made_up(1500)
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(1500))
        await until_suspended(plain)
        for i in range(0, 1500, 100):  # 16 bits say little about a vector
            near = np.argsort(-(vectors @ vectors[i]) / np.linalg.norm(vectors, axis=1))[:5]
            assert [hit.chunk_id for hit in await store.vector_search(vectors[i], 5)] == [f"{n:05}" for n in near]


async def test_lengths_do_not_matter_to_an_index_of_half_precision(opened, database):
    """Half precision ends at 65,504, and at 6e-8. The cosine does not depend on the length."""
    store = await opened({**database, "schema": "lengths"})
    vectors = np.random.default_rng(1).normal(size=(20, DIMENSIONS)).astype(np.float32)
    vectors[:10] *= 1e8
    vectors[10:] *= 1e-9
    ids = [f"{i:02}" for i in range(20)]
    await store.upsert_documents(ids, vectors, ids, [{}] * 20)
    for i in range(20):
        assert (await store.vector_search(vectors[i], 1))[0].chunk_id == ids[i]


@pytest.mark.parametrize(("distance", "operator_class"), [("cosine", "cosine"), ("l2", "l2"), ("inner_product", "ip")])
async def test_each_distance_has_an_index_with_its_operator_class(opened, database, distance, operator_class):
    postgres = {**database, "schema": "far"}
    store = await opened(postgres, distance=distance)
    await fill(store, *((f"{i}", f"text {i}") for i in range(50)))
    await store.close()
    connection = await connect(postgres)
    facts = await index_facts(connection)
    stored = "halfvec" if distance == "cosine" else "vector"
    assert facts["chunks_embedding_ann"]["operator_class"] == f"{stored}_{operator_class}_ops"
    await connection.execute("set enable_seqscan = off")
    used = await used_indexes(connection, "vector_search", query_embedding=str(embed("x")), top_k=5)
    assert "chunks_embedding_ann" in used
    await connection.close()


async def test_hnsw_parameters_come_from_the_configuration(opened, database):
    postgres = {**database, "schema": "tuned", "hnsw_m": 8, "hnsw_ef_construction": 40, "hnsw_ef_search": 77}
    await opened(postgres)
    connection = await connect(postgres)
    facts = await index_facts(connection)
    assert set(facts["chunks_embedding_ann"]["options"]) == {"m=8", "ef_construction=40"}
    await connection.close()


async def test_other_hnsw_parameters_are_reported_until_the_index_is_built_anew(opened, database):
    postgres = {**database, "schema": "tuned", "hnsw_m": 8, "hnsw_ef_construction": 40}
    await opened(postgres)
    other = await opened({**postgres, "hnsw_m": 16, "hnsw_ef_construction": 64})
    assert [w.split(":")[0] for w in (await other.ensure_indexes()).warnings] == [
        "the vector index has m = 8, but the configuration says 16",
        "the vector index has ef_construction = 40, but the configuration says 64",
    ]
    await fill(other, ("a", "text"))
    assert "chunks_embedding_ann" in (await other.reindex()).rebuilt
    assert (await other.ensure_indexes()).warnings == ()
    assert len(await other.vector_search(embed("text"), 1)) == 1


@pytest.mark.parametrize("index", ["ivfflat", "none"])
async def test_search_works_with_ivfflat_and_without_an_index(opened, database, index):
    rng = np.random.default_rng(2)
    vectors, ids = rng.normal(size=(500, DIMENSIONS)), [f"{i:03}" for i in range(500)]
    postgres = {**database, "schema": index, "index": index, "ivfflat_lists": 5, "ivfflat_probes": 5}
    store = await opened(postgres)
    await store.upsert_documents(ids, vectors, ids, [{}] * 500)
    await store.reindex()
    assert (await store.vector_search(vectors[3], 3))[0].chunk_id == "003"
    assert len(await store.vector_search(vectors[3], 400)) == 400
    connection = await connect(postgres)
    options = {row["method"]: row["options"] for row in (await index_facts(connection)).values()}
    assert options.get("ivfflat") == (["lists=5"] if index == "ivfflat" else None)
    assert "hnsw" not in options
    async with pooled_connection(store) as pooled:
        assert await pooled.fetchval("show ivfflat.probes") == "5"
    await connection.close()


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"index": "hnsw"}, "the vector index is ivfflat, but the configuration says hnsw"),
        ({"ivfflat_lists": 7}, "the vector index has lists = 5, but the configuration says 7"),
    ],
)
async def test_a_difference_between_index_and_configuration_is_reported(opened, database, changed, difference):
    postgres = {**database, "schema": "lists", "index": "ivfflat", "ivfflat_lists": 5}
    store = await opened(postgres)
    assert (await store.ensure_indexes()).warnings == ()
    await store.close()
    store = await opened(postgres | changed)
    assert (await store.ensure_indexes()).warnings == (f"{difference}: call reindex() to change it",)
    await store.reindex()
    assert (await store.ensure_indexes()).warnings == ()


async def test_ivfflat_gets_the_memory_that_its_build_insists_on(opened, database, plain):
    wide = {**database, "schema": "wide", "index": "ivfflat", "ivfflat_lists": 1000}
    store = await opened(wide, dimensions=1536)
    vectors = np.random.default_rng(1).normal(size=(3000, 1536)).astype(np.float32)
    await store.upsert_documents([f"{i:05}" for i in range(3000)], vectors, ["text"] * 3000, [{}] * 3000)
    await store.close()
    await plain.execute("set search_path = wide, public")
    assert await is_indexed(plain)


async def test_equal_vectors_do_not_hide_the_others(store):
    """Boilerplate has one and the same vector. Its neighbours in the graph are its equals alone."""
    boilerplate, others = embed("licence"), np.random.default_rng(3).normal(size=(30, DIMENSIONS))
    vectors = np.vstack([np.repeat([boilerplate], 3000, axis=0), others])
    ids = [f"{i:04}" for i in range(len(vectors))]
    await store.upsert_documents(ids, vectors, ["text"] * len(ids), [{}] * len(ids))
    for i, other in enumerate(others, 3000):
        assert (await store.vector_search(other, 1))[0].chunk_id == f"{i:04}"
    assert [hit.chunk_id for hit in await store.vector_search(boilerplate, 3)] == ["0000", "0001", "0002"]
    assert (await store.health()).details["exact_fallbacks"] == 0
