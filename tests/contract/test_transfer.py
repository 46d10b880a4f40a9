"""Moving chunks between stores: nothing is lost, whatever interrupts it."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent_brain_store import (
    DimensionMismatchError,
    EmbeddingMetadata,
    Progress,
    StoreConfig,
    TransferError,
    copy_documents,
    create_backend,
    export_documents,
    import_documents,
    open_store,
    transfer,
)
from agent_brain_store.postgres.repository import PostgresBackend
from tests.conftest import DIMENSIONS, fill, mapping

METADATA: list[dict[str, Any]] = [
    {},
    {"source": "/a/b.py", "n": 1, "f": 1.0, "big": 1e22, "t": True},
    {"list": [1, "x", None], "nested": {"a": {"b": []}}, "empty": [], "é": "🐻\u2028\n\r"},
]


async def chunks(store, count: int) -> None:
    rng = np.random.default_rng(count)
    ids = [f"chunk {i:06}" for i in range(count)]
    vectors = rng.normal(size=(count, DIMENSIONS)).astype(np.float32)
    vectors[::2] /= np.linalg.norm(vectors[::2], axis=1, keepdims=True)
    texts = [f"text {i}\nwith a line\u2028 and \x85 more" for i in range(count)]
    await store.upsert_documents(ids, vectors, texts, [METADATA[i % 3] for i in range(count)])


async def everything(store) -> dict[str, tuple[Any, ...]]:
    return {
        chunk.chunk_id: (chunk.text, chunk.metadata, chunk.embedding.tobytes())
        async for chunk in store.iter_documents(include_embeddings=True)
    }


@pytest.fixture
async def two(make, backend, tmp_path, request):
    """The store under test and an empty one beside it."""
    store = make()
    await store.initialize()
    elsewhere: dict[str, Any] = {"chroma": {"path": str(tmp_path / "chroma"), "collection": "second"}}
    if backend == "postgres":
        elsewhere = {"postgres": {**request.getfixturevalue("database"), "schema": "second"}}
    other = make(**elsewhere)
    await other.initialize()
    return store, other


async def test_export_and_import(two, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "PART", 40)
    store, other = two
    await chunks(store, 103)
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    seen: list[Progress] = []
    report = await export_documents(store, tmp_path / "out", seen.append)
    assert report.chunks == 103
    assert [(p.done, p.total) for p in seen] == [(40, 103), (80, 103), (103, 103)] * 2, "written, and read again"
    assert await import_documents(other, tmp_path / "out", seen.append) == report
    assert seen[-1].done == 103
    assert await everything(other) == await everything(store)
    assert await other.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)
    assert await import_documents(other, tmp_path / "out") == report, "again is harmless"
    hits = await other.keyword_search("text 17", 3)
    assert hits[0].chunk_id == "chunk 000017"


async def test_the_format_is_what_the_documentation_says(two, tmp_path):
    store, _ = two
    await chunks(store, 5)
    await export_documents(store, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "part-00000.f32.gz",
        "part-00000.jsonl.gz",
    ]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["chunks"] == 5
    assert manifest["dimensions"] == DIMENSIONS
    with gzip.open(tmp_path / "out" / "part-00000.jsonl.gz", "rt", encoding="utf-8", newline="\n") as file:
        lines = [json.loads(line) for line in file]
    vectors = np.frombuffer(gzip.decompress((tmp_path / "out" / "part-00000.f32.gz").read_bytes()), "<f4")
    stored = await everything(store)
    assert [line["id"] for line in lines] == sorted(stored)
    assert {line["id"]: (line["text"], line["metadata"]) for line in lines} == {k: v[:2] for k, v in stored.items()}
    assert vectors.tobytes() == b"".join(v[2] for v in stored.values())


async def test_every_step_is_reported(two, tmp_path, backend):
    store, other = two
    await chunks(store, 3000)
    ends = ["building the vector index", "counting the words"] if backend == "postgres" else []

    def operations(seen: list[Progress]) -> list[str]:
        assert all(0 < step.done <= (step.total or 0) == 3000 for step in seen if step.operation not in ends)
        return list(dict.fromkeys(step.operation for step in seen))

    steps: list[list[Progress]] = [[], [], []]
    await export_documents(store, tmp_path / "out", steps[0].append)
    await import_documents(other, tmp_path / "out", steps[1].append)
    await other.reset()
    await copy_documents(store, other, steps[2].append)
    assert [operations(seen) for seen in steps] == [
        ["exporting", "verifying"],
        ["importing", *ends, "verifying"],
        ["copying", *ends, "verifying"],
    ]


async def test_what_changed_on_the_way_is_noticed(two, tmp_path, monkeypatch):
    store, other = two
    await chunks(store, 20)
    await export_documents(store, tmp_path / "out")
    adopt = transfer._adopt_profile

    async def meddle(target: Any, profile: Any) -> None:
        await target.delete_by_ids(["chunk 000007"])
        await adopt(target, profile)

    monkeypatch.setattr(transfer, "_adopt_profile", meddle)
    with pytest.raises(TransferError, match="the store holds 19 of 20 chunks as they were sent"):
        await import_documents(other, tmp_path / "out")
    with pytest.raises(TransferError, match="the store holds 19 of 20 chunks as they were sent"):
        await copy_documents(store, other)


class Stop(Exception):
    """In place of a power cut."""


def stop(progress: Progress) -> None:
    if progress.done == 60:
        raise Stop


async def test_an_interrupted_export_goes_on(two, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "PART", 30)
    store, other = two
    await chunks(store, 100)

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


async def test_what_an_interrupted_move_has_stored_is_not_written_again(two, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "PART", 30)
    store, other = two
    await chunks(store, 100)
    await export_documents(store, tmp_path / "out")

    async def interrupted(move: Callable[..., Awaitable[Any]], *what: Any) -> None:
        await other.reset()
        with pytest.raises(Stop):
            await move(*what, stop)
        assert await other.get_count() == 60
        before = await versions(other)
        assert (await move(*what)).chunks == 100
        assert await everything(other) == await everything(store)
        after = await versions(other)
        assert {chunk_id: after[chunk_id] for chunk_id in before} == before

    await interrupted(copy_documents, store, other)
    await interrupted(import_documents, other, tmp_path / "out")


async def versions(store) -> dict[str, Any]:
    """What changes with each write of a chunk."""
    if isinstance(store, PostgresBackend):
        async with store._database._reader() as connection:
            rows = await connection.fetch("select chunk_id, ctid, xmin from chunks")
        return {row["chunk_id"]: tuple(row)[1:] for row in rows}
    with sqlite3.connect(next(store._config.chroma.path.glob("chroma.sqlite3"))) as file:
        segment = "select id from segments where scope = 'METADATA' and collection = ?"
        collection = str(store._session.collection.rows._collection.id)
        found = file.execute(
            f"select embedding_id, seq_id from embeddings where segment_id = ({segment})", (collection,)
        )
        return dict(found.fetchall())


async def test_parts_are_bounded_by_bytes(two, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "PART_BYTES", 10_000)
    store, other = two
    await fill(store, *((f"{i}", "x" * (2000 if i < 5 else 10)) for i in range(10)))
    await export_documents(store, tmp_path / "out")
    parts = json.loads((tmp_path / "out" / "manifest.json").read_text())["parts"]
    assert [part["chunks"] for part in parts] == [2, 2, 6]
    await import_documents(other, tmp_path / "out")
    assert await everything(other) == await everything(store)


async def test_importing_beside_other_chunks(two, tmp_path):
    store, other = two
    await chunks(store, 20)
    await fill(other, ("aaa", "was here"), ("chunk 000003x", "was here too"), ("zzz", "and here"))
    await export_documents(store, tmp_path / "out")
    await import_documents(other, tmp_path / "out")
    assert await other.get_count() == 23
    assert (await copy_documents(store, other)).chunks == 20


async def test_damage_is_found(two, tmp_path):
    store, other = two
    await chunks(store, 20)
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
        (original.replace('"version": 1', '"version": 9'), "version 9, this library reads 1"),
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


async def test_where_an_export_may_go(two, tmp_path):
    store, _ = two
    await chunks(store, 3)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("data")
    with pytest.raises(TransferError, match="not empty"):
        await export_documents(store, tmp_path / "full")
    await export_documents(store, tmp_path / "out")
    with pytest.raises(TransferError, match="complete export already"):
        await export_documents(store, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(TransferError, match="exporting: "):
        await export_documents(store, tmp_path / "file" / "below")


async def test_an_empty_store(two, tmp_path):
    store, other = two
    assert (await export_documents(store, tmp_path / "out")).chunks == 0
    assert (await import_documents(other, tmp_path / "out")).chunks == 0
    assert (await copy_documents(store, other)).chunks == 0


async def test_other_dimensions_are_refused(two, make, backend, tmp_path, request):
    from tests.contract.test_contract import _elsewhere

    store, _ = two
    await chunks(store, 3)
    await export_documents(store, tmp_path / "out")
    narrow = make(dimensions=8, **_elsewhere(backend, request, "narrow"))
    await narrow.initialize()
    for move in (import_documents(narrow, tmp_path / "out"), copy_documents(store, narrow)):
        with pytest.raises(DimensionMismatchError, match="16 dimensions, the store has 8"):
            await move
    assert await narrow.get_count() == 0


async def test_values_that_only_compare_as_equal_are_replaced(two):
    """1 and 1.0 are one number to jsonb, and 0 and -0 to pgvector; a copy is the same to the bit."""
    store, other = two
    ones, zeros = [1.0] * DIMENSIONS, [1.0, -0.0] * (DIMENSIONS // 2)
    await other.upsert_documents(["a", "b"], [ones, np.abs(zeros)], ["a", "b"], [{"n": 1}, {}])
    await store.upsert_documents(["a", "b"], [ones, zeros], ["a", "b"], [{"n": 1.0}, {}])
    await copy_documents(store, other)
    assert await everything(store) == await everything(other)
    assert isinstance((await other.get_by_id("a"))["metadata"]["n"], float)


async def test_an_export_goes_on_with_its_own_store_alone(two, tmp_path, monkeypatch):
    store, other = two
    monkeypatch.setattr(transfer, "PART", 10)

    def interrupt(progress: Progress) -> None:
        raise RuntimeError("interrupted")

    await chunks(store, 30)
    with pytest.raises(RuntimeError):
        await export_documents(store, tmp_path / "out", interrupt)
    await fill(other, ("a chunk", "of another store"))
    with pytest.raises(TransferError, match="begun from another store: this one does not have"):
        await export_documents(other, tmp_path / "out")
    await fill(other, *((f"chunk {i:06}", "another text") for i in range(30)))
    with pytest.raises(
        TransferError, match="begun from another store: this one has another chunk, or a newer one, with"
    ):
        await export_documents(other, tmp_path / "out")
    await chunks(other, 30)
    await other.set_embedding_metadata("test", "hashed", DIMENSIONS)
    with pytest.raises(TransferError, match="begun from another store: its embedding profile is None"):
        await export_documents(other, tmp_path / "out")
    assert (await export_documents(store, tmp_path / "out")).chunks == 30


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
async def test_a_manifest_that_says_nonsense(two, tmp_path, change):
    store, other = two
    await chunks(store, 5)
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


@pytest.mark.postgres
async def test_between_the_backends_and_back(database, tmp_path):
    """Chroma to PostgreSQL to another Chroma: the same to the bit."""

    def build(**storage: Any) -> Any:
        return create_backend(StoreConfig.from_dict(mapping(**storage)))

    first = build(chroma={"path": str(tmp_path / "one")})
    middle = build(backend="postgres", postgres=database)
    last = build(chroma={"path": str(tmp_path / "two")})
    for store in (first, middle, last):
        await store.initialize()
    await chunks(first, 300)
    await first.set_embedding_metadata("test", "hashed", DIMENSIONS)
    one = await copy_documents(first, middle)
    await export_documents(middle, tmp_path / "out")
    two = await import_documents(last, tmp_path / "out")
    assert one == two
    assert await everything(first) == await everything(middle) == await everything(last)
    assert await last.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)
    for store in (first, middle, last):
        await store.close()


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


@pytest.mark.postgres
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its peak of memory")
async def test_many_chunks_in_bounded_memory(database, tmp_path):
    """Memory is that of one part, whatever their number: all of these together would take more than 80 MB."""
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
