"""What a chunk may be. Every odd input has one stated meaning, or is refused by name and nothing is written."""

from __future__ import annotations

import datetime as dt
import enum
import logging
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_brain_store import DimensionMismatchError, InvalidDocumentError
from agent_brain_store.checks.chunks import prepare
from tests.support.filter_table import RULES
from tests.support.stores import DIMENSIONS, fill
from tests.support.strategies import values

GOOD = [1.0] * DIMENSIONS


class Color(str, enum.Enum):  # noqa: UP042 - not the same as StrEnum
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


# --- metadata and texts that are accepted ----------------------------------------------------------------------------

ACCEPTED: dict[str, tuple[Any, Any]] = {
    "nothing": ({}, {}),
    "none at all": (None, {}),
    "a null is left out": ({"a": None, "b": 1}, {"b": 1}),
    "only nulls": ({"a": None}, {}),
    "scalars": (
        {"s": "x", "t": True, "f": False, "i": -3, "d": 0.1},
        {"s": "x", "t": True, "f": False, "i": -3, "d": 0.1},
    ),
    "largest integers": ({"a": 2**63 - 1, "b": -(2**63)}, {"a": 2**63 - 1, "b": -(2**63)}),
    "floats keep their type": (
        {"a": 1.0, "b": 1e22, "c": 1e-9, "d": 5e-324},
        {"a": 1.0, "b": 1e22, "c": 1e-9, "d": 5e-324},
    ),
    "large whole floats are integers": ({"a": 2.0**60}, {"a": 2**60}),
    "negative zero": ({"a": -0.0}, {"a": 0.0}),
    "lists": ({"a": ["x", "y"], "b": [1, 2], "c": [True]}, {"a": ["x", "y"], "b": [1, 2], "c": [True]}),
    "empty and mixed lists": ({"a": [], "b": [1, "x", None, 2.5]}, {"a": [], "b": [1, "x", None, 2.5]}),
    "tuples are lists": ({"a": (1, 2)}, {"a": [1, 2]}),
    "nested": ({"a": {"b": {"c": [1, {"d": None}]}}, "e": {}}, {"a": {"b": {"c": [1, {"d": None}]}}, "e": {}}),
    "a naive time": ({"a": dt.datetime(2024, 5, 1, 12, 30)}, {"a": "2024-05-01T12:30:00"}),
    "a time with a zone becomes UTC": (
        {"a": dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))},
        {"a": "2024-05-01T10:30:00+00:00"},
    ),
    "a date": ({"a": dt.date(2024, 5, 1)}, {"a": "2024-05-01"}),
    "numpy scalars": (
        {"a": np.int64(5), "b": np.float32(0.5), "c": np.bool_(True), "d": np.str_("x"), "e": np.array([1, 2])},
        {"a": 5, "b": 0.5, "c": True, "d": "x", "e": [1, 2]},
    ),
    "enumerations": ({"a": Color.RED, "b": Size.LARGE}, {"a": "red", "b": 3}),
    "any key": (
        {"": 1, "a.b": 2, "$x": 3, "chroma:document": "4", "'": 5, '"': 6, "\\": 7, "🐻": 8, "_x": 9},
        {"": 1, "a.b": 2, "$x": 3, "chroma:document": "4", "'": 5, '"': 6, "\\": 7, "🐻": 8, "_x": 9},
    ),
    "NUL and surrogates are replaced": ({"a\0": "b\0c", "d": ["\ud800x"]}, {"a\ufffd": "b\ufffdc", "d": ["\ufffdx"]}),
    "a long value": ({"a": "x" * 100_000}, {"a": "x" * 100_000}),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_accepted_metadata_comes_back(store, name):
    given_, stored = ACCEPTED[name]
    assert await store.upsert_documents(["x"], [GOOD], ["text"], [given_]) == 1
    chunk = await store.get_by_id("x")
    assert chunk == {"text": "text", "metadata": stored}
    assert {k: type(v) for k, v in chunk["metadata"].items()} == {k: type(v) for k, v in stored.items()}
    assert (await store.vector_search(GOOD, 1))[0].metadata == stored
    assert (await store.keyword_search("text", 1))[0].metadata == stored
    assert [c.metadata async for c in store.iter_documents()] == [stored]


