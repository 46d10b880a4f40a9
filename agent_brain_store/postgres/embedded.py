"""Run a private PostgreSQL in a directory. It comes from a wheel, with the extra ``embedded``.

Several stores of one process, and several processes of one user, share the server. The last one stops it, and the data
stay. Each process that uses the server holds a lock, which the system releases when the process dies.

A signal such as SIGTERM or SIGKILL ends Python without its last steps. So each of these processes has a survivor: a
child that does nothing but wait until the process is gone, and then stops the server if nobody else uses it.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent_brain_store import children
from agent_brain_store.config.rules import expanded
from agent_brain_store.errors import ConnectionFailed
from agent_brain_store.postgres.datadir import STARTING, USERS, DataDirectory
from agent_brain_store.postgres.wheel import ProgramFailed, installed

log = logging.getLogger(__name__)

_BACKEND = "postgres"
# Its input ends when this process does, whatever ends it. Until then it has imported nothing.
_SURVIVOR = "import sys; sys.stdin.read(); from agent_brain_store.postgres.embedded import stop_unused; stop_unused(sys.argv[1])"


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
    survivor: subprocess.Popen[bytes] | None = None


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
                    shared.survivor = shared.survivor or _survivor(self._path)
                    location = shared.data.ensure_running()
                    if not shared.users:
                        shared.using.acquire_read_lock()
                    shared.users += 1
            except (OSError, ProgramFailed) as error:
                raise self._not_started(error) from error
            finally:
                if not shared.users:
                    _end_survivor(shared)
            if not self._shared:
                atexit.register(_stop_all)
            self._shared[self._path] = shared
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
            _stop_unused(shared)
    except (OSError, ProgramFailed):
        log.warning("the private PostgreSQL did not stop as it should", exc_info=True)
    finally:
        _end_survivor(shared)


def _stop_unused(shared: _Shared) -> None:
    """Stop a server unless a process uses it. The caller holds ``starting``."""
    if shared.using.acquire_write_lock(blocking=False):
        try:
            shared.data.stop()
        finally:
            shared.using.release_write_lock()
    else:
        shared.using.lockfile.close()  # which is left open when the lock is not acquired


def _stop_all() -> None:
    """Stop using every server, because this process ends."""
    while EmbeddedServer._shared:
        _leave(EmbeddedServer._shared.popitem()[1])


# --- the survivor ----------------------------------------------------------------------------------------------------


def stop_unused(path: str) -> None:
    """Do what a process would have done that was killed: stop the server if nobody else uses it. The survivor calls this."""
    if Path(path).is_dir():
        shared = _share(Path(path))
        with shared.starting:
            _stop_unused(shared)


def _survivor(path: Path) -> subprocess.Popen[bytes] | None:
    """Start a child that no signal for this process or its group reaches. Returns None where Python cannot be started."""
    child = children.python(_SURVIVOR, str(path))
    if child is None:
        return None
    if sys.platform == "win32":
        child["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        **child, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _end_survivor(shared: _Shared) -> None:
    """End the child, because this process has done its work."""
    if shared.survivor is not None:
        shared.survivor.kill()
        shared.survivor.communicate()
        shared.survivor = None


def _forget_survivors() -> None:
    """Close a fork's end of the pipes. It may live longer than the process that uses the server."""
    for shared in EmbeddedServer._shared.values():
        if shared.survivor is not None and shared.survivor.stdin is not None:
            shared.survivor.stdin.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_survivors)
