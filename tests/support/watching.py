"""A database seen from outside: how many connections it has."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from tests.support.servers import Server


async def outside(server: Server) -> Any:
    """Open a connection to another database of the server."""
    names = {"host", "port", "user", "password"}
    location = {name: value for name, value in server.location.items() if name in names}
    return await asyncpg.connect(**location, database=server.location.get("database") or "postgres")


async def connections(connection: Any, database: str) -> int:
    """Count the connections to a database."""
    query = "select count(*) from pg_stat_activity where datname = $1 and backend_type = 'client backend'"
    return int(await connection.fetchval(query, database))


async def no_connections(server: Server, database: str) -> None:
    """Wait until a database has no connections. The server notices a moment after they are closed."""
    connection = await outside(server)
    try:
        for _ in range(100):
            if await connections(connection, database) == 0:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("connections are still open")
    finally:
        await connection.close()
