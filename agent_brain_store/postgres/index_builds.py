"""Build an index: its statements, its memory and workers, how far it has come, and a watch over it."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Any

import asyncpg

from agent_brain_store.config import StoreConfig
from agent_brain_store.config.embedding_models import HALFVEC_DIMENSIONS
from agent_brain_store.errors import StorageError
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.errors import translated
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.sql import load_functions, named
from agent_brain_store.postgres.watching import watched
from agent_brain_store.types import Progress, ProgressCallback

log = logging.getLogger(__name__)

VECTOR_INDEX = "chunks_embedding_ann"
NEW, OLD = VECTOR_INDEX + "_new", VECTOR_INDEX + "_old"
LEFTOVER = re.compile(rf"{NEW}|{OLD}|.*_cc(new|old)\d*")  # an interrupted rebuild leaves indexes with these names

SMALLEST_MEMORY, LARGEST_MEMORY = 2**26, 2**30  # bytes of maintenance_work_mem; a build asks for an amount between them
_NO_SHARED_MEMORY = (asyncpg.DiskFullError, asyncpg.OutOfMemoryError)  # /dev/shm counts as a disk


# --- precision -------------------------------------------------------------------------------------------------------

_DIMENSIONS = {"single": HALFVEC_DIMENSIONS.stop - 1, "half": HALFVEC_DIMENSIONS.stop - 1, "binary": 64_000}
_OPERATORS = {"vector": "single", "halfvec": "half", "bit": "binary"}


def precision(config: StoreConfig) -> str:
    """Return how precise the vector index is: ``single``, ``half`` or ``binary``.

    A column of half precision has no index of single precision.
    """
    asked, dimensions = config.postgres.index_precision, config.embedding.dimensions
    if asked == "auto" and dimensions > _DIMENSIONS["half"]:
        return "binary"
    if asked == "auto":  # for the cosine, vectors are brought to length 1, and then they always fit into half precision
        asked = "half" if config.distance == "cosine" else "single"
    return "half" if asked == "single" and dimensions in HALFVEC_DIMENSIONS else asked


def most_dimensions(config: StoreConfig) -> int:
    """Return how long vectors may be for the vector index."""
    return _DIMENSIONS[precision(config)]


async def fit_functions(connection: Connection) -> None:
    """Make the functions that measure distances and count rows as the vector index needs it, now that it has changed."""
    for function in load_functions():
        if function.name in ("index_distance", "shortlist"):
            await connection.execute(named(function.name, function.text))


# --- statements ------------------------------------------------------------------------------------------------------


def build_parameters(
    config: StoreConfig, chunks: int, name: str, concurrently: bool, column: str = "embedding"
) -> dict[str, Any]:
    """Return the parameters of ``create_vector_index`` for a store of so many chunks."""
    postgres = config.postgres
    return {
        "method": postgres.index,
        "m": postgres.hnsw_m,
        "ef_construction": postgres.hnsw_ef_construction,
        "lists": postgres.ivfflat_lists or default_lists(chunks),
        "precision": precision(config),
        "concurrently": concurrently,
        "name": name,
        "column_name": column,
    }


async def run_statement_from(connection: Connection, query: str, /, **values: Any) -> None:
    """Have the server write a statement and run it. Its parameters cannot be bound."""
    (row,) = await run(connection, query, **values)
    await connection.execute(named(query, row["statement"]))


async def drop_index(connection: Connection, name: str) -> None:
    """Drop an index, without blocking anyone if the session is not one transaction."""
    await run_statement_from(connection, "drop_index", name=name, concurrently=not connection.preamble)


async def drop_unfinished(connection: Connection, name: str) -> set[str]:
    """Drop an index if it is invalid, and what interrupted rebuilds have left. Returns the names of the other indexes."""
    names = set()
    for row in await run(connection, "index_facts"):
        if LEFTOVER.fullmatch(row["name"]) or (row["name"] == name and not row["valid"]):
            await drop_index(connection, row["name"])
        else:
            names.add(row["name"])
    return names


async def build(connection: Connection, name: str, statement: str) -> None:
    """Run a statement that builds an index. If it fails, nothing of the index is left.

    Parallel workers need shared memory, of which a container may have little. Then the index is built without them.
    """
    try:
        await _run_build(connection, name, statement)
    except _NO_SHARED_MEMORY as error:
        log.warning(
            "building %s with parallel workers has failed (%s); building it again without them. In a container, "
            "raise the size of /dev/shm (--shm-size)",
            name,
            error,
            extra={"index": name},
        )
        await run(connection, "build_settings", memory_kb=0, workers=0, until_commit=bool(connection.preamble))
        await _run_build(connection, name, statement)


async def _run_build(connection: Connection, name: str, statement: str) -> None:
    try:
        # In a session that is one transaction, a savepoint keeps what was done before.
        async with connection.transaction() if connection.preamble else nullcontext():
            await connection.execute(named("create_index", statement))
    except asyncpg.PostgresError:
        with suppress(asyncpg.PostgresError):  # the error of the build matters; the next start drops what is left
            await drop_unfinished(connection, name)
        raise


def compare(config: StoreConfig, fact: asyncpg.Record) -> list[str]:
    """Say how the vector index differs from what this library would build."""
    wanted, method, options = config.postgres, fact["method"], dict(option.split("=") for option in fact["options"])
    if not fact["is_partial"]:
        return ["the vector index holds equal vectors many times, which hides others: call reindex() to leave them out"]
    if method != wanted.index:
        return [f"the vector index is {method}, but the configuration says {wanted.index}: call reindex() to change it"]
    asked: dict[str, int | str] = {"m": wanted.hnsw_m, "ef_construction": wanted.hnsw_ef_construction}
    if method == "ivfflat":
        asked = {"lists": wanted.ivfflat_lists} if wanted.ivfflat_lists else {}
    asked["index_precision"] = precision(config)
    options["index_precision"] = _OPERATORS[fact["operator_class"].partition("_")[0]]
    return [
        f"the vector index has {key} = {options.get(key)}, but the configuration says {value}: call reindex() to change it"
        for key, value in asked.items()
        if options.get(key) != str(value)
    ]


# --- memory ----------------------------------------------------------------------------------------------------------


def default_lists(chunks: int) -> int:
    """Return the number of IVFFlat's lists that pgvector advises.

    It is a thousandth of the rows up to a million rows, and the square root of the rows beyond. It is at least 10.
    """
    return max(10, chunks // 1000 if chunks <= 1_000_000 else math.isqrt(chunks))


def build_bytes(config: StoreConfig, chunks: int) -> int:
    """Return about how many bytes of memory building the vector index takes.

    HNSW keeps the vectors, the neighbours of all layers and some overhead. IVFFlat keeps a sample of up to 50 vectors
    for each list, the bounds that k-means has for each of these vectors and each list, and several copies of the lists'
    centers.
    """
    vector = int(config.embedding.dimensions * {"single": 4, "half": 2, "binary": 1 / 8}[precision(config)])
    if config.postgres.index == "ivfflat":
        lists = config.postgres.ivfflat_lists or default_lists(chunks)
        sample = max(10_000, 50 * lists)
        return int((sample * (vector + 4 * lists + 24) + lists * (4 * vector + 4 * lists + 64)) * 1.1)
    return int(chunks * (vector + config.postgres.hnsw_m * 56 + 300) * 1.1)


async def give_memory(connection: Connection, config: StoreConfig, chunks: int) -> int:
    """Give a session memory and workers for building the vector index. Returns how many bytes it got."""
    needed = build_bytes(config, chunks)
    workers = max(1, (os.cpu_count() or 2) // 2)
    # With too little memory HNSW becomes slower, but IVFFlat refuses to start.
    largest = needed if config.postgres.index == "ivfflat" else LARGEST_MEMORY
    wanted = max(SMALLEST_MEMORY, min(needed, largest))
    (row,) = await run(
        connection, "build_settings", memory_kb=wanted // 1024, workers=workers, until_commit=bool(connection.preamble)
    )
    granted = int(row["memory_kb"]) * 1024
    if needed > granted + 2**20:
        log.warning(
            "the vector index needs about %d MiB to be built in memory, but maintenance_work_mem is %d MiB: "
            "the build will be several times slower. Raise maintenance_work_mem on the server",
            needed // 2**20,
            granted // 2**20,
        )
    return granted


@contextmanager
def warning_of_small_memory(connection: Connection) -> Iterator[None]:
    """Log the server's notice that a graph no longer fits into memory."""
    connection.add_log_listener(_report_small_memory)
    try:
        yield
    finally:
        connection.remove_log_listener(_report_small_memory)


