"""What a killed client, and a killed server, leave behind: every acknowledged chunk, and indexes that the next start repairs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store import ConnectionFailed, Progress, StorageError, StoreConfig, create_backend
from agent_brain_store.postgres import build_progress
from tests.conftest import embed, mapping
from tests.postgres.test_postgres import config, until_indexed, until_suspended, vector_index

pytestmark = pytest.mark.postgres

BUILDING = "building the vector index"


def kill_server(directory: Path) -> None:
    """An immediate shutdown, which the server recovers from as from a crash."""
    os.kill(int((directory / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)


# --- the server dies -------------------------------------------------------------------------------------------------


async def test_what_was_acknowledged_survives_the_server(embedded_path):
    setting = StoreConfig.from_dict(mapping(backend="postgres", postgres={"embedded_path": str(embedded_path)}))
    store = create_backend(setting)
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
    async with store._database._reader() as connection:  # type: ignore[attr-defined]
        counted = await connection.fetchval("select df from lexemes where lexeme = 'appl'")
    assert 0.9 * total <= counted <= total
    assert (await store.health()).ok
    await store.close()


async def test_a_server_that_dies_while_it_builds_the_index(embedded_path, caplog, monkeypatch):
    monkeypatch.setattr(build_progress, "_POLL", 0.01)
    postgres = {"embedded_path": str(embedded_path)}
    store = create_backend(StoreConfig.from_dict(mapping(dimensions=512, backend="postgres", postgres=postgres)))
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


# --- the client dies -------------------------------------------------------------------------------------------------


async def test_a_client_that_dies_in_a_bulk_load_is_repaired_by_the_next_start(database, plain, caplog):
    program = textwrap.dedent("""
        import asyncio, json, os, sys
        import numpy as np
        from agent_brain_store import open_store
        async def main():
            async with open_store(json.loads(sys.argv[1])) as store, store.bulk_load() as load:
                ids = [str(i) for i in range(3000)]
                await load.upsert_documents(ids, np.random.default_rng(1).normal(size=(3000, 16)), ids, [{}] * 3000)
                os._exit(9)
        asyncio.run(main())
    """)
    command = [sys.executable, "-c", program, json.dumps(mapping(backend="postgres", postgres=database))]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    assert await plain.fetchval("select to_regclass('chunks_embedding_ann')") is None
    store = create_backend(config(database))
    await store.initialize()
    assert "the vector index is missing; building it" in caplog.text
    assert await plain.fetchval("select to_regclass('chunks_embedding_ann')") is not None
    assert len(await store.vector_search(embed("x"), 100)) == 100
    await store.close()


async def test_a_client_killed_in_a_large_call_is_repaired_by_the_next_start(database, plain, caplog):
    program = textwrap.dedent("""
        import asyncio, json, sys
        from agent_brain_store import open_store
        from tests.postgres.test_postgres import made_up
        async def main():
            async with open_store(json.loads(sys.argv[1])) as store:
                await store.upsert_documents(*made_up(8000))
        asyncio.run(main())
    """)
    setting = json.dumps(mapping(backend="postgres", postgres=database))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, setting)
    await until_suspended(plain)
    process.kill()
    assert await process.wait() != 0
    store = create_backend(config(database))
    for _ in range(100):  # the server needs a moment to notice that its client is gone
        await store.initialize()
        if await vector_index(plain) is not None:
            break
        await store.close()
        await asyncio.sleep(0.1)
    assert "the vector index is missing; building it" in caplog.text
    assert ((await vector_index(plain)) or (0, False))[1]
    assert await store.get_count() in (0, 8000)
    await store.close()


async def test_a_client_killed_while_the_index_is_built(database, plain):
    program = textwrap.dedent("""
        import asyncio, json, sys
        import numpy as np
        from agent_brain_store import open_store
        from agent_brain_store.postgres import build_progress
        build_progress._POLL = 0.01
        def tell(progress):
            if progress.operation == "building the vector index" and progress.done < 4000:
                print("building", flush=True)
        async def main():
            async with open_store(json.loads(sys.argv[1])) as store, store.bulk_load(tell) as load:
                ids = [str(i) for i in range(4000)]
                await load.upsert_documents(ids, np.random.default_rng(1).normal(size=(4000, 512)), ids, [{}] * 4000)
        asyncio.run(main())
    """)
    wide = {**database, "schema": "wide"}
    command = [sys.executable, "-c", program, json.dumps(mapping(dimensions=512, backend="postgres", postgres=wide))]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"building\n"
    process.kill()
    await process.wait()

    store = create_backend(StoreConfig.from_dict(mapping(dimensions=512, backend="postgres", postgres=wide)))
    await store.initialize()  # the server may still be at it: nobody has told it that its client is gone
    await plain.execute("set search_path to wide, public")
    await until_indexed(plain)
    assert await store.get_count() == 4000
    assert (await store.health()).details["invalid_indexes"] == []
    assert len(await store.vector_search(np.ones(512), 100)) == 100
    await store.close()
