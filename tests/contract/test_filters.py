"""The truth table of docs/filters.md, executed: every operator crossed with every kind of stored value and operand, on both
backends, against a plain reading of the rules in Python that shares no code with the library."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import operator
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_brain_store import InvalidFilterError
from agent_brain_store.chroma.matching import matches
from agent_brain_store.filters import parse, without_not
from agent_brain_store.postgres.jsonpath import required_prefix, to_jsonpath
from agent_brain_store.records import Rules, prepare
from tests.conftest import DIMENSIONS, fill

# --- the reference ---------------------------------------------------------------------------------------------------


def reference(where: Any, metadata: Any) -> Any:
    """Whether a chunk matches, read straight from the documented rules."""
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
    """Every operator with every operand that it takes."""
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


RULES = Rules("postgres", DIMENSIONS, "cosine")


def stored_metadata() -> dict[str, dict[str, Any]]:
    """Chunks by id, each with one kind of value, in the form in which it is kept."""
    raw = [{"other": "same"} if value is MISSING else {"k": value, "other": "same"} for value in STORED]
    count = len(raw)
    ids = [f"{i:03}" for i in range(count)]
    batch = prepare(RULES, ids, [[1.0] * DIMENSIONS] * count, ["t"] * count, raw)
    return dict(zip(batch.ids, batch.metadatas, strict=True))


async def test_the_truth_table(store):
    chunks = stored_metadata()
    raw = [{"other": "same"} if value is MISSING else {"k": value, "other": "same"} for value in STORED]
    await fill(store, *((chunk_id, "text", metadata) for chunk_id, metadata in zip(chunks, raw, strict=True)))
    wrong = []
    for where in filters():
        expected = [chunk_id for chunk_id, metadata in chunks.items() if reference(where, metadata)]
        found = [chunk.chunk_id async for chunk in store.iter_documents(where)]
        if found != expected or await store.get_count(where) != len(expected):
            wrong.append((where, [STORED[int(i)] for i in set(found) ^ set(expected)]))
    assert not wrong


async def test_neighbouring_numbers_are_told_apart(store):
    """Chroma writes a float as a decimal, and not always as that of the nearest one: 9.9 * 0.1 as 0.99."""
    rng = Random(1)
    numbers = {0.0, 0.1 * 3, 1966.275, 2020.0, 3.0, -7.0, 2**52 + 0.5, 1 / 3, 1e-9, 12345678901.5}
    numbers |= {rng.randint(1, 99) / 10 * (rng.randint(1, 99) / 10) for _ in range(40)}
    numbers |= {round(number, 2) for number in numbers}
    numbers |= {math.nextafter(number, end) for number in numbers for end in (-math.inf, math.inf)}
    ordered = sorted(numbers)
    await fill(store, *((f"{i:03}", "text", {"n": number}) for i, number in enumerate(ordered)))
    operators = {"$eq": operator.eq, "$ne": operator.ne, "$gt": operator.gt, "$gte": operator.ge}
    operators |= {"$lt": operator.lt, "$lte": operator.le}
    for operand in [*ordered[::3], 0, 3, 2020, -7]:
        for name, holds in operators.items():
            expected = [f"{i:03}" for i, number in enumerate(ordered) if holds(number, operand)]
            found = [chunk.chunk_id async for chunk in store.iter_documents({"n": {name: operand}})]
            assert found == expected, (name, operand)
            assert await store.get_count({"n": {name: operand}}) == len(expected), (name, operand)
    some = ordered[::2]
    assert await store.get_count({"n": {"$in": some}}) == len(some)
    assert await store.delete_by_metadata({"n": {"$nin": some}}) == len(ordered) - len(some)
    assert [chunk.metadata["n"] async for chunk in store.iter_documents()] == some


async def test_every_way_of_filtering_agrees(store):
    """Vector, keyword and hybrid search, counting, iterating and deleting take the same filter for the same chunks."""
    chunks = stored_metadata()
    await fill(store, *((chunk_id, "text", metadata) for chunk_id, metadata in chunks.items()))
    question = [1.0] * DIMENSIONS
    for where in filters()[::7]:
        expected = {chunk_id for chunk_id, metadata in chunks.items() if reference(where, metadata)}
        for hits in (
            await store.vector_search(question, 100, where=where),
            await store.keyword_search("text", 100, where=where),
            await store.hybrid_search("text", question, 100, where=where),
            await store.hybrid_search("text", question, 100, where=where, fusion="relative_score"),
        ):
            assert {hit.chunk_id for hit in hits} == expected, where
        assert await store.delete_by_metadata(where) == len(expected)
        assert await store.get_count() == len(chunks) - len(expected)
        await fill(store, *((chunk_id, "text", metadata) for chunk_id, metadata in chunks.items()))


def test_python_evaluation_has_the_same_table():
    for where in filters():
        node = parse(where)
        assert node is not None
        for metadata in stored_metadata().values():
            assert matches(node, metadata) == matches(without_not(node), metadata) == reference(where, metadata)


# --- anything a user can write ---------------------------------------------------------------------------------------

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
    """NUL and lone surrogates are replaced in chunks and filters alike."""
    if isinstance(value, str):
        return "".join("\ufffd" if c == "\0" or 0xD800 <= ord(c) < 0xE000 else c for c in value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {cleaned(key): cleaned(item) for key, item in value.items()}
    return value


async def test_generated_filters_match_the_reference(store):
    cases: list[tuple[list[dict[str, Any]], dict[str, Any]]] = []

    @given(st.lists(st.dictionaries(keys, kept, max_size=3), min_size=1, max_size=4), wheres)
    @settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def collect(metadatas, where):
        cases.append((metadatas, where))

    collect()
    raw = [metadata for metadatas, _ in cases for metadata in metadatas]
    ids = [f"{i:05}" for i in range(len(raw))]
    await store.upsert_documents(ids, [[1.0] * DIMENSIONS] * len(ids), ["t"] * len(ids), raw)
    chunks = dict(
        zip(ids, prepare(RULES, ids, [[1.0] * DIMENSIONS] * len(ids), ["t"] * len(ids), raw).metadatas, strict=True)
    )
    for _, where in cases:
        expected = [chunk_id for chunk_id, metadata in chunks.items() if reference(cleaned(where), metadata)]
        assert [chunk.chunk_id async for chunk in store.iter_documents(where)] == expected, where
    assert await store.get_count() == len(ids), "no filter has dropped a table"


@given(wheres)
@settings(max_examples=300, deadline=None)
def test_a_filter_is_quoted_as_json(where):
    """Whatever is in a filter, the jsonpath holds it only inside JSON strings."""
    path = to_jsonpath(parse(where))
    rest, position = [], 0
    while position < len(path):
        if path[position] == '"':
            _, position = json.JSONDecoder().raw_decode(path, position)
        else:
            rest.append(path[position])
            position += 1
    skeleton = "".join(rest)
    for word in ("strict", "exists", "starts with", "type", "true", "false"):
        skeleton = skeleton.replace(word, "")
    assert set(skeleton) <= set(" ()$?@.[*]=<>!&|-+0123456789e"), skeleton


# --- errors ----------------------------------------------------------------------------------------------------------


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
        ({"a": {"$like": "x"}}, "where.a.$like: unknown operator; there are $contains $eq"),
        ({"a": {"$not": {"$lt": 1}}}, "where.a.$not: $not goes outside, around {'a': ...}"),
        ({"a": {"b": 1}}, "where.a.b: unknown operator; there are $contains $eq"),
        ({"$xor": []}, "where.$xor: unknown operator; between conditions there are $and, $or and $not"),
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
def test_errors_show_the_place(where, message):
    with pytest.raises(InvalidFilterError) as caught:
        parse(where)
    assert caught.value.message.startswith(message)
    assert message.startswith(caught.value.place)


def test_nesting_has_a_limit():
    where: dict[str, Any] = {"a": 1}
    for _ in range(100):
        where = {"$not": where}
    with pytest.raises(InvalidFilterError, match="nested deeper than 64"):
        parse(where)


async def test_errors_come_before_anything_happens(store):
    await fill(store, ("a", "text", {"n": 1}))
    bad = {"n": {"$gt": None}}
    calls = [
        store.vector_search([1.0] * DIMENSIONS, 1, where=bad),
        store.keyword_search("text", 1, where=bad),
        store.hybrid_search("text", [1.0] * DIMENSIONS, 1, where=bad),
        store.get_count(bad),
        store.delete_by_metadata(bad),
        store.replace_documents(bad, [], [], [], []),
        store.keyword_search("text", 1, source_types="doc"),
        store.keyword_search("text", 1, languages=[None]),
    ]
    for call in calls:
        with pytest.raises(InvalidFilterError):
            await call
    assert await store.get_count() == 1


async def test_large_filters(store):
    await fill(store, *((f"{i}", "text", {"n": i, "name": f"name {i}"}) for i in range(50)))
    assert await store.get_count({"n": {"$in": list(range(25, 5000))}}) == 25
    assert await store.get_count({"name": {"$nin": [f"name {i}" for i in range(2000)]}}) == 0
    assert await store.get_count({"$or": [{"n": i} for i in range(40, 1000)]}) == 10


# --- folders ---------------------------------------------------------------------------------------------------------


async def test_folders(store):
    sources = [
        "/src/app/main.py",
        "/src/app/lib/x.py",
        "/src/app2/main.py",
        "/src/ap",
        "/src/app",
        "/doc/é/a.md",
        "rel/a",
        "",
    ]
    await fill(store, *((f"{i}", "text", {"source": source}) for i, source in enumerate(sources)), ("none", "text"))
    for prefix in (
        "/src/app/",
        "/src/app",
        "/src/",
        "/",
        "",
        "/doc/é/",
        "rel/",
        "/nowhere/",
        "/src/app/main.py",
        "x" * 2000,
    ):
        where = {"source": {"$prefix": prefix}}
        expected = {f"{i}" for i, source in enumerate(sources) if source.startswith(prefix)}
        assert {chunk.chunk_id async for chunk in store.iter_documents(where)} == expected, prefix
        assert {hit.chunk_id for hit in await store.vector_search([1.0] * DIMENSIONS, 50, where=where)} == expected
    assert await store.delete_by_metadata({"source": {"$prefix": "/src/app/"}}) == 2
    assert await store.get_count() == 7


async def test_long_lists(store):
    """Every value of a list, the gaps between them, and the other kinds of value."""
    words, numbers = [f"w{i:03}" for i in range(90)], [i / 2 for i in range(90)]
    stored: list[Any] = [*words, *numbers, "", "z", "w", -1, 10**15, True, False, ["w003"], [1], {"a": 1}]
    await fill(store, *((f"{i:03}", "text", {"k": value}) for i, value in enumerate(stored)), ("none", "text", {}))
    for listed in (words[::3], numbers[1::3], [*words[1::7], *numbers[::7], 10**15, True], ["w0035", 0.25, -2]):
        for op in ("$in", "$nin"):
            where = {"k": {op: listed}}
            expected = {f"{i:03}" for i, value in enumerate(stored) if reference(where, {"k": value})}
            expected |= {"none"} if op == "$nin" else set()
            assert {chunk.chunk_id async for chunk in store.iter_documents(where)} == expected, (op, listed)


async def test_very_long_sources(store):
    long = "/" + "d" * 600 + "/"
    await fill(store, ("a", "text", {"source": long + "a"}), ("b", "text", {"source": long + "b"}))
    assert await store.get_count({"source": {"$prefix": long}}) == 2
    assert await store.get_count({"source": {"$prefix": long + "a"}}) == 1
    assert await store.get_count({"source": long + "b"}) == 1


def test_required_prefix():
    prefix = {"source": {"$prefix": "/a/"}}
    assert required_prefix(parse(prefix), "source") == "/a/"
    assert required_prefix(parse({"source": "/a/b"}), "source") == "", "the index on metadata serves equality"
    assert required_prefix(parse({"$and": [prefix, {"n": 1}, {"source": {"$prefix": "/a/b"}}]}), "source") == "/a/b"
    for loose in (
        None,
        {"n": 1},
        {"$or": [prefix, {"n": 1}]},
        {"$not": prefix},
        {"source": 1},
        {"other": {"$prefix": "/a/"}},
    ):
        assert required_prefix(parse(loose), "source") == ""


def test_a_list_is_searched_not_read():
    """A chunk is compared with one value of each half: nested as deep as the list's logarithm, each value once an equality."""
    short = to_jsonpath(parse({"k": {"$in": ["b", "a", 1]}}))
    assert short == (
        'strict exists($ ? (exists(@."k" ? ('
        '((@.type() == "number" && @ == 1) || (@.type() == "string" && (@ == "a" || @ == "b")))))))'
    )
    assert to_jsonpath(parse({"k": {"$in": ["a"]}})) == to_jsonpath(parse({"k": "a"}))
    long = to_jsonpath(parse({"k": {"$in": list(range(4096))}}))
    depths = itertools.accumulate({"(": 1, ")": -1}.get(char, 0) for char in long)
    assert max(depths) < 40
    assert long.count("==") == 4096 + 1, "and the kind of value"
    assert long.count(">=") == 1023


def test_a_prefix_is_not_said_twice():
    node = parse({"$and": [{"source": {"$prefix": "/a/"}}, {"n": 1}]})
    assert to_jsonpath(node) == 'strict (exists($ ? (@."source" starts with "/a/")) && exists($ ? (@."n" == 1)))'
    said = to_jsonpath(node, required_prefix(node, "source"))
    assert said == 'strict (exists($ ? (@."source".type() == "string")) && exists($ ? (@."n" == 1)))'
    long = parse({"source": {"$prefix": "x" * 600}})
    assert to_jsonpath(long, required_prefix(long, "source")) == to_jsonpath(long), "the index holds less than that"


@pytest.mark.parametrize("where", [{"n": 10**5000}, {"n": {"$gt": -(10**5000)}}, {"n": {"$in": np.array(2)}}])
def test_odd_operands_are_named(where):
    with pytest.raises(InvalidFilterError, match=r"where\.n"):
        parse(where)
