"""What the doctor finds around a store on PostgreSQL: rights, other processes, poolers, standbys, bloat and slow statements."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from agent_brain_store.cli import store_checks, surrounding_checks
from tests.support.clusters import Cluster, primary_and_standby, server_with_statistics
from tests.support.commands import Configure, Run, lines, many_lines
from tests.support.pooler import PGBOUNCER, pgbouncer
from tests.support.postgres import connect, until
from tests.support.servers import run_psql
from tests.support.stores import ANIMALS

pytestmark = pytest.mark.postgres

Found = dict[str, dict[str, str]]


@pytest.fixture
def place(database: dict[str, Any]) -> dict[str, Any]:
    """Keep the store in PostgreSQL."""
    return {"backend": "postgres", "postgres": database}


def diagnosed(run: Run, *arguments: object) -> Found:
    """Return what the doctor finds, by what it is."""
    done = run("doctor", "--json", *arguments)
    return {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize(
    ("right", "thing", "command", "arguments"),
    [
        ("usage on schema agent_brain", " may not see the store", "count", []),
        ("select on term_statistics", " may not search", "search", ["bears"]),
        ("insert on term_changes", " may not write and delete chunks", "delete", ["a", "-y"]),
        ("update on embedding_profile", " may not record the embedding model", "", []),
        ("truncate on term_statistics", " may not reset the store", "reset", ["--name", "agent_brain"]),
        ("delete on term_changes", " may not count the terms, which keyword ranking needs", "", []),
        ("update on term_derivation", " may not derive the search terms anew", "rederive", []),
    ],
)
def test_each_right_that_is_missing_is_found(
    filled: Run, configure: Configure, database: dict[str, Any], right: str, thing: str, command: str, arguments: Any
) -> None:
    """What the doctor says the role may not do fails, and its grant brings it back."""
    create = "create role abs_service login password 'secret'"
    run_psql(database, "-c", f"do $$ begin {create}; exception when duplicate_object then null; end $$")
    run_psql(database, "-c", "grant usage on schema agent_brain to abs_service")
    run_psql(database, "-c", "grant all on all tables in schema agent_brain to abs_service")
    service = configure(
        {"backend": "postgres", "postgres": database | {"user": "abs_service", "password": "secret"}}, "s.yaml"
    )
    run_psql(database, "-c", f"revoke {right} from abs_service")
    role = "the role abs_service"
    owners = role + " may not build indexes or apply an upgrade"
    found = diagnosed(filled, "-c", service)
    assert set(found) - {owners} == {role + thing}
    assert not command or filled(command, *arguments, "-c", service).exit_code in (1, 3)
    run_psql(database, "-c", shlex.split(found[role + thing]["mend"])[-1])
    assert set(diagnosed(filled, "-c", service)) == {owners}
    assert not command or filled(command, *arguments, "-c", service).exit_code == 0
    run_psql(database, "-c", "drop owned by abs_service")


def test_pools_of_several_processes_are_counted_together(
    filled: Run, configure: Configure, database: dict[str, Any]
) -> None:
    """One pool of 40 fits into the server's hundred connections. Two and a half do not."""
    modest = configure({"backend": "postgres", "postgres": database | {"pool_size": 30}}, "modest.yaml")

    async def crowded() -> Found:
        named = await asyncio.gather(*(connect(database) for _ in range(81)))
        for connection in named:
            await connection.execute("set application_name = 'agent_brain_store'")
        try:
            return await asyncio.to_thread(diagnosed, filled, "-c", modest)
        finally:
            await asyncio.gather(*(connection.close() for connection in named))

    assert "the pools of all processes are larger than the server allows" not in diagnosed(filled, "-c", modest)
    finding = asyncio.run(crowded())["the pools of all processes are larger than the server allows"]
    assert "81 of these belong to at least 3 processes" in finding["evidence"]
    assert finding["mend"].startswith("Set storage.postgres.pool_size and pool_max_overflow to 24 together")


def test_a_server_that_is_nearly_full_is_found(filled: Run, database: dict[str, Any]) -> None:
    """The connections are other programs'. The server allows a hundred, less those for administrators."""

    async def crowded() -> Found:
        others = await asyncio.gather(*(connect(database) for _ in range(90)))
        try:
            return await asyncio.to_thread(diagnosed, filled)
        finally:
            await asyncio.gather(*(connection.close() for connection in others))

    finding = asyncio.run(crowded())["the server has few connections left"]
    assert finding["mend"] == "Lower pool_size, or raise max_connections."


@pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer here")
@pytest.mark.parametrize(("mode", "said"), [("transaction", "session"), ("session", "transaction")])
def test_a_pooler_in_another_mode_than_configured_is_found(
    filled: Run, configure: Configure, database: dict[str, Any], mode: str, said: str
) -> None:
    with pgbouncer(database, mode) as through:
        wrong = configure({"backend": "postgres", "postgres": {**through, "pooler": said}}, "wrong.yaml")
        finding = diagnosed(filled, "-c", wrong)["the pooler works in another mode"]
        assert (finding["level"], finding["mend"]) == ("warning", f"Set storage.postgres.pooler to {mode}.")
        right = configure({"backend": "postgres", "postgres": {**through, "pooler": mode}}, "right.yaml")
        assert diagnosed(filled, "-c", right) == {}


