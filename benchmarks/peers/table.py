"""Compare both backends with other stores: ``PEERS=1 make bench``. A store that is not installed is named and left out."""

from __future__ import annotations

import inspect
import os
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.answers import Ask, Ours, asking, many_callers, rated
from benchmarks.by_hand import postgres_of, raw
from benchmarks.corpus import Corpus, corpus
from benchmarks.measuring import Bench, interleaved, percentile
from benchmarks.peers import in_process, on_postgres
from benchmarks.processor import measured, private_server
from benchmarks.record import record

CALLERS, EACH, TIMED, ROUNDS = 50, 10, 48, 3  # callers and questions of each; questions that are timed, how often
SEARCHES = {  # which search it is, and what it filters by
    "vector": ("nearest", ""),
    "keyword": ("keyword", ""),
    "hybrid": ("hybrid", ""),
    "hybrid, 2 % match": ("hybrid", "part"),
    "hybrid, 50 % match": ("hybrid", "half"),
}
# What makes a store, its package, and whether it is on the server. Then it gets a connection's arguments and a schema.
PEERS: dict[str, tuple[Callable[..., Any], str, bool]] = {
    "asyncpg by hand": (on_postgres.ByHand, "asyncpg", True),
    "langchain-postgres": (on_postgres.LangChain, "langchain-postgres", True),
    "LlamaIndex": (on_postgres.LlamaIndex, "llama-index-vector-stores-postgres", True),
    "Chroma and rank-bm25": (in_process.ChromaWithBm25, "rank-bm25", False),
    "LanceDB": (in_process.LanceDb, "lancedb", False),
    "sqlite-vec and FTS5": (in_process.SqliteVec, "sqlite-vec", False),
    "zvec": (in_process.Zvec, "zvec", False),
}
SHOWN = {"p50": "ms, p50", "p95": "ms, p95", "recall": "recall@10", "ndcg": "nDCG@10"}
ROOM = """
    select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = ($1::text)::regnamespace and relkind = 'r'
"""

Stores = dict[str, tuple[Any, Path | str]]  # each with the folder or the schema that it fills
Figures = dict[str, dict[str, float]]  # of each store


async def peers(bench: Bench) -> None:
    """Put the same chunks into every store, and ask all of them the same questions, in turns."""
    asked, versions = corpus(), dict[str, str]()
    size = f"{len(asked.batch[0]):,} {asked.what}, {len(asked.questions)} questions"
    figures: dict[str, Figures] = {}
    async with _opened(bench, versions) as (stores, connection):
        server = private_server(bench.workplace)
        figures["first load"] = await _loaded(stores, asked, server, connection)
        _show(bench, f"first load: {size}", figures["first load"])
        for title, (search, key) in SEARCHES.items():
            figures[title] = await _searched(stores, asked, search, key, server)
            _show(bench, f"{title}: {size}", figures[title])
        together = f"{CALLERS} callers, each with {EACH} hybrid searches"
        figures[together] = await _together(stores, asked)
        _show(bench, f"{together}: {size}", figures[together])
    record("peers", size, figures, **versions)


async def _loaded(stores: Stores, asked: Corpus, server: Any, connection: Any) -> Figures:
    """Load the chunks into each store, one after another. Shows what that takes, and how much room it leaves taken."""
    figures: Figures = {}
    for name, (store, place) in stores.items():
        found = await measured(store.load(asked.batch), server)
        found["chunks a second"] = len(asked.batch[0]) / found["s"]
        figures[name] = found | {"MB": await _megabytes(connection, place)}
    return figures


async def _searched(stores: Stores, asked: Corpus, search: str, key: str, server: Any) -> Figures:
    """Rate every store that has this search, and then measure how long it takes.

    Processor time is measured if the server is a private one, whose processes can be seen.
    """
    searching = {name: store for name, (store, _) in stores.items() if getattr(store, search)}
    ways = {name: asking(store, asked, search, key) for name, store in searching.items()}
    figures = {name: await rated(ask, asked, search, key) for name, ask in ways.items()}
    for name, ask in ways.items() if server else ():
        found = await measured(_every(ask, asked), server)
        figures[name]["processor ms"] = found["processor s"] * 1000 / len(asked.questions)
    times = await interleaved(ways, TIMED, ROUNDS)
    return {name: {"p50": percentile(t, 50), "p95": percentile(t, 95), **figures[name]} for name, t in times.items()}


async def _every(ask: Ask, asked: Corpus) -> None:
    for number in range(len(asked.questions)):
        await ask(number)


async def _together(stores: Stores, asked: Corpus) -> Figures:
    """Measure how long many callers at once take."""

    def round_of(ask: Ask) -> Callable[[int], Awaitable[None]]:
        return lambda _: many_callers(ask, CALLERS, EACH, len(asked.questions))

    ways = {name: round_of(asking(store, asked, "hybrid", apart=True)) for name, (store, _) in stores.items()}
    return {name: {"s": statistics.median(taken)} for name, taken in (await interleaved(ways, ROUNDS)).items()}


@asynccontextmanager
async def _opened(bench: Bench, versions: dict[str, str]) -> AsyncIterator[tuple[Stores, Any]]:
    """Open every store that is installed, each empty, and a connection to the server. ``versions`` gets the packages'."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(bench.both())
        connection = await stack.enter_async_context(raw(ours["PostgreSQL"]))
        arguments = postgres_of(ours["PostgreSQL"]).pools.sessions.arguments
        stores: Stores = {
            "ours on PostgreSQL": (Ours(ours["PostgreSQL"]), await connection.fetchval("select current_schema()")),
            "ours on Chroma": (Ours(ours["Chroma"]), Path(ours["Chroma"].config.chroma.path)),
        }
        for number, (name, (kind, package, on_server)) in enumerate(PEERS.items()):
            place: Path | str = (
                f"bench_peer_{os.getpid()}_{number}" if on_server else bench.workplace / f"peer_{number}"
            )
            try:
                store = kind(arguments, place) if on_server else kind(place)
            except ImportError as error:
                bench.console.print(f"{name} is left out: {error}")
                continue
            if hasattr(store, "close"):
                stack.push_async_callback(_close, store)
            stores[name], versions[package] = (store, place), version(package)
        yield stores, connection


async def _close(store: Any) -> None:
    closing = store.close()
    if inspect.isawaitable(closing):
        await closing


async def _megabytes(connection: Any, place: Path | str) -> float:
    """Return how much room a folder or a schema takes on disk."""
    if isinstance(place, Path):
        return sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / 1e6
    return float(await connection.fetchval(ROOM, place)) / 1e6


def _show(bench: Bench, title: str, figures: Figures) -> None:
    columns = list(dict.fromkeys(column for found in figures.values() for column in found))
    table = Table(title=title, min_width=70)
    for column in ("store", *columns):
        table.add_column(SHOWN.get(column, column), justify="left" if column == "store" else "right")
    for name, found in figures.items():
        table.add_row(name, *(_shown(column, found[column]) for column in columns))
    bench.console.print(table)


def _shown(column: str, figure: float) -> str:
    return f"{figure:.3f}" if column in ("recall", "ndcg") else f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}"
