"""Filters as they are parsed, refused, and evaluated in Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from agent_brain_store import InvalidFilterError
from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import parse, without_not
from tests.support.filter_table import filters, reference, stored_metadata


def test_evaluation_in_python_agrees_with_the_truth_table():
    for where in filters():
        node = parse(where)
        assert node is not None
        for metadata in stored_metadata().values():
            assert matches(node, metadata) == matches(without_not(node), metadata) == reference(where, metadata)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ([], "where: expected a mapping of keys to conditions, got list '[]'"),
        ("x", "where: expected a mapping of keys to conditions, got str 'x'"),
        ({"a": None}, "where.a: expected a value, got None; a missing key is {'$exists': false}"),
        ({"a": {"$eq": None}}, "where.a.$eq: expected a value, got None; a missing key is {'$exists': false}"),
        (
            {"$and": [{"a": 1}, {"year": {"$gt": None}}]},
            "where.$and[1].year.$gt: expected a number, a string or a date, got None",
        ),
        ({"a": {"$gt": True}}, "where.a.$gt: expected a number, a string or a date, got bool 'True'"),
        ({"a": {"$lt": [1]}}, "where.a.$lt: expected a number, a string or a date, got list '[1]'"),
        ({"a": [1]}, "where.a: expected a string, a number, a boolean or a date, got list '[1]'"),
        ({"a": {}}, "where.a: expected a value or operators, got dict '{}'"),
        ({"a": {"$like": "x"}}, "where.a.$like: unknown operator; the operators are $contains $eq"),
        ({"a": {"$not": {"$lt": 1}}}, "where.a.$not: $not goes outside, around {'a': ...}"),
        ({"a": {"b": 1}}, "where.a.b: unknown operator; the operators are $contains $eq"),
        ({"$xor": []}, "where.$xor: unknown operator; conditions are combined with $and, $or and $not"),
        ({"$and": []}, "where.$and: expected a list of at least one condition, got list '[]'"),
        ({"$or": {"a": 1}}, "where.$or: expected a list of at least one condition, got dict"),
        ({"$not": {}}, "where.$not: an empty condition; only the whole filter may be empty"),
        ({"$or": [{"a": 1}, {}]}, "where.$or[1]: an empty condition"),
        ({"a": {"$in": "abc"}}, "where.a.$in: expected a list of values, got str 'abc'"),
        ({"a": {"$in": [1, [2]]}}, "where.a.$in[1]: expected a string, a number, a boolean or a date, got list '[2]'"),
        ({"a": {"$in": [None]}}, "where.a.$in[0]: expected a value, got None"),
        ({"a": {"$prefix": 1}}, "where.a.$prefix: expected a string, got int '1'"),
        ({"a": {"$exists": 1}}, "where.a.$exists: expected true or false, got int '1'"),
        ({"a": math.nan}, "where.a: expected a string, a number, a boolean or a date, got float 'nan'"),
        ({1: "a"}, "where.1: expected a string as key, got int '1'"),
        ({"a": b"x"}, "where.a: expected a string, a number, a boolean or a date, got bytes"),
    ],
)
def test_errors_name_the_place_in_the_filter(where, message):
    with pytest.raises(InvalidFilterError) as caught:
        parse(where)
    assert caught.value.message.startswith(message)
    assert message.startswith(caught.value.place)


def test_a_filter_nested_too_deeply_is_refused():
    where: dict[str, Any] = {"a": 1}
    for _ in range(100):
        where = {"$not": where}
    with pytest.raises(InvalidFilterError, match="nested deeper than 64"):
        parse(where)


@pytest.mark.parametrize("where", [{"n": 10**5000}, {"n": {"$gt": -(10**5000)}}, {"n": {"$in": np.array(2)}}])
def test_huge_numbers_and_arrays_are_refused_by_name(where):
    with pytest.raises(InvalidFilterError, match=r"where\.n"):
        parse(where)
