"""Measure how much room a chunk takes on disk, by the length of its vector, on both backends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from agent_brain_store import StoreConfig, create_backend
from agent_brain_store.store import Store
from benchmarks.by_hand import raw
from benchmarks.measuring import Bench, drop, made_up
from benchmarks.record import record

CHUNKS, LENGTHS = 2000, (128, 384, 768, 1536, 3072)
BYTES = """
    select (select sum(pg_relation_size(indexrelid)) from pg_index
            where indrelid = 'chunks'::regclass and pg_get_indexdef(indexrelid) like '%USING hnsw%') as vector_index,
      pg_total_relation_size('chunks') as everything
"""


async def sizes(bench: Bench) -> None:
    """Fill both backends with chunks of 120 words, for several lengths of the vector."""
    size = f"{CHUNKS:,} chunks of 120 words, KiB a chunk"
    table = Table(title=f"room on disk, {size}", min_width=70)
    for column in ("dimensions", "PostgreSQL", "of it the vector index", "Chroma"):
        table.add_column(column, justify="right")
    figures: dict[str, dict[str, float]] = {}
    ids, _, texts, metadatas = made_up(CHUNKS, 6)
    for length in LENGTHS:
        vectors = np.random.default_rng(length).normal(size=(CHUNKS, length)).astype(np.float32)
        places: dict[str, dict[str, Any]] = {
            "PostgreSQL": {"backend": "postgres", "postgres": bench.place()},
            "Chroma": {"backend": "chroma", "chroma": {"path": str(bench.workplace / f"sizes-{length}")}},
        }
        found: dict[str, float] = {}
        for name, storage in places.items():
            profile = {"provider": "local", "model": "made up", "dimensions": length}
            store = create_backend(StoreConfig.from_dict({"embedding": profile, "storage": storage}))
            assert isinstance(store, Store)
            await store.initialize()
            await store.upsert_documents(ids, vectors, texts, metadatas)
            await store.ensure_indexes()
            found |= await _on_postgres(store) if name == "PostgreSQL" else _in_folder(storage["chroma"]["path"])
            await store.close()
        figures[str(length)] = {name: taken / CHUNKS / 1024 for name, taken in found.items()}
        table.add_row(str(length), *(f"{figure:.2f}" for figure in figures[str(length)].values()))
    bench.console.print(table)
    record("sizes", size, figures)


async def _on_postgres(store: Store) -> dict[str, float]:
    await store.wait_idle()
    async with raw(store) as connection:
        row = await connection.fetchrow(BYTES)
        await drop(store)
    return {"PostgreSQL": float(row["everything"]), "of it the vector index": float(row["vector_index"] or 0)}


def _in_folder(path: str) -> dict[str, float]:
    return {"Chroma": float(sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file()))}
