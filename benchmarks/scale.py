"""Measure one store while it grows: ``make bench-scale SIZES=25000,100000 DIMENSIONS=384 MINUTES=60``.

``LOADERS=1`` loads with one call at a time instead of four. The figures of two runs say how loading scales.

At each size it measures how the chunks were loaded, what they take on disk, how long each operation takes, and what share of
the true neighbours is found. After each size it writes what it has, so nothing is lost if a later step fails. Loading ends
after half of the time, and what is there by then is measured as the last size. When the time is over, a private server
is stopped.

Beside the time of each operation stands the processor time that this process and the server took for it. Other work on the
machine changes it far less. It is known for a private server only, on this machine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from agent_brain_store import BulkLoader, Progress, StorageError, StoreConfig, create_backend
from agent_brain_store.store import Store
from benchmarks.by_hand import postgres_of, raw
from benchmarks.endless import FILE, Corpus, Nearest
from benchmarks.measuring import drop, percentile, seconds
from benchmarks.processor import private_server, used
from benchmarks.progress import tracked
from benchmarks.record import record
from benchmarks.retrieval import postgres

SIZES = [int(size) for size in (os.environ.get("SIZES") or "25000,100000,400000,1000000").split(",")]
DIMENSIONS = int(os.environ.get("DIMENSIONS") or 384)
MINUTES = float(os.environ.get("MINUTES") or 60)
BATCH, LOADERS = 1000, int(os.environ.get("LOADERS") or 4)  # chunks of a call, calls at once
QUESTIONS, WARMING, AT_ONCE, WRITES, COUNTS = 200, 20, 500, 10, 20
PATIENCE = {"pool_timeout": 3600, "command_timeout": 3600}  # a slow answer is a result, not an error
SERVER = {"shared_buffers": "4GB", "maintenance_work_mem": "3GB", "max_wal_size": "8GB"}  # of a private server

ROOM = """
    select 'table' as part, pg_relation_size('chunks') as bytes
    union all select 'TOAST', pg_table_size('chunks') - pg_relation_size('chunks')
    union all select c.relname, pg_relation_size(c.oid)
      from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = 'chunks'::regclass
    union all select 'words', pg_total_relation_size('term_statistics')
"""
WAL = "select pg_current_wal_lsn() - '0/0'"  # bytes written so far
Ask = Callable[[int], Awaitable[Any]]
Figures = dict[str, Any]


class Clock:
    """Times work: by the clock on the wall, and by the processors, for this process and for the server."""

    def __init__(self, server: psutil.Process | None) -> None:
        """``server`` is the process of a private server."""
        self._server = server

    def stop_server(self) -> None:
        """Stop a private server, whatever it is doing."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)

    def processor(self) -> float | None:
        """Return the seconds of processor time so far."""
        return None if self._server is None else used(self._server)

    async def times(self, ask: Ask, count: int) -> Figures:
        """Run something so many times. Returns milliseconds: p50, p95, max, and the mean of processor time."""
        before = self.processor()
        times = [await seconds(ask(number)) for number in range(count)]
        taken = {"p50": percentile(times, 50), "p95": percentile(times, 95), "max": percentile(times, 100)}
        after = self.processor()
        if before is not None and after is not None:
            taken["processor"] = (after - before) / count * 1000
        return taken

    async def once(self, work: Awaitable[Any]) -> Figures:
        """Run something once. Returns seconds."""
        before = self.processor()
        taken = {"s": await seconds(work)}
        after = self.processor()
        return taken if before is None or after is None else taken | {"processor, s": after - before}


