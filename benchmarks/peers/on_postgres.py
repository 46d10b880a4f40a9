"""Stores on PostgreSQL: written by hand, of LangChain, and of LlamaIndex. Each searches for ten chunks and returns their ids.

They get asyncpg's arguments for a connection, and a schema that does not exist yet.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from benchmarks.naive import Batch, Postgres

Where = dict[str, Any]
WIDTH = 100  # hnsw.ef_search, as ours


class ByHand:
    """asyncpg, a table, three indexes and three statements."""

    def __init__(self, arguments: dict[str, Any], schema: str) -> None:
        self._store = Postgres(arguments, schema)

    async def load(self, batch: Batch) -> None:
        """Copy the chunks, and build the indexes then."""
        await self._store.open(batch[1].shape[1])
        await self._store.load(batch)

    async def nearest(self, vector: Any, where: Where) -> list[str]:
        """Search by vector."""
        return _ids(await self._store.vector(vector, where))

    async def keyword(self, text: str, where: Where) -> list[str]:
        """Search by any word, ranked by ts_rank."""
        return _ids(await self._store.keyword(text, where))

    async def hybrid(self, text: str, vector: Any, where: Where) -> list[str]:
        """Fuse both rankings by reciprocal ranks."""
        return _ids(await self._store.hybrid(text, vector, where))

    async def close(self) -> None:
        """Drop the schema."""
        await self._store.close()


def _ids(rows: Any) -> list[str]:
    return [row["chunk_id"] for row in rows]


class LangChain:
    """langchain-postgres. It has no keyword search of its own, and finds only chunks with every word of a question."""

    keyword = None

    def __init__(self, arguments: dict[str, Any], schema: str) -> None:
        from langchain_postgres import PGEngine
        from sqlalchemy.ext.asyncio import create_async_engine

        self._arguments, self._schema = arguments, schema
        self._engine = PGEngine.from_engine(create_async_engine(_url("asyncpg", arguments)))

    async def load(self, batch: Batch) -> None:
        """Make the table, add the chunks, and index them then."""
        from langchain_core.embeddings import FakeEmbeddings
        from langchain_postgres import Column, PGVectorStore
        from langchain_postgres.v2.indexes import HNSWIndex, HNSWQueryOptions

        await _run(self._arguments, f"create schema {self._schema}")
        columns = [Column("source", "text"), Column("part", "integer"), Column("half", "integer")]
        place = {"table_name": "chunks", "schema_name": self._schema}
        config = self._fused("")
        await self._engine.ainit_vectorstore_table(
            **place,
            vector_size=batch[1].shape[1],
            id_column=Column("langchain_id", "text", nullable=False),
            metadata_columns=columns,
            hybrid_search_config=config,
        )
        self._store = await PGVectorStore.create(
            self._engine,
            **place,
            embedding_service=FakeEmbeddings(size=batch[1].shape[1]),
            metadata_columns=[column.name for column in columns],
            hybrid_search_config=config,
            index_query_options=HNSWQueryOptions(ef_search=WIDTH),
        )
        ids, vectors, texts, metadatas = batch
        await self._store.aadd_embeddings(texts, vectors.tolist(), metadatas, ids)
        await self._store.aapply_vector_index(HNSWIndex())
        await self._store.aapply_hybrid_search_index()

    @staticmethod
    def _fused(text: str) -> Any:
        """Return a configuration for one question. A search keeps its first question in a configuration that it is given."""
        from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig, reciprocal_rank_fusion

        return HybridSearchConfig(
            tsv_column="content_tsv",
            fts_query=text,
            fusion_function=reciprocal_rank_fusion,
            primary_top_k=50,
            secondary_top_k=50,
        )

    async def nearest(self, vector: Any, where: Where) -> list[str]:
        """Search by vector."""
        return await self._found(vector, where, None)

    async def hybrid(self, text: str, vector: Any, where: Where) -> list[str]:
        """Search by both."""
        return await self._found(vector, where, self._fused(text))

    async def _found(self, vector: Any, where: Where, config: Any) -> list[str]:
        found = await self._store.asimilarity_search_with_score_by_vector(
            vector.tolist(), k=10, filter=where or None, hybrid_search_config=config
        )
        return [document.id for document, _ in found]

    async def close(self) -> None:
        """Close the pool and drop the schema."""
        await self._engine.close()
        await _run(self._arguments, f"drop schema {self._schema} cascade")


class LlamaIndex:
    """LlamaIndex's store. Hybrid search returns what both rankings found, without a score that unites them."""

    def __init__(self, arguments: dict[str, Any], schema: str) -> None:
        from llama_index.vector_stores.postgres import PGVectorStore

        self._arguments, self._schema, self._kind = arguments, schema, PGVectorStore

    async def load(self, batch: Batch) -> None:
        """Add the chunks. The indexes are there before."""
        from llama_index.core.schema import TextNode

        self._store = self._kind(
            connection_string=_url("psycopg2", self._arguments),
            async_connection_string=_url("asyncpg", self._arguments),
            table_name="chunks",
            schema_name=self._schema,
            embed_dim=batch[1].shape[1],
            hybrid_search=True,
            use_jsonb=True,
            indexed_metadata_keys={("part", "int"), ("half", "int")},
            initialization_fail_on_error=True,
            hnsw_kwargs={"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": WIDTH},
        )
        await self._store.async_add(
            [
                TextNode(id_=chunk, text=text, embedding=vector.tolist(), metadata=metadata)
                for chunk, vector, text, metadata in zip(*batch, strict=True)
            ]
        )

    async def nearest(self, vector: Any, where: Where) -> list[str]:
        """Search by vector."""
        return await self._found(where, mode="default", query_embedding=vector.tolist(), similarity_top_k=10)

    async def keyword(self, text: str, where: Where) -> list[str]:
        """Search by any word, ranked by ts_rank."""
        return await self._found(where, mode="sparse", query_str=text, sparse_top_k=10, similarity_top_k=10)

    async def hybrid(self, text: str, vector: Any, where: Where) -> list[str]:
        """Search by both, for the best five of each."""
        asked = {"query_str": text, "query_embedding": vector.tolist(), "similarity_top_k": 5, "sparse_top_k": 5}
        return await self._found(where, mode="hybrid", **asked)

    async def _found(self, where: Where, **asked: Any) -> list[str]:
        from llama_index.core.vector_stores.types import (
            MetadataFilter,
            MetadataFilters,
            VectorStoreQuery,
            VectorStoreQueryMode,
        )

        mode = VectorStoreQueryMode(asked.pop("mode"))
        passing = MetadataFilters(filters=[MetadataFilter(key=key, value=value) for key, value in where.items()])
        query = VectorStoreQuery(mode=mode, filters=passing if where else None, **asked)
        return list((await self._store.aquery(query)).ids or [])

    async def close(self) -> None:
        """Close the pools and drop the schema."""
        await self._store.close()
        await _run(self._arguments, f"drop schema {self._schema} cascade")


def _url(driver: str, arguments: dict[str, Any]) -> str:
    """Return asyncpg's arguments for a connection as SQLAlchemy wants them."""
    from sqlalchemy import URL

    password = arguments.get("password")
    url = URL.create(
        f"postgresql+{driver}",
        arguments.get("user"),
        password() if callable(password) else password,
        database=arguments.get("database"),
        query={"host": arguments["host"], "port": str(arguments.get("port", 5432))},
    )
    return str(url.render_as_string(hide_password=False))


async def _run(arguments: dict[str, Any], statement: str) -> None:
    connection = await asyncpg.connect(**arguments)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
