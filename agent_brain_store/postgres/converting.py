"""Convert a store on one node into a store that is spread over a Citus cluster."""

from __future__ import annotations

import logging
from dataclasses import replace

from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import MigrationFailed
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.distribution import notice_distribution
from agent_brain_store.postgres.errors import BACKEND
from agent_brain_store.postgres.index_builds import VECTOR_INDEX, run_statement_from
from agent_brain_store.postgres.migrate import distribute
from agent_brain_store.postgres.repository import PostgresRepository
from agent_brain_store.postgres.transactions import transaction
from agent_brain_store.results import Distributed
from agent_brain_store.types import Progress, ProgressCallback

log = logging.getLogger(__name__)

_OPERATION = "distributing the chunks"


async def convert(config: StoreConfig, progress: ProgressCallback | None) -> Distributed:
    """Do what `agent_brain_store.distribute_store` says."""
    on_one_node = replace(config, postgres=replace(config.postgres, distributed="none"))
    converted = await _converted(PostgresRepository(on_one_node), config, progress)
    repository = PostgresRepository(replace(config, postgres=replace(config.postgres, distributed="citus")))
    await repository.open(progress, False)  # it builds the vector index, on all shards at once
    await repository.close()
    return converted


async def _converted(
    repository: PostgresRepository, config: StoreConfig, progress: ProgressCallback | None
) -> Distributed:
    await repository.open(progress, False)
    try:
        async with repository.indexes.exclusive() as connection:
            await notice_distribution(connection)
            if connection.distributed:
                facts = (await run(connection, "store_digest"))[0]
            else:
                async with transaction(connection, _OPERATION):
                    facts = await _spread(connection, config, progress)
                await run(connection, "drop_local_copy")
            shards = len(await run(connection, "shards"))
    finally:
        await repository.close()
    return Distributed(facts["chunks"], facts["digest"], shards)


async def _spread(connection: Connection, config: StoreConfig, progress: ProgressCallback | None) -> dict[str, object]:
    """Distribute the chunks in the transaction of the caller, and compare them with what they were."""
    await run(connection, "lock_writers")
    before = dict((await run(connection, "store_digest"))[0])
    _report(progress, 0, before)
    # Each chunk would be put into the graph of its shard one by one. Building the graph afterwards is several times faster.
    await run_statement_from(connection, "drop_index", name=VECTOR_INDEX, concurrently=False)
    await distribute(connection, config)
    after = dict((await run(connection, "store_digest"))[0])
    counted = (await run(connection, "count_chunks"))[0]["chunks"]
    if after != before or counted != before["chunks"]:
        raise MigrationFailed(
            f"{_OPERATION} failed: there were {before['chunks']} chunks with the digest {before['digest']}, and the cluster "
            f"has {after['chunks']} with {after['digest']}, of which {counted} are counted. It was rolled back; the store is "
            "as it was",
            BACKEND,
        )
    _report(progress, before["chunks"], before)
    log.info("schema %s: %s chunks are on the cluster now", config.postgres.schema, before["chunks"])
    return before


def _report(progress: ProgressCallback | None, done: int, before: dict[str, object]) -> None:
    if progress is not None:
        progress(Progress(_OPERATION, done, int(str(before["chunks"]))))
