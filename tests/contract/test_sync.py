"""A store for callers without an event loop: the same answers, from any thread, and a close that ends."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agent_brain_store import (
    InvalidQueryError,
    NotInitialized,
    StorageBackend,
    SyncStore,
    TransferReport,
    copy_documents,
    open_store,
    open_store_sync,
)
from tests.support.programs import run
from tests.support.stores import ANIMALS, embed

IDS, TEXTS = [animal[0] for animal in ANIMALS], [animal[1] for animal in ANIMALS]
METADATAS = [animal[2] for animal in ANIMALS]
VECTORS = [embed(text) for text in TEXTS]

# The kernel of Jupyter runs every cell in its loop, and some cells await.
CELLS = (
    "import asyncio\nasyncio.get_running_loop()\nprint('in a loop')",
    f"""
from agent_brain_store import open_store_sync
store = open_store_sync({{
    "embedding": {{"provider": "test", "model": "hashed", "dimensions": {len(VECTORS[0])}}},
    "storage": {{"chroma": {{"path": "store"}}}},
}})
print(store.upsert_documents({IDS!r}, {VECTORS!r}, {TEXTS!r}, {METADATAS!r}))
""",
    "await asyncio.sleep(0)\nprint(store.keyword_search('friends', 1)[0].chunk_id)",
    "store.close()\nprint('closed')",
)


@pytest.fixture
def config(make):
    return make().config


@pytest.fixture
def opened(config) -> Iterator[SyncStore]:
    with open_store_sync(config) as store:
        yield store


def test_every_method_of_the_contract_is_there_with_its_arguments():
    for name, method in vars(StorageBackend).items():
        if not name.startswith("_") and name not in ("is_initialized", "close", "bulk_load"):
            assert list(inspect.signature(getattr(SyncStore, name)).parameters) == list(
                inspect.signature(method).parameters
            )


def test_it_stores_finds_and_deletes(opened):
    assert opened.is_initialized
    assert opened.upsert_documents(IDS, VECTORS, documents=TEXTS, metadatas=METADATAS) == 4
    assert [hit.chunk_id for hit in opened.vector_search(VECTORS[0], 1)] == ["a"]
    assert {hit.chunk_id for hit in opened.keyword_search("cat", top_k=5)} == {"b", "c"}
    assert [chunk.chunk_id for chunk in opened.iter_documents(batch_size=3)] == IDS
    assert [chunk.chunk_id for chunk in opened.iter_documents({"language": "en"}, batch_size=1)] == ["a", "b"]
    assert opened.delete_by_metadata({"language": "de"}) == 1
    assert opened.health().ok


def test_errors_are_those_of_the_contract(opened):
    with pytest.raises(InvalidQueryError, match="top_k"):
        opened.keyword_search("cat", -1)
    with pytest.raises(InvalidQueryError, match="batch_size"):
        list(opened.iter_documents(batch_size=0))


def test_many_chunks_are_loaded(opened):
    with opened.bulk_load() as load:
        assert load.upsert_documents(IDS, VECTORS, TEXTS, METADATAS) == 4
    assert opened.get_count() == 4
    with pytest.raises(ZeroDivisionError), opened.bulk_load():
        _ = 1 // 0
    assert opened.get_count() == 4


async def test_it_works_inside_a_running_loop(config):
    """As in a notebook, where every cell runs in a loop."""
    with open_store_sync(config) as store:
        store.upsert_documents(IDS, VECTORS, TEXTS, METADATAS)
        assert store.get_count() == 4
        assert await store.arun(store.backend.get_count({"language": "en"})) == 2


def test_it_works_in_the_cells_of_a_notebook(tmp_path):
    pytest.importorskip("ipykernel")
    jupyter = pytest.importorskip("jupyter_client.manager")
    manager, client = jupyter.start_new_kernel(cwd=str(tmp_path))
    told: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        told.extend(content["text"].split() if message["msg_type"] == "stream" else content.get("traceback", []))

    try:
        for cell in CELLS:
            client.execute_interactive(cell, timeout=120, output_hook=hear)
        assert told == ["in", "a", "loop", "4", "c", "closed"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_many_threads_may_call_it(opened):
    opened.upsert_documents(IDS, VECTORS, TEXTS, METADATAS)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(opened.get_count())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [4] * 20


def test_functions_over_the_contract_run_on_it(opened, make, elsewhere):
    opened.upsert_documents(IDS, VECTORS, TEXTS, METADATAS)
    second = make(**elsewhere("second")).config

    async def copy() -> TransferReport:
        async with open_store(second) as target:
            return await copy_documents(opened.backend, target)

    assert opened.run(copy()).chunks == 4


def test_a_closed_store_says_so(config):
    store = open_store_sync(config)
    store.close()
    store.close()
    assert not store.is_initialized
    with pytest.raises(NotInitialized, match="closed"):
        store.get_count()
    assert not any(thread.name == "agent_brain_store" for thread in threading.enumerate())


def test_closing_is_bounded(config, caplog):
    """Whoever still waits for the store gets an error instead of waiting for ever."""
    store = open_store_sync(config)
    started = threading.Semaphore(0)
    caught: list[str] = []

    async def sleep() -> None:
        started.release()
        threading.Event().wait(0.5)  # the loop is busy, so that closing has not ended when it is asked
        await asyncio.sleep(3600)

    def in_thread() -> None:
        try:
            store.run(sleep())
        except NotInitialized as error:
            caught.append(str(error))

    async def in_loop() -> None:
        try:
            await store.arun(sleep())
        except NotInitialized as error:
            caught.append(str(error))

    threads = [threading.Thread(target=in_thread), threading.Thread(target=lambda: asyncio.run(in_loop()))]
    for thread in threads:
        thread.start()
    assert all(started.acquire(timeout=30) for _ in threads)
    store.close(timeout=0)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert caught == ["the store was closed during the call"] * 2
    assert "not closed within 0 seconds" in caplog.text


def test_an_interrupted_call_is_cancelled(opened):
    ended = threading.Event()
    caller = threading.main_thread().ident

    async def wait() -> None:
        try:
            while sys._current_frames()[caller or 0].f_code.co_name != "wait":  # noqa: ASYNC110
                await asyncio.sleep(0.001)  # until the caller waits for the result
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl+C does
            await asyncio.sleep(3600)
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        opened.run(wait())
    assert ended.wait(30)


def test_a_program_that_forgets_to_close_ends(tmp_path):
    """Its thread does not keep the process alive."""
    run(
        """
        import sys
        from agent_brain_store import open_store_sync
        store = open_store_sync({"storage": {"chroma": {"path": sys.argv[1]}}})
        assert store.get_count() == 0
        """,
        str(tmp_path),
    )


def test_the_thread_of_the_store_cannot_wait_for_itself(opened):
    async def ask() -> None:
        opened.get_count()

    with pytest.raises(NotInitialized, match="own thread"):
        opened.run(ask())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_is_told_to_open_its_own(opened):
    """Workers of Celery are forked. A call must not wait for a thread that was not copied."""
    child = os.fork()
    if not child:
        try:
            opened.get_count()
        except NotInitialized:
            os._exit(7)
        os._exit(1)
    deadline = time.monotonic() + 30
    while not (done := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(done[1]) == 7


def test_a_store_that_cannot_be_opened_leaves_no_thread():
    with pytest.raises(Exception, match="backend"):
        open_store_sync({"storage": {"backend": "nothing"}})
    assert not any(thread.name == "agent_brain_store" for thread in threading.enumerate())
