"""Moves that were interrupted, changed or damaged on the way. They continue, or say what is wrong."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agent_brain_store import Progress, TransferError, copy_documents, export_documents, import_documents
from tests.support.internals import small_parts, wrap, write_marks
from tests.support.moving import everything, fill_with_odd_chunks
from tests.support.stores import DIMENSIONS, fill

# --- interruptions ---------------------------------------------------------------------------------------------------


class Stop(Exception):
    """Raised in place of a power cut."""


def stop(progress: Progress) -> None:
    if progress.done == 60:
        raise Stop


async def test_an_interrupted_export_continues_where_it_stopped(two, tmp_path, monkeypatch):
    small_parts(monkeypatch, chunks=30)
    store, other = two
    await fill_with_odd_chunks(store, 100)

    with pytest.raises(Stop):
        await export_documents(store, tmp_path / "out", stop)
    with pytest.raises(TransferError, match="interrupted: repeat export_documents"):
        await import_documents(other, tmp_path / "out")
    first = (tmp_path / "out" / "part-00000.jsonl.gz").stat().st_mtime_ns
    seen: list[Progress] = []
    await export_documents(store, tmp_path / "out", seen.append)
    assert [(p.operation, p.done) for p in seen] == [
        *(("exporting", done) for done in (90, 100)),
        *(("verifying", done) for done in (30, 60, 90, 100)),
    ]
    assert (tmp_path / "out" / "part-00000.jsonl.gz").stat().st_mtime_ns == first
    await import_documents(other, tmp_path / "out")
    assert await everything(other) == await everything(store)


async def test_a_repeated_move_does_not_write_what_is_stored_already(two, tmp_path, monkeypatch):
    small_parts(monkeypatch, chunks=30)
    store, other = two
    await fill_with_odd_chunks(store, 100)
    await export_documents(store, tmp_path / "out")

    async def interrupted(move: Callable[..., Awaitable[Any]], *what: Any) -> None:
        await other.reset()
        with pytest.raises(Stop):
            await move(*what, stop)
        assert await other.get_count() == 60
        before = await write_marks(other)
        assert (await move(*what)).chunks == 100
        assert await everything(other) == await everything(store)
        after = await write_marks(other)
        assert {chunk_id: after[chunk_id] for chunk_id in before} == before

    await interrupted(copy_documents, store, other)
    await interrupted(import_documents, other, tmp_path / "out")


async def test_an_export_cannot_be_continued_from_another_store(two, tmp_path, monkeypatch):
    store, other = two
    small_parts(monkeypatch, chunks=10)

    def interrupt(progress: Progress) -> None:
        raise RuntimeError("interrupted")

    await fill_with_odd_chunks(store, 30)
    with pytest.raises(RuntimeError):
        await export_documents(store, tmp_path / "out", interrupt)
    await fill(other, ("a chunk", "of another store"))
    with pytest.raises(TransferError, match="started from another store: this one does not have"):
        await export_documents(other, tmp_path / "out")
    await fill(other, *((f"chunk {i:06}", "another text") for i in range(30)))
    with pytest.raises(
        TransferError, match="started from another store: this one has another chunk, or a newer one, with"
    ):
        await export_documents(other, tmp_path / "out")
    await fill_with_odd_chunks(other, 30)
    await other.set_embedding_metadata("test", "hashed", DIMENSIONS)
    with pytest.raises(TransferError, match="started from another store: its embedding profile is None"):
        await export_documents(other, tmp_path / "out")
    assert (await export_documents(store, tmp_path / "out")).chunks == 30


# --- damage ----------------------------------------------------------------------------------------------------------


async def test_a_change_during_a_move_is_noticed(two, tmp_path, monkeypatch):
    store, other = two
    await fill_with_odd_chunks(store, 20)
    await export_documents(store, tmp_path / "out")

    async def meddle(adopt: Callable[..., Awaitable[None]], target: Any, profile: Any) -> None:
        await target.delete_by_ids(["chunk 000007"])
        await adopt(target, profile)

    wrap(monkeypatch, "adopt profile", meddle)
    with pytest.raises(TransferError, match="the store holds 19 of 20 chunks as they were sent"):
        await import_documents(other, tmp_path / "out")
    with pytest.raises(TransferError, match="the store holds 19 of 20 chunks as they were sent"):
        await copy_documents(store, other)


async def test_damaged_and_missing_files_are_found(two, tmp_path):
    store, other = two
    await fill_with_odd_chunks(store, 20)
    await export_documents(store, tmp_path / "out")
    part = tmp_path / "out" / "part-00000.f32.gz"
    good = part.read_bytes()
    part.write_bytes(good[:-1] + b"x")
    with pytest.raises(TransferError, match=r"part-00000.f32.gz is damaged"):
        await import_documents(other, tmp_path / "out")
    part.unlink()
    with pytest.raises(TransferError, match=r"importing: part-00000.f32.gz: No such file") as caught:
        await import_documents(other, tmp_path / "out")
    assert str(tmp_path) not in caught.value.message
    part.write_bytes(good)
    manifest = tmp_path / "out" / "manifest.json"
    original = manifest.read_text()
    for text, words in (
        (original.replace('"version": 1', '"version": 9'), "version 9, but this library reads version 1"),
        (original.replace("agent_brain_store export", "something"), "not of an export"),
        ("{", "damaged"),
    ):
        manifest.write_text(text)
        with pytest.raises(TransferError, match=words):
            await import_documents(other, tmp_path / "out")
    manifest.unlink()
    with pytest.raises(TransferError, match=r"manifest.json is missing"):
        await import_documents(other, tmp_path / "out")
    assert await other.get_count() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"dimensions": DIMENSIONS - 1},
        {"dimensions": str(DIMENSIONS)},
        {"dimensions": None},
        {"version": "1"},
        {"parts": None},
        {"parts": [{"name": "part-00000"}]},
        {"profile": {"provider": "x"}},
        {"complete": "yes"},
        {"chunks": None},
    ],
)
async def test_a_manifest_with_wrong_values_is_called_damaged(two, tmp_path, change):
    store, other = two
    await fill_with_odd_chunks(store, 5)
    await export_documents(store, tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | change))
    with pytest.raises(TransferError, match="is damaged"):
        await import_documents(other, tmp_path / "out")
    for name in change:
        path.write_text(json.dumps({key: value for key, value in whole.items() if key != name}))
        with pytest.raises(TransferError, match="is damaged"):
            await import_documents(other, tmp_path / "out")
    assert await other.get_count() == 0
