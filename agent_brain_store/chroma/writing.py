"""Writes: upsert, delete, and the keyword indexes that follow them. All of it in the writer's thread of a directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.chroma import driver
from agent_brain_store.chroma.searching import matching_ids
from agent_brain_store.chroma.store import Collection
from agent_brain_store.chroma.translate import DIGEST, Stored, from_stored, replacing, to_stored
from agent_brain_store.chroma.vectors import Float32, searched
from agent_brain_store.config import KeywordConfig
from agent_brain_store.filters import Node
from agent_brain_store.protocol import Metadata, ReplaceResult, Vectors
from agent_brain_store.records import Batch, Rules, prepare


def prepared(
    rules: Rules, ids: Sequence[str], embeddings: Vectors, documents: Sequence[str], metadatas: Sequence[Metadata]
) -> Batch:
    """Check a whole call, as `records.prepare` does, without holding the interpreter's lock for long."""
    return prepare(rules, ids, _as_rows(embeddings, rules.dimensions), documents, metadatas)


def _as_rows(embeddings: Vectors, dimensions: int) -> Vectors:
    """Lists of floats as one array, made piece by piece: numpy would not let the event loop run before it is through.

    What is not such lists comes back as it is, for the check to name the culprit.
    """
    if isinstance(embeddings, np.ndarray) or not isinstance(embeddings, (list, tuple)):
        return embeddings
    rows = np.empty((len(embeddings), dimensions), np.float32)
    step = max(1, driver.NUMBERS // dimensions)
    for start in range(0, len(embeddings), step):
        try:
            piece: NDArray[Any] = np.asarray(embeddings[start : start + step])
        except (ValueError, TypeError, OverflowError):
            return embeddings
        if piece.dtype.kind not in "fiu" or piece.shape[1:] != (dimensions,):
            return embeddings
        with np.errstate(over="ignore"):
            rows[start : start + step] = piece
    return rows


def upsert(collection: Collection, batch: Batch) -> int:
    """Write what is new or changed; returns the number of chunks given."""
    for start in range(0, len(batch), driver.PAGE):
        _upsert_page(collection, _part(batch, np.arange(start, min(len(batch), start + driver.PAGE))))
    return len(batch)


def delete(collection: Collection, ids: Sequence[str]) -> int:
    """Delete chunks; returns how many there were."""
    gone = collection.rows.existing(ids)
    with _in_step(collection):
        for piece in collection.rows.pieces(len(gone)):
            collection.rows.delete(gone[piece])
            for index in collection.indexes.values():
                index.remove(gone[piece])
            collection.breathe()
    return len(gone)


def delete_matching(collection: Collection, node: Node, keep: Sequence[str] = ()) -> int:
    """Delete the chunks that match a filter, except some; returns how many there were."""
    kept = set(keep)
    return delete(collection, [i for i in matching_ids(collection.rows, node, collection.held) if i not in kept])


def replace(collection: Collection, node: Node, batch: Batch) -> ReplaceResult:
    """Write first and delete then: a reader may see old and new chunks, but never neither."""
    upserted = upsert(collection, batch)
    return ReplaceResult(delete_matching(collection, node, batch.ids), upserted)


def build_index(collection: Collection, config: KeywordConfig) -> None:
    """Make the keyword index of one configuration from the stored chunks, unless it is there."""
    from agent_brain_store.chroma.keywords import KeywordIndex

    if config in collection.indexes:
        return
    index = KeywordIndex(config)
    for page in collection.rows.read(collection.rows.ids(), text=True, stored=True):
        for row in page:
            index.put(row.chunk_id, row.text, from_stored(row.stored))
    collection.indexes[config] = index


def _upsert_page(collection: Collection, batch: Batch) -> None:
    kept = searched(collection.distance, batch.vectors)
    stored = [to_stored(*item) for item in zip(batch.texts, batch.metadatas, batch.vectors, kept, strict=True)]
    old = {row.chunk_id: row.stored or {} for page in collection.rows.read(batch.ids, stored=True) for row in page}
    changed = [i for i, chunk_id in enumerate(batch.ids) if old.get(chunk_id, {}).get(DIGEST) != stored[i][DIGEST]]
    with _in_step(collection):
        for piece in collection.rows.pieces(len(changed)):
            part = _part(batch, np.array(changed[piece], np.intp))
            new = [replacing(stored[i], old.get(batch.ids[i], {})) for i in changed[piece]]
            _put(collection, part, new, kept[changed[piece]])
            collection.breathe()


def _put(collection: Collection, batch: Batch, stored: list[Stored], kept: Float32) -> None:
    collection.rows.put(batch.ids, batch.texts, stored, kept)
    for index in collection.indexes.values():
        for item in zip(batch.ids, batch.texts, batch.metadatas, strict=True):
            index.put(*item)


def _part(batch: Batch, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Batch:
    chosen = positions.tolist()
    return Batch(
        [batch.ids[i] for i in chosen],
        batch.vectors[positions],
        [batch.texts[i] for i in chosen],
        [batch.metadatas[i] for i in chosen],
    )


@contextmanager
def _in_step(collection: Collection) -> Iterator[None]:
    """A write that fails half way leaves unknown rows behind: the indexes are built anew when next asked for."""
    try:
        yield
    except BaseException:
        collection.indexes.clear()
        raise
