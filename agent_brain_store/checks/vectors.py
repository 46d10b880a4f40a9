"""Turn embeddings into float32 arrays, and check whether a store can hold them.

An embedding is a list of numbers or a numpy array.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.config.embedding_models import HALFVEC_DIMENSIONS
from agent_brain_store.errors import DimensionMismatchError, InvalidQueryError
from agent_brain_store.types import Vector, Vectors

Float32 = NDArray[np.float32]

MIN_SQUARED_NORM = 1e-37  # below this, float32 sums underflow and every cosine is wrong
HALFVEC_MAX = 65504.0  # the largest half-precision float
NUMBERS_AT_ONCE = 100_000  # numbers that are converted at a time; the event loop can run between two pieces


@dataclass(frozen=True, slots=True)
class ChunkRules:
    """The rules of one store for its chunks.

    ``distance`` is ``cosine``, ``l2`` or ``inner_product``. ``on_invalid_text`` is ``replace`` or ``reject``.
    ``generation`` is that of the store's vectors.
    """

    dimensions: int
    distance: str
    on_invalid_text: str = "replace"
    generation: int = 0


def query_vector(rules: ChunkRules, embedding: Vector) -> Float32:
    """Return a question's embedding as a float32 array.

    Raises `InvalidQueryError` if the store cannot compare it, and `DimensionMismatchError` if its length differs from
    the store's dimensions.
    """
    row = _as_array(embedding, 1)
    if row is None:
        raise InvalidQueryError("query_embedding is not a list or array of numbers")
    if len(row) != rules.dimensions:
        raise DimensionMismatchError(
            f"query_embedding {_other_length(rules, len(row))}", expected=rules.dimensions, actual=len(row)
        )
    problem = _problem(rules, row)
    if problem:
        raise InvalidQueryError(f"query_embedding {problem}")
    return row


def chunk_vectors(rules: ChunkRules, embeddings: Vectors) -> tuple[Float32, dict[int, tuple[str, int | None]]]:
    """Return the embeddings of chunks as one float32 array with a row for each chunk, and what is wrong with them.

    The latter has the position of each wrong embedding, with the problem in words, and the vector's length if that is
    the problem. Each embedding is converted alone, but only after the array as a whole was found wrong.
    """
    wrong: dict[int, tuple[str, int | None]] = {}
    rows = _as_rows(embeddings, rules.dimensions)
    if rows is None or (len(rows) and rows.shape[1] != rules.dimensions):
        rows = np.ones((len(embeddings), rules.dimensions), np.float32)
        for position, embedding in enumerate(embeddings):
            row = _as_array(embedding, 1)
            if row is None:
                wrong[position] = _why_not_numbers(embedding), None
            elif len(row) != rules.dimensions:
                wrong[position] = _other_length(rules, len(row)), len(row)
            else:
                rows[position] = row
    for position in np.flatnonzero(~_good_rows(rules, rows)).tolist():
        wrong[position] = _problem(rules, rows[position]) or "cannot be stored", None
    return rows, wrong


def kind_of_value(value: object) -> str:
    """Return how a message names a value of a wrong type."""
    return "None" if value is None else f"of type {type(value).__name__}"


# --- converting ------------------------------------------------------------------------------------------------------


def _as_rows(embeddings: Any, dimensions: int) -> Float32 | None:
    """Return embeddings as rows. If they have other dimensions, the rows do too. If they are not numbers, return None.

    A list is converted piece by piece. Otherwise numpy would hold the interpreter until all of it is converted.
    """
    if not isinstance(embeddings, (list, tuple)):
        return _as_array(embeddings, 2)
    rows = np.empty((len(embeddings), dimensions), np.float32)
    step = max(1, NUMBERS_AT_ONCE // dimensions)
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
    if array.dtype == np.float32:
        return np.ascontiguousarray(array)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


# --- checking --------------------------------------------------------------------------------------------------------


def _why_not_numbers(embedding: object) -> str:
    if not isinstance(embedding, (list, tuple)):
        return f"is {kind_of_value(embedding)}, not a list or array of numbers"
    wrong = (item for item in embedding if isinstance(item, bool) or not isinstance(item, (int, float, np.number)))
    kinds = (type(item).__name__ for item in wrong)
    return next((f"holds a value of type {kind}, not a number" for kind in kinds), "holds a number beyond float32")


def _other_length(rules: ChunkRules, actual: int) -> str:
    return (
        f"has {actual} dimensions, but the store has {rules.dimensions}: use the model that filled it, "
        "or another store for the other model"
    )


def _good_rows(rules: ChunkRules, rows: Float32) -> NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        squared = np.einsum("ij,ij->i", rows, rows)
        good = np.isfinite(squared)
        if rules.distance == "cosine":
            good &= squared > MIN_SQUARED_NORM
        if rules.dimensions in HALFVEC_DIMENSIONS:
            halves = rows.astype(np.float16).astype(np.float32)
            good &= np.isfinite(halves).all(axis=1)
            if rules.distance == "cosine":
                good &= halves.any(axis=1)
    return np.asarray(good)


def _problem(rules: ChunkRules, row: Float32) -> str | None:
    """Return what is wrong with one vector, or None. The words continue a sentence that begins with the vector's name."""
    # Every search checks a vector, and this look takes less time than the one for many rows. vdot warns of no overflow.
    if MIN_SQUARED_NORM < np.vdot(row, row) < math.inf and rules.dimensions not in HALFVEC_DIMENSIONS:
        return None
    if _good_rows(rules, row[None, :])[0]:
        return None
    if np.isnan(row).any():
        return "holds NaN"
    if np.isinf(row).any():
        return "holds an infinity, or a number beyond float32"
    if not row.any():
        return "is all zeros: it has no direction, so its cosine distance is undefined"
    largest = float(np.abs(row).max())
    if rules.dimensions in HALFVEC_DIMENSIONS and not 1e-7 < largest <= HALFVEC_MAX:
        return f"has {largest:.3g} as its largest value; {rules.dimensions} dimensions are stored as halfvec, from 1e-7 to 65504"
    return f"has values up to {largest:.3g}: its squared length is outside float32's range: scale it to unit length"
