"""Commit transactions without interruption, and repeat work that loses to a concurrent transaction."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg
from asyncpg.transaction import Transaction

from agent_brain_store import telemetry
from agent_brain_store.errors import OutcomeUnknown
from agent_brain_store.postgres.connection import Connection
from agent_brain_store.postgres.errors import BACKEND, caused_by_lost_connection, ran_out

log = logging.getLogger(__name__)
Result = TypeVar("Result")

_ATTEMPTS = 4
_CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


@asynccontextmanager
async def begun(connection: Connection) -> AsyncIterator[Transaction]:
    """Begin a transaction with the store's settings, and roll it back after an error. The block commits it.

    The isolation is read committed, whatever the server's default is, because a statement must see the changes of a
    transaction that it has waited for.
    """
    # The block enters and leaves the transaction by hand, because a cancellation must not interrupt the commit. start()
    # would not do: asyncpg does not clean up quietly after it.
    managed = connection.transaction(isolation="read_committed")
    await managed.__aenter__()
    try:
        if connection.preamble:
            await connection.execute(connection.preamble)
        yield managed
    except (TimeoutError, asyncio.CancelledError):
        raise  # a statement may still be running; whoever takes the connection back rolls back, within a limit
    except BaseException as error:
        with suppress(Exception):  # the caller's error matters, not an error of the rollback
            await managed.__aexit__(type(error), error, None)
        raise


@asynccontextmanager
async def reading(connection: Connection) -> AsyncIterator[None]:
    """Run the block in a transaction that changes nothing."""
    async with begun(connection) as managed:
        yield
        await managed.__aexit__(None, None, None)


@asynccontextmanager
async def with_settings(connection: Connection) -> AsyncIterator[None]:
    """Let the block read with the store's settings. That takes a transaction if the session does not have them."""
    if connection.preamble:
        async with reading(connection):
            yield
    else:
        yield


@asynccontextmanager
async def transaction(connection: Connection, operation: str) -> AsyncIterator[None]:
    """Run the block in a transaction.

    If the connection is lost during the commit, or the commit takes too long, it raises `OutcomeUnknown`. After any
    other error, nothing was written.
    """
    async with begun(connection) as managed:
        yield
    if connection.is_closed():  # the commit is not sent, so nothing was written
        raise asyncpg.ConnectionDoesNotExistError("the connection was lost before the commit")
    try:
        await _uninterrupted(managed.__aexit__(None, None, None))
    except Exception as error:
        if not (caused_by_lost_connection(error) or ran_out(error)):
            raise
        what = "storage.postgres.command_timeout ran out" if ran_out(error) else "the connection was lost"
        raise OutcomeUnknown(
            f"{what} while {operation} was being committed: the write may or may not have happened. You can "
            "safely repeat the call",
            BACKEND,
        ) from error


async def _uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Do work that a cancellation cannot stop. The caller is cancelled only after the work has ended."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def retry_conflicts(operation: str, work: Callable[[], Awaitable[Result]]) -> Result:
    """Do work, and repeat it if it loses to a concurrent transaction, up to four times in all. Raises the driver's errors."""
    for attempt in range(1, _ATTEMPTS):
        with suppress(*_CONFLICTS):
            return await work()
        log.info("%s is done again after a deadlock, or the like", operation, extra={"operation": operation})
        telemetry.event("retry", reason="conflict")
        await asyncio.sleep(random.uniform(0, 0.05 * 2**attempt))
    return await work()
