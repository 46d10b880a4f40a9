"""Stores for tests: their configuration, a toy embedding, and chunks to fill them with."""

from __future__ import annotations

from typing import Any

import numpy as np

from agent_brain_store import StorageBackend

DIMENSIONS = 16

# Four chunks that most tests of the contract use.
ANIMALS = (
    ("a", "the growling bear sleeps in the forest", {"source_type": "doc", "language": "en", "n": 1}),
    ("b", "a small cat chases the mouse", {"source_type": "code", "language": "en", "n": 2}),
    ("c", "the bear and the cat are friends", {"source_type": "doc", "language": "de", "n": 3}),
    ("d", "rockets fly to the moon", {"source_type": "test", "n": 4}),
)


def mapping(**storage: Any) -> dict[str, Any]:
    """Return a configuration as YAML would give it, with short vectors."""
    dimensions = storage.pop("dimensions", DIMENSIONS)
    return {"embedding": {"provider": "test", "model": "hashed", "dimensions": dimensions}, "storage": storage}


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Embed a text as a toy does: equal texts get equal vectors, texts that share words get similar ones."""
    total = np.zeros(dimensions)
    for word in text.lower().split() or [""]:
        total += np.random.default_rng(abs(hash_of(word))).normal(size=dimensions)
    return [float(x) for x in total / np.linalg.norm(total)]


def hash_of(word: str) -> int:
    """Hash a word to the same number in every process, unlike hash()."""
    return int.from_bytes(word.encode()[:16].ljust(16, b"\0"), "little")


async def fill(store: StorageBackend, *chunks: tuple[Any, ...]) -> None:
    """Upsert ``(id, text)`` or ``(id, text, metadata)`` tuples."""
    ids, texts = [c[0] for c in chunks], [c[1] for c in chunks]
    metadatas = [c[2] if len(c) > 2 else {} for c in chunks]
    assert await store.upsert_documents(ids, [embed(t) for t in texts], texts, metadatas) == len(set(ids))


def made_up(
    count: int, name: str = "", dimensions: int = DIMENSIONS
) -> tuple[list[str], np.ndarray, list[str], list[dict[str, Any]]]:
    """Return the arguments of an upsert of so many chunks. Their ids are their texts, after ``name``."""
    ids = [f"{name}{i:05}" for i in range(count)]
    return ids, np.random.default_rng(count).normal(size=(count, dimensions)), ids, [{}] * count


async def ids(store: StorageBackend, query: str, top_k: int = 20, **options: Any) -> list[str]:
    """Return the ids that a keyword search finds, best first."""
    return [hit.chunk_id for hit in await store.keyword_search(query, top_k, **options)]
