"""What a container has little of: shared memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agent_brain_store import open_store
from tests.support.clusters import Cluster
from tests.support.postgres import config, connect, vector_index
from tests.support.stores import embed, fill, made_up

pytestmark = pytest.mark.postgres

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")

# A build asks for at least 64 MB, as Docker's /dev/shm has. A smaller one lets a small store meet the limit.
SHARED_MEMORY = "24m"


@pytest.fixture(scope="module")
def cramped() -> Iterator[dict[str, Any]]:
    """Yield ``storage.postgres`` for a server with little shared memory."""
    with tempfile.TemporaryDirectory(prefix="abs-cramped-") as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "one", SHARED_MEMORY)
        cluster.make()
        yield cluster.location
        with suppress(AssertionError):
            cluster.stop()


PARALLEL_BUILD = (
    "set maintenance_work_mem = '64MB'; set min_parallel_table_scan_size = 0; set max_parallel_maintenance_workers = 2"
)


@needs_root
async def test_an_index_is_built_without_workers_where_shared_memory_is_short(opened, cramped, caplog):
    store = await opened(cramped, dimensions=64)
    ids, vectors, texts, metadatas = made_up(3000, dimensions=64)
    plain = await connect(cramped)
    async with store.bulk_load() as load:
        await load.upsert_documents(ids, vectors, texts, metadatas)
    assert "chunks_embedding_ann with parallel workers has failed (could not resize shared memory" in caplog.text
    first = await vector_index(plain)
    assert first is not None
    assert first[1]
    assert (await store.health()).degraded == ()
    caplog.clear()
    assert "chunks_embedding_ann" in (await store.reindex()).rebuilt
    assert "chunks_embedding_ann_new with parallel workers has failed" in caplog.text
    names = await plain.fetch("select indexrelid::regclass::text from pg_index where indrelid = 'chunks'::regclass")
    assert len(names) == 5
    assert (await vector_index(plain)) not in (first, None)
    # The server does refuse what the library asks for first.
    await plain.execute(PARALLEL_BUILD)
    with pytest.raises(asyncpg.DiskFullError, match="shared memory"):
        await plain.execute("create index refused on chunks using hnsw (embedding vector_cosine_ops)")
    await plain.close()


@needs_root
async def test_an_index_that_an_older_library_left_invalid_is_built_at_the_start(opened, cramped):
    store = await opened({**cramped, "schema": "second"}, dimensions=64)
    ids, vectors, texts, metadatas = made_up(1500, dimensions=64)
    await store.upsert_documents(ids, vectors, texts, metadatas)
    plain = await connect({**cramped, "schema": "second"})
    await plain.execute(f"drop index chunks_embedding_ann; {PARALLEL_BUILD}")
    with pytest.raises(asyncpg.DiskFullError):
        await plain.execute(
            "create index concurrently chunks_embedding_ann on chunks using hnsw (embedding vector_cosine_ops)"
        )
    health = await store.health()
    assert health.ok
    assert health.degraded == (
        "the vector index is invalid: a build was interrupted, or is under way; searches may be slow",
    )
    await store.close()
    async with open_store(config({**cramped, "schema": "second"}, dimensions=64)) as again:
        assert (await again.health()).degraded == ()
        assert len(await again.vector_search(vectors[0], 5)) == 5
    index = await vector_index(plain)
    assert index is not None
    assert index[1]
    await plain.close()


async def test_health_names_a_vector_index_that_is_missing(store, plain):
    await fill(store, ("a", "text"))
    assert (await store.health()).degraded == ()
    await plain.execute("drop index chunks_embedding_ann")
    health = await store.health()
    assert (health.ok, health.degraded) == (True, ("the vector index is missing; searches may be slow",))
    assert [hit.chunk_id for hit in await store.vector_search(embed("text"), 1)] == ["a"]
    await store.ensure_indexes()
    assert (await store.health()).degraded == ()
