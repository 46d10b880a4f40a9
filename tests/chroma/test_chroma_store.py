"""What only Chroma has: one process for a directory, an interpreter's lock to share, and a keyword index in memory."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings

from agent_brain_store import (
    DimensionMismatchError,
    IndexReport,
    NotInitialized,
    Progress,
    ProviderMismatchError,
    QueryFailed,
    SchemaError,
    SchemaTooNew,
    StorageError,
    StoreConfig,
    StoreLocked,
    create_backend,
    open_store,
)
from agent_brain_store.chroma import driver, lock
from agent_brain_store.chroma.keywords import KeywordIndex
from agent_brain_store.chroma.repository import ChromaBackend
from agent_brain_store.errors import ConnectionFailed
from tests.conftest import embed, fill, mapping

HOLDER = """
import asyncio, sys
from agent_brain_store import StoreConfig
from agent_brain_store.chroma.repository import ChromaBackend

async def main():
    config = {"embedding": {"provider": "test", "model": "hashed", "dimensions": 16}}
    config["storage"] = {"chroma": {"path": sys.argv[1]}}
    store = ChromaBackend(StoreConfig.from_dict(config))
    await store.initialize()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await store.close()
    print("closed", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def config(path: Path, collection: str = "agent_brain", dimensions: int = 16, **storage: Any) -> StoreConfig:
    storage = {"chroma": {"path": str(path), "collection": collection}, **storage}
    return StoreConfig.from_dict(mapping(dimensions=dimensions, **storage))


@asynccontextmanager
async def opened(path: Path, **options: Any):
    store = ChromaBackend(config(path, **options))
    await store.initialize()
    try:
        yield store
    finally:
        await store.close()


async def found(store: ChromaBackend, query: str, **options: Any) -> list[str]:
    return sorted(hit.chunk_id for hit in await store.keyword_search(query, 100, **options))


# --- one process for a directory -------------------------------------------------------------------------------------


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that has the directory open."""
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


async def test_a_second_process_is_refused_and_told_who_has_it(tmp_path, holder):
    with pytest.raises(StoreLocked, match=f"process {holder.pid} .*PostgreSQL|process {holder.pid} .*postgres"):
        await ChromaBackend(config(tmp_path)).initialize()


async def test_close_lets_the_next_process_in(tmp_path, holder):
    holder.stdin.close()
    assert await asyncio.to_thread(holder.stdout.readline) == "closed\n"
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0


async def test_a_killed_process_leaves_no_lock(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    await asyncio.to_thread(holder.wait)
    async with opened(tmp_path) as store:
        assert (await store.health()).ok


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


async def test_a_forked_child_does_not_use_what_its_parent_opened(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        monkeypatch.setattr(store._session.collection, "_process", os.getpid() + 1)
        assert not store.is_initialized
        with pytest.raises(NotInitialized):
            await store.get_count()
        monkeypatch.undo()


async def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectionFailed, match=r"storage\.chroma\.path") as caught:
        await ChromaBackend(config(tmp_path / "file" / "db")).initialize()
    assert str(tmp_path) not in caught.value.message


# --- the guard -------------------------------------------------------------------------------------------------------


async def test_profile_and_distance_survive_a_restart(tmp_path):
    async with opened(tmp_path, distance="l2") as store:
        await store.set_embedding_metadata("test", "hashed", 16)
        await fill(store, ("a", "x"))
    for wrong, error in (
        ({"distance": "cosine"}, SchemaError),
        ({"distance": "l2", "dimensions": 17}, DimensionMismatchError),
        ({"distance": "l2", "keyword": {"language": "german"}}, SchemaError),
    ):
        with pytest.raises(error):
            await ChromaBackend(config(tmp_path, **wrong)).initialize()
    other = {"embedding": {"provider": "other", "model": "hashed", "dimensions": 16}}
    other["storage"] = {"distance": "l2", "chroma": {"path": str(tmp_path)}}
    with pytest.raises(ProviderMismatchError):
        await ChromaBackend(StoreConfig.from_dict(other)).initialize()
    async with opened(tmp_path, distance="l2") as store:
        assert (await store.get_embedding_metadata()).model == "hashed"
        assert (await store.vector_search(embed("x"), 1))[0].score == pytest.approx(1)


def client(path: Path):
    return chromadb.PersistentClient(os.path.realpath(path), settings=Settings(anonymized_telemetry=False))


async def test_a_collection_of_another_program_is_refused(tmp_path):
    theirs = client(tmp_path)
    collection = theirs.create_collection("agent_brain", embedding_function=None)
    collection.add(ids=["x"], embeddings=[[1.0] * 16])
    theirs.close()
    with pytest.raises(SchemaError, match=r"storage\.chroma\.collection"):
        await ChromaBackend(config(tmp_path)).initialize()


async def test_another_client_of_this_process_with_other_settings_is_named_as_the_cause(tmp_path):
    theirs: Any = chromadb.PersistentClient(
        str(tmp_path), settings=Settings(anonymized_telemetry=False, allow_reset=True)
    )
    with pytest.raises(ConnectionFailed, match="another client of this process has it open, with other settings"):
        await ChromaBackend(config(tmp_path)).initialize()
    theirs.close()
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0


async def test_an_empty_collection_of_another_program_is_taken_over(tmp_path):
    theirs = client(tmp_path)
    theirs.create_collection("agent_brain", embedding_function=None)
    theirs.close()
    async with opened(tmp_path) as store:
        await fill(store, ("a", "x"))


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [(99, SchemaTooNew, "99"), (1, SchemaError, "format 1.* need 2: choose another name")],
    ids=["newer", "preview"],
)
async def test_another_format_is_refused(tmp_path, number, error, message):
    async with opened(tmp_path) as store:
        rows = store._session.collection.rows
        rows.set_facts({**rows.facts, "agent_brain:format": number})
    with pytest.raises(error, match=message):
        await ChromaBackend(config(tmp_path)).initialize()


async def test_new_chunks_inherit_nothing_from_a_collection_that_was_deleted(tmp_path):
    """Chroma gives the rows of deleted collections, with the elements of their lists, to the next chunks."""
    theirs = client(tmp_path)
    theirs.create_collection("other", embedding_function=None).add(
        ids=["1", "2"], embeddings=[embed("x")] * 2, metadatas=[{"tags": ["secret"]}] * 2
    )
    theirs.delete_collection("other")
    theirs.close()
    async with opened(tmp_path) as store:
        await fill(store, ("a", "x", {"tags": ["open"]}), ("b", "x", {"source": "/src/b.py"}))
        secret = {"tags": {"$contains": "secret"}}
        assert [hit.chunk_id for hit in await store.vector_search(embed("x"), 5, where=secret)] == []
        assert [hit.chunk_id for hit in await store.vector_search(embed("x"), 5, where={"$not": secret})] == ["a", "b"]
        assert await store.delete_by_metadata(secret) == 0
        assert await store.get_count({"tags": {"$contains": "open"}}) == 1


async def test_a_disk_that_is_full_at_the_lock_file_leaves_no_lock(tmp_path, monkeypatch):
    def failing(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lock, "_write", failing)
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0
    async with opened(tmp_path) as store:
        assert await store.get_count() == 0


async def test_chroma_is_opened_anew_after_a_failure_that_can_make_it_hang(tmp_path, monkeypatch):
    put = driver.Rows.put

    def failing(self: driver.Rows, *arguments: Any) -> None:
        put(self, *arguments)
        monkeypatch.setattr(driver.Rows, "put", put)
        with driver.driver_errors("write chunks"):
            raise RuntimeError("Error in compaction: Failed to apply logs to the metadata segment")

    async with opened(tmp_path) as store, opened(tmp_path, collection="other") as other:
        await fill(store, ("a", "red fox"))
        await fill(other, ("b", "blue wolf"))
        directory = store._session.collection.directory
        client = directory.client
        monkeypatch.setattr(driver.Rows, "put", failing)
        with pytest.raises(QueryFailed, match="index could not be written; see whether the disk is full"):
            await fill(store, ("c", "red hen"))
        assert directory.client is client
        assert await store.get_count() == 2
        await fill(store, ("d", "red cat"))
        assert directory.client is not client
        assert sorted([hit.chunk_id for hit in await store.keyword_search("red", 5)]) == ["a", "c", "d"]
        assert [hit.chunk_id for hit in await other.hybrid_search("wolf", embed("wolf"), 5)] == ["b"]
        await fill(other, ("e", "blue cat"))
        assert await other.get_count() == 2


async def test_a_reset_that_failed_half_way_is_repeated(tmp_path, monkeypatch):
    create = driver.create_rows

    def failing(*_: Any) -> driver.Rows:
        monkeypatch.setattr(driver, "create_rows", create)
        raise QueryFailed("Chroma could not create the collection: the disk is full", "chroma")

    async with opened(tmp_path) as store:
        await fill(store, ("a", "text"))
        monkeypatch.setattr(driver, "create_rows", failing)
        with pytest.raises(QueryFailed, match="the disk is full"):
            await store.reset()
        await store.reset()
        await fill(store, ("b", "text"))
        assert await store.get_count() == 1


# --- the event loop --------------------------------------------------------------------------------------------------


@contextmanager
def calls_of_this_thread():
    """Collects the functions of Python that this thread calls, as module and name."""
    calls: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls.add((frame.f_globals.get("__name__", ""), frame.f_code.co_qualname))

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def test_the_event_loop_never_does_the_work_of_chroma_or_of_the_keyword_index(tmp_path):
    own = ("driver", "frequencies", "keywords", "matching", "searchable", "words")
    heavy = ("chromadb", *(f"agent_brain_store.chroma.{module}" for module in own))
    async with opened(tmp_path) as store:
        with calls_of_this_thread() as calls:
            await fill(store, *((f"{i}", f"word{i % 7} text", {"source": f"/src/{i}/m.py", "n": i}) for i in range(50)))
            where = {"n": {"$lt": 40}}
            assert await store.hybrid_search("word5 or word6", embed("word5"), 5, where=where, explain=True)
            assert await store.vector_search(embed("word5"), 5, where=where)
            assert await store.delete_by_metadata({"source": {"$prefix": "/src/7/"}}) == 1
            store._session.collection.indexes.clear()
            assert await store.keyword_search("word5", 10)
            assert [document async for document in store.iter_documents(include_embeddings=True)]
            assert await store.replace_documents({"n": 3}, ["n"], [embed("new")], ["new"], [{}])
            await store.health()
    assert sorted(call for call in calls if call[0].startswith(heavy)) == []
    assert ("agent_brain_store.arrays", "as_rows") not in calls
    assert "agent_brain_store.chroma.repository" in {module for module, _ in calls}


async def beats_during(work: Awaitable[Any]) -> int:
    """How often the event loop came round, every 5 ms at best, while something was awaited."""
    beats, task = 0, asyncio.ensure_future(work)
    while not task.done():
        await asyncio.sleep(0.005)
        beats += 1
    await task
    return beats


async def test_the_loop_beats_on_while_chunks_are_indexed_and_read(tmp_path):
    count, dimensions = 2000, 384
    vectors = np.random.default_rng(0).normal(size=(count, dimensions)).tolist()
    ids = [f"{i:05}" for i in range(count)]
    texts = [" ".join(f"word{(i * j) % 977}" for j in range(100)) for i in range(count)]
    metadatas = [{"source": f"/src/{i % 50}/m.py", "n": i} for i in range(count)]
    async with opened(tmp_path, dimensions=dimensions) as store:
        assert await beats_during(store.upsert_documents(ids, vectors, texts, metadatas)) > 20
        store._session.collection.indexes.clear()
        assert await beats_during(store.keyword_search("word5", 10)) > 5


# --- the keyword index -----------------------------------------------------------------------------------------------


async def test_a_vector_is_not_written_again_when_only_metadata_changed(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "red fox", {"old": 1, "title": "Crimson"}), ("b", "red hen"), ("c", "blue fox"))
        assert await found(store, "crimson") == ["a"]
        written: list[str] = []
        put = driver.Rows.put

        def watched(self: driver.Rows, ids: list[str], *rest: Any) -> None:
            written.extend(ids)
            put(self, ids, *rest)

        monkeypatch.setattr(driver.Rows, "put", watched)
        await fill(store, ("a", "red fox", {"new": [2], "title": "Azure"}), ("b", "red hen"), ("c", "blue wolf"))
        assert written == ["c"]
        assert await store.get_by_id("a") == {"text": "red fox", "metadata": {"new": [2], "title": "Azure"}}
        assert await found(store, "azure") == ["a"]
        assert await found(store, "crimson") == []
        assert [await store.get_count(where) for where in ({"old": 1}, {"new": {"$contains": 2}})] == [0, 1]
        assert [hit.chunk_id for hit in await store.vector_search(embed("red fox"), 1)] == ["a"]
    async with opened(tmp_path) as store:
        assert await found(store, "azure") == ["a"]


async def test_the_index_follows_every_write_and_survives_a_restart(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "red fox"), ("b", "red hen"), ("c", "blue fox", {"title": "Crimson"}))
        assert await found(store, "fox") == ["a", "c"]
        await fill(store, ("a", "red wolf"))
        assert await found(store, "fox") == ["c"]
        assert await found(store, "wolves wolf") == ["a"]
        await store.delete_by_metadata({"title": "Crimson"})
        assert await found(store, "fox crimson") == []
        await store.replace_documents({"x": 1}, ["d"], [embed("d")], ["grey fox"], [{"x": 1}])
    async with opened(tmp_path) as store:
        assert store._session.collection.indexes == {}
        assert await found(store, "fox") == ["d"]
        assert await found(store, "fox", where={"x": 2}) == []


async def test_the_keyword_index_is_built_ahead_and_says_how_far_it_is(tmp_path):
    async with open_store(config(tmp_path)) as store:
        await fill(store, *((f"{i:04}", f"text {i}") for i in range(1200)))
        seen: list[Progress] = []
        assert (await store.ensure_indexes(seen.append)).created == ("keyword index",)
        assert seen == [Progress("building the keyword index", done, 1200) for done in (1000, 1200)]
        assert (await store.health()).details["keyword_index"] == "ready"
        assert await store.ensure_indexes(seen.append) == IndexReport()
        assert len(seen) == 2


async def test_a_write_that_fails_half_way_leaves_no_stale_index(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        await fill(store, *((f"{i:03}", "old word") for i in range(100)))
        assert len(await found(store, "old")) == 100
        rows = store._session.collection.rows
        rows._piece = rows._max_piece = 16
        put, calls = driver.Rows.put, []

        def failing(self, *args):
            calls.append(1)
            put(self, *args)
            if len(calls) == 2:
                raise QueryFailed("the disk is full", "chroma")

        monkeypatch.setattr(driver.Rows, "put", failing)
        with pytest.raises(QueryFailed):
            await fill(store, *((f"{i:03}", "new word") for i in range(100)))
        monkeypatch.undo()
        new, old = await found(store, "new"), await found(store, "old")
        assert len(new) == 32
        assert len(old) == 68
        await fill(store, *((f"{i:03}", "new word") for i in range(100)))
        assert (len(await found(store, "new")), await found(store, "old")) == (100, [])


async def test_the_index_is_packed_when_most_of_it_is_dead(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "first word"))
        index = await store._session.index()
        for i in range(3000):
            index.put("b", f"number {i} word", {})
        assert len(index._ids) < 1500
        assert [chunk_id for chunk_id, _ in index.search("word", 10)] == ["a", "b"]
        assert [chunk_id for chunk_id, _ in index.search("2999", 10)] == ["b"]
        assert index.search("2998", 10) == []


async def test_a_search_need_not_wait_for_a_long_write(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "first"))
        ids = [f"{i:05}" for i in range(1500)]
        writing = asyncio.create_task(store.upsert_documents(ids, np.ones((1500, 16)), ["text"] * 1500, [{}] * 1500))
        await asyncio.sleep(0.05)
        assert await found(store, "first") == ["a"]
        assert not writing.done()
        await writing
        assert len(await store.keyword_search("text", 5000)) == 1500


# --- stored form -----------------------------------------------------------------------------------------------------


async def test_replacing_leaves_no_key_behind(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "x", {"gone": "v", "tags": ["p", 1], "source": "/src/a.py", "n": 1}))
        await fill(store, ("a", "x", {"n": [1]}))
        assert await store.get_by_id("a") == {"text": "x", "metadata": {"n": [1]}}
        for where in ({"gone": "v"}, {"tags": {"$contains": "p"}}, {"source": {"$prefix": "/src/"}}, {"n": 1}):
            assert await store.get_count(where) == 0
        assert await store.get_count({"n": {"$contains": 1}}) == 1


async def test_unchanged_chunks_are_not_written_again(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        chunks: list[tuple[str, str, dict[str, Any]]] = [(f"{i:03}", f"text {i}", {"n": i}) for i in range(50)]
        await fill(store, *chunks)
        written: list[str] = []

        def noting(put):
            def noted(self, ids, *rest):
                written.extend(ids)
                return put(self, ids, *rest)

            return noted

        monkeypatch.setattr(driver.Rows, "put", noting(driver.Rows.put))
        monkeypatch.setattr(driver.Rows, "put_metadata", noting(driver.Rows.put_metadata))
        chunks[7] = ("007", "text 7", {"n": 7.5})
        chunks[9] = ("009", "text nine", {"n": 9})
        await fill(store, *chunks)
        assert sorted(written) == ["007", "009"]


async def test_chroma_counts_once_after_each_write(tmp_path, monkeypatch):
    """It reads through all its rows for that, and every vector search wants to know."""
    async with open_store(config(tmp_path)) as store:
        asked: list[int] = []
        count = chromadb.Collection.count

        def counted(self: chromadb.Collection) -> int:
            asked.append(1)
            return count(self)

        monkeypatch.setattr(chromadb.Collection, "count", counted)
        for expected in range(1, 6):
            await fill(store, (f"{expected}", "text"))
            for _ in range(3):
                assert await store.get_count() == expected
                assert len(await store.vector_search(embed("text"), 10)) == expected
        assert 0 < len(asked) <= 5
        for expected in (4, 3):
            await store.delete_by_ids([f"{expected + 1}"])
            assert await store.get_count() == expected
        await store.reset()
        assert await store.get_count() == 0


async def test_what_was_counted_during_a_write_is_not_remembered(tmp_path, monkeypatch):
    async with open_store(config(tmp_path)) as store:
        assert isinstance(store, ChromaBackend)
        rows, upsert = store._session.collection.rows, chromadb.Collection.upsert

        def counted_before(self: chromadb.Collection, **given: Any) -> None:
            rows.count()  # as a reader may, while a piece is being written
            upsert(self, **given)

        monkeypatch.setattr(chromadb.Collection, "upsert", counted_before)
        await fill(store, ("a", "text"))
        assert await store.get_count() == 1


async def test_counting_beside_a_writer_never_goes_back(tmp_path):
    async with open_store(config(tmp_path)) as store:

        async def count() -> list[int]:
            seen = []
            while not writing.done():
                seen.append(await store.get_count())
            return seen

        ids = [f"{i:04}" for i in range(600)]
        write = store.upsert_documents(ids, [embed(chunk_id) for chunk_id in ids], ids, [{}] * 600)
        writing = asyncio.create_task(write)
        for seen in await asyncio.gather(count(), count()):
            assert seen == sorted(seen)
        assert await store.get_count() == 600


async def test_health_asks_chroma_although_the_count_is_known(tmp_path, monkeypatch):
    async with open_store(config(tmp_path)) as store:
        assert await store.get_count() == 0

        def fail(self: chromadb.Collection, **_: Any) -> None:
            raise chromadb.errors.InternalError("the disk is gone")

        monkeypatch.setattr(chromadb.Collection, "get", fail)
        assert not (await store.health()).ok


def test_a_write_outlives_the_event_loop_that_it_reports_to(tmp_path):
    store = create_backend(config(tmp_path))
    ids = [f"{i:04}" for i in range(3000)]

    async def begin() -> None:
        await store.initialize()
        begun = asyncio.Event()
        async with store.bulk_load(lambda _: begun.set()) as load:
            call = asyncio.create_task(load.upsert_documents(ids, [embed("x")] * 3000, ids, [{}] * 3000))
            await begun.wait()
            call.cancel()

    async def end() -> None:
        assert await store.delete_by_ids(["0000"]) == 1, "after the write"
        assert await store.get_count() == 2999
        await store.close()

    asyncio.run(begin())
    asyncio.run(end())


async def test_reads_are_paged(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "PAGE", 7)
    monkeypatch.setattr(driver, "NUMBERS", 50)
    async with opened(tmp_path) as store:
        ids = [f"{i:03}" for i in range(40)]
        await fill(store, *((i, f"text {i}", {"n": int(i)}) for i in ids))
        documents = [d async for d in store.iter_documents(batch_size=11, include_embeddings=True)]
        assert [d.chunk_id for d in documents] == ids
        assert np.allclose(documents[3].embedding, embed("text 003"), atol=1e-6)
        assert list(await store.get_by_ids(ids)) == ids
        assert await store.get_count({"n": {"$exists": True}}) == 40
        assert len(await store.vector_search(embed("text"), 40)) == 40
        assert await store.delete_by_metadata({"n": {"$exists": True}}) == 40


async def test_a_search_that_chroma_cannot_complete_is_answered_exactly(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, *((f"{i:04}", f"text {i}", {"date": f"2024-{i:04}"}) for i in range(600)))
        hits = await store.vector_search(embed("text 5"), 10, where={"date": {"$gte": "2024-0590"}})
        assert sorted(hit.chunk_id for hit in hits) == [f"{i:04}" for i in range(590, 600)]
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert (await store.health()).details["exact_fallbacks"] == 1


# --- concurrency -----------------------------------------------------------------------------------------------------


async def test_searches_never_fail_while_chunks_come_and_go(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, *((f"{i:03}", f"stable word {i}", {"kind": "stable"}) for i in range(60)))
        stop = asyncio.Event()

        async def search() -> None:
            while not stop.is_set():
                hits = await store.hybrid_search("stable", embed("stable"), 50, where={"kind": "stable"})
                assert len(hits) == 50
                await store.vector_search(embed("moving"), 30)
                await store.keyword_search("moving", 30)

        async def move() -> None:
            for i in range(12):
                part = [(f"m{j:03}", f"moving {i} {j}", {"kind": "moving", "i": i}) for j in range(60)]
                await fill(store, *part)
                await store.delete_by_metadata({"i": i})
            stop.set()

        await asyncio.gather(move(), *(search() for _ in range(8)))


def interrupt(monkeypatch: pytest.MonkeyPatch, owner: type, step: str, write: Callable[[], Any]) -> list[bool]:
    """Have a write done in the middle of the next read, after a step of it. The answer grows when that has happened."""
    loop, original = asyncio.get_running_loop(), getattr(owner, step)
    written: list[bool] = []

    def interrupted(*arguments: Any) -> Any:
        answer = original(*arguments)
        if not written and threading.current_thread().name.startswith("chroma-read"):
            written.append(True)
            asyncio.run_coroutine_threadsafe(write(), loop).result()
        return answer

    monkeypatch.setattr(owner, step, interrupted)
    return written


@pytest.mark.parametrize("search", ["keyword_search", "hybrid_search"])
async def test_a_chunk_that_changes_during_a_search_is_found_only_if_it_still_matches(tmp_path, monkeypatch, search):
    async with opened(tmp_path) as store:
        await fill(store, *((chunk_id, "common text", {"file": "hot"}) for chunk_id in "abc"))
        await store.keyword_search("common", 3)
        between = [("a", "common text, rewritten", {"file": "hot"}), ("b", "common text", {"file": "cold"})]
        written = interrupt(monkeypatch, KeywordIndex, "_scored", lambda: fill(store, *between))
        question: tuple[Any, ...] = ("common",) if search == "keyword_search" else ("common", embed("common"))
        hits = await getattr(store, search)(*question, 3, where={"file": "hot"})
        assert written
        assert {hit.chunk_id: hit.text for hit in hits} == {"a": "common text, rewritten", "c": "common text"}


READS: dict[str, tuple[type, str, Callable[[Any], Awaitable[Any]]]] = {
    "keyword": (KeywordIndex, "_scored", lambda store: store.keyword_search("word", 9, where={"f": 1})),
    "hybrid": (KeywordIndex, "_scored", lambda store: store.hybrid_search("word", embed("word"), 9, where={"f": 1})),
    "vector": (driver.Rows, "nearest", lambda store: store.vector_search(embed("word"), 9)),
    "few": (driver.Rows, "ids", lambda store: store.vector_search(embed("word"), 9, where={"f": 1})),
    "iterate": (driver.Rows, "ids", lambda store: listed(store.iter_documents({"f": 1}))),
}


async def listed(documents: AsyncIterator[Any]) -> list[Any]:
    return [document async for document in documents]


@pytest.mark.parametrize("name", READS)
async def test_a_read_sees_the_store_of_one_moment(tmp_path, monkeypatch, name):
    """A replacement in the middle of a read: not the old chunks, which are gone, and not none, but the new ones."""
    owner, step, read = READS[name]
    async with opened(tmp_path) as store:
        await fill(store, *((chunk_id, "word", {"f": 1}) for chunk_id in ("old1", "old2")))
        await store.keyword_search("word", 1)
        new = (["new1", "new2"], [embed("word")] * 2, ["word"] * 2, [{"f": 1}] * 2)
        written = interrupt(monkeypatch, owner, step, lambda: store.replace_documents({"f": 1}, *new))
        found = {found.chunk_id for found in await read(store)}
        assert written
        assert found == {"new1", "new2"}


async def test_pages_go_on_with_what_came_in_place_of_what_went(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, *((f"{i}", "text", {"f": i // 3}) for i in range(6)))
        seen = []
        async for document in store.iter_documents(batch_size=2):
            seen.append(document.chunk_id)
            if len(seen) == 2:
                ids = ["0", "2a", "3a", "5a"]
                await store.replace_documents({"f": 1}, ids, [embed("x")] * 4, ids, [{"f": 1}] * 4)
        assert seen == ["0", "1", "2", "2a", "3a", "5a"]


async def test_searches_outlive_a_reset(tmp_path):
    async with opened(tmp_path) as store:
        stop = asyncio.Event()

        async def search() -> None:
            while not stop.is_set():
                await store.hybrid_search("word", embed("word"), 5)
                await store.get_count({"n": {"$gt": 1}})

        async def reset() -> None:
            for _ in range(6):
                await fill(store, *((f"{i}", "word", {"n": i}) for i in range(20)))
                await store.reset()
            stop.set()

        await asyncio.gather(reset(), *(search() for _ in range(6)))


async def test_a_replacement_writes_before_it_deletes(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        await fill(store, ("old", "text", {"file": "f"}))
        delete, there = driver.Rows.delete, []

        def watched(rows: driver.Rows, ids: list[str]) -> None:
            there.append(rows.existing(["old", "new"]))
            delete(rows, ids)

        monkeypatch.setattr(driver.Rows, "delete", watched)
        await store.replace_documents({"file": "f"}, ["new"], [embed("new")], ["new"], [{"file": "f"}])
        assert there == [["old", "new"]]
        assert await store.get_by_ids(["old", "new"]) == {"new": {"text": "new", "metadata": {"file": "f"}}}


async def test_replacements_of_one_file_at_once_leave_one_of_them(tmp_path):
    async with opened(tmp_path) as store:

        async def put(version: int) -> None:
            ids = [f"{version}-{i}" for i in range(30)]
            metadatas = [{"file": "f", "version": version}] * 30
            await store.replace_documents({"file": "f"}, ids, [embed(i) for i in ids], ids, metadatas)

        await asyncio.gather(*(put(version) for version in range(6)))
        versions = {document.metadata["version"] async for document in store.iter_documents()}
        assert len(versions) == 1
        assert await store.get_count() == 30


def test_one_store_serves_several_event_loops(tmp_path):
    store, failures = ChromaBackend(config(tmp_path)), []

    async def use(name: str) -> None:
        await store.initialize()
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
    asyncio.run(store.close())
    assert failures == []


async def test_errors_of_the_driver_do_not_show(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "x"))
        client(tmp_path).delete_collection("agent_brain")
        with pytest.raises(StorageError) as caught:
            await store.get_count({"n": 1})
        assert "chromadb" not in caught.value.message
        assert str(tmp_path) not in caught.value.message
        assert caught.value.__cause__ is not None
        health = await store.health()
        assert not health.ok
        assert health.details["error"]
