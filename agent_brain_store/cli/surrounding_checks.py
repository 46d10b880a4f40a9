"""What the doctor looks at between this program and the data: other processes, poolers, standbys and slow statements.

Each function looks for one kind of finding.
"""

from __future__ import annotations

import math

from agent_brain_store.cli.findings import NOTE, WARNING, Check, Finding, in_psql, mebibytes
from agent_brain_store.cli.opening import Look
from agent_brain_store.cli.screen import counted
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import ConfigError

LATE = 60.0  # seconds that a standby may be behind
_FAR = 16 * 2**20  # bytes
SLOW = 1000.0  # milliseconds that a search takes on average
_SEARCHES = ("vector_search", "keyword_search", "hybrid_search", "count_matching_chunks", "get_chunks")
_RESUME = "select pg_wal_replay_resume()"


async def connections(config: StoreConfig, look: Look) -> list[Finding]:
    """Find pools that are larger than the server allows, and a server that is nearly full.

    The server does not know which connections are one process's. There are at least as many processes as machines, and
    as many as it takes to open so many connections.
    """
    row = await look.row("connections")
    largest, allowed = config.postgres.pool_size + config.postgres.pool_max_overflow, row["allowed"]
    processes = max(1, row["clients"], math.ceil(row["of_this_library"] / largest))
    evidence = f"a process may open {largest}, the server allows {allowed}, and {row['open']} are open"
    if largest > allowed:
        mend = f"Set storage.postgres.pool_size and pool_max_overflow to {allowed // 2} together or less."
        return [Finding(WARNING, "the pool is larger than the server allows", evidence, mend)]
    if processes * largest > allowed:
        evidence += f"; {row['of_this_library']} of these belong to at least {processes} processes of this library"
        share = allowed // (processes + 1)
        mend = f"Set storage.postgres.pool_size and pool_max_overflow to {share} together or less, or use a pooler."
        return [Finding(WARNING, "the pools of all processes are larger than the server allows", evidence, mend)]
    if row["open"] > 0.9 * allowed:
        mend = "Lower pool_size, or raise max_connections."
        return [Finding(WARNING, "the server has few connections left", evidence, mend)]
    return []


async def pooler(config: StoreConfig, look: Look) -> list[Finding]:
    """Find a pooler that works in another mode than the configuration says, or that is not there."""
    said, found = config.postgres.pooler, await _mode(look)
    if said == found:
        return []
    mend = f"Set storage.postgres.pooler to {found}."
    if found == "none":
        evidence = f"the configuration says pooler: {said}, which costs a little with every call"
        return [Finding(NOTE, "there is no pooler", evidence, mend)]
    evidence = f"the configuration says pooler: {said}, and the pooler works in {found} mode"
    return [Finding(WARNING, "the pooler works in another mode", evidence, mend)]


async def _mode(look: Look) -> str:
    """Return how a pooler works: ``none``, ``session`` or ``transaction``.

    A pooler tells its clients numbers of processes that are its own. In transaction mode, the server process that has just
    answered one client is free for the next. In session mode it is not.
    """
    answered = (await look.row("session_schema"))["pid"]
    if answered == look.connection.get_server_pid():
        return "none"
    query, clients = look.text("session_schema"), []
    try:
        pids = set()
        for _ in range(2):
            clients.append(await look.another())
            pids.add((await clients[-1].fetch(query))[0]["pid"])
    except ConfigError:  # sessions that others share are refused, unless the configuration says transaction
        return "transaction"
    finally:
        for client in clients:
            await client.close()
    return "session" if len(pids) == 2 else "transaction"


async def replication(_: StoreConfig, look: Look) -> list[Finding]:
    """Find a standby that is behind its primary, or that has lost it."""
    if not look.server["in_recovery"]:
        return []
    row = await look.row("replication")
    evidence = f"{mebibytes(row['bytes_behind'])} behind; the last transaction is {row['seconds_behind']:.0f} s old"
    if row["is_paused"]:
        return [Finding(WARNING, "the standby does not apply what it gets", evidence, in_psql(_RESUME))]
    if not row["receives"]:
        mend = "Start the primary, or let primary_conninfo of the standby lead to the new one."
        return [Finding(WARNING, "the standby is not connected to its primary", evidence, mend)]
    if row["bytes_behind"] > _FAR or (row["bytes_behind"] and row["seconds_behind"] > LATE):
        mend = "Wait, or give the standby faster disks; searches on it do not see the last writes."
        return [Finding(WARNING, "the standby is behind its primary", evidence, mend)]
    return []


async def slow_statements(_: StoreConfig, look: Look) -> list[Finding]:
    """Find searches that are slow on average, where the server counts its statements."""
    if not look.server["counts_statements"]:
        return []
    return [
        Finding(
            NOTE,
            f"{row['file']} is slow",
            f"{counted(row['calls'], 'call')} took {row['mean_ms']:,.0f} ms on average, and {row['longest_ms']:,.0f} ms at most",
            "explain 'a question that was slow'",
        )
        for row in await look.query("slowest")
        if row["file"] in _SEARCHES and row["mean_ms"] > SLOW
    ]


CHECKS: tuple[Check, ...] = (connections, pooler, replication, slow_statements)
