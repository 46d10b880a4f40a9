"""Spread the chunks of a store over the nodes of a Citus cluster, and apply the functions of such a store.

``sql/citus`` has all that is different. A connection knows whether its store is distributed.
"""

from __future__ import annotations

from pathlib import Path

from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import SchemaError
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.errors import BACKEND
from agent_brain_store.postgres.sql import (
    ON_SHARDS,
    Function,
    distribution,
    load_distributed_functions,
    load_functions,
    named,
)

NO_CITUS = (
    "storage.postgres.distributed is citus, but this database has no Citus. Have a superuser run this on every node: "
    "create extension citus; and name the workers to the coordinator with citus_add_node"
)


async def notice_distribution(connection: Connection) -> None:
    """Let a connection know whether its store is distributed."""
    (row,) = await run(connection, "is_distributed")
    connection.distributed = row["distributed"]


async def wanted_functions(connection: Connection, directory: Path | None = None) -> tuple[Function, ...]:
    """Return the functions that the store has to have. In a distributed store, each shard has versions of its own.

    ``directory`` holds the files of a store on one node, if not ``sql/functions``.
    """
    if not connection.distributed:
        return load_functions(directory)
    return load_distributed_functions([row["shard"] for row in await run(connection, "shards")])


async def prepare_changes(connection: Connection) -> None:
    """Let the caller's transaction have one connection to each node, so that it sees its own changes there."""
    if connection.distributed:
        await _set(connection, "citus.multi_shard_modify_mode", "sequential")


async def _set(connection: Connection, name: str, value: str) -> None:
    (row,) = await run(connection, "write_settings", names=[name], values=[value], until_commit=True)
    await connection.execute(row["statement"])


async def distribute_chunks(connection: Connection, shards: int, patience: float) -> None:
    """Spread the chunks over the nodes, in the transaction of the caller. The caller then applies the functions.

    A statement may take ``patience`` seconds. Raises asyncpg's errors.
    """
    await _set(connection, "agent_brain.shards", str(shards))
    for statement in distribution():
        await connection.execute(statement, timeout=patience)
    connection.distributed = True


async def apply_function(connection: Connection, function: Function, patience: float) -> None:
    """Make a function, or one shard's version of it."""
    if function.shard is None:
        await connection.execute(named(function.name, function.text), timeout=patience)
    else:
        await run(connection, "apply_on_shard", definition=function.text, shard=function.shard, shared=[*ON_SHARDS])


def check_distribution(connection: Connection, config: StoreConfig) -> None:
    """Raise `SchemaError` if the configuration asks for a distributed store, and this one is on one node."""
    if config.postgres.distributed == "citus" and not connection.distributed:
        raise SchemaError(
            f"storage.postgres.distributed is citus, but the store in the schema {config.postgres.schema!r} is on one node: "
            "call distribute_store(config), which spreads its chunks over the cluster, or set distributed: none",
            BACKEND,
        )
