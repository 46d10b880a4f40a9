"""Create a store from a configuration.

This is the only module that knows both backends. It imports a backend only when you ask for it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from agent_brain_store.config import StoreConfig, read_config
from agent_brain_store.errors import InvalidQueryError, MissingDependency
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import Distributed
from agent_brain_store.types import ProgressCallback

if TYPE_CHECKING:
    from agent_brain_store.repository import Repository

Connect: TypeAlias = Callable[..., Awaitable[Any]]
Source: TypeAlias = StoreConfig | Mapping[str, Any] | str | os.PathLike[str] | None
OnMismatch: TypeAlias = Literal["refuse", "warn"]


def create_backend(
    source: Source = None,
    on_mismatch: OnMismatch = "refuse",
    *,
    read_only: bool = False,
    connect: Connect | None = None,
) -> StorageBackend:
    """Return the store that the configuration describes. It is not open yet, and only the configuration is read.

    ``source`` is a `StoreConfig`, a mapping, the path of a YAML file, or None for `load_config()`'s default. The
    environment overrides a file, and fills in what a mapping leaves out.

    ``on_mismatch`` says what `initialize()` does with a store that holds other vectors than the configuration says.
    ``"refuse"`` raises the mismatch. ``"warn"`` logs it and opens the store as it is, for reading and deleting. Adding
    chunks raises the mismatch then, until `reset()` has given the store the configured settings. If only the profile
    differs, `set_embedding_metadata()` of the configured model mends it too. Then embed every chunk anew.

    With ``read_only``, every method that changes something raises `ReadOnlyStore`. On PostgreSQL nothing is migrated,
    built or counted then, so a standby will do, and a role that may only read.

    ``connect`` opens the connections to PostgreSQL, in place of ``asyncpg.connect``. It gets the arguments of that
    function as keywords, and passes on those that it does not replace.

    Raises `ConfigError` if the configuration is wrong, and `MissingDependency` if PostgreSQL's packages are not
    installed. If the packages of Chroma or of a private server are missing, `initialize()` raises `MissingDependency`.
    """
    from agent_brain_store.store import Store
    from agent_brain_store.telemetry import observed

    config = configuration(source)
    if on_mismatch not in ("refuse", "warn"):
        raise InvalidQueryError(f"on_mismatch is {on_mismatch!r}; it must be 'refuse' or 'warn'")
    try:
        kind: type[Store] = observed(Store)
        return kind(config, _repository(config, read_only, connect), on_mismatch == "warn", read_only)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("agent_brain_store"):
            raise
        package = error.name.split(".")[0]
        raise MissingDependency(
            f"the {config.backend} backend needs the package {package!r}: pip install {package}", config.backend
        ) from error


def _repository(config: StoreConfig, read_only: bool, connect: Connect | None) -> Repository:
    if config.backend == "postgres":
        from agent_brain_store.postgres.repository import PostgresRepository

        return PostgresRepository(config, read_only, connect)
    from agent_brain_store.chroma.repository import ChromaRepository

    return ChromaRepository(config)


async def distribute_store(source: Source = None, progress: ProgressCallback | None = None) -> Distributed:
    """Spread the chunks of a store on PostgreSQL over the nodes of its Citus cluster.

    ``source`` is as for `create_backend`. ``storage.postgres.shards`` says how many shards there will be. Searches go on
    meanwhile, and writers wait. Close every other process that has the store open for writing, and open it again afterwards.
    All happens in one transaction, and the number and the digest of the chunks are compared before it is committed. Then
    the vector index is built. A store that is distributed already is only counted.

    Raises `InvalidQueryError` if the store is not on PostgreSQL, `SchemaError` if the database has no Citus, and
    `MigrationFailed` if it fails. The store is then as it was.
    """
    config = configuration(source)
    if config.backend != "postgres":
        raise InvalidQueryError(
            f"only a store on PostgreSQL can be distributed, and storage.backend is {config.backend}"
        )
    from agent_brain_store.postgres.converting import convert

    return await convert(config, progress)


@asynccontextmanager
async def open_store(
    source: Source = None,
    progress: ProgressCallback | None = None,
    on_mismatch: OnMismatch = "refuse",
    *,
    read_only: bool = False,
    connect: Connect | None = None,
) -> AsyncIterator[StorageBackend]:
    """Open a store and close it at the end: ``async with open_store("config.yaml") as store``.

    ``progress`` is passed to `StorageBackend.initialize`, and the rest to `create_backend`. Both say which errors they
    raise.
    """
    store = create_backend(source, on_mismatch, read_only=read_only, connect=connect)
    try:
        await store.initialize(progress)
        yield store
    finally:
        await store.close()


def configuration(source: Source) -> StoreConfig:
    """Return the configuration that a source means, with the environment applied."""
    return source if isinstance(source, StoreConfig) else read_config(source).config
