"""The private server that the library starts itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store import ConnectionFailed, StoreConfig, create_backend, open_store
from tests.support.postgres import config
from tests.support.stores import fill, mapping

pytestmark = pytest.mark.postgres


@pytest.fixture
def setting(embedded_path: Path) -> dict[str, Any]:
    """Return a configuration for a private server that does not exist yet."""
    return mapping(backend="postgres", postgres={"embedded_path": str(embedded_path)})


OPEN_AND_ADD = textwrap.dedent("""
    import asyncio, json, sys
    from agent_brain_store import open_store
    async def main():
        async with open_store(json.loads(sys.argv[1])) as store:
            await store.upsert_documents([sys.argv[2]], [[1.0] * 16], ["text"], [{}])
            await asyncio.sleep(0.5)
            print(await store.get_count() > 0)
    asyncio.run(main())
""")


async def test_a_private_server_knows_all_letters_whatever_the_locale(setting, monkeypatch):
    """The locale is C where a service manager starts the program."""
    monkeypatch.setenv("LC_ALL", "C")
    async with open_store(setting) as store:
        await fill(store, ("a", "he said “quoted words”—ÄRGER"), ("b", "other"))
        for question in ("quoted", "words", "ärger"):
            assert [hit.chunk_id for hit in await store.keyword_search(question, 2)] == ["a"]
    assert os.environ["LC_ALL"] == "C"


async def test_a_private_server_is_shared_by_processes_and_keeps_its_data(setting, embedded_path):
    command = [sys.executable, "-W", "error", "-c", OPEN_AND_ADD, json.dumps(setting)]
    processes = [
        subprocess.Popen([*command, f"from {i}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    for process in processes:
        out, err = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, err
        assert out == "True\n"
    assert not (embedded_path / "postmaster.pid").exists(), "the last one has stopped it"
    one, two = (create_backend(StoreConfig.from_dict(setting)) for _ in range(2))
    await one.initialize()
    await two.initialize()
    assert await one.get_count() == await two.get_count() == 3
    await one.close()
    assert await two.get_count() == 3
    await two.close()
    assert not (embedded_path / "postmaster.pid").exists()


async def test_a_private_server_outlives_the_process_that_started_it(setting, embedded_path):
    """Another process starts the server and ends. A store that was closed and opened meanwhile keeps the server running."""
    program = textwrap.dedent("""
        import asyncio, json, sys
        from agent_brain_store import open_store
        async def main():
            async with open_store(json.loads(sys.argv[1])):
                print("open", flush=True)
                await asyncio.to_thread(sys.stdin.readline)
        asyncio.run(main())
    """)
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, json.dumps(setting), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"open\n"
    store = create_backend(StoreConfig.from_dict(setting))
    for _ in range(2):
        await store.initialize()
        await store.close()
    await store.initialize()
    await other.communicate(b"end\n")
    await fill(store, ("a", "text"))
    assert await store.get_count() == 1
    await store.close()
    assert not (embedded_path / "postmaster.pid").exists(), "the last one has stopped it"


async def test_a_private_server_that_cannot_start_is_an_error(embedded_path):
    embedded_path.mkdir(parents=True)
    (embedded_path / "PG_VERSION").write_text("18\n")
    store = create_backend(config({"embedded_path": str(embedded_path)}))
    for _ in range(2):
        with pytest.raises(ConnectionFailed, match="the private PostgreSQL in 'pg' did not start") as caught:
            await store.initialize()
        assert str(embedded_path) not in caught.value.message
        await store.close()
    (embedded_path / "log").unlink(missing_ok=True)


async def test_a_private_server_leaves_alone_what_it_did_not_make(embedded_path):
    embedded_path.mkdir(parents=True)
    (embedded_path / "thesis.txt").touch()
    owner = embedded_path.stat().st_uid
    for place in (embedded_path, embedded_path / "thesis.txt"):
        store = create_backend(config({"embedded_path": str(place)}))
        with pytest.raises(
            ConnectionFailed, match="holds no PostgreSQL, but something else: name a new or an empty"
        ) as caught:
            await store.initialize()
        assert str(embedded_path) not in caught.value.message
    assert [path.name for path in embedded_path.iterdir()] == ["thesis.txt"]
    assert embedded_path.stat().st_uid == owner
