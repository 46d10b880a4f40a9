"""Time ways of doing the same in turns, on stores of their own, and print tables of ratios."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agent_brain_store import StoreConfig, open_store
from agent_brain_store.store import Store
from benchmarks.by_hand import raw
from benchmarks.judged import Collection, filled
from benchmarks.progress import tracked, watched
from benchmarks.retrieval import postgres

DIMENSIONS = 384


class Bench:
    """A private server, or the user's, and a fresh store for each measurement."""

    def __init__(self, workplace: Path, console: Console) -> None:
        self.workplace, self.console, self._schemas = workplace, console, 0
        self.figures: dict[str, dict[str, float]] = {}  # of each table that was shown, for `record`

    @asynccontextmanager
    async def store(self, exact: bool = False) -> AsyncIterator[Store]:
        """Open an empty store in a schema of its own, and drop the schema at the end.

        An ``exact`` store has no vector index, and its keyword search scores every match.
        """
        more: dict[str, Any] = {"index": "none"} if exact else {}
        keyword = {"keyword": {"budget": 0}} if exact else {}
        async with _opened({"backend": "postgres", "postgres": self.place() | more, **keyword}) as store:
            yield store
            await drop(store)

    @asynccontextmanager
    async def both(self, dimensions: int = DIMENSIONS) -> AsyncIterator[dict[str, Store]]:
        """Open an empty store on each backend. The schema of the one on PostgreSQL is dropped at the end."""
        on_postgres = {"backend": "postgres", "postgres": self.place()}
        on_chroma = {"backend": "chroma", "chroma": {"path": str(self.workplace / f"chroma_{self._schemas}")}}
        async with _opened(on_postgres, dimensions) as postgres_, _opened(on_chroma, dimensions) as chroma:
            yield {"PostgreSQL": postgres_, "Chroma": chroma}
            await drop(postgres_)

    @asynccontextmanager
    async def collection(self, collection: Collection) -> AsyncIterator[Store]:
        """Open a store that holds a collection, after a vacuum. Its schema is dropped at the end."""
        place = self.place()
        async with filled(collection, watched(collection.name), backend="postgres", postgres=place) as store:
            assert isinstance(store, Store)
            async with raw(store) as connection:
                await connection.execute("vacuum analyze")
            yield store
            await drop(store)

    def place(self) -> dict[str, Any]:
        """Return a schema that no earlier run has filled. Chunks that are stored already would be written in no time."""
        self._schemas += 1
        return postgres(self.workplace, f"speed_{os.getpid()}_{self._schemas}")

    def show(self, title: str, rows: Sequence[tuple[str, float]], unit: str, base: str) -> None:
        """Print a table of figures, each with its ratio to the figure of ``base``."""
        table = Table(title=title, min_width=70)
        for column in ("", unit, f"ratio to {base}"):
            table.add_column(column, justify="right" if column else "left")
        reference = dict(rows)[base]
        for name, figure in rows:
            table.add_row(name, f"{figure:,.2f}" if figure < 100 else f"{figure:,.0f}", f"{figure / reference:.2f}")
        self.figures[f"{title}, {unit}"] = dict(rows)
        self.console.print(table)


@asynccontextmanager
async def _opened(storage: dict[str, Any], dimensions: int = DIMENSIONS) -> AsyncIterator[Store]:
    profile = {"provider": "local", "model": "made up", "dimensions": dimensions}
    async with open_store(StoreConfig.from_dict({"embedding": profile, "storage": storage})) as store:
        assert isinstance(store, Store)
        yield store


async def drop(store: Store) -> None:
    """Drop a store's schema."""
    async with raw(store) as connection:
        await connection.execute(f"drop schema {await connection.fetchval('select current_schema()')} cascade")


def made_up(count: int, seed: int) -> tuple[list[str], Any, list[str], list[dict[str, Any]]]:
    """Return chunks of 120 made-up words. The words are as unevenly distributed as natural ones."""
    rng = np.random.default_rng(seed)
    letters = np.random.default_rng(1).choice(list("etaoinshrdlu"), size=(30_000, 9))
    vocabulary = np.array(["".join(word[: 3 + rank % 7]) for rank, word in enumerate(letters)])
    words = vocabulary[np.minimum(rng.zipf(1.3, size=(count, 120)) - 1, len(vocabulary) - 1)]
    ids = [f"{seed}-{i:06}" for i in range(count)]
    metadatas = [{"source": f"/src/{i % 100}.py", "n": i, "language": "python"} for i in range(count)]
    vectors = rng.normal(size=(count, DIMENSIONS)).astype(np.float32)
    return ids, vectors, [" ".join(row) for row in words], metadatas


async def seconds(work: Awaitable[Any]) -> float:
    """Return how many seconds some work takes."""
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


async def interleaved(
    ways: dict[str, Callable[[int], Awaitable[Any]]], rounds: int, repeats: int = 1
) -> dict[str, list[float]]:
    """Run every way once in every round, in turn, so that a noisy moment hits all of them. Returns the seconds of each.

    With ``repeats``, a way runs several times in a round and the median counts. Then the caches are not full of another
    way's data.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in tracked(range(rounds), " · ".join(ways)):
        for name, way in ways.items():
            times[name].append(statistics.median([await seconds(way(number)) for _ in range(repeats)]))
    return times


def percentile(times: Sequence[float], share: float) -> float:
    """Return a percentile of times in seconds, in milliseconds. ``share`` is from 0 to 100."""
    return float(np.percentile(times, share) * 1000)
