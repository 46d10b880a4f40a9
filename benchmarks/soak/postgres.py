"""Writers on PostgreSQL, while the server is killed, the network is cut or silent, and calls are cancelled."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from agent_brain_store import StorageBackend, StorageError, create_backend
from tests.support.clusters import Cluster
from tests.support.postgres import config
from tests.support.proxy import Proxy, proxy
from tests.support.stores import embed

SIZE = 20  # chunks of a batch
WRITERS = 4
SETTLED = 2.0  # seconds after which a commit that was on its way has arrived
FAULTS = ("kill the server", "cut the network", "silence", "cancel")


class Writer:
    """It writes, overwrites and deletes batches, and knows in which versions each may be. Version 0 is none.

    A write whose outcome is unknown holds its locks until the server knows it. So a later write of the same chunks comes
    after it. A delete does not: it sees no chunk, and then the unknown commit may bring it.
    """

    def __init__(self, store: StorageBackend, name: str, chance: random.Random) -> None:
        self._store, self._name, self._chance = store, name, chance
        self._versions: dict[int, set[int]] = {}
        self._unknown: dict[int, set[int]] = {}
        self._next = 1
        self.is_stopping = False
        self.call: asyncio.Task[Any] | None = None
        self.counts: Counter[str] = Counter()

    async def write(self) -> None:
        """Write one batch after the other, until it is to stop."""
        self.is_stopping = False
        while not self.is_stopping:
            number = self._chance.randrange(len(self._versions) + 1)
            is_deletion = number in self._versions and self._chance.random() < 0.2
            version, self._next = 0 if is_deletion else self._next, self._next + 1
            self.call = asyncio.ensure_future(self._delete(number) if is_deletion else self._upsert(number, version))
            await asyncio.wait([self.call])
            if self.call.cancelled() or isinstance(self.call.exception(), StorageError):
                self._versions[number] = self._versions.get(number, {0}) | {version}
                self._unknown.setdefault(number, set()).add(version)
                self.counts["cancelled" if self.call.cancelled() else "failed"] += 1
                await asyncio.sleep(0.02)
            else:
                self.call.result()
                unknown = self._unknown.pop(number, set())
                self._versions[number] = {version} | (unknown if is_deletion else set())
                self.counts["acknowledged"] += 1

    def _ids(self, number: int) -> list[str]:
        return [f"{self._name}-{number}-{i:02}" for i in range(SIZE)]

    async def _upsert(self, number: int, version: int) -> None:
        text = f"batch {number} of {self._name}, version {version}"
        await self._store.upsert_documents(
            self._ids(number), [embed(text)] * SIZE, [text] * SIZE, [{"version": version}] * SIZE
        )

    async def _delete(self, number: int) -> None:
        await self._store.delete_by_ids(self._ids(number))

    async def check(self) -> None:
        """Read every batch. Count those that are there in part, and those that are not in a version they may have."""
        for number, versions in self._versions.items():
            found = await self._store.get_by_ids(self._ids(number))
            there = {chunk["metadata"]["version"] for chunk in found.values()} or {0}
            if len(found) not in (0, SIZE) or len(there) > 1:
                self.counts["in half"] += 1
            elif not there <= versions:
                self.counts["lost"] += 1
            self._versions[number], self._unknown = there, {}


@asynccontextmanager
async def cluster() -> AsyncIterator[tuple[Cluster, Proxy]]:
    """Run a server of its own, with a proxy in front."""
    with tempfile.TemporaryDirectory(prefix="abs-soak-") as directory:
        server = Cluster(Path(directory) / "primary")
        await asyncio.to_thread(Path(directory).chmod, 0o755)
        await asyncio.to_thread(server.make)
        try:
            async with proxy(server.location) as front:
                yield server, front
        finally:
            await asyncio.to_thread(server.stop)


class Soak:
    """One store with its writers. An episode has some faults, and a check at its end."""

    def __init__(self, server: Cluster, front: Proxy, chance: random.Random) -> None:
        self._server, self._front, self._chance = server, front, chance
        self.store = create_backend(config({**front.postgres(), "command_timeout": 5, "pool_timeout": 10}))
        self.writers = [Writer(self.store, name, random.Random(chance.random())) for name in "abcd"[:WRITERS]]
        self.faults: Counter[str] = Counter()

    async def episode(self, seconds: float) -> None:
        """Write for some seconds among faults. Then let everything be whole, and check it."""
        tasks = [asyncio.create_task(writer.write()) for writer in self.writers]
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(self._chance.random())
            fault = self._chance.choice(FAULTS)
            self.faults[fault] += 1
            await self._provoke(fault)
        for writer in self.writers:
            writer.is_stopping = True
        await asyncio.gather(*tasks)
        await asyncio.sleep(SETTLED)
        for writer in self.writers:
            await writer.check()

    async def _provoke(self, fault: str) -> None:
        if fault == "kill the server":
            await asyncio.to_thread(self._server.stop)
            await asyncio.sleep(self._chance.random() / 2)
            await asyncio.to_thread(self._server.start)
        elif fault == "cut the network":
            self._front.forget()
        elif fault == "silence":
            self._front.swallow()
            await asyncio.sleep(self._chance.choice([0.2, 1, 7]))
            self._front.speak()
        else:
            call = self._chance.choice(self.writers).call
            if call is not None:
                call.cancel()

    async def report(self) -> dict[str, Any]:
        """Return what has happened."""
        counts: Counter[str] = Counter()
        for writer in self.writers:
            counts += writer.counts
        verified = await self.store.verify()
        names = ("acknowledged", "failed", "cancelled", "lost", "in half")
        damages = [str(damage) for damage in verified.damages]
        return {**{name: counts[name] for name in names}, "faults": dict(self.faults), "damages": damages}

    async def open(self) -> None:
        """Open the store. It takes another try if the network has just come back."""
        with suppress(StorageError):
            await self.store.initialize()
        await self.store.initialize()
