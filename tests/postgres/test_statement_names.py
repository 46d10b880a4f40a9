"""The library's statements and connections have names on the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from agent_brain_store import open_store
from agent_brain_store.postgres.sql import sql_directory
from tests.support.clusters import Cluster, server_with_statistics
from tests.support.postgres import config, connect, until
from tests.support.servers import run_psql
from tests.support.stores import ANIMALS, embed, fill

pytestmark = pytest.mark.postgres

SLOWEST = sql_directory() / "inspect" / "slowest.sql"


@pytest.fixture(scope="module")
def counting() -> Iterator[Cluster]:
    """Run a server with pg_stat_statements."""
    with server_with_statistics() as cluster:
        yield cluster


@pytest.fixture
async def counted(counting: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection of the test's own to that server, whose counts are empty."""
    connection = await connect(counting.location)
    await connection.execute("create extension if not exists pg_stat_statements")
    await connection.execute("select pg_stat_statements_reset()")
    yield connection
    await connection.close()


async def test_the_slowest_statements_are_listed_by_their_files(counting, counted):
    async with open_store(config(counting.location)):
        pass  # it makes the store: a migration has many statements, of which only the first has the name
    await counted.execute("select pg_stat_statements_reset()")
    async with open_store(config(counting.location)) as store:
        await fill(store, *ANIMALS)
        for _ in range(3):
            await store.hybrid_search("the bear", embed("the bear"), 3)
        await store.keyword_search("a cat", 3)
        await store.reindex()
    rows = {row["file"]: row for row in await counted.fetch(SLOWEST.read_text())}
    assert rows["hybrid_search"]["calls"] == 3
    assert rows["keyword_search"]["calls"] == rows["upsert_chunks"]["calls"] == 1
    assert rows["hybrid_search"]["total_ms"] > 0
    assert "create_index" in rows or "create_vector_index" in rows, (
        "statements that the server has written have a name, too"
    )
    assert "keyword_search\x1f1\x1f" in run_psql(counting.location, "-f", str(SLOWEST))
    assert not await counted.fetchval(
        "select count(*) from pg_stat_statements where query ~ 'chunks' and query !~ 'agent_brain_store:'"
        " and query !~ 'pg_stat_statements'"
    ), "no statement about chunks is without a name"


async def test_the_page_shows_the_query_for_the_slowest_statements(counted):
    page = (sql_directory().parent / "docs" / "sql.md").read_text()
    query = page.split("## Names of statements")[1].split("```sql\n")[1].split("```")[0]
    await counted.fetch(query)


async def test_a_running_statement_and_its_connection_are_named(opened, database, plain):
    store = await opened({**database, "application_name": "billing search"})
    await fill(store, ("a", "apple"))
    await plain.execute("begin; lock table chunks in access exclusive mode")
    search = asyncio.create_task(store.keyword_search("apple", 3))
    look = await connect(database)
    waiting = "select true from pg_stat_activity where application_name = 'billing search' and wait_event_type = 'Lock'"
    await until(look, waiting)
    rows: list[Any] = await look.fetch((sql_directory() / "inspect" / "activity.sql").read_text())
    assert [row["file"] for row in rows if row["blocked_by"]] == ["keyword_search"]
    await look.close()
    await plain.execute("rollback")
    assert len(await search) == 1
