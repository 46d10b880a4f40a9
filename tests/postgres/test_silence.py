"""Servers that are silent, networks that forget, and pools that were cut. Nothing waits for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from agent_brain_store import ConnectionFailed, QueryFailed, create_backend
from agent_brain_store.postgres.sql import load_functions
from tests.support.internals import count_terms, limit_close, pooled_connection, set_timings
from tests.support.postgres import KILL_CONNECTIONS, config, until_blocked
from tests.support.proxy import Proxy, proxy
from tests.support.stores import fill

pytestmark = pytest.mark.postgres


@pytest.fixture
async def front(database: dict[str, Any]) -> AsyncIterator[Proxy]:
    """Run a proxy in front of the server."""
    async with proxy(database) as front:
        yield front


async def hold_connections(store: Any, count: int) -> None:
    """Let the pool of questions open so many connections."""
    if count:
        async with pooled_connection(store) as connection:
            await connection.fetchval("select 1")
            await hold_connections(store, count - 1)


# --- silence ---------------------------------------------------------------------------------------------------------


async def test_a_server_that_swallows_everything_is_no_full_pool(opened, front):
    store = await opened(front.postgres(pool_timeout=0.5, connect_timeout=5))
    front.forget()
    front.swallow()
    with pytest.raises(ConnectionFailed, match=r"within 0.5 s: 0 of the 15 .* busy, and the server does not answer"):
        await store.get_count()


async def test_a_connection_that_is_not_made_in_time_names_connect_timeout(opened, front):
    store = await opened(front.postgres(pool_timeout=5, connect_timeout=0.5))
    front.forget()
    front.swallow()
    with pytest.raises(ConnectionFailed, match=r"no answer within 0.5 s \(storage.postgres.connect_timeout\)"):
        await store.get_count()


async def test_a_start_survives_a_farewell_that_is_not_answered(database, front, monkeypatch):
    close = asyncpg.Connection.close

    async def silent(connection: Any, **limit: Any) -> None:
        front.swallow()
        try:
            await close(connection, **limit)
        finally:
            front.speak()

    monkeypatch.setattr(asyncpg.Connection, "close", silent)
    store = create_backend(config(front.postgres()))
    await store.initialize()
    monkeypatch.undo()
    assert await store.get_count() == 0
    await store.close()


@pytest.mark.parametrize("call", ["read", "write"])
async def test_a_hung_statement_takes_command_timeout_once(opened, front, call):
    store = await opened(front.postgres(command_timeout=1))
    await fill(store, ("a", "text"))
    front.swallow()
    started = time.monotonic()
    with pytest.raises(QueryFailed, match="took longer than storage.postgres.command_timeout"):
        await (store.get_count() if call == "read" else store.delete_by_ids(["a"]))
    assert time.monotonic() - started < 2.5
    front.speak()
    assert await store.get_count() == 1


async def test_closing_does_not_wait_for_each_pool_in_turn(opened, front, monkeypatch):
    limit_close(monkeypatch, 1)
    store = await opened(front.postgres(command_timeout=30))
    await fill(store, ("a", "text"))
    front.swallow()
    calls = [asyncio.create_task(call) for call in (store.get_count(), store.delete_by_ids(["a"]))]
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await store.close()
    assert time.monotonic() - started < 1.8
    await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("work", ["build", "count"])
async def test_long_work_over_a_silent_network_ends_with_an_error(opened, front, database, plain, work):
    store = await opened(front.postgres(command_timeout=0.5, connect_timeout=0.5))
    await fill(store, ("a", "text"))
    set_timings(store, watch=0.1)
    async with plain.transaction():
        await plain.execute("lock table chunks in row exclusive mode; lock table term_statistics")
        working = asyncio.create_task(store.reindex() if work == "build" else count_terms(store))
        await until_blocked(database, "create index" if work == "build" else "term_statistics")
        front.swallow()
        if work == "build":
            with pytest.raises(ConnectionFailed, match="index maintenance: .*(connection was closed|it was lost)"):
                await asyncio.wait_for(working, 10)
        else:  # the chunks are stored, so that a count fails is only logged
            await asyncio.wait_for(working, 10)
        await asyncio.wait_for(store.close(), 20)


async def test_a_start_over_a_silent_network_ends_with_an_error(front, database, plain):
    """It waits for a lock, for as long as a migration may take."""
    await plain.execute("delete from schema_functions where name = 'similarity'")
    store = create_backend(config(front.postgres(command_timeout=0.5, connect_timeout=0.5)))
    set_timings(store, watch=0.1)
    async with plain.transaction():
        (similarity,) = (f for f in load_functions() if f.name == "similarity")
        await plain.execute(similarity.text)
        starting = asyncio.create_task(store.initialize())
        await until_blocked(database, "function similarity")
        front.swallow()
        with pytest.raises(ConnectionFailed, match="migrating the schema: .*(connection was closed|it was lost)"):
            await asyncio.wait_for(starting, 15)


async def test_work_that_takes_long_is_not_taken_for_dead(opened, database, plain):
    store = await opened(database)
    await fill(store, ("a", "text"))
    set_timings(store, watch=0.2)
    async with plain.transaction():
        await plain.execute("lock table chunks in row exclusive mode")
        working = asyncio.create_task(store.reindex())
        await until_blocked(database, "create index")
        await asyncio.sleep(0.8)
    await working


# --- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["killed", "forgotten"])
async def test_after_a_loss_no_call_gets_another_lost_connection(opened, front, plain, loss):
    store = await opened(front.postgres())
    await fill(store, ("a", "text"))
    for attempt in range(5):
        await hold_connections(store, 5)
        if loss == "killed":
            await plain.execute(KILL_CONNECTIONS)
        else:
            front.forget()
        assert await store.get_count() == 1 + attempt
        await fill(store, (f"{attempt}", "text"))


async def test_a_write_that_was_lost_before_its_commit_is_repeated(opened, database, plain):
    store = await opened(database)
    await fill(store, ("a", "text"))
    async with plain.transaction():
        await plain.execute("lock table chunks in access exclusive mode")
        writing = asyncio.create_task(fill(store, ("b", "text")))
        await until_blocked(database, "insert into chunks")
        await plain.execute(f"{KILL_CONNECTIONS} and wait_event_type = 'Lock'")
    await writing
    assert await store.get_count() == 2
