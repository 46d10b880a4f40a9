"""Compare the precisions of the vector index: ``make bench-precision``, with ``CHUNKS=`` and ``DIMENSIONS=``.

For each length of the vectors, one store gets an index of each precision. The table shows the room that each takes, the
time and the memory to build it, and what a search finds in which time, with several values of ``hnsw.ef_search``. Times are
processor time of the server, which other work on the machine changes little. So the server has to run on this machine,
under Linux.

An index takes as much memory as disk, when all of it is in ``shared_buffers``, because a page there is a page of the file.
The memory of a build is what its process has of its own at its peak. It is that of the whole graph.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agent_brain_store import StoreConfig, open_store
from agent_brain_store.postgres.connection import Connection, farewell
from agent_brain_store.postgres.index_builds import (
    VECTOR_INDEX,
    build_parameters,
    fit_functions,
    precision,
    run_statement_from,
)
from agent_brain_store.store import Store
from benchmarks.by_hand import postgres_of
from benchmarks.measuring import Bench, drop, percentile
from benchmarks.progress import tracked
from benchmarks.record import record

CHUNKS, DIMENSIONS, QUESTIONS, ROUNDS = 100_000, (384, 768, 1536, 3072), 100, 2
PRECISIONS = ("single", "half", "binary")
DEFAULT_WIDTH = 105  # what sessions of the library have: hnsw_ef_search, and five more
WIDTHS = {10: (20, 50, DEFAULT_WIDTH, 200), 100: (DEFAULT_WIDTH, 200, 400)}  # hnsw.ef_search, by top_k
BUILD_MEMORY, PAUSE = "build, bytes a chunk", 0.02  # seconds between two looks at the memory of a build
NEAREST = "select chunk_id from nearest($1, $2, '', '', null)"
MEMORY = "set maintenance_work_mem = '2GB'; set max_parallel_maintenance_workers = 0"  # so one process does all

# A text and its terms usually push the vector out of the row. Texts as short as here would not.
APART = "alter table chunks set (toast_tuple_target = 128)"

Point = dict[str, float]


# --- vectors ---------------------------------------------------------------------------------------------------------


def realistic(count: int, dimensions: int, seed: int) -> Any:
    """Return unit vectors that lie like those of a model.

    There are 1,000 topics, of which some are common and some are narrow. The coordinates are correlated, and the strength of
    their principal directions falls as with MiniLM. So do the similarities: 0.06 in the mean, and 0.55 to the tenth neighbour
    among 12,000 vectors.
    """
    rng, world = np.random.default_rng(seed), np.random.default_rng(dimensions)
    strength = ((np.arange(dimensions) + 2.0) ** -0.45).astype(np.float32)
    directions = np.linalg.qr(world.normal(size=(dimensions, dimensions)))[0].astype(np.float32)
    topics = world.normal(size=(1000, dimensions)).astype(np.float32) * strength
    topics[:, 0] += 0.26 * np.linalg.norm(strength)  # every vector has something of one direction
    width = world.uniform(0.5, 1.5, size=(1000, 1)).astype(np.float32)
    topic = (rng.zipf(1.2, size=count) - 1) % 1000
    own = rng.standard_normal(size=(count, dimensions), dtype=np.float32) * strength
    vectors = (topics[topic] + width[topic] * own) @ directions
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def true_neighbours(vectors: Any, questions: Any, k: int) -> list[set[str]]:
    """Return the ids of the k nearest vectors of each question."""
    return [set(map(str, np.argpartition(-(vectors @ question), k)[:k])) for question in questions]


# --- indexes ---------------------------------------------------------------------------------------------------------


def configured(place: dict[str, Any], dimensions: int, **more: Any) -> StoreConfig:
    """Return the configuration of a store in some place."""
    profile = {"provider": "local", "model": "made up", "dimensions": dimensions}
    return StoreConfig.from_dict(
        {"embedding": profile, "storage": {"backend": "postgres", "postgres": {**place, **more}}}
    )


@asynccontextmanager
async def filled(place: dict[str, Any], vectors: Any) -> AsyncIterator[Connection]:
    """Fill a store that has no vector index, and yield a connection to it. The schema is dropped at the end."""
    count, dimensions = vectors.shape
    async with open_store(configured(place, dimensions, index="none", pool_size=2)) as store:
        assert isinstance(store, Store)
        connection = await postgres_of(store).pools.connect(None)
        await connection.execute(APART)
        for start in tracked(range(0, count, 5000), f"{count:,} x {dimensions}"):
            part = vectors[start : start + 5000]
            ids = [f"{i}" for i in range(start, start + len(part))]
            await store.upsert_documents(ids, part, ids, [{}] * len(part))
        await connection.execute(MEMORY)
        yield connection
        await farewell(connection)
        await drop(store)


async def build(connection: Connection, config: StoreConfig, name: str) -> Point:
    """Build an index of the configured precision. Returns its bytes a chunk, and the seconds and memory that it took."""
    server, chunks = connection.get_server_pid(), await connection.fetchval("select count(*) from chunks")
    before = processor_time(server)
    async with peak_of(server) as peak:
        await run_statement_from(connection, "create_vector_index", **build_parameters(config, 0, name, False))
    seconds = processor_time(server) - before
    size = await connection.fetchval("select pg_relation_size($1::text::regclass)", name)
    return {"bytes a chunk": size / chunks, BUILD_MEMORY: peak[0] / chunks, "build, s": seconds}


@asynccontextmanager
async def peak_of(process: int) -> AsyncIterator[list[int]]:
    """Look again and again how much memory a process has of its own. Yields a list with the most that it had more."""
    peak, before = [0], own_memory(process)

    async def look() -> None:
        while True:
            peak[0] = max(peak[0], own_memory(process) - before)
            await asyncio.sleep(PAUSE)

    looking = asyncio.create_task(look())
    yield peak
    looking.cancel()


def own_memory(process: int) -> int:
    """Return the bytes that a process shares with no other. ``shared_buffers`` are not among them."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("RssAnon"))


