"""These are the alternatives that the library is measured against, as you would write them by hand.

They are not part of the library.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pgvector import Vector

from agent_brain_store.postgres.repository import PostgresRepository
from agent_brain_store.store import Store

ANY_WORD_TS_RANK = """
    with question as (
      select string_agg(quote_literal(replace(lexeme, '\\', '\\\\')), ' | ')::tsquery as words
      from unnest(text_terms($1))
    )
    select chunk_id, text, metadata, ts_rank(tsv, words, 1) as rank
    from chunks, question where tsv @@ words order by rank desc, chunk_id limit 10
"""
EXACT_BY_HAND = """
    select chunk_id, text, metadata, 1 - (embedding <=> $1) as score
    from chunks where metadata @@ ($2::text)::jsonpath order by (embedding <=> $1) + 0 limit $3
"""
STAGE = "create temp table stage (id text, text text, metadata jsonb, embedding vector) on commit drop"
FROM_STAGE = """
    insert into chunks (chunk_id, text, metadata, tsv, tokens, embedding)
    select id, text, metadata, tsv, tokens, embedding
    from (select *, chunk_terms(text, metadata) as terms from stage offset 0) parsed, with_impacts(terms) order by id
    on conflict (chunk_id) do update set text = excluded.text, metadata = excluded.metadata,
      tsv = excluded.tsv, tokens = excluded.tokens, embedding = excluded.embedding
"""
WITHOUT_IMPACTS = """
    create or replace function with_impacts(terms tsvector) returns table (tsv tsvector, tokens int4)
    language sql immutable parallel safe rows 1 as
    'select terms, coalesce(sum(cardinality(positions)), 0)::int4 from unnest(terms)'
"""
# This is how Agent Brain's former backend wrote, with SQLAlchemy. It had a table of its own and sent vectors as text.
# It wrote each row twice, each time in a transaction of its own and after a ping of the pooled connection.
FORMER_TABLE = """
    create table if not exists former (
      chunk_id text primary key, content text not null, metadata jsonb not null, tsv tsvector, embedding vector(384)
    );
    create index if not exists former_tsv on former using gin (tsv);
    create index if not exists former_metadata on former using gin (metadata);
    create index if not exists former_hnsw on former using hnsw (embedding vector_cosine_ops);
"""
FORMER_TEXT = """
    insert into former (chunk_id, content, metadata, tsv)
    values (:id, :text, cast(:metadata as jsonb), setweight(to_tsvector(:language, coalesce(:title, '')), 'A')
      || setweight(to_tsvector(:language, coalesce(:summary, '')), 'B') || setweight(to_tsvector(:language, :text), 'C'))
    on conflict (chunk_id) do update set content = excluded.content, metadata = excluded.metadata, tsv = excluded.tsv
"""
FORMER_VECTOR = """
    insert into former (chunk_id, content, metadata, embedding)
    values (:id, :text, cast(:metadata as jsonb), cast(:embedding as vector))
    on conflict (chunk_id) do update
    set content = excluded.content, metadata = excluded.metadata, embedding = excluded.embedding
"""


def postgres_of(store: Store) -> PostgresRepository:
    """Return the repository of a store on PostgreSQL."""
    assert isinstance(store.repository, PostgresRepository)
    return store.repository


@asynccontextmanager
async def raw(store: Store) -> AsyncIterator[Any]:
    """Take a pooled connection of a store, for statements written by hand."""
    async with postgres_of(store).pools.reader() as connection:
        yield connection


async def by_hand(store: Store, statement: str, *arguments: Any) -> Any:
    """Run a statement written by hand. Returns its rows."""
    async with raw(store) as connection:
        return await connection.fetch(statement, *arguments)


async def copy_by_hand(store: Store, batch: tuple[Any, ...]) -> None:
    """Write chunks by COPY into a temporary table and one insert from there."""
    ids, vectors, texts, metadatas = batch
    records = list(zip(ids, texts, metadatas, [Vector(v) for v in vectors], strict=True))
    async with raw(store) as connection, connection.transaction():
        await connection.execute(STAGE)
        await connection.copy_records_to_table("stage", records=records)
        await connection.execute(FROM_STAGE)


async def row_by_row(store: Store, batch: tuple[Any, ...]) -> None:
    """Write chunks a row at a time, as Agent Brain's former backend did."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    async with raw(store) as connection:
        await connection.execute(FORMER_TABLE)
        settings = {"search_path": await connection.fetchval("show search_path")}
    arguments = postgres_of(store).pools.sessions.arguments | {"server_settings": settings}
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(**arguments), pool_pre_ping=True
    )
    for chunk_id, vector_, content, metadata in zip(*batch, strict=True):
        row = {"id": chunk_id, "text": content, "metadata": json.dumps(metadata)}
        words = {"language": "english", "title": "", "summary": ""}
        async with engine.begin() as transaction:
            await transaction.execute(text(FORMER_TEXT), row | words)
        async with engine.begin() as transaction:
            await transaction.execute(text(FORMER_VECTOR), row | {"embedding": str(vector_.tolist())})
    await engine.dispose()
