"""Notice that the server no longer works for a connection that waits for it.

A statement without a time limit would wait for ever for its answer if the network falls silent. So another connection
looks now and then whether the server is still at work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from agent_brain_store.errors import PoolTimeout, StorageError
from agent_brain_store.postgres.connection import Connection
from agent_brain_store.postgres.errors import caused_by_lost_connection

log = logging.getLogger(__name__)

_AT_WORK = "at work"

Look: TypeAlias = Callable[[int], Awaitable[list[asyncpg.Record]]]
"""Asks on another connection for the rows of ``session_state``."""


@asynccontextmanager
async def watched(worker: Connection, pid: int, look: Look, pause: float) -> AsyncIterator[None]:
    """Drop a connection if the server no longer works for it while the block runs. Its statement then fails.

    ``pid`` is the process that works for it. After each ``pause``, in seconds, it is looked for. Two looks in a row
    without a sign of life are enough.
    """
    watcher = asyncio.create_task(_watch(worker, pid, look, pause))
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


async def _watch(worker: Connection, pid: int, look: Look, pause: float) -> None:
    silent, state = 0, ""
    while silent < 2:
        await asyncio.sleep(pause)
        before, state = state, await _state(pid, look)
        # Between two statements it is idle for a moment.
        silent = 0 if state == _AT_WORK or (state and state != before) else silent + 1
    log.warning("the server does not work any more for a connection that waits for it; the connection is dropped")
    worker.terminate()


async def _state(pid: int, look: Look) -> str:
    """Return what the process does: `_AT_WORK`, or since when it has been idle. An empty text is no sign of life."""
    try:
        rows = await look(pid)
    except PoolTimeout:  # the calls of this process keep all connections busy
        return _AT_WORK
    except StorageError as error:  # a refusal is a sign of life too
        is_answer = isinstance(error.__cause__, asyncpg.PostgresError) and not caused_by_lost_connection(error)
        return _AT_WORK if is_answer else ""
    if not rows:
        return ""
    return _AT_WORK if rows[0]["active"] else str(rows[0]["changed_at"])
