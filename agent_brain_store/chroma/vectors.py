"""Vectors as Chroma searches them, and how they come back to the bit.

Under cosine Chroma would normalise vectors itself, in float32, and return what came of it. So it is told to compare inner
products, and gets vectors of unit length: those that have it already as they are, all others divided by their length. The
bits of a divided vector are kept beside it, in the row's metadata.
"""

from __future__ import annotations

import base64

import numpy as np

from agent_brain_store.arrays import Float32

UNIT = 1e-6  # so far from 1 may a length be that counts as 1: a float32 vector that was normalised is closer


def searched(distance: str, vectors: Float32) -> Float32:
    """One vector or rows of them in the form in which the index compares them."""
    if distance != "cosine":
        return vectors
    exact = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("...j,...j->...", exact, exact))[..., None]
    return np.where(np.abs(lengths - 1.0) <= UNIT, vectors, exact / lengths).astype(np.float32)


def packed(vector: Float32) -> str:
    """The bits of a vector as text."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def unpacked(bits: str) -> Float32:
    """What `packed` was given."""
    return np.frombuffer(base64.b64decode(bits), "<f4").astype(np.float32)
