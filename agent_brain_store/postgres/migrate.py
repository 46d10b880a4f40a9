"""Bring a schema up to date: numbered migrations, then the functions whose files have changed, all in one transaction.

Several processes may start at once. One gets the lock, and the others find its work done. Each migration records itself
in ``schema_version``, so psql and this module leave the same state. A function is applied again whenever the hash of
its file differs from the hash that the database has noted.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from agent_brain_store import __version__
from agent_brain_store.checks.startup import configured_facts
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import MigrationFailed, SchemaError, SchemaTooNew
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.derivation import note_new_store
from agent_brain_store.postgres.distribution import (
    NO_CITUS,
    apply_function,
    distribute_chunks,
    prepare_changes,
    wanted_functions,
)
from agent_brain_store.postgres.errors import BACKEND, is_lost_connection
from agent_brain_store.postgres.index_builds import VECTOR_INDEX
from agent_brain_store.postgres.indexes import create_first_vector_index
from agent_brain_store.postgres.sql import Function, named, sql_directory, statements
from agent_brain_store.postgres.transactions import reading, transaction, with_settings

log = logging.getLogger(__name__)

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK_PAUSE = 0.05  # seconds between two tries for the lock
_PATIENCE = 86_400.0  # seconds for one file; None would mean the connection's command_timeout
_LOCK_PATIENCE = 300.0  # seconds; another process may be building something large

VECTORS_ARE_GONE = "the row of store_settings or the column chunks.embedding is gone: restore it from a backup"
_CREATE_EXTENSION = (
    "pgvector is not installed in this database, and this role may not install it. "
    "Have a superuser run this once: create extension vector;"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file: its number, its name and its text."""

    version: int
    name: str
    text: str


def load_migrations(directory: Path | None = None) -> tuple[Migration, ...]:
    """Read the migrations in order. Raises `SchemaError` for a bad name, a gap or a repeated number."""
    directory = directory or sql_directory() / "migrations"
    migrations = []
    for file in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise SchemaError(f"migration {file.name}: the name must be like 0001_what_it_does.sql", BACKEND)
        migrations.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    for expected, migration in enumerate(migrations, 1):
        if migration.version != expected:
            problem = "is there twice" if migration.version < expected else f"follows {expected - 1:04}: a gap"
            raise SchemaError(f"migration {migration.version:04}_{migration.name} {problem}", BACKEND)
    return tuple(migrations)


async def migrate(
    connection: Connection, config: StoreConfig, directory: Path | None = None, functions: Path | None = None
) -> None:
    """Bring the schema up to date.

    ``directory`` holds the migrations, and ``functions`` the function files. The default is the library's own files.

    Raises `SchemaTooNew` if a newer library has changed the schema, `MigrationFailed` if a file fails, and
    `SchemaError` if this role may not apply a file, or if another process holds the lock for five minutes. The database
    is then as it was.
    """
    migrations = load_migrations(directory)
    await _alone(
        connection,
        config,
        lambda: _is_behind(connection, migrations, functions),
        lambda: _catch_up(connection, config, migrations, functions),
    )


async def remake_if_empty(connection: Connection, config: StoreConfig) -> None:
    """Give an empty store the configured dimensions, distance and language.

    If this role may not do that, it only logs so.
    """
    try:
        await _alone(
            connection, config, lambda: _is_to_be_remade(connection, config), lambda: _remake(connection, config)
        )
    except (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError) as error:
        log.warning("the store is empty, but this role or server may not give it the configured settings: %s", error)


async def _alone(
    connection: Connection,
    config: StoreConfig,
    is_due: Callable[[], Awaitable[bool]],
    work: Callable[[], Awaitable[None]],
) -> None:
    """Do work in a transaction that holds the lock on this schema, unless another process has done it meanwhile."""
    deadline = asyncio.get_running_loop().time() + _LOCK_PATIENCE
    while True:
        async with reading(connection):
            if not await is_due():
                return
        async with transaction(connection, "the migration"):
            if await _locked(connection, config):
                await work()
                return
        if asyncio.get_running_loop().time() > deadline:
            raise SchemaError(
                f"another process has been changing this schema for {_LOCK_PATIENCE:g} s; "
                "wait for it, or look for a process that hangs",
                BACKEND,
            )
        await asyncio.sleep(_LOCK_PAUSE)  # it waits here, because a wait on the server would hold a snapshot


