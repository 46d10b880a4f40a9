"""Find the configuration, and open the store that it describes.

A command that looks or deletes never makes a store. A misspelt schema or collection is an error, and not a new store.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent_brain_store.cli.running import NO, Failure
from agent_brain_store.config import Sourced, StoreConfig, read_config
from agent_brain_store.errors import MissingDependency
from agent_brain_store.factory import open_store
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.types import ProgressCallback

if TYPE_CHECKING:
    from agent_brain_store.postgres.connection import Connection
    from agent_brain_store.postgres.sql import Query

FILE = "agent-brain-store.yaml"
_SHOWN = 200  # characters of an option that is wrong


def _config_option(*names: str) -> Callable[..., Any]:
    """Return the option that names the configuration."""
    kind = click.Path(dir_okay=False, path_type=Path)
    without = f"Without it, the one that AGENT_BRAIN_CONFIG names, or {FILE} in this folder."
    return click.option(*names, "path", type=kind, help=f"The configuration: a YAML file. {without}")


config_option, long_config_option = _config_option("-c", "--config"), _config_option("--config")
json_option: Callable[..., Any] = click.option("--json", "wants_json", is_flag=True, help="Write JSON, for a program.")


def from_json(_: click.Context, __: click.Parameter, text: str | None) -> Any:
    """Read an option that is JSON."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise click.BadParameter(f"{shown!r} is not JSON ({error})") from error


where_option: Callable[..., Any] = click.option(
    "--where", callback=from_json, help='A metadata filter as JSON, as in \'{"language": "python"}\'.'
)


def config_file(path: Path | None) -> Path | None:
    """Return the file that is read: the one that is named, that of the environment, or that of this folder."""
    named = os.environ.get("AGENT_BRAIN_CONFIG") or (FILE if Path(FILE).is_file() else "")
    return path or (Path(named) if named else None)


def configured(path: Path | None) -> Sourced:
    """Read the configuration. Raises `ConfigError`."""
    return read_config(config_file(path))


def store_name(config: StoreConfig) -> str:
    """Return the name of a store: its schema or its collection."""
    return config.postgres.schema if config.backend == "postgres" else config.chroma.collection


class NoStore(Failure):
    """The store does not exist."""


def no_store(config: StoreConfig) -> NoStore:
    """Return the error for a store that does not exist."""
    place = "schema" if config.backend == "postgres" else "collection"
    hint = "agent-brain-store load makes a store, and agent-brain-store status shows the configuration that is used"
    return NoStore(f"there is no store in the {place} {store_name(config)!r} yet", hint, NO)


@asynccontextmanager
async def opened(config: StoreConfig, progress: ProgressCallback | None = None) -> AsyncIterator[StorageBackend]:
    """Open a store that exists. Raises `Failure` if it does not."""
    if not await exists(config):
        raise no_store(config)
    async with open_store(config, progress) as store:
        yield store


async def exists(config: StoreConfig) -> bool:
    """Return whether the configured store has been made."""
    if config.backend == "postgres":
        async with looking(config) as look:
            return look.version > 0
    from agent_brain_store.chroma import client
    from agent_brain_store.chroma.connecting import close_client
    from agent_brain_store.chroma.places import place_of

    if config.chroma.host is None and not (config.chroma.path / "chroma.sqlite3").is_file():
        return False
    client.require_packages()
    place = place_of(config.chroma)
    try:
        chroma = place.connect()
        try:
            return client.find_rows(chroma, config.chroma.collection) is not None
        finally:
            close_client(chroma)
    finally:
        place.release()


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


