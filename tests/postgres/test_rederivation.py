"""Stored terms that an older version derived. The start notices them, and one call derives them anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent_brain_store import Progress, create_backend
from tests.support.postgres import config, document_frequency
from tests.support.stores import fill, ids

pytestmark = pytest.mark.postgres

# How an older library might have derived the terms of a chunk.
OLDER = "update chunks set (tsv, tokens) = (to_tsvector('simple', 'older ' || text), 1);"
NOTED = "update term_derivation set version = version - 1 where function = 'chunk_terms'"


@pytest.fixture
async def outdated(database, plain):
    """Yield a store whose terms an older version derived, not opened yet."""
    store = create_backend(config(database))
    await store.initialize()
    await fill(store, *((f"{i:04}", f"growling bears {i}", {"title": "Bears"}) for i in range(1200)))
    await store.close()
    await plain.execute(OLDER + NOTED)
    yield store
    await store.close()


async def test_the_start_and_health_say_that_terms_are_out_of_date(outdated, caplog):
    await outdated.initialize()
    assert "call rederive_terms()" in caplog.text
    (finding,) = (await outdated.health()).details["outdated_terms"]
    assert finding == "chunk_terms: version 1 derived them, this library has 2"


async def test_one_call_derives_the_terms_anew(outdated, plain, caplog):
    await outdated.initialize()
    assert await ids(outdated, "bear", 1) == [], "its term was derived in another way"
    seen: list[Progress] = []
    assert await outdated.rederive_terms(seen.append) == 1200
    assert len(await ids(outdated, "bear", 2000)) == 1200
    assert [(p.operation, p.done, p.total) for p in seen] == [
        ("deriving the terms", done, 1200) for done in (500, 1000, 1200)
    ]
    assert (await outdated.health()).details["outdated_terms"] == []
    assert await document_frequency(plain, "bear") == 1200, "they are counted, too"
    assert await outdated.rederive_terms() == 0, "only what differs is written"
    await outdated.close()
    caplog.clear()
    await outdated.initialize()
    assert "rederive_terms" not in caplog.text


async def test_a_server_with_other_stems_is_noticed(outdated, plain, caplog):
    """A dump was restored on another version of PostgreSQL, whose stemmer answers differently."""
    await outdated.initialize()
    await outdated.rederive_terms()
    known = await plain.fetchval("select version from term_derivation where function = 'stemmer'")
    assert known == await plain.fetchval("select stemmer_fingerprint()")
    await outdated.close()
    await plain.execute("update term_derivation set version = 7 where function = 'stemmer'; " + OLDER)
    caplog.clear()
    await outdated.initialize()
    finding = f"stemmer: fingerprint 7 derived them, this server has {known}"
    assert finding in caplog.text
    assert (await outdated.health()).details["outdated_terms"] == [finding]
    assert await outdated.rederive_terms() == 1200
    assert (await outdated.health()).details["outdated_terms"] == []
    assert await ids(outdated, "bear", 1)


async def test_the_fingerprint_follows_the_language(database, plain):
    fingerprints = set()
    for language in ("english", "german", "simple"):
        await plain.execute(
            "create or replace function search_config() returns regconfig language sql immutable parallel safe "
            f"return '{language}'::regconfig"
        )
        fingerprints.add(await plain.fetchval("select stemmer_fingerprint()"))
    assert len(fingerprints) == 3


async def test_reads_and_writes_go_on_meanwhile(outdated):
    await outdated.initialize()

    async def write() -> None:
        for i in range(60):
            await fill(outdated, (f"{i:04}", f"quiet cats {i}"), (f"new{i}", "a quiet cat"))
            await outdated.delete_by_ids([f"{1199 - i:04}"])
            assert await ids(outdated, "cat", 1)

    await asyncio.gather(outdated.rederive_terms(), write())
    assert len(await ids(outdated, "cat", 2000)) == 120
    assert len(await ids(outdated, "bear", 2000)) == 1200 - 120


async def test_an_interrupted_call_is_repeated(outdated):
    await outdated.initialize()

    class StopError(Exception):
        pass

    def stop(_: Progress) -> None:
        task.cancel()

    task: asyncio.Task[Any] = asyncio.create_task(outdated.rederive_terms(stop))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await outdated.health()).details["outdated_terms"]
    assert await outdated.rederive_terms() == 700
    assert len(await ids(outdated, "bear", 2000)) == 1200


async def test_an_empty_store_takes_the_new_versions_at_once(database, plain, caplog):
    await plain.execute(NOTED)
    await plain.execute("update schema_functions set hash = 'another' where name = 'chunk_terms'")
    store = create_backend(config(database))
    await store.initialize()
    assert (await store.health()).details["outdated_terms"] == []
    assert "rederive_terms" not in caplog.text
    await store.close()


async def test_a_store_that_holds_nothing_has_nothing_to_derive(store):
    assert await store.rederive_terms() == 0
