"""Measure recall against latency of vector search on both backends: an approximate index gives one for the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
from rich.table import Table

from agent_brain_store import StorageBackend, StoreConfig, open_store
from agent_brain_store.store import Store
from benchmarks.judged import COLLECTIONS, load
from benchmarks.measuring import DIMENSIONS, Bench, drop, interleaved, percentile
from benchmarks.record import record

COLLECTION, CHUNKS, QUESTIONS = "cosqa", 2000, 100  # so many made-up chunks, if the collection is not there
WIDTHS = (10, 20, 40, 100, 200, 400)  # hnsw_ef_search


async def recall(bench: Bench) -> None:
    """Ask Chroma, and PostgreSQL with several values of ``hnsw_ef_search``, in turns. numpy knows the true neighbours."""
    what, vectors, questions = real_or_made_up()
    count = len(vectors)
    ids = [f"{i:06}" for i in range(count)]
    batch: tuple[Any, ...] = (ids, vectors, ids, [{}] * count)
    nearest = [set(np.argsort(-(vectors @ question))[:10]) for question in questions]
    profile = {"provider": "local", "model": "made up", "dimensions": DIMENSIONS}
    place = bench.place()
    async with AsyncExitStack() as stack:
        stores: dict[str, StorageBackend] = {}
        for width in WIDTHS:
            settings = {**place, "hnsw_ef_search": width, "pool_size": 2}
            config = StoreConfig.from_dict(
                {"embedding": profile, "storage": {"backend": "postgres", "postgres": settings}}
            )
            stores[f"PostgreSQL, ef_search {width}"] = await stack.enter_async_context(open_store(config))
        config = StoreConfig.from_dict(
            {"embedding": profile, "storage": {"chroma": {"path": str(bench.workplace / "c")}}}
        )
        stores["Chroma"] = await stack.enter_async_context(open_store(config))
        first = next(iter(stores.values()))
        for store in (first, stores["Chroma"]):
            async with store.bulk_load() as load:
                await load.upsert_documents(*batch)
        figures = await _measured(stores, questions, nearest)
        assert isinstance(first, Store)
        await drop(first)
    size = f"{count:,} {what} of {DIMENSIONS} dimensions, {len(questions)} questions, top 10"
    table = Table(title=f"recall against latency, {size}", min_width=70)
    for column in ("store", "recall@10", "ms, p50"):
        table.add_column(column, justify="left" if column == "store" else "right")
    for name, found in figures.items():
        table.add_row(name, f"{found['recall']:.3f}", f"{found['p50']:.2f}")
    bench.console.print(table)
    record("recall", size, figures)


def real_or_made_up() -> tuple[str, Any, Any]:
    """Return what the vectors are, vectors and questions: embeddings of real texts if the collection is there."""
    if (COLLECTIONS / COLLECTION / "docs.npy").exists():
        collection = load(COLLECTIONS / COLLECTION)
        return (
            f"embeddings of {COLLECTION}",
            collection.vectors,
            [vector for *_, vector in collection.questions[:QUESTIONS]],
        )
    vectors = np.random.default_rng(5).normal(size=(CHUNKS + QUESTIONS, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return "made-up vectors", vectors[QUESTIONS:], list(vectors[:QUESTIONS])


async def _measured(
    stores: dict[str, StorageBackend], questions: Any, nearest: list[set[Any]]
) -> dict[str, dict[str, float]]:
    recalls: dict[str, float] = {}
    for name, store in stores.items():
        found = [await store.vector_search(question, 10) for question in questions]
        shares = [
            len({int(hit.chunk_id) for hit in hits} & near) / 10 for hits, near in zip(found, nearest, strict=True)
        ]
        recalls[name] = float(np.mean(shares))
    ways = {name: _asking(store, questions) for name, store in stores.items()}
    times = await interleaved(ways, len(questions), 3)
    return {name: {"recall": recalls[name], "p50": percentile(taken, 50)} for name, taken in times.items()}


def _asking(store: StorageBackend, questions: Any) -> Callable[[int], Awaitable[Any]]:
    return lambda i: store.vector_search(questions[i], 10)
