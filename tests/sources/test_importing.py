"""Importing from any reader: what is left out, what is refused, and what a repeated import does."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest

from agent_brain_store import (
    DimensionMismatchError,
    Document,
    EmbeddingMetadata,
    Progress,
    ProviderMismatchError,
    TransferError,
)
from agent_brain_store.sources import LeftOut, import_from, importing
from tests.support.stores import DIMENSIONS, embed, fill, made_up

PROFILE = EmbeddingMetadata("test", "hashed", DIMENSIONS)


async def reader(*items: Any) -> AsyncGenerator[Document | LeftOut, None]:
    for item in items:
        yield item if isinstance(item, LeftOut) else Document(*item)


def chunk(name: Any, text: Any = "text", metadata: Any = None, vector: Any = None) -> tuple[Any, ...]:
    return name, text, {} if metadata is None else metadata, embed("x") if vector is None else vector


async def test_what_cannot_be_stored_is_left_out_and_named(store):
    bad = [
        (chunk("", "no id"), "id is empty"),
        (chunk("list", metadata=["a"]), "metadata is of type list, not a mapping"),
        (chunk("nan", vector=[float("nan")] * DIMENSIONS), "embedding"),
        (chunk("short", vector=[1.0]), "1 dimensions"),
        (chunk("words", vector="abc"), "embedding"),
        (chunk("text", None), "document is None, not a string"),
        (chunk("zero", vector=[0.0] * DIMENSIONS), "embedding"),
    ]
    good = [chunk(f"good{i}", metadata={"n": i}) for i in range(20)]
    mixed = [item for pair in zip(good, [case[0] for case in bad], strict=False) for item in pair] + good[len(bad) :]
    report = await import_from(store, reader(*mixed, LeftOut("line 9", "it is not JSON")))
    assert (report.chunks, report.left_out) == (20, len(bad) + 1)
    assert await store.get_count() == 20
    assert report.named[-1] == LeftOut("line 9", "it is not JSON")
    for (item, reason), left_out in zip(bad, report.named, strict=False):
        assert left_out.name == item[0]
        assert reason in left_out.reason


async def test_chunks_are_compared_in_their_stored_form(store):
    """Nulls are left out, characters that nobody stores are replaced, and the last of the same id is kept."""
    items = [
        chunk("a", "nul \x00 here", {"none": None, "list": [1, None], "tuple": (1, 2), "f": np.float32(0.5)}),
        chunk("b", "first"),
        chunk("b", "last", vector=np.asarray(embed("y"))),
    ]
    assert (await import_from(store, reader(*items))).chunks == 2
    assert await store.get_by_ids(["a", "b"]) == {
        "a": {"text": "nul \ufffd here", "metadata": {"list": [1, None], "tuple": [1, 2], "f": 0.5}},
        "b": {"text": "last", "metadata": {}},
    }


async def test_vectors_of_another_length_are_refused(store):
    with pytest.raises(DimensionMismatchError):
        await import_from(store, reader(*(chunk(str(i), vector=[1.0, 2.0]) for i in range(5))))
    assert await store.get_count() == 0


async def test_the_profile_is_compared_and_kept(store):
    await import_from(store, reader(chunk("a")), PROFILE)
    assert await store.get_embedding_metadata() == PROFILE
    with pytest.raises(ProviderMismatchError):
        await import_from(store, reader(chunk("b")), EmbeddingMetadata("test", "other", DIMENSIONS))
    assert await store.get_count() == 1


async def test_a_chunk_that_another_writer_replaces_meanwhile_is_noticed(store, monkeypatch):
    read = store.get_by_ids

    async def replace_and_read(*arguments: Any, **options: Any) -> Any:
        await fill(store, ("a", "another text"))
        return await read(*arguments, **options)

    monkeypatch.setattr(store, "get_by_ids", replace_and_read)
    with pytest.raises(TransferError, match="does not hold chunk 'a' as it was sent: was something else writing"):
        await import_from(store, reader(chunk("a"), chunk("b")))


async def test_an_interrupted_import_can_be_repeated(store, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 100)
    ids, vectors, texts, _ = made_up(250)
    items = [chunk(*row) for row in zip(ids, texts, [{"n": i} for i in range(250)], vectors, strict=True)]
    await fill(store, ("mine", "stays"))
    heard: list[Progress] = []

    def interrupt(step: Progress) -> None:
        heard.append(step)
        if step.done == 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await import_from(store, reader(*items), progress=interrupt)
    assert await store.get_count() == 201
    assert (await import_from(store, reader(*items), progress=heard.append)).chunks == 250
    assert [step.done for step in heard if step.operation == "importing"] == [100, 200, 100, 200, 250]
    assert not any(step.operation == "loading" for step in heard)
    assert await store.get_count() == 251
    assert await store.get_count({"n": {"$gte": 0}}) == 250
