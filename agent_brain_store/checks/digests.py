"""Collect what `verify` finds: a digest of all chunks that does not depend on the backend, and the damage."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from agent_brain_store.results import Damage, VerifyReport
from agent_brain_store.types import Document, Metadata, Progress, ProgressCallback

SAMPLED = 50  # chunks that are searched for
NAMED = 20  # chunks of one kind of damage that a report names
NOT_FOUND = "the vector index does not find chunks by their own vectors"
WRONG_VECTOR = "a vector has a number that is not finite, or only zeros under cosine"


class Findings:
    """What has been found so far. A kind of damage is reported once, with the number of its chunks."""

    def __init__(self, distance: str) -> None:
        self._distance, self._digest, self._chunks = distance, 0, 0
        self._found: dict[tuple[str, str, bool], list[str]] = {}
        self._unchecked: list[str] = []

    def read(self, chunk: Document) -> None:
        """Take in a chunk that could be read, with its vector, and check the vector."""
        self._chunks += 1
        self._digest ^= chunk_digest(chunk)
        vector = np.asarray(chunk.embedding, np.float64)
        if not np.isfinite(vector).all() or (self._distance == "cosine" and not vector.any()):
            self.damage("vectors", WRONG_VECTOR, False, chunk.chunk_id)

    def damage(self, part: str, problem: str, repairable: bool, chunk_id: str | None = None) -> None:
        """Note one damage. ``chunk_id`` is None if it is not about a chunk."""
        self._found.setdefault((part, problem, repairable), []).extend([] if chunk_id is None else [chunk_id])

    def unchecked(self, what: str) -> None:
        """Note what could not be looked at."""
        self._unchecked.append(what)

    @property
    def chunks(self) -> int:
        """How many chunks could be read."""
        return self._chunks

    def report(self) -> VerifyReport:
        """Return the result."""
        damages = tuple(
            Damage(part, problem, repairable, len(ids), tuple(ids[:NAMED]))
            for (part, problem, repairable), ids in self._found.items()
        )
        return VerifyReport(self._chunks, f"{self._digest:032x}", damages, unchecked=tuple(self._unchecked))


class Sample:
    """Some chunks out of all, chosen by chance while they are read, by which the vector index is tried."""

    def __init__(self) -> None:
        self.chunks: list[Document] = []
        self._offered, self._chance = 0, random.Random(0)

    def offer(self, chunk: Document) -> None:
        """Take a chunk, or not. In the end every chunk had the same chance (reservoir sampling)."""
        self._offered += 1
        place = self._chance.randrange(self._offered)
        if len(self.chunks) < SAMPLED:
            self.chunks.append(chunk)
        elif place < SAMPLED:
            self.chunks[place] = chunk

    @staticmethod
    def own_score(chunk: Document, distance: str) -> float:
        """Return the least score of the best hit for a chunk's own vector, with room for single precision."""
        if distance != "inner_product":
            return 1.0 - 1e-3
        product = float(np.sum(np.asarray(chunk.embedding, np.float64) ** 2))
        return (1.0 + product / (1.0 + product)) / 2.0 - 1e-3


def chunk_digest(chunk: Document) -> int:
    """Return a hash of 128 bits of all that a chunk has. Exclusive or combines those of many, in any order."""
    state = hashlib.blake2b(digest_size=16)
    metadata = json.dumps(_plain(chunk.metadata), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    vector = np.asarray(chunk.embedding, "<f4") + np.float32(0)  # so that 0 and -0 are the same
    for part in (chunk.chunk_id.encode(), chunk.text.encode(), metadata.encode(), vector.tobytes()):
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return int.from_bytes(state.digest(), "little")


def _plain(value: Metadata | Any) -> Any:
    """Write a whole number in one way. The backends give back 1.0 as 1, or as it was given."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def telling(progress: ProgressCallback | None, total: int) -> Callable[[int], None]:
    """Return what reports how many chunks have been read."""

    def tell(done: int) -> None:
        if progress is not None:
            progress(Progress("verifying", done, max(total, done)))

    return tell
