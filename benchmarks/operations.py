"""Measure what each operation costs over the same statement sent with bare asyncpg, on the same store.

A program with more than one caller needs a pool. So what a read costs through asyncpg's own pool is measured, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from rich.table import Table

from agent_brain_store.postgres.sql import queries
from agent_brain_store.store import Store
from benchmarks.answers import QUALITY, Ours, asking, exact_answers, quality_in_words, rated
from benchmarks.by_hand import copy_by_hand, postgres_of, raw
from benchmarks.corpus import Corpus, corpus
from benchmarks.measuring import Bench, interleaved, made_up, percentile
from benchmarks.record import record

ROUNDS, WRITES, WRITTEN = 100, 10, 100
SEARCHES = {"vector search": "nearest", "keyword search": "keyword", "hybrid search": "hybrid"}
Call = Callable[[int], Awaitable[Any]]


async def operations(bench: Bench) -> None:
    """Run each operation of the library in turns with its statement. Adding chunks is compared with COPY and one insert."""
    asked = corpus()
    exact = await exact_answers(bench, asked, *SEARCHES.values())
    figures: dict[str, dict[str, float]] = {}
    async with bench.store() as store, raw(store) as connection:
        async with store.bulk_load() as load:
            await load.upsert_documents(*asked.batch)
        async with pool_of_one(store) as pool:
            for name, ways in reads(store, connection, pool, asked).items():
                await interleaved(ways, 10)
                figures[name] = await _medians(ways, ROUNDS, 3)
        for (name, search), right in zip(SEARCHES.items(), exact, strict=True):
            figures[name] |= await rated(asking(Ours(store), asked, search), asked, search, exact=right)
        parts = [made_up(WRITTEN, 400 + number) for number in range(2 * WRITES)]
        written: dict[str, Call] = {
            "bare": lambda i: copy_by_hand(store, parts[i]),
            "ours": lambda i: store.upsert_documents(*parts[WRITES + i]),
        }
        figures[f"upsert of {WRITTEN}"] = await _medians(written, WRITES, 1)
        await store.wait_idle()  # before its schema is dropped
    size = f"{len(asked.batch[0]):,} {asked.what}, ms, median"
    table = Table(title=f"operations beside bare asyncpg, {size}", min_width=70)
    for column in (
        "operation",
        "bare asyncpg",
        "by its pool",
        "agent-brain-store",
        "ratio",
        "ratio to its pool",
        *QUALITY,
    ):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name, found in figures.items():
        pooled, ratio = found.get("pooled"), f"{found['ours'] / found['bare']:.2f}"
        by_pool = ("", "") if pooled is None else (f"{pooled:.2f}", f"{found['ours'] / pooled:.2f}")
        cells = (f"{found['bare']:.2f}", by_pool[0], f"{found['ours']:.2f}", ratio, by_pool[1])
        table.add_row(name, *cells, *quality_in_words(found))
    bench.console.print(table)
    record("operations", size, figures)


@asynccontextmanager
async def pool_of_one(store: Store) -> AsyncIterator[Any]:
    """Yield asyncpg's own pool with one connection, which has the settings of the store's."""
    pools = postgres_of(store).pools
    async with asyncpg.create_pool(min_size=1, max_size=1, connect=lambda *_, **__: pools.connect(None)) as pool:
        yield pool


def reads(store: Store, connection: Any, pool: Any, asked: Corpus) -> dict[str, dict[str, Call]]:
    """Return for each operation how it is run by bare asyncpg, by its pool, and by the library."""
    ids, questions = asked.batch[0], [asked.questions[i % len(asked.questions)] for i in range(ROUNDS)]
    texts, vectors = [question.text for question in questions], [question.vector for question in questions]

    def three_ways(name: str, values: Callable[[int], dict[str, Any]], ours: Call) -> dict[str, Call]:
        query = queries()[name]
        return {
            "bare": lambda i: connection.fetch(query.text, *query.args(values(i))),
            "pooled": lambda i: pool.fetch(query.text, *query.args(values(i))),
            "ours": ours,
        }

    everything = {"filter": "", "source_prefix": ""}
    fused = {"fusion": "convex", "vector_weight": 0.5, "keyword_weight": 0.5, "rrf_k": 60, "candidates": 50}
    some = [ids[start : start + 10] for start in range(0, 10 * ROUNDS, 10)]
    return {
        "vector search": three_ways(
            "vector_search",
            lambda i: {"query_embedding": vectors[i], "top_k": 10, **everything},
            lambda i: store.vector_search(vectors[i], 10),
        ),
        "keyword search": three_ways(
            "keyword_search",
            lambda i: {"query": texts[i], "top_k": 10, **everything},
            lambda i: store.keyword_search(texts[i], 10),
        ),
        "hybrid search": three_ways(
            "hybrid_search",
            lambda i: {"query": texts[i], "query_embedding": vectors[i], "top_k": 10, **everything, **fused},
            lambda i: store.hybrid_search(texts[i], vectors[i], 10),
        ),
        "get 10 by id": three_ways(
            "get_chunks",
            lambda i: {"ids": some[i], "with_embeddings": False},
            lambda i: store.get_by_ids(some[i]),
        ),
    }


async def _medians(ways: dict[str, Call], rounds: int, repeats: int) -> dict[str, float]:
    times = await interleaved(ways, rounds, repeats)
    return {way: percentile(taken, 50) for way, taken in times.items()}
