"""20,000 chunks get vectors of 768 dimensions in place of 384, while others search, write and delete. No answer is wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from agent_brain_store import ProviderMismatchError, StorageBackend, reembed
from tests.support.stores import hash_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_others", "with_sessions")]

COUNT = 20_000


def vector(text: str, dimensions: int) -> np.ndarray:
    """Return the unit vector that the model of so many dimensions makes of a text."""
    row = np.random.default_rng(hash_of(text[::-1]) + dimensions).normal(size=dimensions)
    return (row / np.linalg.norm(row)).astype(np.float32)


class Client:
    """A process' view of the store: it searches and writes with the model that it was opened for, and notices the switch."""

    def __init__(self, make: Any, texts: dict[str, str], seed: int) -> None:
        self.make, self.texts, self.random = make, texts, np.random.default_rng(seed)
        self.dimensions, self.asked, self.found_itself = 384, {384: 0, 768: 0}, 0
        self.store: StorageBackend

    async def open(self) -> None:
        """Open the store for the client's model."""
        self.store = self.make(dimensions=self.dimensions)
        await self.store.initialize()

    async def run(self, stop: asyncio.Event, work: Any) -> None:
        """Do work again and again. Open the store anew when it has got another model."""
        await self.open()
        while not stop.is_set():
            try:
                await work(self)
            except ProviderMismatchError:
                await self.store.close()
                self.dimensions = 768
                await self.open()

    async def search(self) -> None:
        """Ask for a chunk by its vector. Every score has to be that of the client's own model."""
        chunk_id = self.random.choice(list(self.texts)[:200])
        question = vector(self.texts[chunk_id], self.dimensions)
        for found in (
            await self.store.vector_search(question, 5),
            await self.store.hybrid_search("word", question, 5, keyword_weight=0),
        ):
            assert len(found) == 5
            for hit in found:
                score = hit.score if hit.vector_score is None else hit.vector_score
                expected = float(vector(hit.text, self.dimensions) @ question)
                assert score == pytest.approx(max(0.0, expected), abs=1e-4), (hit.text, self.dimensions)
            self.asked[self.dimensions] += 1
            self.found_itself += found[0].chunk_id == chunk_id

    async def write(self) -> None:
        """Change a text, add a chunk and delete one, behind the chunks that are asked for."""
        number, name = int(self.random.integers(200, COUNT)), f"new {self.random.integers(10**9)}"
        for chunk_id, text in ((f"{number:05}", f"changed {name}"), (name, f"word {name}")):
            await self.store.upsert_documents([chunk_id], [vector(text, self.dimensions)], [text], [{}])
            self.texts[chunk_id] = text
        gone = f"{int(self.random.integers(200, COUNT)):05}"
        await self.store.delete_by_ids([gone])
        self.texts.pop(gone, None)
        await asyncio.sleep(0.05)


async def test_no_answer_is_wrong(make):
    texts = {f"{i:05}": f"word {i}" for i in range(COUNT)}
    store = make(dimensions=384)
    await store.initialize()
    async with store.bulk_load() as load:
        for start in range(0, COUNT, 1000):
            ids = [f"{i:05}" for i in range(start, start + 1000)]
            rows = [vector(texts[i], 384) for i in ids]
            await load.upsert_documents(ids, rows, [texts[i] for i in ids], [{}] * 1000)
    await store.set_embedding_metadata("test", "hashed", 384)
    clients, stop = [Client(make, texts, seed) for seed in range(3)], asyncio.Event()
    running = [
        asyncio.create_task(clients[0].run(stop, Client.search)),
        asyncio.create_task(clients[1].run(stop, Client.search)),
        asyncio.create_task(clients[2].run(stop, Client.write)),
    ]
    embedded = await reembed(store, lambda some: [vector(t, 768) for t in some], "test", "hashed", 768)
    while min(c.asked[768] for c in clients[:2]) <= 5 and not any(t.done() for t in running):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*running)
    assert embedded >= COUNT
    for client in clients[:2]:
        assert client.asked[384] > 20
        assert client.found_itself > 0.9 * sum(client.asked.values())
    chunks = {c.chunk_id: c async for c in store.iter_documents(include_embeddings=True)}
    assert {chunk_id: c.text for chunk_id, c in chunks.items()} == texts
    for chunk in chunks.values():
        assert np.array_equal(chunk.embedding, vector(chunk.text, 768)), chunk.chunk_id
