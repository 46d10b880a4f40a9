"""A server that is killed: every acknowledged chunk is there afterwards, and the indexes are repaired."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store import ConnectionFailed, Progress, StorageError, create_backend
from tests.support.internals import pooled_connection, set_timings
from tests.support.postgres import config, document_frequency
from tests.support.stores import embed

pytestmark = pytest.mark.postgres

BUILDING = "building the vector index"


def kill_server(directory: Path) -> None:
    """Shut the server down at once. It recovers from that as from a crash."""
    os.kill(int((directory / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)


async def test_acknowledged_chunks_survive_the_death_of_the_server(embedded_path):
    store = create_backend(config({"embedded_path": str(embedded_path)}))
    await store.initialize()
    acknowledged: list[str] = []
    enough = asyncio.Event()

    async def write(writer: str) -> None:
        for number in range(10_000):
            batch = f"{writer}{number}"
            ids = [f"{batch} {i}" for i in range(20)]
            await store.upsert_documents(ids, [embed(batch)] * 20, [f"apple {batch}"] * 20, [{"batch": batch}] * 20)
            acknowledged.append(batch)
            if len(acknowledged) == 60:
                enough.set()

    writers = [asyncio.create_task(write(name)) for name in "abcd"]
    await asyncio.wait_for(enough.wait(), 60)
    kill_server(embedded_path)
    ends = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(end, StorageError) for end in ends), ends
    await store.close()

    await store.initialize()
    found = Counter([chunk.metadata["batch"] async for chunk in store.iter_documents()])
    assert set(found.values()) == {20}, "no batch is there in part"
    assert set(acknowledged) <= set(found)
    assert len(found) <= len(acknowledged) + len(writers)
    total = sum(found.values())
    assert await store.get_count() == total
    assert len(await store.keyword_search("apple", total + 1)) == total
    async with pooled_connection(store) as connection:
        counted = await document_frequency(connection, "appl")
    assert counted is not None
    assert 0.9 * total <= counted <= total
    assert (await store.health()).ok
    await store.close()


async def test_an_index_is_repaired_after_the_server_died_while_building_it(embedded_path, caplog, monkeypatch):
    store = create_backend(config({"embedded_path": str(embedded_path)}, dimensions=512))
    set_timings(store, build_poll=0.01)
    await store.initialize()
    vectors, ids = np.random.default_rng(1).normal(size=(4000, 512)), [f"{i}" for i in range(4000)]

    built: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.operation == BUILDING:
            built.append(progress.done)
            if len(built) == 1:
                kill_server(embedded_path)

    async def load() -> None:
        async with store.bulk_load(kill) as loader:
            await loader.upsert_documents(ids, vectors, ["text"] * 4000, [{}] * 4000)

    with pytest.raises(ConnectionFailed):
        await load()
    assert built[0] < 4000, "before the end"
    await store.close()

    caplog.clear()
    await store.initialize()
    assert "; building it" in caplog.text
    assert await store.get_count() == 4000
    details = (await store.health()).details
    assert details["missing_indexes"] == details["invalid_indexes"] == []
    assert (await store.vector_search(vectors[7], 1))[0].chunk_id == "7"
    await store.close()