class Look:
    """A connection that only looks: nothing was migrated or checked for it.

    ``server`` is the row of ``sql/inspect/server.sql``. ``version`` is the newest migration of the store, and 0 if there
    is no store.
    """

    def __init__(
        self, connection: Connection, server: Mapping[str, Any], version: int, another: Callable[[], Any]
    ) -> None:
        self.connection, self.server, self.version, self._another = connection, server, version, another

    async def another(self) -> Connection:
        """Open another connection of the same kind. The caller closes it."""
        connection: Connection = await self._another()
        return connection

    def text(self, name: str) -> str:
        """Return the statement of a query file or of a report."""
        return _files()[name].statement

    async def query(self, name: str, /, **values: Any) -> list[Mapping[str, Any]]:
        """Return the rows of a query file or of a report."""
        query = _files(self.connection.distributed)[name]
        rows: list[Mapping[str, Any]] = await self.connection.fetch(query.statement, *query.args(values))
        return rows

    async def row(self, name: str, /, **values: Any) -> Mapping[str, Any]:
        """Return the only row of a query file or of a report."""
        (row,) = await self.query(name, **values)
        return row

    async def plan(self, name: str, /, **values: Any) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
        """Run a query file or a report. Returns its plan as the server describes it, and the rows of ``scans.sql``."""
        query = _files(self.connection.distributed)[name]
        prepared = await self.connection.prepare(query.statement)
        async with self.connection.transaction(readonly=True):
            (plan,) = await prepared.explain(*query.args(values), analyze=True)
            return plan, await self.query("scans")


@cache
def _files(distributed: bool = False) -> Mapping[str, Query]:
    from agent_brain_store.postgres.sql import parse, queries, sql_directory

    reports = (sql_directory() / "inspect").glob("*.sql")
    return {file.stem: parse(file.stem, file.read_text(encoding="utf-8")) for file in reports} | dict(
        queries(distributed)
    )


def require_postgres(config: StoreConfig, what: str) -> None:
    """Raise `Failure` unless the backend is PostgreSQL, and its packages are installed."""
    if config.backend != "postgres":
        raise Failure(f"{what} is about PostgreSQL, but storage.backend is {config.backend}", exit_code=2)
    for package in ("asyncpg", "pgvector"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingDependency(
                f"the postgres backend needs the package {package!r}: pip install {package}"
            ) from error


def _is_made(server: Path | None) -> bool:
    return server is not None and (server / "PG_VERSION").is_file()


@asynccontextmanager
async def address(config: StoreConfig) -> AsyncIterator[dict[str, Any]]:
    """Yield asyncpg's arguments for the server. A private server runs until the end of the block."""
    require_postgres(config, "this")
    from agent_brain_store.postgres.connection import connect_arguments
    from agent_brain_store.postgres.startup import private_server

    arguments = connect_arguments(config.postgres)
    server = private_server(config)
    if server is None:
        yield arguments
        return
    if not _is_made(config.postgres.embedded_path):
        raise no_store(config)
    try:
        yield arguments | await server.start()
    finally:
        await server.stop()


@asynccontextmanager
async def looking(config: StoreConfig) -> AsyncIterator[Look]:
    """Open a connection that only looks. It tries to connect once, and raises `ConnectionFailed`."""
    async with address(config) as arguments:
        from agent_brain_store.postgres.connection import session_settings
        from agent_brain_store.postgres.distribution import notice_distribution
        from agent_brain_store.postgres.errors import translated
        from agent_brain_store.postgres.sessions import Sessions
        from agent_brain_store.postgres.transactions import with_settings

        settings = session_settings(config, f'"{config.postgres.schema}", pg_temp')
        sessions = Sessions(arguments, settings, config.postgres.pooler)
        first = await sessions.connect(0)
        with translated("looking at the server"):
            server = (await first.fetch(_files()["server"].statement))[0]
            await first.close()
            path = ", ".join(f'"{name}"' for name in (config.postgres.schema, server["vector_schema"]) if name)
            sessions = sessions.for_store(f"{path}, pg_temp", server["vector_schema"], False)
            connection = await sessions.connect(0)
            try:
                async with with_settings(connection):
                    await notice_distribution(connection)
                    text = _files()["schema_version"].statement
                    version = (await connection.fetch(text))[0]["version"] if server["has_store"] else 0
                    yield Look(connection, server, version, lambda: sessions.connect(0))
            finally:
                await connection.close()
