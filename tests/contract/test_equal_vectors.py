"""Boilerplate has one and the same vector. It hides no other chunk, and every copy of it is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.stores import DIMENSIONS, fill

CHUNKS, QUESTIONS = 2000, 30


def distances(vectors: np.ndarray, question: np.ndarray, distance: str) -> np.ndarray:
    if distance == "l2":
        return np.asarray(np.linalg.norm(vectors - question, axis=1))
    similar = vectors @ question
    return np.asarray(-similar if distance == "inner_product" else -similar / np.linalg.norm(vectors, axis=1))


class Mirror:
    """What a store should hold, and how much of the ten nearest chunks it finds."""

    def __init__(self, store: Any, distance: str) -> None:
        self.store, self.distance, self.rng = store, distance, np.random.default_rng(7)
        self.vectors: dict[str, np.ndarray] = {}

    async def write(self, vectors: dict[str, np.ndarray]) -> None:
        ids = [*vectors]
        metadatas = [{"n": int(name) % 5} for name in ids]
        await self.store.upsert_documents(ids, [*vectors.values()], ids, metadatas)
        self.vectors |= vectors

    async def delete(self, ids: list[str]) -> None:
        assert await self.store.delete_by_ids(ids) == len(ids)
        for name in ids:
            del self.vectors[name]

    async def recall(self, where: dict[str, Any] | None = None) -> float:
        """Ask near chunks of all kinds. Any of several chunks that are equally far away is right."""
        ids = [name for name in self.vectors if where is None or int(name) % 5 == where["n"]]
        vectors = np.array([self.vectors[name] for name in ids])
        found = []
        for target in vectors[self.rng.integers(0, len(vectors), QUESTIONS)]:
            question = target + 0.3 * self.rng.normal(size=DIMENSIONS)
            far = dict(zip(ids, distances(vectors, question, self.distance), strict=True))
            tenth = sorted(far.values())[9] + 1e-5
            hits = await self.store.vector_search(question, 10, where=where)
            assert len({hit.chunk_id for hit in hits}) == 10
            found.append(sum(far[hit.chunk_id] <= tenth for hit in hits) / 10)
        return float(np.mean(found))


def some_vectors(rng: np.random.Generator, blocks: int, share: float) -> dict[str, np.ndarray]:
    """Return vectors in no order, of which a share consists of so many blocks of equal ones."""
    vectors = rng.normal(size=(CHUNKS, DIMENSIONS)).astype(np.float32)
    equal = rng.permutation(CHUNKS)[: int(CHUNKS * share)]
    for block in np.array_split(equal, blocks):
        vectors[block] = rng.normal(size=DIMENSIONS) if len(block) else 0
    return {f"{i:05}": vector for i, vector in enumerate(vectors)}


@pytest.mark.parametrize(
    ("distance", "blocks", "share"),
    [("cosine", 2, 0.75), ("cosine", 50, 0.9), ("cosine", 200, 0.2), ("l2", 1, 0.5), ("inner_product", 2, 0.99)],
)
async def test_the_nearest_chunks_are_found_at_every_share_of_equal_vectors(make, distance, blocks, share):
    store = make(distance=distance)
    await store.initialize()
    mirror = Mirror(store, distance)
    rng = np.random.default_rng(3)
    vectors = some_vectors(rng, blocks, share)
    await mirror.write(vectors)
    assert await mirror.recall() >= 0.99

    # Half of the chunks go, the smallest ids among them. A third of the others gets the vectors of yet others.
    await mirror.delete([f"{i:05}" for i in range(CHUNKS // 2)])
    ids = sorted(mirror.vectors)
    for part in np.array_split(rng.permutation(ids)[: CHUNKS // 6], 3):
        await mirror.write({str(name): mirror.vectors[str(rng.choice(ids))] for name in part})
    await store.wait_idle()
    assert await mirror.recall() >= 0.99
    assert await mirror.recall({"n": 3}) >= 0.99


async def test_of_equal_vectors_those_with_the_smallest_ids_are_returned(store):
    await fill(store, *((f"{i:03}", "licence", {"odd": i % 2}) for i in reversed(range(100))), ("other", "a quiet cat"))
    hits = await store.vector_search((await vector_of(store, "050")), 5)
    assert [hit.chunk_id for hit in hits] == ["000", "001", "002", "003", "004"]
    odd = await store.vector_search((await vector_of(store, "050")), 3, where={"odd": 1})
    assert [hit.chunk_id for hit in odd] == ["001", "003", "005"]
    await store.delete_by_ids(["000", "002"])
    hits = await store.vector_search((await vector_of(store, "050")), 3)
    assert [hit.chunk_id for hit in hits] == ["001", "003", "004"]


async def vector_of(store: Any, chunk_id: str) -> Any:
    found = [chunk async for chunk in store.iter_documents(include_embeddings=True) if chunk.chunk_id == chunk_id]
    return found[0].embedding
