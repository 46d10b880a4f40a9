"""Files of JSON lines and Parquet files, as people have them."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent_brain_store import StorageBackend, TransferError
from agent_brain_store.sources import LeftOut, files, import_from, read_json_lines, read_parquet
from tests.support.stores import embed

ROWS: list[dict[str, Any]] = [
    {
        "id": f"row {i}",
        "text": f"text {i}\nwith a line\u2028 and \x85 more",
        "embedding": embed(f"text {i}"),
        "metadata": {"n": i, "tags": ["a", "b"]},
    }
    for i in range(600)
]


async def same(store: StorageBackend) -> None:
    found = {d.chunk_id: d async for d in store.iter_documents(include_embeddings=True)}
    assert found.keys() == {row["id"] for row in ROWS}
    for row in ROWS:
        assert (found[row["id"]].text, found[row["id"]].metadata) == (row["text"], row["metadata"])
        np.testing.assert_array_equal(found[row["id"]].embedding, np.float32(row["embedding"]))


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
async def test_json_lines(store, tmp_path, name):
    opened = gzip.open if name.endswith("gz") else Path.open
    with opened(tmp_path / name, "wt", encoding="utf-8") as file:
        file.write(lines(*ROWS))
    assert (await import_from(store, read_json_lines(tmp_path / name))).chunks == 600
    await same(store)


async def test_keys_may_have_other_names(store, tmp_path):
    (tmp_path / "rows").write_text(lines({"key": "a", "body": "b", "vector": embed("b"), "n": 1, "lang": "en"}))
    items = read_json_lines(tmp_path / "rows", chunk_id="key", text="body", embedding="vector", metadata=None)
    await import_from(store, items)
    assert await store.get_by_id("a") == {"text": "b", "metadata": {"n": 1, "lang": "en"}}


async def test_an_id_may_be_a_number_and_a_vector_a_string(store, tmp_path):
    """PostgreSQL's row_to_json() writes rows like these, of a table with a serial number and a vector."""
    rows = [{"id": n, "text": "b", "embedding": json.dumps(embed("b")), "metadata": {}} for n in (7, 2**63)]
    wrong: list[dict[str, Any]] = [{**rows[0], "id": True}, {**rows[0], "id": 8, "embedding": "[1, 2"}]
    (tmp_path / "rows").write_text(lines(*rows, *wrong))
    report = await import_from(store, read_json_lines(tmp_path / "rows"))
    assert {chunk.chunk_id async for chunk in store.iter_documents()} == {"7", str(2**63)}
    assert [left_out.reason.partition(":")[0] for left_out in report.named] == [
        "id is of type bool, not a string",
        "its embedding is not JSON",
    ]


async def test_lines_that_are_no_chunk_are_named(store, tmp_path):
    (tmp_path / "rows").write_text('{"id": "a"\n\n[1]\n' + lines({"id": "b", "text": "c"}, ROWS[0]))
    report = await import_from(store, read_json_lines(tmp_path / "rows"))
    assert (report.chunks, report.left_out) == (1, 3)
    assert {left_out.name for left_out in report.named} == {"line 1", "line 3", "b"}
    assert LeftOut("line 3", "it is not a JSON object") in report.named


@pytest.mark.parametrize(
    "hostile",
    [
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"id": "a", "text": "b", "embedding": [1], "metadata": "' + b"[" * 200_000 + b'"}',
        b'{"id": ' + b"9" * 10_000 + b"}",
        b"\0\0\xff",
        b'{"id": "b", "text": "c", "embedding": 3}',
    ],
    ids=["lists", "objects", "metadata", "digits", "bytes", "number"],
)
async def test_a_hostile_line_is_left_out_and_the_next_one_is_read(store, tmp_path, hostile):
    (tmp_path / "rows").write_bytes(hostile + b"\n" + lines(ROWS[0]).encode())
    report = await import_from(store, read_json_lines(tmp_path / "rows"))
    assert (report.chunks, report.left_out) == (1, 1)


