"""The soak's writers notice what is lost, and what is there in half."""

from __future__ import annotations

import random

import pytest

from agent_brain_store import open_store
from benchmarks.soak.postgres import SIZE, Writer
from tests.support.postgres import config

pytestmark = pytest.mark.postgres


async def written(store, batches: int) -> Writer:
    """Let a writer write some batches without faults."""
    writer = Writer(store, "a", random.Random(1))
    upsert = store.upsert_documents

    async def counted(*arguments):
        result = await upsert(*arguments)
        writer.is_stopping = writer.counts["acknowledged"] >= batches
        return result

    store.upsert_documents = counted
    await writer.write()
    store.upsert_documents = upsert
    return writer


async def test_losses_and_halves_are_counted(database):
    async with open_store(config(database)) as store:
        writer = await written(store, 12)
        assert writer.counts["acknowledged"] > 12
        await writer.check()
        assert (writer.counts["lost"], writer.counts["in half"]) == (0, 0)
        present = sorted({chunk.chunk_id[:-3] async for chunk in store.iter_documents()})
        assert len(present) >= 2
        await store.delete_by_ids([f"{present[0]}-00"])
        await store.delete_by_ids([f"{present[1]}-{i:02}" for i in range(SIZE)])
        await writer.check()
        assert (writer.counts["lost"], writer.counts["in half"]) == (1, 1)
