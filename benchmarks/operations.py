"""Measure what each operation costs over the same statement sent with bare asyncpg, on the same store."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from rich.table import Table

from agent_brain_store.postgres.sql import queries
from agent_brain_store.store import Store
from benchmarks.by_hand import copy_by_hand, raw
from benchmarks.measuring import Bench, interleaved, made_up, percentile
from benchmarks.overview import passages_of
from benchmarks.record import record

CHUNKS, ROUNDS, WRITES, WRITTEN = int(os.environ.get("CHUNKS") or 10_000), 100, 10, 100
Call = Callable[[int], Awaitable[Any]]


async def operations(bench: Bench) -> None:
    """Run each operation of the library in turns with its statement. Adding chunks is compared with COPY and one insert."""
    passages = passages_of(CHUNKS)
    figures: dict[str, dict[str, float]] = {}
    async with bench.store() as store, raw(store) as connection:
        async with store.bulk_load() as load:
            await load.upsert_documents(*passages.batch)
        for name, (bare, ours) in reads(store, connection, passages).items():
            await interleaved({"bare": bare, "ours": ours}, 10)
            figures[name] = await _medians(bare, ours, ROUNDS)
        parts = [made_up(WRITTEN, 400 + number) for number in range(2 * WRITES)]
        figures[f"upsert of {WRITTEN}"] = await _medians(
            lambda i: copy_by_hand(store, parts[i]), lambda i: store.upsert_documents(*parts[WRITES + i]), WRITES, 1
        )
        await store.wait_idle()  # before its schema is dropped
    size = f"{CHUNKS:,} passages, ms, median"
    table = Table(title=f"operations beside bare asyncpg, {size}", min_width=70)
    for column in ("operation", "bare asyncpg", "agent-brain-store", "ratio"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name, found in figures.items():
        ratio = found["ours"] / found["bare"]
        table.add_row(name, f"{found['bare']:.2f}", f"{found['ours']:.2f}", f"{ratio:.2f}")
    bench.console.print(table)
    record("operations", size, figures)


def reads(store: Store, connection: Any, passages: Any) -> dict[str, tuple[Call, Call]]:
    """Return for each operation how it is run by bare asyncpg, and by the library."""
    ids, texts, vectors = passages.batch[0], passages.texts, passages.vectors

    def bare(name: str, values: Callable[[int], dict[str, Any]]) -> Call:
        query = queries()[name]
        return lambda i: connection.fetch(query.text, *query.args(values(i)))

    everything = {"filter": "", "source_prefix": ""}
    fused = {"fusion": "convex", "vector_weight": 0.5, "keyword_weight": 0.5, "rrf_k": 60, "candidates": 50}
    some = [ids[start : start + 10] for start in range(0, 10 * ROUNDS, 10)]
    return {
        "vector search": (
            bare("vector_search", lambda i: {"query_embedding": vectors[i], "top_k": 10, **everything}),
            lambda i: store.vector_search(vectors[i], 10),
        ),
        "keyword search": (
            bare("keyword_search", lambda i: {"query": texts[i], "top_k": 10, **everything}),
            lambda i: store.keyword_search(texts[i], 10),
        ),
        "hybrid search": (
            bare(
                "hybrid_search",
                lambda i: {"query": texts[i], "query_embedding": vectors[i], "top_k": 10, **everything, **fused},
            ),
            lambda i: store.hybrid_search(texts[i], vectors[i], 10),
        ),
        "get 10 by id": (
            bare("get_chunks", lambda i: {"ids": some[i], "with_embeddings": False}),
            lambda i: store.get_by_ids(some[i]),
        ),
    }


async def _medians(bare: Call, ours: Call, rounds: int, repeats: int = 3) -> dict[str, float]:
    times = await interleaved({"bare": bare, "ours": ours}, rounds, repeats)
    return {way: percentile(taken, 50) for way, taken in times.items()}