async def test_any_metadata_comes_back(store):
    """The generated objects go into one call, because a store lives as long as a test."""
    objects = []

    @given(st.dictionaries(st.text(max_size=8), values, max_size=4))
    @settings(max_examples=60, deadline=None, database=None)
    def collect(metadata):
        objects.append(metadata)

    collect()
    ids = [f"{i:04}" for i in range(len(objects))]
    await store.upsert_documents(ids, [GOOD] * len(ids), ["t"] * len(ids), objects)
    expected = prepare(RULES, ids, [GOOD] * len(ids), ["t"] * len(ids), objects).metadatas
    found = await store.get_by_ids(ids)
    for chunk_id, metadata in zip(ids, expected, strict=True):
        assert found[chunk_id]["metadata"] == metadata


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("   ", "   "),
        ("a\0b", "a\ufffdb"),
        ("lone \udfff surrogate", "lone \ufffd surrogate"),
        ("🐻‍❄️ שלום ﷽ \u202e", "🐻‍❄️ שלום ﷽ \u202e"),
        ("é e\u0301", "é e\u0301"),
        ("\r\n\t\v\x1b[0m", "\r\n\t\v\x1b[0m"),
    ],
)
async def test_accepted_texts_come_back(store, text, stored):
    await store.upsert_documents(["x"], [GOOD], [text], [{}])
    assert (await store.get_by_id("x"))["text"] == stored
    assert (await store.vector_search(GOOD, 1))[0].text == stored


async def test_replaced_characters_are_logged_once_a_call(store, caplog):
    caplog.set_level(logging.WARNING, "agent_brain_store")
    await store.upsert_documents(["x", "y"], [GOOD, GOOD], ["a\0", "b\0"], [{"k": "\0"}, {}])
    assert [record.message for record in caplog.records] == [
        "3 texts contained NUL or lone surrogates, which cannot be stored: they were replaced by U+FFFD"
    ]


# --- long texts ------------------------------------------------------------------------------------------------------


async def test_texts_with_more_than_a_megabyte_of_words_are_stored_whole(store):
    """PostgreSQL refuses a tsvector of 1 MB. So the text is found by the words of its beginning only."""
    words = " ".join(f"word{i}x" for i in range(120_000))
    blob = "A" * 100_000
    await store.upsert_documents(["w", "b"], [GOOD, GOOD], [words, blob], [{}, {}])
    assert (await store.get_by_id("w"))["text"] == words
    assert (await store.get_by_id("b"))["text"] == blob
    assert [hit.chunk_id for hit in await store.keyword_search("word17x", 5)] == ["w"]


