"""What the backends of one process share: a directory with its lock, client and threads, and its collections.

Chroma's caches and the keyword indexes would go stale if every backend had its own, so all backends on one directory
share them. The last one to close closes the directory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agent_brain_store import guard
from agent_brain_store.chroma import driver
from agent_brain_store.chroma.lock import DirectoryLock
from agent_brain_store.config import KeywordConfig, StoreConfig
from agent_brain_store.errors import QueryFailed, SchemaError, SchemaTooNew
from agent_brain_store.protocol import EmbeddingMetadata

if TYPE_CHECKING:
    from agent_brain_store.chroma.keywords import KeywordIndex

T = TypeVar("T")

FORMAT = 2  # of what is stored; another one is refused
READERS = 4

_FACT = "agent_brain:"


class Directory:
    """One directory that this process has open, with the threads in which all work on it happens."""

    def __init__(self, path: Path) -> None:
        self.users = 0
        self.collections: dict[str, Collection] = {}
        self.is_stuck = False
        self._path, self._lock = path, DirectoryLock(path)
        try:
            self.client = driver.open_client(path)
        except BaseException:
            self._lock.release()
            raise
        self.readers = ThreadPoolExecutor(READERS, "chroma-read")
        # A single thread: writes are serialized, whoever makes them.
        self.writer = ThreadPoolExecutor(1, "chroma-write")

    def renew(self) -> None:
        """Open Chroma anew. In the writer's thread, while no collection is read.

        After a write that failed on a full disk, Chroma's next write can hang, and the whole process with it.
        """
        with ExitStack() as alone:
            for collection in self.collections.values():
                alone.enter_context(collection.changing())
            driver.close_client(self.client)
            self.client = driver.open_client(self._path)
            for collection in self.collections.values():
                collection.rows = driver.find_rows(self.client, collection.name) or collection.rows
        self.is_stuck = False

    def close(self) -> None:
        """Let running work end, then close everything."""
        self.writer.shutdown()
        self.readers.shutdown()
        driver.close_client(self.client)
        self._lock.release()


class Collection:
    """One open collection: its rows, what it says of itself, and the keyword indexes of its users."""

    def __init__(self, directory: Directory, name: str, rows: driver.Rows) -> None:
        self.directory, self.name, self.rows = directory, name, rows
        self.indexes: dict[KeywordConfig, KeywordIndex] = {}
        self.exact_fallbacks = 0
        self._urgent: list[Callable[[], None]] = []
        self._lock, self._version = threading.Lock(), 0  # odd while something changes
        self._process = os.getpid()

    @property
    def is_usable(self) -> bool:
        """False in a forked child, where the threads are gone and the directory belongs to the parent."""
        return self._process == os.getpid()

    @property
    def held(self) -> KeywordIndex | None:
        """A keyword index, if there is one: it holds every chunk's metadata in memory."""
        return next(iter(self.indexes.values()), None)

    @property
    def dimensions(self) -> int:
        """The length of the stored vectors."""
        return int(self.rows.facts[_FACT + "dimensions"])

    @property
    def distance(self) -> str:
        """The distance that the store was made with."""
        return str(self.rows.facts[_FACT + "distance"])

    @property
    def profile(self) -> EmbeddingMetadata | None:
        """The stored embedding profile."""
        facts = self.rows.facts
        if _FACT + "provider" not in facts:
            return None
        return EmbeddingMetadata(facts[_FACT + "provider"], facts[_FACT + "model"], self.dimensions)

    def set_profile(self, provider: str, model: str) -> None:
        """Store the embedding profile. In the writer's thread."""
        # Chroma refuses to see its own old key again.
        facts = {key: value for key, value in self.rows.facts.items() if not key.startswith("hnsw:")}
        self.rows.set_facts({**facts, _FACT + "provider": provider, _FACT + "model": model})

    def reset(self, config: StoreConfig) -> None:
        """Replace the collection by an empty one. In the writer's thread."""
        with self.changing():
            self.indexes.clear()
            if driver.find_rows(self.directory.client, self.name) is not None:  # as after a reset that failed half way
                driver.delete_collection(self.directory.client, self.name)
            self.rows = driver.create_rows(self.directory.client, self.name, config.distance, new_facts(config))

    # --- reading and writing -----------------------------------------------------------------------------------------

    def writing(self, work: Callable[[Collection], T]) -> T:
        """Write. In the writer's thread.

        What fails half way leaves unknown rows behind: the indexes are built anew when next asked for.
        """
        if self.directory.is_stuck:
            self.directory.renew()
        try:
            return work(self)
        except BaseException as error:
            self.indexes.clear()
            self.directory.is_stuck = driver.is_stuck_after(error)
            raise

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While one piece is written to the rows and the indexes. In the writer's thread."""
        with self._lock:
            self._version += 1
            try:
                yield
            finally:
                self._version += 1

    def reading(self, work: Callable[[driver.Rows], T]) -> T:
        """Read as if at one moment: what a piece was written during is read again, and the next piece waits for it."""
        before = self._version
        if before % 2 == 0:
            try:
                result = work(self.rows)
            except QueryFailed:
                if self._version == before:
                    raise
            else:
                if self._version == before:
                    return result
        with self._lock:
            return work(self.rows)

    # --- between two pieces of a write -------------------------------------------------------------------------------

    def soon(self, work: Callable[[], T]) -> Future[T]:
        """Do something in the writer's thread, without waiting for the end of a long write."""
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)

        self._urgent.append(run)
        self.directory.writer.submit(self.breathe)
        return future

    def breathe(self) -> None:
        """Do what was asked for by `soon`. In the writer's thread, after every piece."""
        while self._urgent:
            self._urgent.pop(0)()