def test_a_pooler_that_is_not_there_is_found(filled: Run, configure: Configure, database: dict[str, Any]) -> None:
    wrong = configure({"backend": "postgres", "postgres": {**database, "pooler": "transaction"}}, "wrong.yaml")
    finding = diagnosed(filled, "-c", wrong)["there is no pooler"]
    assert (finding["level"], finding["mend"]) == ("note", "Set storage.postgres.pooler to none.")


def test_an_index_that_deletions_have_left_bloated_is_found_and_mended(
    filled: Run, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small indexes are not worth a thought, so the limit is lowered here."""
    monkeypatch.setattr(store_checks, "LARGE", 2**17)
    assert filled("load", "-", stdin=many_lines(3000)).exit_code == 0
    run_psql(database, "-c", "vacuum analyze chunks")
    assert "an index is bloated" not in diagnosed(filled)
    run_psql(database, "-c", "delete from chunks where chunk_id like '0%' and chunk_id > '00300'")
    run_psql(database, "-c", "vacuum analyze chunks")
    finding = diagnosed(filled)["an index is bloated"]
    assert finding["mend"] == "agent-brain-store reindex"
    assert filled("reindex").exit_code == 0
    assert "an index is bloated" not in diagnosed(filled)


def test_a_vector_index_that_no_search_uses_is_found(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """So small a store needs no index, so the limits are lowered here."""
    monkeypatch.setattr(store_checks, "LARGE", 0)
    monkeypatch.setattr(store_checks, "OFTEN", -1)
    assert diagnosed(filled)["the vector index is not used"]["level"] == "note"


def test_slow_searches_are_found_where_the_server_counts(
    run: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No search of so small a store is slow, so the limit is lowered here."""
    with server_with_statistics() as cluster:
        config = configure({"backend": "postgres", "postgres": cluster.location}, "counting.yaml")
        assert run("load", "-", "-c", config, stdin=lines(*ANIMALS)).exit_code == 0
        run_psql(cluster.location, "-c", "create extension pg_stat_statements")
        assert run("search", "bear", "-c", config).exit_code == 0
        assert diagnosed(run, "-c", config) == {}
        monkeypatch.setattr(surrounding_checks, "SLOW", 0.0)
        finding = diagnosed(run, "-c", config)["keyword_search is slow"]
        assert "1 call took" in finding["evidence"]
        command = shlex.split(finding["mend"])
        assert command[:2] == ["agent-brain-store", "explain"]
        assert run(*command[1:], "-c", config).exit_code == 0


# --- a standby -------------------------------------------------------------------------------------------------------


@pytest.fixture
def clusters() -> Iterator[tuple[Cluster, Cluster]]:
    """Yield a primary and a standby of it."""
    with primary_and_standby() as servers:
        yield servers


def test_a_standby_that_stands_still_is_late_or_alone_is_found(
    run: Run, configure: Configure, clusters: tuple[Cluster, Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    primary, standby = clusters
    first = configure({"backend": "postgres", "postgres": primary.location}, "primary.yaml")
    second = configure({"backend": "postgres", "postgres": standby.location}, "standby.yaml")
    assert run("load", "-", "-c", first, stdin=lines(*ANIMALS)).exit_code == 0
    caught_up(standby)
    assert diagnosed(run, "-c", second) == {}
    run_psql(standby.location, "-c", "select pg_wal_replay_pause()")
    finding = diagnosed(run, "-c", second)["the standby does not apply what it gets"]
    _, command, *arguments = shlex.split(finding["mend"])
    assert command == "psql"
    run_psql(standby.location, *arguments[-2:])
    assert diagnosed(run, "-c", second) == {}
    delay = "alter system set recovery_min_apply_delay = '{}'"
    run_psql(standby.location, "-c", delay.format("1h"), "-c", "select pg_reload_conf()")
    monkeypatch.setattr(surrounding_checks, "LATE", 0.0)  # so that nobody has to wait a minute
    assert run("load", "-", "-c", first, stdin=many_lines(10)).exit_code == 0
    asyncio.run(waited(standby, "pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"))
    assert diagnosed(run, "-c", second)["the standby is behind its primary"]["mend"].startswith("Wait")
    run_psql(standby.location, "-c", delay.format("0"), "-c", "select pg_reload_conf()")
    asyncio.run(waited(standby, "count(*) = 14 from chunks"))
    primary.stop()
    until_alone(standby)
    assert "the standby is not connected to its primary" in diagnosed(run, "-c", second)


def caught_up(standby: Cluster) -> None:
    """Wait until a standby has the chunks."""
    asyncio.run(waited(standby, "to_regclass('chunks') is not null", "count(*) = 4 from chunks"))


def until_alone(standby: Cluster) -> None:
    """Wait until a standby has noticed that its primary is gone."""
    asyncio.run(waited(standby, "count(*) = 0 from pg_stat_wal_receiver"))


async def waited(cluster: Cluster, *conditions: str) -> None:
    """Wait until each of some conditions is true on a server."""
    connection = await connect(cluster.location)
    for condition in conditions:
        await until(connection, f"select {condition}")
    await connection.close()
