"""The two storage backends of Agent Brain's server, on top of a store of this library (``docs/agent-brain.md``).

They have the methods, argument names and results that its services use. Its own types are passed in, so this module
imports nothing of it:

    types = ClientTypes(SearchResult, EmbeddingMetadata, ChunkRecord, StorageError, ProviderMismatchError)
    backend = PostgresBackend(types, "config.yaml")
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable
from functools import partial
from typing import Any, ClassVar, TypeVar

from agent_brain_store.config import PostgresConfig
from agent_brain_store.errors import (
    ConfigError,
    DimensionMismatchError,
    ProviderMismatchError,
    SchemaError,
    StorageError,
)
from agent_brain_store.factory import Source, configuration, create_backend
from agent_brain_store.integrations.agent_brain_parts import (
    ClientTypes,
    ConnectionManager,
    KeywordIndexStandIn,
    chunk_record,
)
from agent_brain_store.results import EmbeddingMetadata, SearchResult
from agent_brain_store.types import Where

__all__ = ["ChromaBackend", "ClientTypes", "PostgresBackend"]

log = logging.getLogger(__name__)
T = TypeVar("T")


class _Backend:
    """The methods of both backends. Errors of the library become the client's ``StorageError``.

    ``source`` is that of `open_store`. A store of another embedding model is opened with a warning. The client's own
    check refuses to index into it. If it writes nevertheless, because somebody forces it, the store is emptied first.
    """

    name: ClassVar[str]

    def __init__(self, types: ClientTypes, source: Source = None) -> None:
        config = configuration(source)
        if config.backend != self.name:
            raise ConfigError(
                f"storage.backend is {config.backend}, but {type(self).__name__} was asked for", self.name
            )
        self._types, self._config = types, config
        self._store = create_backend(config, on_mismatch="warn")
        self.bm25_manager = KeywordIndexStandIn()

    @property
    def vector_store(self) -> _Backend:
        """This backend itself. It has the methods that the client calls on its vector store."""
        return self

    @property
    def is_initialized(self) -> bool:
        """See `StorageBackend.is_initialized`."""
        return self._store.is_initialized

    async def initialize(self) -> None:
        """Open the store. The client calls this before every job, which costs nothing."""
        await self._done(self._store.initialize())

    async def close(self) -> None:
        """Close the store."""
        await self._done(self._store.close())

    async def _done(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except StorageError as error:
            raise self._types.storage_error(error.message, backend=self.name) from error

    # --- writing ---

    async def upsert_documents(
        self, ids: list[str], embeddings: list[list[float]], documents: list[str], metadatas: list[dict[str, Any]]
    ) -> int:
        """Store chunks. Those that cannot be stored are left out and logged. Returns how many are stored."""
        return await self._done(self._upsert(ids, embeddings, documents, metadatas))

    async def _upsert(
        self, ids: list[str], embeddings: list[list[float]], documents: list[str], metadatas: list[dict[str, Any]]
    ) -> int:
        store = partial(self._store.upsert_documents, ids, embeddings, documents, metadatas, on_invalid="skip")
        try:
            return int(await store())
        except (DimensionMismatchError, ProviderMismatchError, SchemaError):
            if "mismatch" not in (await self._store.health()).details:
                raise
        log.warning(
            "indexing was forced: %d chunks of another embedding model are deleted", await self._store.get_count()
        )
        await self._store.reset()
        return int(await store())

    async def delete_by_ids(self, ids: list[str]) -> int:
        """Delete chunks by id. Returns how many there were."""
        return await self._done(self._store.delete_by_ids(ids))

    async def delete_by_metadata(self, where: dict[str, Any]) -> int:
        """Delete the chunks that match. ``{"source": folder}`` also means every file below the folder."""
        return await self._done(self._store.delete_by_metadata(_with_files_below(where)))

    async def reset(self) -> None:
        """Delete everything. The store takes the configured model's settings."""
        await self._done(self._store.reset())

    # --- searching and looking up ---

    async def vector_search(
        self,
        query_embedding: list[float],
        top_k: int,
        similarity_threshold: float = 0.0,
        where: dict[str, Any] | None = None,
    ) -> list[Any]:
        """Return the nearest chunks with at least this similarity, best first."""
        return self._results(
            await self._done(self._store.vector_search(query_embedding, top_k, similarity_threshold, where))
        )

    async def keyword_search(
        self,
        query: str,
        top_k: int,
        source_types: list[str] | None = None,
        languages: list[str] | None = None,
        explain: bool = False,
    ) -> list[Any]:
        """Return the chunks with any word of the question, best first. An empty list is no filter."""
        found = self._store.keyword_search(query, top_k, source_types or None, languages or None, explain=explain)
        return self._results(await self._done(found))

    async def hybrid_search_with_rrf(
        self,
        query: str,
        query_embedding: list[float],
        top_k: int,
        vector_weight: float = 0.5,
        keyword_weight: float = 0.5,
        rrf_k: int = 60,
    ) -> list[Any]:
        """Fuse both rankings of ``2 * top_k`` chunks each. The best one scores 1."""
        found = self._store.hybrid_search(
            query,
            query_embedding,
            top_k,
            vector_weight,
            keyword_weight,
            rrf_k,
            fusion="rrf",
            candidates=max(1, 2 * top_k),
            normalize=True,
        )
        return self._results(await self._done(found))

    def _results(self, found: list[SearchResult]) -> list[Any]:
        return [
            self._types.search_result(
                text=hit.text,
                metadata=hit.metadata,
                score=hit.score,
                chunk_id=hit.chunk_id,
                matched_terms=hit.matched_terms,
            )
            for hit in found
        ]

    async def get_count(self, where: dict[str, Any] | None = None) -> int:
        """Return how many chunks match."""
        return await self._done(self._store.get_count(where))

    async def get_by_id(self, chunk_id: str) -> dict[str, Any] | None:
        """Return ``{"text": ..., "metadata": ...}`` of a chunk, or None."""
        return await self._done(self._store.get_by_id(chunk_id))

    async def get_chunk_by_id(self, chunk_id: str) -> Any | None:
        """Return a chunk as the client's ``ChunkRecord``, or None."""
        chunk = await self.get_by_id(chunk_id)
        return None if chunk is None else self._types.chunk_record(**chunk_record(chunk_id, **chunk))

    # --- the embedding profile ---

    async def get_embedding_metadata(self) -> Any | None:
        """Return the stored profile, or None."""
        stored = await self._done(self._store.get_embedding_metadata())
        if stored is None:
            return None
        return self._types.embedding_metadata(
            provider=stored.provider, model=stored.model, dimensions=stored.dimensions
        )

    async def set_embedding_metadata(self, provider: str, model: str, dimensions: int) -> None:
        """Store the profile."""
        await self._done(self._store.set_embedding_metadata(provider, model, dimensions))

    def validate_embedding_compatibility(
        self, provider: str, model: str, dimensions: int, stored_metadata: Any | None
    ) -> None:
        """Raise the client's ``ProviderMismatchError`` if another model filled the store."""
        stored = stored_metadata and EmbeddingMetadata(
            stored_metadata.provider, stored_metadata.model, stored_metadata.dimensions
        )
        try:
            self._store.validate_embedding_compatibility(provider, model, dimensions, stored)
        except ProviderMismatchError as error:
            raise self._types.provider_mismatch(
                current_provider=provider,
                current_model=model,
                indexed_provider=error.indexed_provider,
                indexed_model=error.indexed_model,
            ) from error


class ChromaBackend(_Backend):
    """The client's storage in a Chroma directory."""

    name = "chroma"


class PostgresBackend(_Backend):
    """The client's storage in PostgreSQL, with what its health endpoint reads."""

    name = "postgres"

    def __init__(self, types: ClientTypes, source: Source = None) -> None:
        super().__init__(types, source)
        self.connection_manager = ConnectionManager(self.config.pool_size, self._facts)

    @property
    def config(self) -> PostgresConfig:
        """The configured server. What the configuration leaves to libpq is None."""
        return self._config.postgres

    async def _facts(self) -> dict[str, Any] | None:
        """Return the details of a health check, or None if the store is not open."""
        if not self.is_initialized:
            return None
        health = await self._store.health()
        if not health.ok:
            raise self._types.storage_error(health.details["error"], backend=self.name)
        return health.details


def _with_files_below(where: Where) -> Where:
    source = where.get("source")
    if len(where) != 1 or not isinstance(source, str) or not source:
        return where
    return {"$or": [{"source": source}, {"source": {"$prefix": source.rstrip(os.sep) + os.sep}}]}
