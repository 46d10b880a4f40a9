"""Upsert and delete chunks, and keep the keyword indexes up to date. All of this runs in a directory's writer thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from agent_brain_store.checks.chunks import Batch, check_size, json_bytes
from agent_brain_store.chroma import client
from agent_brain_store.chroma.directory import Collection
from agent_brain_store.chroma.searching import matching_ids
from agent_brain_store.chroma.stored import (
    DIGEST,
    METADATA,
    from_stored,
    in_searched_form,
    kept_part,
    metadata_to_stored,
    to_stored,
    with_removed_keys,
)
from agent_brain_store.config import KeywordConfig
from agent_brain_store.filters.parse import Filter
from agent_brain_store.progress import Written
from agent_brain_store.protocol import Metadata

Indexed: TypeAlias = Callable[[int, int], None]
"""It is called with the number of chunks in the index so far, and the number of all chunks."""


def upsert(collection: Collection, batch: Batch, written: Written | None = None) -> None:
    """Write the chunks that are new or changed. ``written`` hears how many chunks of the batch are done."""
    for start in range(0, len(batch), client.PAGE):
        stop = min(len(batch), start + client.PAGE)
        _upsert_page(collection, _part(batch, np.arange(start, stop)))
        if written is not None:
            written(stop)


def update_metadata(
    collection: Collection, ids: Sequence[str] | None, filter: Filter | None, changes: Metadata, removed: Sequence[str]
) -> int:
    """Set and remove metadata keys. Texts and vectors stay. Returns how many chunks match."""
    rows = collection.rows
    found = rows.existing(ids or []) if filter is None else matching_ids(rows, filter, collection.any_index)
    if ids is not None:
        wanted = set(ids)
        found = [chunk_id for chunk_id in found if chunk_id in wanted]

    def changed(row: client.Row) -> Metadata:
        new = from_stored(row.stored) | changes
        return {key: value for key, value in new.items() if key not in removed}

    check_size(max((json_bytes(changed(row)) for row in rows.read(found, stored=True)), default=0))
    for piece in rows.pieces(len(found)):
        page = list(rows.read(found[piece], text=True, stored=True))
        with collection.changing():
            _relabel(collection, page, [changed(row) for row in page])
        collection.directory.threads.run_urgent()
    return len(found)


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


def _relabel(collection: Collection, page: Sequence[client.Row], metadatas: Sequence[Metadata]) -> None:
    """Give the chunks of a page other metadata. Those that have it already are not written."""
    ids, stored = [], []
    for row, metadata in zip(page, metadatas, strict=True):
        old, new = row.stored or {}, metadata_to_stored(metadata)
        if new[METADATA] != old.get(METADATA):
            ids.append(row.chunk_id)
            stored.append(with_removed_keys(new | kept_part(old), old))
            for index in collection.indexes.values():
                index.put(row.chunk_id, row.text, metadata)
    if ids:
        collection.rows.put_metadata(ids, stored)


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
