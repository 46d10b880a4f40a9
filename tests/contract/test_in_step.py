"""A store that is kept in step with sources: what is new, changed, unchanged and gone."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import Any

import numpy as np
import pytest

from agent_brain_store import Document, InvalidDocumentError, InvalidQueryError, Progress, SyncReport, sync_documents
from tests.support.stores import embed, fill


def vector(text: str) -> Any:
    return np.array(embed(text), np.float32)


class Folder:
    """Files by name, as sources. It remembers which of them were cut into chunks, and in which thread."""

    def __init__(self, **files: str) -> None:
        self.files, self.cut = files, list[str]()
        self.threads: set[int] = set()

    def sources(self):
        for name, text in self.files.items():
            yield name, hashlib.sha256(text.encode()).hexdigest(), lambda name=name, text=text: self.chunks(name, text)

    def chunks(self, name: str, text: str) -> list[Document]:
        self.cut.append(name)
        self.threads.add(threading.get_ident())
        return [Document(f"{name}:{n}", p, {"title": name}, vector(p)) for n, p in enumerate(text.split("\n")) if p]

    async def sync(self, store, **options) -> SyncReport:
        self.cut.clear()
        return await sync_documents(store, self.sources(), **options)


async def held(store) -> dict[str, str]:
    return {document.chunk_id: document.text async for document in store.iter_documents()}


async def test_only_what_differs_is_cut_and_written(store):
    folder = Folder(a="one\ntwo", b="three", c="four\nfive\nsix")
    assert await folder.sync(store) == SyncReport(3, 0, 0, 0, 6, 0)
    assert threading.get_ident() not in folder.threads, "an embedding model must not block the event loop"
    assert await folder.sync(store) == SyncReport(0, 0, 3, 0, 0, 0)
    assert folder.cut == []
    folder.files |= {"a": "one", "d": "seven"}
    del folder.files["b"]
    assert await folder.sync(store) == SyncReport(1, 1, 1, 1, 2, 2)
    assert folder.cut == ["a", "d"]
    assert await held(store) == {"a:0": "one", "c:0": "four", "c:1": "five", "c:2": "six", "d:0": "seven"}
    found = (await store.get_by_id("a:0"))["metadata"]
    digest = hashlib.sha256(b"one").hexdigest()
    assert found == {"title": "a", "source": "a", "source_digest": digest, "source_chunks": 1}


async def test_other_chunks_stay_and_old_ones_of_a_source_go(store):
    await fill(store, ("x", "no source"), ("y", "by hand", {"source": "elsewhere"}), ("z", "by hand", {"source": "a"}))
    await Folder(a="one").sync(store)
    assert sorted(await held(store)) == ["a:0", "x", "y"]


async def test_folders_share_a_store_by_their_prefix(store):
    notes, code = Folder(**{"notes/a": "one"}), Folder(**{"code/a": "two", "code/b": "three"})
    await notes.sync(store, prefix="notes/")
    assert (await code.sync(store, prefix="code/")).removed == 0
    del code.files["code/a"]
    assert (await code.sync(store, prefix="code/")).removed == 1
    assert sorted(await held(store)) == ["code/b:0", "notes/a:0"]
    with pytest.raises(InvalidQueryError, match="'code/b' does not begin with the prefix 'notes/'"):
        await code.sync(store, prefix="notes/")


async def test_a_source_of_which_a_part_is_missing_is_written_again(store):
    """So it is after a crash, on Chroma, or when somebody deleted a chunk."""
    folder = Folder(a="one\ntwo", b="three")
    await folder.sync(store)
    await store.delete_by_ids(["a:1"])
    assert await folder.sync(store) == SyncReport(0, 1, 1, 0, 2, 0)
    await store.update_metadata({"source_digest": "older"}, ids=["a:0"])
    assert (await folder.sync(store)).changed == 1
    assert len(await held(store)) == 3


async def test_a_failure_keeps_what_is_done_and_the_next_call_goes_on(store):
    folder = Folder(a="one", b="two", c="three")

    def broken():
        raise ConnectionError("the model is away")

    sources = list(folder.sources())
    with pytest.raises(ConnectionError, match="the model is away"):
        await sync_documents(store, [sources[0], (*sources[1][:2], broken), sources[2]])
    assert await folder.sync(store) == SyncReport(2, 0, 1, 0, 2, 0)


async def test_a_renamed_source_takes_its_chunks_along(store):
    def by_text(name, texts):
        chunks = [Document(f"#{text}", text, {}, vector(text)) for text in texts.split()]
        return name, texts, lambda: chunks

    await sync_documents(store, [by_text("a", "one two"), by_text("b", "three")])
    report = await sync_documents(store, [by_text("a", "three"), by_text("b", "one two")])
    assert (report.changed, len(await held(store))) == (2, 3)
    report = await sync_documents(store, [by_text("c", "three"), by_text("b", "one two")])
    assert (report.new, report.removed, len(await held(store))) == (1, 1, 3)
    with pytest.raises(
        InvalidDocumentError, match=r"source 'd' cannot be stored: chunk '#two': id belongs to the source 'b'"
    ):
        await sync_documents(store, [by_text("c", "three"), by_text("b", "one two"), by_text("d", "two")])


async def test_chunks_may_come_from_a_coroutine_and_may_be_none(store):
    async def chunks():
        await asyncio.sleep(0)
        return [Document("one", "one", {}, vector("one"))]

    sources: list[Any] = [("a", "1", chunks), ("empty", "1", list)]
    assert await sync_documents(store, sources) == SyncReport(1, 0, 1, 0, 1, 0)
    assert await sync_documents(store, [("a", "2", list), ("empty", "1", list)]) == SyncReport(0, 1, 1, 0, 0, 1)


async def test_progress_counts_sources(store):
    folder, heard = Folder(a="one", b="two"), list[Progress]()
    await folder.sync(store)
    folder.files = {"b": "two", "c": "three"}
    await folder.sync(store, progress=heard.append)
    assert heard == [Progress("syncing", done, 3, "sources") for done in (1, 2, 3)]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([], r"no sources, but the store holds 1: is the folder there\?"),
        ([("a", "1", list), ("a", "2", list)], "the source 'a' is given twice"),
        ([("a", 1, list)], r"must be \(name, digest, chunks\)"),
        (["abc"], r"must be \(name, digest, chunks\)"),
    ],
)
async def test_wrong_sources_are_refused_and_delete_nothing(store, sources, message):
    await Folder(there="one").sync(store)
    with pytest.raises(InvalidQueryError, match=message):
        await sync_documents(store, sources)
    assert list(await held(store)) == ["there:0"]


async def test_a_chunk_without_an_embedding_is_named(store):
    with pytest.raises(InvalidDocumentError, match="source 'a' cannot be stored: chunk 'one': embedding is missing"):
        await sync_documents(store, [("a", "1", lambda: [Document("one", "one", {})])])
    assert await sync_documents(store, []) == SyncReport(0, 0, 0, 0, 0, 0)
