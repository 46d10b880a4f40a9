"""Say how a write ended: what was stored, and what is wrong with chunks that were not."""

from __future__ import annotations

from dataclasses import dataclass


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
