"""The contract: one Protocol that both backends implement, and the types it speaks.

A service depends on `StorageBackend` alone and never asks which backend it has. Parameter names are part of the
contract: callers use keywords.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector: TypeAlias = Sequence[float] | NDArray[np.floating[Any]]
    Vectors: TypeAlias = Sequence[Vector] | NDArray[np.floating[Any]]
    Embedding: TypeAlias = NDArray[np.float32]
else:  # importing this package does not import numpy
    Vector = Vectors = Embedding = Any

Metadata: TypeAlias = dict[str, Any]
Metadatas: TypeAlias = Sequence[Mapping[str, Any]]
Where: TypeAlias = Mapping[str, Any]
Fusion: TypeAlias = Literal["rrf", "relative_score"]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One chunk that a search found.

    ``score`` is 0..1, higher is better: for vector search the similarity (cosine: the cosine clamped to 0..1; L2:
    ``1 / (1 + distance)``; inner product p: ``(1 + p / (1 + |p|)) / 2``), for keyword search divided by the best hit's,
    for hybrid search divided by the largest possible sum. ``matched_terms`` holds the query's words that the chunk
    contains, when asked for. ``vector_rank`` and ``keyword_rank`` count from 1 and are None for the leg that did not
    find the chunk; ``vector_score`` and ``keyword_score`` are that leg's own scores. All four are set by hybrid search.
    """

    text: str
    metadata: Metadata
    score: float
    chunk_id: str
    matched_terms: list[str] | None = None
    vector_rank: int | None = None
    keyword_rank: int | None = None
    vector_score: float | None = None
    keyword_score: float | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One stored chunk. ``embedding`` is a float32 array, or None when it was not asked for."""

    chunk_id: str
    text: str
    metadata: Metadata
    embedding: Embedding | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ReplaceResult:
    """What `replace_documents` did: chunks that are gone, and chunks that were given."""

    deleted: int
    upserted: int


@dataclass(frozen=True, slots=True)
class EmbeddingMetadata:
    """The embedding profile of a store: who made its vectors, and their length."""

    provider: str
    model: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a backend answers a real query, and what it says of itself. Never holds a secret."""

    ok: bool
    backend: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long operation has come. ``total`` is None while it is not known; both count ``unit``s."""

    operation: str
    done: int
    total: int | None
    unit: str = "chunks"


ProgressCallback: TypeAlias = Callable[[Progress], None]
"""A plain function, called on the event loop: it is not awaited, and must not block."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What `ensure_indexes` or `reindex` found and did, one line each, for people."""

    created: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class BulkLoader(Protocol):
    """What `bulk_load` yields: it takes chunks, and nothing else."""

    async def upsert_documents(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
    ) -> int:
        """As `StorageBackend.upsert_documents`, of which each call is one."""
        ...


