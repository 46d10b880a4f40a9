"""Where Chroma keeps a store: in a directory that belongs to this process, or behind a server that others use too.

This is the one seam between the two. A server has no files here: no lock, no database to read directly, and no file of
a keyword index. Instead others may write to it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent_brain_store.chroma import room, spare, trial
from agent_brain_store.chroma.connecting import open_client, open_server
from agent_brain_store.chroma.damage import check_collection, check_directory
from agent_brain_store.chroma.lock import DirectoryLock
from agent_brain_store.config import ChromaConfig

if TYPE_CHECKING:
    from chromadb.api import ClientAPI


class Place(Protocol):
    """Where the collections are. It is held from its construction to `release`."""

    path: Path | None
    """The directory. It is None for a server, to which others may write too."""

    def connect(self) -> ClientAPI:
        """Open a client of Chroma."""

    def prepare(self, collection: str) -> None:
        """Mend what a crash has left of a collection's files, or raise an error if they are damaged."""

    def note_piece(self, collection: str) -> None:
        """Do what has to be done after a piece of a write."""

    def require_room(self, collection: str, size: int) -> None:
        """Raise `DiskFull` if a piece of so many bytes might fill the disk."""

    def release(self) -> None:
        """Let the next process in. Chroma is closed."""


class LocalDirectory:
    """A directory. If its files may be damaged, a child process tries a collection first."""

    def __init__(self, path: Path, collection: str) -> None:
        self.path: Path | None = path
        self._path, self._lock = path, DirectoryLock(path)
        try:
            check_directory(path)
            if trial.is_in_doubt(path):
                self.prepare(collection)
                trial.try_opening(path, collection)
        except BaseException:
            self._lock.release()
            raise

    def connect(self) -> ClientAPI:
        return open_client(self._path)

    def prepare(self, collection: str) -> None:
        spare.restore(self._path, collection)
        check_collection(self._path, collection)

    def note_piece(self, collection: str) -> None:
        spare.keep(self._path, collection)

    def require_room(self, collection: str, size: int) -> None:
        room.require_room(self._path, collection, size)

    def release(self) -> None:
        trial.note_closed(self._path)
        self._lock.release()


class Server:
    """A server of Chroma."""

    path: Path | None = None

    def __init__(self, config: ChromaConfig) -> None:
        self._config = config

    def connect(self) -> ClientAPI:
        headers = {name: secret.reveal() for name, secret in self._config.headers or ()}
        return open_server(str(self._config.host), self._config.port, self._config.ssl, headers)

    def prepare(self, collection: str) -> None:
        """The server looks after its files."""

    def note_piece(self, collection: str) -> None:
        """The server looks after its files."""

    def require_room(self, collection: str, size: int) -> None:
        """The server looks after its disk."""

    def release(self) -> None:
        """There is nothing to give back."""


def key_of(config: ChromaConfig) -> tuple[Any, ...]:
    """Return what the stores of this process have in common that share a client."""
    if config.host is None:
        return os.getpid(), os.path.realpath(config.path.absolute())
    return os.getpid(), config.host, config.port, config.ssl, config.headers


def place_of(config: ChromaConfig) -> Place:
    """Return the configured place. Raises `StoreLocked`, or `ConnectionFailed` if a directory is damaged."""
    if config.host is None:
        return LocalDirectory(Path(os.path.realpath(config.path.absolute())), config.collection)
    return Server(config)
