"""Measure processor time. A busy machine makes everything late, and a server in another process most of all."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import psutil


def private_server(workplace: Path) -> psutil.Process | None:
    """Return the process of the private server of a bench, or None if the server is the user's."""
    file = workplace / "postgres" / "postmaster.pid"
    return psutil.Process(int(file.read_text(encoding="utf-8").split()[0])) if file.exists() else None


async def measured(work: Awaitable[Any], server: psutil.Process | None) -> dict[str, float]:
    """Return the seconds that some work takes, and those of processor time, here and in all processes of the server.

    Without a ``server`` there is no processor time, because what a server elsewhere does cannot be seen.
    """
    start, before = time.perf_counter(), server and used(server)
    await work
    found = {"s": time.perf_counter() - start}
    return found if server is None or before is None else found | {"processor s": used(server) - before}


def used(server: psutil.Process) -> float:
    """Return the seconds of processor time so far, here and in all processes of the server."""
    taken = sum(server.cpu_times()[:4])  # with those of its children that have ended
    for child in server.children():
        try:
            taken += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:  # it has ended meanwhile, and counts from now on as one that has
            return used(server)
    return float(taken + time.process_time())
