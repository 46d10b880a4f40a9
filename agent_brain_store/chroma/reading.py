"""Stored rows as what the contract returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agent_brain_store.chroma.driver import Rows
from agent_brain_store.chroma.searching import SPARE
from agent_brain_store.chroma.translate import from_stored, given_vector
from agent_brain_store.filters import Node, matches
from agent_brain_store.protocol import Document, SearchResult


def by_id(rows: Rows, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``{"text", "metadata"}`` of the given chunks that exist."""
    pages = rows.read(ids, text=True, stored=True)
    return {row.chunk_id: {"text": row.text, "metadata": from_stored(row.stored)} for page in pages for row in page}


def documents(rows: Rows, ids: Sequence[str], dimensions: int, node: Node | None) -> list[Document]:
    """The given chunks that exist and match the filter; with vectors if ``dimensions``, their length, is above 0."""
    pages = rows.read(ids, text=True, stored=True, dimensions=dimensions)
    found = ((row, from_stored(row.stored)) for page in pages for row in page)
    return [
        Document(row.chunk_id, row.text, metadata, None if row.vector is None else given_vector(row.stored, row.vector))
        for row, metadata in found
        if node is None or matches(node, metadata)
    ]


def results(rows: Rows, ranked: Sequence[tuple[str, float]], top_k: int, node: Node | None) -> list[SearchResult]:
    """The first ``top_k`` of a ranking that exist and match the filter.

    A chunk may be deleted or changed after it was found: the next one moves up.
    """
    first = ranked[: top_k + SPARE] if top_k else []
    found = by_id(rows, [chunk_id for chunk_id, _ in first])
    if node is not None:
        found = {chunk_id: chunk for chunk_id, chunk in found.items() if matches(node, chunk["metadata"])}
    return [
        SearchResult(found[chunk_id]["text"], found[chunk_id]["metadata"], score, chunk_id)
        for chunk_id, score in first
        if chunk_id in found
    ][:top_k]


def health(rows: Rows, dimensions: int) -> dict[str, Any]:
    """Ask both parts of Chroma something: its database and its vector index."""
    chunks = rows.count()
    if chunks:
        rows.nearest(np.ones(dimensions, np.float32), 1, None, False)
    return {"chunks": chunks, "dimensions": dimensions}
