"""Measure speed against alternatives: ``make bench``.

Each measurement runs in turn with its alternative, in the same run, and shows medians and ratios. The alternatives are
code that you would write by hand with asyncpg, the writes of Agent Brain's former backend, and plain ``ts_rank``.
docs/performance.md explains the measurements. You can name some as arguments. ``make bench`` runs all.
"""

from __future__ import annotations

import asyncio
import inspect
import resource
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agent_brain_store import export_documents, import_documents
from agent_brain_store.filters.parse import parse
from agent_brain_store.postgres.jsonpath import to_jsonpath
from agent_brain_store.store import Store
from benchmarks.by_hand import (
    ANY_WORD_TS_RANK,
    EXACT_BY_HAND,
    WITHOUT_IMPACTS,
    by_hand,
    copy_by_hand,
    raw,
    row_by_row,
)
from benchmarks.callers import callers
from benchmarks.equal_vectors import equal_vectors
from benchmarks.ingest import ingest
from benchmarks.judged import COLLECTIONS, Collection, grown, load
from benchmarks.measuring import DIMENSIONS, Bench, interleaved, made_up, percentile, seconds
from benchmarks.operations import operations
from benchmarks.overview import overview
from benchmarks.peers.table import peers
from benchmarks.progress import tracked, watched
from benchmarks.recall import recall
from benchmarks.record import record
from benchmarks.selectivity import selectivity
from benchmarks.sizes import sizes

Write = Callable[[Store, tuple[Any, ...]], Awaitable[Any]]
CHUNKS, FIRST_LOAD = 2000, 10_000


# --- measurements ----------------------------------------------------------------------------------------------------


async def keyword(bench: Bench) -> None:
    """Compare keyword_search with ts_rank over any word, and then with itself on four times as many chunks."""
    collection = techdocs()
    questions = [text for _, text, _ in collection.questions]
    size = f"{len(collection.ids):,} chunks, {len(questions)} questions"
    async with bench.collection(collection) as store:
        ways: dict[str, Callable[[int], Awaitable[Any]]] = {
            "ts_rank, any word": lambda i: by_hand(store, ANY_WORD_TS_RANK, questions[i]),
            "keyword_search": lambda i: store.keyword_search(questions[i], 10),
            "keyword_search, top 100": lambda i: store.keyword_search(questions[i], 100),
        }
        await interleaved(ways, 30)
        times = await interleaved(ways, len(questions), 3)
        for share in (50, 95, 100):
            rows = [(name, percentile(taken, share)) for name, taken in times.items()]
            bench.show(f"keyword search, p{share}, {size}", rows, "ms", "ts_rank, any word")
        async with bench.collection(grown(collection, 4 * len(collection.ids))) as large:
            ways = {
                "keyword_search": lambda i: store.keyword_search(questions[i], 10),
                "4 x chunks": lambda i: large.keyword_search(questions[i], 10),
                "4 x chunks, top 100": lambda i: large.keyword_search(questions[i], 100),
            }
            await interleaved(ways, 30)
            times = await interleaved(ways, len(questions), 3)
    for share in (50, 95, 100):
        rows = [(name, percentile(taken, share)) for name, taken in times.items()]
        bench.show(f"growth, p{share}", rows, "ms", "keyword_search")


def techdocs() -> Collection:
    """Return the documentation collection if it is there, and made-up chunks otherwise."""
    if (COLLECTIONS / "techdocs").is_dir():
        return load(COLLECTIONS / "techdocs")
    ids, _, texts, _ = made_up(20_000, 1)
    rng = np.random.default_rng(2)
    questions = [" ".join(rng.choice(texts[i].split(), 4)) for i in rng.integers(0, len(texts), 300)]
    return Collection("made up", ids, texts, None, [(str(i), text, None) for i, text in enumerate(questions)], {})


