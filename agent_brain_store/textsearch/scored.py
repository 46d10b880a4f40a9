"""Find the best chunks for a question among the scores of all, by filter or without."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import Filter
from agent_brain_store.types import Metadata

Hits = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Scored:
    """The BM25 scores of every slot for one question, and what is in the slots."""

    scores: NDArray[np.float64]
    ids: list[str]
    metadatas: list[Metadata | str]
    slots: dict[str, int]

    def best(self, top_k: int, filter: Filter | None = None, matching: Collection[str] | None = None) -> Hits:
        """Return the best chunks that match a filter. If it is known which ids match, ``matching`` has them."""
        found = np.flatnonzero(self.scores)
        if matching is not None and 4 * len(matching) < len(found):
            slots = (self.slots.get(chunk_id, len(self.scores)) for chunk_id in matching)
            found = np.array([slot for slot in slots if slot < len(self.scores) and self.scores[slot]], np.int64)
        hits: Hits = []
        for count in (top_k if filter is None else 4 * top_k, len(found)):  # mostly, the first few are enough
            hits = self._first_hits(self._best_first(found, count), top_k, filter, matching)
            if len(hits) >= top_k:
                break
        hits.sort(key=lambda hit: (-hit[1], hit[0]))
        return hits[:top_k]

    def _first_hits(
        self, slots: list[int], top_k: int, filter: Filter | None, matching: Collection[str] | None
    ) -> Hits:
        """Return the first ``top_k`` hits of slots that come best first, and all that score as the last of these."""
        hits: Hits = []
        last = -1.0
        for slot in slots:
            score, chunk_id = float(self.scores[slot]), self.ids[slot]
            if len(hits) >= top_k and score < last:
                break
            if filter is None or (
                chunk_id in matching if matching is not None else matches(filter, metadata_in(self.metadatas, slot))
            ):
                hits.append((chunk_id, score))
                last = score
        return hits

    def of(self, ids: Iterable[str]) -> dict[str, float]:
        """Return the scores of the given chunks. A chunk without a word of the question has 0."""
        slots = ((chunk_id, self.slots.get(chunk_id, len(self.scores))) for chunk_id in ids)
        # A chunk that came after the scores has none. `Collection.reading` repeats that search.
        return {chunk_id: float(self.scores[slot]) if slot < len(self.scores) else 0.0 for chunk_id, slot in slots}

    def _best_first(self, slots: NDArray[np.int64], count: int) -> list[int]:
        """Return the best ``count`` slots, and all that score as the last of these, best first."""
        scores = self.scores[slots]
        if 0 < count < len(slots):
            last = np.partition(scores, len(slots) - count)[len(slots) - count]
            slots, scores = slots[scores >= last], scores[scores >= last]
        best_first: list[int] = slots[np.argsort(-scores, kind="stable")].tolist()
        return best_first


def metadata_in(metadatas: list[Metadata | str], slot: int) -> Metadata:
    """Return the metadata of a slot. Metadata from a file are JSON until they are needed."""
    found = metadatas[slot]
    if isinstance(found, str):
        found = metadatas[slot] = with_shared_keys(json.loads(found))
    return found


def with_shared_keys(metadata: Metadata) -> Metadata:
    """Return metadata whose keys are the same objects as those of other chunks, because they repeat themselves."""
    return {sys.intern(key): value for key, value in metadata.items()}
