"""Call Chroma: open collections, and read and write rows in small pieces. Only `connecting` calls Chroma, too.

Every call here blocks. Chroma holds the interpreter's lock while it writes or deletes. So pieces are small, and the
event loop's thread can run between them. Errors of Chroma become errors of this library.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.chroma.database import Database, NoDatabase
from agent_brain_store.chroma.stored import METADATA, Stored
from agent_brain_store.chroma.where import Clause
from agent_brain_store.errors import ConfigError, ConnectionFailed, MissingDependency, QueryFailed, StorageError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

# For cosine, this library makes unit vectors, whose inner product is the cosine.
SPACES = {"cosine": "ip", "l2": "l2", "inner_product": "ip"}

PAGE = 1000  # rows of one read; SQLite takes no more than 32,766 ids
NUMBERS = 100_000  # floats of one read; each becomes a Python object on its way
HOLD_SECONDS = 0.2  # seconds; a write should hold the interpreter's lock for about this long
MIN_PIECE = 256  # rows; every call waits for the disk several times, so with fewer rows it is mostly waiting
MAX_PIECE = 512

_HINTS = {
    "disk is full": "the disk is full",
    "readonly database": "the directory is read-only",
    "unable to open database": "the database file cannot be opened",
    "database is locked": "another program has the database file locked",
    "malformed": "the database file is damaged; restore it, or index again into another directory",
    "code: 6410": "SQLite finds no directory for temporary files; set the variable TMPDIR to one that can be written to",
    "disk I/O error": "the disk failed or is full",
    "Failed to apply logs": "its index could not be written: check whether the disk is full",
    "Error constructing hnsw": "its vector index is damaged; restore the directory, or index again into another one",
    "Could not connect to a Chroma server": "nothing answers there",
    "with different settings": "another client of this process has it open, with other settings of Chroma's; close it first",
}


def require_packages() -> None:
    """Import the packages that this backend needs. Raises `MissingDependency`, which names the package to install."""
    for module, package in (("chromadb", "chromadb"), ("rank_bm25", "rank-bm25"), ("Stemmer", "PyStemmer")):
        try:
            __import__(module)
        except ImportError as error:
            raise MissingDependency(
                f"storage.backend: chroma needs the package {package}: pip install {package}", "chroma"
            ) from error
        except RuntimeError as error:
            if "home directory" not in str(error):
                raise
            raise ConfigError(
                f"the package {package} needs a home directory, and this process has none: set the variable HOME to a "
                "directory of its user",
                "chroma",
            ) from error


@contextlib.contextmanager
def driver_errors(doing: str, kind: type[StorageError] = QueryFailed) -> Iterator[None]:
    """Turn an error of Chroma into ``kind``. ``doing`` continues the sentence "Chroma could not".

    Chroma's messages name paths and classes, so only known causes are passed on, in this library's words.
    """
    try:
        yield
    except StorageError:
        raise
    except BaseException as error:
        # A panic in Chroma's Rust code is a BaseException, but not an Exception.
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
            raise
        cause = next((hint for sign, hint in _HINTS.items() if sign in str(error)), "the cause is chained")
        if type(error).__module__.startswith("httpx"):
            kind, cause = ConnectionFailed, "its server cannot be reached, or does not answer (storage.chroma.host)"
        raise kind(f"Chroma could not {doing}: {cause}", "chroma") from error


def find_rows(client: ClientAPI, name: str) -> Rows | None:
    """Open an existing collection. Returns None if there is none with this name."""
    from chromadb.errors import NotFoundError

    with driver_errors("open the collection"):
        try:
            return _rows(client, client.get_collection(name, embedding_function=None))
        except NotFoundError:
            return None


def create_rows(client: ClientAPI, name: str, distance: str, facts: dict[str, Any]) -> Rows:
    """Make a new collection. ``facts`` become its own metadata."""
    space: Any = {"hnsw": {"space": SPACES[distance]}}
    with driver_errors("create the collection"):
        return _rows(
            client, client.create_collection(name, configuration=space, metadata=dict(facts), embedding_function=None)
        )


def delete_collection(client: ClientAPI, name: str) -> None:
    """Delete a collection and everything in it, unless another client of a server has just done that."""
    from chromadb.errors import NotFoundError

    with driver_errors("delete the collection"), contextlib.suppress(NotFoundError):
        client.delete_collection(name)


def _rows(client: ClientAPI, collection: Collection) -> Rows:
    settings, found = client.get_settings(), str(collection.id)
    database = Database(Path(settings.persist_directory), found) if settings.is_persistent else NoDatabase()
    return Rows(collection, database, min(MAX_PIECE, client.get_max_batch_size()))


@dataclass(slots=True)
class Row:
    """One row as it was read. Only the fields that were asked for are set."""

    chunk_id: str
    text: str = ""
    stored: Stored | None = None
    vector: NDArray[np.float64] | None = None


class Rows:
    """The rows of one collection."""

    def __init__(self, collection: Collection, database: Database | NoDatabase, max_piece: int) -> None:
        self._collection, self.database = collection, database
        self._max_piece = max_piece
        self._piece, self._seconds_taken = min(MIN_PIECE, max_piece), 0.0
        self._counts: list[int] = []  # the count of rows, if it is known; each write starts a new list

    # --- the collection itself ---------------------------------------------------------------------------------------

    @property
    def facts(self) -> dict[str, Any]:
        """The collection's own metadata."""
        return dict(self._collection.metadata or {})

    @property
    def space(self) -> str:
        """The vector index's real space, by Chroma's name for it: see `SPACES`."""
        return str((self._collection.configuration.get("hnsw") or {}).get("space") or "l2")

    @property
    def distance(self) -> str:
        """The distance that the collection was made with."""
        return str(self.facts["agent_brain:distance"])

    def set_facts(self, facts: dict[str, Any]) -> None:
        """Replace the collection's own metadata."""
        with driver_errors("write the collection's metadata"):
            self._collection.modify(metadata=facts)

    def rename(self, name: str, facts: dict[str, Any] | None = None) -> None:
        """Give the collection another name and, if ``facts`` are given, other metadata of its own, at once."""
        with driver_errors("rename the collection"):
            self._collection.modify(name=name, metadata=facts)

    @property
    def collection_id(self) -> str:
        """An id that no other collection has, and none that takes this one's place."""
        return str(self._collection.id)

    # --- reading -----------------------------------------------------------------------------------------------------

    def count(self) -> int:
        """Return how many rows there are. Chroma reads all of them to count them, so it is asked only once after a write."""
        counts = self._counts
        if not counts:
            with driver_errors("count"):
                counts.append(int(self._collection.count()))
        return counts[0]

    def ids(self, where: Clause | None = None, limit: int | None = None) -> list[str]:
        """Return ids in code point order: of all rows, or of rows that match, or of the first ``limit`` of them."""
        with driver_errors("list chunks"):
            return sorted(self._collection.get(where=where, limit=limit, include=[])["ids"])

    def existing(self, ids: Sequence[str]) -> list[str]:
        """Return the ids that exist, in the given order."""
        found: set[str] = set()
        for page in _pages(ids, PAGE):
            with driver_errors("look up ids"):
                found.update(self._collection.get(ids=page, include=[])["ids"])
        return [chunk_id for chunk_id in ids if chunk_id in found]

    def read(
        self, ids: Sequence[str], *, text: bool = False, stored: bool = False, dimensions: int = 0
    ) -> Iterator[Row]:
        """Yield rows by id, in the given order. Ids that do not exist are left out. One page is in memory at a time.

        ``dimensions`` is the length of the vectors. With 0, they are not read.
        """
        wanted = (("documents", text), ("metadatas", stored), ("embeddings", dimensions > 0))
        include: Any = [name for name, is_wanted in wanted if is_wanted]
        for page in _pages(ids, max(1, min(PAGE, NUMBERS // dimensions)) if dimensions else PAGE):
            with driver_errors("read chunks"):
                got: Any = self._collection.get(ids=page, include=include)
            rows = {chunk_id: _row(got, i, chunk_id) for i, chunk_id in enumerate(got["ids"])}
            yield from (rows[chunk_id] for chunk_id in page if chunk_id in rows)

    def contents(self, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return the text and the metadata, as JSON, of each of the given chunks that exists."""
        found: dict[str, tuple[str, str]] = {}
        with suppress(sqlite3.Error):
            for page in _pages(ids, PAGE):
                found.update(self.database.contents(page))
        # Chroma's client knows what to do with the others, or what to say.
        for row in self.read([chunk_id for chunk_id in ids if chunk_id not in found], text=True, stored=True):
            found[row.chunk_id] = row.text, (row.stored or {}).get(METADATA, "{}")
        return found

    def versions(self) -> dict[str, int]:
        """Return all ids, each with a number that changes whenever the chunk is written.

        All numbers are -1 if Chroma's database cannot be read directly.
        """
        self.apply_log()
        found: dict[str, int] = {}
        with suppress(sqlite3.Error):
            found = dict(self.database.versions())
        return found if len(found) == self.count() else dict.fromkeys(self.ids(), -1)

    def nearest(
        self, vector: NDArray[np.float32], count: int, where: Clause | None, stored: bool
    ) -> list[tuple[str, float, Stored | None]]:
        """Return up to ``count`` ids with Chroma's distances and, if ``stored`` is set, the stored metadata.

        Chroma may find too few.
        """
        include: Any = ["distances", "metadatas"] if stored else ["distances"]
        vectors: Any = [vector]
        with driver_errors("search"):
            got: Any = self._collection.query(query_embeddings=vectors, n_results=count, where=where, include=include)
        ids = got["ids"][0]
        metadatas = got["metadatas"][0] if stored else [None] * len(ids)
        return list(zip(ids, got["distances"][0], metadatas, strict=True))

    # --- writing -----------------------------------------------------------------------------------------------------

    def pieces(self, length: int) -> Iterator[slice]:
        """Yield slices of ``length`` items, each about as large as can be written in `HOLD_SECONDS` seconds.

        The size is adapted to the time that the last slice took.
        """
        start = 0
        while start < length:
            piece = slice(start, min(length, start + self._piece))
            self._seconds_taken = 0.0
            yield piece
            factor = HOLD_SECONDS / max(self._seconds_taken, 1e-6)
            self._piece = min(self._max_piece, max(MIN_PIECE, int(self._piece * min(1.25, max(0.5, factor)))))
            start = piece.stop

    def put(self, ids: list[str], texts: list[str], stored: list[Stored], vectors: NDArray[np.float32]) -> None:
        """Write one piece. Chroma merges metadata into the stored metadata. None removes a key."""
        metadatas: Any = stored
        with driver_errors("write chunks"), self._writing():
            self._collection.upsert(ids=ids, embeddings=vectors, metadatas=metadatas, documents=texts)
            self.apply_log()

    def put_metadata(self, ids: list[str], stored: list[Stored]) -> None:
        """Write only the metadata of one piece. Writing the vectors again would take several times as long."""
        metadatas: Any = stored
        with driver_errors("write chunks"), self._writing():
            self._collection.update(ids=ids, metadatas=metadatas)
            self.apply_log()

    def apply_log(self) -> None:
        """Make Chroma apply its log, by reading something. On a read, Chroma does so without the interpreter's lock.

        If the log grows, the next delete stops the whole process: for 2 s after 1000 vectors of 384 dimensions, and for
        12 s after 1000 vectors of 1536.
        """
        with driver_errors("read chunks"):
            self._collection.get(limit=1, include=[])

    def delete(self, ids: list[str]) -> None:
        """Delete one piece of rows that exist."""
        with driver_errors("delete chunks"), self._writing():
            self._collection.delete(ids=ids)
            self.apply_log()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        began = time.perf_counter()
        self._counts = []
        try:
            yield
        finally:
            self._counts = []  # once more, because a count during the write is right neither before nor after it
            self._seconds_taken += time.perf_counter() - began


def _pages(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def _row(got: Any, i: int, chunk_id: str) -> Row:
    return Row(
        chunk_id,
        (got["documents"][i] or "") if got.get("documents") is not None else "",
        got["metadatas"][i] if got.get("metadatas") is not None else None,
        np.asarray(got["embeddings"][i], np.float64) if got.get("embeddings") is not None else None,
    )
