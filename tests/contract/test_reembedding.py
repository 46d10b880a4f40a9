"""A store gets the vectors of another model while it is in use: all of them at one moment, and none is wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from agent_brain_store import (
    DimensionMismatchError,
    InvalidQueryError,
    Progress,
    ProviderMismatchError,
    QueryFailed,
    ReadOnlyStore,
    create_backend,
    drop_second_generation,
    open_store_sync,
    reembed,
)
from tests.support.stores import ANIMALS, embed, fill, mapping

pytestmark = pytest.mark.usefixtures("without_others", "with_sessions")

NEW = ("test", "larger", 24)
CHUNKS = [(f"{i:03}", f"text number {i} of {i % 7}", {"n": i}) for i in range(120)]


class Model:
    """A toy model. ``seen`` has every text that it embedded, and ``meanwhile`` runs before its second call."""

    def __init__(self, dimensions: int = 24, meanwhile: Any = None) -> None:
        self.dimensions, self.meanwhile, self.calls = dimensions, meanwhile, 0
        self.seen: list[str] = []

    def vectors(self, texts):
        self.seen += texts
        return [self.vector(text) for text in texts]

    def vector(self, text):
        # It turns every vector round, so that those of two models are not alike where they are as long.
        return [-x for x in embed(text, self.dimensions)]

    async def __call__(self, texts):
        self.calls += 1
        if self.meanwhile is not None and self.calls == 2:
            await self.meanwhile()
        return self.vectors(texts)


async def holds(store, model, expected):
    """Compare a whole store, vectors included, and find each chunk by its vector."""
    found = {c.chunk_id: c async for c in store.iter_documents(include_embeddings=True)}
    assert {i: (c.text, c.metadata) for i, c in found.items()} == {i: (t, m) for i, t, m in expected}
    for chunk in found.values():
        expected_vector = np.asarray(model.vector(chunk.text), np.float32)
        if model.dimensions > 2000:  # PostgreSQL keeps them in half precision
            assert np.allclose(chunk.embedding, expected_vector, rtol=1e-3, atol=1e-6), chunk.chunk_id
        else:
            assert np.array_equal(chunk.embedding, expected_vector), chunk.chunk_id
    for chunk_id, text, _ in list(expected)[:5]:
        assert (await store.vector_search(model.vector(text), 1))[0].score == pytest.approx(1, abs=1e-3), chunk_id


@pytest.mark.parametrize("dimensions", [24, 16, 3072])
async def test_all_vectors_are_those_of_the_other_model_afterwards(make, store, dimensions):
    await fill(store, *CHUNKS)
    model = Model(dimensions)
    told: list[Progress] = []
    assert await reembed(store, model, "Test", "larger", dimensions, told.append, batch_size=50) == len(CHUNKS)
    await holds(store, model, CHUNKS)
    assert sorted(model.seen) == sorted(text for _, text, _ in CHUNKS)
    assert [step.done for step in told if step.operation == "embedding"] == [50, 100, 120]
    profile = await store.get_embedding_metadata()
    assert (profile.provider, profile.model, profile.dimensions) == ("test", "larger", dimensions)
    details = (await store.health()).details
    assert details["second_generation"] is None
    assert not details.get("missing_indexes")
    assert [h.chunk_id for h in await store.hybrid_search("number 17", model.vector(CHUNKS[17][1]), 1)] == ["017"]
    await store.upsert_documents(["new"], [model.vector("new")], ["new"], [{}])
    await holds(store, model, [*CHUNKS, ("new", "new", {})])


async def test_searches_are_answered_from_the_vectors_in_use_until_the_switch(store):
    await fill(store, *CHUNKS)
    answers = []

    async def ask():
        answers.append(await store.vector_search(embed(CHUNKS[9][1]), 1))
        answers.append(await store.hybrid_search("number 9", embed(CHUNKS[9][1]), 1))
        answers.append((await store.health()).details["second_generation"])

    await reembed(store, Model(meanwhile=ask), *NEW, batch_size=50)
    (by_vector,), (by_both,), second = answers
    assert (by_vector.chunk_id, by_both.chunk_id) == ("009", "009")
    assert by_vector.score == pytest.approx(1, abs=1e-5)
    assert second == {"provider": "test", "model": "larger", "dimensions": 24, "unembedded": 70}


async def test_what_is_written_meanwhile_is_embedded_too(store):
    await fill(store, *CHUNKS)

    async def write():
        await fill(store, ("000", "another text"), ("zzz", "a late chunk"))  # behind and before where it is
        await store.delete_by_ids(["001", "119"])
        await store.update_metadata({"n": -1}, ids=["002", "118"])
        await store.replace_documents({"n": 3}, ["003b"], [embed("replaced")], ["replaced"], [{"n": 3}])

    model = Model(meanwhile=write)
    await reembed(store, model, *NEW, batch_size=50)
    expected = {i: (i, t, m) for i, t, m in CHUNKS if i not in ("001", "003", "119")}
    expected |= {"000": ("000", "another text", {}), "zzz": ("zzz", "a late chunk", {})}
    expected |= {i: (i, expected[i][1], {"n": -1}) for i in ("002", "118")}
    expected["003b"] = ("003b", "replaced", {"n": 3})
    await holds(store, model, expected.values())
    assert {"another text", "a late chunk", "replaced"} <= set(model.seen)


async def test_a_text_that_changes_while_it_is_embedded_gets_its_own_vector(store):
    await fill(store, *ANIMALS)
    model = Model()

    async def slow(texts):
        if model.calls == 0:
            model.calls = 1
            await fill(store, ("a", "changed meanwhile"))
        return model.vectors(texts)

    await reembed(store, slow, *NEW)
    await holds(store, model, [("a", "changed meanwhile", {}), *ANIMALS[1:]])


async def test_a_store_that_is_written_all_the_time_switches_nevertheless(store):
    await fill(store, *CHUNKS)
    stop, written = asyncio.Event(), 0

    async def write():
        nonlocal written
        while not stop.is_set():
            await fill(store, (f"w{written}", f"written {written}"))
            written += 1

    model, writing = Model(), asyncio.create_task(write())
    try:
        async with asyncio.timeout(60):
            await reembed(store, model, *NEW, batch_size=20)
    finally:
        stop.set()
    with pytest.raises((ProviderMismatchError, DimensionMismatchError)):  # its vectors have the former length
        await writing
    assert written > 5
    await holds(store, model, [*CHUNKS, *((f"w{i}", f"written {i}", {}) for i in range(written))])


@pytest.mark.parametrize("dimensions", [24, 16])
async def test_whoever_else_has_it_open_gets_a_typed_error_and_opens_it_again(make, store, dimensions):
    await fill(store, *ANIMALS)
    other = make()
    await other.initialize()
    model = Model(dimensions)
    await reembed(store, model, "test", "larger", dimensions)
    question = embed("the growling bear")
    for call in (
        lambda: other.vector_search(question, 1),
        lambda: other.hybrid_search("bear", question, 1),
        lambda: other.get_by_ids(["a"], include_embeddings=True),
        lambda: fill(other, ("e", "an old vector")),
        lambda: other.replace_documents({"n": 1}, ["e"], [embed("x")], ["x"], [{}]),
    ):
        with pytest.raises(ProviderMismatchError, match=r"embedded anew with test/larger") as caught:
            await call()
        assert (caught.value.indexed_model, caught.value.backend) == ("larger", store.repository.name)
    await other.close()
    with pytest.raises((ProviderMismatchError, DimensionMismatchError)):
        await other.initialize()
    await holds(store, model, ANIMALS)


async def test_it_goes_on_where_it_was_after_an_error_of_the_embedder(store):
    await fill(store, *CHUNKS)
    model, calls = Model(), 0

    def fails(texts):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise TimeoutError("the service does not answer")
        return model.vectors(texts)

    with pytest.raises(TimeoutError, match="the service does not answer"):
        await reembed(store, fails, *NEW, batch_size=50)
    assert (await store.health()).details["second_generation"]["unembedded"] == 70
    assert (await store.vector_search(embed(CHUNKS[9][1]), 1))[0].chunk_id == "009"
    assert await reembed(store, fails, *NEW, batch_size=50) == 70
    assert len(model.seen) == len(CHUNKS)
    await holds(store, model, CHUNKS)
    assert await reembed(store, fails, *NEW) == 0


async def test_the_former_vectors_are_kept_for_a_way_back(make, store):
    await fill(store, *CHUNKS)
    with pytest.raises(InvalidQueryError, match="keep=True needs the name"):
        await reembed(store, Model(), *NEW, keep=True)
    await store.set_embedding_metadata("test", "hashed", 16)
    model = Model()
    await reembed(store, model, *NEW, keep=True)
    await store.upsert_documents(["000"], [model.vector("later")], ["later"], [{}])
    await store.delete_by_ids(["001"])
    second = (await store.health()).details["second_generation"]
    assert second == {"provider": "test", "model": "hashed", "dimensions": 16, "unembedded": 1}

    class Old(Model):
        def vector(self, text):
            return embed(text, 16)

    old, expected = Old(16), [("000", "later", {}), *CHUNKS[2:]]
    assert await reembed(store, old, "test", "hashed", 16, keep=True) == 1
    assert old.seen == ["later"]
    await holds(store, old, expected)
    again = make()
    await again.initialize()
    await holds(again, old, expected)


async def test_another_model_takes_the_place_of_one_that_was_begun(store):
    await fill(store, *CHUNKS)
    with pytest.raises(InvalidQueryError, match="embed returned 0 vectors for 50 texts"):
        await reembed(store, lambda _: [], *NEW, batch_size=50)
    model = Model(20)
    assert await reembed(store, model, "test", "third", 20) == len(CHUNKS)
    await holds(store, model, CHUNKS)


async def test_one_that_was_begun_can_be_given_up(store):
    await fill(store, *CHUNKS)
    model = Model(16)

    async def fails_at_second(texts):
        if model.seen:
            raise RuntimeError("enough")
        return model.vectors(texts)

    with pytest.raises(RuntimeError, match="enough"):
        await reembed(store, fails_at_second, "test", "larger", 16, batch_size=50)
    await drop_second_generation(store)
    await drop_second_generation(store)
    assert (await store.health()).details["second_generation"] is None
    assert (await store.vector_search(embed(CHUNKS[9][1]), 1))[0].chunk_id == "009"
    model.seen.clear()
    assert await reembed(store, model, "test", "larger", 16) == len(CHUNKS)


@pytest.mark.parametrize(
    ("vectors", "kind", "message"),
    [
        ([[1.0] * 23] * 4, DimensionMismatchError, "vector of 23 dimensions, but 24 were announced"),
        ([[float("nan")] * 24] * 4, InvalidQueryError, "text 0 holds NaN"),
        ([[0.0] * 24] * 4, InvalidQueryError, "all zeros"),
        ([[1.0] * 24] * 3, InvalidQueryError, "3 vectors for 4 texts"),
        (7, InvalidQueryError, "returned int"),
    ],
)
async def test_what_an_embedder_returns_is_checked(store, vectors, kind, message):
    await fill(store, *ANIMALS)
    with pytest.raises(kind, match=message):
        await reembed(store, lambda _: vectors, *NEW)
    assert (await store.vector_search(embed(ANIMALS[0][1]), 1))[0].chunk_id == "a"


async def test_only_one_at_a_time(make, store):
    await fill(store, *CHUNKS)
    other = make()
    await other.initialize()

    async def second():
        with pytest.raises(QueryFailed, match="embed.*anew"):
            await reembed(other, Model(), "test", "third", 24)

    model = Model(meanwhile=second)
    await reembed(store, model, *NEW, batch_size=50)
    await holds(store, model, CHUNKS)


async def test_a_store_that_was_opened_for_the_new_model_is_mended(make, backend):
    first = make()
    await first.initialize()
    await fill(first, *ANIMALS)
    await first.close()
    made = make(dimensions=24)
    tolerant = create_backend(made.config, "warn")
    await tolerant.initialize()
    try:
        with pytest.raises(DimensionMismatchError):
            await tolerant.upsert_documents(["x"], [[1.0] * 24], ["x"], [{}])
        model = Model()
        await reembed(tolerant, model, "test", "hashed", 24)
        assert "mismatch" not in (await tolerant.health()).details
        await holds(tolerant, model, ANIMALS)
    finally:
        await tolerant.close()
    await made.initialize()
    await holds(made, model, ANIMALS)
    read_only = create_backend(made.config, read_only=True)
    await read_only.initialize()
    with pytest.raises(ReadOnlyStore):
        await reembed(read_only, model, "test", "third", 8)
    await read_only.close()


async def test_an_empty_store(store):
    await reembed(store, Model(), *NEW)
    await store.upsert_documents(["a"], [Model().vector("a")], ["a"], [{}])
    assert (await store.get_embedding_metadata()).model == "larger"


async def test_a_reset_begins_anew(store):
    await fill(store, *ANIMALS)
    await store.set_embedding_metadata("test", "hashed", 16)
    await reembed(store, Model(), *NEW, keep=True)
    await store.reset()
    await fill(store, *ANIMALS)  # the configuration's length again
    assert (await store.vector_search(embed(ANIMALS[0][1]), 1))[0].chunk_id == "a"
    model = Model()
    assert await reembed(store, model, *NEW) == 4
    await holds(store, model, ANIMALS)


def test_through_the_portal_of_synchronous_callers(tmp_path):
    with open_store_sync(mapping(chroma={"path": str(tmp_path)})) as store:
        store.upsert_documents(["a"], [embed("a")], ["a"], [{}])
        model = Model()
        assert store.run(reembed(store.backend, model.vectors, *NEW)) == 1
        assert store.vector_search(model.vector("a"), 1)[0].chunk_id == "a"
