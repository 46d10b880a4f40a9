"""What the doctor looks at in a directory of Chroma: who holds it, whether its files are whole, and what it holds.

Each function looks for one kind of finding. They take turns, because nothing can be asked of a directory that another
process holds, and little of one that is damaged.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import tempfile
from contextlib import closing
from importlib import metadata
from pathlib import Path

from agent_brain_store.cli.findings import AS_SAID, ERROR, MIGRATE, NOTE, Finding, no_profile
from agent_brain_store.cli.opening import exists, store_name
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import (
    ConnectionFailed,
    DimensionMismatchError,
    ProviderMismatchError,
    StorageError,
    StoreLocked,
)
from agent_brain_store.factory import open_store
from agent_brain_store.protocol import StorageBackend

_DAMAGED = "Restore the directory from a backup, or load the chunks into another one."
_INTEGRITY = "pragma quick_check"
_MIGRATIONS = "select dir, max(version) from migrations group by dir"


async def check(config: StoreConfig) -> list[Finding]:
    """Return what is wrong with the configured directory and collection."""
    noted, place = telemetry(), "directory" if config.chroma.host is None else "server"
    for look in (holder, database, version, keyword_indexes) if config.chroma.host is None else ():
        found = await asyncio.to_thread(look, config)
        if any(finding.level == ERROR for finding in found):
            return [*noted, *found]
        noted += found
    try:
        if not await exists(config):
            evidence = f"the {place} has no collection {store_name(config)!r}"
            return [*noted, Finding(ERROR, "there is no store", evidence, MIGRATE)]
        async with open_store(config) as store:
            return [*noted, *await vectors(store), *await profile(config, store)]
    except StorageError as error:
        return [*noted, fit(error, config)]


def telemetry() -> list[Finding]:
    """Find that Chroma sends traces away. Its anonymous statistics are always off in this library."""
    endpoint = os.environ.get("CHROMA_OTEL_COLLECTION_ENDPOINT")
    if not endpoint:
        return []
    evidence = f"CHROMA_OTEL_COLLECTION_ENDPOINT is {endpoint}"
    return [Finding(NOTE, "Chroma sends traces of its calls", evidence, "Unset CHROMA_OTEL_COLLECTION_ENDPOINT.")]


def version(config: StoreConfig) -> list[Finding]:
    """Find a directory that another version of Chroma has made: a newer one, or an older one that opening would change."""
    known, made = _newest_migrations(), _migrations(config.chroma.path)
    evidence = ", ".join(
        f"{part}: the directory is at {made.get(part, 0)}, and chromadb {metadata.version('chromadb')} at {known[part]}"
        for part in sorted(known)
        if made.get(part, 0) != known[part]
    )
    if any(made.get(part, 0) > known[part] for part in known):
        return [Finding(ERROR, "a newer Chroma made the directory", evidence, "Run: pip install -U chromadb.")]
    if evidence:
        mend = f"Copy the directory first: cp -r {config.chroma.path} {config.chroma.path}.bak; opening it upgrades it."
        return [Finding(NOTE, "an older Chroma made the directory", evidence, mend)]
    return []


def _newest_migrations() -> dict[str, int]:
    """Return the number of the newest migration of each part of Chroma's database, as this client makes it.

    They are inside the client's binary, so it makes a database to look at.
    """
    from agent_brain_store.chroma import client
    from agent_brain_store.chroma.connecting import close_client, open_client

    client.require_packages()
    with tempfile.TemporaryDirectory() as directory:
        close_client(open_client(Path(directory)))
        return _migrations(Path(directory))


def _migrations(directory: Path) -> dict[str, int]:
    with closing(_opened(directory)) as connection:
        return dict(connection.execute(_MIGRATIONS).fetchall())


def _opened(directory: Path) -> sqlite3.Connection:
    file = directory / "chroma.sqlite3"
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def holder(config: StoreConfig) -> list[Finding]:
    """Find another process that holds the directory, or a directory that cannot be written."""
    from agent_brain_store.chroma.lock import DirectoryLock

    if not config.chroma.path.is_dir():
        evidence = f"{config.chroma.path.absolute()} is no directory"
        return [Finding(ERROR, "there is no store", evidence, MIGRATE)]
    try:
        DirectoryLock(config.chroma.path).release()
    except StoreLocked as error:
        named = re.search(r"process (\d+)", error.message)
        mend = f"Stop that process: kill {named[1]}." if named else "Stop that process."
        return [Finding(ERROR, "another process has the directory open", error.message, mend)]
    except ConnectionFailed as error:
        mend = f"Run: chmod -R u+rwX {config.chroma.path}."
        return [Finding(ERROR, "the directory cannot be written", error.message, mend)]
    return []


def database(config: StoreConfig) -> list[Finding]:
    """Find a database file that is damaged."""
    file = config.chroma.path / "chroma.sqlite3"
    if not file.is_file():
        return [Finding(ERROR, "there is no store", f"{config.chroma.path} has no chroma.sqlite3", MIGRATE)]
    try:
        with closing(_opened(config.chroma.path)) as connection:
            problems = [row[0] for row in connection.execute(_INTEGRITY)]
    except sqlite3.Error as error:
        problems = [str(error)]
    if problems == ["ok"]:
        return []
    return [Finding(ERROR, "the database file is damaged", " ".join(problems[0].split()), _DAMAGED)]


def keyword_indexes(config: StoreConfig) -> list[Finding]:
    """Find files of keyword indexes that are damaged, or that another version made. A search makes such an index anew."""
    from agent_brain_store.chroma.keywords import unusable

    return [
        Finding(
            NOTE,
            "a keyword index will be made anew",
            f"{file} {why}; the next search by words reads every text instead",
            f"Run: rm {file}. The next search by words makes a new one.",
        )
        for file, why in unusable(config.chroma.path)
    ]


async def vectors(store: StorageBackend) -> list[Finding]:
    """Find a vector index that is damaged, or that lacks the vector of a chunk. It reads every vector."""
    try:
        async for _ in store.iter_documents(include_embeddings=True):
            pass
    except StorageError as error:
        return [Finding(ERROR, "the vector index cannot be read", error.message, _DAMAGED)]
    return []


async def profile(config: StoreConfig, store: StorageBackend) -> list[Finding]:
    """Find a store whose embedding model nobody has named."""
    return no_profile(config, await store.get_embedding_metadata(), await store.get_count())


def fit(error: StorageError, config: StoreConfig) -> Finding:
    """Return the finding for a store that cannot be opened: it is away, damaged, or not what the configuration asks for."""
    if isinstance(error, ConnectionFailed) and config.chroma.host is not None:
        mend = "Start the server (chroma run), or correct storage.chroma.host and port."
        return Finding(ERROR, "the server cannot be reached", error.message, mend)
    if isinstance(error, DimensionMismatchError):
        mend = f"Configure the model that filled the store: its vectors have {error.expected} dimensions."
        return Finding(ERROR, "the dimensions differ", error.message, mend)
    if isinstance(error, ProviderMismatchError):
        mend = f"Set embedding.provider to {error.indexed_provider} and embedding.model to {error.indexed_model}."
        return Finding(ERROR, "another embedding model filled the store", error.message, mend)
    mend = _DAMAGED if "damaged" in error.message else AS_SAID
    return Finding(ERROR, "the store cannot be opened", error.message, mend)
