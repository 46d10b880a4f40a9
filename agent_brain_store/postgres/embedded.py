"""Run a private PostgreSQL in a directory. It comes from a wheel, with the extra ``embedded``.

Several stores of one process, and several processes of one user, share the server. The last one stops it, and the data
stay. Each process that uses the server holds a lock, which the system releases when the process dies.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent_brain_store.config.rules import expanded
from agent_brain_store.errors import ConnectionFailed
from agent_brain_store.postgres.datadir import STARTING, USERS, DataDirectory
from agent_brain_store.postgres.wheel import ProgramFailed, installed

log = logging.getLogger(__name__)

_BACKEND = "postgres"


@dataclass(slots=True)
class _Shared:
    """The server of one directory, as this process uses it.

    One process at a time holds ``starting``, while it starts or stops the server. Every process that uses the server
    shares ``using``. Both are locks of files.
    """

    data: DataDirectory
    starting: Any
    using: Any
    users: int = 0


class EmbeddedServer:
    """A handle on the server of one directory. Several handles may share the server."""

    _shared: ClassVar[dict[Path, _Shared]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._path = expanded(path).resolve()
        self._is_used = False

    async def start(self) -> dict[str, Any]:
        """Start the server unless it runs. Returns asyncpg's arguments for it.

        Raises `MissingDependency` if the extra is not installed, and `ConnectionFailed` if the server does not start.
        """
        return await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        """Release the server. The server stops when its last user releases it. A cancelled `start` needs this call too."""
        await asyncio.to_thread(self._stop)

    def _start(self) -> dict[str, Any]:
        installed()
        with self._lock:
            shared = self._shared.get(self._path) or _share(self._path)
            shared.data.check_place()
            try:
                with shared.starting:
                    location = shared.data.ensure_running()
                    if not shared.users:
                        shared.using.acquire_read_lock()
            except (OSError, ProgramFailed) as error:
                raise self._not_started(error) from error
            if not self._shared:
                atexit.register(_stop_all)
            self._shared[self._path] = shared
            shared.users += 1
            self._is_used = True
        return location

    def _not_started(self, error: Exception) -> ConnectionFailed:
        what = f"the private PostgreSQL in {self._path.name!r} (storage.postgres.embedded_path) did not start"
        if isinstance(error, OSError):
            return ConnectionFailed(f"{what}: {error.strerror}; this user has to own the directory", _BACKEND)
        hint = "; the file 'log' in that directory says why" if (self._path / "log").exists() else ""
        return ConnectionFailed(f"{what}{hint}", _BACKEND)

    def _stop(self) -> None:
        with self._lock:
            if not self._is_used:
                return
            self._is_used = False
            shared = self._shared[self._path]
            shared.users -= 1
            if not shared.users:
                del self._shared[self._path]
                _leave(shared)


def _share(path: Path) -> _Shared:
    import fasteners  # the wheel needs it too

    starting, using = fasteners.InterProcessLock(path / STARTING), fasteners.InterProcessReaderWriterLock(path / USERS)
    return _Shared(DataDirectory(path), starting, using)


def _leave(shared: _Shared) -> None:
    """Stop using a server, and stop it if nobody else uses it."""
    try:
        with shared.starting:
            shared.using.release_read_lock()
            if shared.using.acquire_write_lock(blocking=False):
                try:
                    shared.data.stop()
                finally:
                    shared.using.release_write_lock()
            else:
                shared.using.lockfile.close()  # which is left open when the lock is not acquired
    except (OSError, ProgramFailed):
        log.warning("the private PostgreSQL did not stop as it should", exc_info=True)


def _stop_all() -> None:
    """Stop using every server, because this process ends."""
    while EmbeddedServer._shared:
        _leave(EmbeddedServer._shared.popitem()[1])
