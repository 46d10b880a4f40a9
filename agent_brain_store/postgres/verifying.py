"""Compare what a store holds with what it was derived from, and derive anew what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import numpy as np

from agent_brain_store.checks.digests import NOT_FOUND, Findings, Sample, telling
from agent_brain_store.errors import QueryFailed
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.indexes import Indexes
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.searching import Searcher
from agent_brain_store.repository import VectorQuery
from agent_brain_store.results import VerifyReport
from agent_brain_store.types import Document, ProgressCallback

OUTDATED = "the search terms are not those of the text and the metadata"
COUNTS = "the noted number of chunks or tokens is not that of the table"
NO_PATH = "the primary key does not lead to every chunk"

_PAGE = 500  # chunks in one statement


async def verify(
    pools: Pools, indexes: Indexes, searcher: Searcher, distance: str, progress: ProgressCallback | None
) -> VerifyReport:
    """Read every chunk with its vector, derive its terms, count, look at the indexes, and ask the vector index."""
    found, sample = Findings(distance), Sample()
    found.unchecked("the contents of the indexes for words and metadata: reindex() makes them anew")
    with _noting_corruption(found, "the table"):
        before = await _compare_counts(pools, found)
        await _walk(pools, found, sample, progress)
        (after,) = await pools.fetch("compare_counts")
        if before == after["changes"] and found.chunks != after["chunks"]:
            found.damage("indexes", NO_PATH, True)
    health = await indexes.health()
    for state in ("missing", "invalid"):
        for name in health[f"{state}_indexes"]:
            found.damage("indexes", f"the index {name} is {state}", True)
    with _noting_corruption(found, "the vector index"):
        for chunk in sample.chunks:
            nearest = await searcher.vector(VectorQuery(np.asarray(chunk.embedding, np.float32), 1, None, 1, None))
            if not nearest or nearest[0].score < sample.own_score(chunk, distance):
                found.damage("indexes", NOT_FOUND, True, chunk.chunk_id)
    return found.report()


async def _compare_counts(pools: Pools, found: Findings) -> int:
    """Compare what is noted with what is there. Returns how much has changed since the store was made."""
    (row,) = await pools.fetch("compare_counts")
    if (row["chunks"], row["tokens"]) != (row["noted_chunks"], row["noted_tokens"]):
        found.damage("rows", COUNTS, True)
    if not row["has_checksums"]:
        found.unchecked("altered pages: this server keeps no checksums of its pages (initdb --data-checksums)")
    return int(row["changes"])


async def _walk(pools: Pools, found: Findings, sample: Sample, progress: ProgressCallback | None) -> None:
    """Read the chunks page by page."""
    after, tell = "", telling(progress, int((await pools.fetch("count_chunks"))[0]["chunks"]))
    while rows := await pools.fetch("verify_chunks", after=after, page_size=_PAGE):
        after = rows[-1]["chunk_id"]
        for row in rows:
            vector = row["embedding"].to_numpy().astype("float32")
            chunk = Document(row["chunk_id"], row["text"], row["metadata"], vector)
            found.read(chunk)
            sample.offer(chunk)
            if row["outdated"]:
                found.damage("words", OUTDATED, True, chunk.chunk_id)
        tell(found.chunks)
        await asyncio.sleep(0)


@contextmanager
def _noting_corruption(found: Findings, what: str) -> Iterator[None]:
    """Note it as damage if the server says that its own files are damaged. What is left of the block is not done."""
    try:
        yield
    except QueryFailed as error:
        if not _is_corruption(error.__cause__):
            raise
        part = "indexes" if "index" in what else "rows"
        found.damage(part, f"{what} cannot be read: {error.__cause__}", part == "indexes")


def _is_corruption(error: BaseException | None) -> bool:
    """Return whether the server says that its own files are damaged."""
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(("XX", "58"))


async def recount(pools: Pools) -> None:
    """Count the chunks and tokens, while nobody writes."""

    async def work(connection: Connection) -> None:
        await run(connection, "lock_store")
        await run(connection, "recount_chunks")

    await pools.write("counting the chunks", work)
