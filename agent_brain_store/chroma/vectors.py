"""Keep the vectors of a small collection in memory, and compare all of them with a question.

Chroma's client needs a millisecond or two for any question. Comparing 10,000 vectors of 384 dimensions takes no longer,
is exact under every filter, and does not lose chunks behind many equal vectors.

Chroma's index does lose them: where many vectors are equal, their links lead to one another alone. So the vectors of a
large collection are kept in memory too if many of them are equal.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

LARGEST = 4_000_000  # numbers, 16 MB: beyond it, Chroma's index is faster


class Vectors:
    """The vectors of all chunks, in the form in which they are searched.

    One thread writes while others search. A search that meets a write may find a part of it. `Collection.reading`
    repeats that search.
    """

    def __init__(self, dimensions: int) -> None:
        self._lock = threading.Lock()
        self._rows = np.zeros((0, dimensions), np.float32)
        self._hashes, self._is_used = np.zeros(0, np.int64), np.zeros(0, np.bool_)
        self._lengths = np.zeros(0)
        self._slots: dict[str, int] = {}
        self._ids: list[str] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace chunks."""
        exact = vectors.astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", exact, exact))
        with self._lock:
            self._make_room(len(ids))
            for chunk_id, vector, length in zip(ids, vectors, lengths.tolist(), strict=True):
                slot = self._slots.get(chunk_id)
                if slot is None:
                    slot = self._slots[chunk_id] = self._free.pop()
                self._ids[slot], self._rows[slot], self._lengths[slot] = chunk_id, vector, length
                self._hashes[slot], self._is_used[slot] = hash(vector.tobytes()), True

    def remove(self, ids: Iterable[str]) -> None:
        """Remove chunks. Unknown ids are ignored."""
        with self._lock:
            freed = [self._slots.pop(chunk_id) for chunk_id in ids if chunk_id in self._slots]
            self._is_used[freed] = False
            self._free += freed

    def of(self, ids: Iterable[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Return those of the given ids that exist, and their vectors."""
        with self._lock:
            present = [chunk_id for chunk_id in ids if chunk_id in self._slots]
            return present, self._rows[[self._slots[chunk_id] for chunk_id in present]]

    def candidates(
        self, vector: NDArray[np.float32], distance: str, count: int, ids: Iterable[str] | None
    ) -> list[str]:
        """Return ids among which the nearest ``count`` are certain to be, in no order. ``ids`` restricts the search.

        It compares in single precision. So it also returns every chunk that may be as near as the last one, within the
        error of such a sum: ``n * 2^-24`` times both lengths, for n dimensions.
        """
        with self._lock:
            rows, lengths, names, hashes = self._rows, self._lengths, self._ids, self._hashes
            if ids is None:
                slots = np.flatnonzero(self._is_used)
            else:
                slots = np.array([self._slots[i] for i in ids if i in self._slots], np.int64)
        if len(slots) <= count:
            return [names[slot] for slot in slots.tolist()]
        with np.errstate(over="ignore", invalid="ignore"):
            # Unlike a product by BLAS, einsum uses one thread, so it does not wait for others on a busy machine.
            if 4 * len(slots) > len(rows):
                products = np.einsum("ij,j->i", rows, vector)[slots]
            else:
                products = np.einsum("ij,j->i", rows[slots], vector)
        products, lengths = products.astype(np.float64), lengths[slots]
        if not np.isfinite(products).all():  # the numbers are too large for single precision
            return [names[slot] for slot in slots.tolist()]
        length = math.hypot(*vector.tolist())
        far = lengths**2 - 2 * products if distance == "l2" else -products
        error = (4 if distance == "l2" else 2) * len(vector) * 2.0**-24 * length * float(lengths.max())
        error += len(vector) * 2.0**-125  # products that are too small for single precision
        last = np.partition(far, count - 1)[count - 1]
        near = slots[far <= last + error]
        return _without_surplus([names[slot] for slot in near.tolist()], hashes[near].tolist(), count)

    def _make_room(self, count: int) -> None:
        if (missing := count - len(self._free)) <= 0:
            return
        before = len(self._rows)
        added = max(missing, before // 4)
        self._rows = np.concatenate((self._rows, np.zeros((added, self._rows.shape[1]), np.float32)))
        self._hashes = np.concatenate((self._hashes, np.zeros(added, np.int64)))
        self._is_used = np.concatenate((self._is_used, np.zeros(added, np.bool_)))
        self._lengths = np.concatenate((self._lengths, np.zeros(added)))
        self._ids = [*self._ids, *[""] * added]
        self._free += range(before + added - 1, before - 1, -1)


def _without_surplus(ids: list[str], hashes: list[int], count: int) -> list[str]:
    """Return the first ``count`` ids of each vector, because those of equal vectors are ranked by id."""
    if len(ids) <= 2 * count:
        return ids
    kept: list[str] = []
    times: Counter[int] = Counter()
    for chunk_id, vector in sorted(zip(ids, hashes, strict=True)):
        times[vector] += 1
        if times[vector] <= count:
            kept.append(chunk_id)
    return kept
