"""Show whether vector search finds a chunk's neighbours while many other chunks have one and the same vector."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import numpy as np
from rich.table import Table

from agent_brain_store import StorageBackend, StoreConfig, open_store
from benchmarks.measuring import DIMENSIONS, Bench, percentile, seconds

CHUNKS, QUESTIONS, SHARES = 2000, 50, (0.0, 0.05, 0.5, 0.9, 0.99)


async def equal_vectors(bench: Bench) -> None:
    """Measure recall@10 and latency on both backends, by the share of chunks that have equal vectors.

    The questions lie near chunks whose vectors are their own.
    """
    table = Table(title=f"vector search beside equal vectors, {CHUNKS:,} chunks: recall@10, ms p50", min_width=70)
    for column in ("share of equal vectors", "PostgreSQL", "Chroma"):
        table.add_column(column, justify="left" if column.startswith("share") else "right")
    for share in SHARES:
        vectors, questions = some_vectors(share)
        async with AsyncExitStack() as stack:
            profile = {"provider": "local", "model": "made up", "dimensions": DIMENSIONS}
            chroma = {"backend": "chroma", "chroma": {"path": str(bench.workplace / f"equal-{share}")}}
            config = StoreConfig.from_dict({"embedding": profile, "storage": chroma})
            stores = (
                await stack.enter_async_context(bench.store()),
                await stack.enter_async_context(open_store(config)),
            )
            cells = [await recall_and_latency(store, vectors, questions) for store in stores]
        table.add_row(f"{share:.0%}", *cells)
    bench.console.print(table)


def some_vectors(share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of which so many are equal, in no order, and questions near some of the others."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(CHUNKS, DIMENSIONS)).astype(np.float32)
    order = rng.permutation(CHUNKS)
    equal = order[: int(CHUNKS * share)]
    vectors[equal] = vectors[order[0]]
    others = order[len(equal) :][:QUESTIONS]
    return vectors, vectors[others] + 0.3 * rng.normal(size=(len(others), DIMENSIONS)).astype(np.float32)


async def recall_and_latency(store: StorageBackend, vectors: np.ndarray, questions: np.ndarray) -> str:
    """Fill a store, ask it, and return recall@10 and the median of the milliseconds."""
    ids = [f"{i:06}" for i in range(len(vectors))]
    await store.upsert_documents(ids, vectors, ids, [{}] * len(ids))
    await store.wait_idle()
    similarities = questions @ vectors.T / np.linalg.norm(vectors, axis=1)
    recalls, times = [], []
    for question, similar in zip(questions, similarities, strict=True):
        search = asyncio.ensure_future(store.vector_search(question, 10))
        times.append(await seconds(search))
        tenth = np.sort(similar)[-10] - 1e-4
        recalls.append(sum(similar[int(hit.chunk_id)] >= tenth for hit in search.result()) / 10)
    return f"{np.mean(recalls):.3f}, {percentile(times, 50):.2f}"