async def test_a_line_that_is_a_bomb_does_not_fill_the_memory(store, tmp_path, monkeypatch):
    """300 MB of one letter are 1 MB on the disk. The limit is lowered, so that the memory can be measured."""
    monkeypatch.setattr(files, "LONGEST", 2**20)
    with gzip.open(tmp_path / "rows.gz", "wb", compresslevel=1) as file:
        for _ in range(30):
            file.write(b"x" * 10_000_000)
        file.write(b"\n" + lines(ROWS[0]).encode())
    tracemalloc.start()
    try:
        report = await import_from(store, read_json_lines(tmp_path / "rows.gz"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.chunks, report.left_out) == (1, 1)
    assert report.named[0].reason == "it is longer than 1 MiB"
    assert peak < 30_000_000


async def test_a_file_that_is_missing_or_damaged_is_named(store, tmp_path):
    with pytest.raises(TransferError, match=r"reading nobody\.jsonl"):
        await import_from(store, read_json_lines(tmp_path / "nobody.jsonl"))
    (tmp_path / "rows.gz").write_bytes(gzip.compress(lines(*ROWS).encode())[:-100])
    with pytest.raises(TransferError, match=r"rows\.gz"):
        await import_from(store, read_json_lines(tmp_path / "rows.gz"))


@pytest.fixture
def parquet():
    return pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install -e '.[parquet]'")


@pytest.mark.parametrize("is_struct", [True, False])
async def test_parquet(store, tmp_path, parquet, is_struct):
    import pyarrow as pa

    rows = ROWS if is_struct else [{**row, "metadata": json.dumps(row["metadata"])} for row in ROWS]
    schema = pa.schema(
        {
            "id": pa.string(),
            "text": pa.string(),
            "embedding": pa.list_(pa.float32(), 16),
            "metadata": pa.struct({"n": pa.int64(), "tags": pa.list_(pa.string())}) if is_struct else pa.string(),
        }
    )
    parquet.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "rows.parquet", row_group_size=350)
    assert (await import_from(store, read_parquet(tmp_path / "rows.parquet"))).chunks == 600
    await same(store)


async def test_parquet_of_other_types(store, tmp_path, parquet):
    """As Spark writes a map, and a database its numbers."""
    import pyarrow as pa

    table = {
        "id": pa.array([1, 2], pa.int64()),
        "text": ["a", "b"],
        "embedding": [embed("a"), embed("b")],
        "metadata": pa.array([[("lang", "en")], []], pa.map_(pa.string(), pa.string())),
        "price": pa.array([Decimal("1.5"), None], pa.decimal128(5, 2)),
    }
    parquet.write_table(pa.table(table), tmp_path / "rows")
    assert (await import_from(store, read_parquet(tmp_path / "rows"))).left_out == 0
    assert {chunk.chunk_id: chunk.metadata async for chunk in store.iter_documents()} == {"1": {"lang": "en"}, "2": {}}
    assert (await import_from(store, read_parquet(tmp_path / "rows", metadata=None))).left_out == 0
    assert (await store.get_by_ids(["1"]))["1"]["metadata"] == {"metadata": {"lang": "en"}, "price": 1.5}


async def test_a_parquet_file_that_is_none_is_named(store, tmp_path, parquet):
    import pyarrow as pa

    (tmp_path / "none").write_bytes(b"PAR1 nothing of the kind PAR1")
    with pytest.raises(TransferError, match="none is no Parquet file"):
        await import_from(store, read_parquet(tmp_path / "none"))
    with pytest.raises(TransferError, match="nobody"):
        await import_from(store, read_parquet(tmp_path / "nobody"))
    parquet.write_table(pa.table({"id": ["a"]}), tmp_path / "columns")
    with pytest.raises(TransferError, match="no column text, embedding, metadata; its columns are id"):
        await import_from(store, read_parquet(tmp_path / "columns"))


async def test_altered_parquet_files_are_refused_by_a_typed_error(tmp_path, parquet):
    import pyarrow as pa

    path, chooser = tmp_path / "rows.parquet", random.Random(5)
    table = {"id": ["a", "b"] * 50, "text": ["ä", "y"] * 50, "embedding": [[1.0, 2.0]] * 100, "metadata": ["{}"] * 100}
    parquet.write_table(pa.table(table), path)
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        altered = bytearray(whole)
        for _ in range(chooser.choice((1, 4, 20))):
            altered[chooser.randrange(len(whole))] = chooser.randrange(256)
        path.write_bytes(altered)
        try:
            assert [item async for item in read_parquet(path)]
        except TransferError:
            refused += 1
    assert refused > 100
