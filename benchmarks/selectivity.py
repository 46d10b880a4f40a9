"""Measure every search of both backends under filters that match all chunks, half of them, and fewer, down to one."""

from __future__ import annotations

from dataclasses import replace

from rich.table import Table

from benchmarks.answers import Ours, asking, rated
from benchmarks.corpus import Corpus, corpus
from benchmarks.measuring import Bench, interleaved, percentile
from benchmarks.record import record

TIMED = 48  # of the questions
SHARES = {"no filter": 0, "50 %": 2, "10 %": 10, "1 %": 100, "0.1 %": 1000}  # one chunk of so many passes


async def selectivity(bench: Bench) -> None:
    """Ask both backends under each filter, in turns. Recall@10 of vector search is that of the true neighbours that pass."""
    asked = _with_shares(corpus())
    figures: dict[str, dict[str, dict[str, float]]] = {}
    async with bench.both() as stores:
        asks = {name: Ours(store) for name, store in stores.items()}
        for store in asks.values():
            await store.load(asked.batch)
        for share in (*SHARES, "one chunk"):
            key = "" if share == "no filter" else share
            for search, title in (("nearest", "vector"), ("keyword", "keyword"), ("hybrid", "hybrid")):
                ways = {name: asking(store, asked, search, key) for name, store in asks.items()}
                quality = {name: await rated(ask, asked, search, key) for name, ask in ways.items()}
                for name, taken in (await interleaved(ways, TIMED, 3)).items():
                    found = {"p50": percentile(taken, 50), "p95": percentile(taken, 95)}
                    figures.setdefault(f"{title}, {name}", {})[share] = found | quality[name]
    size = f"{len(asked.batch[0]):,} {asked.what}, {len(asked.questions)} questions"
    table = Table(title=f"under filters, ms, p50 (recall@10), {size}", min_width=70)
    for column in ("search", *next(iter(figures.values()))):
        table.add_column(column, justify="left" if column == "search" else "right")
    for name, cells in figures.items():
        table.add_row(name, *(f"{cell['p50']:.1f} ({cell['recall']:.2f})" for cell in cells.values()))
    bench.console.print(table)
    record("selectivity", size, figures)


def _with_shares(asked: Corpus) -> Corpus:
    """Return the same chunks with metadata that this many of them share."""
    ids, vectors, texts, _ = asked.batch
    metadatas = [
        {share: number % parts for share, parts in SHARES.items() if parts} | {"one chunk": number}
        for number in range(len(ids))
    ]
    return replace(asked, batch=(ids, vectors, texts, metadatas))
