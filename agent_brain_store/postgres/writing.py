"""Chunks on their way into PostgreSQL: cut into statements of bounded size."""

from __future__ import annotations

from collections.abc import Iterator

from pgvector import Vector

from agent_brain_store.arrays import Float32
from agent_brain_store.loading import Written
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.records import Batch

_ROWS, _BYTES = 1000, 8 * 2**20  # of one statement: bounded memory on both sides


async def upsert(connection: Connection, batch: Batch, written: Written | None = None) -> None:
    """Write a batch, on a connection that is in a transaction."""
    for part in _slices(batch):
        await run(
            connection,
            "upsert_chunks",
            ids=batch.ids[part],
            texts=batch.texts[part],
            metadatas=batch.metadatas[part],
            embeddings=as_parameter(batch.vectors[part]),
        )
        if written is not None:
            written(part.stop)


def as_parameter(vectors: Float32) -> list[Vector]:
    """Vectors for a query. asyncpg takes bare arrays for nested dimensions."""
    return [Vector(row) for row in vectors]


def _slices(batch: Batch) -> Iterator[slice]:
    """Parts of at most `_ROWS` chunks and about `_BYTES` of text, metadata and vectors."""
    start, size = 0, 0
    for position, (text, metadata) in enumerate(zip(batch.texts, batch.metadatas, strict=True)):
        weight = _bytes(text) + _bytes(str(metadata)) + 4 * batch.vectors.shape[1]
        if position > start and (position - start == _ROWS or size + weight > _BYTES):
            yield slice(start, position)
            start, size = position, 0
        size += weight
    if start < len(batch):
        yield slice(start, len(batch))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
