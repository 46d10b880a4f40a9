"""A store that is whole is found to be whole, and its digest is that of its chunks, on either backend."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent_brain_store import Progress, ReadOnlyStore, create_backend, open_store, open_store_sync
from tests.support.chroma import config
from tests.support.internals import is_chroma
from tests.support.stores import ANIMALS, embed, fill, made_up

AWKWARD: tuple[tuple[Any, ...], ...] = (
    ("é 🐻", "naïve “text”\nof two lines", {"n": 1.0, "f": 0.1, "big": 2**60, "list": [1, "a", True, None]}),
    ("empty", "", {}),
    ("path", "x" * 3000, {"source": "/a/b/c.py", "nested": {"deep": [{"x": 1e300}]}, "long": "y" * 2000}),
)


async def test_an_empty_store_is_whole(store):
    report = await store.verify()
    assert (report.ok, report.chunks, report.damages) == (True, 0, ())


async def test_a_whole_store_is_whole_after_every_kind_of_write(store):
    await fill(store, *ANIMALS, *AWKWARD)
    await store.upsert_documents(["long"], [[3.0] * 16], ["not of unit length"], [{}])
    await fill(store, ("a", "another text", {"n": 9}))
    await store.update_metadata({"tag": "x", "n": None}, where={"n": 2})
    await store.delete_by_ids(["d"])
    seen: list[Progress] = []
    report = await store.verify(seen.append)
    assert report.damages == ()
    assert report.chunks == await store.get_count() == 7
    assert (seen[-1].operation, seen[-1].done, seen[-1].total) == ("verifying", 7, 7)
    assert await store.repair() == report


async def test_the_digest_is_that_of_the_chunks(store, tmp_path):
    """It is the same on Chroma, in another order, and after a way back."""
    await fill(store, *ANIMALS, *AWKWARD)
    digest = (await store.verify()).digest
    async with open_store(config(tmp_path / "another")) as other:
        await fill(other, *reversed(AWKWARD))
        assert (await other.verify()).digest != digest
        await fill(other, *ANIMALS)
        assert (await other.verify()).digest == digest
    for change in (("a", "another text", ANIMALS[0][2]), ("a", ANIMALS[0][1], {"n": 2}), ("new", "text", {})):
        await fill(store, change)
        assert (await store.verify()).digest != digest
        await store.delete_by_ids(["new"])
        await fill(store, ANIMALS[0])
        assert (await store.verify()).digest == digest


async def test_a_write_meanwhile_is_no_damage(store):
    await store.upsert_documents(*made_up(1500))
    written = []

    async def write(number: int) -> None:
        await fill(store, (f"other {number}", "text"))
        written.append(number)

    task = asyncio.gather(*(write(number) for number in range(20)))
    report = await store.verify()
    await task
    assert report.damages == ()
    assert written


async def test_reading_alone_may_verify_but_not_repair(store):
    if is_chroma(store):
        await store.close()
    reader = create_backend(store.config, read_only=True)
    await reader.initialize()
    try:
        assert (await reader.verify()).ok
        with pytest.raises(ReadOnlyStore):
            await reader.repair()
    finally:
        await reader.close()


async def test_a_store_without_an_event_loop_verifies_too(tmp_path):
    def work() -> bool:
        with open_store_sync(config(tmp_path)) as store:
            store.upsert_documents(["a"], [embed("a")], ["a"], [{}])
            return store.verify().ok and store.repair().ok

    assert await asyncio.to_thread(work)
