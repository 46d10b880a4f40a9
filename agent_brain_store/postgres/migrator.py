"""Migrations: numbered files, applied in order, all in one transaction.

Several processes may start at once: one gets the lock, the others find its work done. Each file records itself in
``schema_version``, so that psql and this runner leave the same state.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import MigrationFailed, SchemaError, SchemaTooNew
from agent_brain_store.postgres.connection import BACKEND, Connection, run
from agent_brain_store.postgres.indexes import create_first_vector_index
from agent_brain_store.postgres.transactions import transaction
from agent_brain_store.sql import sql_directory

log = logging.getLogger(__name__)

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK_PAUSE = 0.05  # seconds between two tries for the lock
_PATIENCE = 86_400.0  # seconds for one file: None would be the connection's command_timeout
_LOCK_PATIENCE = 300.0  # seconds: another process may be building something large

_CREATE_EXTENSION = (
    "the extension pgvector is not installed in this database and this role may not install it. "
    "A superuser runs, once, in this database: create extension vector;"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its text."""

    version: int
    name: str
    text: str


def load_migrations(directory: Path | None = None) -> tuple[Migration, ...]:
    """Read the files in order. Raises `SchemaError` for a bad name, a gap or a repeated number."""
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


async def migrate(connection: Connection, config: StoreConfig, directory: Path | None = None) -> None:
    """Bring the schema up to date with the migrations in ``directory``, the library's own by default.

    Raises `SchemaTooNew` when the database knows more migrations than this library, `MigrationFailed` when a file fails;
    the database is then as it was.
    """
    migrations = load_migrations(directory)
    deadline = asyncio.get_running_loop().time() + _LOCK_PATIENCE
    while await _pending(connection, migrations):
        async with transaction(connection, "the migration"):
            await run(
                connection,
                "settings",
                schema=config.postgres.schema,
                dimensions=config.embedding.dimensions,
                distance=config.distance,
                language=config.keyword.language,
            )
            if (await run(connection, "migration_lock"))[0]["locked"]:
                pending = await _pending(connection, migrations)
                for migration in pending:
                    await _apply(connection, migration)
                    log.info("schema %s: applied %04d_%s", config.postgres.schema, migration.version, migration.name)
                if pending and pending[0].version == 1:
                    await create_first_vector_index(connection, config)
                return
        if asyncio.get_running_loop().time() > deadline:
            raise SchemaError(
                f"another process has been changing this schema for {_LOCK_PATIENCE:g} s; "
                "wait for it, or look for a hung one",
                BACKEND,
            )
        await asyncio.sleep(_LOCK_PAUSE)  # here and not on the server, where waiting would hold a snapshot


async def _pending(connection: Connection, migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    version = await _version(connection)
    if version > len(migrations):
        raise SchemaTooNew(
            f"the database's schema is at version {version}, this library knows up to {len(migrations)}: "
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


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        await connection.execute(migration.text, timeout=_PATIENCE)
    except asyncpg.InsufficientPrivilegeError as error:
        if "extension" in str(error):
            raise SchemaError(_CREATE_EXTENSION, BACKEND) from error
        raise MigrationFailed(_failure(migration, error), BACKEND) from error
    except asyncpg.UndefinedFileError as error:
        raise SchemaError("the server has no pgvector: install it there (pgvector 0.8 or newer)", BACKEND) from error
    except asyncpg.PostgresError as error:
        raise MigrationFailed(_failure(migration, error), BACKEND) from error


def _failure(migration: Migration, error: asyncpg.PostgresError) -> str:
    return (
        f"migration {migration.version:04}_{migration.name} failed: {error} ({error.sqlstate}). "
        "It was rolled back; the database is as it was"
    )
