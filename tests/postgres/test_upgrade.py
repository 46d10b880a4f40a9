"""A store that an earlier version made opens, keeps its data, and works as a new one. Every change has to pass this."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agent_brain_store import EmbeddingMetadata, StorageBackend, open_store
from agent_brain_store.postgres.migrate import load_migrations
from agent_brain_store.postgres.sql import load_functions
from tests.support.internals import count_terms
from tests.support.old_stores import CHUNKS, FOLDER
from tests.support.postgres import all_frequencies, config, is_counted_anew, is_indexed, make_role, true_frequencies
from tests.support.servers import run_psql
from tests.support.stores import DIMENSIONS, embed, fill, ids

pytestmark = pytest.mark.postgres

KEPT = [chunk for chunk in CHUNKS if chunk[0] != "page059"]


@pytest.fixture(params=sorted(FOLDER.glob("*.sql")), ids=lambda path: path.stem)
async def old(
    request: pytest.FixtureRequest, database: dict[str, Any], plain: asyncpg.Connection, opened
) -> StorageBackend:
    """Restore the store of an earlier version, and open it with this one."""
    path: Path = request.param
    await plain.execute("drop schema agent_brain cascade")
    run_psql(database, "-f", str(path), options="-c search_path=public")
    await make_role(plain, "old_service")
    await plain.execute(
        """
        grant usage on schema agent_brain to old_service;
        grant select, insert, update, delete, truncate on all tables in schema agent_brain to old_service;
        """
    )
    store: StorageBackend = await opened(database)
    return store


async def test_its_chunks_and_its_profile_are_there(old):
    assert await old.get_count() == len(KEPT)
    found = {d.chunk_id: (d.text, d.metadata, d.embedding) async for d in old.iter_documents(include_embeddings=True)}
    assert {name: found[name][:2] for name in found} == {name: (text, metadata) for name, text, metadata in KEPT}
    for name, text, _ in KEPT:
        assert found[name][2].tolist() == pytest.approx(embed(text))
    assert await old.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)


async def test_it_is_brought_up_to_date(old, plain):
    assert await plain.fetchval("select max(version) from schema_version") == len(load_migrations())
    noted = {row["name"]: row["hash"] for row in await plain.fetch("select name, hash from schema_functions")}
    assert noted == {function.name: function.hash for function in load_functions()}
    names = await plain.fetch("select proname from pg_proc where pronamespace = 'agent_brain'::regnamespace")
    assert sorted(row["proname"] for row in names) == sorted(noted), "no function is left over, none is there twice"
    assert await is_indexed(plain)
    health = await old.health()
    assert (health.ok, health.details["missing_indexes"], health.details["invalid_indexes"]) == (True, [], [])


async def test_its_chunks_are_found(old):
    if (await old.health()).details["outdated_terms"]:
        await old.rederive_terms()
    assert await ids(old, "recovery write-ahead log", 1) == ["guide"]
    assert await ids(old, "getUserById", 1) == ["code"]
    assert await ids(old, "Brücke", 1) == ["ümlaut"]
    assert set(await ids(old, "animal wood cat")) == {"bear", "cat"}
    assert [hit.chunk_id for hit in await old.vector_search(embed("The quiet cat sleeps"), 1)] == ["cat"]
    assert [hit.chunk_id for hit in await old.hybrid_search("growling", embed("growling bear"), 1)] == ["bear"]
    assert await old.get_count({"page": {"$lt": 3}}) == 3
    assert await old.get_count({"source": {"$prefix": "/docs/"}}) == 2


async def test_it_is_written_to(old, plain):
    before = await plain.fetchval("select xmin::text from chunks where chunk_id = 'cat'")
    await fill(old, ("cat", "The quiet cat sleeps", {"tags": ["animal", "pet"]}), ("new", "A new mouse", {}))
    assert await plain.fetchval("select xmin::text from chunks where chunk_id = 'cat'") == before, "it is unchanged"
    assert await ids(old, "mouse") == ["new"]
    assert await old.delete_by_metadata({"page": {"$gte": 0}}) == 60
    assert await old.get_count() == len(KEPT) - 60 + 1
    await old.reset()
    assert await old.get_count() == 0


async def test_a_role_that_wrote_before_still_does(old, database):
    async with open_store(config({**database, "user": "old_service", "password": "secret"})) as store:
        await fill(store, ("new", "A new mouse", {}))
        await count_terms(store)
        assert await ids(store, "mouse") == ["new"]
        assert await store.delete_by_ids(["new", "cat"]) == 2
        await store.reset()


async def test_its_terms_are_counted_as_they_change(old, plain):
    """The first count reads every chunk if the old one was behind. The next ones know what has changed."""
    await fill(old, ("new", "A new mouse", {}))
    await count_terms(old)
    assert not await is_counted_anew(plain)
    await old.delete_by_ids(["new", "cat"])
    await count_terms(old)
    assert await all_frequencies(plain) == await true_frequencies(plain)
