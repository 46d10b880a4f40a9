"""What the methods of a store return, apart from chunks themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ChunkProblem:
    """Why one chunk of a call cannot be stored. As text it is a sentence that names the chunk.

    ``position`` counts from 0 in the lists of the call. ``chunk_id`` is None if the id is not a string. ``field`` is
    ``"id"``, ``"embedding"``, ``"document"`` or ``"metadata.<key>"``, and ``problem`` continues a sentence that begins
    with it. ``dimensions`` is the length of a vector that is not as long as the store's, and None otherwise.
    """

    position: int
    chunk_id: str | None
    field: str
    problem: str
    dimensions: int | None = None

    def __str__(self) -> str:
        known = self.chunk_id
        shown = "without an id" if known is None else ascii(known if len(known) <= 80 else known[:77] + "...")
        return f"chunk {shown} (position {self.position}): {self.field} {self.problem}"


class Upserted(int):
    """The number of distinct chunks that `upsert_documents` stored. ``left_out`` says why others were left out."""

    left_out: tuple[ChunkProblem, ...]

    def __new__(cls, chunks: int = 0, left_out: tuple[ChunkProblem, ...] = ()) -> Upserted:
        number = super().__new__(cls, chunks)
        number.left_out = left_out
        return number


@dataclass(frozen=True, slots=True)
class ReplaceResult:
    """How many chunks `replace_documents` deleted, and how many distinct ones it stored. ``left_out`` is as in `Upserted`."""

    deleted: int
    upserted: int
    left_out: tuple[ChunkProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Highlight:
    """A passage of a chunk's text that matches a question: ``text[start:end]``.

    ``words`` has the start and the end of each matching word in it. All of these count characters from the beginning of
    the chunk's text.
    """

    start: int
    end: int
    words: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One chunk that a search found.

    ``score`` is from 0 to 1, and higher is better.

    - Vector search returns the similarity. For cosine it is the cosine, clamped to 0..1. For L2 it is
      ``1 / (1 + distance)``. For an inner product p it is ``(1 + p / (1 + |p|)) / 2``.
    - Keyword search returns the BM25 score, divided by the score of the best hit.
    - Hybrid search returns the fused score, divided by the largest possible sum.

    ``matched_terms`` lists the words of the question that the chunk contains. It is None unless you asked for it with
    ``explain``. ``highlights`` has the passages that match, best first. It is None unless you asked for it, and empty if
    only headings match.

    Only hybrid search sets the other four. ``vector_rank`` and ``keyword_rank`` count from 1. A rank is None if that
    ranking did not find the chunk. ``vector_score`` and ``keyword_score`` are the scores in each ranking, from 0 to 1.
    """

    text: str
    metadata: dict[str, Any]
    score: float
    chunk_id: str
    matched_terms: list[str] | None = None
    vector_rank: int | None = None
    keyword_rank: int | None = None
    vector_score: float | None = None
    keyword_score: float | None = None
    highlights: tuple[Highlight, ...] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingMetadata:
    """The embedding profile of a store: the provider and the model that made its vectors, and the vectors' length."""

    provider: str
    model: str
    dimensions: int


MOST_VALUES = 10_000  # of one metadata key that `describe` counts


@dataclass(frozen=True, slots=True)
class MetadataKey:
    """One key of the metadata. ``chunks`` is how many chunks have it.

    ``types`` are some of ``boolean``, ``list``, ``number``, ``object`` and ``string``. ``distinct`` is how many different
    values there are, and 10,000 if there are more. ``values`` has the most common ones, each with its number of chunks.
    It is empty if there are more than 10,000, and it leaves out values of more than 200 characters. Of a list, each
    element is a value. An object has none.
    """

    key: str
    chunks: int
    types: tuple[str, ...]
    distinct: int
    values: tuple[tuple[Any, int], ...]


@dataclass(frozen=True, slots=True)
class Description:
    """What `describe` returns: how many chunks there are, and their metadata keys, the most common first."""

    chunks: int
    keys: tuple[MetadataKey, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """The result of `health`. ``ok`` says whether the backend answered a real query.

    ``details`` holds facts about the store, or the error's message under ``error``. It never holds a secret.
    ``degraded`` says in words what works worse than it should, such as a vector index that is missing or invalid. It is
    empty if nothing does.
    """

    ok: bool
    backend: str
    details: dict[str, Any]
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distributed:
    """The result of `distribute_store`: the number of chunks, their digest, and the number of shards.

    The number and the digest were the same before and after. The digest does not depend on the order of the chunks.
    """

    chunks: int
    digest: str
    shards: int


@dataclass(frozen=True, slots=True)
class IndexReport:
    """The result of `ensure_indexes` or `reindex`: the indexes that were created or rebuilt, and warnings for people."""

    created: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage that `verify` has found. As text it is a sentence.

    ``part`` is ``"rows"``, ``"vectors"``, ``"words"`` or ``"indexes"``. ``chunks`` says how many chunks have it, and
    ``chunk_ids`` names the first twenty. Both are empty if it is not about single chunks. ``repairable`` says whether
    `repair` can mend it from what is stored.
    """

    part: str
    problem: str
    repairable: bool
    chunks: int = 0
    chunk_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ", ".join(map(ascii, self.chunk_ids))
        more = f" and {self.chunks - len(self.chunk_ids):,} more" if self.chunks > len(self.chunk_ids) else ""
        return f"{self.part}: {self.problem}" + (f" ({self.chunks:,} chunks: {named}{more})" if self.chunks else "")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result of `verify` or `repair`: what was read, and the damage that is there.

    ``digest`` is a hash of every id, text, metadata and vector that could be read. It does not depend on the backend or
    on the order. So two stores with the same digest hold the same chunks: a copy, or a restored backup. ``repaired``
    is what `repair` has mended, and ``damages`` is what is left. ``unchecked`` says what could not be looked at, and why.
    """

    chunks: int
    digest: str
    damages: tuple[Damage, ...] = ()
    repaired: tuple[Damage, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if no damage is left."""
        return not self.damages
