"""A large call has its texts prepared on other connections, while its first parts are written."""

from __future__ import annotations

import asyncpg
import pytest

from agent_brain_store import QueryFailed
from agent_brain_store.postgres.writing import ROWS
from tests.support.odd_texts import ODD_TEXTS
from tests.support.postgres import forbid_text
from tests.support.stores import made_up

pytestmark = pytest.mark.postgres

CHUNKS = 3 * ROWS + 250


@pytest.fixture
async def ahead(store, plain):
    """Count the texts that are prepared ahead, in a sequence that no rollback brings back."""
    await plain.execute("create sequence prepared minvalue 0 start 0")
    await watch(plain, "perform nextval('prepared')")
    await plain.fetchval("select nextval('prepared')")


async def watch(plain: asyncpg.Connection, action: str) -> None:
    """Let the server do something for each text that another connection than the writer's prepares."""
    await plain.execute(
        f"""
        alter function chunk_terms rename to kept_chunk_terms;
        create function chunk_terms(text text, metadata jsonb) returns tsvector language plpgsql as $body$
        begin
          if current_query() like '%prepare_terms%' then
            {action};
          end if;
          return kept_chunk_terms(text, metadata);
        end
        $body$;
        """
    )


async def prepared(plain: asyncpg.Connection) -> int:
    return int(await plain.fetchval("select last_value from prepared"))


async def test_a_large_first_load_is_prepared_on_other_connections(store, plain, ahead):
    ids, vectors, _, _ = made_up(CHUNKS)
    texts = [f"{ODD_TEXTS[i % len(ODD_TEXTS)]} {i}" for i in range(CHUNKS)]
    metadatas = [{"title": f"a heading's {i}", "summary": "of \\ it"} if i % 2 else {} for i in range(CHUNKS)]
    await store.upsert_documents(ids, vectors, texts, metadatas)
    assert await prepared(plain) == CHUNKS - ROWS, "the first part is prepared where it is written"
    report = await store.verify()
    assert report.damages == ()


async def test_so_is_a_large_call_into_a_bulk_load(store, plain, ahead):
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(CHUNKS))
    assert await prepared(plain) == CHUNKS - ROWS


async def test_what_is_stored_already_is_not_prepared_ahead(store, plain, ahead):
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(6000))
        before = await prepared(plain)
        await load.upsert_documents(*made_up(6000))
    assert await prepared(plain) - before <= 2 * ROWS, "it stops after the first part"
    before = await prepared(plain)
    await store.upsert_documents(*made_up(6000))
    assert await prepared(plain) == before


async def test_a_part_whose_preparing_fails_is_prepared_where_it_is_written(store, plain):
    await watch(plain, "raise exception 'not here'")
    await store.upsert_documents(*made_up(CHUNKS))
    report = await store.verify()
    assert (report.chunks, report.damages) == (CHUNKS, ())


async def test_a_pool_without_spare_connections_prepares_nothing_ahead(opened, store, database, plain, ahead):
    small = await opened({**database, "pool_size": 2, "pool_max_overflow": 0})
    await small.upsert_documents(*made_up(CHUNKS))
    assert await prepared(plain) == 0
    assert await small.get_count() == CHUNKS


async def test_a_load_that_fails_leaves_nothing_and_can_be_repeated(store, plain, ahead):
    await forbid_text(plain, "01500")
    with pytest.raises(QueryFailed):
        await store.upsert_documents(*made_up(6000))
    assert await store.get_count() == 0
    assert await prepared(plain) >= 1000
    await plain.execute("alter table chunks drop constraint no_bad")
    assert await store.upsert_documents(*made_up(6000)) == 6000
