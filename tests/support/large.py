"""A store of 20,000 chunks that many tests read."""

from __future__ import annotations

from typing import Any

import numpy as np

from agent_brain_store import create_backend
from tests.support.postgres import config
from tests.support.stores import DIMENSIONS

COMMON_WORDS = [
    "index",
    "query",
    "vector",
    "table",
    "ranking",
    "python",
    "server",
    "memory",
    "planner",
    "cache",
    "filter",
    "chunk",
]


def large_text(i: int) -> str:
    """Make a text of twelve common words, one that ten chunks share, and one of the chunk's own."""
    rng = np.random.default_rng(i)
    return " ".join(rng.choice(COMMON_WORDS, 12)) + f" rare{i % 2000} unique{i}"


def large_metadata(i: int) -> dict[str, Any]:
    """Make metadata with values that half, a hundredth and a thousandth of the chunks share, and one of the chunk's own."""
    return {
        "half": i % 2,
        "hundredth": i % 100,
        "thousandth": i % 1000,
        "one": i,
        "source": f"/src/app{i % 50}/file{i}.py",
        "source_type": ("doc", "code", "test")[i % 3],
    }


async def load_large(postgres: dict[str, Any]) -> np.ndarray:
    """Load them, and return their vectors."""
    count = 20_000
    vectors = np.random.default_rng(5).normal(size=(count, DIMENSIONS)).astype(np.float32)
    ids = [f"{i:05}" for i in range(count)]
    store = create_backend(config(postgres))
    await store.initialize()
    async with store.bulk_load() as load:
        await load.upsert_documents(
            ids, vectors, [large_text(i) for i in range(count)], [large_metadata(i) for i in range(count)]
        )
    await store.close()
    return vectors
