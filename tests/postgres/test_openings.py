"""Openings for those who may do less, and connections whose password or way comes from outside."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from agent_brain_store import (
    ConfigError,
    ConnectionFailed,
    ReadOnlyStore,
    SchemaError,
    StorageBackend,
    create_backend,
    open_store,
)
from tests.support import programs
from tests.support.postgres import config, connect, make_role, vector_index
from tests.support.stores import ANIMALS, DIMENSIONS, embed, fill, ids, made_up, mapping

pytestmark = pytest.mark.postgres


@pytest.fixture
async def filled(database: dict[str, Any]) -> dict[str, Any]:
    """Return ``storage.postgres`` of a store with four chunks."""
    async with open_store(config(database)) as store:
        await fill(store, *ANIMALS)
        await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    return database


# --- only reading ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["owner", "reader"])
async def reading(request: pytest.FixtureRequest, filled: dict[str, Any]) -> AsyncIterator[StorageBackend]:
    """Open a store for reading, as its owner and as a role that may only read."""
    postgres = filled
    if request.param == "reader":
        admin = await connect(filled)
        await make_role(admin, "abs_reader")
        await admin.execute("grant usage on schema agent_brain to abs_reader")
        await admin.execute("grant select on all tables in schema agent_brain to abs_reader")
        await admin.close()
        postgres = {**filled, "user": "abs_reader", "password": "secret"}
    async with open_store(config(postgres), read_only=True) as store:
        yield store


async def test_a_store_for_reading_answers_all_questions(reading):
    assert await ids(reading, "bear", explain=True) == ["c", "a"]
    assert [hit.chunk_id for hit in await reading.vector_search(embed(ANIMALS[3][1]), 1)] == ["d"]
    assert [hit.chunk_id for hit in await reading.hybrid_search("rockets", embed("x"), 1, vector_weight=0)] == ["d"]
    assert await reading.get_count({"source_type": "doc"}) == 2
    assert sorted(await reading.get_by_ids(["a", "nobody"])) == ["a"]
    assert [document.chunk_id async for document in reading.iter_documents()] == ["a", "b", "c", "d"]
    profile = await reading.get_embedding_metadata()
    assert profile is not None
    assert profile.model == "hashed"
    assert (await reading.health()).ok


async def test_a_store_for_reading_refuses_every_change(reading):
    vector = [embed("x")]
    for change in (
        reading.upsert_documents(["x"], vector, ["x"], [{}]),
        reading.replace_documents({"n": 1}, ["x"], vector, ["x"], [{}]),
        reading.delete_by_ids(["a"]),
        reading.delete_by_metadata({"n": 1}),
        reading.reset(),
        reading.set_embedding_metadata("test", "hashed", DIMENSIONS),
        reading.ensure_indexes(),
        reading.reindex(),
        reading.rederive_terms(),
        reading.bulk_load().__aenter__(),
    ):
        with pytest.raises(ReadOnlyStore, match="opened with read_only=True"):
            await change
    assert await reading.get_count() == 4


async def test_a_store_for_reading_builds_and_counts_nothing(filled, plain):
    await plain.execute("drop index chunks_embedding_ann; delete from term_statistics")
    await plain.execute("update term_statistics_state set changes = 0")
    async with open_store(config(filled), read_only=True) as store:
        await ids(store, "bear")
        await store.wait_idle()
    assert await vector_index(plain) is None
    assert await plain.fetchval("select count(*) from term_statistics") == 0


# --- no DDL ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", [{"read_only": True}, {}])
async def test_a_store_that_may_not_be_migrated_says_what_its_owner_must_run(database, plain, opening):
    careful = config({**database, "migrate": "never"})
    await plain.execute("delete from schema_version where version = (select max(version) from schema_version)")
    await plain.execute("delete from schema_functions where name = 'bm25'")
    with pytest.raises(SchemaError, match=r"lacks: migrations 000\d_\w+; functions bm25. The owner opens it once"):
        await create_backend(careful, **opening).initialize()
    with pytest.raises(SchemaError, match="'nowhere' is not up to date, or is not there"):
        await create_backend(config({**database, "migrate": "never", "schema": "nowhere"}), **opening).initialize()
    assert not await plain.fetchval("select true from pg_namespace where nspname = 'nowhere'")


async def test_without_migrations_a_store_is_written_and_its_structure_left_alone(opened, database, plain):
    store = await opened({**database, "migrate": "never"})
    before = await vector_index(plain)
    await store.upsert_documents(*made_up(1100))
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(1200, "more"))
    assert await store.get_count() == 2300
    assert await vector_index(plain) == before


# --- passwords and connections from outside --------------------------------------------------------------------------


async def test_a_password_is_fetched_for_every_connection(opened, filled, monkeypatch):
    fetched = []

    async def token() -> str:
        fetched.append(1)
        return "secret"

    store = await opened({**filled, "password": token})
    count = len(fetched)
    await asyncio.gather(*(store.get_count() for _ in range(5)))
    assert len(fetched) > count


async def test_a_function_that_gives_no_password_is_a_connection_that_failed(filled):
    def token() -> str:
        raise RuntimeError("c4n4ry")

    with pytest.raises(ConnectionFailed, match=r"gives the password has failed \(RuntimeError\)"):
        await create_backend(config({**filled, "password": token})).initialize()


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (f"{sys.executable} -c 'print(\"a password\")'", None),
        (f"{sys.executable} -c 'exit(3)'", "ended with code 3"),
        (f"{sys.executable} -c ''", "has printed nothing"),
        ("abs-no-such-program", "cannot be run"),
    ],
)
async def test_a_command_gives_the_password(filled, command, problem):
    store = create_backend(config({**filled, "password_command": command}))
    if problem is None:
        await store.initialize()
        assert await store.get_count() == 4
        await store.close()
        return
    with pytest.raises(ConnectionFailed, match=f"password_command {problem}"):
        await store.initialize()


async def test_connections_may_come_from_outside(filled):
    opened = []

    async def way(**arguments: Any) -> Any:
        opened.append(arguments["database"])
        return await asyncpg.connect(**arguments)

    async with open_store(config(filled), connect=way) as store:
        assert await store.get_count() == 4
    assert set(opened) == {filled["database"]}
    assert len(opened) >= 2


async def test_a_connection_from_outside_has_to_be_of_the_class_that_is_asked_for(filled):
    async def way(connection_class: Any, **arguments: Any) -> Any:
        return await asyncpg.connect(**arguments)

    with pytest.raises(ConfigError, match="has to pass on the argument connection_class"):
        await create_backend(config(filled), connect=way).initialize()


# --- by several processes --------------------------------------------------------------------------------------------

_OPENS_AND_WRITES = """
    import asyncio, json, sys
    from agent_brain_store import open_store
    from tests.support.stores import embed
    async def main():
        async with open_store(json.loads(sys.argv[1])) as store:
            await store.upsert_documents([sys.argv[2]], [embed("x", 8)], ["die Häuser am Fluss"], [{}])
            print(len(await store.keyword_search("Haus", 9)) > 0)
    asyncio.run(main())
"""


async def test_processes_that_open_an_emptied_store_at_once_make_it_anew_together(filled: dict[str, Any]) -> None:
    async with open_store(config(filled)) as store:
        await store.reset()
    other = mapping(dimensions=8, backend="postgres", postgres=filled, distance="l2", keyword={"language": "german"})
    found = await asyncio.gather(
        *(
            asyncio.to_thread(programs.run, _OPENS_AND_WRITES, json.dumps(other), f"{number}", timeout=120)
            for number in range(4)
        )
    )
    assert found == ["True"] * 4
    async with open_store(other) as store:
        assert await store.get_count() == 4
