"""What a container lacks: shared memory, a name for its user, a home, and directories to write to."""

from __future__ import annotations

import json
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
from tests.support.containers import use_a_store
from tests.support.disks import BESIDE_MEMORY
from tests.support.postgres import config, connect, index_facts, vector_index
from tests.support.stores import embed, fill, made_up, mapping

pytestmark = pytest.mark.postgres

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")

# --- shared memory ---------------------------------------------------------------------------------------------------

# A build asks for at least 64 MB, as Docker's /dev/shm has. A smaller one lets a small store meet the limit.
SHARED_MEMORY = "24m"


@pytest.fixture(scope="module")
def cramped() -> Iterator[dict[str, Any]]:
    """Yield ``storage.postgres`` for a server with little shared memory."""
    with tempfile.TemporaryDirectory(prefix="abs-cramped-", dir=BESIDE_MEMORY) as directory:
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
    assert all(
        fact["valid"] and not name.endswith(("_new", "_ccnew")) for name, fact in (await index_facts(plain)).items()
    )
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


# --- users, homes and directories ------------------------------------------------------------------------------------

NAMELESS, NOBODY = 54321, 65534
WORKS = "['a'] True"


@pytest.fixture
def volume() -> Iterator[Path]:
    """Make a directory that any user can reach, on the disk that `in_container` makes read-only."""
    with tempfile.TemporaryDirectory(prefix="abs-volume-", dir=BESIDE_MEMORY) as directory:
        Path(directory).chmod(0o777)
        yield Path(directory)


def chroma(path: Path) -> str:
    return json.dumps(mapping(backend="chroma", chroma={"path": str(path)}))


def embedded(path: Path) -> str:
    return json.dumps(mapping(backend="postgres", postgres={"embedded_path": str(path)}))


@needs_root
@pytest.mark.parametrize("user", [NAMELESS, 0])
def test_chroma_needs_one_directory_and_is_told_by_which_variables(volume, user):
    def use(**variables: str) -> str:
        return use_a_store(chroma(volume / "chroma"), user=user, volume=volume, **variables)

    if user == NAMELESS:
        assert use().endswith("set the variable HOME to a directory of its user")
    assert use(HOME=str(volume)).endswith("set the variable TMPDIR to one that can be written to")
    for _ in range(2):
        assert use(HOME=str(volume), TMPDIR=str(volume)) == WORKS


@needs_root
def test_a_server_of_ones_own_needs_neither_a_name_nor_a_home(volume, cramped):
    there = mapping(backend="postgres", postgres={**cramped, "schema": "third", "user": "postgres"})
    assert use_a_store(json.dumps(there), user=NAMELESS, volume=volume) == WORKS


@needs_root
@pytest.mark.parametrize("user", [NOBODY, 0])
def test_a_private_server_needs_one_directory_and_nothing_else(volume, user):
    for _ in range(2):
        assert use_a_store(embedded(volume / "pg"), user=user, volume=volume) == WORKS
    assert not (volume / "pg" / "postmaster.pid").exists()


@needs_root
def test_a_user_without_a_name_can_use_a_private_server_but_not_make_one(volume):
    said = use_a_store(embedded(volume / "pg"), user=NAMELESS, volume=volume)
    assert said.startswith(f"ConnectionFailed a private PostgreSQL cannot be made by the user {NAMELESS}, because ")
    assert "/etc/passwd" in said
    assert "storage.postgres.embedded_path" in said
    assert use_a_store(embedded(volume / "pg"), user=NOBODY, volume=volume).startswith("ConnectionFailed")
    assert use_a_store(embedded(volume / "made"), user=NOBODY, volume=volume) == WORKS
    for path in (volume / "made", *(volume / "made").rglob("*")):
        os.chown(path, NAMELESS, NAMELESS)
    assert use_a_store(embedded(volume / "made"), user=NAMELESS, volume=volume) == WORKS


@needs_root
def test_a_directory_that_cannot_be_written_to_is_named(volume):
    (volume / "closed").mkdir(mode=0o755)
    for make, key in ((chroma, "storage.chroma.path"), (embedded, "storage.postgres.embedded_path")):
        for path in (volume / "closed" / "new", volume.parent / "abs-new"):
            said = use_a_store(make(path), user=NOBODY, volume=volume)
            assert said.startswith("ConnectionFailed")
            assert key in said
            assert "Permission denied" in said or "Read-only file system" in said
    said = use_a_store(embedded(volume / "closed"), user=NOBODY, volume=volume)
    assert said.startswith("ConnectionFailed")
    assert "'closed' (storage.postgres.embedded_path)" in said
