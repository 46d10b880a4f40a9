"""Keep some room on the disk free, because Chroma may freeze the whole process when the disk is full."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent_brain_store.chroma.spare import vector_indexes
from agent_brain_store.errors import DiskFull

RESERVE = 64 * 2**20  # bytes that stay free beside what a piece needs
PER_BYTE = 8  # bytes of the disk for each byte of a piece: log, rows, an index of all groups of three letters, journal


def require_room(directory: Path, collection: str, size: int) -> None:
    """Raise `DiskFull` unless a piece of so many bytes can be written, and the vector files copied once more."""
    files = (path for index in vector_indexes(directory, collection) for path in index.folder.glob("*"))
    needed = RESERVE + PER_BYTE * size + sum(path.stat().st_size for path in files)
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise DiskFull(
            f"the disk of the Chroma directory (storage.chroma.path) has {_shown(free)} free, and writing this needs "
            f"{_shown(needed)}: make room, or delete chunks. What was written before is stored",
            "chroma",
            free=free,
            needed=needed,
        )


def _shown(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
