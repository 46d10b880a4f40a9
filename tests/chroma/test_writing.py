"""What is written to Chroma: no more than has changed, with nothing left behind, and counted once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import chromadb
import numpy as np

from tests.support.chroma import found, opened
from tests.support.internals import read_in_pages, stored_rows, wrap
from tests.support.stores import embed, fill


async def test_unchanged_chunks_are_not_written_again(store, monkeypatch):
    chunks: list[tuple[str, str, dict[str, Any]]] = [(f"{i:03}", f"text {i}", {"n": i}) for i in range(50)]
    await fill(store, *chunks)
    written: list[str] = []

    def noting(step: Callable[..., None], rows: Any, ids: list[str], *rest: Any) -> None:
        written.extend(ids)
        step(rows, ids, *rest)

    wrap(monkeypatch, "put", noting)
    wrap(monkeypatch, "put metadata", noting)
    chunks[7] = ("007", "text 7", {"n": 7.5})
    chunks[9] = ("009", "text nine", {"n": 9})
    await fill(store, *chunks)
    assert sorted(written) == ["007", "009"]


async def test_a_vector_is_not_written_again_when_only_metadata_changed(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        await fill(store, ("a", "red fox", {"old": 1, "title": "Crimson"}), ("b", "red hen"), ("c", "blue fox"))
        assert await found(store, "crimson") == ["a"]
        written: list[str] = []

        def watched(put: Callable[..., None], rows: Any, ids: list[str], *rest: Any) -> None:
            written.extend(ids)
            put(rows, ids, *rest)

        wrap(monkeypatch, "put", watched)
        await fill(store, ("a", "red fox", {"new": [2], "title": "Azure"}), ("b", "red hen"), ("c", "blue wolf"))
        assert written == ["c"]
        assert await store.get_by_id("a") == {"text": "red fox", "metadata": {"new": [2], "title": "Azure"}}
        assert await found(store, "azure") == ["a"]
        assert await found(store, "crimson") == []
        assert [await store.get_count(where) for where in ({"old": 1}, {"new": {"$contains": 2}})] == [0, 1]
        assert [hit.chunk_id for hit in await store.vector_search(embed("red fox"), 1)] == ["a"]
    async with opened(tmp_path) as store:
        assert await found(store, "azure") == ["a"]


async def test_replacing_leaves_no_key_behind(store):
    await fill(store, ("a", "x", {"gone": "v", "tags": ["p", 1], "source": "/src/a.py", "n": 1}))
    await fill(store, ("a", "x", {"n": [1]}))
    assert await store.get_by_id("a") == {"text": "x", "metadata": {"n": [1]}}
    for where in ({"gone": "v"}, {"tags": {"$contains": "p"}}, {"source": {"$prefix": "/src/"}}, {"n": 1}):
        assert await store.get_count(where) == 0
    assert await store.get_count({"n": {"$contains": 1}}) == 1


async def test_a_replacement_writes_before_it_deletes(store, monkeypatch):
    await fill(store, ("old", "text", {"file": "f"}))
    there = []

    def watched(delete: Callable[..., None], rows: Any, ids: list[str]) -> None:
        there.append(rows.existing(["old", "new"]))
        delete(rows, ids)

    wrap(monkeypatch, "delete", watched)
    await store.replace_documents({"file": "f"}, ["new"], [embed("new")], ["new"], [{"file": "f"}])
    assert there == [["old", "new"]]
    assert await store.get_by_ids(["old", "new"]) == {"new": {"text": "new", "metadata": {"file": "f"}}}


# --- counting --------------------------------------------------------------------------------------------------------


async def test_chroma_counts_once_after_each_write(store, monkeypatch):
    """Chroma reads all its rows to count them, and every vector search needs the count."""
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


async def test_a_count_taken_during_a_write_is_not_remembered(store, monkeypatch):
    rows, upsert = stored_rows(store), chromadb.Collection.upsert

    def counted_before(self: chromadb.Collection, **given: Any) -> None:
        rows.count()  # as a reader may, while a piece is being written
        upsert(self, **given)

    monkeypatch.setattr(chromadb.Collection, "upsert", counted_before)
    await fill(store, ("a", "text"))
    assert await store.get_count() == 1


async def test_counts_beside_a_writer_only_grow(store):
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


# --- reading ---------------------------------------------------------------------------------------------------------


async def test_reads_are_paged(tmp_path, monkeypatch):
    read_in_pages(monkeypatch, chunks=7, numbers=50)
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


async def test_a_search_that_chroma_cannot_complete_is_answered_exactly(store):
    await fill(store, *((f"{i:04}", f"text {i}", {"date": f"2024-{i:04}"}) for i in range(600)))
    hits = await store.vector_search(embed("text 5"), 10, where={"date": {"$gte": "2024-0590"}})
    assert sorted(hit.chunk_id for hit in hits) == [f"{i:04}" for i in range(590, 600)]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert (await store.health()).details["exact_fallbacks"] == 1
