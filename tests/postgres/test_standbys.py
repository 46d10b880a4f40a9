"""`read_url` sends reads to a real standby, which has what the store has written, or else the primary answers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent_brain_store import ConfigError, StorageBackend, create_backend, open_store
from tests.support.clusters import Cluster, primary_and_standby
from tests.support.internals import ask_standby_again
from tests.support.postgres import config, connect, until
from tests.support.servers import Server
from tests.support.stores import embed, fill, ids

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def servers(server: Server) -> Iterator[tuple[Cluster, Cluster]]:
    with primary_and_standby() as pair:
        yield pair


@pytest.fixture
async def pair(servers: tuple[Cluster, Cluster]) -> tuple[Cluster, Cluster]:
    """Return a primary and its standby, which hold no store."""
    look = await connect(servers[0].location)
    await look.execute("drop schema if exists agent_brain cascade")
    await look.close()
    return servers


def url(cluster: Cluster) -> str:
    return f"postgresql:///postgres?host={cluster.directory}"


def reading(pair: tuple[Cluster, Cluster], **more: Any) -> dict[str, Any]:
    return {**pair[0].location, "read_url": url(pair[1]), **more}


async def sessions(cluster: Cluster) -> list[str]:
    """Return the statements that sessions of the library ran last on a server."""
    look = await connect(cluster.location)
    found = await look.fetch(
        "select query from pg_stat_activity where application_name = 'agent_brain_store' and pid <> pg_backend_pid()"
    )
    await look.close()
    return [row["query"] for row in found]


@asynccontextmanager
async def paused(standby: Cluster) -> AsyncIterator[None]:
    """Let the standby receive, but not replay, what the primary writes."""
    look = await connect(standby.location)
    await look.execute("select pg_wal_replay_pause()")
    try:
        await until(look, "select pg_get_wal_replay_pause_state() = 'paused'")
        yield
    finally:
        await look.execute("select pg_wal_replay_resume()")
        await look.close()


async def caught_up(pair: tuple[Cluster, Cluster]) -> None:
    """Wait until the standby has all that the primary has written."""
    look = await connect(pair[0].location)
    written = await look.fetchval("select pg_current_wal_flush_lsn()::text")
    await look.close()
    look = await connect(pair[1].location)
    await until(look, f"select pg_last_wal_replay_lsn() >= '{written}'::pg_lsn")
    await look.close()


async def every_question(store: StorageBackend) -> list[Any]:
    return [
        [hit.chunk_id for hit in await store.vector_search(embed("apple"), 1)],
        await ids(store, "apple"),
        [hit.chunk_id for hit in await store.hybrid_search("apple", embed("apple"), 1, explain=True)],
        await store.get_count(),
        await store.get_count({"n": 1}),
        [key.key for key in (await store.describe()).keys],
        list(await store.get_by_ids(["a"])),
        [document.chunk_id async for document in store.iter_documents()],
    ]


ANSWERS = [["a"], ["a"], ["a"], 1, 1, ["n"], ["a"], ["a"]]


async def test_reads_go_to_the_standby_and_see_what_was_written(opened, pair):
    store = await opened(reading(pair, read_your_writes=30))
    for _ in range(3):
        await fill(store, ("a", "apple", {"n": 1}))
        assert await every_question(store) == ANSWERS
        assert any("list_chunks" in query for query in await sessions(pair[1]))
        assert not any("list_chunks" in query for query in await sessions(pair[0]))
        await store.delete_by_ids(["a"])
        assert await store.get_count() == 0
        assert await store.get_by_id("a") is None
    details = (await store.health()).details
    assert details["in_recovery"] is False
    assert details["lag_seconds"] is None
    assert details["standby"]["in_recovery"] is True
    assert details["standby"]["lag_seconds"] >= 0
    await store.reset()
    await fill(store, ("b", "pear"))
    assert await ids(store, "pear") == ["b"]


async def test_a_standby_that_is_behind_is_waited_for_and_then_the_primary_answers(opened, pair):
    store = await opened(reading(pair, read_your_writes=0.3))
    async with paused(pair[1]):
        await fill(store, ("a", "apple", {"n": 1}))
        started = time.monotonic()
        assert await every_question(store) == ANSWERS
        assert time.monotonic() - started >= 0.3
        assert "the standby is away or behind, and the primary answers in its place" in (await store.health()).degraded
        async with open_store(config(pair[1].location), read_only=True) as standby:
            assert await standby.get_count() == 0
            first = (await standby.health()).details["lag_seconds"]
            assert (await standby.health()).details["lag_seconds"] > first > 0
    await fill(store, ("b", "pear"))
    await caught_up(pair)
    ask_standby_again(store)
    assert await ids(store, "pear") == ["b"]
    assert (await store.health()).degraded == ()


async def test_with_no_patience_a_read_may_miss_what_was_written(opened, pair):
    store = await opened(reading(pair, read_your_writes=0))
    await fill(store, ("a", "apple", {"n": 1}))
    await caught_up(pair)
    async with paused(pair[1]):
        await fill(store, ("b", "pear"))
        assert await store.get_count() == 1


async def test_a_standby_that_is_away_is_replaced_by_the_primary(opened, pair):
    store = await opened(reading(pair, read_your_writes=30))
    await fill(store, ("a", "apple", {"n": 1}))
    assert await every_question(store) == ANSWERS
    pair[1].stop()
    assert await every_question(store) == ANSWERS
    async with open_store(config(reading(pair))) as late:  # it is away at the start, too
        assert await every_question(late) == ANSWERS
        assert (await late.health()).degraded != ()
    pair[1].start()
    ask_standby_again(store)
    assert await every_question(store) == ANSWERS
    assert (await store.health()).degraded == ()


async def test_a_standby_of_another_server_is_refused(pair, database):
    login = f"{database['user']}:{database.get('password') or ''}"
    other = f"postgresql://{login}@/{database['database']}?host={database['host']}&port={database.get('port', 5432)}"
    with pytest.raises(ConfigError, match="read_url leads to another server or database"):
        await create_backend(config({**pair[0].location, "read_url": other})).initialize()
