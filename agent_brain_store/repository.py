"""This module defines `Repository`, the interface that a backend implements.

`Store` checks whatever a caller passes, and then asks a `Repository`. A repository can rely on its arguments: filters
are parsed, vectors are float32 arrays of the right length, and numbers are in range. ``postgres/repository.py`` and
``chroma/repository.py`` implement it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from agent_brain_store.checks.chunks import Batch
from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.checks.vectors import Float32
from agent_brain_store.filters.parse import Filter
from agent_brain_store.progress import WriteBatch
from agent_brain_store.refining import Refinement
from agent_brain_store.results import Description, EmbeddingMetadata, IndexReport, SearchResult, VerifyReport
from agent_brain_store.types import Document, Metadata, ProgressCallback


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """The checked arguments of a vector search. ``top_k`` is at least 1. A ``filter`` of None matches every chunk.

    ``candidates`` is how many chunks are ranked. It is ``top_k``, unless a ``refinement`` chooses among more.
    """

    vector: Float32
    top_k: int
    filter: Filter | None
    candidates: int
    refinement: Refinement | None


@dataclass(frozen=True, slots=True)
class KeywordQuery:
    """The checked arguments of a keyword search. A star at the end of ``text`` says that its last word goes on.

    If ``every`` is set, a chunk needs every word of it.
    """

    text: str
    top_k: int
    filter: Filter | None
    explain: bool
    every: bool
    candidates: int
    refinement: Refinement | None


@dataclass(frozen=True, slots=True)
class HybridQuery:
    """The checked arguments of a hybrid search.

    A ranking of weight 0 is not searched. ``candidates`` is how many chunks each ranking contributes.
    """

    text: str
    vector: Float32
    top_k: int
    filter: Filter | None
    fusion: str
    vector_weight: float
    keyword_weight: float
    rrf_k: int
    candidates: int
    explain: bool
    refinement: Refinement | None


Query: TypeAlias = VectorQuery | KeywordQuery | HybridQuery


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A chunk without a vector of the second generation. ``digest`` stands for the text."""

    chunk_id: str
    text: str
    digest: str


Embed: TypeAlias = Callable[[list[str]], Awaitable[Float32]]
"""It returns the vectors of texts, checked."""


class SecondGeneration(Protocol):
    """Vectors of another model, beside those in use. They are filled while the store is in use, and nothing searches them."""

    async def unembedded(self) -> int:
        """Return how many chunks have no vector of it yet."""

    async def page(self, after: str, size: int) -> list[Unembedded]:
        """Return up to so many chunks without a vector, in the order of their ids, from behind the id ``after``."""

    async def put(self, chunks: Sequence[Unembedded], vectors: Float32) -> int:
        """Store vectors. A chunk whose text has changed meanwhile, or that is gone, is left out. Returns how many are stored."""

    async def build_index(self, progress: ProgressCallback | None) -> None:
        """Build its index, unless it is there."""

    async def switch(self, embed: Embed, largest: int, keep: bool) -> int | None:
        """Embed what is left, while others wait, and put this generation in place of the one in use, at one moment.

        The former one becomes the second generation if ``keep`` is set. Otherwise it is deleted. Returns how many
        chunks were embedded. If more than ``largest`` are left, nothing is done and None is returned.
        """