# --- the directories of this process ---------------------------------------------------------------------------------

_directories: dict[tuple[int, str], Directory] = {}
_opening = threading.Lock()


def acquire(config: StoreConfig) -> Collection:
    """Open the configured collection, or join those who have it open, and check it against the configuration."""
    driver.require_packages()
    path = config.chroma.path.absolute()
    with _opening:
        key = _key(path)
        directory = _directories.get(key)
        if directory is None:
            directory = _directories[key] = Directory(Path(key[1]))
        try:
            collection = _collection(directory, config)
        except BaseException:
            _close_unused(key)
            raise
        directory.users += 1
        return collection


def release(collection: Collection) -> None:
    """Leave a collection; the last one to leave closes its directory."""
    with _opening:
        for key, directory in list(_directories.items()):
            if directory is collection.directory:
                directory.users -= 1
                _close_unused(key)


def _key(path: Path) -> tuple[int, str]:
    return os.getpid(), os.path.realpath(path)


def _close_unused(key: tuple[int, str]) -> None:
    if _directories[key].users == 0:
        _directories.pop(key).close()


def _collection(directory: Directory, config: StoreConfig) -> Collection:
    name = config.chroma.collection
    collection = directory.collections.get(name)
    if collection is None:
        collection = Collection(directory, name, _open(directory, config))
        collection.rows.settle()
    _check(collection, config)
    return directory.collections.setdefault(name, collection)


def _open(directory: Directory, config: StoreConfig) -> driver.Rows:
    name = config.chroma.collection
    rows = driver.find_rows(directory.client, name)
    if rows is not None and _FACT + "format" not in rows.facts:
        if rows.count():
            raise SchemaError(
                f"the collection {name!r} holds chunks that another program wrote. Choose another name "
                "(storage.chroma.collection), and index or copy the chunks into it",
                "chroma",
            )
        driver.delete_collection(directory.client, name)
        rows = None
    return rows or driver.create_rows(directory.client, name, config.distance, new_facts(config))


def new_facts(config: StoreConfig) -> dict[str, Any]:
    """What a new collection says of itself."""
    return {
        _FACT + "format": FORMAT,
        _FACT + "dimensions": config.embedding.dimensions,
        _FACT + "distance": config.distance,
        _FACT + "language": config.keyword.language,
    }


def _check(collection: Collection, config: StoreConfig) -> None:
    facts, embedding = collection.rows.facts, config.embedding
    if facts[_FACT + "format"] > FORMAT:
        raise SchemaTooNew(
            f"the collection has format {facts[_FACT + 'format']}, this version of agent_brain_store knows {FORMAT}: "
            "upgrade the library",
            "chroma",
        )
    if facts[_FACT + "format"] < FORMAT:
        raise SchemaError(
            f"the collection has format {facts[_FACT + 'format']}, of a preview of this library, where filters need "
            f"{FORMAT}: choose another name (storage.chroma.collection) and index again",
            "chroma",
        )
    guard.check_dimensions(config, collection.dimensions, "chroma")
    guard.check_distance(config, collection.distance, "chroma")
    if collection.rows.space != driver.SPACES[config.distance]:
        raise SchemaError(
            f"the collection's vector index uses Chroma's space {collection.rows.space!r}, storage.distance "
            f"{config.distance!r} needs {driver.SPACES[config.distance]!r}: another program made or changed it. Open "
            "another store (storage.chroma.collection) and index again",
            "chroma",
        )
    guard.check_language(config, facts[_FACT + "language"], "chroma")
    guard.check_profile(embedding.provider, embedding.model, embedding.dimensions, collection.profile, "chroma")
