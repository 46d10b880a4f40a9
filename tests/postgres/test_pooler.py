"""Behind a real pgbouncer with nothing but its defaults, in both modes, and with prepared statements off and on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from agent_brain_store import ConfigError, ConnectionFailed, QueryFailed, create_backend, open_store, reembed
from agent_brain_store.postgres.connection import session_settings
from tests.support.pooler import PGBOUNCER, pgbouncer, prepared_statements, way_past
from tests.support.postgres import KILL_CONNECTIONS, config, vector_index
from tests.support.servers import Server
from tests.support.stores import DIMENSIONS, embed, fill, ids, made_up

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def needs_pgbouncer() -> None:
    """Skip the tests of this file on a machine without it."""
    if PGBOUNCER is None:
        pytest.skip("there is no pgbouncer here")


@pytest.fixture(params=[*(("transaction", more) for more in prepared_statements()), ("session", {})], ids=str)
def pooled(request: pytest.FixtureRequest, database: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield ``storage.postgres`` for the way through a pooler."""
    mode, more = request.param
    with pgbouncer(database, mode, **more) as through:
        yield {**through, "pooler": mode}


@pytest.fixture(params=prepared_statements(), ids=str)
def transactions(request: pytest.FixtureRequest, database: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the same for transaction mode alone."""
    with pgbouncer(database, "transaction", **request.param) as through:
        yield {**through, "pooler": "transaction"}


async def test_a_new_store_is_made_and_used_through_a_pooler(opened, pooled):
    store = await opened({**pooled, "schema": "fresh"})
    await fill(store, ("a", "the growling bear", {"n": 1}), ("b", "a quiet cat", {"n": 2}))
    assert await ids(store, "bears growl") == ["a"]
    assert [hit.chunk_id for hit in await store.hybrid_search("cat", embed("a quiet cat"), 1)] == ["b"]
    assert (await store.replace_documents({"n": 2}, ["c"], [embed("c")], ["a loud cat"], [{"n": 2}])).deleted == 1
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    assert "chunks_embedding_ann" in (await store.reindex()).rebuilt
    assert (await store.health()).ok
    await store.reset()
    assert await store.get_count() == 0


async def test_the_settings_hold_for_every_transaction(opened, transactions):
    store = await opened({**transactions, "hnsw_ef_search": 77})
    repository: Any = store.repository
    for _ in range(5):
        (facts,) = await repository.pools.fetch("session_facts")
        assert (facts["ef_search"], facts["plan_cache_mode"]) == ("82", "force_custom_plan")


async def test_no_setting_is_left_behind_for_other_users_of_the_pooler(opened, transactions, database):
    store = await opened(transactions)
    await fill(store, ("a", "text"))
    await store.reindex()
    other = await asyncpg.connect(
        host=transactions["host"],
        port=transactions["port"],
        user=database["user"],
        password=database.get("password"),
        database=database["database"],
        ssl="disable",
        statement_cache_size=0,
    )
    changed = "select name from pg_settings where source = 'session' and setting <> reset_val"
    own = {"application_name", "client_encoding"}  # the pooler gives each client its own of these two
    assert {row["name"] for row in await other.fetch(changed)} <= own
    assert await other.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 0
    await other.close()


async def test_sessions_that_are_killed_behind_a_pooler_are_replaced(opened, pooled, plain):
    store = await opened(pooled)
    for n in range(5):
        await plain.execute(KILL_CONNECTIONS)
        await fill(store, (f"{n}", "text"))
        await plain.execute(KILL_CONNECTIONS)
        assert await store.get_count() == n + 1


async def test_a_load_keeps_the_index_unless_a_direct_way_is_given(opened, transactions, database, plain, caplog):
    before = await vector_index(plain)
    store = await opened(transactions)
    await store.upsert_documents(*made_up(1100))
    assert "set storage.postgres.direct_url" in caplog.text
    assert await vector_index(plain) == before
    await store.reset()
    caplog.clear()
    direct = await opened({**transactions, "direct_url": way_past(database)})
    await direct.upsert_documents(*made_up(1100))
    assert "direct_url" not in caplog.text
    assert await vector_index(plain) not in (before, None)


async def test_vectors_of_another_model_need_a_direct_way(opened, transactions):
    store = await opened(transactions)
    await fill(store, ("a", "text"))
    with pytest.raises(QueryFailed, match="needs a session of its own.* set storage.postgres.direct_url"):
        await reembed(store, lambda texts: [embed(text, 24) for text in texts], "test", "larger", 24)
    assert await ids(store, "text") == ["a"]


async def test_vectors_of_another_model_are_made_on_a_direct_way(opened, transactions, database):
    """The first store follows the switch, with the sessions that the pooler has for it."""
    store = await opened({**transactions, "direct_url": way_past(database)})
    await fill(store, ("a", "a growling bear"), ("b", "a quiet cat"))
    assert [hit.chunk_id for hit in await store.vector_search(embed("a quiet cat"), 1)] == ["b"]
    assert await reembed(store, lambda texts: [embed(text, 24) for text in texts], "test", "larger", 24) == 2
    for _ in range(10):
        assert [hit.chunk_id for hit in await store.vector_search(embed("a quiet cat", 24), 1)] == ["b"]
    await store.upsert_documents(["c"], [embed("c", 24)], ["c"], [{}])
    assert (await store.verify()).ok


async def test_a_direct_way_to_another_database_is_refused(server: Server, transactions):
    with server.janitor("abs_other", server.template):
        store = create_backend(config({**transactions, "direct_url": way_past(server.postgres("abs_other"))}))
        with pytest.raises(ConfigError, match="direct_url leads to another server or database"):
            await store.initialize()


# --- poolers that nobody has declared, or not as they are ------------------------------------------------------------


async def test_a_refused_setting_names_the_cure_at_once(transactions):
    started = time.monotonic()
    with pytest.raises(ConnectionFailed, match="set storage.postgres.pooler to transaction or session"):
        await create_backend(config({**transactions, "pooler": "none"})).initialize()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("direct", [True, False])
async def test_a_pooler_that_only_seems_to_give_sessions_never_opens_another_store(database, direct):
    """Two stores that are declared so would read and write each other's chunks."""
    two = {**database, "schema": "second"}
    async with open_store(config(database)) as first, open_store(config(two)) as second:
        with pgbouncer(database, "transaction") as through:
            way = {**through, "pooler": "session"} | ({"direct_url": way_past(database)} if direct else {})
            for schema in ("agent_brain", "second"):
                with pytest.raises(ConfigError, match="set storage.postgres.pooler to transaction"):
                    await filled_and_emptied({**way, "schema": schema})
        assert (await first.get_count(), await second.get_count()) == (0, 0)


async def filled_and_emptied(place: dict[str, Any]) -> None:
    async with open_store(config(place)) as store:
        await fill(store, ("a", "text"))
        await store.reset()


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_a_pooler_that_drops_the_settings_never_opens_another_store(database, plain, mode):
    """The role's own search_path leads to the first store. The second is asked for."""
    async with open_store(config(database)) as first:
        await fill(first, ("a", "text"))
    name = database["database"]
    await plain.execute(f"alter role current_user in database {name} set search_path = agent_brain, public, pg_temp")
    dropped = ",".join(session_settings(config(database), ""))
    refused = pytest.raises(ConfigError, match='search_path = agent_brain, .* but "second", pg_temp was requested')
    with pgbouncer(database, mode, ignore_startup_parameters=dropped) as through, refused:
        await create_backend(config({**through, "schema": "second"})).initialize()
    assert not await plain.fetchval("select true from pg_namespace where nspname = 'second'")
    assert await plain.fetchval("select count(*) from agent_brain.chunks") == 1
