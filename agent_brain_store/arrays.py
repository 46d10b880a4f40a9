"""Embeddings as float32 arrays, from whatever they are given as: lists of numbers or numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECE = 100_000  # numbers that are converted at a time: the event loop runs on between two pieces
Float32 = NDArray[np.float32]


def in_pieces(embeddings: Any, dimensions: int) -> Any:
    """Lists of floats as one array, made piece by piece: numpy would not let the event loop run before it is through.

    What is not such lists comes back as it is, for the check to name the culprit.
    """
    if isinstance(embeddings, np.ndarray) or not isinstance(embeddings, (list, tuple)):
        return embeddings
    rows = np.empty((len(embeddings), dimensions), np.float32)
    step = max(1, _PIECE // dimensions)
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


def as_row(embedding: Any) -> Float32 | None:
    """One embedding, or None where it is no list or array of numbers."""
    return as_array(embedding, 1)


def as_array(values: Any, ndim: int) -> Float32 | None:
    """The values as an array of so many dimensions, or None where they are no such numbers."""
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
