"""Reads beside writes: every read sees the store of one moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.support.chroma import opened
from tests.support.internals import keep_vectors_out_of_memory, wrap
from tests.support.stores import embed, fill


async def test_searches_never_fail_while_chunks_come_and_go(store):
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


def interrupt(monkeypatch: pytest.MonkeyPatch, step: str, write: Callable[[], Any]) -> list[bool]:
    """Do a write in the middle of the next read, after one of its steps. The returned list grows when that has happened."""
    loop = asyncio.get_running_loop()
    written: list[bool] = []

    def interrupted(original: Callable[..., Any], *arguments: Any) -> Any:
        answer = original(*arguments)
        if not written and threading.current_thread().name.startswith("chroma-read"):
            written.append(True)
            asyncio.run_coroutine_threadsafe(write(), loop).result()
        return answer

    wrap(monkeypatch, step, interrupted)
    return written


@pytest.mark.parametrize("search", ["keyword_search", "hybrid_search"])
async def test_a_chunk_that_changes_during_a_search_is_found_only_if_it_still_matches(store, monkeypatch, search):
    await fill(store, *((chunk_id, "common text", {"file": "hot"}) for chunk_id in "abc"))
    await store.keyword_search("common", 3)
    between = [("a", "common text, rewritten", {"file": "hot"}), ("b", "common text", {"file": "cold"})]
    written = interrupt(monkeypatch, "score", lambda: fill(store, *between))
    question: tuple[Any, ...] = ("common",) if search == "keyword_search" else ("common", embed("common"))
    hits = await getattr(store, search)(*question, 3, where={"file": "hot"})
    assert written
    assert {hit.chunk_id: hit.text for hit in hits} == {"a": "common text, rewritten", "c": "common text"}


READS: dict[str, tuple[str, Callable[[Any], Awaitable[Any]]]] = {
    "keyword": ("score", lambda store: store.keyword_search("word", 9, where={"f": 1})),
    "hybrid": ("score", lambda store: store.hybrid_search("word", embed("word"), 9, where={"f": 1})),
    "vector": ("compare", lambda store: store.vector_search(embed("word"), 9)),
    "vector, large": ("nearest", lambda store: store.vector_search(embed("word"), 9)),
    "few": ("ids", lambda store: store.vector_search(embed("word"), 9, where={"f": 1})),
    "iterate": ("ids", lambda store: listed(store.iter_documents({"f": 1}))),
}


async def listed(documents: AsyncIterator[Any]) -> list[Any]:
    return [document async for document in documents]


@pytest.mark.parametrize("name", READS)
async def test_a_read_sees_the_store_of_one_moment(tmp_path, monkeypatch, name):
    """The chunks are replaced in the middle of a read. It finds the new ones: the old ones are gone."""
    step, read = READS[name]
    if name == "vector, large":
        keep_vectors_out_of_memory(monkeypatch)
    async with opened(tmp_path) as store:
        await fill(store, ("old1", "word", {"f": 1}), ("old2", "word too", {"f": 1}))
        await store.keyword_search("word", 1)
        new = (["new1", "new2"], [embed("word")] * 2, ["word"] * 2, [{"f": 1}] * 2)
        written = interrupt(monkeypatch, step, lambda: store.replace_documents({"f": 1}, *new))
        found = {found.chunk_id for found in await read(store)}
        assert written
        assert found == {"new1", "new2"}


async def test_paging_goes_on_when_chunks_were_replaced(store):
    await fill(store, *((f"{i}", "text", {"f": i // 3}) for i in range(6)))
    seen = []
    async for document in store.iter_documents(batch_size=2):
        seen.append(document.chunk_id)
        if len(seen) == 2:
            ids = ["0", "2a", "3a", "5a"]
            await store.replace_documents({"f": 1}, ids, [embed("x")] * 4, ids, [{"f": 1}] * 4)
    assert seen == ["0", "1", "2", "2a", "3a", "5a"]


async def test_searches_beside_a_reset_do_not_fail(store):
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


async def test_concurrent_replacements_of_one_file_leave_the_chunks_of_one(store):
    async def put(version: int) -> None:
        ids = [f"{version}-{i}" for i in range(30)]
        metadatas = [{"file": "f", "version": version}] * 30
        await store.replace_documents({"file": "f"}, ids, [embed(i) for i in ids], ids, metadatas)

    await asyncio.gather(*(put(version) for version in range(6)))
    versions = {document.metadata["version"] async for document in store.iter_documents()}
    assert len(versions) == 1
    assert await store.get_count() == 30
