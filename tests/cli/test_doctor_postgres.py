"""Each finding of the doctor on PostgreSQL: it is provoked on a real server, and its command mends it."""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store.cli import server_checks
from agent_brain_store.cli.findings import AS_SAID
from agent_brain_store.postgres import index_builds
from tests.support.clusters import listening_server, network_address
from tests.support.commands import Configure, Run, many_lines
from tests.support.postgres import connect, until
from tests.support.servers import Server, run_psql
from tests.support.stores import DIMENSIONS

pytestmark = pytest.mark.postgres

Finding = dict[str, str]


@pytest.fixture
def place(database: dict[str, Any]) -> dict[str, Any]:
    """Keep the store in PostgreSQL."""
    return {"backend": "postgres", "postgres": database}


def findings(run: Run, *arguments: object) -> list[Finding]:
    """Return what the doctor finds."""
    done = run("doctor", "--json", *arguments)
    found: list[Finding] = json.loads(done.stdout)["findings"]
    assert done.exit_code == (1 if any(finding["level"] == "error" for finding in found) else 0)
    return found


def only(run: Run, *arguments: object) -> Finding:
    """Return the one thing that the doctor finds."""
    (finding,) = findings(run, *arguments)
    return finding


def mend(run: Run, finding: Finding, database: dict[str, Any]) -> None:
    """Run the command of a finding, which must mend it."""
    program, name, *arguments = shlex.split(finding["mend"])
    assert program == "agent-brain-store"
    if name == "psql":
        run_psql(database, *arguments)
    else:
        assert run(name, *arguments).exit_code == 0
    assert findings(run) == []


def test_a_healthy_store_has_no_finding(filled: Run) -> None:
    assert filled("doctor").stdout == "21 checks: all is well\n"


# --- the store -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "level", "what", "evidence"),
    [
        ("drop index chunks_embedding_ann", "error", "an index is missing", "chunks_embedding_ann"),
        ("drop index chunks_tsv_gin", "error", "an index is missing", "chunks_tsv_gin"),
        (
            "update pg_index set indisvalid = false where indexrelid = 'chunks_metadata_gin'::regclass",
            "error",
            "an index is invalid",
            "chunks_metadata_gin",
        ),
        (
            "drop index chunks_embedding_ann; "
            "create index chunks_embedding_ann on chunks "
            f"using hnsw ((l2_normalize(embedding)::halfvec({DIMENSIONS})) halfvec_cosine_ops) "
            "with (m = 5, ef_construction = 64) where not is_copy",
            "warning",
            "the vector index is not as configured",
            "m = 5, but the configuration says 16",
        ),
        (
            "update schema_functions set hash = 'old' where name = 'bm25'",
            "warning",
            "the schema is behind this library",
            "bm25",
        ),
        (
            "update term_derivation set version = 0 where function = 'chunk_terms'",
            "warning",
            "keyword search may miss chunks",
            "chunk_terms: version 0",
        ),
        (
            "update term_statistics_state set changes = changes - 4",
            "warning",
            "keyword ranking works with old word counts",
            "4 chunks written or deleted",
        ),
        (
            "delete from embedding_profile",
            "warning",
            "another embedding model would not be noticed",
            "the configuration says test/hashed",
        ),
        (
            "update term_derivation set version = 0 where function = 'stemmer'",
            "warning",
            "keyword search may miss chunks",
            "stemmer: fingerprint 0",
        ),
        ("alter table chunks set (autovacuum_enabled = false)", "warning", "autovacuum is off", "for the table chunks"),
    ],
)
def test_what_is_wrong_with_a_store_is_found_and_mended(
    filled: Run, database: dict[str, Any], damage: str, level: str, what: str, evidence: str
) -> None:
    run_psql(database, "-c", damage)
    finding = only(filled)
    assert (finding["level"], finding["what"]) == (level, what)
    assert evidence in finding["evidence"]
    mend(filled, finding, database)