@runtime_checkable
class StorageBackend(Protocol):
    """A store of chunks: text, embedding, metadata and id in; the best chunks for a question out.

    Constructors do no I/O. Methods raise the errors of `agent_brain_store.errors` and no others, apart from
    ``ValueError`` for parallel lists of unequal length, or one that is no list, and from what a ``progress`` callback
    raises. Any method that asks the backend may raise `NotInitialized`, `ConnectionFailed`, `PoolTimeout` or
    `QueryFailed`; a write may also raise `OutcomeUnknown`.

    Metadata filters (``where``) are one language on every backend, described in ``docs/filters.md``; None and ``{}`` match
    every chunk. One that cannot be understood is an `InvalidFilterError`. ``top_k`` and other numbers out of their range
    are an `InvalidQueryError`.
    """

    @property
    def is_initialized(self) -> bool:
        """Whether `initialize` has succeeded and `close` was not called since. Never raises."""

    async def initialize(self, progress: ProgressCallback | None = None) -> None:
        """Connect, bring the schema up to date, check it against the configuration, and build indexes that are missing.

        Idempotent, cheap the second time, and safe when several processes do it at once. ``progress`` hears of the
        builds. Raises `SchemaError`, `DimensionMismatchError` or `ProviderMismatchError` where the store is not what the
        configuration asks for, `ConnectionFailed`, and on Chroma `StoreLocked` when another process has the directory open.
        """

    async def close(self) -> None:
        """Give back every resource. Idempotent; `initialize` may follow."""

    async def upsert_documents(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
    ) -> int:
        """Store chunks, given as parallel lists; an id that exists is replaced: text, vector and the whole metadata.

        ``embeddings`` has a row of the store's dimensions for each id. The first chunk that cannot be stored is an
        `InvalidDocumentError`, or a `DimensionMismatchError`.

        A repeated id in one call: the last one wins. Everything is checked before anything is written. All or nothing on
        PostgreSQL; on Chroma a crash or a cancellation can leave a part, and repeating the call completes it. On
        PostgreSQL a call that writes at least 1,000 chunks, and as many as there were, builds the vector index anew, which
        is several times faster than adding to it. Returns the number of distinct ids.
        """

    async def replace_documents(
        self,
        where: Where,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
    ) -> ReplaceResult:
        """Store the given chunks and delete every other chunk that matches ``where``: re-indexing one file.

        One transaction on PostgreSQL: a reader sees the old chunks or the new, never neither. Chroma writes first and
        deletes then. An empty ``where`` is an error.
        """

    async def vector_search(
        self,
        query_embedding: Vector,
        top_k: int,
        similarity_threshold: float = 0.0,
        where: Where | None = None,
    ) -> list[SearchResult]:
        """The chunks nearest to a vector, best first: exactly ``min(top_k, matching)``, less those whose score is below
        ``similarity_threshold`` (0..1). A vector of other dimensions is a `DimensionMismatchError`."""

    async def keyword_search(
        self,
        query: str,
        top_k: int,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        where: Where | None = None,
        explain: bool = False,
    ) -> list[SearchResult]:
        """The chunks that contain any word of a question, best first; the best scores 1.

        ``source_types`` and ``languages`` filter on the metadata keys ``source_type`` and ``language`` and combine with
        ``where``; None is no filter, an empty list matches no chunk. ``explain`` fills ``matched_terms``.
        """

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
        """Vector and keyword ranking fused, best first.

        ``fusion="rrf"`` is weighted Reciprocal Rank Fusion (Cormack, Clarke and Büttcher, 2009; ``rrf_k`` 60 is theirs);
        ``"relative_score"`` is the weighted sum of both scores, each divided by its best. ``candidates`` is how many
        chunks each ranking contributes; None means ``max(50, 2 * top_k)``. Weights are at least 0, not both 0.
        """

    async def get_count(self, where: Where | None = None) -> int:
        """How many chunks the store holds, or how many match."""

    async def get_by_id(self, chunk_id: str) -> dict[str, Any] | None:
        """``{"text": ..., "metadata": ...}`` of one chunk, or None."""

    async def get_by_ids(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The same for many chunks at once, keyed by id. Unknown ids are left out."""

    def iter_documents(
        self, where: Where | None = None, batch_size: int = 1000, include_embeddings: bool = False
    ) -> AsyncIterator[Document]:
        """Stream matching chunks in id order (by code point), ``batch_size`` in memory at a time."""

    async def delete_by_ids(self, ids: Sequence[str]) -> int:
        """Delete chunks; returns how many there really were."""

    async def delete_by_metadata(self, where: Where) -> int:
        """Delete matching chunks; returns how many there were. An empty filter is an error, never "everything"."""

    async def reset(self) -> None:
        """Delete every chunk and the embedding profile. The store stays usable."""

    async def get_embedding_metadata(self) -> EmbeddingMetadata | None:
        """The stored embedding profile, or None before the first one was set."""

    async def set_embedding_metadata(self, provider: str, model: str, dimensions: int) -> None:
        """Store the embedding profile. ``dimensions`` must be the store's own, else `DimensionMismatchError`."""

    def validate_embedding_compatibility(
        self, provider: str, model: str, dimensions: int, stored_metadata: EmbeddingMetadata | None
    ) -> None:
        """Raise `ProviderMismatchError` unless a stored profile is absent or the same. Does no I/O."""

    async def health(self) -> Health:
        """Run a real query. Never raises."""

    def bulk_load(self, progress: ProgressCallback | None = None) -> AbstractAsyncContextManager[BulkLoader]:
        """A loader for many chunks: ``async with store.bulk_load() as load: await load.upsert_documents(...)``.

        On PostgreSQL the vector index is put off to the end when that pays. Searches stay right meanwhile, if slower.
        """

    async def ensure_indexes(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build indexes that are missing or invalid; report those that differ from the configuration.

        `QueryFailed` when another session works on the indexes. On Chroma this is the keyword index, which the first
        keyword search would build otherwise.
        """

    async def reindex(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build the vector index anew with the configured parameters, and rebuild the others as they are, one after the
        other, while searches and writes go on. `QueryFailed` when another session works on the indexes."""

    async def rederive_terms(self, progress: ProgressCallback | None = None) -> int:
        """Derive the search terms of every stored chunk anew. Returns how many chunks changed.

        An upgrade of the library can change how words become terms. Then a warning at the start, and ``outdated_terms`` in
        `health`, ask for this call. It goes over the store in batches, while reads and writes go on. If it was
        interrupted, call it again. Nothing to do on Chroma, where the keyword index is made from the texts.
        """

    async def wait_idle(self) -> None:
        """Wait until the work in the background has ended: index builds, and counts of terms that are due or will be."""
