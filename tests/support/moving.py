"""Chunks that are moved between stores, and what must be the same afterwards."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from agent_brain_store import StorageBackend
from tests.support.stores import DIMENSIONS

METADATA: list[dict[str, Any]] = [
    {},
    {"source": "/a/b.py", "n": 1, "f": 1.0, "big": 1e22, "t": True},
    {"list": [1, "x", None], "nested": {"a": {"b": []}}, "empty": [], "é": "🐻\u2028\n\r"},
]


async def fill_with_odd_chunks(store: StorageBackend, count: int) -> None:
    """Upsert chunks with every kind of metadata, odd line ends, and vectors of unit and of other length."""
    rng = np.random.default_rng(count)
    ids = [f"chunk {i:06}" for i in range(count)]
    vectors = rng.normal(size=(count, DIMENSIONS)).astype(np.float32)
    vectors[::2] /= np.linalg.norm(vectors[::2], axis=1, keepdims=True)
    texts = [f"text {i}\nwith a line\u2028 and \x85 more" for i in range(count)]
    await store.upsert_documents(ids, vectors, texts, [METADATA[i % 3] for i in range(count)])


async def everything(store: StorageBackend) -> dict[str, tuple[Any, ...]]:
    """Return text, metadata and the bytes of the vector of every chunk, by id."""
    return {
        chunk.chunk_id: (chunk.text, chunk.metadata, np.asarray(chunk.embedding).tobytes())
        async for chunk in store.iter_documents(include_embeddings=True)
    }


def forge(directory: Path, lines: bytes, vectors: bytes, part: dict[str, Any], manifest: dict[str, Any]) -> Path:
    """Write a complete export of one part by hand, with its right checksums, and whatever a stranger puts into it.

    ``lines`` and ``vectors`` are compressed already. ``part`` and ``manifest`` replace what the manifest says.
    """
    directory.mkdir()
    (directory / "part-00000.jsonl.gz").write_bytes(lines)
    (directory / "part-00000.f32.gz").write_bytes(vectors)
    entry = {
        "name": "part-00000",
        "chunks": 2,
        "last": "b",
        "documents_sha256": hashlib.sha256(lines).hexdigest(),
        "vectors_sha256": hashlib.sha256(vectors).hexdigest(),
    }
    said = {
        "format": "agent_brain_store export",
        "version": 1,
        "profile": None,
        "dimensions": DIMENSIONS,
        "parts": [entry | part],
        "complete": True,
        "chunks": 2,
        "sha256": "0" * 64,
    }
    (directory / "manifest.json").write_text(json.dumps(said | manifest))
    return directory


def line(**fields: Any) -> bytes:
    """Return the line of a chunk, with whatever a stranger puts into it."""
    return json.dumps({"id": "a", "text": "text", "metadata": {}} | fields).encode() + b"\n"