@pytest.mark.parametrize("size", [199_900, 200_100, 300_000, 1_000_000])
async def test_long_texts_of_nothing_but_names_are_indexed(store, size):
    """A name is indexed by its parts and whole, which takes several times its length. Even the longest indexed text fits."""
    letters = "abcdefghijklmnopqrstuvwxyz"

    def part(number: int) -> str:
        return "".join(letters[number // 26**place % 26] for place in range(4))

    text = " ".join(f"{part(i)}_{part(i + 9)}/{part(i + 99)}_{part(i + 999)}" for i in range(0, 4 * size // 20, 4))[
        :size
    ]
    assert await store.upsert_documents(["x"], [GOOD], [text], [{}]) == 1
    assert [hit.chunk_id for hit in await store.keyword_search(text[:19], 5)] == ["x"]


async def test_long_names_in_letters_of_four_bytes_are_indexed(store):
    """These need the largest tsvector: every name is indexed whole and in parts, in text, headings and summary."""
    letters = iter(random.Random(1).choices([chr(0x10428 + i) for i in range(40)], k=300_000))

    def names(characters: int) -> str:
        found = ""
        while len(found) < characters:
            part = ["".join(next(letters) for _ in range(120)) for _ in range(4)]
            found += f"{part[0]}_{part[1]}/{part[2]}_{part[3]} "
        return found[:characters]

    text = names(100_000)
    metadata = {"title": names(10_000), "summary": names(10_000)}
    assert await store.upsert_documents(["x"], [GOOD], [text], [metadata]) == 1
    assert [hit.chunk_id for hit in await store.keyword_search(text[:120], 5)] == ["x"]


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_invalid_texts_are_refused_when_configured_so(make):
    store = make(on_invalid_text="reject")
    await store.initialize()
    for document, metadata, field in (("a\0", {}, "document"), ("a", {"k": ["\ud800"]}, "metadata.k[0]")):
        with pytest.raises(InvalidDocumentError) as caught:
            await store.upsert_documents(["ok", "bad"], [GOOD, GOOD], ["ok", document], [{}, metadata])
        assert (caught.value.chunk_id, caught.value.position, caught.value.field) == ("bad", 1, field)
    assert await store.get_count() == 0


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "id of another type": ({"chunk_id": 7}, "id", "of type int"),
    "no id": ({"chunk_id": None}, "id", "None"),
    "empty id": ({"chunk_id": ""}, "id", "empty"),
    "over-long id": ({"chunk_id": "é" * 300}, "id", "600 bytes, more than 512"),
    "NUL in an id": ({"chunk_id": "a\0"}, "id", "NUL"),
    "surrogate in an id": ({"chunk_id": "\ud800"}, "id", "surrogate"),
    "NaN": ({"embedding": [float("nan"), *GOOD[1:]]}, "embedding", "NaN"),
    "infinity": ({"embedding": [float("inf"), *GOOD[1:]]}, "embedding", "infinity"),
    "beyond float32": ({"embedding": [1e39, *GOOD[1:]]}, "embedding", "beyond float32"),
    "zero": ({"embedding": [0.0] * DIMENSIONS}, "embedding", "all zeros"),
    "tiny": ({"embedding": [1e-30] * DIMENSIONS}, "embedding", "unit length"),
    "huge": ({"embedding": [2e19] * DIMENSIONS}, "embedding", "unit length"),
    "no vector": ({"embedding": None}, "embedding", "None"),
    "words for a vector": ({"embedding": ["x"] * DIMENSIONS}, "embedding", "holds a value of type str, not a number"),
    "None among the numbers": ({"embedding": [None, *GOOD[1:]]}, "embedding", "holds a value of type NoneType"),
    "an enormous integer": ({"embedding": [10**400, *GOOD[1:]]}, "embedding", "holds a number beyond float32"),
    "digits for a vector": ({"embedding": "1" * DIMENSIONS}, "embedding", "of type str"),
    "nested vector": ({"embedding": [GOOD] * DIMENSIONS}, "embedding", "holds a value of type list, not a number"),
    "no text": ({"document": None}, "document", "None"),
    "bytes": ({"document": b"x"}, "document", "bytes"),
    "metadata as a list": ({"metadata": ["x"]}, "metadata", "mapping"),
    "key of another type": ({"metadata": {1: "x"}}, "metadata", "key of type int"),
    "float NaN": ({"metadata": {"k": float("nan")}}, "metadata.k", "nan"),
    "float infinity": ({"metadata": {"k": [1, float("-inf")]}}, "metadata.k[1]", "inf"),
    "integer beyond 64 bits": ({"metadata": {"k": {"deep": 2**63}}}, "metadata.k.deep", "64 bits"),
    "set": ({"metadata": {"k": {1, 2}}}, "metadata.k", "set"),
    "bytes in metadata": ({"metadata": {"k": b"x"}}, "metadata.k", "bytes"),
    "object": ({"metadata": {"k": object()}}, "metadata.k", "object"),
    "metadata over 1 MiB": ({"metadata": {"k": "x" * 2**21}}, "metadata", "bytes as JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_bad_chunk_is_refused_and_nothing_is_written(store, name):
    await fill(store, ("before", "was here"))
    wrong, field, words = REFUSED[name]
    chunk = {"chunk_id": "bad", "embedding": GOOD, "document": "text", "metadata": {}} | wrong
    with pytest.raises(InvalidDocumentError, match="nothing was written") as caught:
        await store.upsert_documents(
            ["good", chunk["chunk_id"]],
            [GOOD, chunk["embedding"]],
            ["good", chunk["document"]],
            [{}, chunk["metadata"]],
        )
    error = caught.value
    assert words in error.message
    assert (error.position, error.field) == (1, field)
    assert error.chunk_id == (chunk["chunk_id"] if isinstance(chunk["chunk_id"], str) else None)
    assert field in error.message
    assert [c.chunk_id async for c in store.iter_documents()] == ["before"]


async def test_an_embedding_of_wrong_dimensions_is_refused_by_name(store):
    with pytest.raises(DimensionMismatchError, match=r"chunk 'b' \(position 1\): embedding has 3 dimensions"):
        await store.upsert_documents(["a", "b"], [GOOD, [1.0] * 3], ["a", "b"], [{}, {}])
    with pytest.raises(DimensionMismatchError, match="17 dimensions, but the store has 16"):
        await store.upsert_documents(["a"], np.ones((1, 17)), ["a"], [{}])
    assert await store.get_count() == 0


async def test_metadata_nested_too_deeply_is_refused(store):
    deep: dict = {}
    for _ in range(40):
        deep = {"k": deep}
    with pytest.raises(InvalidDocumentError, match="deeper than 32"):
        await store.upsert_documents(["a"], [GOOD], ["a"], [deep])


# --- numbers at the edge ---------------------------------------------------------------------------------------------


async def test_very_small_and_very_large_vectors_have_the_right_cosines(store):
    """Float32 can still square their lengths, so that they are stored."""
    small, large = [1e-17] * DIMENSIONS, [1e17] * DIMENSIONS
    await store.upsert_documents(["s", "l"], [small, large], ["s", "l"], [{}, {}])
    scores = {hit.chunk_id: hit.score for hit in await store.vector_search(GOOD, 2)}
    assert scores == {"l": pytest.approx(1, abs=1e-5), "s": pytest.approx(1, abs=1e-5)}


async def test_vectors_that_half_precision_cannot_hold_are_refused(make, elsewhere):
    store = make(dimensions=3072, **elsewhere("half"))
    await store.initialize()
    for value in (70_000.0, 1e-9):
        with pytest.raises(InvalidDocumentError, match="halfvec"):
            await store.upsert_documents(["a"], [[value] * 3072], ["a"], [{}])
    await store.upsert_documents(["a"], [[60_000.0] * 3072], ["a"], [{}])
    assert await store.get_count() == 1