async def require_current(connection: Connection, schema: str) -> None:
    """Raise `SchemaError` if the store lacks a migration or a function of this library. Nothing is changed."""
    async with with_settings(connection):
        pending = [f"{m.version:04}_{m.name}" for m in await _pending(connection, load_migrations())]
        outdated = [f.name for f in await _outdated(connection)]
    if pending or outdated:
        what = "; ".join(
            f"{kind} {', '.join(names)}" for kind, names in (("migrations", pending), ("functions", outdated)) if names
        )
        raise SchemaError(
            f"the store in the schema {schema!r} is not up to date, or is not there, and this session may not change it. "
            f"It lacks: {what}. The owner opens it once without read_only and storage.postgres.migrate: never, or runs the "
            "files of sql/migrations and sql/functions/apply.psql (docs/sql.md)",
            BACKEND,
        )


async def _locked(connection: Connection, config: StoreConfig) -> bool:
    """Pass the settings that the files read to the session, and try to take the lock on this schema."""
    await prepare_changes(connection)
    await run(
        connection,
        "settings",
        schema=config.postgres.schema,
        dimensions=config.embedding.dimensions,
        distance=config.distance,
        language=config.keyword.language,
    )
    return bool((await run(connection, "migration_lock"))[0]["locked"])


async def _is_behind(connection: Connection, migrations: tuple[Migration, ...], functions: Path | None) -> bool:
    return bool(await _pending(connection, migrations) or await _outdated(connection, functions))


async def distribute(connection: Connection, config: StoreConfig) -> None:
    """Spread the chunks of an existing store over the cluster, in the transaction of the caller."""
    if not await _locked(connection, config):
        raise SchemaError("another process is changing this schema; try again when it has finished", BACKEND)
    await _distribute(connection, config.postgres.shards)
    await _catch_up(connection, config, load_migrations())


async def _catch_up(
    connection: Connection, config: StoreConfig, migrations: tuple[Migration, ...], functions: Path | None = None
) -> None:
    """Apply the missing migrations and functions, in the transaction that holds the lock."""
    schema, pending = config.postgres.schema, await _pending(connection, migrations)
    for migration in pending:
        await _apply_migration(connection, migration)
        fields = {"schema": schema, "migration": migration.version}
        log.info("schema %s: applied %04d_%s", schema, migration.version, migration.name, extra=fields)
    if not await run(connection, "use_schema", schema=schema):
        raise SchemaError(VECTORS_ARE_GONE, BACKEND)
    is_new = bool(pending) and pending[0].version == 1
    if is_new and config.postgres.distributed == "citus":
        await _distribute(connection, config.postgres.shards)
    outdated = await _outdated(connection, functions)
    if outdated:
        owner = (await run(connection, "store_owner"))[0]["owner"]
        await _apply_functions(connection, outdated, owner)
        names = [function.name for function in outdated]
        fields = {"schema": schema, "functions": names}
        log.info("schema %s: applied the functions %s", schema, ", ".join(names), extra=fields)
    if connection.distributed:
        await run(connection, "fill_parts")
    await note_new_store(connection, await wanted_functions(connection, functions))
    if is_new:
        await create_first_vector_index(connection, config)


async def catch_up(connection: Connection, config: StoreConfig) -> None:
    """Apply the functions that are missing, in the caller's transaction."""
    await _catch_up(connection, config, load_migrations())


async def _statements(connection: Connection, config: StoreConfig) -> list[str]:
    """Return what remakes the store. It is nothing if the store is not empty, or if it is as configured."""
    facts = configured_facts(config)
    rows = await run(
        connection, "remake_store", dimensions=facts.dimensions, distance=facts.distance, language=facts.language
    )
    return [row["statement"] for row in rows]


async def _is_to_be_remade(connection: Connection, config: StoreConfig) -> bool:
    return bool(await _statements(connection, config))


async def _remake(connection: Connection, config: StoreConfig) -> None:
    await run(connection, "use_schema", schema=config.postgres.schema)
    await run(connection, "lock_store")
    for statement in await _statements(connection, config):  # it looks again: the store may have been filled meanwhile
        await connection.execute(named("remake_store", statement))
    await catch_up(connection, config)
    if not any(row["name"] == VECTOR_INDEX for row in await run(connection, "index_facts")):
        await create_first_vector_index(connection, config)
    log.info("schema %s: the empty store has the configured settings now", config.postgres.schema)


