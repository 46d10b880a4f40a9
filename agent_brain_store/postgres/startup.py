"""Start a store: find the server, migrate, check the store against the configuration, and open the pools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import asyncpg

from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.checks.startup import check_store as check_configured
from agent_brain_store.config import StoreConfig
from agent_brain_store.postgres.connection import Connection, connect_arguments, farewell, run, session_settings
from agent_brain_store.postgres.distribution import check_distribution, notice_distribution
from agent_brain_store.postgres.errors import BACKEND, translated
from agent_brain_store.postgres.guard import check_letters, check_same_server, check_session, check_store
from agent_brain_store.postgres.migrate import migrate, remake_if_empty, require_current
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.sessions import Connect, Sessions
from agent_brain_store.postgres.transactions import with_settings
from agent_brain_store.postgres.watching import watched

if TYPE_CHECKING:
    from agent_brain_store.postgres.embedded import EmbeddedServer

_STANDBY_TIMEOUT = 3.0  # seconds; if a standby does not answer, the primary does


def private_server(config: StoreConfig) -> EmbeddedServer | None:
    """Return the private server that a configuration asks for, or None. It is not started yet."""
    if config.postgres.embedded_path is None:
        return None
    from agent_brain_store.postgres.embedded import EmbeddedServer

    return EmbeddedServer(config.postgres.embedded_path)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a store is opened. If ``tolerant`` is set, one of another configuration will do.

    With ``read_only`` nothing is changed. ``connect`` opens the connections, if it is given. ``watch`` is the pause
    between two looks at whether the server still does long work, in seconds.
    """

    tolerant: bool
    read_only: bool
    connect: Connect | None
    watch: float


async def start(config: StoreConfig, server: EmbeddedServer | None, pools: Pools, opening: Opening) -> StoreFacts:
    """Start the server, bring the store up to date, check it against the configuration, and open the pools.

    Returns what the store was made for.
    """
    pooled, direct, copies = _sessions(config, await server.start() if server is not None else {}, opening)
    connection = await direct.connect(config.postgres.connect_timeout)
    try:
        async with _watched(direct, connection, opening.watch):
            vector_schema, stored = await _migrate_and_check(connection, config, opening.read_only)
        if not opening.tolerant:
            check_configured(config, stored, BACKEND)
        path = f'"{config.postgres.schema}", "{vector_schema}", pg_temp'
        known = path, vector_schema, connection.distributed
        await pools.open(pooled.for_store(*known), direct.for_store(*known), copies and copies.for_store(*known))
        with translated("checking the session"):
            async with pools.reader() as pooled_connection:
                await check_session(pooled_connection, pools.sessions.settings)
                if direct is not pooled:
                    await check_same_server(pooled_connection, connection)
    finally:
        await farewell(connection)
    return stored


def _sessions(
    config: StoreConfig, private: dict[str, Any], opening: Opening
) -> tuple[Sessions, Sessions, Sessions | None]:
    """Return the sessions for calls, those for work that takes long, and those on standbys.

    ``private`` is where a private server is.
    """
    # The path does not have the extension's schema yet. It is still unknown, and it may hold another program's tables
    # with the same names as ours.
    postgres, settings = config.postgres, session_settings(config, f'"{config.postgres.schema}", pg_temp')
    if opening.read_only:
        settings["default_transaction_read_only"] = "on"
        postgres = replace(postgres, target_session_attrs=postgres.target_session_attrs or "any")
    pooled = Sessions(connect_arguments(postgres) | private, settings, postgres.pooler, opening.connect)
    direct, copies = pooled, None
    if postgres.direct_url is not None:
        direct = replace(pooled, arguments=connect_arguments(postgres.direct()), pooler="none")
    if postgres.read_url is not None:
        reading = postgres.reading()
        arguments = connect_arguments(reading)
        arguments["timeout"] = min(arguments["timeout"], _STANDBY_TIMEOUT)
        copies = replace(pooled, arguments=arguments, pooler=reading.pooler)
    return pooled, direct, copies


async def _migrate_and_check(connection: Connection, config: StoreConfig, read_only: bool) -> tuple[str, StoreFacts]:
    """Bring the store up to date on a connection of its own, before any pool exists. Returns what `check_store` does."""
    with translated("looking at the database"):
        async with with_settings(connection):
            await check_letters(connection)
            await notice_distribution(connection)
    with translated("migrating the schema"):
        if read_only or config.postgres.migrate == "never":
            await require_current(connection, config.postgres.schema)
        else:
            await migrate(connection, config)
            await remake_if_empty(connection, config)
    with translated("checking the store"):
        async with with_settings(connection):
            check_distribution(connection, config)
            return await check_store(connection, config)


@asynccontextmanager
async def _watched(sessions: Sessions, worker: Connection, pause: float) -> AsyncIterator[None]:
    """Watch a connection while the block runs. A pooler in transaction mode has no process that could be watched."""

    async def look(pid: int) -> list[asyncpg.Record]:
        with translated("looking after the start"):
            other = await sessions.open()
            try:
                return await run(other, "session_state", pid=pid)
            finally:
                await farewell(other)

    if sessions.pooler == "transaction":
        yield
        return
    with translated("connecting"):
        (facts,) = await run(worker, "session_schema")
    async with watched(worker, facts["pid"], look, pause):
        yield
