"""The chunks of one collection that match a filter, and those nearest to a vector: complete under every filter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.chroma import driver
from agent_brain_store.chroma.matching import matches
from agent_brain_store.chroma.shared import Collection
from agent_brain_store.chroma.translate import from_stored, to_where
from agent_brain_store.filters import Node

if TYPE_CHECKING:
    from agent_brain_store.chroma.keywords import KeywordIndex

SPARE = 16  # candidates beyond those asked for: to see ties at the end
FEW = 400  # chunks that are compared sooner than Chroma finds the nearest among them
_PART = 100  # vectors that are compared at a time

Near = list[tuple[str, float]]
"""Ids and distances (``1 - cosine``, Euclidean, or the negative inner product), nearest first, ties by id."""


@dataclass(frozen=True, slots=True)
class Question:
    """A vector to search by, in the store's distance and in the form in which stored vectors are searched."""

    vector: NDArray[np.float32]
    distance: str

    def similarity(self, distance: float) -> float:
        """A distance as a score of 0..1."""
        if self.distance == "cosine":
            return max(0.0, min(1.0, 1.0 - distance))
        if self.distance == "l2":
            return 1.0 / (1.0 + distance)
        return (1.0 - distance / (1.0 + abs(distance))) / 2.0

    def from_chroma(self, distance: float) -> float:
        """What Chroma calls a distance: L2 comes squared, inner product as ``1 - p``."""
        if self.distance == "l2":
            return math.sqrt(max(0.0, distance))
        return distance - 1.0 if self.distance == "inner_product" else distance  # of unit vectors, 1 - p is cosine's

    def distances(self, rows: list[driver.Row]) -> NDArray[np.float64]:
        """The exact distances of rows that were read with their vectors."""
        # einsum and not a matrix product: equal rows give equal results wherever they stand, so that ties are ties.
        vectors = np.array([row.vector for row in rows], np.float64).reshape(len(rows), -1)
        asked = self.vector.astype(np.float64)
        if self.distance == "l2":
            return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors - asked, vectors - asked)))
        products = np.einsum("ij,j->i", vectors, asked)
        return np.asarray(-products if self.distance == "inner_product" else 1.0 - products)


def matching_ids(rows: driver.Rows, node: Node | None, held: KeywordIndex | None = None) -> list[str]:
    """The ids of all chunks that match, in code point order; ``held`` is where their metadata are in memory."""
    where, rest = to_where(node)
    if node is not None and rest is not None and held is not None:
        return held.matching(node, None if where is None else rows.ids(where))
    ids = rows.ids(where)
    if rest is None:
        return ids
    return [row.chunk_id for row in rows.read(ids, stored=True) if matches(rest, from_stored(row.stored))]


def count_matching(rows: driver.Rows, node: Node | None, held: KeywordIndex | None = None) -> int:
    """How many chunks match."""
    return rows.count() if node is None else len(matching_ids(rows, node, held))


def nearest(collection: Collection, question: Question, top_k: int, node: Node | None) -> Near:
    """The nearest chunks that match: exactly ``top_k`` if there are as many, and possibly a few more.

    If few match, all are compared. Otherwise Chroma's index answers; but if it finds too few, or cannot say which
    of many equally near chunks come first, again all that match are compared.
    """
    rows = collection.rows
    where, rest = to_where(node)
    stored = rows.count()
    asked = min(stored, (top_k if rest is None else 4 * top_k + 100) + SPARE)
    if top_k == 0 or asked == 0:
        return []
    few = None if node is None else _few(collection, node, 2 * top_k * stored // asked)
    if few is not None:
        return scan(rows, question, few)
    raw = rows.nearest(question.vector, asked, where, rest is not None)
    near = [(chunk_id, question.from_chroma(distance), meta) for chunk_id, distance, meta in raw]
    found = sorted(
        ((i, distance) for i, distance, meta in near if rest is None or matches(rest, from_stored(meta))),
        key=lambda item: (item[1], item[0]),
    )
    if len(raw) == stored or (len(found) >= top_k and found[top_k - 1][1] < max(distance for _, distance, _ in near)):
        return found
    return _exact(collection, question, node, found)


def _few(collection: Collection, node: Node, scattered: int) -> list[str] | None:
    """The ids of all that match, if they are few and quickly found.

    Few are also so many, ``scattered``, that among the candidates whose metadata are to be checked too few would match.
    """
    where, rest = to_where(node)
    if rest is None:
        ids, most = collection.rows.ids(where, FEW + 1), FEW
    elif collection.held is not None:
        ids, most = matching_ids(collection.rows, node, collection.held), max(FEW, scattered)
    else:
        return None
    return ids if len(ids) <= most else None


def _exact(collection: Collection, question: Question, node: Node | None, found: Near) -> Near:
    ids = matching_ids(collection.rows, node, collection.held)
    if len(ids) <= len(found):
        return found
    collection.exact_fallbacks += 1
    return scan(collection.rows, question, ids)


def scan(rows: driver.Rows, question: Question, ids: Sequence[str]) -> Near:
    """The exact order of given chunks by distance."""
    present: list[str] = []
    parts: list[NDArray[np.float64]] = []
    found = rows.read(ids, dimensions=len(question.vector))
    while part := list(islice(found, _PART)):
        present.extend(row.chunk_id for row in part)
        parts.append(question.distances(part))
    distances = np.concatenate(parts) if parts else np.zeros(0)
    order = np.argsort(distances, kind="stable")
    return [(present[i], float(distances[i])) for i in order.tolist()]
