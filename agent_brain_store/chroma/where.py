"""Translate a filter into Chroma's form, and find the part of it that Chroma cannot decide.

Chroma's answer for lists is only a hint. Chroma leaves the lists of a deleted collection behind. A new chunk whose row
gets the same number inherits their elements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from agent_brain_store.chroma.stored import LONGEST, METADATA, copied_number, folder_key, folders, has_copy, list_key
from agent_brain_store.filters.parse import And, Compare, Filter, In, Not, Or, Scalar, without_not

EXACT = 2**53  # below this, a float holds every integer
MAX_CLAUSES = 200  # SQLite allows expressions up to a depth of 1000
MAX_VALUES = 10_000  # SQLite allows 32,766 variables in a statement
MAX_NESTING = 16  # Chroma's parser allows 31 levels

Clause: TypeAlias = dict[str, Any]

_NOTHING: Clause = {METADATA: {"$eq": ""}}


def to_where(filter: Filter | None) -> tuple[Clause | None, Filter | None]:
    """Return a filter as Chroma's ``where``, and the part of it that remains to be checked.

    A ``where`` of None finds everything. A remainder of None means that nothing is left to check. Chroma finds every
    match, and perhaps other chunks. The remainder rejects these.
    """
    if filter is None:
        return None, None
    parts = _flat(without_not(filter))
    translated = [_clause(part) for part in parts]
    where = _all([clause for clause, _ in translated if clause is not None])
    if where is not None and not _fits(where):
        return None, filter
    rest = tuple(part for part, (_, exact) in zip(parts, translated, strict=True) if not exact)
    return where, None if not rest else rest[0] if len(rest) == 1 else And(rest)


def _flat(filter: Filter) -> tuple[Filter, ...]:
    if not isinstance(filter, And):
        return (filter,)
    return tuple(part for item in filter.items for part in _flat(item))


def _clause(filter: Filter) -> tuple[Clause | None, bool]:
    """Return a clause that every match satisfies, and whether only matches satisfy it. None is no restriction."""
    match filter:
        case And(items):
            parts = [_clause(item) for item in items]
            return _all([clause for clause, _ in parts if clause is not None]), all(exact for _, exact in parts)
        case Or(items):
            return _any([_clause(item) for item in items])
        case In(key, values):
            return _in(key, (value for _, value in values))
        case Not(item):
            clause, exact = _clause(item)
            opposite = _negated(clause) if exact and clause is not None else None
            return opposite, opposite is not None
        case Compare(key, op, value):
            return _comparison(key, op, value)
        case _:
            return None, False


def _in(key: str, values: Iterable[Scalar]) -> tuple[Clause | None, bool]:
    """Translate equalities into one ``$in`` for each type. ``$in`` takes thousands of values, but ``$or`` a few hundred."""
    all_exact = True
    lists: dict[type, dict[Scalar, None]] = {}
    for value in values:
        clause, exact = _comparison(key, "==", value)
        if clause is None:
            return None, False
        all_exact &= exact
        copy = clause[key]["$eq"]
        lists.setdefault(type(copy), {})[copy] = None
    return _any([({key: {"$in": list(copies)}}, all_exact) for copies in lists.values()])


def _comparison(key: str, op: str, value: Scalar) -> tuple[Clause | None, bool]:
    if op == "prefix":
        return _prefix(key, str(value))
    if not has_copy(key) or (isinstance(value, str) and (op not in ("==", "contains") or len(value) > LONGEST)):
        return None, False
    if isinstance(value, (bool, str)):
        return (_element(key, value), False) if op == "contains" else ({key: {"$eq": value}}, True)
    try:
        number = copied_number(value)
    except OverflowError:
        return None, False
    if op == "contains":
        return _element(key, number), False
    exact = abs(value) < EXACT and number.is_integer()
    return {key: {_operator(op, exact): number}}, exact


def _operator(op: str, exact: bool) -> str:
    """Return Chroma's operator.

    Beyond 2^53, and for fractions as Chroma writes them, two close numbers can become one. So unless the operand is
    exact, ``>`` and ``<`` must also let equal numbers pass.
    """
    wide = {">": "$gte", "<": "$lte"}
    plain = {"==": "$eq", ">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}
    return plain[op] if exact else wide.get(op, plain[op])


def _element(key: str, value: str | float | bool) -> Clause:
    return {"$or": [{key: {"$contains": value}}, {list_key(type(value), key): {"$contains": value}}]}


def _prefix(key: str, prefix: str) -> tuple[Clause | None, bool]:
    above = folders(prefix) if key == "source" else []
    if not above:
        return None, False
    return {folder_key(len(above)): {"$eq": above[-1]}}, above[-1] == prefix


def _negated(clause: Clause) -> Clause | None:
    """Return the opposite of a clause of `_comparison` or `_in`.

    An order like ``$gt`` gives None, because its opposite has to find chunks without the key.
    """
    if "$or" in clause:
        negated = [_negated(item) for item in clause["$or"]]
        return {"$and": negated} if None not in negated else None
    ((key, condition),) = clause.items()
    ((op, value),) = condition.items()
    opposite = {"$eq": "$ne", "$in": "$nin"}.get(op)
    return {key: {opposite: value}} if opposite else None


def _all(clauses: list[Clause]) -> Clause | None:
    return None if not clauses else clauses[0] if len(clauses) == 1 else {"$and": clauses}


def _any(parts: list[tuple[Clause | None, bool]]) -> tuple[Clause | None, bool]:
    if not parts:
        return _NOTHING, True
    exact = all(exact for _, exact in parts)
    clauses = [clause for clause, _ in parts if clause is not None]
    if len(clauses) < len(parts):
        return None, False
    return clauses[0] if len(clauses) == 1 else {"$or": clauses}, exact


def _fits(where: Clause) -> bool:
    """Return whether Chroma and SQLite accept a clause of this size."""
    clauses, values, nesting = _size(where)
    return clauses <= MAX_CLAUSES and values <= MAX_VALUES and nesting <= MAX_NESTING


def _size(where: Clause) -> tuple[int, int, int]:
    ((key, condition),) = where.items()
    if key not in ("$and", "$or"):
        ((_, operand),) = condition.items()
        return 1, len(operand) if isinstance(operand, list) else 1, 0
    sizes = [_size(item) for item in condition]
    return sum(s[0] for s in sizes), sum(s[1] for s in sizes), 1 + max(s[2] for s in sizes)
