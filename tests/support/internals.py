"""The one place where tests reach behind the contract.

A test says what it needs by the name of a function here. How the library is built inside is known to this module alone.
Stores are `Any` here: what is reached for is no part of the contract.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agent_brain_store.checks import vectors
from agent_brain_store.checks.chunks import Batch
from agent_brain_store.chroma import client as driver
from agent_brain_store.chroma import connecting, database, directory, lock, searching
from agent_brain_store.chroma import writing as chroma_writing
from agent_brain_store.chroma.repository import ChromaRepository
from agent_brain_store.chroma.vectors import Vectors
from agent_brain_store.postgres import guard, index_builds, pools, startup, transactions, writing
from agent_brain_store.postgres.connection import session_settings
from agent_brain_store.postgres.repository import PostgresRepository
from agent_brain_store.postgres.timings import Timings
from agent_brain_store.textsearch.index import KeywordIndex
from agent_brain_store.transfer import moving as transfer

# --- any store -------------------------------------------------------------------------------------------------------


def is_chroma(store: Any) -> bool:
    """Tell whether a store keeps its chunks in Chroma."""
    return isinstance(store.repository, ChromaRepository)


def is_postgres(store: Any) -> bool:
    """Tell whether a store keeps its chunks in PostgreSQL."""
    return isinstance(store.repository, PostgresRepository)


def representations(store: Any) -> list[str]:
    """Return all that a debugger would show of a PostgreSQL store."""
    return [repr(store), repr(vars(store)), repr(vars(store.repository)), repr(vars(store.repository.pools))]


async def write_marks(store: Any) -> dict[str, Any]:
    """Return something for every chunk that changes whenever the chunk is written."""
    if is_postgres(store):
        async with pooled_connection(store) as connection:
            rows = await connection.fetch("select chunk_id, ctid, xmin from chunks")
        return {row["chunk_id"]: tuple(row)[1:] for row in rows}
    with sqlite3.connect(next(store.config.chroma.path.glob("chroma.sqlite3"))) as file:
        segment = "select id from segments where scope = 'METADATA' and collection = ?"
        found = file.execute(
            f"select embedding_id, seq_id from embeddings where segment_id = ({segment})",
            (str(stored_rows(store)._collection.id),),
        )
        return dict(found.fetchall())


def section_name(config: Any) -> str:
    """Return where a class of the configuration has its place in a file."""
    return str(config._name)


def overwrite_secret(secret: Any, value: str) -> None:
    """Give a secret another value, which it should not allow."""
    secret._reveal = lambda: value


def convert_vectors_in_pieces(monkeypatch: pytest.MonkeyPatch, numbers: int) -> None:
    """Let lists of vectors be converted so many numbers at a time."""
    monkeypatch.setattr(vectors, "NUMBERS_AT_ONCE", numbers)


def small_parts(monkeypatch: pytest.MonkeyPatch, chunks: int | None = None, size: int | None = None) -> None:
    """Let the parts of an export hold fewer chunks, or fewer bytes."""
    if chunks is not None:
        monkeypatch.setattr(transfer, "PART", chunks)
    if size is not None:
        monkeypatch.setattr(transfer, "PART_BYTES", size)


# --- PostgreSQL: connections -----------------------------------------------------------------------------------------


def pooled_connection(store: Any) -> AbstractAsyncContextManager[asyncpg.Connection]:
    """Take a connection of the pool that questions use."""
    connection: AbstractAsyncContextManager[asyncpg.Connection] = store.repository.pools.reader()
    return connection


def maintenance_connection(store: Any) -> AbstractAsyncContextManager[asyncpg.Connection]:
    """Open a connection as index builds have it, with their lock."""
    connection: AbstractAsyncContextManager[asyncpg.Connection] = store.repository.indexes.exclusive()
    return connection


@asynccontextmanager
async def only_connection(store: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncpg.Connection]:
    """Send all reads of a store through one connection within the block, with nothing running beside them."""
    connection = await store.repository.pools.connect(None)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(store.repository.pools, "reader", lambda: nullcontext(connection))
            patch.setattr(store.repository.statistics, "refresh_if_stale", lambda: None)
            yield connection
    finally:
        await connection.close()


def watch_questions(monkeypatch: pytest.MonkeyPatch, store: Any) -> list[tuple[str, dict[str, Any]]]:
    """Collect the queries that a store reads by from now on, by name and parameters. The returned list grows."""
    asked: list[tuple[str, dict[str, Any]]] = []
    fetch = store.repository.pools.fetch

    async def watched(name: str, /, **values: Any) -> Any:
        asked.append((name, values))
        return await fetch(name, **values)

    monkeypatch.setattr(store.repository.pools, "fetch", watched)
    return asked


def limit_close(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let running queries have so long when a store closes."""
    monkeypatch.setattr(pools, "_CLOSE_TIMEOUT", seconds)


