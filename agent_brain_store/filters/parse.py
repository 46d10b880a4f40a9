"""Parse metadata filters into a small tree. Each backend translates the tree into its own form.

The language is Chroma's (``{"key": value}``, ``$eq $ne $gt $gte $lt $lte $in $nin $contains $not_contains $and $or``)
without its restrictions, plus ``$not``, ``$exists`` and ``$prefix``. Several keys, and several operators of one key,
mean *and*. ``docs/filters.md`` has the whole truth table. These are its rules in short:

- A comparison is false for a missing key and for a value of another type. ``1`` equals ``1.0``, but not ``True``.
- ``$ne``, ``$nin`` and ``$not_contains`` are the negations of ``$eq``, ``$in`` and ``$contains``, so they match a
  missing key.
- Strings and dates compare by code point.
- ``$contains`` looks for an element of a list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from agent_brain_store.checks.chunks import INT64, clean_text, iso, plain_number
from agent_brain_store.errors import InvalidFilterError

Scalar: TypeAlias = str | bool | int | float

MAX_DEPTH = 64
_LONGEST_INTEGER = 4096  # bits


@dataclass(frozen=True, slots=True)
class Compare:
    """Compares a key's value with an operand. ``op`` is one of ``== > >= < <= prefix contains``."""

    key: str
    op: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """The key's value is one of several, each kept with its kind, because ``True == 1``. Without values nothing matches."""

    key: str
    values: frozenset[tuple[str | None, Scalar]]


@dataclass(frozen=True, slots=True)
class Exists:
    """The key exists."""

    key: str


@dataclass(frozen=True, slots=True)
class Not:
    """The filter does not match."""

    item: Filter


@dataclass(frozen=True, slots=True)
class And:
    """All filters match."""

    items: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one filter matches."""

    items: tuple[Filter, ...]


Filter: TypeAlias = Compare | In | Exists | Not | And | Or
Build: TypeAlias = Callable[[str, object, str], Filter]  # takes a key, an operand and its place


def kind_of(value: Any) -> str | None:
    """Return ``boolean``, ``number`` or ``string``, or None for anything else. Only values of one kind compare."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else None


def without_not(filter: Filter, negated: bool = False) -> Filter:
    """Push every negation of a filter down to a leaf, by De Morgan's laws. Both backends can negate a leaf correctly."""
    match filter:
        case Not(item):
            return without_not(item, not negated)
        case And(items) | Or(items):
            kind = And if isinstance(filter, And) != negated else Or
            return kind(tuple(without_not(item, negated) for item in items))
        case _:
            return Not(filter) if negated else filter


def keys_of(filter: Filter) -> set[str]:
    """Return the metadata keys that a filter names."""
    match filter:
        case Not(item):
            return keys_of(item)
        case And(items) | Or(items):
            return set().union(*map(keys_of, items))
        case _:
            return {filter.key}


# --- parsing ---------------------------------------------------------------------------------------------------------


def parse(where: Mapping[str, Any] | None, place: str = "where") -> Filter | None:
    """Parse a filter. Returns its tree, or None for None and ``{}``, which match everything.

    Raises `InvalidFilterError`. ``place`` is how the error calls the whole filter.
    """
    if where is None or (isinstance(where, Mapping) and not where):
        return None
    return _condition(where, place, 0)


def parse_required(where: Mapping[str, Any], what: str) -> Filter:
    """Parse a filter that may not be empty, because an empty one matches every chunk. Raises `InvalidFilterError`."""
    filter = parse(where)
    if filter is None:
        raise InvalidFilterError(f"{what} needs a filter; to delete everything call reset()")
    return filter


def combine(
    where: Mapping[str, Any] | None,
    source_types: Any = None,
    languages: Any = None,
) -> Filter | None:
    """Combine a filter with two lists of allowed values. None is no restriction. Raises `InvalidFilterError`."""
    parts = [parse(where)]
    for key, values in (("source_type", source_types), ("language", languages)):
        if values is not None:
            parts.append(_in(key, values, f"{key}s"))
    filters = tuple(filter for filter in parts if filter is not None)
    return None if not filters else _all(filters)


def _all(filters: tuple[Filter, ...]) -> Filter:
    return filters[0] if len(filters) == 1 else And(filters)


def _any(filters: tuple[Filter, ...]) -> Filter:
    """Combine filters by *or*. Several equalities of one key become one `In`, which every backend checks in one step."""
    lists: dict[str, list[Scalar]] = {}
    others = []
    for filter in filters:
        if isinstance(filter, Compare) and filter.op == "==":
            lists.setdefault(filter.key, []).append(filter.value)
        else:
            others.append(filter)
    items = others + [_listed(key, values) for key, values in lists.items()]
    return items[0] if len(items) == 1 else Or(tuple(items))


def _listed(key: str, values: list[Scalar]) -> Filter:
    if len(values) == 1:
        return Compare(key, "==", values[0])
    return In(key, frozenset((kind_of(value), value) for value in values))


