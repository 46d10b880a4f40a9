"""The types in which the contract speaks: vectors, metadata, options of a search, chunks and progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector: TypeAlias = Sequence[float] | NDArray[np.floating[Any]]
    Vectors: TypeAlias = Sequence[Vector] | NDArray[np.floating[Any]]
    Embedding: TypeAlias = NDArray[np.float32]
else:  # importing this package does not import numpy
    Vector = Vectors = Embedding = Any

Metadata: TypeAlias = dict[str, Any]
Metadatas: TypeAlias = Sequence[Mapping[str, Any]]
Where: TypeAlias = Mapping[str, Any]
OnInvalid: TypeAlias = Literal["refuse", "skip"]
Fusion: TypeAlias = Literal["convex", "rrf", "relative_score"]
"""How `StorageBackend.hybrid_search` makes one ranking of two."""
Match: TypeAlias = Literal["any", "all"]
Distinct: TypeAlias = Literal["text"]
Boosts: TypeAlias = Mapping[str, Mapping[str, Any]]
"""For each metadata key either ``half_life`` or ``scale``, and ``weight``: ``{"stars": {"scale": 100, "weight": 0.2}}``."""


@dataclass(frozen=True, slots=True)
class Document:
    """One stored chunk. ``embedding`` is a float32 array, or None if you did not ask for it."""

    chunk_id: str
    text: str
    metadata: Metadata
    embedding: Embedding | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long operation has come. ``done`` and ``total`` count ``unit``s. ``total`` is None while it is unknown."""

    operation: str
    done: int
    total: int | None
    unit: str = "chunks"


ProgressCallback: TypeAlias = Callable[[Progress], None]
"""A plain function. It is called on the event loop and not awaited, so it must not block."""
