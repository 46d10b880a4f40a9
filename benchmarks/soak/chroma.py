"""Writers on Chroma, which are killed, cancelled, or meet a full disk."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.chroma import opened
from tests.support.disks import small_disk, write_on_full_disk
from tests.support.killed import WIDE, batch, lost, write_and_kill

KEPT = 12  # batches of one directory; then it begins anew, because each check reads all of them


class Soak:
    """Episodes on Chroma, each of which ends with a check of everything that was acknowledged."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self._path, self._chance = path, chance
        self._directories = self._number = 0
        self._acknowledged: dict[int, int] = {}
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    @property
    def _directory(self) -> Path:
        return self._path / str(self._directories)

    async def episode(self) -> None:
        """Provoke one fault, and check."""
        faults = ["kill the process", "kill the process", "cancel"]
        if os.name == "posix" and os.geteuid() == 0:
            faults.append("full disk")
        fault = self._chance.choice(faults)
        self.faults[fault] += 1
        if fault == "full disk":
            self.counts["failed"] += await asyncio.to_thread(self._full_disk)
            return
        if fault == "cancel":
            await self._cancel()
        else:
            written = await asyncio.to_thread(write_and_kill, self._directory, self._number, self._chance)
            self._acknowledge(written)
        self.counts["lost"] += len(await lost(self._directory, self._acknowledged))
        self._number += 2
        if len(self._acknowledged) >= KEPT:
            self._directories, self._acknowledged, self._number = self._directories + 1, {}, 0

    def _acknowledge(self, written: dict[int, int]) -> None:
        self._acknowledged |= written
        self.counts["acknowledged"] += len(written)
        self._number = max(written, default=self._number)

    def _full_disk(self) -> int:
        with small_disk(self._path / "disk") as disk:
            return write_on_full_disk(disk)

    async def _cancel(self) -> None:
        """Cancel one call at any time, and do it again as a whole."""
        async with opened(self._directory, dimensions=WIDE) as store:
            number = self._number + 1
            call = asyncio.ensure_future(store.upsert_documents(*batch(number, 1000)))
            await asyncio.sleep(1.5 * self._chance.random())
            call.cancel()
            await asyncio.wait([call])
            self.counts["cancelled"] += call.cancelled()
            await store.upsert_documents(*batch(number, 1000))
            damages = (await store.verify()).damages
            self.counts["damages"] += len(damages)
        self._acknowledge({number: 1000})

    def report(self) -> dict[str, Any]:
        """Return what has happened."""
        names = ("acknowledged", "failed", "cancelled", "lost", "damages")
        return {**{name: self.counts[name] for name in names}, "faults": dict(self.faults)}
