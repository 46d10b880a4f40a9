"""A re-embedding in a process of its own, which is killed at a step, and a look at what it has left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import numpy as np

from agent_brain_store import QueryFailed, StoreConfig, create_backend, open_store, reembed
from agent_brain_store.chroma import client as driver
from agent_brain_store.postgres import generations
from tests.support.stores import embed, fill

CHUNKS = [(f"{i:03}", f"text number {i}", {"n": i}) for i in range(60)]

# It is killed where the argument says: in the middle of the fill, or before or after a step that is named.
PROGRAM = """
import asyncio, json, os, sys
from agent_brain_store import open_store, reembed
from tests.support.reembedding import killed_at
from tests.support.stores import embed
calls = 0
def model(texts):
    global calls
    calls += 1
    if where == "filling" and calls == 3:
        os.kill(os.getpid(), 9)
    return [embed(text, 24) for text in texts]
async def main():
    async with open_store(json.loads(sys.argv[1])) as store:
        await reembed(store, model, "test", "larger", 24, batch_size=20, keep=sys.argv[3] == "keep")
where = sys.argv[2]
if where != "filling":
    killed_at(where)
asyncio.run(main())
"""


async def killed(settings: dict[str, Any], where: str, keep: str) -> None:
    command = [sys.executable, "-c", PROGRAM, json.dumps(settings), where, keep]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()


async def check_and_end(settings: dict[str, Any]) -> None:
    """Open a store that a killed process has left. Its answers are of one model. Then end the work."""
    config = StoreConfig.from_dict(settings)
    store = create_backend(config, "warn")
    await store.initialize()
    try:
        profile = await store.get_embedding_metadata()
        assert profile is not None
        await holds(store, profile.dimensions)
        if profile.dimensions == 16:
            await fill(store, ("000", "changed after the crash", {"n": 0}))
            await store.delete_by_ids(["001"])
        for _ in range(100):  # the server needs a moment to notice that its client is gone
            with suppress(QueryFailed):
                await reembed(store, lambda texts: [embed(t, 24) for t in texts], "test", "larger", 24, batch_size=20)
                break
            await asyncio.sleep(0.1)
        await holds(store, 24)
        assert not (await store.health()).details.get("missing_indexes")
    finally:
        await store.close()
    settings["embedding"] |= {"dimensions": 24, "model": "larger"}
    async with open_store(settings) as again:
        await holds(again, 24)


async def holds(store: Any, dimensions: int) -> None:
    chunks = [c async for c in store.iter_documents(include_embeddings=True)]
    assert len(chunks) in (59, 60)
    for chunk in chunks:
        assert np.array_equal(chunk.embedding, np.asarray(embed(chunk.text, dimensions), np.float32)), chunk.chunk_id
    for chunk in chunks[::20]:
        assert (await store.vector_search(embed(chunk.text, dimensions), 1))[0].chunk_id == chunk.chunk_id
        assert (await store.keyword_search(chunk.text, 1))[0].chunk_id == chunk.chunk_id


async def filled(settings: dict[str, Any]) -> None:
    async with open_store(settings) as store:
        await fill(store, *CHUNKS)
        await store.set_embedding_metadata("test", "hashed", 16)


def killed_at(where: str) -> None:
    """Let this process be killed before or after a step of a re-embedding: "before rename", "after third rename"."""
    when, *counted, step = where.split(" ")
    wanted = {"second": 2, "third": 3}.get("".join(counted), 1)
    if step == "build_index":
        _kill_at(generations.PostgresGeneration, step, when, wanted)
    elif step.endswith("_generation"):
        _kill_at(generations, "_execute_all", when, wanted, step)
    elif step == "delete_collection":
        _kill_at(driver, step, when, wanted)
    else:
        _kill_at(driver.Rows, step, when, wanted)


def _kill_at(owner: Any, name: str, when: str, wanted: int, argument: str | None = None) -> None:
    original, times = getattr(owner, name), 0

    def die(now: str, arguments: tuple[Any, ...]) -> None:
        nonlocal times
        if argument is None or argument in arguments:
            times += now == "before"
            if (now, times) == (when, wanted):
                os.kill(os.getpid(), 9)

    async def awaited(*arguments: Any, **more: Any) -> Any:
        die("before", arguments)
        result = await original(*arguments, **more)
        die("after", arguments)
        return result

    def called(*arguments: Any, **more: Any) -> Any:
        die("before", arguments)
        result = original(*arguments, **more)
        die("after", arguments)
        return result

    setattr(owner, name, awaited if asyncio.iscoroutinefunction(original) else called)
