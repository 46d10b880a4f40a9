"""Temporary files in memory, small disks, which need root, and disks that are nearly full."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import run

MIB = 2**20
MEMORY = Path("/dev/shm")
BESIDE_MEMORY = Path("/var/tmp")  # for containers, which have a /dev/shm of their own


def work_in_memory() -> None:
    """Put temporary files into memory where there is much of it. The tests take a quarter less time then."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < 8 * 2**30:
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def fill_up(disk: Path, free: int) -> Path:
    """Leave so many bytes of the disk free."""
    file = disk / "filler"
    with file.open("wb") as out:
        while (left := shutil.disk_usage(disk).free - free) > 0:
            out.write(b"\0" * min(left, MIB))
            out.flush()
    return file


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """Mount a disk of 160 MiB. Only root can."""
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


_FULL = """
    import asyncio, sys
    from pathlib import Path
    from agent_brain_store import StorageError
    from tests.support.disks import fill_up
    from tests.support.chroma import opened
    from tests.support.faults import keep_no_room
    from tests.support.killed import WIDE, batch

    async def main(disk):
        keep_no_room()
        failed = 0
        stored = []
        async with opened(disk / "chroma", dimensions=WIDE) as store:
            await store.upsert_documents(*batch(0, 900))
            for number in range(1, 9):
                filler = fill_up(disk, number * 150_000)
                for attempt in range(2):
                    try:
                        await store.upsert_documents(*batch(number, 900))
                        break
                    except StorageError as error:
                        failed += 1
                        print(type(error).__name__, error.message, flush=True)
                filler.unlink()
                await store.upsert_documents(*batch(number, 900))
                assert await store.get_count() == 900 * (number + 1)
            assert (await store.verify()).ok
        print("failed", failed)
    asyncio.run(main(Path(sys.argv[1])))
"""


def write_on_full_disk(disk: Path) -> int:
    """Let a process meet a full disk several times, and go on. Returns how many writes have failed.

    It fails if the process freezes, or if a chunk is missing in the end.
    """
    return int(run(_FULL, str(disk), timeout=900).split()[-1])
