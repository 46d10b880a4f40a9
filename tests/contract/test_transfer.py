"""Export, import and copy: the same chunks to the bit, in the documented format."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest

from agent_brain_store import (
    DimensionMismatchError,
    EmbeddingMetadata,
    Progress,
    ProviderMismatchError,
    StoreConfig,
    TransferError,
    copy_documents,
    create_backend,
    export_documents,
    import_documents,
)
from tests.support.internals import small_parts
from tests.support.moving import everything, fill_with_odd_chunks
from tests.support.stores import DIMENSIONS, fill, mapping


async def test_an_import_has_the_same_chunks_and_profile_as_the_export(two, tmp_path, monkeypatch):
    small_parts(monkeypatch, chunks=40)
    store, other = two
    await fill_with_odd_chunks(store, 103)
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


async def test_the_format_is_as_documented(two, tmp_path):
    store, _ = two
    await fill_with_odd_chunks(store, 5)
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


async def test_every_step_of_a_move_is_reported(two, tmp_path, backend, may_suspend):
    store, other = two
    await fill_with_odd_chunks(store, 3000)
    ends = ["building the vector index"] if may_suspend else []
    ends += ["counting the terms"] if backend == "postgres" else []

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


async def test_the_parts_of_an_export_are_bounded_in_bytes(two, tmp_path, monkeypatch):
    small_parts(monkeypatch, size=10_000)
    store, other = two
    await fill(store, *((f"{i}", "x" * (2000 if i < 5 else 10)) for i in range(10)))
    await export_documents(store, tmp_path / "out")
    parts = json.loads((tmp_path / "out" / "manifest.json").read_text())["parts"]
    assert [part["chunks"] for part in parts] == [2, 2, 6]
    await import_documents(other, tmp_path / "out")
    assert await everything(other) == await everything(store)


async def test_chunks_that_were_there_before_an_import_stay(two, tmp_path):
    store, other = two
    await fill_with_odd_chunks(store, 20)
    await fill(other, ("aaa", "was here"), ("chunk 000003x", "was here too"), ("zzz", "and here"))
    await export_documents(store, tmp_path / "out")
    await import_documents(other, tmp_path / "out")
    assert await other.get_count() == 23
    assert (await copy_documents(store, other)).chunks == 20


async def test_a_copy_replaces_values_that_only_compare_as_equal(two):
    """To jsonb 1 and 1.0 are one number, to pgvector 0 and -0 are. A copy has the same bits all the same."""
    store, other = two
    ones, zeros = [1.0] * DIMENSIONS, [1.0, -0.0] * (DIMENSIONS // 2)
    await other.upsert_documents(["a", "b"], [ones, np.abs(zeros)], ["a", "b"], [{"n": 1}, {}])
    await store.upsert_documents(["a", "b"], [ones, zeros], ["a", "b"], [{"n": 1.0}, {}])
    await copy_documents(store, other)
    assert await everything(store) == await everything(other)
    assert isinstance((await other.get_by_id("a"))["metadata"]["n"], float)


async def test_an_empty_store_can_be_moved(two, tmp_path):
    store, other = two
    assert (await export_documents(store, tmp_path / "out")).chunks == 0
    assert (await import_documents(other, tmp_path / "out")).chunks == 0
    assert (await copy_documents(store, other)).chunks == 0


@pytest.mark.postgres
async def test_chunks_are_moved_between_the_backends_and_back(postgres, tmp_path):
    """They go from Chroma to PostgreSQL and on to another Chroma, and are the same to the bit."""

    def build(**storage: Any) -> Any:
        return create_backend(StoreConfig.from_dict(mapping(**storage)))

    first = build(chroma={"path": str(tmp_path / "one")})
    middle = build(backend="postgres", postgres=postgres)
    last = build(chroma={"path": str(tmp_path / "two")})
    for store in (first, middle, last):
        await store.initialize()
    await fill_with_odd_chunks(first, 300)
    await first.set_embedding_metadata("test", "hashed", DIMENSIONS)
    one = await copy_documents(first, middle)
    await export_documents(middle, tmp_path / "out")
    two = await import_documents(last, tmp_path / "out")
    assert one == two
    assert await everything(first) == await everything(middle) == await everything(last)
    assert await last.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)
    for store in (first, middle, last):
        await store.close()


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_an_export_goes_into_a_new_or_empty_directory(two, tmp_path):
    store, _ = two
    await fill_with_odd_chunks(store, 3)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("data")
    with pytest.raises(TransferError, match="not empty"):
        await export_documents(store, tmp_path / "full")
    await export_documents(store, tmp_path / "out")
    with pytest.raises(TransferError, match="already holds a complete export"):
        await export_documents(store, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(TransferError, match="exporting: "):
        await export_documents(store, tmp_path / "file" / "below")


async def test_chunks_of_another_model_are_refused(two, tmp_path):
    store, other = two
    for place, model in ((store, "one"), (other, "two")):
        await fill(place, ("a", model))
        await place.set_embedding_metadata("test", model, DIMENSIONS)
    await export_documents(store, tmp_path / "export")
    told = r"the chunks have vectors of test/one, and the store that they go to has vectors of test/two\. Nothing was"
    with pytest.raises(ProviderMismatchError, match=told):
        await copy_documents(store, other)
    with pytest.raises(ProviderMismatchError, match=told) as caught:
        await import_documents(other, tmp_path / "export")
    assert (caught.value.current_model, caught.value.indexed_model) == ("one", "two")
    assert [document.text async for document in other.iter_documents()] == ["two"]


async def test_a_store_of_other_dimensions_is_refused(two, make, elsewhere, tmp_path):
    store, _ = two
    await fill_with_odd_chunks(store, 3)
    await export_documents(store, tmp_path / "out")
    narrow = make(dimensions=8, **elsewhere("narrow"))
    await narrow.initialize()
    for move in (import_documents(narrow, tmp_path / "out"), copy_documents(store, narrow)):
        with pytest.raises(DimensionMismatchError, match="16 dimensions, but the store has 8"):
            await move
    assert await narrow.get_count() == 0
