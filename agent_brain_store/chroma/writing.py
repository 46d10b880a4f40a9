"""Upsert and delete chunks, and keep the keyword indexes up to date. All of this runs in a directory's writer thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from agent_brain_store.checks.chunks import Batch
from agent_brain_store.chroma import client
from agent_brain_store.chroma.directory import Collection
from agent_brain_store.chroma.searching import matching_ids
from agent_brain_store.chroma.stored import (
    DIGEST,
    METADATA,
    from_stored,
    in_searched_form,
    to_stored,
    with_removed_keys,
)
from agent_brain_store.config import KeywordConfig
from agent_brain_store.filters.parse import Filter
from agent_brain_store.progress import Written

Indexed: TypeAlias = Callable[[int, int], None]
"""It is called with the number of chunks in the index so far, and the number of all chunks."""


def upsert(collection: Collection, batch: Batch, written: Written | None = None) -> None:
    """Write the chunks that are new or changed. ``written`` hears how many chunks of the batch are done."""
    for start in range(0, len(batch), client.PAGE):
        stop = min(len(batch), start + client.PAGE)
        _upsert_page(collection, _part(batch, np.arange(start, stop)))
        if written is not None:
            written(stop)


def delete(collection: Collection, ids: Sequence[str]) -> int:
    """Delete chunks. Returns how many of them existed."""
    gone = collection.rows.existing(ids)
    for piece in collection.rows.pieces(len(gone)):
        with collection.changing():
            collection.rows.delete(gone[piece])
            for index in collection.indexes.values():
                index.remove(gone[piece])
        collection.directory.threads.run_urgent()
    return len(gone)


def delete_matching(collection: Collection, filter: Filter, keep: Sequence[str] = ()) -> int:
    """Delete the chunks that match a filter, except those in ``keep``. Returns how many were deleted."""
    kept = set(keep)
    return delete(collection, [i for i in matching_ids(collection.rows, filter, collection.any_index) if i not in kept])


def replace(collection: Collection, filter: Filter, batch: Batch) -> int:
    """Write a batch and then delete every other chunk that matches. Returns how many were deleted.

    A reader may see the old and the new chunks together, but never a moment without both.
    """
    upsert(collection, batch)
    return delete_matching(collection, filter, batch.ids)


def build_index(collection: Collection, config: KeywordConfig, indexed: Indexed | None = None) -> None:
    """Make the keyword index of one configuration from the stored chunks, unless it exists."""
    from agent_brain_store.textsearch.index import KeywordIndex

    if config in collection.indexes:
        return
    index = KeywordIndex(config)
    ids = collection.rows.ids()
    for done, row in enumerate(collection.rows.read(ids, text=True, stored=True), 1):
        index.put(row.chunk_id, row.text, from_stored(row.stored))
        if indexed is not None and (done % client.PAGE == 0 or done == len(ids)):
            indexed(done, len(ids))
    collection.indexes[config] = index


def _upsert_page(collection: Collection, batch: Batch) -> None:
    kept = in_searched_form(collection.distance, batch.vectors)
    stored = [to_stored(*item) for item in zip(batch.texts, batch.metadatas, batch.vectors, kept, strict=True)]
    old = {row.chunk_id: row.stored or {} for row in collection.rows.read(batch.ids, stored=True)}
    former = [old.get(chunk_id, {}) for chunk_id in batch.ids]
    changed = {i for i, new in enumerate(stored) if former[i].get(DIGEST) != new[DIGEST]}
    relabelled = {i for i, new in enumerate(stored) if former[i].get(METADATA) != new[METADATA]} - changed
    for positions, whole in ((sorted(changed), True), (sorted(relabelled), False)):
        for piece in collection.rows.pieces(len(positions)):
            chosen = np.array(positions[piece], np.intp)
            part, new = _part(batch, chosen), [with_removed_keys(stored[i], former[i]) for i in chosen]
            with collection.changing():
                if whole:
                    collection.rows.put(part.ids, part.texts, new, kept[chosen])
                else:
                    collection.rows.put_metadata(part.ids, new)
                _index(collection, part)
            collection.directory.threads.run_urgent()


def _index(collection: Collection, batch: Batch) -> None:
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
