"""Take the chunks of something that this library did not make.

    report = await import_from(store, read_chroma("./old", "docs"))

A reader is an async generator. It yields a `Document` for each chunk, as the source has it, and a `LeftOut` for what is
no chunk at all. The store decides what it can keep. You can write a reader of your own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence, Sized
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

from agent_brain_store.config.embedding_models import HALFVEC_DIMENSIONS
from agent_brain_store.errors import DimensionMismatchError, TransferError
from agent_brain_store.progress import without_loading
from agent_brain_store.protocol import BulkLoader, StorageBackend
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.types import Document, Progress, ProgressCallback

BATCH, BATCH_BYTES = 1000, 32 * 2**20  # the most chunks of a call, and about the most bytes that they take in memory
NAMED = 1000  # so many chunks that were left out are named in a report


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A chunk that could not be taken. ``name`` is its id, or says where it stands in the source."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was taken. ``chunks`` were stored and read back. ``left_out`` of them were not; the first 1,000 are ``named``."""

    chunks: int
    left_out: int
    named: tuple[LeftOut, ...]


Items: TypeAlias = AsyncGenerator[Document | LeftOut, None]


async def import_from(
    store: StorageBackend,
    items: Items,
    profile: EmbeddingMetadata | None = None,
    progress: ProgressCallback | None = None,
) -> ImportReport:
    """Store every chunk that a reader yields. A chunk that the store cannot keep is left out, and reported.

    ``profile`` is the model that made the source's vectors. The store gets it if it has none. Each chunk is read back
    and compared after it was written. Chunks with the same id are replaced. ``progress`` hears of the chunks, and of the
    index build at the end.

    You can repeat an interrupted import. Chunks that are stored already are not written again.

    Raises `ProviderMismatchError` before anything is written if the store has another profile. Raises
    `DimensionMismatchError` if the first chunks all have vectors of another length than the store. Raises
    `TransferError` if the source cannot be read, or if the store does not hold what was sent.
    """
    if profile is not None:
        stored = await store.get_embedding_metadata()
        store.validate_embedding_compatibility(profile.provider, profile.model, profile.dimensions, stored)
    async with aclosing(items), store.bulk_load(without_loading(progress)) as load:
        taker = _Taker(store, load)
        async for batch in _batches(items):
            await taker.take([item for item in batch if isinstance(item, Document)])
            taker.leave_out([item for item in batch if isinstance(item, LeftOut)])
            if progress is not None:
                progress(Progress("importing", taker.chunks + taker.left_out, None))
    if profile is not None and await store.get_embedding_metadata() is None:
        await store.set_embedding_metadata(profile.provider, profile.model, profile.dimensions)
    return ImportReport(taker.chunks, taker.left_out, tuple(taker.named))


async def _batches(items: Items) -> AsyncIterator[list[Document | LeftOut]]:
    batch: list[Document | LeftOut] = []
    size = 0
    async for item in items:
        batch.append(item)
        if isinstance(item, Document):  # none of its fields has been checked yet
            length = len(item.embedding) if isinstance(item.embedding, Sized) else 0
            size += 4 * (len(str(item.text)) + len(str(item.metadata)) + length)
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Taker:
    """Stores chunks, and keeps account of them."""

    def __init__(self, store: StorageBackend, load: BulkLoader) -> None:
        self._store, self._load = store, load
        self.chunks = self.left_out = 0
        self.named: list[LeftOut] = []

    async def take(self, documents: list[Document]) -> None:
        """Store the chunks of a batch that can be stored."""
        if not documents:
            return
        try:
            stored = await self._load.upsert_documents(*_columns(documents), on_invalid="skip")
        except DimensionMismatchError:  # no vector of the batch has the store's length
            if not self.chunks:
                raise
            self.leave_out([LeftOut(str(chunk.chunk_id), "embedding has another length") for chunk in documents])
            return
        wrong = {problem.position: problem for problem in reversed(stored.left_out)}  # the first problem of each
        self.leave_out(
            [LeftOut(str(documents[i].chunk_id), f"{wrong[i].field} {wrong[i].problem}") for i in sorted(wrong)]
        )
        self.chunks += await _verify(self._store, [chunk for i, chunk in enumerate(documents) if i not in wrong])

    def leave_out(self, items: Sequence[LeftOut]) -> None:
        """Count what could not be taken."""
        self.left_out += len(items)
        self.named += items[: NAMED - len(self.named)]


def _columns(documents: list[Document]) -> tuple[list[str], list[Any], list[str], list[dict[str, Any]]]:
    return (
        [document.chunk_id for document in documents],
        [document.embedding for document in documents],
        [document.text for document in documents],
        [document.metadata for document in documents],
    )


async def _verify(store: StorageBackend, documents: list[Document]) -> int:
    """Compare chunks with what the store holds now. Returns how many distinct chunks there were."""
    sent = await asyncio.to_thread(_as_stored, documents) if documents else {}
    found = await store.get_by_ids(list(sent), include_embeddings=True)
    for chunk_id, (text, metadata, vector) in sent.items():
        chunk = found.get(chunk_id)
        if chunk is None or (chunk["text"], chunk["metadata"], _digits(chunk["embedding"])) != (text, metadata, vector):
            raise TransferError(
                f"the store does not hold chunk {chunk_id!a} as it was sent: was something else writing? Repeat the call"
            )
    return len(sent)


def _as_stored(documents: list[Document]) -> dict[str, tuple[str, dict[str, Any], bytes]]:
    """Return text, metadata and vector of chunks that the store has taken, in their stored form."""
    from agent_brain_store.checks.chunks import prepare
    from agent_brain_store.checks.vectors import ChunkRules

    ids, vectors, texts, metadatas = _columns(documents)
    batch = prepare(ChunkRules(len(vectors[0]), "l2"), ids, vectors, texts, metadatas)
    rows = zip(batch.ids, batch.texts, batch.metadatas, batch.vectors, strict=True)
    return {chunk_id: (text, metadata, _digits(vector)) for chunk_id, text, metadata, vector in rows}


def _digits(vector: Any) -> bytes:
    """Return a vector as both backends keep it: PostgreSQL has half precision for some dimensions."""
    return bytes(vector.astype("<f2" if len(vector) in HALFVEC_DIMENSIONS else "<f4").tobytes())