def spoil_session_setting(monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    """Let stores ask the server for another value of a session's setting."""

    def spoilt(*arguments: Any) -> dict[str, str]:
        return session_settings(*arguments) | {setting: value}

    monkeypatch.setattr(startup, "session_settings", spoilt)


def require_versions(monkeypatch: pytest.MonkeyPatch, **versions: Any) -> None:
    """Let stores need other versions: of the ``server``, of ``pgvector``, of a ``sound_pgvector`` without known bugs."""
    names = {"server": "_SERVER", "pgvector": "_PGVECTOR", "sound_pgvector": "_PGVECTOR_SOUND"}
    for name, version in versions.items():
        monkeypatch.setattr(guard, names[name], version)


def limit_attempts(monkeypatch: pytest.MonkeyPatch, attempts: int) -> None:
    """Let a write that loses to a concurrent one be tried so many times in all."""
    monkeypatch.setattr(transactions, "_ATTEMPTS", attempts)


def ask_standby_again(store: Any) -> None:
    """Let a store ask its standby at once, although it has just been away or behind."""
    store.repository.pools._standbys._avoided_until = 0.0


# --- PostgreSQL: time, memory and background work --------------------------------------------------------------------


def set_timings(store: Any, **seconds: float) -> None:
    """Let background work of a store wait for other times. The names are the fields of `Timings`."""
    timings: Timings = store.repository.timings
    for name, value in seconds.items():
        assert hasattr(timings, name)
        setattr(timings, name, value)


def limit_build_memory(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let index builds have so many bytes, neither more nor less."""
    monkeypatch.setattr(index_builds, "SMALLEST_MEMORY", size)
    monkeypatch.setattr(index_builds, "LARGEST_MEMORY", size)


async def give_build_memory(store: Any, connection: asyncpg.Connection, chunks: int) -> int:
    """Prepare a maintenance connection for building an index of so many chunks. Return the bytes that it was given."""
    return await index_builds.give_memory(connection, store.config, chunks)


def fail_to_build_at_the_end_of_a_load(monkeypatch: pytest.MonkeyPatch, store: Any, error: Exception) -> None:
    """Let the build that ends a load raise an error."""

    async def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(store.repository.indexes, "resume", fail)


async def count_terms(store: Any) -> None:
    """Count the terms now, whether that is due or not."""
    await store.repository.statistics.refresh()


def count_under_way(store: Any) -> asyncio.Task[None] | None:
    """Return the last count of the terms that a store has begun in the background, also when it is done."""
    task: asyncio.Task[None] | None = store.repository.statistics._counting
    return task


async def counted_in_background(store: Any) -> None:
    """Wait for the count of the terms that a store has begun in the background. It must have begun one."""
    task = count_under_way(store)
    assert task is not None
    await task


def hold_writes_before_their_count(monkeypatch: pytest.MonkeyPatch, store: Any) -> asyncio.Event:
    """Let writes wait for ever once their chunks are stored. The event is set when one does."""
    waiting = asyncio.Event()

    async def wait(_: int) -> None:
        waiting.set()
        await asyncio.sleep(3600)

    monkeypatch.setattr(store.repository.statistics, "refresh_after_write", wait)
    return waiting


def statement_sizes(batch: Batch) -> list[int]:
    """Return how many chunks each statement of a write has."""
    return [part.stop - part.start for part in writing.slices(batch)]


# --- Chroma ----------------------------------------------------------------------------------------------------------

# What modules of the package do Chroma's work or that of the keyword index, which must not be done on the event loop.
HEAVY_MODULES = (
    "agent_brain_store.chroma.client",
    "agent_brain_store.chroma.database",
    "agent_brain_store.chroma.keywords",
    "agent_brain_store.chroma.vectors",
    "agent_brain_store.filters.evaluate",
    "agent_brain_store.textsearch.frequencies",
    "agent_brain_store.textsearch.index",
    "agent_brain_store.textsearch.kept",
    "agent_brain_store.textsearch.scored",
    "agent_brain_store.textsearch.folding",
    "agent_brain_store.textsearch.searchable",
    "agent_brain_store.textsearch.words",
)
LIGHT_MODULE = "agent_brain_store.chroma.repository"
HEAVY_FUNCTIONS = {("agent_brain_store.checks.vectors", "as_rows")}


def collection(store: Any) -> directory.Collection:
    """Return what a store shares with all others of its collection."""
    opened: directory.Collection = store.repository.collection
    return opened


def stored_rows(store: Any) -> driver.Rows:
    """Return the rows of a store's collection."""
    return collection(store).rows


@contextmanager
def new_rows(directory: Path) -> Iterator[driver.Rows]:
    """Yield the rows of a new collection in a directory, without a store around them."""
    client = connecting.open_client(directory)
    try:
        yield driver.create_rows(client, "rows", "cosine", {"a": 1})
    finally:
        connecting.close_client(client)


def client_of(store: Any) -> Any:
    """Return Chroma's client, as the store has it now."""
    return collection(store).directory.client


async def keyword_index(store: Any) -> KeywordIndex:
    """Return the keyword index. It is built if it is not there."""
    index: KeywordIndex = await store.repository._index()
    return index


def keyword_index_size(index: KeywordIndex) -> int:
    """Return how many places a keyword index has, with those of chunks that are gone."""
    return len(index._ids)


def has_keyword_index(store: Any) -> bool:
    """Tell whether the keyword index is in memory."""
    return bool(collection(store).indexes)


def forget_keyword_index(store: Any) -> None:
    """Drop the keyword index from memory, as a new process begins without it."""
    collection(store).indexes.clear()


def keep_vectors_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every collection count as too large for its vectors to be in memory."""
    monkeypatch.setattr(chroma_writing, "LARGEST", -1)
    monkeypatch.setattr(searching, "LARGEST", -1)


def has_vectors_in_memory(store: Any) -> bool:
    """Tell whether searches compare the vectors in memory."""
    return collection(store).vectors is not None


def break_direct_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Chroma's database look as if its tables were others."""
    monkeypatch.setattr(database, "statement", lambda _: "not a statement")


def pretend_to_be_forked(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    """Let a store look as it does in a forked child of the process that opened it."""
    monkeypatch.setattr(collection(store), "_process", os.getpid() + 1)


def write_in_pieces_of(store: Any, size: int) -> None:
    """Let writes go to Chroma so many chunks at a time."""
    stored_rows(store)._piece = stored_rows(store)._max_piece = size


def read_in_pages(monkeypatch: pytest.MonkeyPatch, chunks: int, numbers: int) -> None:
    """Let reads fetch fewer chunks, and fewer numbers of their vectors, at a time."""
    monkeypatch.setattr(driver, "PAGE", chunks)
    monkeypatch.setattr(driver, "NUMBERS", numbers)


def search_in_space(monkeypatch: pytest.MonkeyPatch, distance: str, space: str) -> None:
    """Let new collections of a distance have another space of Chroma's."""
    monkeypatch.setitem(driver.SPACES, distance, space)


def set_format(store: Any, number: int) -> None:
    """Let a collection say that it is of another format."""
    stored_rows(store).set_facts({**stored_rows(store).facts, "agent_brain:format": number})


def raise_as_driver(doing: str, error: Exception) -> None:
    """Raise what the library makes of an error of Chroma's."""
    with driver.driver_errors(doing):
        raise error


# --- steps that a test can put itself around -------------------------------------------------------------------------

_STEPS: dict[str, tuple[Any, str]] = {
    "put": (driver.Rows, "put"),
    "put metadata": (driver.Rows, "put_metadata"),
    "delete": (driver.Rows, "delete"),
    "nearest": (driver.Rows, "nearest"),
    "compare": (Vectors, "candidates"),
    "ids": (driver.Rows, "ids"),
    "score": (KeywordIndex, "score"),
    "index": (KeywordIndex, "put"),
    "create collection": (driver, "create_rows"),
    "write lock file": (lock, "_write"),
    "adopt profile": (transfer, "_adopt_profile"),
}


def wrap(monkeypatch: pytest.MonkeyPatch, step: str, around: Callable[..., Any]) -> None:
    """Call ``around`` in place of a step, with the step itself and its arguments.

    ``put``, ``put metadata``, ``delete``, ``nearest`` and ``ids`` are steps of the rows, which are their first
    argument. ``compare`` is one of the vectors in memory, and ``score`` and ``index``
    are steps of the keyword index.
    """
    owner, name = _STEPS[step]
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        return around(original, *arguments, **named)

    monkeypatch.setattr(owner, name, wrapped)
