"""Use a store as a vector store of LlamaIndex.

    with open_store_sync("config.yaml") as store:
        index = VectorStoreIndex.from_vector_store(AgentBrainVectorStore(store), embed_model=model)
        index.insert_nodes(nodes)
        index.as_retriever(vector_store_query_mode="hybrid").retrieve("How often do we retry?")

A node's text and vector are those of a chunk. Its metadata is in the chunk's metadata, where filters find it, and so is
the rest of the node, in the form in which LlamaIndex writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent_brain_store.errors import InvalidFilterError, InvalidQueryError, MissingDependency
from agent_brain_store.integrations.bridge import HIGHLIGHTS, AnyStore, Bridge, search_options, shown_metadata
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import SearchResult
from agent_brain_store.types import Metadata, Where

try:
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
    from llama_index.core.schema import BaseNode, MetadataMode, TextNode
    from llama_index.core.vector_stores.types import (
        BasePydanticVectorStore,
        FilterCondition,
        FilterOperator,
        MetadataFilter,
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryMode,
        VectorStoreQueryResult,
    )
    from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict
except ModuleNotFoundError as error:
    raise MissingDependency("LlamaIndex is not installed: pip install 'agent-brain-store[llama-index]'") from error

NODE_ID = "_node_id"  # a copy of the id, because filters only see metadata
_OPERATORS = {
    FilterOperator.EQ: "$eq",
    FilterOperator.NE: "$ne",
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
    FilterOperator.IN: "$in",
    FilterOperator.NIN: "$nin",
    FilterOperator.CONTAINS: "$contains",
}


class AgentBrainVectorStore(BasePydanticVectorStore):
    """A vector store of LlamaIndex that keeps its nodes in a store of this library.

    With a store of `open_store_sync` you can use both kinds of methods. With a store of `open_store`, use the async
    ones.
    """

    stores_text: bool = True
    _bridge: Bridge = PrivateAttr()

    def __init__(self, store: AnyStore) -> None:
        super().__init__(stores_text=True)
        self._bridge = Bridge(store)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class, for LlamaIndex."""
        return "AgentBrainVectorStore"

    @property
    def client(self) -> StorageBackend:
        """The store."""
        return self._bridge.backend

    # --- writing ---

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:  # noqa: ARG002
        """Store nodes, all or none. Returns their ids. Each node needs its embedding."""
        return self._bridge.run(self._add(nodes))

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:  # noqa: ARG002
        """As `add`."""
        return await self._bridge.arun(self._add(nodes))

    async def _add(self, nodes: Sequence[BaseNode]) -> list[str]:
        ids = [node.node_id for node in nodes]
        vectors = [node.get_embedding() for node in nodes]
        texts = [node.get_content(metadata_mode=MetadataMode.NONE) for node in nodes]
        await self.client.upsert_documents(ids, vectors, texts, [_metadata(node) for node in nodes])
        return ids

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:  # noqa: ARG002
        """Delete the nodes of a document."""
        self.delete_nodes(filters=_of_document(ref_doc_id))

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:  # noqa: ARG002
        """As `delete`."""
        await self.adelete_nodes(filters=_of_document(ref_doc_id))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Delete nodes by their ids, those that match, or those of the ids that match.

        Raises `InvalidFilterError` if you name neither. `clear` deletes everything.
        """
        self._bridge.run(self._delete(node_ids, filters))

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,  # noqa: ARG002
    ) -> None:
        """As `delete_nodes`."""
        await self._bridge.arun(self._delete(node_ids, filters))

    async def _delete(self, node_ids: list[str] | None, filters: MetadataFilters | None) -> None:
        if filters is None and node_ids is not None:
            await self.client.delete_by_ids(node_ids)
        else:
            await self.client.delete_by_metadata(_scope(filters, node_ids=node_ids))

    def clear(self) -> None:
        """Delete every chunk of the store."""
        self._bridge.run(self.client.reset())

    async def aclear(self) -> None:
        """As `clear`."""
        await self._bridge.arun(self.client.reset())

    # --- reading ---

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Return nodes by their ids, those that match, or those of the ids that match. Unknown ids are left out."""
        return self._bridge.run(self._get(node_ids, filters))

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """As `get_nodes`."""
        return await self._bridge.arun(self._get(node_ids, filters))

    async def _get(self, node_ids: list[str] | None, filters: MetadataFilters | None) -> list[BaseNode]:
        if filters is None and node_ids is not None:
            found = await self.client.get_by_ids(node_ids)
            return [_node(chunk_id, chunk["text"], chunk["metadata"]) for chunk_id, chunk in found.items()]
        chunks = self.client.iter_documents(_scope(filters, node_ids=node_ids))
        return [_node(chunk.chunk_id, chunk.text, chunk.metadata) async for chunk in chunks]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Return the best nodes for a question. Keywords are those of the contract's search method, and of the mode MMR.

        Another keyword is a `TypeError`. With ``highlights=True``, a node has the passages that match in
        ``metadata["_highlights"]``. A model is not shown these.

        The mode MMR takes ``mmr_threshold``, from 0, the greatest difference, to 1, the greatest similarity to the
        question, and ``mmr_prefetch_k``, how many nodes it chooses from.
        """
        return self._bridge.run(self._query(query, **kwargs))

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """As `query`."""
        return await self._bridge.arun(self._query(query, **kwargs))

    async def _query(self, query: VectorStoreQuery, **options: Any) -> VectorStoreQueryResult:
        # an index asks with an empty list of nodes when it does not limit the search
        where = _scope(query.filters, query.doc_ids or None, query.node_ids or None)
        text: Any = query.query_str
        vector: Any = query.query_embedding
        match query.mode:
            case VectorStoreQueryMode.DEFAULT:
                options = search_options("vector_search", options, text)
                hits = await self.client.vector_search(vector, query.similarity_top_k, where=where, **options)
            case VectorStoreQueryMode.SPARSE | VectorStoreQueryMode.TEXT_SEARCH:
                top_k = query.sparse_top_k or query.similarity_top_k
                options = search_options("keyword_search", options)
                hits = await self.client.keyword_search(text, top_k, where=where, **options)
            case VectorStoreQueryMode.HYBRID:
                top_k = query.hybrid_top_k or query.similarity_top_k
                alpha = 0.5 if query.alpha is None else query.alpha
                weights = {"vector_weight": alpha, "keyword_weight": 1 - alpha}
                options = search_options("hybrid_search", {**weights, **options})
                hits = await self.client.hybrid_search(text, vector, top_k, where=where, **options)
            case VectorStoreQueryMode.MMR:
                hits = await self._diverse(query, where, **options)
            case _:
                raise InvalidQueryError(
                    f"the query mode {query.mode.name} is not supported: use DEFAULT, SPARSE, TEXT_SEARCH, HYBRID or MMR"
                )
        return VectorStoreQueryResult(
            nodes=[_found(hit) for hit in hits],
            similarities=[hit.score for hit in hits],
            ids=[hit.chunk_id for hit in hits],
        )

    async def _diverse(
        self,
        query: VectorStoreQuery,
        where: Where,
        /,
        mmr_threshold: float | None = None,
        mmr_prefetch_k: int | None = None,
        **options: Any,
    ) -> list[SearchResult]:
        vector: Any = query.query_embedding
        wanted = max(query.similarity_top_k, mmr_prefetch_k or 4 * query.similarity_top_k)
        options = search_options("vector_search", options, query.query_str)
        near = await self.client.vector_search(vector, wanted, where=where, **options)
        stored = await self.client.get_by_ids([hit.chunk_id for hit in near], include_embeddings=True)
        known = {hit.chunk_id: hit for hit in near if hit.chunk_id in stored}  # one may have been deleted since
        _, chosen = get_top_k_mmr_embeddings(
            vector,
            [stored[chunk_id]["embedding"] for chunk_id in known],
            similarity_top_k=query.similarity_top_k,
            embedding_ids=list(known),
            mmr_threshold=query.mmr_threshold if mmr_threshold is None else mmr_threshold,
        )
        return [known[chunk_id] for chunk_id in chosen]


# --- nodes -----------------------------------------------------------------------------------------------------------


def _metadata(node: BaseNode) -> Metadata:
    """Return a node as metadata, as LlamaIndex writes it.

    The text is left out, because it is the chunk's. An empty list is only in the node itself. To a filter its key is
    missing, so IS_EMPTY finds it.
    """
    metadata = node_to_metadata_dict(node, remove_text=True)
    return {key: value for key, value in metadata.items() if value != []} | {NODE_ID: node.node_id}


def _node(chunk_id: str, text: str, metadata: Metadata) -> BaseNode:
    """Return the node of a chunk. A chunk that was not written through LlamaIndex becomes a text node."""
    if "_node_content" not in metadata:
        return TextNode(id_=chunk_id, text=text, metadata=metadata)
    return metadata_dict_to_node(metadata, text or None)


def _found(hit: SearchResult) -> BaseNode:
    """Return the node of a search result."""
    node = _node(hit.chunk_id, hit.text, hit.metadata)
    if hit.highlights is not None:
        node.metadata = {**node.metadata, HIGHLIGHTS: shown_metadata(hit)[HIGHLIGHTS]}
        node.excluded_llm_metadata_keys = [*node.excluded_llm_metadata_keys, HIGHLIGHTS]
        node.excluded_embed_metadata_keys = [*node.excluded_embed_metadata_keys, HIGHLIGHTS]
    return node


# --- filters ---------------------------------------------------------------------------------------------------------


def to_where(filters: MetadataFilters | MetadataFilter) -> dict[str, Any]:
    """Translate filters of LlamaIndex. Raises `InvalidFilterError` for an operator that this library does not have."""
    if isinstance(filters, MetadataFilter):
        return _condition(filters.key, filters.operator, filters.value)
    parts = [to_where(part) for part in filters.filters]
    if not parts:
        return {}
    if filters.condition is FilterCondition.NOT:  # no condition may match
        return {"$not": {"$or": parts}}
    return {"$or" if filters.condition is FilterCondition.OR else "$and": parts}


def _condition(key: str, operator: FilterOperator, value: Any) -> dict[str, Any]:
    if operator in _OPERATORS:
        return {key: {_OPERATORS[operator]: value}}
    if operator is FilterOperator.IS_EMPTY:
        return {"$or": [{key: {"$exists": False}}, {key: ""}]}
    if operator not in (FilterOperator.ANY, FilterOperator.ALL):
        raise InvalidFilterError(
            f"the filter operator {operator.name} is not supported: use a keyword search", place=key
        )
    if not isinstance(value, list):
        raise InvalidFilterError(f"the filter operator {operator.name} needs a list, got {value!a}", place=key)
    elements = [{key: {"$contains": element}} for element in value]
    if operator is FilterOperator.ANY:
        return {"$or": elements} if elements else {key: {"$in": []}}
    return {"$and": elements} if elements else {key: {"$exists": True}}


def _of_document(ref_doc_id: str) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key="ref_doc_id", value=ref_doc_id)])


def _scope(
    filters: MetadataFilters | None, doc_ids: list[str] | None = None, node_ids: list[str] | None = None
) -> dict[str, Any]:
    """Return one filter for all that limits a call. An empty one matches every chunk."""
    parts = [
        to_where(filters) if filters else {},
        {} if doc_ids is None else {"ref_doc_id": {"$in": doc_ids}},
        {} if node_ids is None else {NODE_ID: {"$in": node_ids}},
    ]
    parts = [part for part in parts if part]
    return {"$and": parts} if parts else {}
