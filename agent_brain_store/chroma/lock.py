"""Let only one process use a Chroma directory, by a lock file in the directory.

Chroma itself does not check this. Two processes that write to one directory lose vectors without any error.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from agent_brain_store.errors import ConnectionFailed, StoreLocked

LOCK_FILE = ".agent_brain.lock"
_LOCKED_BYTE = 2**20  # Windows also prevents reading a locked byte, so this one is far behind the holder's id


class DirectoryLock:
    """The lock of one directory. It is held from its construction to `release`, or to the end of the process.

    Raises `StoreLocked` if another process holds it, and `ConnectionFailed` if the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConnectionFailed(
                f"the Chroma directory (storage.chroma.path) cannot be opened for writing: {error.strerror}", "chroma"
            ) from error
        try:
            _lock(self._file)
        except OSError as error:
            holder = _holder(self._file)
            os.close(self._file)
            raise StoreLocked(
                f"process {holder} has this Chroma directory (storage.chroma.path) open; only one process at a "
                "time may use a Chroma directory. Stop that process, choose another directory, or use storage.backend: postgres, "
                "which many processes can share",
                "chroma",
            ) from error
        with contextlib.suppress(OSError):  # on a full disk the holder's id cannot be written, but the lock holds
            os.ftruncate(self._file, 0)
            _write(self._file)

    def release(self) -> None:
        """Let the next process in. The file stays, because deleting it could let two processes in at once."""
        os.close(self._file)


def _holder(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    return os.read(file, 32).decode(errors="replace").strip() or "(unknown)"


def _write(file: int) -> None:
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, str(os.getpid()).encode())


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
