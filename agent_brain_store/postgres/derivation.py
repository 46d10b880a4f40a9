"""Notice that stored terms are out of date, and derive them anew.

A function that decides stored data has a version in the header of its file. A store remembers which versions derived
its terms. After an upgrade of the library the two can differ. Then the words of old chunks and of questions may no
longer be cut in the same way, until `rederive` has been over all chunks.
"""

from __future__ import annotations

from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.pools import Pools
from agent_brain_store.postgres.sql import Function, load_functions
from agent_brain_store.types import Progress, ProgressCallback

_PAGE = 500  # chunks in one transaction
_STEMMER = "stemmer"


async def note_new_store(connection: Connection, functions: tuple[Function, ...]) -> None:
    """Note the current versions in a store that holds no chunks, or that has not noted any versions yet."""
    is_empty = (await run(connection, "count_chunks"))[0]["chunks"] == 0
    if is_empty or not await run(connection, "derivation_facts"):
        await _note(connection, functions)


async def outdated_terms(connection: Connection) -> list[str]:
    """Return in words what has another version than what derived the stored terms: functions, and the server's stemmer."""
    stored = {row["function"]: row["version"] for row in await run(connection, "derivation_facts")}
    current = {f.name: f.stored_version for f in load_functions() if f.stored_version is not None}
    outdated = [
        f"{name}: version {stored.get(name)} derived them, this library has {version}"
        for name, version in current.items()
        if stored.get(name) != version
    ]
    fingerprint = await _fingerprint(connection)
    if stored.get(_STEMMER, fingerprint) != fingerprint:
        outdated.append(f"{_STEMMER}: fingerprint {stored[_STEMMER]} derived them, this server has {fingerprint}")
    return outdated


async def rederive(pools: Pools, progress: ProgressCallback | None) -> int:
    """Derive the terms of every chunk anew, page by page, while the store is in use. Returns how many chunks changed.

    Each page is a transaction of its own. After an interruption call it again: it writes only what differs.
    """
    total = int((await pools.fetch("count_chunks"))[0]["chunks"])
    after, done, written = "", 0, 0
    while True:

        async def page(connection: Connection, after: str = after) -> tuple[str | None, int, int]:
            (row,) = await run(connection, "rederive_chunks", after=after, page_size=_PAGE)
            return row["last"], row["chunks"], row["written"]

        last, chunks, changed = await pools.write("deriving the terms", page)
        if last is None:
            break
        after, done, written = last, done + chunks, written + changed
        if progress is not None:
            progress(Progress("deriving the terms", done, max(total, done)))
    await pools.write("deriving the terms", lambda connection: _note(connection, load_functions()))
    return written


async def _note(connection: Connection, functions: tuple[Function, ...]) -> None:
    versions = {f.name: f.stored_version for f in functions if f.stored_version is not None}
    versions[_STEMMER] = await _fingerprint(connection)
    await run(connection, "note_derivation", functions=[*versions], versions=[*versions.values()])


async def _fingerprint(connection: Connection) -> int:
    (row,) = await run(connection, "stemmer_fingerprint")
    return int(row["fingerprint"])
