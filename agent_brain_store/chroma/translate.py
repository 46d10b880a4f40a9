"""Metadata and filters in Chroma's form.

What is stored with a chunk beside its text and vector:

``agent_brain:metadata``     the whole metadata as JSON, the only copy that is ever read back
``agent_brain:digest``       a hash of text, metadata and vector, by which an unchanged chunk is known
``agent_brain:vector``       the bits of a vector that is stored in another form than it was given
``agent_brain:folder:2``     the second folder above ``source``, and so on, so that Chroma itself can find a path prefix
``agent_brain:strings:key``  (also ``numbers``, ``booleans``) the elements of a list of several types
``key``                      a copy of a scalar or a list of scalars, for Chroma's own filters

Numbers are copied as floats, because Chroma compares integers with floats wrongly (1 equals 1.5 there). Copies of
strings stop at `LONGEST` characters. Filters allow for both. And what Chroma says of lists is only a hint: it leaves the
lists of a deleted collection behind, and new chunks, whose rows get the same numbers, inherit their elements.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.chroma.vectors import packed, unpacked
from agent_brain_store.filters import And, Compare, In, Node, Not, Or, Scalar, without_not
from agent_brain_store.protocol import Metadata

RESERVED = "agent_brain:"
METADATA = RESERVED + "metadata"
DIGEST = RESERVED + "digest"
VECTOR = RESERVED + "vector"

LONGEST = 1000  # characters of a copied string
EXACT = 2**53  # below, a float holds every integer
MAX_FOLDERS = 32
MAX_CLAUSES = 200  # SQLite's expressions end at a depth of 1000
MAX_VALUES = 10_000  # and a statement's variables at 32,766
MAX_NESTING = 16  # Chroma's parser stops at 31

Stored: TypeAlias = dict[str, Any]
Clause: TypeAlias = dict[str, Any]

_KINDS = {str: "strings", float: "numbers", bool: "booleans"}
_NOTHING: Clause = {METADATA: {"$eq": ""}}


# --- metadata --------------------------------------------------------------------------------------------------------


def to_stored(
    text: str, metadata: Metadata, vector: NDArray[np.float32], kept: NDArray[np.float32] | None = None
) -> Stored:
    """What Chroma keeps as a chunk's metadata; ``kept`` is the vector in the form in which it is stored."""
    whole = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
    stored: Stored = {METADATA: whole, DIGEST: _digest(text, vector)}
    for key, value in metadata.items():
        if _has_copy(key):
            stored.update(_copies(key, value))
    source = metadata.get("source")
    if isinstance(source, str):
        stored.update((_folder_key(depth), folder) for depth, folder in enumerate(folders(source), 1))
    if kept is not None and kept.tobytes() != vector.tobytes():
        stored[VECTOR] = packed(vector)
    return stored


def from_stored(stored: Mapping[str, Any] | None) -> Metadata:
    """The metadata as it was given."""
    decoded: Metadata = json.loads((stored or {}).get(METADATA, "{}"))
    return decoded


def given_vector(stored: Mapping[str, Any] | None, kept: NDArray[np.float64]) -> NDArray[np.float32]:
    """The vector as it was given."""
    bits = (stored or {}).get(VECTOR)
    return kept.astype(np.float32) if bits is None else unpacked(bits)


def replacing(stored: Stored, old: Mapping[str, Any]) -> Stored:
    """The same, with None for every key that is to go: Chroma merges otherwise."""
    return {**dict.fromkeys(old.keys() - stored.keys()), **stored}


def folders(path: str) -> list[str]:
    """The folders above a path, outermost first, each with its final separator: ``/``, ``/src/``, ``/src/app/``."""
    ends = [i + 1 for i, letter in enumerate(path[:LONGEST]) if letter in "/\\"]
    return [path[:end] for end in ends[:MAX_FOLDERS]]