def test_dead_rows_and_old_statistics_are_found(filled: Run, database: dict[str, Any]) -> None:
    run_psql(database, "-c", "alter table chunks set (autovacuum_enabled = false)")
    many = "insert into chunks select 'x' || i, '', '{}', '', 0, c.embedding from chunks c, generate_series(1, 2000) i "
    flush = "select pg_stat_force_next_flush()"
    run_psql(database, "-c", many + "where c.chunk_id = 'a'", "-c", flush, "-c", "select 1")
    run_psql(database, "-c", "delete from chunks where chunk_id like 'x%'", "-c", flush, "-c", "select 1")
    found = {finding["what"]: finding for finding in findings(filled)}
    assert "2,000 dead rows beside " in found["the table is full of dead rows"]["evidence"]
    assert "4,00" in found["the planner's statistics are old"]["evidence"]
    run_psql(database, *shlex.split(found["the table is full of dead rows"]["mend"])[2:])
    left = {finding["what"] for finding in findings(filled)}
    assert not left & {"the table is full of dead rows", "the planner's statistics are old"}


@pytest.mark.parametrize(
    ("embedding", "storage", "what", "cure"),
    [
        ({"dimensions": 8}, {}, "the dimensions differ", f"its vectors have {DIMENSIONS} dimensions"),
        ({"model": "other"}, {}, "another embedding model filled the store", "embedding.model to hashed"),
        ({}, {"distance": "l2"}, "the store is not what the configuration asks for", AS_SAID),
        (
            {},
            {"keyword": {"language": "german"}},
            "the store is not what the configuration asks for",
            AS_SAID,
        ),
    ],
)
def test_a_configuration_of_another_store_is_found(
    filled: Run, configure: Configure, place: dict[str, Any], embedding: Any, storage: Any, what: str, cure: str
) -> None:
    finding = only(filled, "-c", configure(place | storage, "other.yaml", **embedding))
    assert (finding["level"], finding["what"]) == ("error", what)
    assert cure in finding["mend"]


def test_a_vector_index_for_another_distance_is_found(filled: Run, database: dict[str, Any]) -> None:
    run_psql(database, "-c", "drop index chunks_embedding_ann")
    run_psql(database, "-c", "create index chunks_embedding_ann on chunks using hnsw (embedding vector_l2_ops)")
    finding = findings(filled)[0]
    assert (finding["level"], finding["mend"]) == ("error", AS_SAID)
    assert "drop the index, and the next start builds the right one" in finding["evidence"]
    run_psql(database, "-c", "drop index chunks_embedding_ann")
    assert filled("migrate").exit_code == 0
    assert findings(filled) == []


def test_a_store_of_a_newer_library_is_found(filled: Run, database: dict[str, Any]) -> None:
    run_psql(database, "-c", "insert into schema_version (version, name) values (9999, 'from_tomorrow')")
    finding = findings(filled)[0]
    assert (finding["level"], finding["what"]) == ("error", "the store is newer than this library")
    assert finding["mend"] == "Run: pip install -U agent-brain-store."


async def test_an_index_that_is_being_built_is_found(filled: Run, database: dict[str, Any]) -> None:
    """The build waits for a transaction that is older."""
    holder, builder, look = [await connect(database) for _ in range(3)]
    await holder.execute("begin; update chunks set text = text")
    building = asyncio.create_task(builder.execute("reindex index concurrently chunks_tsv_gin"))
    await until(look, "select true from pg_stat_progress_create_index")
    found = {finding["what"]: finding for finding in await asyncio.to_thread(findings, filled)}
    assert found["an index is being built"]["level"] == "note"
    assert "chunks_tsv_gin" in found["an index is being built"]["evidence"]
    await holder.execute("rollback")
    await building
    for connection in (holder, builder, look):
        await connection.close()
    assert await asyncio.to_thread(findings, filled) == []


def test_a_store_that_is_not_there_is_found(filled: Run, configure: Configure, database: dict[str, Any]) -> None:
    other = configure({"backend": "postgres", "postgres": database | {"schema": "elsewhere"}}, "other.yaml")
    finding = only(filled, "--config", other)
    assert (finding["what"], finding["mend"]) == ("there is no store", f"agent-brain-store migrate --config {other}")


def test_a_private_server_that_was_never_made_is_found(run: Run, configure: Configure, embedded_path: Path) -> None:
    private = configure({"backend": "postgres", "postgres": {"embedded_path": str(embedded_path)}}, "private.yaml")
    finding = only(run, "-c", private)
    assert (finding["what"], finding["mend"]) == ("there is no store", f"agent-brain-store migrate --config {private}")
    assert json.loads(run("status", "--json", "-c", private).stdout)["state"] == "there is no store yet"


# --- the server ------------------------------------------------------------------------------------------------------


