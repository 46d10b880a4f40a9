"""How far the server has come with building an index, for a caller's callback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from agent_brain_store.errors import StorageError
from agent_brain_store.postgres.connection import Connection, run, translated
from agent_brain_store.protocol import Progress, ProgressCallback

log = logging.getLogger(__name__)

_POLL = 0.5  # seconds between two looks


@asynccontextmanager
async def watched(
    connect: Callable[[None], Awaitable[Connection]],
    builder: Connection,
    operation: str,
    progress: ProgressCallback | None,
) -> AsyncIterator[None]:
    """Report the index builds of a connection while the block runs, and at its end that all chunks are in the index.

    ``connect`` makes the connection that looks on.
    """
    if progress is None:
        yield
        return
    chunks = int((await run(builder, "count_chunks"))[0]["chunks"])
    watcher = asyncio.create_task(_watch(connect, builder.get_server_pid(), operation, chunks, progress))
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
    progress(Progress(operation, chunks, chunks))


async def _watch(
    connect: Callable[[None], Awaitable[Connection]], pid: int, operation: str, chunks: int, progress: ProgressCallback
) -> None:
    """Report until cancelled."""
    done = 0
    observer: Connection | None = None
    try:
        observer = await connect(None)
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
            await asyncio.sleep(_POLL)
    except StorageError as error:
        log.info("the build goes on unwatched: %s", error.message)
    finally:
        if observer is not None:
            observer.terminate()


def _chunks_done(row: asyncpg.Record, chunks: int) -> int:
    """Chunks in the index. A method that does not count them tells how much of the table it has scanned."""
    return int(row["tuples_done"] or row["scanned"] * chunks)
