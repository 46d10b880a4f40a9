"""Measure processor time. A busy machine makes everything late, and a server in another process most of all."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any


def private_server(workplace: Path) -> Any:
    """Return the process of the private server of a bench, or None if the server is the user's."""
    import psutil

    file = workplace / "postgres" / "postmaster.pid"
    return psutil.Process(int(file.read_text(encoding="utf-8").split()[0])) if file.exists() else None


async def measured(work: Awaitable[Any], server: Any) -> dict[str, float]:
    """Return the seconds that some work takes, and those of processor time, here and in all processes of the server.

    Without a ``server`` there is no processor time, because what a server elsewhere does cannot be seen.
    """
    start, before = time.perf_counter(), server and _used(server)
    await work
    found = {"s": time.perf_counter() - start}
    return found | {"processor s": _used(server) - before} if server else found


def _used(server: Any) -> float:
    own, sessions = server.cpu_times(), [process.cpu_times() for process in server.children()]
    ended = own.children_user + own.children_system
    return float(time.process_time() + ended + sum(times.user + times.system for times in (own, *sessions)))
