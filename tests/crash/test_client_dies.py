"""A client that is killed: the next start repairs what it left behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from agent_brain_store import create_backend
from tests.support.postgres import config, is_indexed, until_indexed, until_suspended, vector_index
from tests.support.stores import embed, mapping

pytestmark = pytest.mark.postgres


async def test_the_next_start_repairs_what_a_client_that_died_in_a_bulk_load_left(database, plain, caplog):
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


async def test_the_next_start_repairs_what_a_client_killed_in_a_large_call_left(database, plain, caplog):
    program = textwrap.dedent("""
        import asyncio, json, sys
        from agent_brain_store import open_store
        from tests.support.stores import made_up
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
    assert await is_indexed(plain)
    assert await store.get_count() in (0, 8000)
    await store.close()


async def test_an_index_is_there_after_a_client_was_killed_while_building_it(database, plain):
    program = textwrap.dedent("""
        import asyncio, json, sys
        import numpy as np
        from agent_brain_store import open_store
        from tests.support.internals import set_timings
        def tell(progress):
            if progress.operation == "building the vector index" and progress.done < 4000:
                print("building", flush=True)
        async def main():
            async with open_store(json.loads(sys.argv[1])) as store, store.bulk_load(tell) as load:
                set_timings(store, build_poll=0.01)
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

    store = create_backend(config(wide, dimensions=512))
    await store.initialize()  # the server may still be building: nobody has told it that its client is gone
    await plain.execute("set search_path to wide, public")
    await until_indexed(plain)
    assert await store.get_count() == 4000
    assert (await store.health()).details["invalid_indexes"] == []
    assert len(await store.vector_search(np.ones(512), 100)) == 100
    await store.close()