class Repository(Protocol):
    """One store of chunks on one backend, behind the checks of `Store`.

    It raises the errors of `agent_brain_store.errors`. Apart from `open`, `close` and `is_open`, `Store` calls nothing
    while the repository is closed. The repository may be closed while a call is running. That call then raises
    `NotInitialized`.
    """

    name: str

    @property
    def stored(self) -> StoreFacts:
        """What the store was made for, and its embedding profile when this repository last saw it."""

    @property
    def is_open(self) -> bool:
        """True if `open` has succeeded and `close` was not called since."""

    async def open(self, progress: ProgressCallback | None, tolerant: bool) -> None:
        """Connect, migrate, check the store against the configuration, and build missing indexes. Idempotent.

        An empty store takes the configuration's settings. If ``tolerant`` is set, a store of another configuration is
        opened as it is.
        """

    async def close(self) -> None:
        """Wait for background work, then give back every resource. Idempotent."""

    # --- writing ---

    async def upsert(self, batch: Batch, progress: ProgressCallback | None) -> None:
        """Store the chunks of a batch. A batch may be empty. ``progress`` hears of chunks and of index builds."""

    async def replace(self, filter: Filter, batch: Batch) -> int:
        """Store a batch and delete every other chunk that matches. Returns how many chunks were deleted."""

    async def update_metadata(
        self, ids: Sequence[str] | None, filter: Filter | None, changes: Metadata, removed: Sequence[str]
    ) -> int:
        """Set and remove metadata keys. Returns how many chunks match. Either ``ids`` or ``filter`` is not None."""

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete chunks by their distinct ids. Returns how many there were."""

    async def delete_matching(self, filter: Filter) -> int:
        """Delete the chunks that match. Returns how many there were."""

    async def reset(self) -> None:
        """Delete every chunk and the embedding profile. The store takes the configuration's settings."""

    def bulk_writer(self, progress: ProgressCallback | None) -> AbstractAsyncContextManager[WriteBatch]:
        """Yield a function that writes batches. Index work that can wait is done at the end, and ``progress`` hears of it."""

    # --- reading ---

    async def vector_search(self, query: VectorQuery) -> list[SearchResult]:
        """Return the nearest chunks, best first."""

    async def keyword_search(self, query: KeywordQuery) -> list[SearchResult]:
        """Return the chunks with any word of the question, best first."""

    async def hybrid_search(self, query: HybridQuery) -> list[SearchResult]:
        """Fuse both rankings. Returns the best chunks first."""

    async def count(self, filter: Filter | None) -> int:
        """Return how many chunks match."""

    async def describe(self, filter: Filter | None, values: int) -> Description:
        """Return the metadata keys of the chunks that match, with so many values of each."""

    async def get(self, ids: Sequence[str], with_embeddings: bool) -> dict[str, dict[str, Any]]:
        """Return ``{"text": ..., "metadata": ...}`` for each chunk that exists, by id, and its ``"embedding"`` if wanted."""

    def pages(self, filter: Filter | None, size: int, with_embeddings: bool) -> AsyncIterator[list[Document]]:
        """Stream the chunks that match, in the order of their ids, a page at a time."""

    # --- the store itself ---

    async def get_profile(self) -> EmbeddingMetadata | None:
        """Return the stored embedding profile, or None."""

    async def set_profile(self, profile: EmbeddingMetadata) -> None:
        """Store the embedding profile."""

    async def health(self) -> dict[str, Any]:
        """Run a real query. Returns facts about the store. Raises the error if the query fails.

        What works worse than it should is a list of sentences under ``degraded``.
        """

    async def ensure_indexes(self, progress: ProgressCallback | None) -> IndexReport:
        """Build the indexes that are missing or invalid."""

    async def reindex(self, progress: ProgressCallback | None) -> IndexReport:
        """Rebuild every index while the store stays in use."""

    async def rederive_terms(self, progress: ProgressCallback | None) -> int:
        """Derive the stored search terms anew. Returns how many chunks changed."""

    async def verify(self, progress: ProgressCallback | None) -> VerifyReport:
        """Compare what is stored with its digests and with what it was derived from."""

    async def repair(self, found: VerifyReport, progress: ProgressCallback | None) -> None:
        """Mend what `verify` has found, as far as it can be derived from other stored data."""

    def second_generation(self, profile: EmbeddingMetadata) -> AbstractAsyncContextManager[SecondGeneration]:
        """Yield the second generation for a model, empty or as far as it was filled. That of another model is deleted.

        Nobody else can fill one until the block ends. If the block has switched, this repository follows.
        """

    async def drop_second_generation(self) -> None:
        """Delete the second generation, if there is one."""

    async def wait_idle(self) -> None:
        """Wait until the work in the background has ended."""
