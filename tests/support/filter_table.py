"""The truth table of docs/filters.md: every operator, every kind of stored value, and a plain reading of the rules.

The reading in Python shares no code with the library.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np

from agent_brain_store.checks.chunks import prepare
from agent_brain_store.checks.vectors import ChunkRules
from tests.support.stores import DIMENSIONS

# --- the reading -----------------------------------------------------------------------------------------------------


def reference(where: Any, metadata: Any) -> Any:
    """Tell whether a chunk matches, by the documented rules."""
    return all(_entry(key, value, metadata) for key, value in where.items())


def _entry(key: str, value: Any, metadata: Any) -> Any:
    if key == "$and":
        return all(reference(item, metadata) for item in value)
    if key == "$or":
        return any(reference(item, metadata) for item in value)
    if key == "$not":
        return not reference(value, metadata)
    operators = value if isinstance(value, dict) else {"$eq": value}
    return all(_operator(op, operand, key in metadata, metadata.get(key)) for op, operand in operators.items())


def _operator(op: str, operand: Any, there: bool, stored: Any) -> Any:
    negation = {"$ne": "$eq", "$nin": "$in", "$not_contains": "$contains"}
    if op in negation:
        return not _operator(negation[op], operand, there, stored)
    if op == "$exists":
        return there == operand
    if not there:
        return False
    if op == "$in":
        return any(_equal(stored, item) for item in operand)
    if op == "$contains":
        return isinstance(stored, list) and any(_equal(item, operand) for item in stored)
    if op == "$eq":
        return _equal(stored, operand)
    left, right = _comparable(stored), _comparable(operand)
    if left is None or right is None or left[0] != right[0] or left[0] == "boolean":
        return False
    a, b = left[1], right[1]
    if op == "$prefix":
        return left[0] == "string" and a.startswith(b)
    return {"$gt": a > b, "$gte": a >= b, "$lt": a < b, "$lte": a <= b}[op]


def _equal(stored: Any, operand: Any) -> bool:
    left, right = _comparable(stored), _comparable(operand)
    return left is not None and left == right


def _comparable(value: Any) -> tuple[str, Any] | None:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = float(value)
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, (int, float)):
        exact = Decimal(value) if isinstance(value, int) or value.is_integer() else Decimal(repr(value))
        return "number", exact
    if isinstance(value, dt.datetime):
        return "string", (value.astimezone(dt.UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, dt.date):
        return "string", value.isoformat()
    return ("string", value) if isinstance(value, str) else None


# --- the table -------------------------------------------------------------------------------------------------------

MISSING = object()
STORED: list[Any] = [
    MISSING,
    None,
    "x",
    "",
    "xy",
    "X",
    "1",
    "true",
    "2024-05-01",
    dt.date(2024, 5, 2),
    dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC),
    'quo"te',
    "back\\slash",
    "it's",
    "é",
    "e\u0301",
    "🐻",
    "\uffff",
    "%_",
    "$.a",
    0,
    1,
    1.0,
    -1,
    0.5,
    1.5,
    2**53,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    -(2.0**63),
    2.0**60,
    2.0**63,
    1e22,
    1e23,
    1e-300,
    True,
    False,
    [],
    ["x"],
    ["x", "y"],
    [1, 2],
    [1.0],
    [True],
    ["1"],
    [1, "x", None],
    [["x"]],
    [{"x": 1}],
    {},
    {"x": 1},
    {"$eq": "x"},
]
OPERANDS: list[Any] = [
    "x",
    "",
    "xy",
    "1",
    "true",
    "2024-05-01",
    dt.date(2024, 5, 2),
    dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    'quo"te',
    "back\\slash",
    "it's",
    "é",
    "🐻",
    "%_",
    "' or true --",
    0,
    1,
    1.0,
    -1,
    0.5,
    2**53,
    2**53 + 1,
    float(2**53),
    2**63 - 1,
    -(2**63),
    -(2**63) - 1,
    2**60,
    2**63,
    2**64 + 2**13,
    10**23,
    1e22,
    1e23,
    np.int64(1),
    True,
    False,
]
ORDERED = ("$gt", "$gte", "$lt", "$lte")


def filters() -> list[dict[str, Any]]:
    """Return every operator with every operand that it takes."""
    found: list[dict[str, Any]] = [{"k": operand} for operand in OPERANDS]
    for op in ("$eq", "$ne", "$contains", "$not_contains"):
        found += [{"k": {op: operand}} for operand in OPERANDS]
    for op in ORDERED:
        found += [{"k": {op: operand}} for operand in OPERANDS if not isinstance(operand, bool)]
    found += [{"k": {"$prefix": operand}} for operand in OPERANDS if isinstance(operand, str)]
    found += [{"k": {"$exists": flag}} for flag in (True, False)]
    for op in ("$in", "$nin"):
        found += [
            {"k": {op: items}} for items in ([], ["x"], ["x", 1, True], [1, 2**53 + 1], [False], ("x", "y"), ["", "é"])
        ]
    found += [
        {"k": {"$gte": 0, "$lt": 2}},
        {"k": {"$gte": "a", "$lt": "z"}},
        {"k": {"$gt": 0}, "other": "same"},
        {"k": "x", "other": "different"},
        {"$and": [{"k": "x"}]},
        {"$or": [{"k": "x"}]},
        {"$and": [{"k": {"$gte": 0}}, {"k": {"$ne": 1}}]},
        {"$or": [{"k": "x"}, {"k": 1}, {"k": True}]},
        {"$not": {"k": "x"}},
        {"$not": {"k": {"$gt": 0}}},
        {"$not": {"k": {"$prefix": "x"}}},
        {"$not": {"$or": [{"k": "x"}, {"k": {"$exists": False}}]}},
        {"$not": {"$and": [{"k": {"$gt": "a"}}, {"other": "same"}]}},
        {"$not": {"$not": {"k": {"$contains": "x"}}}},
        {"$or": [{"$and": [{"k": {"$in": [0, 1]}}, {"other": "same"}]}, {"k": {"$exists": False}}]},
        {"$and": [{"$or": [{"k": {"$lt": 1}}, {"k": {"$lt": "b"}}]}, {"$not": {"k": ""}}], "other": {"$ne": "x"}},
        {"nowhere": {"$ne": 1}},
        {"nowhere": {"$nin": ["x"]}, "k": {"$exists": True}},
        {"nowhere": 1},
    ]
    return found


RULES = ChunkRules(DIMENSIONS, "cosine")


def stored_metadata() -> dict[str, dict[str, Any]]:
    """Return chunks by id. Each has one kind of value, in the form in which it is stored."""
    raw = [{"other": "same"} if value is MISSING else {"k": value, "other": "same"} for value in STORED]
    count = len(raw)
    ids = [f"{i:03}" for i in range(count)]
    batch = prepare(RULES, ids, [[1.0] * DIMENSIONS] * count, ["t"] * count, raw)
    return dict(zip(batch.ids, batch.metadatas, strict=True))
