"""Turn stored rows into the objects that the contract returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agent_brain_store.chroma.client import Rows
from agent_brain_store.chroma.searching import matching_ids
from agent_brain_store.chroma.stored import from_stored, given_vector
from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import Filter
from agent_brain_store.refining import refined
from agent_brain_store.repository import HybridQuery, KeywordQuery, Query
from agent_brain_store.results import SearchResult
from agent_brain_store.types import Document

if TYPE_CHECKING:
    from agent_brain_store.textsearch.index import KeywordIndex

Found = tuple[list[SearchResult], int]


def by_id(rows: Rows, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return ``{"text": ..., "metadata": ...}`` for each of the given chunks that exists, by id."""
    found = rows.contents(ids)
    return {i: {"text": found[i][0], "metadata": json.loads(found[i][1])} for i in ids if i in found}


def documents(rows: Rows, ids: Sequence[str], dimensions: int, filter: Filter | None) -> list[Document]:
    """Return the given chunks that exist and match the filter.

    ``dimensions`` is the length of the vectors. With 0, the vectors are left out.
    """
    read = rows.read(ids, text=True, stored=True, dimensions=dimensions)
    found = ((row, from_stored(row.stored)) for row in read)
    return [
        Document(row.chunk_id, row.text, metadata, None if row.vector is None else given_vector(row.stored, row.vector))
        for row, metadata in found
        if filter is None or matches(filter, metadata)
    ]


def with_vectors(rows: Rows, ids: Sequence[str], dimensions: int) -> dict[str, dict[str, Any]]:
    """Return what `by_id` returns, and each chunk's vector under ``"embedding"``."""
    return {
        chunk.chunk_id: {"text": chunk.text, "metadata": chunk.metadata, "embedding": chunk.embedding}
        for chunk in documents(rows, ids, dimensions, None)
    }


def next_page(
    rows: Rows,
    ids: list[str] | None,
    start: int,
    size: int,
    dimensions: int,
    filter: Filter | None,
    index: KeywordIndex | None,
) -> tuple[list[Document], list[str], int]:
    """Return the next page of chunks that match a filter, the list of ids, and the position where the next page starts.

    ``ids`` lists the matching ids, and ``start`` is the page's position in it. With None, the list is made first. If a
    chunk of the page is gone or no longer matches, a new list is made of the ids behind the last page.
    """
    page = [] if ids is None else ids[start : start + size]
    found = documents(rows, page, dimensions, filter)
    if ids is None or len(found) < len(page):
        last = ids[start - 1] if ids and start else ""
        ids, start = [chunk_id for chunk_id in matching_ids(rows, filter, index) if chunk_id > last], 0
        found = documents(rows, ids[:size], dimensions, filter)
    return found, ids, start + size


def results(rows: Rows, ranked: Sequence[tuple[str, float]], top_k: int) -> list[SearchResult]:
    """Return the first ``top_k`` chunks of a ranking as results."""
    first = ranked[:top_k]
    found = by_id(rows, [chunk_id for chunk_id, _ in first])
    return [
        SearchResult(found[chunk_id]["text"], found[chunk_id]["metadata"], score, chunk_id)
        for chunk_id, score in first
        if chunk_id in found
    ]


def refined_and_explained(query: Query, candidates: list[SearchResult], index: KeywordIndex | None = None) -> Found:
    """Return the best candidates, refined and explained as the query asks for it, and how many candidates there were."""
    found = candidates
    if query.refinement is not None:
        found = refined(candidates, query.refinement, query.top_k)
    if index is not None and isinstance(query, KeywordQuery | HybridQuery) and query.explain:
        terms = index.matched(query.text, [result.chunk_id for result in found])
        found = [replace(result, matched_terms=terms[result.chunk_id]) for result in found]
    return found, len(candidates)


def health(rows: Rows, dimensions: int) -> dict[str, Any]:
    """Ask both parts of Chroma: its database and its vector index."""
    rows.ids(limit=1)  # it asks the database, because the count may come from memory
    chunks = rows.count()
    if chunks:
        rows.nearest(np.ones(dimensions, np.float32), 1, None, False)
    return {"chunks": chunks, "dimensions": dimensions}
