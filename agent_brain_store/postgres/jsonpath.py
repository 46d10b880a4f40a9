"""Turn filters into ``jsonpath``. A whole filter is one bound parameter, and no part of it becomes SQL text.

The path is in strict mode, and every leaf is a filter expression of its own. Values that cannot be compared then give
false instead of unknown, so a negation finds every chunk that it should. In strict mode PostgreSQL also never unwraps a
list by itself.

Only leaves are negated. For ``!(!(a) && b)`` PostgreSQL would ask its GIN index for ``a`` alone, and lose the chunks
that match because ``b`` is false.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from agent_brain_store.filters.parse import And, Compare, Exists, Filter, In, Not, Or, Scalar, without_not

PREFIX_LENGTH = 512  # characters of source that are in its index
_FEW = 4  # up to this many values are compared one after the other


def to_jsonpath(filter: Filter | None, source_prefix: str = "") -> str:
    """Return a filter as a jsonpath for ``metadata @@ …``, or an empty string for None.

    The query checks by itself that ``source`` begins with ``source_prefix``, so the path does not say it again.
    Otherwise the planner would multiply both selectivities and expect far too few chunks. The path only says that
    ``source`` is a string.
    """
    if filter is None:
        return ""
    return "strict " + _jsonpath(without_not(filter), source_prefix if len(source_prefix) <= PREFIX_LENGTH else "")


def required_prefix(filter: Filter | None, key: str) -> str:
    """Return a prefix that the key's value has in every match, or ``""``. A btree index on the key can serve it."""
    match filter:
        case Compare(k, "prefix", value) if k == key and isinstance(value, str):
            return value
        case And(items):
            return max((required_prefix(item, key) for item in items), key=len)
        case _:
            return ""


def _jsonpath(filter: Filter, source_prefix: str) -> str:
    match filter:
        case Compare("source", "prefix", value) if source_prefix and value == source_prefix:
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
            return f"!({_jsonpath(item, source_prefix)})"
        case And(items):
            return _joined([_jsonpath(item, source_prefix) for item in items], "&&")
        case Or(items):
            return _joined([_jsonpath(item, source_prefix) for item in items], "||")


def _one_of(values: Iterable[tuple[str | None, Scalar]]) -> str:
    """Return the condition that ``@`` is one of the values. Each is compared only with values of its own kind."""
    kinds: dict[str | None, list[Scalar]] = {}
    for kind, value in sorted(values):
        kinds.setdefault(kind, []).append(value)
    parts = [f"@ == {_literal(value)}" for value in kinds.pop("boolean", [])]
    parts += [f'(@.type() == "{kind}" && {_binary_search(of_kind)})' for kind, of_kind in kinds.items()]
    return _joined(parts, "||")


def _binary_search(values: Sequence[Scalar]) -> str:
    """Spell out a binary search over sorted values. Of thousands of values, a chunk is compared with a dozen.

    The GIN index uses the equalities in it.
    """
    if len(values) <= _FEW:
        return _joined([f"@ == {_literal(value)}" for value in values], "||")
    lower, upper = values[: len(values) // 2], values[len(values) // 2 :]
    middle = _literal(upper[0])
    return f"((@ < {middle} && {_binary_search(lower)}) || (@ >= {middle} && {_binary_search(upper)}))"


def _joined(parts: list[str], op: str) -> str:
    """Join parts as a balanced tree. The server parses ``a || b || c`` by recursion, and would run out of stack."""
    while len(parts) > 1:
        parts = [
            f"({parts[i]} {op} {parts[i + 1]})" if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)
        ]
    return parts[0]


def _literal(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)
