"""Mark the chunks that have the vector of another one, in a store that was made before this was done at every write."""

from __future__ import annotations

from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.types import Progress, ProgressCallback

_PAGE = 1000  # chunks in one transaction
_OPERATION = "looking for equal vectors"


async def mark_copies(pools: Pools, progress: ProgressCallback | None) -> None:
    """Mark copies page by page, while the store is in use. Only what was marked otherwise is written."""
    total = int((await pools.fetch("count_chunks"))[0]["chunks"])
    after: str | None = ""
    done = 0
    while after is not None:

        async def page(connection: Connection, after: str = after) -> tuple[str | None, int]:
            (row,) = await run(connection, "mark_copies", after=after, page_size=_PAGE)
            return row["last"], row["chunks"]

        after, chunks = await pools.write(_OPERATION, page)
        done += chunks
        if progress is not None:
            progress(Progress(_OPERATION, done, max(total, done)))