def _condition(where: object, place: str, depth: int) -> Filter:
    if not isinstance(where, Mapping):
        raise _error(place, "a mapping of keys to conditions", where)
    if not where:
        raise InvalidFilterError(f"{place}: an empty condition; only the whole filter may be empty", place=place)
    if depth > MAX_DEPTH:
        raise InvalidFilterError(f"{place}: nested deeper than {MAX_DEPTH} levels", place=place)
    return _all(tuple(_entry(key, value, f"{place}.{key}", depth) for key, value in where.items()))


def _entry(key: object, value: object, place: str, depth: int) -> Filter:
    if not isinstance(key, str):
        raise _error(place, "a string as key", key)
    if key in ("$and", "$or"):
        items = _conditions(value, place, depth)
        return And(items) if key == "$and" else _any(items)
    if key == "$not":
        return Not(_condition(value, place, depth + 1))
    if key.startswith("$"):
        raise InvalidFilterError(
            f"{place}: unknown operator; conditions are combined with $and, $or and $not", place=place
        )
    return _key(clean_text(key), value, place)


def _conditions(value: object, place: str, depth: int) -> tuple[Filter, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise _error(place, "a list of at least one condition", value)
    return tuple(_condition(item, f"{place}[{i}]", depth + 1) for i, item in enumerate(value))


def _key(key: str, value: object, place: str) -> Filter:
    if not isinstance(value, Mapping):
        return Compare(key, "==", _scalar(value, place))
    if not value:
        raise _error(place, "a value or operators", value)
    return _all(tuple(_operator(key, op, operand, f"{place}.{op}") for op, operand in value.items()))


def _operator(key: str, op: object, operand: object, place: str) -> Filter:
    if op in ("$and", "$or", "$not"):
        raise InvalidFilterError(f"{place}: {op} goes outside, around {{{key!r}: ...}}", place=place)
    build = _OPERATORS.get(op) if isinstance(op, str) else None
    if build is None:
        raise InvalidFilterError(
            f"{place}: unknown operator; the operators are {' '.join(sorted(_OPERATORS))}", place=place
        )
    return build(key, operand, place)


def _compared(op: str) -> Build:
    return lambda key, operand, place: Compare(key, op, _scalar(operand, place))


def _ordered(op: str) -> Build:
    def build(key: str, operand: object, place: str) -> Filter:
        if operand is None or isinstance(operand, (bool, list, tuple, Mapping)):
            raise _error(place, "a number, a string or a date", operand)
        return Compare(key, op, _scalar(operand, place))

    return build


def _in(key: str, operand: object, place: str) -> Filter:
    if isinstance(operand, (str, bytes, Mapping)) or not hasattr(operand, "__iter__") or _has_no_axis(operand):
        raise _error(place, "a list of values", operand)
    return _listed(key, [_scalar(item, f"{place}[{i}]") for i, item in enumerate(operand)])


def _has_no_axis(operand: object) -> bool:
    return getattr(operand, "ndim", 1) == 0


def _prefix(key: str, operand: object, place: str) -> Filter:
    if not isinstance(operand, str):
        raise _error(place, "a string", operand)
    return Compare(key, "prefix", clean_text(operand))


def _exists(key: str, operand: object, place: str) -> Filter:
    if not isinstance(operand, bool):
        raise _error(place, "true or false", operand)
    return Exists(key) if operand else Not(Exists(key))


def _negated(build: Build) -> Build:
    return lambda key, operand, place: Not(build(key, operand, place))


_OPERATORS: dict[str, Build] = {
    "$eq": _compared("=="),
    "$ne": _negated(_compared("==")),
    "$gt": _ordered(">"),
    "$gte": _ordered(">="),
    "$lt": _ordered("<"),
    "$lte": _ordered("<="),
    "$in": _in,
    "$nin": _negated(_in),
    "$contains": _compared("contains"),
    "$not_contains": _negated(_compared("contains")),
    "$prefix": _prefix,
    "$exists": _exists,
}


def _scalar(value: object, place: str) -> Scalar:
    if hasattr(value, "item") and hasattr(value, "dtype") and _has_no_axis(value):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(str.__str__(value))
    if isinstance(value, date):
        return iso(value)
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:
        raise InvalidFilterError(f"{place}: an integer of more than {_LONGEST_INTEGER} bits", place=place)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return _operand(plain_number(value))
    if value is None:
        raise InvalidFilterError(
            f"{place}: expected a value, got None; a missing key is {{'$exists': false}}", place=place
        )
    raise _error(place, "a string, a number, a boolean or a date", value)


def _operand(number: int | float) -> int | float:
    """Return an operand in the form of stored numbers.

    A stored number beyond 64 bits is always a float. PostgreSQL reads a float as its shortest decimal. So an integer
    beyond 64 bits becomes a float too, and is compared as one.
    """
    try:
        return plain_number(float(number)) if isinstance(number, int) and number not in INT64 else number
    except OverflowError:
        return number


def _error(place: str, expected: str, got: object) -> InvalidFilterError:
    shown = "None" if got is None else f"{type(got).__name__} {str(got)[:60]!a}"
    return InvalidFilterError(f"{place}: expected {expected}, got {shown}", place=place)
