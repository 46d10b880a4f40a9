"""Start a store: find the server, migrate, check the store against the configuration, and open the pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.checks.startup import check_store as check_configured
from agent_brain_store.config import StoreConfig
from agent_brain_store.postgres.connection import connect, connect_arguments, session_settings
from agent_brain_store.postgres.errors import BACKEND, translated
from agent_brain_store.postgres.guard import check_session, check_store
from agent_brain_store.postgres.migrate import migrate, remake_if_empty
from agent_brain_store.postgres.pools import Pools

if TYPE_CHECKING:
    from agent_brain_store.postgres.embedded import EmbeddedServer


def private_server(config: StoreConfig) -> EmbeddedServer | None:
    """Return the private server that a configuration asks for, or None. It is not started yet."""
    if config.postgres.embedded_path is None:
        return None
    from agent_brain_store.postgres.embedded import EmbeddedServer

    return EmbeddedServer(config.postgres.embedded_path)


async def start(config: StoreConfig, server: EmbeddedServer | None, pools: Pools, tolerant: bool) -> StoreFacts:
    """Start the server, bring the store up to date, check it against the configuration, and open the pools.

    If ``tolerant`` is set, a store of another configuration is opened, too. Returns what the store was made for.
    """
    schema = config.postgres.schema
    # The path does not have the extension's schema yet. It is still unknown, and it may hold another program's tables
    # with the same names as ours.
    arguments = connect_arguments(config.postgres, session_settings(config, f'"{schema}", pg_temp'))
    if server is not None:
        arguments |= await server.start()
    vector_schema, stored = await _migrate_and_check(arguments, config)
    if not tolerant:
        check_configured(config, stored, BACKEND)
    arguments["server_settings"]["search_path"] = f'"{schema}", "{vector_schema}", pg_temp'
    await pools.open(arguments, vector_schema)
    with translated("checking the session"):
        async with pools.reader() as connection:
            await check_session(connection, arguments["server_settings"])
    return stored


async def _migrate_and_check(arguments: dict[str, Any], config: StoreConfig) -> tuple[str, StoreFacts]:
    """Bring the store up to date on a connection of its own, before any pool exists. Returns what `check_store` does."""
    connection = await connect(arguments, config.postgres.connect_timeout)
    try:
        with translated("migrating the schema"):
            await migrate(connection, config)
            await remake_if_empty(connection, config)
        with translated("checking the store"):
            return await check_store(connection, config)
    finally:
        await connection.close()
