"""Fill a second generation of vectors beside the one in use, index it, and put it in the first one's place.

The second generation is another column of the chunks, so texts and words are there once. Whoever writes another text
empties the column of that chunk (``upsert_chunks.sql``). So what is missing is always known, after a crash too, and
searches never see the column before the switch. The switch renames columns and indexes in one transaction.

Nobody looks for equal vectors in the second generation. After the switch every chunk leads (``keep_leaders.sql``) and is
in the vector index. Then `Indexes` marks the copies and builds the index anew, while the store is in use.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any, TypeVar

import asyncpg

from agent_brain_store.checks.vectors import Float32
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import QueryFailed, SchemaError
from agent_brain_store.postgres.connection import Connection, farewell, run
from agent_brain_store.postgres.distribution import prepare_changes, wanted_functions
from agent_brain_store.postgres.errors import BACKEND, translated
from agent_brain_store.postgres.index_builds import fit_functions
from agent_brain_store.postgres.indexes import Indexes, wants_index
from agent_brain_store.postgres.migrate import catch_up
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.sql import named
from agent_brain_store.postgres.transactions import transaction
from agent_brain_store.postgres.writing import as_parameter
from agent_brain_store.repository import Embed, Unembedded
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.types import ProgressCallback

log = logging.getLogger(__name__)
Result = TypeVar("Result")

OPERATION = "reembed"
OTHER_INDEX = "chunks_other_ann"
_LOCK_WAIT = 2.0  # seconds for one try; searches and writes wait behind a lock that waits
_PAUSE = 1.0  # seconds between two tries


class PostgresGeneration:
    """The second generation of one store, while this process fills it. `SecondGeneration` says what each method means."""

    def __init__(self, pools: Pools, indexes: Indexes, config: StoreConfig, profile: EmbeddingMetadata) -> None:
        self._pools, self._indexes, self._config, self._profile = pools, indexes, config, profile

    async def begin(self) -> None:
        """Make the column, unless it is there for this model already, and the index that finds empty ones."""

        async def work(connection: Connection) -> None:
            (row,) = await run(connection, "second_generation")
            if _profile(row) != self._profile:
                values = {"provider": self._profile.provider, "model": self._profile.model}
                async with _changing(connection):
                    await _execute_all(connection, "begin_generation", **values, dimensions=self._profile.dimensions)

        await patiently(self._indexes, _LOCK_WAIT, work)
        await patiently(self._indexes, None, _index_unembedded)

    async def unembedded(self) -> int:
        (row,) = await self._pools.fetch("second_generation")
        return int(row["unembedded"] or 0)

    async def page(self, after: str, size: int) -> list[Unembedded]:
        rows = await self._pools.fetch("unembedded_chunks", after=after, page_size=size)
        return [Unembedded(**row) for row in rows]

    async def put(self, chunks: Sequence[Unembedded], vectors: Float32) -> int:
        return await self._pools.write(OPERATION, lambda connection: _put(connection, chunks, vectors))

    async def build_index(self, progress: ProgressCallback | None) -> None:
        async def work(connection: Connection) -> None:
            await _execute_all(connection, "index_generation")
            (row,) = await run(connection, "second_generation")
            if not row["is_indexed"] and wants_index(config):
                await self._indexes.build_beside(connection, config, OTHER_INDEX, "other_embedding", progress)

        embedding = replace(self._config.embedding, dimensions=self._profile.dimensions)
        config = replace(self._config, embedding=embedding)
        await patiently(self._indexes, None, work)

    async def switch(self, embed: Embed, largest: int, keep: bool) -> int | None:
        embedded = await patiently(self._indexes, _LOCK_WAIT, lambda c: self._switch(c, embed, largest, keep))
        if embedded is not None:
            await patiently(self._indexes, None, lambda c: _execute_all(c, "finish_generation"))
        return embedded

    async def _switch(self, connection: Connection, embed: Embed, largest: int, keep: bool) -> int | None:
        """Embed what is left while others wait, and switch. Returns None if too much is left."""
        async with _changing(connection):
            # To let searches go on here, a weaker lock would have to become this one. That deadlocks with every writer:
            # a write reads the chunks first, and then wants to write them.
            await run(connection, "lock_store")
            await self._require_own(connection)
            rows = await run(connection, "unembedded_chunks", after="", page_size=largest + 1)
            chunks = [Unembedded(**row) for row in rows]
            if len(chunks) > largest:
                return None
            if chunks:
                await _put(connection, chunks, await embed([chunk.text for chunk in chunks]))
            names = [function.name for function in await wanted_functions(connection)]
            await _execute_all(connection, "switch_generation", keep=keep, functions=names)
            await catch_up(connection, self._config)
            await fit_functions(connection)
        return len(chunks)

    async def _require_own(self, connection: Connection) -> None:
        (row,) = await run(connection, "second_generation")
        if _profile(row) != self._profile:
            raise SchemaError("the second generation was given up meanwhile: call reembed() again", BACKEND)


@asynccontextmanager
async def filling(
    pools: Pools, indexes: Indexes, config: StoreConfig, profile: EmbeddingMetadata
) -> AsyncIterator[PostgresGeneration]:
    """Yield the second generation for this model. No other session fills one until the block ends."""
    async with _alone(pools):
        generation = PostgresGeneration(pools, indexes, config, profile)
        await generation.begin()
        yield generation


async def drop(pools: Pools, indexes: Indexes) -> None:
    """Give up the second generation."""

    async def work(connection: Connection) -> None:
        async with _changing(connection):
            await _execute_all(connection, "drop_generation")

    async with _alone(pools):
        await patiently(indexes, _LOCK_WAIT, work)


async def described(pools: Pools) -> dict[str, Any] | None:
    """Return the model of the second generation, and how many chunks lack its vector. Returns None if there is none."""
    (row,) = await pools.fetch("second_generation")
    profile = _profile(row)
    if profile is None:
        return None
    return asdict(profile) | {"unembedded": row["unembedded"]}


async def patiently(
    indexes: Indexes,
    lock_timeout: float | None,
    work: Callable[[Connection], Awaitable[Result]],
    patience: float = math.inf,
) -> Result:
    """Do work that changes the structure, and try again while other sessions are in the way.

    After ``patience`` seconds, raise what is in the way.
    """
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            async with indexes.exclusive(lock_timeout) as connection:
                return await work(connection)
        except QueryFailed as error:
            is_busy = isinstance(
                error.__cause__, (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, type(None))
            )
            if not is_busy or asyncio.get_running_loop().time() > deadline:
                raise
            log.info("a change of the structure waits: %s", error.message)
        await asyncio.sleep(_PAUSE)


@asynccontextmanager
async def _alone(pools: Pools) -> AsyncIterator[None]:
    if not pools.has_sessions:
        raise QueryFailed(
            f"{OPERATION} needs a session of its own: behind a pooler in transaction mode, set storage.postgres.direct_url",
            BACKEND,
        )
    connection = await pools.connect(None)
    try:
        with translated(OPERATION):
            (row,) = await run(connection, "generation_lock")
        if not row["locked"]:
            raise QueryFailed("another session is embedding this store anew; try again when it has finished", BACKEND)
        yield
    finally:
        await farewell(connection)


@asynccontextmanager
async def _changing(connection: Connection) -> AsyncIterator[None]:
    """Run the block in a transaction that changes the columns, and reads them afterwards."""
    async with transaction(connection, OPERATION):
        await prepare_changes(connection)
        yield


async def _index_unembedded(connection: Connection) -> None:
    # A build that was interrupted leaves an index that is of no use.
    await _execute_all(connection, "drop_index", name="chunks_unembedded", concurrently=True)
    await run(connection, "index_unembedded")


async def _put(connection: Connection, chunks: Sequence[Unembedded], vectors: Float32) -> int:
    (row,) = await run(
        connection,
        "embed_chunks",
        ids=[chunk.chunk_id for chunk in chunks],
        digests=[chunk.digest for chunk in chunks],
        embeddings=as_parameter(vectors),
    )
    return int(row["embedded"])


async def _execute_all(connection: Connection, query: str, /, **values: Any) -> None:
    """Have the server write statements, and run them."""
    for row in await run(connection, query, **values):
        await connection.execute(named(query, row["statement"]))


def _profile(row: asyncpg.Record) -> EmbeddingMetadata | None:
    return None if row["model"] is None else EmbeddingMetadata(row["provider"], row["model"], row["dimensions"])
