"""Any sequence of calls leaves a store that answers like a dictionary in Python, on both backends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agent_brain_store import StoreConfig, create_backend
from tests.support.filter_table import reference
from tests.support.stores import embed, mapping

T = TypeVar("T")
Chunk = tuple[str, dict[str, Any]]

WORDS = ["bear", "cat", "moon", "fox"]
ids = st.sampled_from("abcdef")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
metadatas = st.fixed_dictionaries({}, optional={"n": st.integers(0, 3), "kind": st.sampled_from("xy")})
chunks = st.dictionaries(ids, st.tuples(texts, metadatas), max_size=4)
wheres = st.sampled_from(
    [
        {"n": 1},
        {"n": {"$gte": 2}},
        {"kind": "x"},
        {"kind": {"$ne": "y"}},
        {"$or": [{"n": 0}, {"kind": {"$exists": False}}]},
    ]
)
changes = st.dictionaries(st.sampled_from(["n", "kind", "new"]), st.sampled_from([1, 2, None]), min_size=1)


class Model(RuleBasedStateMachine):
    """It does each call on the store and on a dictionary, and compares what comes back."""

    config: StoreConfig
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Chunk] = {}
        self.store = create_backend(self.config)
        self.run(self.store.initialize())
        self.run(self.store.reset())

    def run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self.runner.run(awaited())

    def matching(self, where: dict[str, Any] | None) -> list[str]:
        return sorted(
            i for i, (_, metadata) in self.model.items() if where is None or reference(where, metadata) is True
        )

    def teardown(self) -> None:
        self.run(self.store.close())

    @rule(new=chunks)
    def upsert(self, new: dict[str, Chunk]) -> None:
        assert self.run(self.store.upsert_documents(*as_lists(new))) == len(new)
        self.model |= new

    @rule(new=chunks, where=wheres)
    def replace(self, new: dict[str, Chunk], where: dict[str, Any]) -> None:
        gone = [chunk_id for chunk_id in self.matching(where) if chunk_id not in new]
        result = self.run(self.store.replace_documents(where, *as_lists(new)))
        assert result.upserted == len(new)
        self.model = {i: chunk for i, chunk in self.model.items() if i not in gone} | new
        assert self.run(self.store.get_count()) == len(self.model)

    @rule(change=changes, where=wheres, wanted=st.none() | st.lists(ids, max_size=3))
    def update_metadata(self, change: dict[str, Any], where: dict[str, Any], wanted: list[str] | None) -> None:
        found = [i for i in self.matching(where) if wanted is None or i in wanted]
        assert self.run(self.store.update_metadata(change, wanted, where)) == len(found)
        for chunk_id in found:
            text, metadata = self.model[chunk_id]
            changed = {key: value for key, value in (metadata | change).items() if value is not None}
            self.model[chunk_id] = text, changed

    @rule(gone=st.lists(ids, max_size=3))
    def delete_by_ids(self, gone: list[str]) -> None:
        assert self.run(self.store.delete_by_ids(gone)) == len(self.model.keys() & set(gone))
        self.model = {i: chunk for i, chunk in self.model.items() if i not in gone}

    @rule(where=wheres)
    def delete_by_metadata(self, where: dict[str, Any]) -> None:
        gone = self.matching(where)
        assert self.run(self.store.delete_by_metadata(where)) == len(gone)
        for chunk_id in gone:
            del self.model[chunk_id]

    @rule()
    def reset(self) -> None:
        self.run(self.store.reset())
        self.model = {}

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        self.store = create_backend(self.config)
        self.run(self.store.initialize())

    @rule(word=st.sampled_from(WORDS), where=st.none() | wheres)
    def search_by_words(self, word: str, where: dict[str, Any] | None) -> None:
        found = self.run(self.store.keyword_search(word, 10, where=where))
        assert sorted(hit.chunk_id for hit in found) == [
            i for i in self.matching(where) if word in self.model[i][0].split()
        ]
        assert [hit.text for hit in found] == [self.model[hit.chunk_id][0] for hit in found]

    @rule(text=texts, where=st.none() | wheres, top_k=st.integers(1, 7))
    def search_by_vector(self, text: str, where: dict[str, Any] | None, top_k: int) -> None:
        found = self.run(self.store.vector_search(embed(text), top_k, where=where))
        exact = [max(0.0, min(1.0, float(np.dot(embed(text), embed(self.model[i][0]))))) for i in self.matching(where)]
        assert np.allclose([hit.score for hit in found], sorted(exact, reverse=True)[:top_k], atol=1e-5)
        assert {hit.chunk_id for hit in found} <= set(self.matching(where))

    @rule()
    def verify(self) -> None:
        report = self.run(self.store.verify())
        assert report.damages == ()
        assert report.chunks == len(self.model)

    @invariant()
    def holds_the_same(self) -> None:
        found = self.run(self.store.get_by_ids(list("abcdef")))
        assert {i: (chunk["text"], chunk["metadata"]) for i, chunk in found.items()} == self.model
        assert self.run(self.store.get_count()) == len(self.model)
        for where in ({"n": {"$gte": 2}}, {"kind": "x"}):
            assert self.run(self.store.get_count(where)) == len(self.matching(where))


def as_lists(new: dict[str, Chunk]) -> tuple[list[str], list[list[float]], list[str], list[dict[str, Any]]]:
    given = [text for text, _ in new.values()]
    return list(new), [embed(text) for text in given], given, [metadata for _, metadata in new.values()]


def test_any_sequence_of_calls(backend, request, tmp_path):
    postgres: dict[str, Any] = request.getfixturevalue("postgres") if backend == "postgres" else {}
    storage = {"backend": backend, "chroma": {"path": str(tmp_path / "chroma")}, "postgres": postgres}
    with asyncio.Runner() as runner:
        kind = type("Bound", (Model,), {"config": StoreConfig.from_dict(mapping(**storage)), "runner": runner})
        bounds = settings(
            max_examples=6,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(kind, settings=bounds)


def test_the_model_notices_a_store_that_forgets(tmp_path, monkeypatch):
    """It would notice a delete that does nothing."""
    storage = {"backend": "chroma", "chroma": {"path": str(tmp_path / "chroma")}}
    with asyncio.Runner() as runner:
        kind = type("Bound", (Model,), {"config": StoreConfig.from_dict(mapping(**storage)), "runner": runner})
        machine = kind()

        async def nothing(_: list[str]) -> int:
            return 1

        machine.upsert({"a": ("bear", {})})
        monkeypatch.setattr(machine.store, "delete_by_ids", nothing)
        machine.delete_by_ids(["a"])
        with pytest.raises(AssertionError):
            machine.holds_the_same()
        machine.teardown()
