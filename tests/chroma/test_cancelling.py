"""A cancelled write ends with the piece under way. Nothing goes on behind the caller's back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.internals import wrap, write_in_pieces_of
from tests.support.stores import embed, fill, made_up

COUNT = 2000


class Pieces:
    """It holds a write in each of its pieces, until the test lets the piece go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        self.begun, self._go = threading.Semaphore(0), threading.Semaphore(0)
        wrap(monkeypatch, step, self._held)

    def _held(self, step: Callable[..., None], *arguments: Any) -> None:
        self.begun.release()
        assert self._go.acquire(timeout=30)
        step(*arguments)

    async def begins(self) -> None:
        """Wait until a piece has begun."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=30)

    def go(self) -> None:
        """Let one piece go on."""
        self._go.release()


async def cancelled_in_the_second_piece(pieces: Pieces, call: asyncio.Task[Any]) -> None:
    await pieces.begins()
    pieces.go()
    await pieces.begins()
    call.cancel()
    await asyncio.sleep(0.05)
    assert not call.done(), "the piece under way is not over"
    pieces.go()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_an_upsert_ends_with_the_piece_under_way(store, monkeypatch):
    await fill(store, ("a", "text"))
    assert len(await store.keyword_search("text", 5)) == 1
    write_in_pieces_of(store, 16)
    pieces = Pieces(monkeypatch, "put")
    await cancelled_in_the_second_piece(pieces, asyncio.create_task(store.upsert_documents(*made_up(COUNT))))
    assert await store.get_count() == 33
    await asyncio.sleep(0.2)
    assert not pieces.begun.acquire(blocking=False), "no further piece has begun"
    assert await store.get_count() == 33
    monkeypatch.undo()
    await store.upsert_documents(*made_up(40))
    assert await store.get_count() == 41
    assert [hit.chunk_id for hit in await store.keyword_search("00017", 5)] == ["00017"]
    assert (await store.verify()).ok


async def test_a_delete_and_a_change_of_metadata_end_so_too(store, monkeypatch):
    await store.upsert_documents(*made_up(200))
    write_in_pieces_of(store, 16)
    pieces = Pieces(monkeypatch, "put metadata")
    ids = made_up(200)[0]
    await cancelled_in_the_second_piece(pieces, asyncio.create_task(store.update_metadata({"n": 1}, ids)))
    assert await store.get_count({"n": 1}) == 32
    monkeypatch.undo()
    pieces = Pieces(monkeypatch, "delete")
    await cancelled_in_the_second_piece(pieces, asyncio.create_task(store.delete_by_ids(ids)))
    assert await store.get_count() == 168
    monkeypatch.undo()
    assert (await store.verify()).ok


async def test_a_write_that_has_not_begun_never_begins(store, monkeypatch):
    pieces = Pieces(monkeypatch, "put")
    first = asyncio.create_task(fill(store, ("a", "text")))
    await pieces.begins()
    second = asyncio.create_task(store.upsert_documents(["b"], [embed("b")], ["b"], [{}]))
    await asyncio.sleep(0.1)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    pieces.go()
    await first
    assert await store.get_count() == 1


async def test_a_timeout_cancels_in_the_same_way(store, monkeypatch):
    write_in_pieces_of(store, 16)
    pieces = Pieces(monkeypatch, "put")
    for _ in range(3):
        pieces.go()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await asyncio.gather(store.upsert_documents(*made_up(COUNT)), _release_after(pieces, 1.5))
    assert await store.get_count() <= 64


async def _release_after(pieces: Pieces, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        pieces.go()
