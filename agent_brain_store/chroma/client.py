"""The only module that calls Chroma: opens directories and collections, reads and writes rows in small pieces.

Every call here blocks. Chroma holds the interpreter's lock for as long as it writes or deletes, so pieces are small
enough to let the event loop's thread run between them. What Chroma raises becomes an error of this library.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.chroma.stored import Stored
from agent_brain_store.chroma.where import Clause
from agent_brain_store.errors import ConnectionFailed, MissingDependency, QueryFailed, StorageError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

log = logging.getLogger(__name__)

SPACES = {"cosine": "ip", "l2": "l2", "inner_product": "ip"}  # cosine: of unit vectors, which this library makes

PAGE = 1000  # rows of one read; SQLite takes no more than 32,766 ids
NUMBERS = 100_000  # floats of one read: each becomes a Python object on its way
HOLD = 0.05  # seconds that one write should hold the interpreter's lock
MIN_PIECE = 16  # a call waits for the disk whatever its size: below, only throughput is lost
MAX_PIECE = 256

_HINTS = {
    "disk is full": "the disk is full",
    "readonly database": "the directory is read-only",
    "unable to open database": "the database file cannot be opened",
    "database is locked": "another program has the database file locked",
    "malformed": "the database file is damaged; restore it, or index again into another directory",
    "disk I/O error": "the disk failed or is full",
    "Failed to apply logs": "its index could not be written: check whether the disk is full",
    "Error constructing hnsw": "its vector index is damaged; restore the directory, or index again into another one",
    "with different settings": "another client of this process has it open, with other settings of Chroma's; close it first",
}


def require_packages() -> None:
    """Import what this backend needs; raises `MissingDependency` naming the package to install."""
    for module, package in (("chromadb", "chromadb"), ("rank_bm25", "rank-bm25"), ("Stemmer", "PyStemmer")):
        try:
            __import__(module)
        except ImportError as error:
            raise MissingDependency(
                f"storage.backend: chroma needs the package {package}: pip install {package}", "chroma"
            ) from error


@contextlib.contextmanager
def driver_errors(doing: str, kind: type[StorageError] = QueryFailed) -> Iterator[None]:
    """Turn what Chroma raises into ``kind``. Its messages name paths and classes: only known causes are passed on."""
    try:
        yield
    except StorageError:
        raise
    except BaseException as error:
        # A panic of Chroma's Rust side is no Exception.
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
            raise
        cause = next((hint for sign, hint in _HINTS.items() if sign in str(error)), "the cause is chained")
        raise kind(f"Chroma could not {doing}: {cause}", "chroma") from error


def may_hang_after(error: BaseException) -> bool:
    """Whether Chroma's client may hang from now on, in a loop that holds the interpreter's lock."""
    return "metadata segment" in str(error.__cause__)


def open_client(directory: Path) -> ClientAPI:
    """Open a directory, once for the whole process."""
    import chromadb
    from chromadb.config import Settings

    with driver_errors("open the directory of storage.chroma.path", ConnectionFailed):
        return chromadb.PersistentClient(str(directory), settings=Settings(anonymized_telemetry=False))


def close_client(client: Any) -> None:
    """Give back what `open_client` took; a failure is only logged, for there is nothing to be done about it."""
    try:
        client.close()
    except Exception:
        log.warning("closing Chroma failed", exc_info=True)


def find_rows(client: ClientAPI, name: str) -> Rows | None:
    """An existing collection, or None."""
    from chromadb.errors import NotFoundError

    with driver_errors("open the collection"):
        try:
            return _rows(client, client.get_collection(name, embedding_function=None))
        except NotFoundError:
            return None


def create_rows(client: ClientAPI, name: str, distance: str, facts: dict[str, Any]) -> Rows:
    """A new collection."""
    space: Any = {"hnsw": {"space": SPACES[distance]}}
    with driver_errors("create the collection"):
        return _rows(
            client, client.create_collection(name, configuration=space, metadata=dict(facts), embedding_function=None)
        )


def delete_collection(client: ClientAPI, name: str) -> None:
    """Delete a collection with all that is in it."""
    with driver_errors("delete the collection"):
        client.delete_collection(name)


def _rows(client: ClientAPI, collection: Collection) -> Rows:
    return Rows(collection, min(MAX_PIECE, client.get_max_batch_size()))


@dataclass(slots=True)
class Row:
    """What was read of one chunk; only what was asked for is set."""

    chunk_id: str
    text: str = ""
    stored: Stored | None = None
    vector: NDArray[np.float64] | None = None


class Rows:
    """The rows of one collection."""

    def __init__(self, collection: Collection, max_piece: int) -> None:
        self._collection = collection
        self._max_piece = max_piece
        self._piece, self._took = MIN_PIECE, 0.0
        self._counts: list[int] = []  # the count, once it was asked for; a write begins another list

    # --- the collection itself ---------------------------------------------------------------------------------------

    @property
    def facts(self) -> dict[str, Any]:
        """The collection's own metadata."""
        return dict(self._collection.metadata or {})

    @property
    def space(self) -> str:
        """What the vector index really compares, in Chroma's words: see `SPACES`."""
        return str((self._collection.configuration.get("hnsw") or {}).get("space") or "l2")

    def set_facts(self, facts: dict[str, Any]) -> None:
        """Replace the collection's own metadata."""
        with driver_errors("write the collection's metadata"):
            self._collection.modify(metadata=facts)

    # --- reading -----------------------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many rows there are. Chroma reads through all of them for it: it is asked once after a write."""
        counts = self._counts
        if not counts:
            with driver_errors("count"):
                counts.append(int(self._collection.count()))
        return counts[0]

    def ids(self, where: Clause | None = None, limit: int | None = None) -> list[str]:
        """The ids of all rows, or of those that match, or of the first ``limit`` of them; in code point order."""
        with driver_errors("list chunks"):
            return sorted(self._collection.get(where=where, limit=limit, include=[])["ids"])

    def existing(self, ids: Sequence[str]) -> list[str]:
        """Those ids that exist, in the given order."""
        found: set[str] = set()
        for page in _pages(ids, PAGE):
            with driver_errors("look up ids"):
                found.update(self._collection.get(ids=page, include=[])["ids"])
        return [chunk_id for chunk_id in ids if chunk_id in found]

    def read(
        self, ids: Sequence[str], *, text: bool = False, stored: bool = False, dimensions: int = 0
    ) -> Iterator[Row]:
        """Rows by id, in the given order without those that do not exist; a page of them is in memory at a time.

        Vectors are read if ``dimensions``, their length, is given.
        """
        wanted = (("documents", text), ("metadatas", stored), ("embeddings", dimensions > 0))
        include: Any = [name for name, is_wanted in wanted if is_wanted]
        for page in _pages(ids, max(1, min(PAGE, NUMBERS // dimensions)) if dimensions else PAGE):
            with driver_errors("read chunks"):
                got: Any = self._collection.get(ids=page, include=include)
            rows = {chunk_id: _row(got, i, chunk_id) for i, chunk_id in enumerate(got["ids"])}
            yield from (rows[chunk_id] for chunk_id in page if chunk_id in rows)

    def nearest(
        self, vector: NDArray[np.float32], count: int, where: Clause | None, stored: bool
    ) -> list[tuple[str, float, Stored | None]]:
        """Up to ``count`` ids with Chroma's distances and, if asked for, the stored metadata. May find too few."""
        include: Any = ["distances", "metadatas"] if stored else ["distances"]
        vectors: Any = [vector]
        with driver_errors("search"):
            got: Any = self._collection.query(query_embeddings=vectors, n_results=count, where=where, include=include)
        ids = got["ids"][0]
        metadatas = got["metadatas"][0] if stored else [None] * len(ids)
        return list(zip(ids, got["distances"][0], metadatas, strict=True))

    # --- writing -----------------------------------------------------------------------------------------------------

    def pieces(self, length: int) -> Iterator[slice]:
        """Slices of ``length`` items, as many as can be written in `HOLD` seconds; learns from what they took."""
        start = 0
        while start < length:
            piece = slice(start, min(length, start + self._piece))
            self._took = 0.0
            yield piece
            factor = HOLD / max(self._took, 1e-6)
            self._piece = max(MIN_PIECE, min(self._max_piece, int(self._piece * min(1.25, max(0.5, factor)))))
            start = piece.stop

    def put(self, ids: list[str], texts: list[str], stored: list[Stored], vectors: NDArray[np.float32]) -> None:
        """Write one piece. Metadata is merged into what there is; None removes a key."""
        metadatas: Any = stored
        with driver_errors("write chunks"), self._writing():
            self._collection.upsert(ids=ids, embeddings=vectors, metadatas=metadatas, documents=texts)
            self.settle()

    def put_metadata(self, ids: list[str], stored: list[Stored]) -> None:
        """The same for rows whose text and vector stay: to write a vector again takes several times as long."""
        metadatas: Any = stored
        with driver_errors("write chunks"), self._writing():
            self._collection.update(ids=ids, metadatas=metadatas)
            self.settle()

    def settle(self) -> None:
        """Let Chroma work off its log, which it does when it is read, and then without the interpreter's lock.

        A log that piles up stops the whole process at the next delete: for 2 s after 1000 vectors of 384 dimensions,
        for 12 s of 1536.
        """
        with driver_errors("read chunks"):
            self._collection.get(limit=1, include=[])

    def delete(self, ids: list[str]) -> None:
        """Delete one piece of rows that exist."""
        with driver_errors("delete chunks"), self._writing():
            self._collection.delete(ids=ids)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        began = time.perf_counter()
        self._counts = []
        try:
            yield
        finally:
            self._counts = []  # again: what was counted meanwhile is of neither state
            self._took += time.perf_counter() - began


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