def _digest(text: str, vector: NDArray[np.float32]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for part in (text.encode(), vector.tobytes()):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


def _has_copy(key: str) -> bool:
    return bool(key) and not key.startswith((RESERVED, "chroma:", "$", "#"))


def _copies(key: str, value: Any) -> Stored:
    if not isinstance(value, list):
        copy = _copy(value)
        return {} if copy is None else {key: copy}
    elements = dict.fromkeys((type(copy), copy) for copy in map(_copy, value) if copy is not None)
    by_type: dict[type, list[Any]] = {}
    for kind, element in elements:
        by_type.setdefault(kind, []).append(element)
    if len(by_type) == 1:
        return {key: by_type.popitem()[1]}
    return {_list_key(kind, key): elements for kind, elements in by_type.items()}


def _copy(value: Any) -> str | float | bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    return value if isinstance(value, str) and len(value) <= LONGEST else None


def _number(value: float) -> float:
    """A number as Chroma gets it. Chroma writes it as a decimal that is not always the nearest: an integer's neighbours are
    moved away from it, so that what is compared with an integer is compared exactly."""
    number = float(value)
    integer = round(number)
    if number != integer and abs(number - integer) <= 8 * math.ulp(integer):
        number = integer + math.copysign(16 * math.ulp(integer), number - integer)
    return number


def _folder_key(depth: int) -> str:
    return f"{RESERVED}folder:{depth}"


def _list_key(kind: type, key: str) -> str:
    return f"{RESERVED}{_KINDS[kind]}:{key}"


# --- filters ---------------------------------------------------------------------------------------------------------


def to_where(node: Node | None) -> tuple[Clause | None, Node | None]:
    """A filter as Chroma's ``where`` (None: everything) and the part of it that remains to be checked (None: nothing).

    Chroma finds every match, and together with the remainder nothing else.
    """
    if node is None:
        return None, None
    parts = _flat(without_not(node))
    translated = [_clause(part) for part in parts]
    where = _all([clause for clause, _ in translated if clause is not None])
    if where is not None and not _fits(where):
        return None, node
    rest = tuple(part for part, (_, exact) in zip(parts, translated, strict=True) if not exact)
    return where, None if not rest else rest[0] if len(rest) == 1 else And(rest)


def _flat(node: Node) -> tuple[Node, ...]:
    if not isinstance(node, And):
        return (node,)
    return tuple(part for item in node.items for part in _flat(item))


def _clause(node: Node) -> tuple[Clause | None, bool]:
    """A clause that every match fulfils (None: no restriction), and whether nothing else fulfils it."""
    match node:
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
    """What Chroma decides exactly as one list of each type: ``$in`` takes thousands of values, ``$or`` a few hundred."""
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
    if not _has_copy(key) or (isinstance(value, str) and (op not in ("==", "contains") or len(value) > LONGEST)):
        return None, False
    if isinstance(value, (bool, str)):
        return (_element(key, value), False) if op == "contains" else ({key: {"$eq": value}}, True)
    try:
        number = _number(value)
    except OverflowError:
        return None, False
    if op == "contains":
        return _element(key, number), False
    exact = abs(value) < EXACT and number.is_integer()
    return {key: {_operator(op, exact): number}}, exact


def _operator(op: str, exact: bool) -> str:
    """Beyond 2^53, and among fractions as Chroma writes them, neighbours are one number: an order has to admit equality."""
    wide = {">": "$gte", "<": "$lte"}
    plain = {"==": "$eq", ">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}
    return plain[op] if exact else wide.get(op, plain[op])


def _element(key: str, value: str | float | bool) -> Clause:
    return {"$or": [{key: {"$contains": value}}, {_list_key(type(value), key): {"$contains": value}}]}


def _prefix(key: str, prefix: str) -> tuple[Clause | None, bool]:
    above = folders(prefix) if key == "source" else []
    if not above:
        return None, False
    return {_folder_key(len(above)): {"$eq": above[-1]}}, above[-1] == prefix


def _negated(clause: Clause) -> Clause | None:
    """The opposite of what `_comparison` and `_in` make; None for an order, whose opposite has to find missing keys."""
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
    """Whether Chroma and SQLite can take a clause of this size."""
    clauses, values, nesting = _size(where)
    return clauses <= MAX_CLAUSES and values <= MAX_VALUES and nesting <= MAX_NESTING


def _size(where: Clause) -> tuple[int, int, int]:
    ((key, condition),) = where.items()
    if key not in ("$and", "$or"):
        ((_, operand),) = condition.items()
        return 1, len(operand) if isinstance(operand, list) else 1, 0
    sizes = [_size(item) for item in condition]
    return sum(s[0] for s in sizes), sum(s[1] for s in sizes), 1 + max(s[2] for s in sizes)