def _report_small_memory(_: Any, message: asyncpg.PostgresLogMessage) -> None:
    if "no longer fits" in str(message):
        log.warning("%s: raise maintenance_work_mem on the server, the build is now several times slower", message)


# --- progress --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def reporting_builds(
    pools: Pools, builder: Connection, operation: str, progress: ProgressCallback | None, poll: float
) -> AsyncIterator[None]:
    """Report the index builds of a connection while the block runs. The last report says that all chunks are done.

    Another connection looks every ``poll`` seconds how far the server has come.
    """
    if progress is None:
        yield
        return
    chunks = int((await run(builder, "count_chunks"))[0]["chunks"])
    pid = await _pid(pools, builder)
    observer = asyncio.create_task(_observe(pools, pid, operation, chunks, progress, poll))
    try:
        yield
    finally:
        observer.cancel()
        await asyncio.gather(observer, return_exceptions=True)
    progress(Progress(operation, chunks, chunks))


async def _observe(
    pools: Pools, pid: int, operation: str, chunks: int, progress: ProgressCallback, poll: float
) -> None:
    """Report progress until the task is cancelled."""
    done = 0
    observer: Connection | None = None
    try:
        observer = await pools.connect(None)
        while True:
            with translated("watching the build"):
                rows = await run(observer, "index_progress", pid=pid)
            for row in rows:
                if row["waiting"]:
                    waits = "waiting for other transactions"
                    progress(Progress(waits, row["lockers_done"], row["lockers_total"], "transactions"))
                elif row["building"]:
                    done = max(done, min(_chunks_done(row, chunks), chunks))
                    progress(Progress(operation, done, chunks))
            await asyncio.sleep(poll)
    except StorageError as error:
        log.info("the build goes on unwatched: %s", error.message)
    finally:
        if observer is not None:
            observer.terminate()


def _chunks_done(row: asyncpg.Record, chunks: int) -> int:
    """Return about how many chunks are in the index so far.

    Some index methods do not count them. Then the scanned share of the table gives the number.
    """
    return int(row["tuples_done"] or row["scanned"] * chunks)


async def _pid(pools: Pools, connection: Connection) -> int:
    """Return the process that works for a connection. A pooler would give the driver another number."""
    return int((await pools.ask(connection, "session_schema"))[0]["pid"])


@asynccontextmanager
async def watched_by_pools(pools: Pools, worker: Connection, pause: float) -> AsyncIterator[None]:
    """Watch a connection while the block runs, over connections of the pools."""

    async def look(pid: int) -> list[asyncpg.Record]:
        return await pools.fetch("session_state", pid=pid)

    async with watched(worker, await _pid(pools, worker), look, pause):
        yield
