"""Exports from strangers. Whatever is in them, an import is refused by a typed error, soon, and with little memory."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_brain_store import StorageError, TransferError, export_documents, import_documents, open_store
from tests.support.moving import forge, line
from tests.support.stores import DIMENSIONS, mapping

LINES = line(id="a") + line(id="b")
VECTORS = np.ones((2, DIMENSIONS), "<f4").tobytes()
PROFILE = {"provider": "test", "model": "hashed", "dimensions": DIMENSIONS}


def packed(data: bytes) -> bytes:
    return gzip.compress(data, 1)


async def test_the_forged_export_is_whole_but_for_its_total(store, tmp_path):
    """So each test below fails for the reason that it names."""
    with pytest.raises(TransferError, match="the store holds 2 of 2 chunks as they were sent"):
        await import_documents(store, forge(tmp_path / "out", packed(LINES), packed(VECTORS), {}, {}))


BAD_PARTS: dict[str, dict[str, Any]] = {
    "a name outside of the directory": {"name": "../good/part-00000"},
    "an absolute name": {"name": "/etc/passwd"},
    "a name with NUL": {"name": "part\0"},
    "another part's name": {"name": "part-00001"},
    "no chunks": {"chunks": 0},
    "fewer than no chunks": {"chunks": -1},
    "chunks that are true": {"chunks": True},
    "too many chunks": {"chunks": 10**9},
    "another last id": {"last": "c"},
    "a last id before all others": {"last": ""},
}
BAD_MANIFESTS: dict[str, dict[str, Any]] = {
    "dimensions of 0": {"dimensions": 0},
    "negative dimensions": {"dimensions": -16},
    "dimensions that are true": {"dimensions": True},
    "huge dimensions": {"dimensions": 10**12},
    "a version before the first": {"version": 0},
    "a version that is true": {"version": True},
    "other totals": {"chunks": 3},
    "a profile with more fields": {"profile": PROFILE | {"more": 1}},
    "a profile with NUL": {"profile": PROFILE | {"model": "\0"}},
    "a profile without a name": {"profile": PROFILE | {"provider": ""}},
    "a profile of other dimensions": {"profile": PROFILE | {"dimensions": 3}},
    "parts that are none": {"parts": [[]]},
}
BAD_LINES: dict[str, bytes] = {
    "no JSON": line(id="a") + b"x\n",
    "no UTF-8": line(id="a") + b'{"id": "b\xff"}\n',
    "another value": line(id="a") + b"[]\n",
    "a missing key": line(id="a") + b'{"id": "b", "text": ""}\n',
    "another key": line(id="a") + line(id="b", more=1),
    "an id of another type": line(id="a") + line(id=["b"]),
    "an empty id": line(id="") + line(id="b"),
    "a long id": line(id="a" * 600) + line(id="b"),
    "a repeated id": line(id="b") + line(id="b"),
    "ids in another order": line(id="c") + line(id="b"),
    "a text of another type": line(id="a") + line(id="b", text=7),
    "a surrogate in a text": line(id="a") + line(id="b", text="\ud800"),
    "metadata of another type": line(id="a") + line(id="b", metadata=None),
    "metadata that is deep": line(id="a") + line(id="b", metadata={"k": json.loads("[" * 60 + "]" * 60)}),
    "JSON that is very deep": line(id="a") + b'{"id": "b", "text": "", "metadata": ' + b"[" * 10**5 + b"\n",
    "a long number": line(id="a") + b'{"id": "b", "text": "", "metadata": {"n": ' + b"1" * 5000 + b"}}\n",
    "an integer of 65 bits": line(id="a") + line(id="b", metadata={"n": 2**65}),
    "NaN": line(id="a") + line(id="b", metadata={"n": float("nan")}),
    "an infinity": line(id="a") + b'{"id": "b", "text": "", "metadata": {"n": 1e999}}\n',
    "one line only": line(id="b"),
    "three lines": LINES + line(id="c"),
    "a line that has no end": LINES + b"{",
}
BAD_VECTORS: dict[str, bytes] = {
    "a number less": VECTORS[:-4],
    "a byte more": VECTORS + b"x",
    "nothing": b"",
    "NaN": np.full((2, DIMENSIONS), np.nan, "<f4").tobytes(),
    "an infinity": np.full((2, DIMENSIONS), np.inf, "<f4").tobytes(),
}
BAD_GZIP: dict[str, bytes] = {
    "nothing": b"",
    "no gzip": b"plain",
    "a cut": packed(VECTORS)[:-9],
    "a wrong checksum": packed(VECTORS)[:-5] + b"xxxxx",
    "wrong data": packed(VECTORS)[:12] + b"\xff" * 20,
    "rubbish at its end": packed(VECTORS) + b"rubbish",
}


async def test_whatever_a_stranger_writes_is_called_damaged_and_not_stored(store, tmp_path):
    good, directory = (packed(LINES), packed(VECTORS)), tmp_path / "good"
    forge(directory, *good, {}, {})
    exports = [
        *(forge(tmp_path / f"part {name}", *good, part, {}) for name, part in BAD_PARTS.items()),
        *(forge(tmp_path / f"manifest {name}", *good, {}, said) for name, said in BAD_MANIFESTS.items()),
        *(forge(tmp_path / f"lines {name}", packed(data), good[1], {}, {}) for name, data in BAD_LINES.items()),
        *(forge(tmp_path / f"vectors {name}", good[0], packed(data), {}, {}) for name, data in BAD_VECTORS.items()),
        *(forge(tmp_path / f"packed vectors {name}", good[0], data, {}, {}) for name, data in BAD_GZIP.items()),
        *(forge(tmp_path / f"packed lines {name}", data, good[1], {}, {}) for name, data in BAD_GZIP.items()),
    ]
    wrong = []
    for export in exports:
        try:
            await import_documents(store, export)
        except TransferError as error:
            if "damaged" not in error.message or str(tmp_path) in error.message:
                wrong.append((export.name, error.message))
        except Exception as error:
            wrong.append((export.name, repr(error)))
    assert not wrong
    assert await store.get_count() == 0


@pytest.mark.parametrize("name", ["manifest.json", "part-00000.jsonl.gz", "part-00000.f32.gz"])
async def test_only_regular_files_are_read(store, tmp_path, name):
    """A pipe would block for ever. A link may lead out of the directory."""
    directory = forge(tmp_path / "out", packed(LINES), packed(VECTORS), {}, {})
    kept = (directory / name).rename(tmp_path / "kept")
    for make in (os.mkfifo, lambda path: path.symlink_to(kept), lambda path: path.mkdir()):
        make(directory / name)
        with pytest.raises(TransferError, match="is damaged: it is not a regular file"):
            await import_documents(store, directory)
        (directory / name).rmdir() if (directory / name).is_dir() else (directory / name).unlink()


MOST_MEMORY = 250 * 2**20


@pytest.mark.parametrize("bomb", ["vectors", "a text", "short lines", "long lines", "metadata", "the manifest"])
async def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path, bomb):
    """Each has some hundred kilobytes and would become gigabytes. The manifest says how large it may become.

    The files are read before the backend is asked. So one backend is enough.
    """
    lines, vectors = LINES, VECTORS
    said: dict[str, Any] = {}
    if bomb == "vectors":
        vectors = bytes(250 * 2**20)
    elif bomb == "a text":
        lines = line(id="a") + line(id="b", text="x" * (100 * 2**20))
    elif bomb == "short lines":
        lines = b"\n" * (100 * 2**20)
    elif bomb == "long lines":
        lines = bytes(250 * 2**20)
    elif bomb == "metadata":
        lines = line(id="a") + b'{"id": "b", "text": "", "metadata": {"k": [' + b"{}," * (8 * 2**20) + b"{}]}}\n"
    else:
        said = {"more": [{}] * (5 * 2**20)}
    directory = forge(tmp_path / "out", packed(lines), packed(vectors), {}, said)
    del lines, vectors, said
    async with open_store(mapping(chroma={"path": str(tmp_path / "chroma")})) as store:
        tracemalloc.start()
        try:
            with pytest.raises(TransferError, match="damaged"):
                await import_documents(store, directory)
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()


async def test_an_export_is_not_continued_from_a_stranger_s_files(store, tmp_path):
    forge(tmp_path / "out", packed(b"[]\n[]\n"), packed(VECTORS), {}, {"complete": False})
    with pytest.raises(TransferError, match="damaged"):
        await export_documents(store, tmp_path / "out")


# --- anything at all -------------------------------------------------------------------------------------------------

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SAID = ["format", "version", "profile", "dimensions", "parts", "complete", "chunks", "sha256"]
PART = ["name", "chunks", "last", "documents_sha256", "vectors_sha256"]
CHUNK = st.dictionaries(st.sampled_from(["id", "text", "metadata"]), JSON, max_size=2).map(lambda new: line(**new))
ANYTHING = st.binary(max_size=200)


@given(
    lines=st.just(LINES) | CHUNK.map(lambda new: line(id="a") + new) | st.tuples(CHUNK, CHUNK).map(b"".join) | ANYTHING,
    vectors=st.just(VECTORS) | st.binary(min_size=len(VECTORS), max_size=len(VECTORS)) | ANYTHING,
    part=st.just({}) | st.dictionaries(st.sampled_from(PART), JSON, max_size=2),
    said=st.just({}) | st.dictionaries(st.sampled_from(SAID), JSON, max_size=2),
    raw=st.none() | st.tuples(st.sampled_from(["manifest.json", "part-00000.f32.gz", "part-00000.jsonl.gz"]), ANYTHING),
)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
async def test_anything_at_all_is_imported_or_refused_by_a_typed_error(store, lines, vectors, part, said, raw):
    with tempfile.TemporaryDirectory() as temporary:
        directory = forge(Path(temporary) / "out", packed(lines), packed(vectors), part, said)
        if raw is not None:
            name, data = raw
            (directory / name).write_bytes(data)
        with contextlib.suppress(StorageError):
            await import_documents(store, directory)
