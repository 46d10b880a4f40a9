"""Bring chunks into Chroma's form, and give their metadata and vectors back unchanged.

Chroma stores these keys with a chunk, beside its text and vector:

``agent_brain:metadata``     the whole metadata as JSON, the only copy that is ever read back
``agent_brain:digest``       a hash of text and vector, which shows whether either has changed
``agent_brain:vector``       the bits of a vector that is stored in another form than it was given
``agent_brain:folder:2``     the second folder above ``source``, and so on, so that Chroma itself can find a path prefix
``agent_brain:strings:key``  (also ``numbers``, ``booleans``) the elements of a list of several types
``key``                      a copy of a scalar or a list of scalars, for Chroma's own filters

Numbers are copied as floats, because Chroma compares integers with floats wrongly: 1 equals 1.5 there. A string of more
than `LONGEST` characters is not copied. Filters allow for both (`where`).

With its own cosine space, Chroma would normalise vectors in float32 and return the result instead of the given vector.
So Chroma is told to compare inner products, and gets vectors of unit length. A vector that has unit length already is
stored as it is. Any other is divided by its length, and its own bits are kept beside it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.checks.vectors import Float32
from agent_brain_store.types import Metadata

RESERVED = "agent_brain:"
METADATA = RESERVED + "metadata"
DIGEST = RESERVED + "digest"
VECTOR = RESERVED + "vector"

LONGEST = 1000  # characters of a copied string
MAX_FOLDERS = 32
UNIT = 1e-6  # a length that differs from 1 by less counts as 1; a normalised float32 vector is closer than that

Stored: TypeAlias = dict[str, Any]

_KINDS = {str: "strings", float: "numbers", bool: "booleans"}


# --- metadata --------------------------------------------------------------------------------------------------------


def to_stored(
    text: str, metadata: Metadata, vector: NDArray[np.float32], kept: NDArray[np.float32] | None = None
) -> Stored:
    """Return what Chroma keeps as a chunk's metadata. ``kept`` is the vector in the form in which it is stored."""
    stored = metadata_to_stored(metadata) | {DIGEST: digest(text, vector)}
    if kept is not None and kept.tobytes() != vector.tobytes():
        stored[VECTOR] = packed(vector)
    return stored


def metadata_to_stored(metadata: Metadata) -> Stored:
    """Return the part of it that the metadata alone decide."""
    stored: Stored = {METADATA: json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))}
    for key, value in metadata.items():
        if has_copy(key):
            stored.update(_copies(key, value))
    source = metadata.get("source")
    if isinstance(source, str):
        stored.update((folder_key(depth), folder) for depth, folder in enumerate(folders(source), 1))
    return stored


def kept_part(stored: Mapping[str, Any]) -> Stored:
    """Return the part of it that text and vector decide."""
    return {key: stored[key] for key in (DIGEST, VECTOR) if key in stored}


def from_stored(stored: Mapping[str, Any] | None) -> Metadata:
    """Return the metadata as it was given."""
    decoded: Metadata = json.loads((stored or {}).get(METADATA, "{}"))
    return decoded


def given_vector(stored: Mapping[str, Any] | None, kept: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the vector as it was given. ``kept`` is the vector in the form in which it is stored."""
    bits = (stored or {}).get(VECTOR)
    return kept.astype(np.float32) if bits is None else unpacked(bits)


def with_removed_keys(stored: Stored, old: Mapping[str, Any]) -> Stored:
    """Return ``stored`` with None for every key of ``old`` that has to go. Chroma merges metadata, and None removes a key."""
    return {**dict.fromkeys(old.keys() - stored.keys()), **stored}


def folders(path: str) -> list[str]:
    """Return the folders above a path, outermost first, each with its final separator: ``/``, ``/src/``, ``/src/app/``."""
    ends = [i + 1 for i, letter in enumerate(path[:LONGEST]) if letter in "/\\"]
    return [path[:end] for end in ends[:MAX_FOLDERS]]


def digest(text: str, vector: NDArray[np.float32]) -> str:
    """Return the hash of a text and a vector as it was given."""
    state = hashlib.blake2b(digest_size=16)
    for part in (text.encode(), vector.tobytes()):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


def has_copy(key: str) -> bool:
    """Return whether a key can have a copy for Chroma's own filters."""
    return bool(key) and not key.startswith((RESERVED, "chroma:", "$", "#"))


def _copies(key: str, value: Any) -> Stored:
    if not isinstance(value, list):
        copy = _copy(value)
        return {} if copy is None else {key: copy}
    elements = dict.fromkeys((type(copy), copy) for copy in map(_copy, value) if copy is not None)
    by_type: dict[type, list[Any]] = {}
    for kind, element in elements:
        by_type.setdefault(kind, []).append(element)
    if len(by_type) == 1:
        return {key: by_type.popitem()[1]}
    return {list_key(kind, key): elements for kind, elements in by_type.items()}


def _copy(value: Any) -> str | float | bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return copied_number(value)
    return value if isinstance(value, str) and len(value) <= LONGEST else None


def copied_number(value: float) -> float:
    """Return a number as Chroma gets it.

    Chroma writes a float as a decimal that is not always the nearest one. A fraction very close to an integer could
    become that integer. So it is moved away from it, and comparing a stored number with an integer stays exact.
    """
    number = float(value)
    integer = round(number)
    if number != integer and abs(number - integer) <= 8 * math.ulp(integer):
        number = integer + math.copysign(16 * math.ulp(integer), number - integer)
    return number


def folder_key(depth: int) -> str:
    """Return the key of the folder that is ``depth`` levels deep."""
    return f"{RESERVED}folder:{depth}"


def list_key(kind: type, key: str) -> str:
    """Return the key for the elements of one type in a list of several types."""
    return f"{RESERVED}{_KINDS[kind]}:{key}"


# --- vectors ---------------------------------------------------------------------------------------------------------


def in_searched_form(distance: str, vectors: Float32) -> Float32:
    """Return one vector, or rows of vectors, in the form that the index compares. For cosine, these are unit vectors."""
    if distance != "cosine":
        return vectors
    exact = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("...j,...j->...", exact, exact))[..., None]
    return np.where(np.abs(lengths - 1.0) <= UNIT, vectors, exact / lengths).astype(np.float32)


def packed(vector: Float32) -> str:
    """Return the bits of a vector as text."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def unpacked(bits: str) -> Float32:
    """Return the vector that `packed` was given."""
    return np.frombuffer(base64.b64decode(bits), "<f4").astype(np.float32)