@asynccontextmanager
async def in_use(connection: Connection, name: str) -> AsyncIterator[None]:
    """Let searches use one of the indexes."""
    await run_statement_from(connection, "rename_index", name=name, new_name=VECTOR_INDEX)
    await fit_functions(connection)
    yield
    await run_statement_from(connection, "rename_index", name=VECTOR_INDEX, new_name=name)


def processor_time(process: int) -> float:
    """Return how many seconds of processor time another process has taken (clock_getcpuclockid(3) makes such a clock)."""
    return time.clock_gettime((~process << 3) | 2)


# --- searches --------------------------------------------------------------------------------------------------------


async def ask(connection: Connection, questions: Any, k: int, truth: list[set[str]]) -> tuple[list[float], float]:
    """Ask all questions. Returns the seconds of each, and the mean recall."""
    server, times, found = connection.get_server_pid(), [], 0
    for question, near in zip(questions, truth, strict=True):
        before = processor_time(server)
        rows = await connection.fetch(NEAREST, question, k)
        times.append(processor_time(server) - before)
        found += len(near & {row["chunk_id"] for row in rows})
    return times, found / (k * len(questions))


async def curves(connection: Connection, names: list[str], vectors: Any, questions: Any) -> dict[str, dict[str, Point]]:
    """Ask by each index in turn, with each width. The better of the rounds counts for each question."""
    times: dict[tuple[str, int, int], list[list[float]]] = {}
    recalls: dict[tuple[str, int, int], float] = {}
    truths = {k: true_neighbours(vectors, questions, k) for k in WIDTHS}
    for _ in range(ROUNDS):
        for name in names:
            async with in_use(connection, name):
                for k, width in [(k, width) for k, widths in WIDTHS.items() for width in widths]:
                    await connection.fetchval("select set_config('hnsw.ef_search', $1, false)", str(width))
                    taken, recalls[name, k, width] = await ask(connection, questions, k, truths[k])
                    times.setdefault((name, k, width), []).append(taken)
    found: dict[str, dict[str, Point]] = {name: {} for name in names}
    for (name, k, width), rounds in times.items():
        best = np.min(rounds, axis=0)
        p50, p95 = percentile(best, 50), percentile(best, 95)
        found[name][f"top {k}, ef_search {width}"] = {"recall": recalls[name, k, width], "p50": p50, "p95": p95}
    return found


