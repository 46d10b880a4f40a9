"""Filters in PostgreSQL's form: a whole filter is one bound ``jsonpath``, and nothing of it becomes SQL text.

Strict mode, and every leaf inside a filter expression of its own: what cannot be compared is then false rather than
unknown, so that negation is complete, and lists are never unwrapped behind our back. Only leaves are negated: of
``!(!(a) && b)`` PostgreSQL asks its GIN index for ``a`` alone, and loses what matches because ``b`` is false.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from agent_brain_store.filters.parse import And, Compare, Exists, Filter, In, Not, Or, Scalar, without_not

PREFIX_LENGTH = 512  # characters of source that the index on it holds
_FEW = 4  # values that are compared one after the other


def to_jsonpath(filter: Filter | None, source_prefix: str = "") -> str:
    """The filter as a jsonpath for ``metadata @@ …``; an empty string when there is none.

    That ``source`` begins with ``source_prefix`` is not said again: the planner would multiply the two and expect far too
    few chunks. What remains is that it is a text.
    """
    if filter is None:
        return ""
    return "strict " + _jsonpath(without_not(filter), source_prefix if len(source_prefix) <= PREFIX_LENGTH else "")


def required_prefix(filter: Filter | None, key: str) -> str:
    """A prefix that the key of every match has, or ``""``: what a btree index on that key can serve."""
    match filter:
        case Compare(k, "prefix", value) if k == key and isinstance(value, str):
            return value
        case And(items):
            return max((required_prefix(item, key) for item in items), key=len)
        case _:
            return ""


def _jsonpath(filter: Filter, known: str) -> str:
    match filter:
        case Compare("source", "prefix", value) if known and value == known:
            return 'exists($ ? (@."source".type() == "string"))'
        case Compare(key, "contains", value):
            return f"exists($ ? (exists(@.{_literal(key)}[*] ? (@ == {_literal(value)}))))"
        case Compare(key, op, value):
            verb = "starts with" if op == "prefix" else op
            return f"exists($ ? (@.{_literal(key)} {verb} {_literal(value)}))"
        case In(_, values) if not values:
            return "(1 == 0)"
        case In(key, values):
            return f"exists($ ? (exists(@.{_literal(key)} ? ({_one_of(values)}))))"
        case Exists(key):
            return f"exists($ ? (exists(@.{_literal(key)})))"
        case Not(item):
            return f"!({_jsonpath(item, known)})"
        case And(items):
            return _joined([_jsonpath(item, known) for item in items], "&&")
        case Or(items):
            return _joined([_jsonpath(item, known) for item in items], "||")


def _one_of(values: Iterable[tuple[str | None, Scalar]]) -> str:
    """That ``@`` is among the values. Strings and numbers are sorted first, and each only looks at values of its kind."""
    kinds: dict[str | None, list[Scalar]] = {}
    for kind, value in sorted(values):
        kinds.setdefault(kind, []).append(value)
    parts = [f"@ == {_literal(value)}" for value in kinds.pop("boolean", [])]
    parts += [f'(@.type() == "{kind}" && {_searched(of_kind)})' for kind, of_kind in kinds.items()]
    return _joined(parts, "||")


def _searched(values: Sequence[Scalar]) -> str:
    """A binary search, spelled out: of thousands of values, a chunk is compared with a dozen. GIN sees the equalities."""
    if len(values) <= _FEW:
        return _joined([f"@ == {_literal(value)}" for value in values], "||")
    lower, upper = values[: len(values) // 2], values[len(values) // 2 :]
    middle = _literal(upper[0])
    return f"((@ < {middle} && {_searched(lower)}) || (@ >= {middle} && {_searched(upper)}))"


def _joined(parts: list[str], op: str) -> str:
    """A balanced tree, because the server parses ``a || b || c`` by recursion and would run out of stack."""
    while len(parts) > 1:
        parts = [
            f"({parts[i]} {op} {parts[i + 1]})" if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)
        ]
    return parts[0]


def _literal(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)
