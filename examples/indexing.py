"""Bring a store up to date with a list of passages. Stored passages are skipped, and those not in the list are deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from corpus import Passage

from agent_brain_store import Progress, ProgressCallback, StorageBackend
from agent_brain_store.demo.embedder import DIMENSIONS, MODEL, PROVIDER, Embedder, Vectors

_BATCH = 200  # passages in one call


@dataclass(frozen=True, slots=True)
class Indexed:
    """The result of `update` for one store. ``chunks`` is how many chunks the store holds now."""

    chunks: int
    added: int
    unchanged: int
    removed: int
    seconds: float


async def missing(stores: Sequence[StorageBackend], passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages that at least one of the stores does not have yet."""
    ids = [passage.id for passage in passages]
    known = [await store.get_by_ids(ids) for store in stores]
    return [passage for passage in passages if not all(passage.id in there for there in known)]


def embed(
    passages: Sequence[Passage], embedder: Embedder | None, progress: ProgressCallback | None = None
) -> dict[str, Vectors]:
    """Return a vector for each passage: its own, or a new one."""

    def embedded(done: int) -> None:
        if progress is not None:
            progress(Progress("embedding", done, len(bare), "passages"))

    vectors = {passage.id: passage.vector for passage in passages if passage.vector is not None}
    bare = [passage for passage in passages if passage.vector is None]
    if bare and embedder is not None:
        made = embedder.embed([passage.text for passage in bare], embedded)
        vectors |= {passage.id: vector for passage, vector in zip(bare, made, strict=True)}
    return vectors


async def update(
    store: StorageBackend,
    passages: Sequence[Passage],
    vectors: Mapping[str, Vectors],
    progress: ProgressCallback | None = None,
) -> Indexed:
    """Make one store hold the given passages of their corpora, no more and no less."""
    started = time.perf_counter()
    stored = await store.get_embedding_metadata()
    store.validate_embedding_compatibility(PROVIDER, MODEL, DIMENSIONS, stored)
    await store.set_embedding_metadata(PROVIDER, MODEL, DIMENSIONS)
    wanted = {passage.id: passage for passage in passages}
    corpora = sorted({passage.metadata["corpus"] for passage in passages})
    there = {document.chunk_id async for document in store.iter_documents({"corpus": {"$in": corpora}})}
    new = [passage for passage in passages if passage.id not in there]

    def loaded(step: Progress) -> None:
        assert progress is not None
        progress(replace(step, total=len(new)) if step.operation == "loading" else step)

    async with store.bulk_load(loaded if progress else None) as load:
        for start in range(0, len(new), _BATCH):
            part = new[start : start + _BATCH]
            await load.upsert_documents(
                ids=[passage.id for passage in part],
                embeddings=[vectors[passage.id] for passage in part],
                documents=[passage.text for passage in part],
                metadatas=[passage.metadata for passage in part],
            )
    removed = await store.delete_by_ids(sorted(there - wanted.keys()))
    seconds = time.perf_counter() - started
    return Indexed(await store.get_count(), len(new), len(wanted) - len(new), removed, seconds)
