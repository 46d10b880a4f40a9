"""Writers on Chroma, which are killed, cancelled, or meet a full disk."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.chroma import opened
from tests.support.disks import small_disk, write_on_full_disk
from tests.support.killed import LARGEST, WIDE, batch, lost, write_and_kill

KEPT = 24  # batches of one directory; then it begins anew, because each check reads all of them
WRITTEN = 5  # batches that a process may write before it is killed
CALLS = 4  # upserts that are cancelled while the directory is open


def planned(chance: random.Random) -> Iterator[tuple[str, random.Random]]:
    """Yield faults, each with a chance of its own. How much a fault draws from it depends on the machine."""
    faults = [*["kill the process"] * 4, *["cancel"] * 3]
    if os.name == "posix" and os.geteuid() == 0:
        faults.append("full disk")
    while True:
        yield chance.choice(faults), random.Random(chance.random())


class Soak:
    """Episodes on Chroma, each of which ends with a check of everything that was acknowledged."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self._path, self._planned = path, planned(chance)
        self._directories = self._number = 0
        self._acknowledged: dict[int, int] = {}
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    @property
    def _directory(self) -> Path:
        return self._path / str(self._directories)

    async def episode(self, seconds: float) -> None:
        """Provoke one fault after the other for some seconds, each with a check at its end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._provoke()
            if len(self._acknowledged) >= KEPT:
                self._directories, self._acknowledged, self._number = self._directories + 1, {}, 0

    async def _provoke(self) -> None:
        fault, chance = next(self._planned)
        self.faults[fault] += 1
        if fault == "full disk":
            self.counts["failed"] += await asyncio.to_thread(self._full_disk)
            return
        if fault == "cancel":
            await self._cancel(chance)
        else:
            await asyncio.to_thread(self._kill, chance)
        self.counts["lost"] += len(await lost(self._directory, self._acknowledged))

    def _kill(self, chance: random.Random) -> None:
        written = write_and_kill(self._directory, self._number, chance, WRITTEN)
        self._acknowledged |= written
        self.counts["acknowledged"] += len(written)
        self._number = max(written, default=self._number) + 2  # one more may be there, as a whole or in part

    def _full_disk(self) -> int:
        with small_disk(self._path / "disk") as disk:
            return write_on_full_disk(disk)

    async def _cancel(self, chance: random.Random) -> None:
        """Upsert batches and delete some. Each call is cancelled at any time, and done again as a whole."""
        async with opened(self._directory, dimensions=WIDE) as store:
            for _ in range(CALLS):
                await self._cancelled(chance, store.upsert_documents, *batch(self._number, LARGEST))
                self._acknowledged[self._number] = LARGEST
                self._number += 1
                if chance.random() < 0.3:
                    gone = chance.choice([*self._acknowledged])
                    await self._cancelled(chance, store.delete_by_ids, batch(gone, LARGEST)[0])
                    self._acknowledged[gone] = 0
            self.counts["damages"] += len((await store.verify()).damages)

    async def _cancelled(self, chance: random.Random, write: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        call = asyncio.ensure_future(write(*arguments))
        await asyncio.sleep(1.5 * chance.random())
        call.cancel()
        await asyncio.wait([call])
        self.counts["cancelled"] += call.cancelled()
        await write(*arguments)
        self.counts["acknowledged"] += 1

    def report(self) -> dict[str, Any]:
        """Return what has happened."""
        names = ("acknowledged", "failed", "cancelled", "lost", "damages")
        return {**{name: self.counts[name] for name in names}, "faults": dict(self.faults)}
