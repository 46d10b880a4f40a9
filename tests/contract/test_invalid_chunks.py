"""Calls with several chunks that cannot be stored: all are named at once, and ``on_invalid="skip"`` stores the others."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from agent_brain_store import ChunkProblem, DimensionMismatchError, InvalidDocumentError, InvalidQueryError
from tests.support.stores import DIMENSIONS, fill

GOOD = [1.0] * DIMENSIONS
# Positions 1, 2, 3 and 5 cannot be stored. Position 3 has two problems.
CALL: tuple[list[Any], list[Any], list[Any], list[Any]] = (
    ["good", "", "nan", "two", "fine", "short"],
    [GOOD, GOOD, [float("nan")] * DIMENSIONS, GOOD, GOOD, [1.0] * 3],
    ["good", "x", "x", None, "fine", "x"],
    [{}, {}, {}, {"k": {1}}, {"n": 1}, {}],
)
PLACES = [(1, "id"), (2, "embedding"), (3, "document"), (3, "metadata.k"), (5, "embedding")]


def places(problems):
    return [(problem.position, problem.field) for problem in problems]


async def test_all_problems_of_a_call_are_in_one_error(store):
    with pytest.raises(InvalidDocumentError) as caught:
        await store.upsert_documents(*CALL)
    error = caught.value
    assert places(error.problems) == PLACES
    assert (error.chunk_id, error.position, error.field) == ("", 1, "id")
    first, *lines = error.message.split("\n  ")
    assert first == "4 of 6 chunks cannot be stored; nothing was written:"
    assert lines == [str(problem) for problem in error.problems]
    assert lines[1] == "chunk 'nan' (position 2): embedding holds NaN"
    assert await store.get_count() == 0


async def test_skipping_stores_the_others_and_returns_the_problems(store, caplog):
    caplog.set_level(logging.WARNING, "agent_brain_store")
    stored = await store.upsert_documents(*CALL, on_invalid="skip")
    assert stored == 2
    assert places(stored.left_out) == PLACES
    assert [c.chunk_id async for c in store.iter_documents()] == ["fine", "good"]
    assert caplog.messages == [
        "4 of 6 chunks cannot be stored and were left out; the first problem: chunk '' (position 1): id is empty"
    ]
    caplog.clear()
    assert (await store.upsert_documents(["a"], [GOOD], ["a"], [{}], on_invalid="skip")).left_out == ()
    assert not caplog.records


async def test_replacing_and_loading_skip_too(store):
    await fill(store, ("old", "old", {"n": 1}), ("two", "an older version", {"n": 1}), ("other", "stays"))
    replaced = await store.replace_documents({"n": 1}, *CALL, on_invalid="skip")
    assert (replaced.deleted, replaced.upserted, places(replaced.left_out)) == (2, 2, PLACES)
    async with store.bulk_load() as load:
        loaded = await load.upsert_documents(*CALL, on_invalid="skip")
        with pytest.raises(InvalidDocumentError):
            await load.upsert_documents(*CALL)
    assert (loaded, places(loaded.left_out)) == (2, PLACES)
    assert [c.chunk_id async for c in store.iter_documents()] == ["fine", "good", "other"]


async def test_vectors_of_another_model_are_never_left_out_in_silence(store):
    for vectors in ([[1.0] * 3] * 2, np.ones((2, 3)), [[1.0] * 3, [1.0] * 4]):
        for on_invalid in ("refuse", "skip"):
            with pytest.raises(DimensionMismatchError, match="2 of 2 chunks cannot be stored") as caught:
                await store.upsert_documents(["a", "b"], vectors, ["a", "b"], [{}, {}], on_invalid=on_invalid)
            assert (caught.value.expected, caught.value.actual) == (DIMENSIONS, 3)
            assert [problem.dimensions for problem in caught.value.problems] == [3, len(vectors[1])]


async def test_a_repeated_id_keeps_its_last_good_chunk(store):
    bad = [float("inf")] * DIMENSIONS
    stored = await store.upsert_documents(
        ["a", "a", "a"], [GOOD, GOOD, bad], ["1", "2", "3"], [{}] * 3, on_invalid="skip"
    )
    assert (stored, len(stored.left_out)) == (1, 1)
    assert (await store.get_by_id("a"))["text"] == "2"


async def test_a_call_without_a_good_chunk_stores_nothing(store):
    stored = await store.upsert_documents(["", None], [GOOD, GOOD], ["a", "b"], [{}, {}], on_invalid="skip")
    assert stored == 0
    assert stored.left_out == (
        ChunkProblem(0, "", "id", "is empty"),
        ChunkProblem(1, None, "id", "is None, not a string"),
    )


async def test_a_message_lists_twenty_problems_and_counts_the_others(store):
    with pytest.raises(InvalidDocumentError) as caught:
        await store.upsert_documents([""] * 30, [GOOD] * 30, ["x"] * 30, [{}] * 30)
    assert len(caught.value.problems) == 30
    assert caught.value.message.splitlines()[-1] == "  and 10 more problems"


async def test_another_word_is_refused(store):
    with pytest.raises(InvalidQueryError, match=r"on_invalid is 'ignore'; it must be 'refuse' or 'skip'"):
        await store.upsert_documents(*CALL, on_invalid="ignore")