async def filters(bench: Bench) -> None:
    """Compare vector_search with an exact scan of the matches, under filters that match many chunks, few, or one."""
    ids, vectors, texts, _ = made_up(20_000, 6)
    metadatas = [{"half": i % 2, "hundredth": i % 100, "thousandth": i % 1000, "one": i} for i in range(20_000)]
    questions = np.random.default_rng(4).normal(size=(40, DIMENSIONS)).astype(np.float32)
    cases: dict[str, dict[str, Any]] = {
        "50 %": {"half": 1},
        "1 %": {"hundredth": 7},
        "1 %, a range": {"hundredth": {"$lt": 1}},
        "0.1 %": {"thousandth": 7},
        "one chunk": {"one": 7},
        "5 %, by a list of 1,000 values": {"one": {"$in": list(range(0, 20_000, 20))}},
    }
    async with bench.store() as store:
        async with store.bulk_load() as loader:
            await loader.upsert_documents(ids, vectors, texts, metadatas)
        for name, where in cases.items():
            for top_k in (10, 100):
                await filtered(bench, store, questions, name, where, top_k)


async def filtered(bench: Bench, store: Store, questions: Any, name: str, where: dict[str, Any], top_k: int) -> None:
    """Compare both ways to search under one filter."""
    path = to_jsonpath(parse(where))
    ways: dict[str, Callable[[int], Awaitable[Any]]] = {
        "exact scan": lambda i: by_hand(store, EXACT_BY_HAND, questions[i], path, top_k),
        "vector_search": lambda i: store.vector_search(questions[i], top_k, where=where),
    }
    times = await interleaved(ways, len(questions))
    rows = [(way, percentile(taken, 50)) for way, taken in times.items()]
    bench.show(f"filter matching {name} of 20,000, top {top_k}, p50", rows, "ms", "exact scan")


async def upsert(bench: Bench) -> None:
    """Compare upsert_documents with COPY and one insert by hand, and with a row at a time.

    Each way loads an empty store first, and then adds chunks to a filled one.
    """
    ways: dict[str, Write] = {
        "COPY and insert by hand": copy_by_hand,
        "upsert_documents": in_one_call,
        "bulk_load": load_all,
        "a row at a time": row_by_row,
    }
    times = await first_loads(bench, ways, made_up(FIRST_LOAD, 300))
    show_throughput(bench, f"a first load of {FIRST_LOAD:,} chunks", FIRST_LOAD, times)

    async with AsyncExitStack() as stack:
        stores = {way: await stack.enter_async_context(bench.store()) for way in ways}
        before, batches = made_up(3 * CHUNKS, 99), [made_up(CHUNKS, seed) for seed in range(100, 105)]
        for way, store in tracked(list(stores.items()), "the chunks that are there before"):
            await (row_by_row if way == "a row at a time" else load_all)(store, before)
        times = {way: [] for way in ways}
        for batch in tracked(batches, "additions"):
            for way, write in ways.items():
                times[way].append(await seconds(write(stores[way], batch)))
        times["unchanged again"] = [await seconds(in_one_call(stores["upsert_documents"], batches[0]))]
    show_throughput(bench, f"{CHUNKS:,} chunks a call, added to {3 * CHUNKS:,} and more", CHUNKS, times)


def show_throughput(bench: Bench, title: str, chunks: int, times: dict[str, list[float]]) -> None:
    """Print how many chunks a second each way has written, by the median of its times."""
    figures = [(way, chunks / statistics.median(taken)) for way, taken in times.items()]
    bench.show(title, figures, "chunks/s", "a row at a time")


async def bulk(bench: Bench) -> None:
    """Load 20,000 chunks into an empty store: by bulk_load, by one call, and by small calls that keep the index."""
    ways: dict[str, Write] = {
        "upsert_documents, 500 chunks a call": in_small_calls,
        "upsert_documents, one call": in_one_call,
        "bulk_load": load_all,
    }
    times = await first_loads(bench, ways, made_up(20_000, 7))
    rows = [(name, statistics.median(taken)) for name, taken in times.items()]
    bench.show("loading 20,000 chunks of 384", rows, "s", "bulk_load")


