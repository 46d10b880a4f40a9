"""Create a store from a configuration.

This is the only module that knows both backends. It imports a backend only when you ask for it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from agent_brain_store.config import StoreConfig, load_config
from agent_brain_store.errors import MissingDependency
from agent_brain_store.protocol import ProgressCallback, StorageBackend

if TYPE_CHECKING:
    from agent_brain_store.repository import Repository

Source: TypeAlias = StoreConfig | Mapping[str, Any] | str | os.PathLike[str] | None


def create_backend(source: Source = None) -> StorageBackend:
    """Return the store that the configuration describes. It is not open yet, and only the configuration is read.

    ``source`` is a `StoreConfig`, a mapping, the path of a YAML file, or None for `load_config()`'s default. The
    environment overrides a mapping and a file.

    Raises `ConfigError` if the configuration is wrong, and `MissingDependency` if PostgreSQL's packages are not
    installed. If the packages of Chroma or of a private server are missing, `initialize()` raises `MissingDependency`.
    """
    from agent_brain_store.store import Store

    config = _config(source)
    try:
        return Store(config, _repository(config))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("agent_brain_store"):
            raise
        package = error.name.split(".")[0]
        raise MissingDependency(
            f"the {config.backend} backend needs the package {package!r}: pip install {package}", config.backend
        ) from error


def _repository(config: StoreConfig) -> Repository:
    if config.backend == "postgres":
        from agent_brain_store.postgres.repository import PostgresRepository

        return PostgresRepository(config)
    from agent_brain_store.chroma.repository import ChromaRepository

    return ChromaRepository(config)


@asynccontextmanager
async def open_store(source: Source = None, progress: ProgressCallback | None = None) -> AsyncIterator[StorageBackend]:
    """Open a store and close it at the end: ``async with open_store("config.yaml") as store``.

    ``source`` is passed to `create_backend`, and ``progress`` to `StorageBackend.initialize`. Both say which errors
    they raise.
    """
    store = create_backend(source)
    try:
        await store.initialize(progress)
        yield store
    finally:
        await store.close()


def _config(source: Source) -> StoreConfig:
    if isinstance(source, StoreConfig):
        return source
    return StoreConfig.from_dict(source, os.environ) if isinstance(source, Mapping) else load_config(source)
