"""Open a Chroma directory and the collections in it, read them as if at one moment, and write to them in pieces."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from agent_brain_store.checks import startup
from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.chroma import client, facts, keywords
from agent_brain_store.chroma.connecting import close_client
from agent_brain_store.chroma.places import Place
from agent_brain_store.chroma.threads import Abandoned, Threads
from agent_brain_store.chroma.vectors import Vectors
from agent_brain_store.config import KeywordConfig, StoreConfig
from agent_brain_store.errors import ConnectionFailed, DiskFull, QueryFailed, SchemaError

if TYPE_CHECKING:
    from agent_brain_store.textsearch.index import KeywordIndex

T = TypeVar("T")

REMEMBERED = 8  # filters whose matches are kept in memory until the next write

OPENINGS = 5  # times that a collection of a server is looked for, while other clients make it anew

NEW = "-new"  # the end of the name of a collection that will take another one's place


class Directory:
    """One directory, or one server: Chroma's client, the threads, and the collections that are open."""

    def __init__(self, place: Place) -> None:
        self.users = 0
        self.may_hang = False  # whether Chroma's client may hang at the next write
        self.collections: dict[str, Collection] = {}
        self.place, self.path = place, place.path
        try:
            self.client = place.connect()
        except BaseException:
            place.release()
            raise
        self.threads = Threads()

    def renew(self) -> None:
        """Close Chroma's client and open a new one. Call it in the writer's thread. Reads meanwhile are repeated.

        After a write has failed, as on a full disk, Chroma's next write can hang, and the whole process hangs with it. No
        message tells which failures these are.
        """
        with ExitStack() as alone:
            for collection in self.collections.values():
                alone.enter_context(collection.changing())
            close_client(self.client)
            for name in self.collections:
                self.place.prepare(name)  # Chroma may not have finished its vector files
            self.client = self.place.connect()
            for collection in self.collections.values():
                collection.rows.database.close()
                collection.rows = client.find_rows(self.client, collection.name) or collection.rows
        self.may_hang = False

    def open_collection(self, config: StoreConfig, tolerant: bool) -> Collection:
        """Return the configured collection, after checking it against the configuration. It is made if it is missing.

        If ``tolerant`` is set, a collection of another configuration is opened, too. Another client of a server may make
        an empty collection anew at the same time. Then it is looked for again.
        """
        for _ in range(0 if self.path is not None else OPENINGS - 1):
            with suppress(QueryFailed):
                return self._open_collection(config, tolerant)
        return self._open_collection(config, tolerant)

    def _open_collection(self, config: StoreConfig, tolerant: bool) -> Collection:
        name = config.chroma.collection
        collection = self.collections.get(name)
        if collection is None:
            for some in (name, name + facts.SECOND):
                self.place.prepare(some)
            collection = Collection(self, name, self._find_or_create(config))
            collection.rows.apply_log()
            self.place.note_piece(name)
        else:
            collection.follow()
        facts.check_form(collection.rows)
        if collection.is_to_be_remade(config):
            self.threads.write_and_wait(lambda: collection.remake_if_empty(config))
        if not tolerant:
            startup.check_store(config, collection.stored, "chroma")
        return self.collections.setdefault(name, collection)

    def _find_or_create(self, config: StoreConfig) -> client.Rows:
        name = config.chroma.collection
        facts.finish_switch(self.client, self.path, name)
        rows = client.find_rows(self.client, name)
        if rows is None and (rows := client.find_rows(self.client, name + NEW)) is not None:
            rows.rename(name)  # a process died at the end of `verifying.repair`
        if rows is not None and facts.FACT + "format" not in rows.facts:
            if rows.count():
                raise SchemaError(
                    f"the collection {name!r} holds chunks that another program wrote. Choose another name "
                    "(storage.chroma.collection), and index or copy the chunks into it",
                    "chroma",
                )
            client.delete_collection(self.client, name)
            rows = None
        return rows or self.create(config, facts.new_facts(config))

    def create(self, config: StoreConfig, new: dict[str, Any]) -> client.Rows:
        """Make the collection with the facts ``new``. Call it in the writer's thread."""
        name = config.chroma.collection
        try:
            return client.create_rows(self.client, name, config.distance, new)
        except QueryFailed:
            rows = client.find_rows(self.client, name)  # another client of a server may have made it just now
            if rows is None:
                raise
            return rows

    def close(self) -> None:
        """Let running work end, then close everything."""
        self.threads.close()
        for collection in self.collections.values():
            collection.save_indexes()
            collection.rows.database.close()
        close_client(self.client)
        self.place.release()


