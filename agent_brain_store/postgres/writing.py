"""Write chunks. Each write is one transaction, cut into statements of bounded size.

After a write, the term statistics are counted again if they are due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from asyncpg import Record
from pgvector import Vector

from agent_brain_store.checks.chunks import Batch, check_size
from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.checks.vectors import Float32
from agent_brain_store.errors import DimensionMismatchError, OutcomeUnknown, QueryFailed
from agent_brain_store.filters.parse import Filter
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.errors import ran_out, translated
from agent_brain_store.postgres.guard import require_unchanged
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.preparing import Preparation
from agent_brain_store.postgres.searching import filter_values
from agent_brain_store.postgres.statistics import TermStatistics
from agent_brain_store.progress import Written
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.types import Metadata

Result = TypeVar("Result")

# The most for one statement. So client and server need little memory, and parts that are prepared ahead are soon ready.
ROWS, BYTES = 500, 8 * 2**20


class Writer:
    """Writes to one store. ``stored`` is what the store was made for when it was opened."""

    def __init__(self, pools: Pools, statistics: TermStatistics, stored: StoreFacts) -> None:
        self._pools, self._statistics, self.stored = pools, statistics, stored

    async def upsert(self, batch: Batch, written: Written | None = None, ahead: bool = False) -> None:
        """Store a batch. A chunk that is stored already, without any difference, is not written again.

        ``ahead`` says that most chunks will be written, and that the vector index is built afterwards. Then other
        connections prepare the texts of a large batch, and its terms are counted while the index is built.
        """

        async def work(connection: Connection) -> None:
            await self._upsert(connection, batch, written, ahead)

        if len(batch):
            await self._write("upsert_documents", work, 0 if ahead else len(batch))

    async def replace(self, filter: Filter, batch: Batch) -> int:
        """Store a batch and delete every other chunk that matches. Returns how many chunks were deleted."""
        matching = filter_values(filter)

        async def work(connection: Connection) -> int:
            await run(connection, "replacement_lock", **matching)
            rows = await run(connection, "delete_matching_chunks", **matching, keep=batch.ids)
            await self._upsert(connection, batch)
            return int(rows[0]["deleted"])

        return await self._write("replace_documents", work, len(batch))

    async def update_metadata(
        self, ids: Sequence[str] | None, filter: Filter | None, changes: Metadata, removed: Sequence[str]
    ) -> int:
        """Set and remove metadata keys. Returns how many chunks match."""
        values = {"ids": ids or [], **filter_values(filter), "changes": changes, "removed": removed}

        async def work(connection: Connection) -> int:
            (row,) = await run(connection, "update_metadata", **values)
            check_size(row["largest"] or 0)  # an error ends the transaction, so nothing was written
            return int(row["matched"])

        return await self._write("update_metadata", work)

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete chunks by id. Returns how many there were."""

        async def work(connection: Connection) -> int:
            return int((await run(connection, "delete_chunks", ids=ids))[0]["deleted"])

        return await self._write("delete_by_ids", work)

    async def delete_matching(self, filter: Filter) -> int:
        """Delete the chunks that match. Returns how many there were."""

        async def work(connection: Connection) -> int:
            rows = await run(connection, "delete_matching_chunks", **filter_values(filter), keep=[])
            return int(rows[0]["deleted"])

        return await self._write("delete_by_metadata", work)

    async def _write(self, operation: str, work: Callable[[Connection], Awaitable[Result]], written: int = 0) -> Result:
        try:
            result = await self._pools.write(operation, work)
            await self._statistics.refresh_after_write(written)
        except (asyncio.CancelledError, OutcomeUnknown):
            self._statistics.mark_stale()
            raise
        except (QueryFailed, DimensionMismatchError) as error:
            if not ran_out(error.__cause__):  # the server may have refused what is right for another model
                with translated(operation):
                    async with self._pools.reader() as connection:
                        await require_unchanged(connection, self.stored)
            raise
        return result

    async def set_profile(self, profile: EmbeddingMetadata) -> None:
        """Store the embedding profile."""

        async def work(connection: Connection) -> None:
            (row,) = await run(
                connection,
                "set_profile",
                provider=profile.provider,
                model=profile.model,
                dimensions=profile.dimensions,
            )
            await self._check_settings(connection, row, self.stored.generation)

        await self._pools.write("set_embedding_metadata", work)

    async def _check_settings(self, connection: Connection, row: Record, generation: int) -> None:
        """Raise an error, which ends the transaction, if the store is not the one any more that was opened.

        ``generation`` is that of the vectors that were written.
        """
        opened = replace(self.stored, generation=generation)
        now = StoreFacts(row["dimensions"], row["distance"], row["language"], opened.profile, row["generation"])
        if now != opened:
            await require_unchanged(connection, opened)

    async def _upsert(
        self, connection: Connection, batch: Batch, written: Written | None = None, ahead: bool = False
    ) -> None:
        ahead = ahead and not connection.distributed  # the nodes of a cluster prepare the texts of their chunks
        async with Preparation(self._pools, batch, slices(batch), ahead) as parts:
            async for part, terms in parts:
                (row,) = await run(
                    connection,
                    "upsert_chunks",
                    ids=batch.ids[part],
                    texts=batch.texts[part],
                    metadatas=batch.metadatas[part],
                    embeddings=as_parameter(batch.vectors[part]),
                    terms=terms,
                )
                await self._check_settings(connection, row, batch.generation)
                parts.ahead &= 2 * row["written"] > part.stop - part.start  # what is stored already needs no terms
                if written is not None:
                    written(part.stop)


def as_parameter(vectors: Float32) -> list[Vector]:
    """Return vectors as a query's parameter. asyncpg would take bare arrays for the dimensions of one nested array."""
    return [Vector(row) for row in vectors]


def slices(batch: Batch) -> Iterator[slice]:
    """Cut a batch into parts of at most `ROWS` chunks and about `BYTES` of text, metadata and vectors."""
    start, size = 0, 0
    for position, (text, metadata) in enumerate(zip(batch.texts, batch.metadatas, strict=True)):
        weight = _bytes(text) + _bytes(str(metadata)) + 4 * batch.vectors.shape[1]
        if position > start and (position - start == ROWS or size + weight > BYTES):
            yield slice(start, position)
            start, size = position, 0
        size += weight
    if start < len(batch):
        yield slice(start, len(batch))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