async def first_loads(bench: Bench, ways: dict[str, Write], batch: tuple[Any, ...]) -> dict[str, list[float]]:
    """Load an empty store in every way, twice. Returns the seconds of each way."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for way, write in tracked([*ways.items()] * 2, "first loads"):
        async with bench.store() as store:
            times[way].append(await seconds(write(store, batch)))
    return times


async def in_one_call(store: Store, batch: tuple[Any, ...]) -> None:
    """Write a batch in one call."""
    await store.upsert_documents(*batch)


async def in_small_calls(store: Store, batch: tuple[Any, ...]) -> None:
    """Write a batch in calls of 500 chunks."""
    for start in range(0, len(batch[0]), 500):
        await store.upsert_documents(*(part[start : start + 500] for part in batch))


async def load_all(store: Store, batch: tuple[Any, ...]) -> None:
    """Write a batch by bulk_load."""
    async with store.bulk_load() as loader:
        await loader.upsert_documents(*batch)


async def statistics_(bench: Bench) -> None:
    """Compare writes that keep term statistics and impacts fresh with writes that do not."""
    async with bench.store() as with_, bench.store() as without:
        async with raw(without) as connection:
            await connection.execute("alter table chunks disable trigger user")
            await connection.execute(WITHOUT_IMPACTS)
        rounds = [[made_up(500, seed) for seed in range(start, start + 5)] for start in range(200, 220, 5)]

        async def write(store: Store, batches: list[tuple[Any, ...]]) -> None:
            for batch in batches:
                await store.upsert_documents(*batch)
            await store.wait_idle()  # a count runs in the background, but its time counts too

        ways: dict[str, Callable[[int], Awaitable[Any]]] = {
            "without statistics": lambda i: write(without, rounds[i]),
            "with statistics": lambda i: write(with_, rounds[i]),
        }
        times = await interleaved(ways, len(rounds))
    rows = [(name, 10_000 / sum(taken)) for name, taken in times.items()]
    bench.show("writing, 500 chunks a call, from an empty store", rows, "chunks/s", "without statistics")


async def transfer(bench: Bench) -> None:
    """Export and import two numbers of chunks. Shows the speed, and how much memory this process took at its peak."""
    speeds, peaks = [], []
    for count in (25_000, 100_000):
        name = f"{count:,} chunks"
        async with bench.store() as source, bench.store() as target:
            async with source.bulk_load() as loader:
                for seed in tracked(range(300, 300 + count // 5_000), name):
                    await loader.upsert_documents(*made_up(5_000, seed))
            path = bench.workplace / f"export_{count}"
            with watched(name) as progress:
                speeds.append((f"export, {name}", count / await seconds(export_documents(source, path, progress))))
                speeds.append((f"import, {name}", count / await seconds(import_documents(target, path, progress))))
        peaks.append((name, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    bench.show("export and import, 384 dimensions", speeds, "chunks/s", "export, 25,000 chunks")
    bench.show("peak memory of all of it", peaks, "MB", "25,000 chunks")


MEASUREMENTS = {
    "overview": overview,
    "keyword": keyword,
    "filters": filters,
    "equal_vectors": equal_vectors,
    "upsert": upsert,
    "bulk": bulk,
    "statistics": statistics_,
    "transfer": transfer,
    "operations": operations,
    "recall": recall,
    "sizes": sizes,
    "ingest": ingest,
    "selectivity": selectivity,
    "callers": callers,
    "peers": peers,
}


async def main() -> None:
    """Run the measurements that the arguments name, or all of them."""
    names = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := set(names) - set(MEASUREMENTS):
        sys.exit(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        Path(directory).chmod(0o755)
        bench = Bench(Path(directory), Console(width=100))
        async with bench.store():  # it keeps the private server running between measurements
            for name in names:
                bench.figures.clear()
                await MEASUREMENTS[name](bench)
                if bench.figures:
                    record(f"speed-{name}", inspect.getdoc(MEASUREMENTS[name]) or name, bench.figures)


if __name__ == "__main__":
    asyncio.run(main())