class Collection:
    """One open collection: its rows, its facts, and its keyword indexes.

    Writes go on in pieces, but a read sees the rows as they were at one moment between two pieces.
    """

    def __init__(self, directory: Directory, name: str, rows: client.Rows) -> None:
        self.directory, self.name, self.rows = directory, name, rows
        self.indexes: dict[KeywordConfig, KeywordIndex] = {}
        self.vectors: Vectors | None = None  # all vectors, if a search has brought them into memory
        self.is_large = False  # whether a search has found that there are too many for that
        self.has_equal = False  # whether so many are equal that they are in memory although they are many
        self.exact_fallbacks = 0
        self.is_refilled = False  # whether somebody fills a second generation
        self._stored: StoreFacts | None = None
        self._lock, self._version = threading.Lock(), 0  # the version is odd while something changes
        self._remembered: dict[tuple[int, str], Any] = {}
        self._process = os.getpid()
        self._seen = facts.mark(rows)

    @property
    def is_usable(self) -> bool:
        """False in a forked child, where the threads are gone and the directory belongs to the parent."""
        return self._process == os.getpid()

    @property
    def version(self) -> int:
        """A number that changes with every piece that is written."""
        return self._version

    @property
    def any_index(self) -> KeywordIndex | None:
        """A keyword index, or None if none has been built. It has every chunk's metadata in memory."""
        return next(iter(self.indexes.values()), None)

    # --- facts -------------------------------------------------------------------------------------------------------

    @property
    def distance(self) -> str:
        """The distance that the store was made with."""
        return self.rows.distance

    @property
    def stored(self) -> StoreFacts:
        """What the store was made for, and its embedding profile."""
        if self._stored is None:
            self._stored = facts.stored_facts(self.rows.facts)
        return self._stored

    def set_profile(self, provider: str, model: str) -> None:
        """Store the embedding profile. Call it in the writer's thread."""
        # Chroma's own old keys are left out, because Chroma refuses to take them back.
        kept = {key: value for key, value in self.rows.facts.items() if not key.startswith("hnsw:")}
        self.rows.set_facts({**kept, facts.FACT + "provider": provider, facts.FACT + "model": model})
        self._stored = facts.stored_facts(self.rows.facts)

    def reset(self, config: StoreConfig) -> StoreFacts:
        """Replace the collection by an empty one. Call it in the writer's thread. Returns what it was made for."""
        with self.changing():
            self.forget()
            # The collection is missing if an earlier reset failed half way.
            if client.find_rows(self.directory.client, self.name) is not None:
                facts.delete_collection(self.directory.client, self.directory.path, self.name)
            if client.find_rows(self.directory.client, self.name + facts.SECOND) is not None:
                facts.delete_collection(self.directory.client, self.directory.path, self.name + facts.SECOND)
            keywords.delete(self.rows, self.directory.path)
            self.rows.database.close()
            new = facts.new_facts(config) | {facts.GENERATION: self.stored.generation}
            self.rows = self.directory.create(config, new)
            self._stored = facts.stored_facts(self.rows.facts)
        return self._stored

    def replace_rows(self, rows: client.Rows) -> StoreFacts:
        """Go on with rows that have the same texts and other vectors. Call it in `changing`. Returns what they are for."""
        self.rows, self._stored = rows, facts.stored_facts(rows.facts)
        self.vectors, self.is_large, self.has_equal = None, False, False
        for index in self.indexes.values():
            index.unsaved = len(index)  # the file of these rows has none of it yet
        return self._stored

    def is_to_be_remade(self, config: StoreConfig) -> bool:
        """Return whether the store is empty, with neither chunks nor a profile, and was made for another configuration."""
        stored = self.stored
        is_other = stored.fixed != startup.configured_facts(config).fixed
        return is_other and stored.profile is None and self.rows.count() == 0

    def remake_if_empty(self, config: StoreConfig) -> None:
        """Give an empty store the configured settings. Call it in the writer's thread."""
        if not self.is_to_be_remade(config):
            return
        if self.directory.path is not None:
            self.reset(config)
            return
        # A collection is renamed by its id, and deleted by its name. So one that another client has just made, and
        # perhaps written to, is never deleted. If the old one is gone, this raises an error, and the opening begins anew.
        old, new = f"{self.name}-{uuid.uuid4().hex}", facts.new_facts(config)
        with self.changing():
            self.rows.rename(old)
            self.replace_rows(self.directory.create(config, new | {facts.GENERATION: self.stored.generation}))
        for some in (old, self.name + facts.SECOND):
            client.delete_collection(self.directory.client, some)

    def save_indexes(self, may_lag: int = 0) -> None:
        """Write the keyword indexes to their files, unless these lag by ``may_lag`` chunks at most, or by a fifth."""
        for config, index in self.indexes.items():
            keywords.save(self.rows, self.directory.path, config, index, may_lag)

    def forget(self) -> None:
        """Drop what is in memory. A search brings it back from the rows."""
        self.indexes.clear()
        self.vectors, self.is_large, self.has_equal = None, False, False

    # --- reading and writing -----------------------------------------------------------------------------------------

    def writing(self, work: Callable[[Collection], T]) -> T:
        """Do a write. Call it in the writer's thread.

        If a write fails half way, it is unknown which rows were written. So the keyword indexes and the vectors in memory
        are dropped, and made anew when a search needs them.
        """
        if self.directory.may_hang:
            self.directory.renew()
        self.follow()
        try:
            return work(self)
        except (Abandoned, DiskFull):  # between two pieces, where everything is whole
            raise
        except BaseException:
            self.forget()
            self.directory.may_hang = True
            raise
        finally:
            self._tell_others()

    def follow(self) -> None:
        """Notice what other processes have done, if they can. Call it in a thread, before a read.

        Every write leaves a mark in the collection's own metadata. If another one is there, what is in memory is
        dropped. Raises `QueryFailed` if the collection is gone.
        """
        if self.directory.path is not None:
            return
        rows = self._found()
        if facts.mark(rows) != self._seen:
            with self.changing():
                self.forget()
                self.rows, self._stored, self._seen = rows, facts.stored_facts(rows.facts), facts.mark(rows)

    def _found(self) -> client.Rows:
        rows = client.find_rows(self.directory.client, self.name)
        if rows is None or facts.FACT + "format" not in rows.facts:
            raise QueryFailed(
                f"the collection {self.name!r} is gone: another client of the Chroma server has deleted it. Open the "
                "store again, which makes an empty one",
                "chroma",
            )
        return rows

    def _tell_others(self) -> None:
        """Leave a mark after a write. If another process has left one meanwhile, the next read looks at everything."""
        if self.directory.path is not None:
            return
        with suppress(QueryFailed, ConnectionFailed):  # the write itself has said what is wrong
            found = self._found()
            is_known = facts.mark(found) == self._seen
            self.rows.set_facts({**found.facts, facts.WRITE: uuid.uuid4().hex})
            self._seen = facts.mark(self.rows) if is_known else ("", "")

    def between_pieces(self) -> None:
        """Do what has to be done after each piece of a write. Call it in the writer's thread."""
        self.directory.place.note_piece(self.name)
        self.directory.threads.run_urgent()
        self.directory.threads.end_if_abandoned()

    def require_room(self, size: int) -> None:
        """Raise `DiskFull` if a piece of so many bytes might fill the disk. Call it before the piece."""
        self.directory.place.require_room(self.name, size)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Run the block while one piece is written to the rows and the indexes. Call it in the writer's thread."""
        with self._lock:
            self._version += 1
            try:
                yield
            finally:
                self._version += 1
                self._remembered.clear()

    def remembered(self, what: object, find: Callable[[], T]) -> T:
        """Return what `find` has returned for the same question since the last write. Call it in `reading`.

        ``what`` is told apart by its `repr`, because a filter for 1 equals a filter for True.
        """
        key = self._version, repr(what)
        found: T | None = self._remembered.get(key)
        if found is None:
            found = find()
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = found
        return found

    def reading(self, work: Callable[[client.Rows], T]) -> T:
        """Read as if at one moment. If a piece was written meanwhile, read again, and let the next piece wait."""
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
