"""Connections: refused, lost, replaced, timed out, and bound to one event loop."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agent_brain_store import ConnectionFailed, NotInitialized, OutcomeUnknown, PoolTimeout, QueryFailed, create_backend
from agent_brain_store.postgres.sql import queries
from tests.support.clusters import Cluster
from tests.support.internals import pooled_connection
from tests.support.postgres import KILL_CONNECTIONS, config, connect, lock_counts, slow_down_commits, until
from tests.support.servers import wheel_server
from tests.support.stores import fill

pytestmark = pytest.mark.postgres


# --- opening ---------------------------------------------------------------------------------------------------------


async def test_a_wrong_password_or_database_fails_at_once(database):
    started = time.monotonic()
    with pytest.raises(ConnectionFailed, match="abs_nowhere") as caught:
        await create_backend(config({**database, "database": "abs_nowhere"})).initialize()
    assert "storage.postgres.database" in caught.value.message
    with pytest.raises(ConnectionFailed, match="user or password"):
        await create_backend(config({**database, "user": "abs_nobody"})).initialize()
    assert time.monotonic() - started < 5


@pytest.fixture
def stopped() -> Iterator[Cluster]:
    """Yield a server that was made and stopped. The test starts it."""
    with tempfile.TemporaryDirectory(prefix="abs-late-") as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "one")
        cluster.make()
        cluster.stop()
        yield cluster
        cluster.stop()


async def test_a_starting_server_is_waited_for(stopped):
    store = create_backend(config({**stopped.location, "connect_timeout": 20}))
    opening = asyncio.create_task(store.initialize())
    await asyncio.sleep(0.7)
    assert not opening.done()
    await asyncio.to_thread(stopped.start)
    await opening
    await store.close()


async def test_a_server_that_is_not_there_is_waited_for_no_longer_than_connect_timeout(tmp_path):
    gone = create_backend(config({"host": str(tmp_path), "user": "postgres", "connect_timeout": 0.5}))
    with pytest.raises(ConnectionFailed, match="no connection to the server"):
        await gone.initialize()


async def test_a_name_that_nobody_knows_fails_at_once_and_is_told(monkeypatch):
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    misspelt = create_backend(config({"host": "db.exmaple.org", "port": 5433, "connect_timeout": 600}))
    with pytest.raises(ConnectionFailed, match=r"connecting to db\.exmaple\.org:5433: .*not known"):
        await asyncio.wait_for(misspelt.initialize(), 30)


async def test_a_long_wait_for_a_server_is_told_once(tmp_path, caplog):
    gone = create_backend(config({"host": str(tmp_path), "user": "postgres", "connect_timeout": 1.5}))
    with pytest.raises(ConnectionFailed):
        await gone.initialize()
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"connecting to {tmp_path}: no connection to the server (")
    assert "; trying again for up to " in warnings[0]


async def test_no_password_and_a_wrong_password_are_two_messages(monkeypatch, tmp_path):
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    with wheel_server(18) as location:
        admin = await connect({**location, "database": "postgres"})
        await admin.execute("create role abs_guarded login password 'secret'")
        (Path(location["host"]) / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        await admin.execute("select pg_reload_conf()")
        await until(admin, "select count(*) = 2 from pg_hba_file_rules")
        await admin.close()
        guarded = {**location, "database": "postgres", "user": "abs_guarded"}
        with pytest.raises(ConnectionFailed, match="the server asks for a password, and none is configured"):
            await create_backend(config(guarded)).initialize()
        with pytest.raises(ConnectionFailed, match="the server refuses the user or password"):
            await create_backend(config({**guarded, "password": "wrong"})).initialize()


async def test_pooled_sessions_have_the_settings_that_searches_need(store):
    async with pooled_connection(store) as connection:
        facts = dict(await connection.fetchrow(queries()["session_facts"].text))
    assert facts == {
        "ef_search": "105",
        "iterative_scan": "relaxed_order",
        "keyword_budget": "400",
        "plan_cache_mode": "force_custom_plan",
    }


# --- losing connections ----------------------------------------------------------------------------------------------


async def test_killed_connections_are_replaced(store, plain):
    await fill(store, ("a", "text"))
    for _ in range(20):
        await plain.execute(KILL_CONNECTIONS)
        assert await store.get_count() == 1
    for _ in range(5):
        await plain.execute(KILL_CONNECTIONS)
        try:
            await fill(store, ("b", "text"))
        except ConnectionFailed:
            pass
        else:
            break
    else:
        pytest.fail("writing never worked again")


async def test_a_lost_commit_is_of_unknown_outcome(store, plain, monkeypatch):

    class Dying(asyncpg.transaction.Transaction):
        async def __aexit__(self, *failure):
            await plain.execute(KILL_CONNECTIONS)
            await super().__aexit__(*failure)

    monkeypatch.setattr(asyncpg.Connection, "transaction", lambda self, **options: Dying(self, None, False, False))
    with pytest.raises(OutcomeUnknown, match="You can safely repeat the call"):
        await fill(store, ("a", "text"))


async def test_a_connection_lost_on_its_way_to_the_pool_is_no_failure_of_the_call(store, monkeypatch):
    release = asyncpg.Pool.release

    async def lost(pool: Any, connection: Any, **options: Any) -> None:
        await release(pool, connection, **options)
        raise asyncpg.InternalClientError("PoolConnectionHolder.release() called on a free connection holder")

    monkeypatch.setattr(asyncpg.Pool, "release", lost)
    await fill(store, ("a", "text"))
    assert await store.get_count() == 1


# --- time limits -----------------------------------------------------------------------------------------------------


async def test_a_full_pool_is_an_error_after_pool_timeout(opened, database):
    store = await opened({**database, "pool_size": 1, "pool_max_overflow": 0, "pool_timeout": 0.3})
    async with pooled_connection(store):
        with pytest.raises(PoolTimeout, match=r"within 0.3 s .* storage.postgres.pool_size or pool_timeout"):
            await store.get_count()
    assert await store.get_count() == 0


async def test_a_statement_is_cut_short_after_command_timeout(opened, database, plain):
    store = await opened({**database, "command_timeout": 0.3})
    await fill(store, ("a", "text"))
    async with plain.transaction():
        await plain.execute("lock table chunks in access exclusive mode")
        with pytest.raises(QueryFailed, match="took"):
            await store.get_by_id("a")
    assert await store.get_by_id("a") is not None


async def test_a_commit_that_outlasts_its_time_is_of_unknown_outcome(opened, database, plain):
    await slow_down_commits(plain, seconds=5)
    store = await opened({**database, "command_timeout": 0.5})
    with pytest.raises(OutcomeUnknown, match="command_timeout ran out while upsert_documents was being committed"):
        await fill(store, ("a", "text"))
    assert await store.get_count() == 0


# --- closing ---------------------------------------------------------------------------------------------------------


async def test_calls_that_run_when_the_store_is_closed_say_so(opened, database):
    store = await opened({**database, "pool_size": 1, "pool_max_overflow": 0})
    calls: list[asyncio.Task[Any]] = [asyncio.create_task(store.get_count()) for _ in range(3)]
    calls.append(asyncio.create_task(store.delete_by_ids(["a"])))
    for _ in range(3):
        await asyncio.sleep(0)
    await store.close()
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert outcome in (0, 1) or isinstance(outcome, NotInitialized), outcome


async def test_a_close_that_was_cancelled_can_be_repeated(store, plain):
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    async with plain.transaction():
        await lock_counts(plain, "exclusive")
        writing = asyncio.create_task(fill(store, *((f"p{i}", "pear") for i in range(40))))
        await asyncio.sleep(0.3)  # it waits for its count
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.gather(writing, store.close()), 0.5)
    await store.close()
    assert not store.is_initialized
