"""Chunks are checked and prepared before any store is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_brain_store import DimensionMismatchError, InvalidDocumentError
from agent_brain_store.checks.chunks import prepare
from agent_brain_store.checks.vectors import ChunkRules
from tests.support.internals import convert_vectors_in_pieces
from tests.support.stores import DIMENSIONS
from tests.support.strategies import values

GOOD = [1.0] * DIMENSIONS
RULES = ChunkRules(DIMENSIONS, "cosine")


@given(st.dictionaries(st.text(max_size=8), values, max_size=4))
@settings(max_examples=200, deadline=None)
def test_preparing_twice_changes_nothing(metadata):
    once = prepare(RULES, ["a"], [GOOD], ["t"], [metadata]).metadatas
    assert prepare(RULES, ["a"], [GOOD], ["t"], once).metadatas == once
    assert None not in once[0].values()


class Watched(list[Any]):
    """A list that remembers how much of it was taken at a time."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self.taken: list[int] = []

    def __getitem__(self, key: Any) -> Any:
        got = super().__getitem__(key)
        self.taken.append(len(got) if isinstance(key, slice) else 1)
        return got


def test_lists_of_vectors_are_converted_piece_by_piece(monkeypatch):
    # Converted at once, they would hold the interpreter's lock for seconds, and so stop the event loop.
    convert_vectors_in_pieces(monkeypatch, 2 * DIMENSIONS)
    rows = np.random.default_rng(0).normal(size=(5, DIMENSIONS)).tolist()
    watched = Watched(rows)
    batch = prepare(RULES, list("abcde"), watched, [""] * 5, [{}] * 5)
    assert np.array_equal(batch.vectors, np.array(rows, np.float32))
    assert watched.taken == [2, 2, 1]
    wrongs: list[Any] = [[float("nan")] * DIMENSIONS, ["x"] * DIMENSIONS, None, [[1.0]] * DIMENSIONS]
    for wrong in wrongs:
        with pytest.raises(InvalidDocumentError, match=r"chunk 'e' \(position 4\)"):
            prepare(RULES, list("abcde"), [*rows[:4], wrong], [""] * 5, [{}] * 5)
    with pytest.raises(DimensionMismatchError, match="'e'.* has 3 dimensions"):
        prepare(RULES, list("abcde"), [*rows[:4], [1.0] * 3], [""] * 5, [{}] * 5)
