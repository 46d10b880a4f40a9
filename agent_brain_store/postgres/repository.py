"""`PostgresBackend`: one query file for each operation, its rows turned into the contract's dataclasses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import asyncpg

from agent_brain_store import arguments, guard
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import OutcomeUnknown, StorageError
from agent_brain_store.filters import Node, combine, parse, parse_required
from agent_brain_store.loading import Written, told
from agent_brain_store.postgres.bulk import FEWEST, bulk_load, suspended_for_one_call
from agent_brain_store.postgres.connection import BACKEND, Connection, run
from agent_brain_store.postgres.database import Database
from agent_brain_store.postgres.indexes import VECTOR_INDEX, wants_index
from agent_brain_store.postgres.lexemes import LexemeKeeper
from agent_brain_store.postgres.searching import Search, Searcher, filter_values, results
from agent_brain_store.postgres.writing import upsert
from agent_brain_store.protocol import (
    BulkLoader,
    Document,
    EmbeddingMetadata,
    Fusion,
    Health,
    IndexReport,
    Metadatas,
    ProgressCallback,
    ReplaceResult,
    SearchResult,
    Vector,
    Vectors,
    Where,
)
from agent_brain_store.records import Batch, Rules, prepare, query_vector

Result = TypeVar("Result")


class PostgresBackend:
    """The contract on PostgreSQL with pgvector. See `StorageBackend` for what every method means."""

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._rules = Rules(BACKEND, config.embedding.dimensions, config.distance, config.on_invalid_text)
        self._database = Database(config)
        self._searcher = Searcher(self._database, config.keyword.candidates)
        self._lexemes = LexemeKeeper(self._database, config.postgres.command_timeout)
        self._opening = asyncio.Lock()

    # --- life ---

    @property
    def is_initialized(self) -> bool:
        return self._database.is_open

    async def initialize(self, progress: ProgressCallback | None = None) -> None:
        async with self._opening:
            if self._database.is_open:
                return
            await self._database.open(progress)
            try:
                await self._lexemes.at_start()
            except BaseException:
                await self._database.close()
                raise

    async def close(self) -> None:
        async with self._opening:
            await self._database.background.settle()
            await self._database.close()
        self._opening = asyncio.Lock()  # which belongs to one event loop

    async def health(self) -> Health:
        details: dict[str, Any] = {"exact_fallbacks": self._searcher.exact_fallbacks}
        try:
            rows = await self._database.fetch("health")
            facts = await self._database.fetch("index_facts")
            missing = [row["name"] for row in await self._database.fetch("missing_indexes")]
        except StorageError as error:
            return Health(False, BACKEND, details | {"error": error.message})
        if wants_index(self._config) and VECTOR_INDEX not in (row["name"] for row in facts):
            missing.append(VECTOR_INDEX)
        invalid = [row["name"] for row in facts if not row["valid"]]
        details |= {"pool": self._database.pool_status(), "missing_indexes": missing, "invalid_indexes": invalid}
        details |= dict(rows[0])
        return Health(True, BACKEND, details)

    # --- writing ---

    async def upsert_documents(
        self, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Metadatas
    ) -> int:
        batch = await self._prepare(ids, embeddings, documents, metadatas)
        if len(batch) < FEWEST or not wants_index(self._config):
            return await self._store(batch)
        async with suspended_for_one_call(self, self._database, batch):
            return await self._store(batch)

    async def _prepare(self, *lists: Any) -> Batch:
        return await asyncio.to_thread(prepare, self._rules, *lists)

    async def _store(self, batch: Batch, written: Written | None = None) -> int:
        async def work(connection: Connection) -> int:
            await upsert(connection, batch, written)
            return len(batch)

        return await self._write("upsert_documents", work, len(batch)) if len(batch) else self._nothing()

    async def replace_documents(
        self,
        where: Where,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
    ) -> ReplaceResult:
        matching = filter_values(parse_required(where, "replace_documents"))
        batch = await self._prepare(ids, embeddings, documents, metadatas)

        async def work(connection: Connection) -> ReplaceResult:
            await run(connection, "replacement_lock", **matching)
            rows = await run(connection, "delete_matching_chunks", **matching, keep=batch.ids)
            await upsert(connection, batch)
            return ReplaceResult(int(rows[0]["deleted"]), len(batch))

        return await self._write("replace_documents", work, len(batch))

    async def delete_by_ids(self, ids: Sequence[str]) -> int:
        wanted = arguments.check_ids(ids, BACKEND)

        async def work(connection: Connection) -> int:
            return int((await run(connection, "delete_chunks", ids=wanted))[0]["deleted"])

        return await self._write("delete_by_ids", work) if wanted else self._nothing()

    async def delete_by_metadata(self, where: Where) -> int:
        node = parse_required(where, "delete_by_metadata")

        async def work(connection: Connection) -> int:
            return int((await run(connection, "delete_matching_chunks", **filter_values(node), keep=[]))[0]["deleted"])

        return await self._write("delete_by_metadata", work)

    async def reset(self) -> None:
        async def work(connection: Connection) -> None:
            await run(connection, "truncate_store")

        await self._database.write("reset", work)

    async def _write(self, operation: str, work: Callable[[Connection], Awaitable[Result]], written: int = 0) -> Result:
        """Do ``work`` in one transaction, then count the lexemes again if they have aged."""
        try:
            result = await self._database.write(operation, work)
            await self._lexemes.after_write(written)
        except (asyncio.CancelledError, OutcomeUnknown):
            self._lexemes.suspect()
            raise
        return result

    def _nothing(self) -> int:
        self._database.require_open()
        return 0

    # --- searching ---

    async def vector_search(
        self, query_embedding: Vector, top_k: int, similarity_threshold: float = 0.0, where: Where | None = None
    ) -> list[SearchResult]:
        top_k = arguments.check_top_k(top_k, BACKEND)
        threshold = arguments.check_threshold(similarity_threshold, BACKEND)
        vector, node = query_vector(self._rules, query_embedding), parse(where)
        values = {"query_embedding": vector, "top_k": top_k, **filter_values(node)}
        rows = await self._searcher.complete("vector_search", node, values)
        return [result for result in results(rows) if result.score >= threshold]

    async def keyword_search(
        self,
        query: str,
        top_k: int,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        where: Where | None = None,
        explain: bool = False,
    ) -> list[SearchResult]:
        top_k = arguments.check_top_k(top_k, BACKEND)
        query, node = arguments.check_query(query, BACKEND), combine(where, source_types, languages)
        values = {"query": query, "top_k": top_k, **filter_values(node), **self._ranking(explain)}

        async def search(budget: int) -> tuple[list[asyncpg.Record], int]:
            rows = await self._searcher.some("keyword_search", values | {"budget": budget})
            return rows, len(rows)

        return await self._found(search, query, node, top_k)

    async def hybrid_search(
        self,
        query: str,
        query_embedding: Vector,
        top_k: int,
        vector_weight: float = 0.5,
        keyword_weight: float = 0.5,
        rrf_k: int = 60,
        fusion: Fusion = "rrf",
        candidates: int | None = None,
        where: Where | None = None,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        explain: bool = False,
    ) -> list[SearchResult]:
        top_k = arguments.check_top_k(top_k, BACKEND)
        node = combine(where, source_types, languages)
        query = arguments.check_query(query, BACKEND)
        candidates = arguments.check_fusion(vector_weight, keyword_weight, rrf_k, fusion, candidates, top_k, BACKEND)
        values = {
            "query": query,
            "query_embedding": query_vector(self._rules, query_embedding),
            "top_k": top_k,
            "candidates": candidates,
            "vector_weight": float(vector_weight),
            "keyword_weight": float(keyword_weight),
            **filter_values(node),
            **self._ranking(explain),
        }
        if fusion == "rrf":
            values["rrf_k"] = rrf_k

        async def search(budget: int) -> tuple[list[asyncpg.Record], int]:
            name, given = f"hybrid_{fusion}", values | {"budget": budget}
            rows = await (
                self._searcher.complete(name, node, given) if vector_weight else self._searcher.some(name, given)
            )
            return rows, rows[0]["keyword_hits"] if rows else 0

        return await self._found(search, query, node, candidates if keyword_weight else 0)

    async def _found(self, search: Search, query: str, node: Node | None, enough: int) -> list[SearchResult]:
        rows = await self._searcher.widened(search, query, node, enough)
        self._lexemes.look()
        return results(rows)

    def _ranking(self, explain: bool) -> dict[str, Any]:
        keyword = self._config.keyword
        return {
            "k1": keyword.k1,
            "b": keyword.b,
            "heading_weight": keyword.heading_weight,
            "summary_weight": keyword.summary_weight,
            "explain": explain,
        }

    # --- looking up ---

    async def get_count(self, where: Where | None = None) -> int:
        return await self._searcher.count(parse(where))

    async def get_by_id(self, chunk_id: str) -> dict[str, Any] | None:
        return (await self.get_by_ids([chunk_id])).get(chunk_id)

    async def get_by_ids(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        rows = await self._database.fetch("get_chunks", ids=arguments.check_ids(ids, BACKEND))
        return {row["chunk_id"]: {"text": row["text"], "metadata": row["metadata"]} for row in rows}

    async def iter_documents(
        self, where: Where | None = None, batch_size: int = 1000, include_embeddings: bool = False
    ) -> AsyncIterator[Document]:
        page_size = arguments.check_batch_size(batch_size, BACKEND)
        values = {"page_size": page_size, "with_embeddings": include_embeddings, **filter_values(parse(where))}
        after = ""
        while rows := await self._database.fetch("list_chunks", after=after, **values):
            for row in rows:
                vector = row["embedding"]
                embedding = None if vector is None else vector.to_numpy().astype("float32")
                yield Document(row["chunk_id"], row["text"], row["metadata"], embedding)
            after = rows[-1]["chunk_id"]

    # --- the embedding profile ---

    async def get_embedding_metadata(self) -> EmbeddingMetadata | None:
        rows = await self._database.fetch("get_profile")
        return EmbeddingMetadata(**rows[0]) if rows else None

    async def set_embedding_metadata(self, provider: str, model: str, dimensions: int) -> None:
        guard.check_new_profile(provider, model, dimensions, self._rules.dimensions, BACKEND)

        async def work(connection: Connection) -> None:
            await run(connection, "set_profile", provider=provider, model=model, dimensions=dimensions)

        await self._database.write("set_embedding_metadata", work)

    def validate_embedding_compatibility(
        self, provider: str, model: str, dimensions: int, stored_metadata: EmbeddingMetadata | None
    ) -> None:
        guard.check_profile(provider, model, dimensions, stored_metadata, BACKEND)

    # --- indexes ---

    def bulk_load(self, progress: ProgressCallback | None = None) -> AbstractAsyncContextManager[BulkLoader]:
        database = self._database if wants_index(self._config) else None
        return bulk_load(self, self._prepare, self._store, database, self._lexemes.refresh, progress)

    async def ensure_indexes(self, progress: ProgressCallback | None = None) -> IndexReport:
        self._database.require_open()
        with told(progress) as report:
            return await self._database.indexes.ensure(report)

    async def reindex(self, progress: ProgressCallback | None = None) -> IndexReport:
        self._database.require_open()
        with told(progress) as report:
            return await self._database.indexes.reindex(report)