class Growing:
    """A store that grows, and what is measured at each size."""

    def __init__(self, store: Store, clock: Clock, ends: float) -> None:
        """``ends`` is when loading has to end, as a time of the monotonic clock."""
        self._store, self._clock, self._ends = store, clock, ends
        self._corpus = Corpus(DIMENSIONS, 26)
        self._texts = self._corpus.texts(AT_ONCE, 8, 0.1)
        self._vectors = self._corpus.vectors(AT_ONCE)
        self._nearest = Nearest(self._vectors[:QUESTIONS], 10)
        self.chunks = 0

    @property
    def is_late(self) -> bool:
        """True if it is too late for loading more."""
        return time.monotonic() > self._ends

    async def grow(self, size: int) -> Figures:
        """Load chunks until there are so many. Returns how long that took, and the index build and count at the end."""
        before, wal, marks = self.chunks, await self._ask(WAL), list[float]()
        rows = index = words = 0.0

        def report(step: Progress) -> None:
            if step.operation.startswith("counting"):
                marks.append(time.perf_counter())

        work = [self._clock.processor()]
        start = time.perf_counter()
        async with self._store.bulk_load(report) as load:
            batches = self._batches(size)
            await asyncio.gather(*(self._load(load, batches) for _ in range(LOADERS)))
            rows = time.perf_counter()
            work.append(self._clock.processor())
        words = time.perf_counter()
        work.append(self._clock.processor())
        index = marks[0]
        loaded = self.chunks - before
        written = await self._ask(WAL)
        figures: Figures = {
            "chunks": loaded,
            "chunks/s": loaded / (rows - start),
            "rows, s": rows - start,
            "vector index, s": index - rows,
            "word statistics and analyze, s": words - index,
            "WAL, bytes a chunk": int(written - wal) / loaded,
        }
        for name, first, last in (("rows", 0, 1), ("index and words", 1, 2)):
            early, late = work[first], work[last]
            if early is not None and late is not None:
                figures[f"{name}, processor, s"] = late - early
        return figures

    def _batches(self, size: int) -> Iterator[tuple[Any, ...]]:
        """Make up the chunks that are missing, as long as there is time. That takes a small part of the loading."""
        for first in tracked(range(self.chunks, size, BATCH), f"{size:,} chunks"):
            if self.is_late:
                return
            batch = self._corpus.batch(first, min(BATCH, size - first))
            self._nearest.see(first, batch[1])
            yield batch

    async def _load(self, load: BulkLoader, batches: Iterator[tuple[Any, ...]]) -> None:
        for batch in batches:
            await load.upsert_documents(*batch)
            self.chunks += len(batch[0])

    async def measure(self, figures: Figures) -> None:
        """Measure every operation into ``figures``. The store is afterwards as it was before."""
        clock, store = self._clock, self._store
        async with raw(store) as connection:
            figures["vacuum"] = await clock.once(connection.execute("vacuum analyze chunks", timeout=3600))
            room = await connection.fetch(ROOM)
        figures["bytes a chunk"] = {row["part"]: row["bytes"] / self.chunks for row in room}
        for name, ask in self._searches().items():
            await clock.times(ask, WARMING)
            figures[name] = await clock.times(ask, QUESTIONS)
        figures["recall@10"] = await self._recall()
        figures[f"{AT_ONCE} hybrid at once"] = await clock.once(self._at_once())
        figures["count"] = await clock.times(lambda _: store.get_count(), COUNTS)
        figures["upsert of 200"], figures["delete of a file"] = await self._writes()
        figures["word statistics"] = await clock.once(postgres_of(store).statistics.refresh())
        figures["load average"] = os.getloadavg()[1]

    def _searches(self) -> dict[str, Ask]:
        store, texts, vectors, files = self._store, self._texts, self._vectors, max(1, self.chunks // FILE)
        part = {"part": 7}

        def file(number: int) -> dict[str, Any]:
            return {"source": f"/docs/{number * 7919 % files}.md"}

        return {
            "vector": lambda i: store.vector_search(vectors[i], 10),
            "keyword": lambda i: store.keyword_search(texts[i], 10),
            "hybrid": lambda i: store.hybrid_search(texts[i], vectors[i], 10),
            "hybrid, 2 % match": lambda i: store.hybrid_search(texts[i], vectors[i], 10, where=part),
            "hybrid, within a file": lambda i: store.hybrid_search(texts[i], vectors[i], 10, where=file(i)),
        }

    async def _recall(self) -> float:
        shares = []
        for number in range(QUESTIONS):
            hits = await self._store.vector_search(self._vectors[number], 10)
            shares.append(self._nearest.recall(number, [hit.chunk_id for hit in hits]))
        return sum(shares) / len(shares)

    async def _at_once(self) -> None:
        searches = zip(self._texts, self._vectors, strict=True)
        await asyncio.gather(*(self._store.hybrid_search(text, vector, 10) for text, vector in searches))

    async def _writes(self) -> tuple[Figures, Figures]:
        """Add files of 200 chunks, one in each call, and delete them again."""
        first = 10**8 - FILE * WRITES  # numbers that no other chunk has
        batches = [self._corpus.batch(first + number * FILE, FILE) for number in range(WRITES)]
        sources = [batch[3][0]["source"] for batch in batches]
        added = await self._clock.times(lambda i: self._store.upsert_documents(*batches[i]), WRITES)
        deleted = await self._clock.times(lambda i: self._store.delete_by_metadata({"source": sources[i]}), WRITES)
        return added, deleted

    async def _ask(self, statement: str) -> Any:
        async with raw(self._store) as connection:
            return await connection.fetchval(statement)


async def scale(workplace: Path, console: Console) -> None:
    """Grow a store to each size, and record what was measured after each."""
    ends = time.monotonic() + MINUTES * 60
    store = await opened(workplace)
    clock = Clock(private_server(workplace))
    asyncio.get_running_loop().call_later(MINUTES * 60, clock.stop_server)
    try:
        growing = Growing(store, clock, ends - MINUTES * 30)
        figures: dict[str, Figures] = {}
        for size in SIZES:
            if not growing.is_late:
                loaded = await growing.grow(size)
                figures[f"{growing.chunks}"] = found = {"load": loaded}
                await save(store, figures)
                await growing.measure(found)
                await save(store, figures)
                show(console, f"{growing.chunks:,} chunks of {DIMENSIONS} dimensions", found)
        await drop(store)
    except StorageError:
        if time.monotonic() < ends:
            raise
        console.print(
            f"{MINUTES:.0f} minutes are over, so the server was stopped: the last size is not measured in full"
        )
    finally:
        await store.close()


async def opened(workplace: Path) -> Store:
    """Open an empty store. A private server gets the settings that docs/performance.md advises for such a store."""
    place = postgres(workplace, f"scale_{os.getpid()}") | PATIENCE
    profile = {"provider": "local", "model": "made up", "dimensions": DIMENSIONS}
    config = StoreConfig.from_dict(
        {"embedding": profile, "storage": {"backend": "postgres", "postgres": place}},
    )
    store = create_backend(config)
    assert isinstance(store, Store)
    await store.initialize()
    if "embedded_path" in place:
        async with raw(store) as connection:
            for name, value in SERVER.items():
                await connection.execute(f"alter system set {name} = '{value}'")
        await store.close()  # which stops the server, and some settings need a start
        await store.initialize()
    return store


async def save(store: Store, figures: dict[str, Figures]) -> None:
    """Record what there is so far."""
    names = ("shared_buffers", "maintenance_work_mem", "max_wal_size")
    async with raw(store) as connection:
        settings = [f"{name} {await connection.fetchval(f'show {name}')}" for name in names]
        versions = {
            "PostgreSQL": str(await connection.fetchval("show server_version")),
            "pgvector": str(await connection.fetchval("select extversion from pg_extension where extname = 'vector'")),
        }
    sizes = ", ".join(f"{int(size):,}" for size in figures)
    record("scale", f"{sizes} chunks of {DIMENSIONS} dimensions; {', '.join(settings)}", figures, **versions)


def show(console: Console, title: str, found: Figures) -> None:
    """Print what was measured at one size."""
    table = Table(title=title, min_width=70)
    table.add_column("")
    table.add_column("", justify="right")
    for name, figure in found.items():
        parts = figure if isinstance(figure, dict) else {"": figure}
        table.add_row(name, ", ".join(f"{part} {value:,.6g}".strip() for part, value in parts.items()))
    console.print(table)


def main() -> None:
    """Measure in a directory that is removed afterwards. ``TMPDIR`` says where."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        Path(directory).chmod(0o755)
        asyncio.run(scale(Path(directory), Console(width=120)))


if __name__ == "__main__":
    main()
