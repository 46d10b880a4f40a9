"""This module defines the contract, `StorageBackend`. A `Store` implements it on both backends.

Your service depends on `StorageBackend` alone and never asks which backend it has. Parameter names are part of the
contract, because callers use keywords.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from agent_brain_store.results import (
    Description,
    EmbeddingMetadata,
    Health,
    IndexReport,
    ReplaceResult,
    SearchResult,
    Upserted,
    VerifyReport,
)
from agent_brain_store.types import (
    Boosts,
    Distinct,
    Document,
    Fusion,
    Match,
    Metadatas,
    OnInvalid,
    ProgressCallback,
    Vector,
    Vectors,
    Where,
)


class BulkLoader(Protocol):
    """The object that `bulk_load` yields. It takes chunks, and nothing else."""

    async def upsert_documents(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid = "refuse",
    ) -> Upserted:
        """Store chunks as `StorageBackend.upsert_documents` does. Each call is checked and written as one."""
        ...


@runtime_checkable
class StorageBackend(Protocol):
    """A store of chunks. You put in ids, texts, embeddings and metadata, and get the best chunks for a question.

    A store belongs to the event loop in which it was initialized. Another event loop gets `NotInitialized`.

    Constructors do no I/O. Methods raise only errors of `agent_brain_store.errors`, with two exceptions. They raise
    ``ValueError`` if parallel lists differ in length, or if one of them is not a list. And they raise whatever a
    ``progress`` callback has raised. Any method that asks the backend may raise `NotInitialized`, `ConnectionFailed`,
    `PoolTimeout` or `QueryFailed`. A write may also raise `OutcomeUnknown`.

    A metadata filter (``where``) means the same on every backend (``docs/filters.md``). None and ``{}`` match every
    chunk. A filter that cannot be understood raises `InvalidFilterError`. An argument of the wrong type or out of
    range, like a negative ``top_k``, raises `InvalidQueryError`.
    """

    @property
    def is_initialized(self) -> bool:
        """True if `initialize` has succeeded and `close` was not called since. Never raises."""

    async def initialize(self, progress: ProgressCallback | None = None) -> None:
        """Connect, bring the schema up to date, check it against the configuration, and build indexes that are missing.

        An empty store, without chunks and profile, takes the configured dimensions, distance and language.

        You can call it again, which is cheap. On PostgreSQL, several processes may call it at once. ``progress`` hears
        of index builds.

        Raises `ConnectionFailed` if the store cannot be reached. Raises `SchemaError`, `DimensionMismatchError` or
        `ProviderMismatchError` if the store is not what the configuration asks for, and `MigrationFailed` if a
        migration fails. On Chroma it raises `StoreLocked` if another process has the directory open.
        """

    async def close(self) -> None:
        """Wait for background work and give back every resource. You can call it again, and you can reopen the store."""

    async def upsert_documents(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid = "refuse",
        progress: ProgressCallback | None = None,
    ) -> Upserted:
        """Store chunks, given as parallel lists. Returns the number of distinct ids that are stored.

        ``embeddings`` has one row for each id, as long as the store's dimensions. If an id exists already, its text,
        vector and whole metadata are replaced. If an id occurs twice in one call, the last chunk wins.

        Everything is checked before anything is written. If chunks cannot be stored, one `InvalidDocumentError` lists
        all problems, or a `DimensionMismatchError` if all of them are vectors of another length. With
        ``on_invalid="skip"`` the other chunks are stored. The problems are logged in one line, and the result has them
        as ``left_out``. If no vector has the store's length, the call is refused nevertheless.

        On PostgreSQL a call is stored completely or not at all. On Chroma, a crash or a cancellation can leave a part
        of it. Repeat the call to complete it.

        On PostgreSQL, a call that writes at least 500 chunks, and as many as the store held, builds the vector index
        anew. This is up to several times faster than adding to it. On a cluster, 1,000 chunks are the least.

        ``progress`` hears how many chunks are written, and of that build.
        """

    async def replace_documents(
        self,
        where: Where,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid = "refuse",
    ) -> ReplaceResult:
        """Store the given chunks and delete every other chunk that matches ``where``. Use it to index one file again.

        On PostgreSQL this is one transaction, so a reader sees either the old chunks or the new ones. Chroma writes the
        new chunks first and then deletes, so a reader may see both. An empty ``where`` raises `InvalidFilterError`.
        Chunks are checked as in `upsert_documents`. A chunk that is left out with ``on_invalid="skip"`` does not keep
        an older version of itself from being deleted.
        """

    async def update_metadata(
        self, changes: Mapping[str, Any], ids: Sequence[str] | None = None, where: Where | None = None
    ) -> int:
        """Set keys in the metadata of chunks that are stored. Returns how many chunks there were.

        A key whose value is None is removed, and other keys stay. The chunks are those of ``ids``, or those that match
        ``where``, or with both, those that are in both. Texts and vectors stay. On PostgreSQL it is one transaction.
        """

    async def vector_search(
        self,
        query_embedding: Vector,
        top_k: int,
        similarity_threshold: float = 0.0,
        where: Where | None = None,
        highlights: str | None = None,
        distinct: Distinct | None = None,
        boost: Boosts | None = None,
        now: datetime | float | None = None,
    ) -> list[SearchResult]:
        """Return the chunks nearest to a vector, best first.

        You get ``top_k`` chunks, or all that match if there are fewer. Chunks with a score below
        ``similarity_threshold`` (0 to 1) are then left out. A vector of another length than the store's raises
        `DimensionMismatchError`. ``highlights`` is the question in words. It fills ``highlights`` of each result, and
        changes nothing else.

        ``distinct="text"`` returns of chunks with an equal text only the best one. ``boost`` multiplies scores by what
        metadata say: ``{"created_at": {"half_life": "30d", "weight": 0.3}, "stars": {"scale": 100}}``. An age is counted
        from ``now``, or else from the time of the call. Both look at ``max(100, 4 * top_k)`` candidates.
        ``docs/ranking.md`` has the formulas.
        """

    async def keyword_search(
        self,
        query: str,
        top_k: int,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        where: Where | None = None,
        explain: bool = False,
        match: Match = "any",
        prefix: bool = False,
        min_score: float = 0.0,
        highlights: bool = False,
        distinct: Distinct | None = None,
        boost: Boosts | None = None,
        now: datetime | float | None = None,
    ) -> list[SearchResult]:
        """Return the chunks that contain any word of a question, best first. The best one scores 1.

        With ``match="all"`` a chunk needs every word, in any form. With ``prefix``, or a star at the end of the question,
        the last word may go on: ``"how do I kub*"`` finds "kubernetes".

        Chunks are ranked by BM25. ``source_types`` and ``languages`` filter by the metadata keys ``source_type`` and
        ``language``, in addition to ``where``. None is no filter, and an empty list matches no chunk.

        ``explain`` fills ``matched_terms``. ``highlights`` fills ``highlights``: the passages of the text that match.
        Chunks with a score below ``min_score`` (0 to 1) are left out at the end. 0.5 keeps the chunks that score at
        least half as much as the best one. ``distinct``, ``boost`` and ``now`` are as in `vector_search`.
        """

    async def hybrid_search(
        self,
        query: str,
        query_embedding: Vector,
        top_k: int,
        vector_weight: float = 0.5,
        keyword_weight: float = 0.5,
        rrf_k: int = 60,
        fusion: Fusion = "convex",
        candidates: int | None = None,
        where: Where | None = None,
        source_types: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        explain: bool = False,
        normalize: bool = False,
        min_score: float = 0.0,
        highlights: bool = False,
        distinct: Distinct | None = None,
        boost: Boosts | None = None,
        now: datetime | float | None = None,
    ) -> list[SearchResult]:
        """Search by vector and by words, and fuse both rankings. Returns the best chunks first.

        ``fusion="relative_score"`` is the weighted mean of both scores, each divided by the best of its kind.
        ``fusion="convex"`` is the same, but each ranking counts the more, the further its best chunks are ahead of the
        others. A code, a number, an identifier, a path or a quotation that few chunks contain brings these among the
        first three. ``fusion="rrf"`` is weighted Reciprocal Rank Fusion (Cormack, Clarke and Büttcher, 2009, who set
        ``rrf_k`` to 60). ``docs/ranking.md`` has the formulas.

        ``candidates`` is how many chunks each ranking contributes. None means ``max(50, 2 * top_k)``. It is never taken
        as less than ``top_k``. Weights are at least 0, and one of them is above 0. A ranking of weight 0 is not
        searched. ``normalize`` divides the scores by the best one, which then is 1. After that, chunks with a score
        below ``min_score`` are left out. The other parameters are those of `vector_search` and `keyword_search`.
        ``boost`` and ``distinct`` look at all candidates of both rankings.
        """

    async def get_count(self, where: Where | None = None) -> int:
        """Return how many chunks the store holds, or how many of them match ``where``."""

    async def describe(self, where: Where | None = None, values: int = 20) -> Description:
        """Return which metadata keys the chunks have, or those that match ``where``, with the most common values of each.

        ``values`` is how many values of each key to list, up to 10,000. It reads the metadata of every chunk.
        """

    async def get_by_id(self, chunk_id: str) -> dict[str, Any] | None:
        """Return ``{"text": ..., "metadata": ...}`` for one chunk, or None if there is no such chunk."""

    async def get_by_ids(self, ids: Sequence[str], include_embeddings: bool = False) -> dict[str, dict[str, Any]]:
        """Return what `get_by_id` returns for many chunks at once, keyed by id. Unknown ids are left out.

        With ``include_embeddings``, each has its vector too, as a float32 array under ``"embedding"``.
        """

    def iter_documents(
        self, where: Where | None = None, batch_size: int = 1000, include_embeddings: bool = False
    ) -> AsyncIterator[Document]:
        """Stream the matching chunks in the order of their ids (by code point), ``batch_size`` in memory at a time."""

    async def delete_by_ids(self, ids: Sequence[str]) -> int:
        """Delete chunks. Returns how many of them existed."""

    async def delete_by_metadata(self, where: Where) -> int:
        """Delete the chunks that match. Returns how many there were. An empty filter raises `InvalidFilterError`."""

    async def reset(self) -> None:
        """Delete every chunk and the embedding profile. The store takes the configuration's settings and stays usable."""

    async def get_embedding_metadata(self) -> EmbeddingMetadata | None:
        """Return the stored embedding profile, or None if none was set yet."""

    async def set_embedding_metadata(self, provider: str, model: str, dimensions: int) -> None:
        """Store the embedding profile. Raises `DimensionMismatchError` if ``dimensions`` differs from the store's own."""

    def validate_embedding_compatibility(
        self, provider: str, model: str, dimensions: int, stored_metadata: EmbeddingMetadata | None
    ) -> None:
        """Raise `ProviderMismatchError` if ``stored_metadata`` is another profile. None is fine. Does no I/O."""

    async def health(self) -> Health:
        """Run a real query, and say whether it worked. Never raises: ``details`` holds the error instead."""

    def bulk_load(self, progress: ProgressCallback | None = None) -> AbstractAsyncContextManager[BulkLoader]:
        """Load many chunks: ``async with store.bulk_load() as load: await load.upsert_documents(...)``.

        On PostgreSQL, the vector index is built at the end if that saves time. Until then searches stay right but may
        be slower.
        """

    async def ensure_indexes(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build indexes that are missing or invalid, and report those that differ from the configuration.

        Raises `QueryFailed` if another session works on the indexes. On Chroma this builds the keyword index. Otherwise
        the first keyword search builds it.
        """

    async def reindex(self, progress: ProgressCallback | None = None) -> IndexReport:
        """Build the vector index anew with the configured parameters, and then rebuild the other indexes, one by one.

        Searches and writes go on meanwhile. Raises `QueryFailed` if another session works on the indexes. On Chroma
        there is nothing to do.
        """

    async def rederive_terms(self, progress: ProgressCallback | None = None) -> int:
        """Derive the search terms of every stored chunk anew. Returns how many chunks changed.

        An upgrade of the library can change how words become terms. Then a warning at the start, and ``outdated_terms``
        in `health`, ask for this call. It goes over the store in batches, while reads and writes go on. If it was
        interrupted, call it again. On Chroma there is nothing to do, because the keyword index is made from the texts.
        """

    async def verify(self, progress: ProgressCallback | None = None) -> VerifyReport:
        """Read everything that is stored, and compare it with its digests and with what it was derived from.

        It reads every text and vector, so it takes about as long as an export. Nothing is changed, and reads and writes
        go on. What is found is in the report, and is not raised. ``docs/reliability.md`` says what each backend can notice.
        """

    async def repair(self, progress: ProgressCallback | None = None) -> VerifyReport:
        """Verify the store, mend what can be derived from other stored data, and verify it again.

        Search terms, counts and indexes are made anew. A text or a vector that is damaged stays as it is, because only
        you have it: the report names the chunks, and you upsert them again.
        """

    async def wait_idle(self) -> None:
        """Wait until the work in the background has ended: index builds, and counts of terms that are due or will be due."""
