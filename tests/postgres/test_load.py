"""A store under load: many questions while many chunks are written."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from agent_brain_store import StorageBackend, open_store
from tests.support.postgres import config
from tests.support.servers import Server
from tests.support.stores import DIMENSIONS
from tests.support.watching import connections, outside

pytestmark = pytest.mark.postgres

CHUNKS, SLICE, WRITERS_AT_ONCE, QUESTIONS_AT_ONCE = 10_000, 250, 8, 50
WORDS = [f"word{n}" for n in range(2000)]


@pytest.mark.slow
async def test_fifty_questions_at_once_while_ten_thousand_chunks_are_indexed(server: Server) -> None:
    """No call fails, and there are never more connections than configured."""
    name = f"abs_load_{os.getpid()}"
    with server.janitor(name):
        postgres = {key: value for key, value in server.postgres(name).items() if key != "pool_timeout"}
        setting = config(postgres)
        allowed = setting.postgres.pool_size + setting.postgres.pool_max_overflow
        async with open_store(setting) as store, watched(server, name) as seen:
            await index(store, 0)  # something to find from the start
            done = asyncio.Event()
            questions = [asyncio.create_task(ask_until(store, done, n)) for n in range(QUESTIONS_AT_ONCE)]
            await index_the_rest(store)
            done.set()
            answered = await asyncio.gather(*questions)
            assert await store.get_count() == CHUNKS
        assert min(answered) > 0
        assert max(seen) <= allowed
        print(f"{sum(answered)} questions answered, at most {max(seen)} of {allowed} connections")


async def index_the_rest(store: StorageBackend) -> None:
    free = asyncio.Semaphore(WRITERS_AT_ONCE)

    async def one(start: int) -> None:
        async with free:
            await index(store, start)

    await asyncio.gather(*(one(start) for start in range(SLICE, CHUNKS, SLICE)))


async def index(store: StorageBackend, start: int) -> None:
    rng = np.random.default_rng(start)
    words = rng.choice(WORDS, (SLICE, 12))
    await store.upsert_documents(
        ids=[f"chunk{n:06}" for n in range(start, start + SLICE)],
        embeddings=rng.normal(size=(SLICE, DIMENSIONS)).astype(np.float32),
        documents=[" ".join(row) for row in words],
        metadatas=[{"part": n % 10} for n in range(SLICE)],
    )


async def ask_until(store: StorageBackend, done: asyncio.Event, seed: int) -> int:
    rng = np.random.default_rng(seed)
    count = 0
    while not done.is_set():
        where = {"part": int(rng.integers(10))} if count % 2 else None
        found = await store.hybrid_search(" ".join(rng.choice(WORDS, 4)), rng.normal(size=DIMENSIONS), 10, where=where)
        assert len(found) == 10
        count += 1
    return count


@asynccontextmanager
async def watched(server: Server, database: str) -> AsyncIterator[list[int]]:
    """Count the connections to a database again and again, from outside of it."""
    counts: list[int] = []

    async def watch() -> None:
        while True:
            counts.append(await connections(watcher, database))
            await asyncio.sleep(0.05)

    watcher = await outside(server)
    task = asyncio.create_task(watch())
    try:
        yield counts
    finally:
        task.cancel()
        await asyncio.wait([task])
        await watcher.close()
