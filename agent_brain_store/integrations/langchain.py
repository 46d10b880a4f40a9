"""Use a store as a vector store of LangChain.

    with open_store_sync("config.yaml") as store:
        vectors = AgentBrainVectorStore(store, embedding)
        vectors.add_texts(["The retry budget is three."])
        vectors.as_retriever(search_type="hybrid", k=5).invoke("How often do we retry?")

A filter is one of this library (``docs/filters.md``). A score is a similarity from 0 to 1, and higher is better.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, ClassVar, Self, TypeAlias

from agent_brain_store.errors import InvalidQueryError, MissingDependency
from agent_brain_store.integrations.bridge import AnyStore, Bridge, search_options, shown_metadata
from agent_brain_store.results import SearchResult
from agent_brain_store.types import Where

try:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import VectorStore, VectorStoreRetriever
    from langchain_core.vectorstores.utils import maximal_marginal_relevance
except ModuleNotFoundError as error:
    raise MissingDependency("LangChain is not installed: pip install 'agent-brain-store[langchain]'") from error

Scored: TypeAlias = list[tuple[Document, float]]
Metas: TypeAlias = list[dict[str, Any]] | None
Ids: TypeAlias = Sequence[str | None] | None


class AgentBrainVectorStore(VectorStore):
    """A vector store of LangChain that keeps its documents in a store of this library.

    With a store of `open_store_sync` you can use both kinds of methods. With a store of `open_store`, use the async
    ones. ``embedding`` makes the vectors, and has to be the model of the store.

    In every search, ``k`` is how many documents to return, and ``filter`` is a metadata filter. Further keywords are
    those of the contract's search method, like ``similarity_threshold`` or ``fusion``. Another keyword is a
    `TypeError`. With ``highlights=True``, a document has the passages that match in ``metadata["_highlights"]``.
    """

    def __init__(self, store: AnyStore, embedding: Embeddings) -> None:
        self._bridge, self._embedding = Bridge(store), embedding

    @property
    def embeddings(self) -> Embeddings:
        """The embedding model."""
        return self._embedding

    @classmethod
    def from_texts(  # type: ignore[override]  # there is no default store
        cls, texts: list[str], embedding: Embeddings, metadatas: Metas = None, *, store: AnyStore, **kwargs: Any
    ) -> Self:
        """Return a vector store on ``store``, and add texts to it."""
        vectors = cls(store, embedding)
        vectors.add_texts(texts, metadatas, **kwargs)
        return vectors

    @classmethod
    async def afrom_texts(  # type: ignore[override]
        cls, texts: list[str], embedding: Embeddings, metadatas: Metas = None, *, store: AnyStore, **kwargs: Any
    ) -> Self:
        """As `from_texts`."""
        vectors = cls(store, embedding)
        await vectors.aadd_texts(texts, metadatas, **kwargs)
        return vectors

    # --- writing ---

    def add_texts(self, texts: Iterable[str], metadatas: Metas = None, *, ids: Ids = None, **kwargs: Any) -> list[str]:
        """Embed texts and store them, all or none. Returns their ids. A text without an id gets a new one."""
        texts = list(texts)
        return self._bridge.run(self._add(texts, self._embedding.embed_documents(texts), metadatas, ids, **kwargs))

    async def aadd_texts(
        self, texts: Iterable[str], metadatas: Metas = None, *, ids: Ids = None, **kwargs: Any
    ) -> list[str]:
        """As `add_texts`."""
        texts = list(texts)
        vectors = await self._embedding.aembed_documents(texts)
        return await self._bridge.arun(self._add(texts, vectors, metadatas, ids, **kwargs))

    async def _add(
        self,
        texts: list[str],
        vectors: list[list[float]],
        metadatas: Metas,
        ids: Ids,
        batch_size: int | None = None,  # noqa: ARG002  # index() passes it; a call stores all texts at once
    ) -> list[str]:
        chosen = [chunk_id or str(uuid.uuid4()) for chunk_id in ids or [None] * len(texts)]
        await self._bridge.backend.upsert_documents(chosen, vectors, texts, metadatas or [{}] * len(texts))
        return chosen

    def delete(self, ids: list[str] | None = None, filter: Where | None = None, **kwargs: Any) -> bool:
        """Delete documents by their ids, or those that match a filter. Unknown ids are no error.

        Raises `InvalidQueryError` unless you name one of both. The store's ``reset()`` deletes everything.
        """
        return self._bridge.run(self._delete(ids, filter, **kwargs))

    async def adelete(self, ids: list[str] | None = None, filter: Where | None = None, **kwargs: Any) -> bool:
        """As `delete`."""
        return await self._bridge.arun(self._delete(ids, filter, **kwargs))

    async def _delete(self, ids: list[str] | None, filter: Where | None) -> bool:
        if (ids is None) == (filter is None):
            raise InvalidQueryError("delete needs either ids or a filter; the store's reset() deletes everything")
        if ids is not None:
            await self._bridge.backend.delete_by_ids(ids)
        if filter is not None:
            await self._bridge.backend.delete_by_metadata(filter)
        return True

    # --- looking up ---

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return the documents that exist. Unknown ids are left out."""
        return self._bridge.run(self._get(ids))

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """As `get_by_ids`."""
        return await self._bridge.arun(self._get(ids))

    async def _get(self, ids: Sequence[str]) -> list[Document]:
        found = await self._bridge.backend.get_by_ids(ids)
        return [_document(chunk_id, chunk["text"], chunk["metadata"]) for chunk_id, chunk in found.items()]

    # --- searching by vector ---

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the documents nearest to a question, best first."""
        return _documents(self.similarity_search_with_score(query, k, **kwargs))

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """As `similarity_search`."""
        return _documents(await self.asimilarity_search_with_score(query, k, **kwargs))

    def similarity_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> Scored:
        """Return the documents nearest to a question with their similarities, best first."""
        return self._bridge.run(self._nearest(self._embedding.embed_query(query), k, query, **kwargs))

    async def asimilarity_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> Scored:
        """As `similarity_search_with_score`."""
        vector = await self._embedding.aembed_query(query)
        return await self._bridge.arun(self._nearest(vector, k, query, **kwargs))

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the documents nearest to a vector, best first."""
        return _documents(self._bridge.run(self._nearest(embedding, k, None, **kwargs)))

    async def asimilarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """As `similarity_search_by_vector`."""
        return _documents(await self._bridge.arun(self._nearest(embedding, k, None, **kwargs)))

    async def _nearest(
        self, vector: list[float], k: int, question: str | None, /, filter: Where | None = None, **options: Any
    ) -> Scored:
        options = search_options("vector_search", options, question)
        return _scored(await self._bridge.backend.vector_search(vector, k, where=filter, **options))

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda score: score  # the scores are similarities already

    # --- searching for documents that differ from each other ---

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Choose ``k`` of the ``fetch_k`` nearest documents, so that they differ from each other.

        ``lambda_mult`` is from 0, the greatest difference, to 1, the greatest similarity to the question.
        """
        vector = self._embedding.embed_query(query)
        return self._bridge.run(self._diverse(vector, k, fetch_k, lambda_mult, query, **kwargs))

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """As `max_marginal_relevance_search`."""
        vector = await self._embedding.aembed_query(query)
        return await self._bridge.arun(self._diverse(vector, k, fetch_k, lambda_mult, query, **kwargs))

    def max_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """As `max_marginal_relevance_search`, for a vector."""
        return self._bridge.run(self._diverse(embedding, k, fetch_k, lambda_mult, None, **kwargs))

    async def amax_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """As `max_marginal_relevance_search`, for a vector."""
        return await self._bridge.arun(self._diverse(embedding, k, fetch_k, lambda_mult, None, **kwargs))

    async def _diverse(
        self,
        vector: list[float],
        k: int,
        fetch_k: int,
        lambda_mult: float,
        question: str | None,
        /,
        filter: Where | None = None,
        **options: Any,
    ) -> list[Document]:
        import numpy as np

        store, options = self._bridge.backend, search_options("vector_search", options, question)
        near = await store.vector_search(vector, max(k, fetch_k), where=filter, **options)
        stored = await store.get_by_ids([hit.chunk_id for hit in near], include_embeddings=True)
        near = [hit for hit in near if hit.chunk_id in stored]  # somebody may have deleted one since
        vectors = [stored[hit.chunk_id]["embedding"] for hit in near]
        order = maximal_marginal_relevance(np.asarray(vector, np.float32), vectors, lambda_mult, k)
        return _documents(_scored([near[position] for position in order]))

    # --- searching by words, and by both ---

    def hybrid_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the best documents by vector and by words."""
        return self._bridge.run(self._hybrid(query, self._embedding.embed_query(query), k, **kwargs))

    async def ahybrid_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """As `hybrid_search`."""
        vector = await self._embedding.aembed_query(query)
        return await self._bridge.arun(self._hybrid(query, vector, k, **kwargs))

    async def _hybrid(
        self, query: str, vector: list[float], k: int, /, filter: Where | None = None, **options: Any
    ) -> list[Document]:
        options = search_options("hybrid_search", options)
        return _documents(_scored(await self._bridge.backend.hybrid_search(query, vector, k, where=filter, **options)))

    def keyword_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the best documents by words. No vector is made."""
        return self._bridge.run(self._keyword(query, k, **kwargs))

    async def akeyword_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """As `keyword_search`."""
        return await self._bridge.arun(self._keyword(query, k, **kwargs))

    async def _keyword(self, query: str, k: int, /, filter: Where | None = None, **options: Any) -> list[Document]:
        options = search_options("keyword_search", options)
        return _documents(_scored(await self._bridge.backend.keyword_search(query, k, where=filter, **options)))

    # --- searching by the name of a search ---

    def search(self, query: str, search_type: str, **kwargs: Any) -> list[Document]:
        """Search by ``search_type``: "hybrid", "keyword", or one of LangChain's own."""
        if search_type == "hybrid":
            return self.hybrid_search(query, **kwargs)
        if search_type == "keyword":
            return self.keyword_search(query, **kwargs)
        return super().search(query, search_type, **kwargs)

    async def asearch(self, query: str, search_type: str, **kwargs: Any) -> list[Document]:
        """As `search`."""
        if search_type == "hybrid":
            return await self.ahybrid_search(query, **kwargs)
        if search_type == "keyword":
            return await self.akeyword_search(query, **kwargs)
        return await super().asearch(query, search_type, **kwargs)

    def as_retriever(self, **kwargs: Any) -> AgentBrainRetriever:
        """Return a retriever. Its arguments are those of `AgentBrainRetriever`."""
        tags = [*(kwargs.pop("tags", None) or []), *self._get_retriever_tags()]
        return AgentBrainRetriever(vectorstore=self, tags=tags, **kwargs)


