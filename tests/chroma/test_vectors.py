"""Vectors come back to the bit, whatever form Chroma searches them in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent_brain_store.chroma.stored import VECTOR, given_vector, in_searched_form, packed, to_stored, unpacked
from tests.support.chroma import opened
from tests.support.internals import stored_rows

SIZE = 16
DISTANCES = ("cosine", "l2", "inner_product")


def some_vectors() -> np.ndarray:
    """Return unit vectors, vectors of many lengths, and numbers at the edges of float32."""
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(120, SIZE))
    unit = rows[:40] / np.linalg.norm(rows[:40], axis=1, keepdims=True)
    scaled = rows[40:100] * np.logspace(-17, 17, 60)[:, None]
    nearly = unit[:20] * (1 + np.linspace(-3e-6, 3e-6, 20))[:, None]
    spread = rows[100:] * np.logspace(-45, 0, SIZE)
    spread[:, -1] = 1.5
    edges = np.zeros((6, SIZE))
    edges[0, 0], edges[1, 0], edges[2, 0], edges[3, 0] = 1, -1, 1e17, 1e-17
    edges[4], edges[5] = np.float32(1e17), -np.float32(3e-17)
    edges[1, 1] = -0.0
    return np.concatenate([unit, scaled, nearly, spread, edges]).astype(np.float32)


@pytest.mark.parametrize("distance", DISTANCES)
async def test_vectors_come_back_to_the_bit(tmp_path, distance):
    vectors = some_vectors()
    ids = [f"{i:04}" for i in range(len(vectors))]
    async with opened(tmp_path, distance=distance) as store:
        await store.upsert_documents(ids, vectors, ids, [{}] * len(ids))
        for _ in range(2):
            back: list[Any] = [document.embedding async for document in store.iter_documents(include_embeddings=True)]
            assert all(vector.dtype == np.float32 for vector in back)
            assert np.array_equal(np.array(back).view(np.uint32), vectors.view(np.uint32))
            await store.close()
            await store.initialize()


@pytest.mark.parametrize("distance", DISTANCES)
async def test_scores_are_those_of_the_given_vectors(tmp_path, distance):
    vectors = some_vectors()
    ids = [f"{i:04}" for i in range(len(vectors))]
    asked = vectors[55] * np.float32(3)
    exact, question = vectors.astype(np.float64), asked.astype(np.float64)
    if distance == "cosine":
        scores = exact @ question / np.linalg.norm(exact, axis=1) / np.linalg.norm(question)
        expected = np.clip(scores, 0, 1)
    elif distance == "l2":
        expected = 1 / (1 + np.linalg.norm(exact - question, axis=1))
    else:
        products = exact @ question
        expected = (1 + products / (1 + np.abs(products))) / 2
    async with opened(tmp_path, distance=distance) as store:
        await store.upsert_documents(ids, vectors, ids, [{"n": i} for i in range(len(ids))])
        for where in (None, {"n": {"$exists": True}}):
            hits = await store.vector_search(asked, len(ids), where=where)
            assert len(hits) == len(ids)
            assert [hit.score for hit in hits] == pytest.approx([expected[int(hit.chunk_id)] for hit in hits], abs=2e-6)
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_a_vector_is_kept_twice_only_if_it_cannot_be_searched_as_it_is(store):
    unit, other = np.eye(SIZE)[0], np.full(SIZE, 2.0)
    await store.upsert_documents(["other", "unit"], [other, unit], ["", ""], [{}, {}])
    rows = stored_rows(store)
    stored: dict[str, Any] = {row.chunk_id: row.stored for row in rows.read(["other", "unit"], stored=True)}
    assert (VECTOR in stored["other"], VECTOR in stored["unit"]) == (True, False)
    await store.upsert_documents(["other"], [unit], [""], [{}])
    assert VECTOR not in (next(rows.read(["other"], stored=True)).stored or {})
    assert await store.get_by_id("other") == {"text": "", "metadata": {}}
    hits = await store.vector_search(unit * 7, 2)
    assert [(hit.chunk_id, hit.score) for hit in hits] == [("other", 1.0), ("unit", 1.0)]


def test_searched_vectors_have_unit_length_under_cosine():
    vectors = some_vectors()
    lengths = np.linalg.norm(in_searched_form("cosine", vectors).astype(np.float64), axis=1)
    assert np.abs(lengths - 1).max() < 2e-6
    assert np.array_equal(in_searched_form("cosine", vectors)[7], in_searched_form("cosine", vectors[7]))
    assert in_searched_form("l2", vectors) is vectors


def test_a_vector_can_be_packed_into_text():
    for vector in some_vectors():
        assert unpacked(packed(vector)).tobytes() == vector.tobytes()
        kept = in_searched_form("cosine", vector)
        stored = to_stored("", {}, vector, kept)
        assert given_vector(stored, kept.astype(np.float64)).tobytes() == vector.tobytes()
    assert packed(np.array([1.0], np.float32)) == "AACAPw=="
