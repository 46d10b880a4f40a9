"""Generated filters and metadata: anything that a user can write."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.support.filter_table import ORDERED

# --- filters ---------------------------------------------------------------------------------------------------------

texts = st.text(max_size=6) | st.sampled_from(
    ["a", "'", '"', "\\", ".", "$", "$eq", "; drop table chunks", "🐻", "\0", "\ud800"]
)
keys = st.sampled_from(["a", "b", "a.b", "'", '"', "\\", "é", " ", "--", "", "chroma:document"]) | texts
plain_keys = keys.filter(lambda key: not key.startswith("$"))
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False)
operands = texts | numbers | st.booleans()
kept = operands | st.none() | st.lists(operands, max_size=3)
conditions = (
    operands
    | st.dictionaries(st.sampled_from(["$eq", "$ne", "$contains", "$not_contains"]), operands, min_size=1, max_size=2)
    | st.dictionaries(st.sampled_from(ORDERED), texts | numbers, min_size=1, max_size=2)
    | st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(operands, max_size=12), min_size=1)
    | st.builds(lambda text: {"$prefix": text}, texts)
    | st.builds(lambda flag: {"$exists": flag}, st.booleans())
)
leaves = st.dictionaries(plain_keys, conditions, min_size=1, max_size=2).filter(
    lambda where: (
        len(cleaned(where)) == len(where)
    )  # two keys that become one are both asked for; a dict holds only one
)
wheres = st.recursive(
    leaves,
    lambda inner: (
        st.builds(
            lambda op, items: {op: items}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3)
        )
        | st.builds(lambda item: {"$not": item}, inner)
    ),
    max_leaves=5,
)


def cleaned(value: Any) -> Any:
    """Replace NUL and lone surrogates, as the library does in chunks and filters alike."""
    if isinstance(value, str):
        return "".join("\ufffd" if c == "\0" or 0xD800 <= ord(c) < 0xE000 else c for c in value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {cleaned(key): cleaned(item) for key, item in value.items()}
    return value


# --- metadata --------------------------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
metadatas = st.dictionaries(st.text(max_size=8), values, max_size=4)