def test_a_role_that_lacks_rights_is_told_which_grants_it_needs(
    filled: Run, configure: Configure, database: dict[str, Any]
) -> None:
    role = (
        "do $$ begin create role abs_reader login password 'secret'; exception when duplicate_object then null; end $$"
    )
    run_psql(database, "-c", role, "-c", "grant usage on schema agent_brain to abs_reader")
    run_psql(database, "-c", "grant select on all tables in schema agent_brain to abs_reader")
    limited = configure(
        {"backend": "postgres", "postgres": database | {"user": "abs_reader", "password": "secret"}}, "r.yaml"
    )
    found = {
        finding["what"].removeprefix("the role abs_reader may not "): finding
        for finding in findings(filled, "-c", limited)
    }
    assert set(found) == {
        "write and delete chunks",
        "record the embedding model",
        "derive the search terms anew",
        "reset the store",
        "count the terms, which keyword ranking needs",
        "build indexes or apply an upgrade",
    }
    run_psql(database, "-c", shlex.split(found["write and delete chunks"]["mend"])[-1])
    left = only(filled, "-c", limited)
    assert left["what"] == "the role abs_reader may not build indexes or apply an upgrade"
    run_psql(database, "-c", "revoke select on chunks from abs_reader")
    searching = findings(filled, "-c", limited)[0]
    assert (searching["level"], searching["what"]) == ("error", "the role abs_reader may not search")
    run_psql(database, "-c", "revoke select on term_statistics_state from abs_reader")
    assert "the word counts could not be looked at" in [finding["what"] for finding in findings(filled, "-c", limited)]
    run_psql(database, "-c", "revoke select on schema_version from abs_reader")
    assert only(filled, "-c", limited)["what"] == "the store cannot be looked at"
    run_psql(database, "-c", "drop owned by abs_reader")
    for finding in findings(filled, "-c", limited):
        assert finding["level"] in ("error", "warning"), "this role may not even look"


def set_version(postgres: dict[str, Any], version: str) -> None:
    """Let a database say that it has such a version of pgvector."""
    statement = f"update pg_extension set extversion = '{version}' where extname = 'vector'"
    run_psql(postgres, "-c", statement, options="-c jit=off")


def test_an_extension_that_is_missing_or_old_is_found(run: Run, configure: Configure, server: Server) -> None:
    with server.janitor("abs_extension"):
        postgres = server.postgres("abs_extension")
        config = configure({"backend": "postgres", "postgres": postgres}, "bare.yaml")
        missing = findings(run, "-c", config)[0]
        assert missing["what"] == "pgvector is not created in this database"
        run_psql(postgres, *shlex.split(missing["mend"])[4:], options="-c jit=off")
        assert [finding["what"] for finding in findings(run, "-c", config)] == ["there is no store"]
        set_version(postgres, "0.8.1")
        assert "this pgvector can corrupt an index" in [finding["what"] for finding in findings(run, "-c", config)]
        set_version(postgres, "0.7.4")
        old = findings(run, "-c", config)[0]
        assert (old["level"], old["what"]) == ("error", "pgvector is too old")
        assert "alter extension vector update" in old["mend"]
        set_version(postgres, "0.8.4")
        assert "pgvector can be updated" in [finding["what"] for finding in findings(run, "-c", config)]


def test_a_server_without_the_files_of_pgvector_is_found(run: Run, configure: Configure, server: Server) -> None:
    with server.janitor("abs_bare"):
        postgres = server.postgres("abs_bare")
        config = configure({"backend": "postgres", "postgres": postgres}, "bare.yaml")
        if int(run_psql(postgres, "-c", "show server_version_num", options="-c jit=off")) < 180000:
            pytest.skip("only PostgreSQL 18 can be told to look for extensions elsewhere")
        elsewhere = "alter database abs_bare set extension_control_path = '/nowhere'"
        run_psql(postgres, "-c", elsewhere, options="-c jit=off")
        finding = findings(run, "-c", config)[0]
        assert (finding["level"], finding["what"]) == ("error", "the server has no pgvector")
        assert finding["mend"].startswith("Install pgvector")


@pytest.mark.parametrize(
    ("limit", "level", "what"),
    [("OLDEST", "error", "the server is too old"), ("BROKEN", "warning", "the server's version is known to be bad")],
)
def test_a_server_that_is_old_or_known_to_be_bad_is_found(
    filled: Run, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch, limit: str, level: str, what: str
) -> None:
    """No such server is at hand, so the limit is drawn around this one."""
    number = int(run_psql(database, "-c", "show server_version_num"))
    monkeypatch.setattr(server_checks, limit, {"OLDEST": number + 1, "BROKEN": {number: "99.9"}}[limit])
    finding = only(filled)
    assert (finding["level"], finding["what"]) == (level, what)
    assert finding["mend"].startswith("Upgrade it to ")


