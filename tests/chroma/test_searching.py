"""Searches find the nearest chunks, whether the vectors are in memory or in Chroma's index alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.chroma import opened
from tests.support.internals import break_direct_reads, has_vectors_in_memory, keep_vectors_out_of_memory
from tests.support.stores import embed, fill, made_up

SIZE, COUNT = 16, 600


def nearest(distance: str, vectors: np.ndarray, question: np.ndarray, count: int, gone: np.ndarray) -> set[int]:
    """Return the positions of the nearest vectors that are not gone, and of all as near as the last of these."""
    exact, asked = vectors.astype(np.float64), question.astype(np.float64)
    if distance == "l2":
        far = np.linalg.norm(exact - asked, axis=1)
    else:
        far = -(exact @ asked) / (np.linalg.norm(exact, axis=1) if distance == "cosine" else 1.0)
    far[gone] = np.inf
    return set(np.flatnonzero(far <= np.sort(far)[count - 1] + 1e-6).tolist())


async def recall(store: Any, distance: str, vectors: np.ndarray, questions: np.ndarray, gone: np.ndarray) -> float:
    """Return which share of the ten nearest chunks a search finds. Their ids are the positions of their vectors."""
    shares = []
    for question in questions:
        true = nearest(distance, vectors, question, 10, gone)
        hits = await store.vector_search(question, 10)
        shares.append(sum(int(hit.chunk_id) in true for hit in hits) / 10)
    return float(np.mean(shares))


@pytest.mark.parametrize(
    ("distance", "share"),
    [("cosine", 0.0), ("cosine", 0.5), ("cosine", 0.9), ("cosine", 0.99), ("l2", 0.9), ("inner_product", 0.9)],
)
@pytest.mark.parametrize("is_large", [False, True])
async def test_equal_vectors_do_not_hide_the_others(tmp_path, monkeypatch, distance, share, is_large):
    if is_large:
        keep_vectors_out_of_memory(monkeypatch)
    generator = np.random.default_rng(5)
    vectors = generator.normal(size=(COUNT, SIZE)).astype(np.float32)
    equal = generator.permutation(COUNT)[: int(COUNT * share)]
    vectors[equal] = vectors[0]
    others = np.setdiff1d(np.arange(COUNT), equal)[:20]
    ids = [f"{i:04}" for i in range(COUNT)]
    async with opened(tmp_path, distance=distance) as store:
        await store.upsert_documents(ids, vectors, ids, [{}] * COUNT)
        questions = vectors[others] + 0.2 * generator.normal(size=(len(others), SIZE)).astype(np.float32)
        assert await recall(store, distance, vectors, questions, others[:0]) >= 0.99
        # Some of the equal ones get vectors of their own, and some of the others are deleted.
        changed, gone = equal[:20], others[:5]
        vectors[changed] = generator.normal(size=(len(changed), SIZE))
        await store.upsert_documents(
            [ids[i] for i in changed], vectors[changed], [ids[i] for i in changed], [{}] * len(changed)
        )
        await store.delete_by_ids([ids[i] for i in gone])
        assert await recall(store, distance, vectors, questions[5:], gone) >= 0.99


async def test_of_equal_vectors_the_first_ids_are_found(tmp_path, monkeypatch):
    for is_large in (False, True):
        if is_large:
            keep_vectors_out_of_memory(monkeypatch)
        async with opened(tmp_path / str(is_large)) as store:
            await fill(store, *((f"{i:03}", "one text") for i in reversed(range(300))), ("other", "another"))
            for _ in range(2):
                hits = await store.vector_search(embed("one text"), 5)
                assert [hit.chunk_id for hit in hits] == ["000", "001", "002", "003", "004"]


FILTERS: list[dict[str, Any]] = [
    {"n": 7},
    {"part": 3},
    {"half": 1},
    {"half": {"$in": [0, 1]}},
    {"n": {"$gte": 0}},
    {"name": {"$gt": "n0100"}},
    {"$not": {"name": {"$exists": True}}},
    {"half": 1, "name": {"$lt": "n0800"}},
]


@pytest.mark.parametrize("with_keywords", [False, True])
async def test_every_filter_finds_the_same_in_memory_and_by_chroma(tmp_path, monkeypatch, with_keywords):
    ids, vectors, texts, _ = made_up(900)
    metadatas = [{"n": i, "part": i % 30, "half": i % 2, "name": f"n{i:04}"} for i in range(900)]

    async def answers(store: Any) -> list[Any]:
        if with_keywords:
            await store.ensure_indexes()
        asked = [
            (where, vectors[i] + 0.1) for where in FILTERS for i in (0, 0, 1)
        ]  # the second time, matches are known
        found = [await store.vector_search(vector, 10, where=where) for where, vector in asked]
        return [[(hit.chunk_id, pytest.approx(hit.score, abs=1e-6)) for hit in hits] for hits in found]

    async with opened(tmp_path) as store:
        await store.upsert_documents(ids, vectors, texts, metadatas)
        in_memory = await answers(store)
        assert has_vectors_in_memory(store)
    keep_vectors_out_of_memory(monkeypatch)
    async with opened(tmp_path) as store:
        assert await answers(store) == in_memory
        assert not has_vectors_in_memory(store)


async def test_a_filter_that_was_asked_before_sees_what_was_written_since(store):
    await fill(store, ("a", "word", {"f": 1}), ("b", "word", {"f": True}))
    for where in ({"f": 1}, {"f": True}):
        expected = ["a"] if where["f"] is not True else ["b"]
        for search in (
            store.vector_search(embed("word"), 5, where=where),
            store.hybrid_search("word", embed("word"), 5, where=where),
        ):
            assert [hit.chunk_id for hit in await search] == expected
    await fill(store, ("c", "word", {"f": 1}), ("a", "word", {"f": 2}))
    assert [hit.chunk_id for hit in await store.vector_search(embed("word"), 5, where={"f": 1})] == ["c"]


async def test_answers_do_not_depend_on_reading_chromas_database_directly(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        await fill(store, *((f"{i:03}", f"word{i % 9} text", {"n": i, "list": [i, "ä"]}) for i in range(50)))
        expected = await store.hybrid_search("word5", embed("word5 text"), 10)
        break_direct_reads(monkeypatch)
        assert await store.hybrid_search("word5", embed("word5 text"), 10) == expected
        assert await store.get_by_ids(["007", "x"]) == {
            "007": {"text": "word7 text", "metadata": {"n": 7, "list": [7, "ä"]}}
        }
    async with opened(tmp_path) as store:
        assert await store.hybrid_search("word5", embed("word5 text"), 10) == expected
