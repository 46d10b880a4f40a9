"""Measure retrieval quality on judged collections, on both backends: ``make bench-retrieval COLLECTIONS=folder``.

It prints nDCG@10, recall@10 and recall@100 for every way of searching. The folder holds one folder for each collection,
in the form that `judged.py` describes. "exact" means that keyword search scores every match (``storage.keyword.budget:
0``).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agent_brain_store import SearchResult, StorageBackend
from benchmarks.judged import COLLECTIONS, Collection, filled, load, ndcg, recall
from benchmarks.progress import tracked, watched
from benchmarks.record import record

DEPTH = 100
Search = Callable[[StorageBackend, str, Any], Awaitable[list[SearchResult]]]

WAYS: dict[str, Search] = {
    "vector": lambda store, text, vector: store.vector_search(vector, DEPTH),
    "keyword": lambda store, text, vector: store.keyword_search(text, DEPTH),
    "keyword, top 10 only": lambda store, text, vector: store.keyword_search(text, 10),
    "hybrid": lambda store, text, vector: store.hybrid_search(text, vector, 10),
    "hybrid, 100": lambda store, text, vector: store.hybrid_search(text, vector, DEPTH),
    "hybrid, RRF": lambda store, text, vector: store.hybrid_search(text, vector, 10, fusion="rrf"),
    "hybrid, RRF, 100": lambda store, text, vector: store.hybrid_search(text, vector, DEPTH, fusion="rrf"),
    "hybrid, relative score": lambda store, text, vector: store.hybrid_search(
        text, vector, 10, fusion="relative_score"
    ),
    "hybrid, relative score, 100": lambda store, text, vector: store.hybrid_search(
        text, vector, DEPTH, fusion="relative_score"
    ),
    "hybrid, relative score 0.7 : 0.3": lambda store, text, vector: store.hybrid_search(
        text, vector, 10, 0.7, 0.3, fusion="relative_score"
    ),
}


async def measure(
    store: StorageBackend, collection: Collection, search: Search, what: str
) -> tuple[float, float, float]:
    """Return the means of nDCG@10, recall@10 and recall@100 over the questions that have a relevant document."""
    scores = []
    for question_id, text, vector in tracked(collection.questions, f"{collection.name}: {what}"):
        relevant = collection.relevant.get(question_id)
        if relevant:
            found = [hit.chunk_id for hit in await search(store, text, vector)]
            scores.append((ndcg(found, relevant), recall(found, relevant, 10), recall(found, relevant, DEPTH)))
    first, second, third = zip(*scores, strict=True)
    return statistics.fmean(first), statistics.fmean(second), statistics.fmean(third)


async def report(folder: Path, workplace: Path, console: Console) -> None:
    """Measure one collection and print a table."""
    collection = load(folder)
    if not any(collection.relevant.get(question_id) for question_id, _, _ in collection.questions):
        console.print(f"{folder.name}: no question has a relevant document")
        return
    ways = WAYS
    if collection.vectors is None or collection.questions[0][2] is None:
        ways = {name: search for name, search in WAYS.items() if name.startswith("keyword")}
        console.print(f"{folder.name}: without docs.npy and queries.npy only keyword search can be measured")
    table = Table(
        title=f"{collection.name}: {len(collection.ids)} documents, {len(collection.relevant)} judged questions"
    )
    for column in ("search", "backend", "nDCG@10", "recall@10", "recall@100"):
        table.add_column(column, justify="left" if column in ("search", "backend") else "right")
    figures: dict[str, dict[str, float]] = {}
    places: dict[str, dict[str, Any]] = {
        "PostgreSQL": {"backend": "postgres", "postgres": postgres(workplace, collection.name)},
        "Chroma": {"backend": "chroma", "chroma": {"path": str(workplace / "chroma" / collection.name)}},
    }
    exact = places["PostgreSQL"] | {"keyword": {"budget": 0}}
    async with (
        filled(collection, watched(f"{collection.name}, PostgreSQL"), **places["PostgreSQL"]) as pruned,
        filled(collection, **exact) as everything,  # in the same schema, with the same chunks
        filled(collection, watched(f"{collection.name}, Chroma"), **places["Chroma"]) as chroma,
    ):
        for name, search in ways.items():
            for backend, store in (("PostgreSQL", pruned), ("Chroma", chroma)):
                found = await measure(store, collection, search, f"{name}, {backend}")
                _add(table, name, backend, found)
                figures.setdefault(name, {})[backend] = found[0]
        exactly = await measure(everything, collection, WAYS["keyword, top 10 only"], "keyword, exact")
        _add(table, "keyword, exact", "PostgreSQL", exactly)
    console.print(table)
    size = f"{len(collection.ids):,} documents, {len(collection.relevant)} judged questions, nDCG@10"
    record(f"retrieval-{collection.name}", size, figures)


def _add(table: Table, name: str, backend: str, figures: tuple[float, float, float]) -> None:
    wide = "top 10" not in name and not (name.startswith("hybrid") and "100" not in name) and "exact" not in name
    table.add_row(name, backend, f"{figures[0]:.4f}", f"{figures[1]:.4f}", f"{figures[2]:.4f}" if wide else "")


def postgres(workplace: Path, schema: str) -> dict[str, Any]:
    """Return the settings of the server that DATABASE_URL names, or of a private server if it names none."""
    url = os.environ.get("DATABASE_URL")
    place = {"url": url} if url else {"embedded_path": str(workplace / "postgres")}
    return {**place, "schema": f"bench_{schema}"}


async def main() -> None:
    """Measure every collection in the folder."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else COLLECTIONS
    folders = [folder for folder in sorted(root.iterdir()) if (folder / "qrels.tsv").exists()] if root.is_dir() else []
    if not folders:
        sys.exit(
            "no judged collections: make bench-retrieval COLLECTIONS=folder (docs/performance.md says in which form)"
        )
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        Path(directory).chmod(0o755)
        for folder in folders:
            await report(folder, Path(directory), Console(width=100))


if __name__ == "__main__":
    asyncio.run(main())