def test_a_connection_that_is_not_encrypted_is_found(run: Run, configure: Configure) -> None:
    """The server listens at the address of this machine's network, and not only at that of the machine itself."""
    address = network_address()
    if address is None:
        pytest.skip("this machine has no network")
    with listening_server(address) as location:
        config = configure({"backend": "postgres", "postgres": location}, "network.yaml")
        found = {finding["what"]: finding for finding in findings(run, "-c", config)}
    finding = found["the connection is not encrypted"]
    assert finding["evidence"] == f"the server is {address}"
    assert "ssl_mode to verify-full" in finding["mend"]


def test_a_pool_that_is_too_large_is_found(filled: Run, configure: Configure, database: dict[str, Any]) -> None:
    large = configure({"backend": "postgres", "postgres": database | {"pool_size": 900}}, "large.yaml")
    finding = only(filled, "-c", large)
    assert finding["what"] == "the pool is larger than the server allows"
    assert "a process may open 910" in finding["evidence"]


def test_a_server_whose_cache_is_smaller_than_the_vector_index_is_found(
    run: Run, configure: Configure, embedded_path: Path
) -> None:
    """The server is a private one. It stops after each command, so it starts with its new settings."""
    config = configure({"backend": "postgres", "postgres": {"embedded_path": str(embedded_path)}}, "embedded.yaml")
    assert run("load", "-", "-c", config, stdin=many_lines(600)).exit_code == 0
    assert run("psql", "--config", config, "-c", "alter system set shared_buffers = '128kB'").exit_code == 0
    finding = only(run, "-c", config)
    assert finding["what"] == "the vector index does not fit into shared_buffers"
    command, restart = finding["mend"].split(", and ")
    assert restart == "restart the server"
    assert run(*shlex.split(command)[1:]).exit_code == 0
    assert findings(run, "-c", config) == []


def test_too_little_memory_for_the_next_build_is_found(
    filled: Run, configure: Configure, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shared memory of the machine belongs to others, so only its free room is made up."""
    monkeypatch.setattr(server_checks, "free_shared_memory", lambda *_: 0)
    finding = only(filled)
    assert finding["what"] == "the next build of the vector index may fail"
    monkeypatch.undo()


def test_a_next_build_that_will_be_slow_is_found(
    filled: Run, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build may ask for 1 GB. It takes a large store to need more, so the limits are lowered here."""
    monkeypatch.setattr(index_builds, "SMALLEST_MEMORY", 1)
    monkeypatch.setattr(index_builds, "LARGEST_MEMORY", 1)
    assert filled("load", "-", stdin=many_lines(1000)).exit_code == 0
    run_psql(database, "-c", f"alter database {database['database']} set maintenance_work_mem = '1MB'")
    finding = only(filled)
    assert finding["what"] == "the next build of the vector index will be slow"
    assert finding["evidence"] == "a build needs 1 MiB and gets 1 MiB"
    assert "maintenance_work_mem = '2MB'" in finding["mend"]


@pytest.mark.parametrize(
    ("place", "what", "mend"),
    [
        ({"host": "127.0.0.1", "port": 1, "connect_timeout": 1}, "the server cannot be reached", "Start the server"),
        ({"host": "no-such-host.invalid"}, "the name of the server is unknown", "Correct storage.postgres.host."),
        ({"user": "nobody_of_this_name"}, "the server does not let this role in", "Correct storage.postgres.user"),
        ({"database": "no_such_database"}, "there is no such database", "Run: createdb no_such_database,"),
    ],
)
def test_a_server_that_cannot_be_used_is_found(
    run: Run, configure: Configure, database: dict[str, Any], place: dict[str, Any], what: str, mend: str
) -> None:
    finding = only(run, "-c", configure({"backend": "postgres", "postgres": database | place}, "away.yaml"))
    assert (finding["level"], finding["what"]) == ("error", what)
    assert finding["mend"].startswith(mend)


def test_a_variable_that_overrides_the_file_is_told(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDING_MODEL", "hashed")
    finding = only(filled)
    assert (finding["level"], finding["what"]) == ("note", "a variable is preferred to the file")
    assert "EMBEDDING_MODEL" in finding["evidence"]
