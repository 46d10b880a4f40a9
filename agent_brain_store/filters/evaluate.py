"""Evaluate filters in Python. Chroma's own filters cannot express all of the language, so the rest is decided here."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from agent_brain_store.filters.parse import And, Compare, Exists, Filter, In, Not, Or, Scalar, kind_of

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def matches(filter: Filter, metadata: Mapping[str, Any]) -> bool:
    """Return whether a chunk's stored metadata matches a filter."""
    match filter:
        case Compare(key, op, value):
            return key in metadata and _holds(op, metadata[key], value)
        case In(key, values):
            kind = kind_of(metadata.get(key))
            return kind is not None and (kind, metadata[key]) in values
        case Exists(key):
            return key in metadata
        case Not(item):
            return not matches(item, metadata)
        case And(items):
            return all(matches(item, metadata) for item in items)
        case Or(items):
            return any(matches(item, metadata) for item in items)


def _holds(op: str, stored: Any, value: Scalar) -> bool:
    if op == "contains":
        return isinstance(stored, list) and any(_same_kind(item, value) and item == value for item in stored)
    if not _same_kind(stored, value):
        return False
    if op == "==":
        return bool(stored == value)
    if op == "prefix":
        return str(stored).startswith(str(value))
    return _ORDER[op](stored, value)


def _same_kind(a: Any, b: Any) -> bool:
    return kind_of(a) is not None and kind_of(a) == kind_of(b)