class AgentBrainRetriever(VectorStoreRetriever):
    """A retriever of LangChain for an `AgentBrainVectorStore`.

    ``search_type`` is "hybrid", "keyword", or one of LangChain's own: "similarity", "similarity_score_threshold" or
    "mmr". ``search_kwargs`` are passed to the search. ``k`` is short for the ``k`` in them.
    """

    allowed_search_types: ClassVar[Collection[str]] = (
        *VectorStoreRetriever.allowed_search_types,
        "hybrid",
        "keyword",
    )
    k: int | None = None

    def _options(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**self.search_kwargs, **({} if self.k is None else {"k": self.k}), **kwargs}

    def _get_relevant_documents(self, query: str, *, run_manager: Any, **kwargs: Any) -> list[Document]:  # noqa: ARG002
        return self.vectorstore.search(query, self.search_type, **self._options(kwargs))

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any, **kwargs: Any) -> list[Document]:  # noqa: ARG002
        return await self.vectorstore.asearch(query, self.search_type, **self._options(kwargs))


def _document(chunk_id: str, text: str, metadata: dict[str, Any]) -> Document:
    return Document(id=chunk_id, page_content=text, metadata=metadata)


def _scored(hits: Iterable[SearchResult]) -> Scored:
    return [(_document(hit.chunk_id, hit.text, shown_metadata(hit)), hit.score) for hit in hits]


def _documents(scored: Scored) -> list[Document]:
    return [document for document, _ in scored]