def recall_at(points: dict[str, Point], k: int, milliseconds: float) -> float | None:
    """Return the recall that a precision reaches in a time, between two measured widths. None if none is so fast."""
    curve = sorted((p["p50"], p["recall"]) for name, p in points.items() if name.startswith(f"top {k},"))
    times, recalls = zip(*curve, strict=True)
    return float(np.interp(milliseconds, times, recalls)) if milliseconds >= times[0] else None


# --- the benchmark ---------------------------------------------------------------------------------------------------


async def measure(bench: Bench, chunks: int, dimensions: int) -> None:
    """Measure every precision for one length of the vectors, and record it."""
    place = bench.place()
    made = realistic(chunks + QUESTIONS, dimensions, 1)
    vectors, questions = made[QUESTIONS:], made[:QUESTIONS]
    configs = {name: configured(place, dimensions, index_precision=name) for name in PRECISIONS}
    # A column of half precision has no index of single precision.
    configs = {name: config for name, config in configs.items() if precision(config) == name}
    figures: dict[str, Any] = {}
    async with filled(place, vectors) as connection:
        for name, config in tracked(list(configs.items()), f"indexes of {dimensions}"):
            figures[name] = await build(connection, config, name)
        for name, points in (await curves(connection, list(configs), vectors, questions)).items():
            figures[name]["searches"] = points
    for k in WIDTHS:
        same = figures["half"]["searches"][f"top {k}, ef_search {DEFAULT_WIDTH}"]["p50"]
        for found in figures.values():
            found[f"recall@{k} at equal time"] = recall_at(found["searches"], k, same)
    show(bench.console, f"{chunks:,} chunks of {dimensions} dimensions", figures)
    record(f"precision-{dimensions}", f"{chunks:,} made-up vectors, {QUESTIONS} questions", figures)


def show(console: Console, title: str, figures: dict[str, Any]) -> None:
    """Print what was found, with the width that the library uses."""
    table = Table(title=title, min_width=70)
    columns = [f"{what}@{k}" for k in WIDTHS for what in ("recall", "ms p50 / p95 ", "recall at equal time ")]
    for column in ("precision", "bytes a chunk", BUILD_MEMORY, "build, s", *columns):
        table.add_column(column, justify="left" if column == "precision" else "right")
    for name, found in figures.items():
        cells = [f"{found['bytes a chunk']:,.0f}", f"{found[BUILD_MEMORY]:,.0f}", f"{found['build, s']:.1f}"]
        for k in WIDTHS:
            point = found["searches"][f"top {k}, ef_search {DEFAULT_WIDTH}"]
            equal = found[f"recall@{k} at equal time"]
            cells += [f"{point['recall']:.3f}", f"{point['p50']:.1f} / {point['p95']:.1f}"]
            cells.append("slower" if equal is None else f"{equal:.3f}")
        table.add_row(name, *cells)
    console.print(table)


async def main() -> None:
    """Measure so many chunks (the first argument) of each length (the others)."""
    chunks, *lengths = [int(argument) for argument in sys.argv[1:]] or [CHUNKS]
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        Path(directory).chmod(0o755)
        bench = Bench(Path(directory), Console(width=140))
        async with bench.store():  # it keeps the private server running
            for dimensions in lengths or DIMENSIONS:
                await measure(bench, chunks, dimensions)


if __name__ == "__main__":
    asyncio.run(main())
