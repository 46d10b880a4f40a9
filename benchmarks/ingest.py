"""Measure how many chunks a second both backends take, by the size of a call and by the length of the vectors."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from rich.table import Table

from agent_brain_store.store import Store
from benchmarks.measuring import Bench, interleaved, made_up
from benchmarks.record import record

BEFORE, WRITTEN, ROUNDS = 1000, 200, 3
CALLS, LENGTHS = (1, 10, 50, 200), (384, 768, 1536)


async def ingest(bench: Bench) -> None:
    """Add chunks of 120 words to indexed stores in small and in large calls, in turns, for several lengths of the vector."""
    figures: dict[str, dict[str, float]] = {}
    for length in LENGTHS:
        async with bench.both(length) as stores:
            for store in stores.values():
                await store.upsert_documents(*_chunks(BEFORE, 0, length))
            ways = {
                f"{name}, {size:,} a call": _writing(store, size, length)
                for size in CALLS
                for name, store in stores.items()
            }
            times = await interleaved(ways, ROUNDS)
            for store in stores.values():
                await store.wait_idle()  # before its schema is dropped
        figures[f"{length:,} dimensions"] = {way: WRITTEN / statistics.median(taken) for way, taken in times.items()}
    size = f"{WRITTEN:,} chunks of 120 words a round, added to {BEFORE:,} and more, chunks a second"
    table = Table(title=f"writing by size of a call, {size}", min_width=70)
    table.add_column("backend, chunks a call")
    for name in figures:
        table.add_column(name, justify="right")
    for way in next(iter(figures.values())):
        table.add_row(way, *(f"{found[way]:,.0f}" for found in figures.values()))
    bench.console.print(table)
    record("ingest", size, figures)


def _writing(store: Store, size: int, length: int) -> Callable[[int], Awaitable[None]]:
    """Return what writes new chunks in calls of one size. No round of any size has a chunk of another."""
    rounds = [_chunks(WRITTEN, 1 + size * ROUNDS + number, length) for number in range(ROUNDS)]

    async def write(number: int) -> None:
        for start in range(0, WRITTEN, size):
            await store.upsert_documents(*(part[start : start + size] for part in rounds[number]))

    return write


def _chunks(count: int, seed: int, length: int) -> tuple[Any, ...]:
    ids, _, texts, metadatas = made_up(count, seed)
    return ids, np.random.default_rng(seed).normal(size=(count, length)).astype(np.float32), texts, metadatas
