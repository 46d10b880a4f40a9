"""Show both backends beside a naive store: every search, many callers at once, and loading.

The environment variable ``CHUNKS`` says how many chunks, 10,000 if it is not set.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from agent_brain_store import StoreConfig, create_backend
from agent_brain_store.store import Store
from benchmarks import naive
from benchmarks.by_hand import postgres_of
from benchmarks.judged import COLLECTIONS, grown, load
from benchmarks.measuring import DIMENSIONS, Bench, interleaved, made_up, percentile, seconds

CHUNKS, QUESTIONS, CALLERS = int(os.environ.get("CHUNKS") or 10_000), 100, 50
FILTERS: dict[str, dict[str, Any]] = {"": {}, ", 2 % match": {"part": 7}, ", 50 % match": {"half": 1}}

Ask = Callable[[int], Awaitable[Any]]  # it asks the question of this number
Write = Callable[[tuple[Any, ...]], Awaitable[Any]]  # it writes a batch


@dataclass(frozen=True)
class Passages:
    """Chunks to store, and questions with their vectors."""

    batch: tuple[Any, ...]
    texts: list[str]
    vectors: Any


async def overview(bench: Bench) -> None:
    """Compare both backends with naive stores that hold the same chunks."""
    passages = passages_of(CHUNKS)
    await _on_postgres(bench, passages)
    await _on_chroma(bench, passages)


def passages_of(count: int) -> Passages:
    """Return passages of the documentation collection if it is there, and made-up ones otherwise.

    A large store has copies of the passages, with longer words of their own. Vectors that a collection lacks are made
    up. They lie in clusters, as vectors of real texts do.
    """
    ids, _, texts, _ = made_up(count, 8)
    questions = [text[:60] for text in texts[:QUESTIONS]]
    vectors, asked = clustered(count), clustered(QUESTIONS)
    if (COLLECTIONS / "techdocs").is_dir():
        found = grown(load(COLLECTIONS / "techdocs"), count)
        ids, texts = found.ids, found.texts
        questions = [text for _, text, _ in found.questions[:QUESTIONS]]
    metadatas = [{"source": f"/docs/{i // 200}.md", "part": i % 50, "half": i % 2} for i in range(count)]
    return Passages((ids, vectors, texts, metadatas), questions, asked)


def clustered(count: int) -> Any:
    """Return unit vectors around 200 centres. Every call has the same centres."""
    centres = np.random.default_rng(8).normal(size=(200, DIMENSIONS))
    rng = np.random.default_rng(count)
    vectors = centres[rng.integers(0, len(centres), count)] + 0.7 * rng.normal(size=(count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


# --- each backend ----------------------------------------------------------------------------------------------------


async def _on_postgres(bench: Bench, passages: Passages) -> None:
    title = f"PostgreSQL, {CHUNKS:,} chunks"
    async with bench.store() as store, naive_postgres(store) as hand:
        await _show_loads(bench, title, passages, store, "by hand", (hand.load, hand.load_again))
        searches: dict[str, tuple[Ask, Ask]] = {}
        for name, where in FILTERS.items():
            theirs, ours = _by_hand(hand, passages, where), _searches(store, passages, where)
            searches |= {f"{search}{name}": (theirs[search], ours[search]) for search in ours}
        await _show_searches(bench, title, "by hand", searches, len(passages.texts))
        await _show_callers(bench, title, {"by hand": searches["hybrid"][0], "ours": searches["hybrid"][1]})


async def _on_chroma(bench: Bench, passages: Passages) -> None:
    title = f"Chroma, {CHUNKS:,} chunks"
    profile = {"provider": "local", "model": "made up", "dimensions": DIMENSIONS}
    storage = {"backend": "chroma", "chroma": {"path": str(bench.workplace / "overview_ours")}}
    store = create_backend(StoreConfig.from_dict({"embedding": profile, "storage": storage}))
    assert isinstance(store, Store)
    await store.initialize()
    hand = naive.Chroma(bench.workplace / "overview_naive")
    try:
        await _show_loads(bench, title, passages, store, "naive", (hand.load, hand.load))
        searches: dict[str, tuple[Ask, Ask]] = {}
        for name, where in FILTERS.items():
            nearest, ours = _by_chroma(hand, passages, where), _searches(store, passages, where)
            searches |= {f"{search}{name}": (nearest, ask) for search, ask in ours.items() if search != "keyword"}
        await _show_searches(bench, title, "naive vector query", searches, len(passages.texts))
    finally:
        await store.close()


@asynccontextmanager
async def naive_postgres(store: Store) -> AsyncIterator[naive.Postgres]:
    """Open a naive store on the same server."""
    hand = naive.Postgres(postgres_of(store).pools.sessions.arguments, f"bench_naive_{os.getpid()}")
    await hand.open(DIMENSIONS)
    try:
        yield hand
    finally:
        await hand.close()


def _by_hand(hand: naive.Postgres, passages: Passages, where: dict[str, Any]) -> dict[str, Ask]:
    texts, vectors = passages.texts, passages.vectors
    return {
        "vector": lambda i: hand.vector(vectors[i], where),
        "keyword": lambda i: hand.keyword(texts[i], where),
        "hybrid": lambda i: hand.hybrid(texts[i], vectors[i], where),
        "relative score": lambda i: hand.hybrid(texts[i], vectors[i], where),
    }


def _by_chroma(hand: naive.Chroma, passages: Passages, where: dict[str, Any]) -> Ask:
    return lambda i: hand.vector(passages.vectors[i], where)


def _searches(store: Store, passages: Passages, where: dict[str, Any]) -> dict[str, Ask]:
    texts, vectors = passages.texts, passages.vectors
    return {
        "vector": lambda i: store.vector_search(vectors[i], 10, where=where),
        "keyword": lambda i: store.keyword_search(texts[i], 10, where=where),
        "hybrid": lambda i: store.hybrid_search(texts[i], vectors[i], 10, where=where),
        "relative score": lambda i: store.hybrid_search(texts[i], vectors[i], 10, where=where, fusion="relative_score"),
    }


# --- tables ----------------------------------------------------------------------------------------------------------


async def _show_loads(
    bench: Bench, title: str, passages: Passages, store: Store, base: str, loads: tuple[Write, Write]
) -> None:
    """Show the throughput of a first load and of the same again. ``loads`` are how the naive store does these."""

    async def ours(batch: tuple[Any, ...]) -> None:
        await store.upsert_documents(*batch)
        await store.wait_idle()

    chunks = len(passages.batch[0])
    for what, load_ in zip(("a first load", "the same again"), loads, strict=True):
        ways = {base: load_, "ours": ours}
        rows = [(way, chunks / await seconds(write(passages.batch))) for way, write in ways.items()]
        bench.show(f"{title}: {what}", rows, "chunks/s", base)


async def _show_searches(
    bench: Bench, title: str, base: str, searches: dict[str, tuple[Ask, Ask]], questions: int
) -> None:
    table = Table(title=f"{title}: ms, p50 / p95", min_width=70)
    for column in ("search", base, "ours", "ratio, p50", "ratio, p95"):
        table.add_column(column, justify="left" if column == "search" else "right")
    for search, (by_hand, ours) in searches.items():
        ways = {"by hand": by_hand, "ours": ours}
        await interleaved(ways, 10)
        times = await interleaved(ways, questions, 3)
        figures = {way: (percentile(taken, 50), percentile(taken, 95)) for way, taken in times.items()}
        for share, place in (("p50", 0), ("p95", 1)):
            named = {base: figures["by hand"][place], "ours": figures["ours"][place]}
            bench.figures[f"{title}: {search}, {share}, ms"] = named
        shown = [f"{p50:.2f} / {p95:.2f}" for p50, p95 in figures.values()]
        ratios = [ours / hand for hand, ours in zip(*figures.values(), strict=True)]
        table.add_row(search, *shown, *(f"{ratio:.2f}" for ratio in ratios))
    bench.console.print(table)


async def _show_callers(bench: Bench, title: str, ways: dict[str, Ask]) -> None:
    async def caller(ask: Ask, number: int) -> None:
        for i in range(10):
            await ask((number + i) % 10)

    async def all_callers(ask: Ask) -> None:
        await asyncio.gather(*(caller(ask, number) for number in range(CALLERS)))

    def round_of(ask: Ask) -> Ask:
        return lambda _: all_callers(ask)

    times = await interleaved({way: round_of(ask) for way, ask in ways.items()}, 5)
    rows = [(way, statistics.median(taken)) for way, taken in times.items()]
    bench.show(f"{title}: {CALLERS} callers, each with 10 hybrid searches", rows, "s", "by hand")
