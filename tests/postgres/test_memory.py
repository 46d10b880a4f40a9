"""Large amounts in bounded memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store import open_store
from tests.support.stores import DIMENSIONS, mapping

pytestmark = pytest.mark.postgres


async def test_forty_thousand_chunks_are_written_in_one_call_in_bounded_memory(database):
    """The peak of memory beyond the caller's own data is a small part of that data."""
    program = textwrap.dedent("""
        import asyncio, json, resource, sys
        import numpy as np
        from agent_brain_store import open_store
        async def main():
            setting = json.loads(sys.argv[1])
            count, width = 40_000, setting["embedding"]["dimensions"]
            ids = [f"chunk_{i:016x}" for i in range(count)]
            vectors = np.random.default_rng(1).normal(size=(count, width)).astype(np.float32)
            texts = [f"chunk number {i} " + "words " * 60 for i in range(count)]
            metadatas = [{"source": f"/f{i}", "n": i} for i in range(count)]
            async with open_store(setting) as store:
                await store.upsert_documents(ids[:1000], vectors[:1000], texts[:1000], metadatas[:1000])
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                print(await store.upsert_documents(ids, vectors, texts, metadatas))
                print(await store.get_count(), await store.delete_by_ids(ids[::2]), await store.get_count())
                print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        asyncio.run(main())
    """)
    setting = mapping(backend="postgres", postgres={**database, "schema": "many", "index": "none"}, dimensions=256)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, json.dumps(setting)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written, counts, megabytes = done.stdout.splitlines()
    assert (written, counts) == ("40000", "40000 20000 20000")
    assert int(megabytes) < 150


MOVE = textwrap.dedent("""
    import asyncio, json, re, sys
    from pathlib import Path
    from agent_brain_store import copy_documents, export_documents, import_documents, open_store

    def peak():
        return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

    async def main():
        source, target, another, out = (json.loads(given) for given in sys.argv[1:])
        async with open_store(source) as one, open_store(target) as two, open_store(another) as three:
            before = peak()
            moved = [await export_documents(one, out), await import_documents(two, out), await copy_documents(one, three)]
            print(json.dumps([report.chunks for report in moved] + [peak() - before]))

    asyncio.run(main())
""")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its peak of memory")
async def test_a_hundred_thousand_chunks_are_moved_in_bounded_memory(database, tmp_path):
    """A move takes the memory of one part, whatever the number of parts. All of these would take more than 80 MB."""
    places = [
        mapping(backend="postgres", postgres={**database, "index": "none", "schema": schema})
        for schema in ("source", "target", "another")
    ]
    count, step = 100_000, 10_000
    async with open_store(places[0]) as store:
        for start in range(0, count, step):
            ids = [f"{i:06}" for i in range(start, start + step)]
            vectors = np.random.default_rng(start).normal(size=(step, DIMENSIONS))
            await store.upsert_documents(ids, vectors, [f"text {i} " * 8 for i in ids], [{"n": i} for i in range(step)])
    given = [json.dumps(value) for value in (*places, str(tmp_path / "out"))]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MOVE, *given, stdout=subprocess.PIPE)
    printed, _ = await process.communicate()
    *moved, kilobytes = json.loads(printed)
    assert moved == [count] * 3
    assert kilobytes < 40 * 1024
