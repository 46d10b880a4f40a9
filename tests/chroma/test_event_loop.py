"""The event loop stays free while Chroma works."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from types import FrameType
from typing import Any

from agent_brain_store import create_backend, open_store
from tests.support.chroma import config, opened
from tests.support.internals import HEAVY_FUNCTIONS, HEAVY_MODULES, LIGHT_MODULE, forget_keyword_index
from tests.support.stores import embed, fill


@contextmanager
def calls_of_this_thread():
    """Collect the functions of Python that this thread calls, as module and name."""
    calls: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls.add((frame.f_globals.get("__name__", ""), frame.f_code.co_qualname))

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def test_chroma_and_the_keyword_index_do_no_work_on_the_event_loop(tmp_path):
    async with opened(tmp_path) as store:
        with calls_of_this_thread() as calls:
            await fill(store, *((f"{i}", f"word{i % 7} text", {"source": f"/src/{i}/m.py", "n": i}) for i in range(50)))
            where = {"n": {"$lt": 40}}
            assert await store.hybrid_search("word5 or word6", embed("word5"), 5, where=where, explain=True)
            assert await store.vector_search(embed("word5"), 5, where=where)
            assert await store.delete_by_metadata({"source": {"$prefix": "/src/7/"}}) == 1
            forget_keyword_index(store)
            assert await store.keyword_search("word5", 10)
            assert [document async for document in store.iter_documents(include_embeddings=True)]
            assert await store.replace_documents({"n": 3}, ["n"], [embed("new")], ["new"], [{}])
            await store.health()
    assert sorted(call for call in calls if call[0].startswith(("chromadb", *HEAVY_MODULES))) == []
    assert not HEAVY_FUNCTIONS & calls
    assert LIGHT_MODULE in {module for module, _ in calls}


def test_a_write_that_was_cancelled_ends_before_its_event_loop(tmp_path):
    store = create_backend(config(tmp_path))
    ids = [f"{i:04}" for i in range(3000)]

    async def begin() -> None:
        await store.initialize()
        begun = asyncio.Event()
        async with store.bulk_load(lambda _: begun.set()) as load:
            call = asyncio.create_task(load.upsert_documents(ids, [embed("x")] * 3000, ids, [{}] * 3000))
            await begun.wait()
            call.cancel()

    async def end() -> None:
        async with open_store(config(tmp_path)) as other:
            assert 0 < await other.get_count() < 3000
            await other.upsert_documents(ids, [embed("x")] * 3000, ids, [{}] * 3000)
            assert await other.get_count() == 3000

    asyncio.run(begin())
    asyncio.run(end())
