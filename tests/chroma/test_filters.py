"""Filters as Chroma gets them. It finds every match, and the condition that is left excludes all else."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent_brain_store.chroma.stored import LONGEST, folders, from_stored, to_stored
from agent_brain_store.chroma.where import to_where
from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import parse
from tests.support.internals import new_rows

VALUES = [
    "a", "", "b", "A", "ä", "1", "true", "x" * LONGEST, "x" * (LONGEST + 1),
    0, 1, 1.0, 1.5, -1, -1.5, 2, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 1e19, 1e300, 5e-324,
    0.1 + 0.2, True, False,
    [], ["a"], ["a", "b"], [1, 2.5], [2**53 + 1], [True], ["a", 1, True], [["a"]], [None, "a"], ["x" * (LONGEST + 1)],
    {}, {"a": 1},
]  # fmt: skip
OPERANDS = [value for value in VALUES if isinstance(value, (str, int, float))] + [10**300, 2**64]
KEYS = ["k", "", "a.b", "chroma:k", "agent_brain:k", "#document", 'quote" \\ ;drop']
PATHS = ["/src/app/main.py", "/src/app2/x.py", "/src/", "/src/app/", "src/app/y.py", "C:\\src\\a.py", "/", "plain", ""]
PATHS += ["/".join("d" * 40), "/" + "x" * 2000 + "/y", "/src/app/" + "z" * 2000]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """Yield rows with every kind of value under every kind of key, and their metadata."""
    chunks = [{key: value} for key, value in itertools.product(KEYS[:1], VALUES)]
    chunks += [{key: value} for key, value in itertools.product(KEYS[1:], ("a", 1, ["a", 1]))]
    chunks += [{"source": value} for value in [*PATHS, 7, ["/src/app/"]]]
    chunks += [{}, {"k": "a", "n": 1}, {"k": "b", "n": 2}, {"k": "a", "n": 3, "source": "/src/app/q"}]
    vector = np.ones(3, np.float32)
    ids = [f"{i:04}" for i in range(len(chunks))]
    with new_rows(Path(tmp_path_factory.mktemp("chroma"))) as rows:
        rows.put(ids, ids, [to_stored("", chunk, vector) for chunk in chunks], np.tile(vector, (len(ids), 1)))
        yield rows, dict(zip(ids, chunks, strict=True))


def check(world, where):
    """Compare what a filter finds with the reference. Return Chroma's clause, and the condition that is left to check."""
    rows, chunks = world
    node = parse(where)
    assert node is not None
    clause, rest = to_where(node)
    found = rows.ids(clause)
    expected = [i for i in chunks if matches(node, chunks[i])]
    assert set(expected) <= set(found), where
    assert [i for i in found if rest is None or matches(rest, chunks[i])] == expected, where
    return clause, rest


@pytest.mark.parametrize("op", ["$eq", "$ne", "$contains", "$not_contains"])
def test_equality_and_membership_find_every_match(world, op):
    for key, operand in itertools.product(KEYS, OPERANDS):
        check(world, {key: {op: operand}})


@pytest.mark.parametrize("op", ["$gt", "$gte", "$lt", "$lte"])
def test_comparisons_find_every_match(world, op):
    for operand in OPERANDS:
        if not isinstance(operand, bool):
            check(world, {"k": {op: operand}})
            check(world, {"$not": {"k": {op: operand}}})


def test_lists_of_values_find_every_match(world):
    for values in ([], ["a"], ["a", "b", 1], [1, 1.5, True], [2**53, "a"], ["x" * 5000], VALUES[:28]):
        check(world, {"k": {"$in": values}})
        check(world, {"k": {"$nin": values}})
        check(world, {"$and": [{"k": {"$in": values}}, {"n": {"$gt": 1}}]})
        check(world, {"$or": [{"k": {"$nin": values}}, {"n": {"$gt": 1}}]})


def test_existence_and_nested_conditions_find_every_match(world):
    leaves = [{"k": "a"}, {"k": {"$exists": True}}, {"k": {"$gt": "a"}}, {"n": {"$lte": 2}}, {"k": {"$in": []}}]
    for a, b in itertools.product(leaves, leaves):
        for where in (
            {"$and": [a, b]},
            {"$or": [a, b]},
            {"$not": {"$or": [a, {"$not": b}]}},
            {"$or": [{"$not": a}, b]},
        ):
            check(world, where)
            check(world, {"$not": where})


def test_prefixes_find_every_match(world):
    for path in PATHS:
        for end in {0, 1, 3, 5, 6, 9, len(path), *range(0, len(path), 97)}:
            for key in ("source", "k"):
                check(world, {key: {"$prefix": path[:end]}})
                check(world, {"$not": {key: {"$prefix": path[:end]}}})


def test_nothing_is_left_to_check_where_chroma_can_decide(world):
    for where in (
        {"k": "a"},
        {"k": {"$in": ["a", 1]}, "n": {"$gte": 1, "$lt": 3}},
        {"k": {"$nin": ["a", "b"]}},
        {"source": {"$prefix": "/src/app/"}},
        {"$or": [{"k": "a"}, {"$not": {"source": {"$prefix": "/src/"}}}]},
    ):
        assert check(world, where)[1] is None, where
    for undecided in ({"n": {"$exists": True}}, {"k": {"$contains": "a"}}):
        clause, rest = check(world, {"k": "a", **undecided})
        assert clause is not None
        assert rest == parse(undecided)


def test_filters_beyond_the_limits_of_chroma_find_every_match(world):
    deep: dict[str, Any] = {"k": "a"}
    for _ in range(31):
        deep = {"$or": [{"$and": [deep, {"n": {"$ne": 9}}]}, {"n": 77}]}
    check(world, deep)
    check(world, {"$or": [{"k": {"$contains": str(i)}} for i in range(1500)] + [{"n": 1}]})
    check(world, {"k": {"$in": [str(i) for i in range(9_000)]}})
    check(world, {"k": {"$in": [str(i) for i in range(11_000)]}})


def test_metadata_comes_back_as_it_was():
    metadata = {"b": [], "a": {"z": 1, "y": [None, {"x": 1.0}]}, "i": 2**63 - 1, "": "", "chroma:x": 1, "one": 1.0}
    stored = to_stored("text", metadata, np.ones(2, np.float32))
    assert from_stored(stored) == metadata
    assert list(from_stored(stored)) == list(metadata)
    assert isinstance(from_stored(stored)["one"], float)


def test_a_path_is_stored_with_its_folders():
    assert folders("/src/app/main.py") == ["/", "/src/", "/src/app/"]
    assert folders("C:\\src\\a.py") == ["C:\\", "C:\\src\\"]
    assert folders("plain") == []
