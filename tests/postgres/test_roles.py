"""Roles with few rights: who may make the store, who works with it, who only reads it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent_brain_store import (
    DimensionMismatchError,
    QueryFailed,
    SchemaError,
    StorageBackend,
    create_backend,
    open_store,
)
from agent_brain_store.postgres.sql import sql_directory
from tests.support.internals import counted_in_background
from tests.support.postgres import config, connect, count_is_due, make_role, vector_index
from tests.support.servers import Server
from tests.support.stores import DIMENSIONS, embed, fill, made_up

pytestmark = pytest.mark.postgres


async def test_a_role_that_may_not_install_the_extension_says_who_must(server: Server):
    with server.janitor("abs_bare"):
        postgres = server.postgres("abs_bare")
        admin = await connect(postgres)
        await make_role(admin, "abs_plain")
        await admin.execute("grant create on database abs_bare to abs_plain")
        limited = {**postgres, "user": "abs_plain", "password": "secret"}
        with pytest.raises(SchemaError, match="Have a superuser run this once: create extension vector;"):
            await create_backend(config(limited)).initialize()
        assert not await admin.fetchval("select true from pg_namespace where nspname = 'agent_brain'")
        await admin.execute("create schema extensions; create extension vector schema extensions")
        await admin.execute("grant usage on schema extensions to abs_plain")
        async with open_store(config(limited)) as store:
            await fill(store, ("a", "a plain role works, with the extension in a schema of its own"))
            assert [hit.chunk_id for hit in await store.hybrid_search("plain role", embed("x"), 3)] == ["a"]
        await admin.close()


@pytest.fixture
async def app(server: Server) -> AsyncIterator[dict[str, Any]]:
    """Yield a database with a store and the three roles of docs/sql.md, made by the statements of that page.

    The owner makes the store, the service works with it, the reader reads.
    """
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
        async with open_store(config(as_role(postgres, "store_owner"))):
            await admin.execute("set role store_owner; --" + as_owner)
        await admin.close()
        yield postgres


def as_role(postgres: dict[str, Any], name: str) -> dict[str, Any]:
    return {**postgres, "user": name, "password": "secret"}


async def use(service: StorageBackend) -> None:
    """Do all that a service does with a store. It ends with 1,102 chunks, of which 'a' and 'd' are about foxes."""
    await fill(service, ("a", "a quick fox", {"n": 1}), ("b", "a lazy dog", {"n": 2}), ("c", "a fox", {"n": 3}))
    assert await service.delete_by_metadata({"n": 3}) == 1
    await service.replace_documents({"n": 2}, ["d"], [embed("x")], ["another fox"], [{"n": 2}])
    await service.set_embedding_metadata("test", "hashed", DIMENSIONS)
    async with service.bulk_load() as load:
        await load.upsert_documents(*made_up(1100))


async def test_the_documented_service_role_works_with_the_store(opened, app):
    service = await opened(as_role(app, "service"))
    await use(service)
    with pytest.raises(QueryFailed, match=r"permission denied|must be owner"):
        await service.reindex()
    await service.reset()
    assert await service.get_count() == 0


async def test_the_documented_reader_role_reads_without_complaint(opened, app, caplog):
    """A count of the terms is due, which is none of the reader's business."""
    service = await opened(as_role(app, "service"))
    await use(service)
    admin = await connect(app)
    await count_is_due(admin)
    await admin.close()
    caplog.clear()
    reader = await opened(as_role(app, "reader"))
    assert await reader.get_count() == 1102
    assert {hit.chunk_id for hit in await reader.hybrid_search("fox", embed("fox"), 2, 0.1, 0.9)} == {"a", "d"}
    assert [hit.chunk_id for hit in await reader.keyword_search("fox", 9, where={"n": 1})] == ["a"]
    await counted_in_background(reader)
    assert not caplog.records
    assert (await reader.health()).ok
    await service.reset()
    assert await reader.get_count() == 0


async def test_the_documented_reader_role_cannot_write(opened, app):
    service, reader = await opened(as_role(app, "service")), await opened(as_role(app, "reader"))
    await fill(service, ("a", "a quick fox"))
    for refused in (
        fill(reader, ("e", "text")),
        reader.delete_by_ids(["a"]),
        reader.reset(),
        reader.set_embedding_metadata("test", "hashed", DIMENSIONS),
    ):
        with pytest.raises(QueryFailed, match=r"permission denied|must be owner"):
            await refused


async def test_a_hostile_public_schema_is_not_used(opened, database, plain):
    await plain.execute(
        "create function public.distance(a vector, b vector) returns float8 language sql as 'select 1 / 0.0'"
    )
    await plain.execute("create function public.searchable(value text) returns text language sql as 'select 1 / 0'")
    store = await opened(database)
    await fill(store, ("a", "safe and sound"))
    assert [hit.chunk_id for hit in await store.hybrid_search("sound", embed("x"), 3)] == ["a"]


async def test_a_role_that_does_not_own_the_table_loads_into_the_index(opened, store, database, plain, caplog):
    await make_role(plain, "abs_service")
    await plain.execute("grant usage on schema agent_brain to abs_service")
    await plain.execute(
        "grant select, insert, update, delete, truncate on all tables in schema agent_brain to abs_service"
    )
    before = await vector_index(plain)
    service = await opened({**database, "user": "abs_service", "password": "secret"})
    assert await service.upsert_documents(*made_up(1000)) == 1000
    assert await vector_index(plain) == before
    assert "the vector index could not be dropped for this load" in caplog.text
    await plain.execute("drop index agent_brain.chunks_embedding_ann")
    async with service.bulk_load() as load:
        assert await load.upsert_documents(*made_up(3000)) == 3000
    assert "the vector index is missing and could not be built: building the vector index was refused" in caplog.text
    assert await service.get_count() == 3000


@pytest.mark.parametrize("role", ["service", "reader"])
async def test_only_the_owner_gives_an_empty_store_other_settings(app, role, caplog):
    with pytest.raises(DimensionMismatchError, match="holds vectors of 16 dimensions, but the configuration says 8"):
        await create_backend(config(as_role(app, role), dimensions=8)).initialize()
    assert "the store is empty, but this role or server may not give it the configured settings: " in caplog.text
    async with open_store(config(as_role(app, "store_owner"), dimensions=8)):
        pass
    async with open_store(config(as_role(app, role), dimensions=8)) as store:
        assert await store.vector_search(embed("x", 8), 1) == []
