"""`ChromaBackend`: the contract over an embedded Chroma directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from agent_brain_store import guard
from agent_brain_store.arguments import (
    check_batch_size,
    check_fusion,
    check_ids,
    check_query,
    check_threshold,
    check_top_k,
)
from agent_brain_store.chroma import reading, shared, writing
from agent_brain_store.chroma.driver import Rows
from agent_brain_store.chroma.hybrid import Hybrid, fused
from agent_brain_store.chroma.searching import Question, count_matching, nearest
from agent_brain_store.chroma.session import Session, called_here
from agent_brain_store.chroma.vectors import searched
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import StorageError
from agent_brain_store.filters import combine, parse, parse_required
from agent_brain_store.loading import Loader, Written, told
from agent_brain_store.protocol import (
    BulkLoader,
    Document,
    EmbeddingMetadata,
    Fusion,
    Health,
    IndexReport,
    Metadatas,
    Progress,
    ProgressCallback,
    ReplaceResult,
    SearchResult,
    Vector,
    Vectors,
    Where,
)
from agent_brain_store.records import Batch, Rules, prepare, query_vector

if TYPE_CHECKING:
    from agent_brain_store.chroma.keywords import KeywordIndex

_NAME = "chroma"
_KEYWORD_INDEX = "keyword index"


class ChromaBackend:
    """The contract on a local Chroma directory, which belongs to one process at a time.

    See `StorageBackend` for what every method means; the docstrings here say what is Chroma's own. Nothing here blocks
    the event loop: reads happen in a few threads, writes one after the other in another. Several backends of one process
    may share a directory and a collection.
    """

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._rules = Rules(_NAME, config.embedding.dimensions, config.distance, config.on_invalid_text)
        self._session = Session(config)

    # --- lifecycle ---------------------------------------------------------------------------------------------------

    @property
    def is_initialized(self) -> bool:
        return self._session.is_open

    async def initialize(self, progress: ProgressCallback | None = None) -> None:  # noqa: ARG002  nothing here is long
        """Open the directory and check its collection against the configuration.

        Raises `StoreLocked` when another process has the directory, `MissingDependency` without Chroma, `SchemaError`,
        `DimensionMismatchError` or `ProviderMismatchError` when the collection is another than the configured one.
        """
        await self._session.open()

    async def close(self) -> None:
        """Wait for what is running, then give the directory back."""
        await self._session.close()

    # --- writing -----------------------------------------------------------------------------------------------------

    async def upsert_documents(
        self, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Metadatas
    ) -> int:
        """Store chunks; those that are stored just so already cost no write."""
        batch = await self._prepared(ids, embeddings, documents, metadatas)
        return await self._session.write(partial(writing.upsert, batch=batch))

    async def replace_documents(
        self,
        where: Where,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
    ) -> ReplaceResult:
        """Store the given chunks, then delete every other chunk that matches."""
        node = parse_required(where, "replace_documents")
        batch = await self._prepared(ids, embeddings, documents, metadatas)
        return await self._session.write(partial(writing.replace, node=node, batch=batch))

    async def _prepared(
        self, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Metadatas
    ) -> Batch:
        work = partial(prepare, self._rules, ids, embeddings, documents, metadatas)
        return await self._session.compute(work)

    async def delete_by_ids(self, ids: Sequence[str]) -> int:
        wanted = check_ids(ids, _NAME)
        return await self._session.write(partial(writing.delete, ids=wanted))

    async def delete_by_metadata(self, where: Where) -> int:
        node = parse_required(where, "delete_by_metadata")
        return await self._session.write(partial(writing.delete_matching, node=node))

    async def reset(self) -> None:
        await self._session.write(partial(shared.Collection.reset, config=self._config))

    @asynccontextmanager
    async def bulk_load(self, progress: ProgressCallback | None = None) -> AsyncIterator[BulkLoader]:
        """A loader that upserts: Chroma's index cannot be put off."""
        self._session.collection  # noqa: B018  fails early when the store is closed

        async def upsert(written: Written, *lists: Any) -> int:
            batch = await self._prepared(*lists)
            with called_here(written) as call:
                return await self._session.write(partial(writing.upsert, batch=batch, written=call))

        yield Loader(upsert, progress)

    async def ensure_indexes(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build the keyword index, unless this process has it. The vector index Chroma keeps itself."""

        def indexed(done: int, total: int) -> None:
            if report is not None:
                report(Progress(f"building the {_KEYWORD_INDEX}", done, total))

        if self._config.keyword in self._session.collection.indexes:
            return IndexReport()
        with told(progress) as report, called_here(indexed) as call:
            await self._session.index(call)
        return IndexReport(created=(_KEYWORD_INDEX,))

    async def reindex(self, progress: ProgressCallback | None = None) -> IndexReport:  # noqa: ARG002
        """Nothing to do: Chroma keeps its indexes itself."""
        self._session.collection  # noqa: B018
        return IndexReport()

    # --- searching ---------------------------------------------------------------------------------------------------

    async def vector_search(
        self, query_embedding: Vector, top_k: int, similarity_threshold: float = 0.0, where: Where | None = None
    ) -> list[SearchResult]:
        top_k = check_top_k(top_k, _NAME)
        threshold = check_threshold(similarity_threshold, _NAME)
        node, question, collection = parse(where), self._question(query_embedding), self._session.collection

        def search(rows: Rows) -> list[SearchResult]:
            near = nearest(collection, question, top_k, node)
            scored = [(chunk_id, question.similarity(distance)) for chunk_id, distance in near]
            return [result for result in reading.results(rows, scored, top_k) if result.score >= threshold]

        return await self._session.read(search)

    async def keyword_search(
        self,
        query: str,
        top_k: int,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        where: Where | None = None,
        explain: bool = False,
    ) -> list[SearchResult]:
        top_k, text = check_top_k(top_k, _NAME), check_query(query, _NAME)
        node = combine(where, source_types, languages)
        index = await self._session.index()

        def search(rows: Rows) -> list[SearchResult]:
            hits = index.search(text, top_k, node)
            scored = [(chunk_id, score / hits[0][1]) for chunk_id, score in hits]
            found = reading.results(rows, scored, top_k)
            return _with_matched_terms(index, text, found) if explain else found

        return await self._session.read(search)

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
        top_k, text = check_top_k(top_k, _NAME), check_query(query, _NAME)
        count = check_fusion(vector_weight, keyword_weight, rrf_k, fusion, candidates, top_k, _NAME)
        node, question = combine(where, source_types, languages), self._question(query_embedding)
        asked = Hybrid(text, question, count, vector_weight, keyword_weight, rrf_k, fusion, node)
        collection, index = self._session.collection, await self._session.index()

        def search(rows: Rows) -> list[SearchResult]:
            legs = fused(collection, index, asked)
            found = [legs.explained(result) for result in reading.results(rows, legs.ranked, top_k)]
            return _with_matched_terms(index, text, found) if explain else found

        return await self._session.read(search)

    def _question(self, embedding: Vector) -> Question:
        distance = self._config.distance
        return Question(searched(distance, query_vector(self._rules, embedding)), distance)

    # --- looking up --------------------------------------------------------------------------------------------------

    async def get_count(self, where: Where | None = None) -> int:
        return await self._session.read(partial(count_matching, node=parse(where), held=self._session.collection.held))

    async def get_by_id(self, chunk_id: str) -> dict[str, Any] | None:
        return (await self.get_by_ids([chunk_id])).get(chunk_id)

    async def get_by_ids(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return await self._session.read(partial(reading.by_id, ids=check_ids(ids, _NAME)))

    async def iter_documents(
        self, where: Where | None = None, batch_size: int = 1000, include_embeddings: bool = False
    ) -> AsyncIterator[Document]:
        """Stream matching chunks in id order. Only their ids are held in memory all the time."""
        batch_size, node = check_batch_size(batch_size, _NAME), parse(where)
        dimensions = self._rules.dimensions if include_embeddings else 0
        page = partial(reading.next_page, size=batch_size, dimensions=dimensions, node=node)
        ids, start = None, 0
        while ids is None or start < len(ids):
            read = partial(page, ids=ids, start=start, held=self._session.collection.held)
            documents, ids, start = await self._session.read(read)
            for document in documents:
                yield document

    # --- profile and health ------------------------------------------------------------------------------------------

    async def get_embedding_metadata(self) -> EmbeddingMetadata | None:
        return self._session.collection.profile

    async def set_embedding_metadata(self, provider: str, model: str, dimensions: int) -> None:
        guard.check_new_profile(provider, model, dimensions, self._session.collection.dimensions, _NAME)
        await self._session.write(partial(shared.Collection.set_profile, provider=provider, model=model))

    def validate_embedding_compatibility(
        self, provider: str, model: str, dimensions: int, stored_metadata: EmbeddingMetadata | None
    ) -> None:
        guard.check_profile(provider, model, dimensions, stored_metadata, _NAME)

    async def health(self) -> Health:
        """Count and search. ``details`` say how many chunks there are, and how searches were answered."""
        try:
            collection = self._session.collection
            details = await self._session.read(partial(reading.health, dimensions=self._rules.dimensions))
        except StorageError as error:
            return Health(False, _NAME, {"error": error.message})
        details |= {"collection": collection.name, "distance": self._config.distance}
        details |= {"keyword_index": "ready" if self._config.keyword in collection.indexes else "built when needed"}
        return Health(True, _NAME, details | {"exact_fallbacks": collection.exact_fallbacks})


def _with_matched_terms(index: KeywordIndex, query: str, found: list[SearchResult]) -> list[SearchResult]:
    terms = index.matched(query, [result.chunk_id for result in found])
    return [replace(result, matched_terms=terms[result.chunk_id]) for result in found]
