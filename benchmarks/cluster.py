"""Compare a store on a Citus cluster with one on one node: ``python -m benchmarks.cluster [folder [collection ...]]``.

``DATABASE_URL`` names the coordinator. ``SHARDS`` says how many shards (8 without it), and ``QUESTIONS`` how many questions
of a collection are asked at most (250). Each judged collection is loaded twice: into a store on the coordinator alone, and
into one that is spread over the workers. The questions are asked in turns. The table shows nDCG@10 of both, how many of
the ten are the same, the median time of a search on the cluster as a multiple of that on one node, and its rounds: how
often the coordinator asks the shards for one search. Citus counts these if the coordinator has
``citus.enable_stat_counters = on`` in its ``postgresql.conf``.

The stores are dropped at the end.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agent_brain_store.store import Store
from benchmarks.by_hand import raw
from benchmarks.judged import COLLECTIONS, Collection, filled, load, ndcg
from benchmarks.measuring import drop
from benchmarks.progress import tracked, watched
from benchmarks.record import record
from benchmarks.retrieval import WAYS

MOST = int(os.environ.get("QUESTIONS", "250"))  # of a collection
SEARCHES = ("vector", "keyword, top 10 only", "hybrid")
ROUNDS = """
    select query_execution_multi_shard from citus_stat_counters
    where name = current_database()
"""

Place = dict[str, Any]


async def compare(collection: Collection, places: dict[str, Place], console: Console) -> None:
    """Load one collection into both stores, ask both, and print a table."""
    table = Table(title=f"{collection.name}: {len(collection.ids):,} documents")
    for column in ("search", *(f"nDCG@10, {name}" for name in places), "the same ten", "time", "rounds"):
        table.add_column(column, justify="right" if column != "search" else "left")
    figures = {}
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(_store(collection, name, place)) for name, place in places.items()]
        for way in SEARCHES:
            found = await ask(stores, collection, way)
            figures[way] = found
            shown = (f"{found['one node']:.4f}", f"{found['cluster']:.4f}", f"{found['same']:.3f}")
            table.add_row(way, *shown, f"{found['time']:.1f}", f"{found['rounds']:.1f}")
    console.print(table)
    record(f"cluster-{collection.name}", f"{len(collection.ids):,} documents", figures)


@asynccontextmanager
async def _store(collection: Collection, name: str, place: Place) -> AsyncIterator[Store]:
    async with filled(collection, watched(f"{collection.name}, {name}"), backend="postgres", postgres=place) as store:
        assert isinstance(store, Store)
        yield store
        await drop(store)


async def ask(stores: list[Store], collection: Collection, way: str) -> dict[str, float]:
    """Ask both stores the judged questions, in turns."""
    asked = [question for question in collection.questions if collection.relevant.get(question[0])][:MOST]
    ratings: list[list[float]] = [[], []]
    times: list[list[float]] = [[], []]
    same = []
    before = await rounds(stores[1])
    for question_id, text, vector in tracked(asked, f"{collection.name}: {way}"):
        tens = []
        for store, rated, taken in zip(stores, ratings, times, strict=True):
            start = time.perf_counter()
            tens.append([hit.chunk_id for hit in (await WAYS[way](store, text, vector))[:10]])
            taken.append(time.perf_counter() - start)
            rated.append(ndcg(tens[-1], collection.relevant[question_id]))
        most = max(len(ten) for ten in tens)
        same.append(len(set(tens[0]) & set(tens[1])) / most if most else 1.0)  # both found nothing
    after = await rounds(stores[1])
    return {
        "one node": statistics.fmean(ratings[0]),
        "cluster": statistics.fmean(ratings[1]),
        "same": statistics.fmean(same),
        "time": statistics.median(times[1]) / statistics.median(times[0]),
        "rounds": (after - before) / len(asked),
    }


async def rounds(store: Store) -> int:
    """Return how often the coordinator has asked shards so far, for anybody in this database."""
    async with raw(store) as connection:
        return int(await connection.fetchval(ROUNDS))


async def main() -> None:
    """Compare the collections of a folder, or those that the arguments name."""
    root, *names = [Path(argument) for argument in sys.argv[1:]] or [COLLECTIONS]
    url, shards = os.environ.get("DATABASE_URL"), int(os.environ.get("SHARDS", "8"))
    if not url:
        sys.exit("DATABASE_URL has to name the coordinator of a Citus cluster (docs/scaling.md)")
    for folder in [root / name for name in names] or sorted(root.iterdir()):
        if not (folder / "qrels.tsv").exists() or not (folder / "docs.npy").exists():
            continue
        one = {"url": url, "command_timeout": 600, "schema": f"bench_one_{os.getpid()}"}
        spread = {**one, "schema": f"bench_cluster_{os.getpid()}", "distributed": "citus", "shards": shards}
        await compare(load(folder), {"one node": one, "cluster": spread}, Console(width=100))


if __name__ == "__main__":
    asyncio.run(main())
