"""Open and close clients of Chroma."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_brain_store.chroma import client
from agent_brain_store.errors import ConnectionFailed

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

log = logging.getLogger(__name__)

SERVER_PATIENCE = 60.0  # seconds that a server has for an answer


def open_client(directory: Path) -> ClientAPI:
    """Open Chroma's client on a directory. All stores of the process share it."""
    import chromadb
    from chromadb.config import Settings

    with client.driver_errors("open the directory of storage.chroma.path", ConnectionFailed):
        return chromadb.PersistentClient(str(directory), settings=Settings(anonymized_telemetry=False))


def open_server(host: str, port: int, ssl: bool, headers: dict[str, str]) -> ClientAPI:
    """Open a client of a Chroma server. Raises `ConnectionFailed`."""
    import chromadb
    from chromadb.config import Settings

    with client.driver_errors(f"reach its server at {host}:{port} (storage.chroma.host)", ConnectionFailed):
        settings = Settings(anonymized_telemetry=False)
        opened = chromadb.HttpClient(host, port, ssl, headers or None, settings)
    for session in _sessions(opened):
        session.timeout = SERVER_PATIENCE
    return opened


def _sessions(opened: Any) -> list[Any]:
    """Return the connections of a client to a server. The client neither gives them a limit of time nor closes them."""
    parts: list[Any] = [getattr(part, "_server", None) for part in (opened, getattr(opened, "_admin_client", None))]
    return [part._session for part in parts if hasattr(part, "_session")]


def close_client(opened: Any) -> None:
    """Close a client of `open_client` or `open_server`. A failure is only logged, because nothing can be done about it."""
    sessions = _sessions(opened)
    try:
        opened.close()
        for session in sessions:
            session.close()
    except Exception:
        log.warning("closing Chroma failed", exc_info=True)
