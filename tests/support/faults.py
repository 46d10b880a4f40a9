"""Damage and bounds of the Chroma backend that tests put there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store.chroma import client, damage, room, trial, verifying


@contextmanager
def empty_vector_index(once: bool = False) -> Iterator[None]:
    """Let Chroma's vector index find nothing, for one verification or for all in the block."""
    nearest, tried = verifying.try_index, []

    def nothing(rows: client.Rows, sample: Any) -> list[str]:
        tried.append(1)
        return nearest(rows, sample) if once and len(tried) > 1 else [chunk.chunk_id for chunk in sample.chunks]

    verifying.try_index = nothing
    try:
        yield
    finally:
        verifying.try_index = nearest


def leave_links_unchecked() -> None:
    """Let every vector index count as too large for its links to be checked at the start."""
    damage.LINKS_AT_START = -1


def watch_trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the collections that a child process opens first. The returned list grows."""
    tried: list[str] = []
    try_opening = trial.try_opening

    def watched(path: Path, collection: str) -> None:
        tried.append(collection)
        try_opening(path, collection)

    monkeypatch.setattr(trial, "try_opening", watched)
    return tried


def keep_no_room() -> None:
    """Let writes to Chroma go on until the disk is full."""
    room.RESERVE, room.PER_BYTE = -(2**40), 0
