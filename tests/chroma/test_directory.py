"""One process for a directory: its lock, and the stores that share it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import chromadb
import pytest
from chromadb.config import Settings

from agent_brain_store import NotInitialized, StoreLocked, create_backend, open_store
from agent_brain_store.errors import ConnectionFailed
from tests.support.chroma import config, found, opened
from tests.support.internals import pretend_to_be_forked, wrap
from tests.support.stores import fill

HOLDER = """
import asyncio, sys
from agent_brain_store import StoreConfig, create_backend

async def main():
    config = {"embedding": {"provider": "test", "model": "hashed", "dimensions": 16}}
    config["storage"] = {"chroma": {"path": sys.argv[1]}}
    store = create_backend(StoreConfig.from_dict(config))
    await store.initialize()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await store.close()
    print("closed", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Start another process that has the directory open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


# --- other processes -------------------------------------------------------------------------------------------------


async def test_a_second_process_is_refused_and_told_who_has_it(tmp_path, holder):
    with pytest.raises(StoreLocked, match=f"process {holder.pid} .*PostgreSQL|process {holder.pid} .*postgres"):
        await create_backend(config(tmp_path)).initialize()


async def test_another_process_may_open_a_directory_after_close(tmp_path, holder):
    holder.stdin.close()
    assert await asyncio.to_thread(holder.stdout.readline) == "closed\n"
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0


async def test_a_killed_process_leaves_no_lock(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    await asyncio.to_thread(holder.wait)
    async with opened(tmp_path) as store:
        assert (await store.health()).ok


async def test_a_forked_child_does_not_use_what_its_parent_opened(store, monkeypatch):
    pretend_to_be_forked(monkeypatch, store)
    assert not store.is_initialized
    with pytest.raises(NotInitialized):
        await store.get_count()
    monkeypatch.undo()


async def test_a_disk_too_full_for_the_lock_file_locks_nobody_out(tmp_path, monkeypatch):
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    wrap(monkeypatch, "write lock file", fail)
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0


# --- this process ----------------------------------------------------------------------------------------------------


async def test_one_process_may_open_a_directory_many_times(tmp_path):
    link = tmp_path / "link"
    (tmp_path / "data").mkdir()
    link.symlink_to(tmp_path / "data")
    async with opened(tmp_path / "data") as first, opened(link) as second, opened(link, collection="other") as other:
        await fill(first, ("a", "lions roar"))
        assert await found(second, "lion") == ["a"]
        await fill(second, ("b", "lions sleep"))
        assert await found(first, "lion") == ["a", "b"]
        await first.close()
        assert await second.delete_by_ids(["a"]) == 1
        await first.initialize()
        assert await found(first, "lion") == ["b"]
        await second.reset()
        assert await found(first, "lion") == []
        assert await other.get_count() == 0


async def test_a_client_of_this_process_with_other_settings_is_named_as_the_cause(tmp_path):
    theirs: Any = chromadb.PersistentClient(
        str(tmp_path), settings=Settings(anonymized_telemetry=False, allow_reset=True)
    )
    with pytest.raises(ConnectionFailed, match="another client of this process has it open, with other settings"):
        await create_backend(config(tmp_path)).initialize()
    theirs.close()
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0


async def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectionFailed, match=r"storage\.chroma\.path") as caught:
        await create_backend(config(tmp_path / "file" / "db")).initialize()
    assert str(tmp_path) not in caught.value.message


def test_stores_of_several_event_loops_share_a_directory(tmp_path):
    failures = []

    async def use(name: str) -> None:
        async with open_store(config(tmp_path)) as store:
            await fill(store, *((f"{name}{i}", "word", {}) for i in range(20)))
            assert len(await store.keyword_search("word", 1000)) >= 20

    def run(name: str) -> None:
        try:
            asyncio.run(use(name))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
