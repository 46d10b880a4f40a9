"""Migrations: once whoever starts, whole or not at all, and the same by psql."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import textwrap

import pytest

from agent_brain_store import MigrationFailed, SchemaError, SchemaTooNew, create_backend
from agent_brain_store.postgres.migrate import load_migrations, migrate
from agent_brain_store.postgres.sql import sql_directory
from tests.support.postgres import config, connect
from tests.support.servers import run_psql
from tests.support.stores import DIMENSIONS, fill, mapping

pytestmark = pytest.mark.postgres


async def test_ten_processes_that_start_at_once_migrate_once(database):
    """Each would make the store, and has its extension's schema still to find. All come up, and the work is done once."""
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


async def test_a_failing_migration_leaves_the_old_state(opened, database, tmp_path, plain):
    number = len(load_migrations()) + 1
    directory = tmp_path / "migrations"
    shutil.copytree(sql_directory() / "migrations", directory)
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
    await opened(database)


async def test_a_newer_database_is_refused(database, plain):
    await plain.execute("insert into schema_version (version, name) values (99, 'from the future')")
    with pytest.raises(
        SchemaTooNew, match=f"at version 99, but this library only knows versions up to {len(load_migrations())}"
    ):
        await create_backend(config(database)).initialize()


async def test_migrations_in_psql_make_the_same_tables(opened, database, plain):
    """The files as they are, run by psql, leave what the library's own runner leaves."""
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
    store = await opened({**database, "schema": "by_hand"})  # builds the vector index that psql left out
    await fill(store, ("a", "text"))
    assert await plain.fetchval("select to_regclass('by_hand.chunks_embedding_ann')") is not None


async def test_two_schemas_of_one_database_are_two_stores(opened, database):
    stores = [await opened({**database, "schema": name}) for name in ("one", "two")]
    for store in stores:
        await fill(store, ("same id", f"text of {id(store)}"))
    assert [(await s.get_by_ids(["same id"]))["same id"]["text"] for s in stores] == [
        f"text of {id(s)}" for s in stores
    ]
    await stores[0].reset()
    assert await stores[1].get_count() == 1


async def test_stores_of_a_new_database_can_be_made_at_once(server):
    """Each finds no pgvector there, and only one can create it."""
    with server.janitor("abs_new"):
        places = [{**server.postgres("abs_new"), "schema": f"store{number}"} for number in range(4)]
        stores = [create_backend(config(place)) for place in places]
        await asyncio.gather(*(store.initialize() for store in stores))
        assert [await store.get_count() for store in stores] == [0] * 4
        for store in stores:
            await store.close()


@pytest.mark.parametrize("version", [1, 99])
async def test_tables_of_the_same_names_in_public_are_left_alone(opened, database, plain, version):
    await plain.execute(f"create table public.schema_version as select {version} as version")
    await plain.execute("create table public.store_settings (); create table public.chunks ()")
    store = await opened({**database, "schema": "beside"})
    await fill(store, ("a", "text"))
    assert await store.get_count() == 1


async def test_a_renamed_schema_is_refused(store, database, plain):
    await fill(store, ("a", "text"))
    await store.close()
    await plain.execute("alter schema agent_brain rename to elsewhere")
    with pytest.raises(SchemaError, match="the schema 'elsewhere' were made for one of another name"):
        await create_backend(config({**database, "schema": "elsewhere"})).initialize()
