"""A store belongs to the event loop in which it was opened first. Any other is refused, and told what to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest

from agent_brain_store import NotInitialized
from tests.support.internals import forget_keyword_index
from tests.support.stores import embed, fill, made_up

REFUSED = "the store belongs to another event loop: create, open and close a store in each"


def elsewhere(work: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
    """Await something in an event loop of its own, in another thread."""
    return asyncio.to_thread(asyncio.run, work)


async def test_calls_of_another_event_loop_are_refused(store):
    await fill(store, ("a", "text"))
    for call in (
        store.get_count(),
        store.keyword_search("text", 1),
        store.vector_search(embed("text"), 1),
        store.close(),
    ):
        with pytest.raises(NotInitialized, match=REFUSED):
            await elsewhere(call)
    health = await elsewhere(store.health())
    assert (health.ok, health.details) == (False, {"error": REFUSED})
    assert await store.get_count() == 1, "its own event loop goes on"


async def test_a_closed_store_stays_in_its_event_loop(store):
    await store.close()
    with pytest.raises(NotInitialized, match=REFUSED):
        await elsewhere(store.initialize())
    await store.initialize()
    assert await store.get_count() == 0


async def test_an_event_loop_opens_a_store_once(make):
    store = make()
    await asyncio.gather(store.initialize(), store.initialize(), store.initialize())
    assert await store.get_count() == 0


async def test_wait_idle_waits_for_background_work(store):
    await fill(store, *((f"{i}", f"text {i}") for i in range(50)))
    await store.wait_idle()
    assert (await store.health()).ok


async def stops_during(work: Awaitable[Any]) -> list[float]:
    """Return what the process did between the beats of the event loop, in seconds of processor time.

    The loop beats every 5 ms at best. The processor's time does not grow while other programs have it.
    """
    stops, task = [], asyncio.ensure_future(work)
    while not task.done():
        before = time.process_time()
        await asyncio.sleep(0.005)
        stops.append(time.process_time() - before)
    await task
    return stops


async def test_the_loop_goes_on_while_chunks_are_written_and_indexed(store, backend):
    """Chroma holds the interpreter's lock for a piece of a write, and the keyword index is made of all texts."""
    ids, vectors, _, metadatas = made_up(3000)
    texts = [" ".join(f"word{(i * j) % 977}" for j in range(100)) for i in range(3000)]
    stops = await stops_during(store.upsert_documents(ids, vectors, texts, metadatas))
    assert len(stops) > 3000 / 256  # Chroma gets so many chunks a call, and the loop beats in between
    assert max(stops) < sum(stops) / 3
    if backend == "chroma":
        forget_keyword_index(store)
        assert len(await stops_during(store.keyword_search("word5", 10))) > 5
