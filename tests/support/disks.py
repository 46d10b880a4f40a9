"""Disks that are nearly full."""

from __future__ import annotations

import shutil
from pathlib import Path

MIB = 2**20


def fill_up(disk: Path, free: int) -> Path:
    """Leave so many bytes of the disk free."""
    file = disk / "filler"
    with file.open("wb") as out:
        while (left := shutil.disk_usage(disk).free - free) > 0:
            out.write(b"\0" * min(left, MIB))
            out.flush()
    return file
