"""Embeddings as float32 arrays, from whatever they are given as: lists of numbers or numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECE = 100_000  # numbers that are converted at a time: the event loop runs on between two pieces
Float32 = NDArray[np.float32]


def as_row(embedding: Any) -> Float32 | None:
    """One embedding, or None where it is no list or array of numbers."""
    return _as_array(embedding, 1)


def as_rows(embeddings: Any, dimensions: int) -> Float32 | None:
    """Embeddings of so many dimensions, one a row. Others are an array of another shape, or None if they are none.

    Lists are converted piece by piece: numpy would not let the event loop run before it is through with all of them.
    """
    if not isinstance(embeddings, (list, tuple)):
        return _as_array(embeddings, 2)
    rows = np.empty((len(embeddings), dimensions), np.float32)
    step = max(1, _PIECE // dimensions)
    for start in range(0, len(embeddings), step):
        piece = _as_array(embeddings[start : start + step], 2)
        if piece is None or piece.shape[1] != dimensions:
            return _as_array(embeddings, 2)
        rows[start : start + step] = piece
    return rows


def _as_array(values: Any, ndim: int) -> Float32 | None:
    if isinstance(values, (str, bytes, Mapping)):
        return None
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        return None
    if array.ndim != ndim or array.dtype.kind not in "fiu":
        return None
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)
