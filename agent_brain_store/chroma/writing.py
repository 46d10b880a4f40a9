"""Upsert and delete chunks, and keep the keyword indexes up to date. All of this runs in a directory's writer thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.checks.chunks import Batch, check_size, json_bytes
from agent_brain_store.chroma import client, keywords
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
from agent_brain_store.chroma.vectors import LARGEST, Vectors
from agent_brain_store.config import KeywordConfig
from agent_brain_store.filters.parse import Filter
from agent_brain_store.progress import Written
from agent_brain_store.types import Metadata

SAMPLE = 400  # vectors; with fewer than one in fifty equal, Chroma's index still finds the others


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
        collection.require_room(sum(len(str(row.stored)) for row in page))
        with collection.changing():
            _relabel(collection, page, [changed(row) for row in page])
        collection.between_pieces()
    return len(found)


def delete(collection: Collection, ids: Sequence[str]) -> int:
    """Delete chunks. Returns how many of them existed."""
    gone = collection.rows.existing(ids)
    for piece in collection.rows.pieces(len(gone)):
        with collection.changing():
            collection.rows.delete(gone[piece])
            for index in collection.indexes.values():
                index.remove(gone[piece])
            if collection.vectors is not None:
                collection.vectors.remove(gone[piece])
        collection.between_pieces()
    collection.save_indexes(keywords.MAY_LAG)
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


def set_metadata(collection: Collection, metadatas: Mapping[str, Metadata]) -> None:
    """Give chunks other metadata. ``metadatas`` has them by the chunks' ids."""
    ids = list(metadatas)
    for piece in collection.rows.pieces(len(ids)):
        page = list(collection.rows.read(ids[piece], text=True, stored=True))
        with collection.changing():
            _relabel(collection, page, [metadatas[row.chunk_id] for row in page])
        collection.between_pieces()


def build_index(collection: Collection, config: KeywordConfig, indexed: keywords.Indexed | None = None) -> None:
    """Bring the keyword index of one configuration into memory, unless it is there."""
    if config not in collection.indexes:
        collection.indexes[config] = keywords.build(collection.rows, collection.directory.path, config, indexed)


def load_vectors(collection: Collection) -> None:
    """Bring all vectors into memory, if they are few, or if many are equal: see `Vectors`."""
    rows, dimensions = collection.rows, collection.stored.dimensions
    if collection.vectors is not None or collection.is_large:
        return
    ids = rows.ids()
    if len(ids) * dimensions > LARGEST and not (collection.has_equal or _sample_has_equal(rows, ids, dimensions)):
        collection.is_large = True
        return
    vectors = Vectors(dimensions)
    for part in _vectors(rows, ids, dimensions):
        vectors.put(*part)
    collection.vectors, collection.has_equal = vectors, len(ids) * dimensions > LARGEST


def _sample_has_equal(rows: client.Rows, ids: list[str], dimensions: int) -> bool:
    """Return whether chosen chunks have equal vectors. If one chunk in twenty has the same vector, it is certain."""
    chosen = np.random.default_rng(len(ids)).choice(len(ids), min(SAMPLE, len(ids)), replace=False)
    return any(_has_equal(part) for _, part in _vectors(rows, [ids[i] for i in chosen.tolist()], dimensions, SAMPLE))


def _has_equal(vectors: NDArray[np.float32]) -> bool:
    return len({vector.tobytes() for vector in vectors}) < len(vectors)


def _vectors(
    rows: client.Rows, ids: list[str], dimensions: int, size: int = client.PAGE
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    found = rows.read(ids, dimensions=dimensions)
    while part := list(islice(found, size)):
        yield [row.chunk_id for row in part], np.array([row.vector for row in part], np.float32)


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
            collection.require_room(_bytes(part))
            with collection.changing():
                if whole:
                    collection.rows.put(part.ids, part.texts, new, kept[chosen])
                    if collection.vectors is not None:
                        collection.vectors.put(part.ids, kept[chosen])
                else:
                    collection.rows.put_metadata(part.ids, new)
                _index(collection, part)
            collection.between_pieces()
    vectors = collection.vectors
    if vectors is not None and len(vectors) * collection.stored.dimensions > LARGEST and not collection.has_equal:
        collection.vectors = None
    if collection.is_large and _has_equal(kept):
        collection.is_large = False
    collection.save_indexes(keywords.MAY_LAG)


def _index(collection: Collection, batch: Batch) -> None:
    for index in collection.indexes.values():
        for item in zip(batch.ids, batch.texts, batch.metadatas, strict=True):
            index.put(*item)


def _bytes(batch: Batch) -> int:
    """Return about how many bytes of text, metadata and vectors a batch has."""
    letters = sum(map(len, batch.texts)) + sum(len(str(metadata)) for metadata in batch.metadatas)
    return letters + batch.vectors.nbytes


def _part(batch: Batch, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Batch:
    chosen = positions.tolist()
    return Batch(
        [batch.ids[i] for i in chosen],
        batch.vectors[positions],
        [batch.texts[i] for i in chosen],
        [batch.metadatas[i] for i in chosen],
    )