# --- migrations ------------------------------------------------------------------------------------------------------


async def _pending(connection: Connection, migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    version = await _version(connection)
    if version > len(migrations):
        raise SchemaTooNew(
            f"the database's schema is at version {version}, but this library only knows versions up to {len(migrations)}: "
            "upgrade agent-brain-store",
            BACKEND,
        )
    return migrations[version:]


async def _version(connection: Connection) -> int:
    try:
        async with connection.transaction():  # a savepoint: a missing table would end the caller's transaction
            return int((await run(connection, "schema_version"))[0]["version"])
    except asyncpg.UndefinedTableError:
        return 0
    except asyncpg.InsufficientPrivilegeError as error:
        raise SchemaError(
            f"this role may not read the tables of the store ({error}): the owner grants it what docs/sql.md lists under "
            "roles and privileges",
            BACKEND,
        ) from error


async def _apply_migration(connection: Connection, migration: Migration) -> None:
    what = f"migration {migration.version:04}_{migration.name}"
    try:
        for statement in statements(migration.text):  # a Citus server takes one at a time
            await connection.execute(named(migration.name, statement), timeout=_PATIENCE)
    except asyncpg.InsufficientPrivilegeError as error:
        if "extension" in str(error):
            raise SchemaError(_CREATE_EXTENSION, BACKEND) from error
        raise MigrationFailed(_failure(what, error), BACKEND) from error
    except asyncpg.UndefinedFileError as error:
        raise SchemaError("the server has no pgvector: install it there (pgvector 0.8 or newer)", BACKEND) from error
    except asyncpg.PostgresError as error:
        if is_lost_connection(error):
            raise
        raise MigrationFailed(_failure(what, error), BACKEND) from error


async def _distribute(connection: Connection, shards: int) -> None:
    try:
        await distribute_chunks(connection, shards, _PATIENCE)
    except asyncpg.UndefinedFunctionError as error:
        raise SchemaError(NO_CITUS, BACKEND) from error
    except asyncpg.PostgresError as error:
        if is_lost_connection(error):
            raise
        raise MigrationFailed(_failure("distributing the chunks", error), BACKEND) from error


def _failure(what: str, error: asyncpg.PostgresError) -> str:
    # the first argument is the server's message, without the lines of its detail, which may show a row
    return f"{what} failed: {error.args[0]} ({error.sqlstate}). It was rolled back; the database is as it was"


# --- functions -------------------------------------------------------------------------------------------------------


async def _outdated(connection: Connection, directory: Path | None = None) -> list[Function]:
    """Return the functions that are missing in the database, or that differ from their files.

    Raises `SchemaTooNew` if a newer library has applied one of them.
    """
    functions = await wanted_functions(connection, directory)
    if await _version(connection) == 0:
        return list(functions)
    noted = {row["name"]: row for row in await run(connection, "function_facts")}
    outdated = [f for f in functions if f.name not in noted or noted[f.name]["hash"] != f.hash]
    for function in outdated:
        library = noted[function.name]["library"] if function.name in noted else ""
        if _numbers(library) > _numbers(__version__):
            raise SchemaTooNew(
                f"the function {function.name} was applied by agent-brain-store {library}, this is {__version__}: "
                "upgrade agent-brain-store",
                BACKEND,
            )
    return outdated


async def _apply_functions(connection: Connection, outdated: list[Function], owner: str) -> None:
    for function in outdated:
        try:
            await apply_function(connection, function, _PATIENCE)
            await run(connection, "note_function", name=function.name, hash=function.hash, library=__version__)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SchemaError(
                f"these functions of the store are older than this library, and this role may not replace them: "
                f"{', '.join(f.name for f in outdated)}. The owner of the store, {owner}, opens it once with this version, "
                "or applies sql/functions/apply.psql (docs/sql.md)",
                BACKEND,
            ) from error
        except asyncpg.PostgresError as error:
            if is_lost_connection(error):
                raise
            raise MigrationFailed(_failure(f"the function {function.name}", error), BACKEND) from error


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]
