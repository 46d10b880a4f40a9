"""Chunks that are moved between stores, and what must be the same afterwards."""

from __future__ import annotations

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
