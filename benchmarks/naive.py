"""Two stores in as little code as possible: asyncpg with statements by hand, and Chroma's client with rank-bm25.

They check nothing, and they answer nothing else. The overview compares the library with them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import asyncpg
import chromadb
from pgvector import Vector
from pgvector.asyncpg import register_vector
from rank_bm25 import BM25Okapi

Batch = tuple[Any, ...]  # ids, vectors, texts, metadatas
LONG = 3600.0  # seconds that a load of a large store may take

TABLE = """
    create table naive (
      chunk_id  text primary key,
      text      text not null,
      metadata  jsonb not null,
      embedding vector({dimensions}) not null,
      tsv       tsvector generated always as (to_tsvector('english', text)) stored
    )
"""
INDEXES = """
    set maintenance_work_mem = '1GB';
    create index on naive using hnsw (embedding vector_cosine_ops);
    create index on naive using gin (tsv);
    create index on naive using gin (metadata jsonb_path_ops);
    reset maintenance_work_mem;
    analyze naive;
"""
STAGE = """
    create temp table stage (chunk_id text, text text, metadata jsonb, embedding vector) on commit drop
"""
AGAIN = """
    insert into naive (chunk_id, text, metadata, embedding) select * from stage order by chunk_id
    on conflict (chunk_id) do update
    set text = excluded.text, metadata = excluded.metadata, embedding = excluded.embedding
    where (naive.text, naive.metadata, naive.embedding) is distinct from
      (excluded.text, excluded.metadata, excluded.embedding)
"""
VECTOR = """
    select chunk_id, text, metadata, 1 - (embedding <=> $1) as score
    from naive where {matches} order by embedding <=> $1 limit 10
"""
KEYWORD = """
    select chunk_id, text, metadata, ts_rank(tsv, to_tsquery('english', $1)) as score
    from naive where tsv @@ to_tsquery('english', $1) and {matches} order by score desc limit 10
"""
HYBRID = """
    with by_vector as (
      select chunk_id, row_number() over () as rank
      from (select chunk_id from naive where {matches} order by embedding <=> $1 limit 50)
    ),
    by_keyword as (
      select chunk_id, row_number() over (order by score desc) as rank
      from (
        select chunk_id, ts_rank(tsv, to_tsquery('english', $2)) as score
        from naive where tsv @@ to_tsquery('english', $2) and {matches} order by score desc limit 50
      )
    )
    select chunk_id, n.text, n.metadata, coalesce(1.0 / (60 + v.rank), 0) + coalesce(1.0 / (60 + k.rank), 0) as score
    from by_vector v full join by_keyword k using (chunk_id) join naive n using (chunk_id)
    order by score desc limit 10
"""


class Postgres:
    """A table, three indexes and three statements."""

    def __init__(self, arguments: dict[str, Any], schema: str) -> None:
        """``arguments`` are asyncpg's for a connection. ``schema`` is one that does not exist yet."""
        settings = {"search_path": f"{schema},public", "hnsw.ef_search": "100", "hnsw.iterative_scan": "strict_order"}
        self._arguments = arguments | {
            "server_settings": settings | {"jit": "off", "plan_cache_mode": "force_custom_plan"}
        }
        self._schema = schema

    async def open(self, dimensions: int) -> None:
        """Make the schema with an empty table, and a pool of ten connections."""
        connection = await asyncpg.connect(**self._arguments)
        await connection.execute(f"create schema {self._schema}; {TABLE.format(dimensions=dimensions)}")
        await connection.close()
        self._pool = await asyncpg.create_pool(min_size=10, max_size=10, init=_codecs, **self._arguments)

    async def close(self) -> None:
        """Drop the schema."""
        async with self._pool.acquire() as connection:
            await connection.execute(f"drop schema {self._schema} cascade")
        await self._pool.close()

    async def load(self, batch: Batch) -> None:
        """Copy a batch into the empty table, and build the indexes then."""
        async with self._pool.acquire() as connection:
            columns = ["chunk_id", "text", "metadata", "embedding"]
            await connection.copy_records_to_table("naive", records=_records(batch), columns=columns, timeout=LONG)
            await connection.execute(INDEXES, timeout=LONG)

    async def load_again(self, batch: Batch) -> None:
        """Write a batch that is stored already."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(STAGE)
            await connection.copy_records_to_table("stage", records=_records(batch), timeout=LONG)
            await connection.execute(AGAIN, timeout=LONG)

    async def vector(self, vector: Any, where: dict[str, Any]) -> Any:
        """Return the ten nearest chunks that have these metadata."""
        return await self._fetch(VECTOR, "$2", where, vector)

    async def keyword(self, text: str, where: dict[str, Any]) -> Any:
        """Return the ten best chunks by ts_rank, among those that have any word of the question."""
        return await self._fetch(KEYWORD, "$2", where, _any_word(text))

    async def hybrid(self, text: str, vector: Any, where: dict[str, Any]) -> Any:
        """Return the ten best chunks of both rankings, by RRF over 50 candidates each."""
        return await self._fetch(HYBRID, "$3", where, vector, _any_word(text))

    async def _fetch(self, statement: str, place: str, where: dict[str, Any], *arguments: Any) -> Any:
        matches = f"metadata @> {place}" if where else "true"
        async with self._pool.acquire() as connection:
            return await connection.fetch(statement.format(matches=matches), *arguments, *([where] if where else []))


async def _codecs(connection: Any) -> None:
    await register_vector(connection)
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + json.dumps(value).encode(),
        decoder=lambda data: json.loads(data[1:]),
    )


def _any_word(text: str) -> str:
    return " | ".join(re.findall(r"\w+", text))


def _records(batch: Batch) -> list[tuple[Any, ...]]:
    ids, vectors, texts, metadatas = batch
    return list(zip(ids, texts, metadatas, [Vector(vector) for vector in vectors], strict=True))


class Chroma:
    """A collection of Chroma's client, and a BM25 index in memory."""

    def __init__(self, path: Path) -> None:
        self._client = chromadb.PersistentClient(str(path))
        self._collection = self._client.create_collection("naive", configuration={"hnsw": {"space": "cosine"}})

    async def load(self, batch: Batch) -> None:
        """Write a batch in the largest calls that Chroma takes, and index its words."""
        ids, vectors, texts, metadatas = batch
        most = self._client.get_max_batch_size()
        for start in range(0, len(ids), most):
            part = slice(start, start + most)
            self._collection.upsert(ids[part], vectors[part], metadatas[part], texts[part])
        # Its time counts, and nothing here asks it.
        self._words = BM25Okapi([text.lower().split() for text in texts])

    async def vector(self, vector: Any, where: dict[str, Any]) -> Any:
        """Return the ten nearest chunks that have these metadata."""
        return self._collection.query(query_embeddings=vector[None], n_results=10, where=where or None)
