"""Provoke faults at random on both backends, and check that nothing that was acknowledged is lost.

    python -m benchmarks.soak [SECONDS [SEED]]      600 seconds, and a seed by chance, unless they are given

A seed gives the same faults in the same order. When they happen depends on the machine. The last line is JSON. The exit
code is 1 if something was lost, or is there in half, or if a backend has acknowledged nothing.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.soak import chroma, postgres

EPISODE = 15.0  # seconds of faults on one backend, before it is the turn of the other


async def soak(seconds: float, seed: int) -> dict[str, Any]:
    """Alternate between the backends until the time is over. Returns the report."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="abs-soak-") as directory:
        on_chroma = chroma.Soak(Path(directory), random.Random(chance.random()))
        async with postgres.cluster() as (server, front):
            on_postgres = postgres.Soak(server, front, random.Random(chance.random()))
            await on_postgres.open()
            began = time.monotonic()  # a start takes long on a busy machine
            while (left := seconds - (time.monotonic() - began)) > 0:
                await on_postgres.episode(min(EPISODE, left))
                await on_chroma.episode(min(EPISODE, left))
                sys.stderr.write(f"{time.monotonic() - began:6.0f} s {on_postgres.faults} {on_chroma.faults}\n")
            reports = {"postgres": await on_postgres.report(), "chroma": on_chroma.report()}
            await on_postgres.store.close()
    return {"seed": seed, "seconds": round(time.monotonic() - began), **reports}


def is_whole(report: dict[str, Any]) -> bool:
    """Return whether nothing was lost, and there was something to lose."""
    there = report["postgres"], report["chroma"]
    return (
        all(part["acknowledged"] for part in there)
        and not any(part[name] for part in there for name in ("lost", "damages"))
        and not there[0]["in half"]
    )


def main() -> None:
    """Read the arguments and do it."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    sys.stderr.write(f"seed {seed}\n")
    report = asyncio.run(soak(seconds, seed))
    sys.stdout.write(json.dumps(report) + "\n")
    sys.exit(not is_whole(report))


if __name__ == "__main__":
    main()
