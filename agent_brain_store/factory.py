"""The one place that knows both backends. Each is imported only when it is asked for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from agent_brain_store.config import StoreConfig, load_config
from agent_brain_store.errors import MissingDependency
from agent_brain_store.protocol import ProgressCallback, StorageBackend

Source: TypeAlias = StoreConfig | Mapping[str, Any] | str | os.PathLike[str] | None


def create_backend(source: Source = None) -> StorageBackend:
    """The backend that the configuration names, not yet opened: nothing but the configuration is read here.

    ``source`` is a `StoreConfig`, a mapping, the path of a YAML file, or None for `load_config()`'s default. Raises
    `ConfigError`, and `MissingDependency` when packages are not installed: those of PostgreSQL here, those of Chroma and
    of a private server in `initialize()`.
    """
    config = _config(source)
    try:
        if config.backend == "postgres":
            from agent_brain_store.postgres.repository import PostgresBackend

            return PostgresBackend(config)
        from agent_brain_store.chroma.repository import ChromaBackend

        return ChromaBackend(config)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("agent_brain_store"):
            raise
        package = error.name.split(".")[0]
        raise MissingDependency(
            f"the {config.backend} backend needs the package {package!r}: pip install {package}", config.backend
        ) from error


@asynccontextmanager
async def open_store(source: Source = None, progress: ProgressCallback | None = None) -> AsyncIterator[StorageBackend]:
    """An initialized store, closed at the end: ``async with open_store("config.yaml") as store``.

    ``source`` is what `create_backend` takes, ``progress`` what `StorageBackend.initialize` does.
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
