"""What tests of PostgreSQL share: configurations, connections of their own, plans, and loops that wait for the server."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from agent_brain_store import StoreConfig
from agent_brain_store.postgres.connection import Connection
from agent_brain_store.postgres.sql import queries
from tests.support.stores import mapping

KILL_CONNECTIONS = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'agent_brain_store'"


def config(postgres: dict[str, Any], **storage: Any) -> StoreConfig:
    """Return a configuration for ``storage.postgres``."""
    return StoreConfig.from_dict(mapping(backend="postgres", postgres=postgres, **storage))


async def connect(postgres: dict[str, Any], **more: Any) -> asyncpg.Connection:
    """Open a connection of the test's own, with the settings of the library's sessions that decide plans."""
    settings = {
        "search_path": f"{postgres.get('schema', 'agent_brain')}, public",
        "plan_cache_mode": "force_custom_plan",
    }
    settings |= {"hnsw.iterative_scan": "relaxed_order", "hnsw.ef_search": "100", "jit": "off"}
    names = ("host", "port", "user", "password", "database")
    where = {k: postgres[k] for k in names if k in postgres}
    return await asyncpg.connect(**where, server_settings=settings, connection_class=Connection, **more)


async def make_role(plain: asyncpg.Connection, name: str) -> None:
    """Make a role with the password 'secret', unless there is one of that name."""
    if not await plain.fetchval("select true from pg_roles where rolname = $1", name):
        await plain.execute(f"create role {name} login password 'secret'")


async def rewrite_chunk(connection: asyncpg.Connection, chunk_id: str) -> None:
    """Update a chunk without changing it, which locks it until the connection's transaction ends."""
    await connection.execute("update chunks set text = text where chunk_id = $1", chunk_id)


async def forbid_text(connection: asyncpg.Connection, text: str) -> None:
    """Let the server refuse chunks with a text, by a constraint named no_bad."""
    await connection.execute(f"alter table chunks add constraint no_bad check (text <> '{text}')")


async def slow_down_commits(connection: asyncpg.Connection, seconds: float) -> None:
    """Let every transaction that inserts chunks take so long to commit."""
    await connection.execute(
        f"create function slow() returns trigger language plpgsql as"
        f" 'begin perform pg_sleep({seconds}); return null; end';"
        "create constraint trigger slow after insert on chunks deferrable initially deferred"
        " for each row execute function slow()"
    )


# --- plans -----------------------------------------------------------------------------------------------------------

SCANS = """
    select indexrelname::text, pg_stat_get_xact_numscans(indexrelid) from pg_stat_user_indexes
    union all select 'every row', seq_scan from pg_stat_xact_user_tables where relname = 'chunks'
"""


def arguments(name: str, **values: Any) -> list[Any]:
    """Return the parameters of a query file, in order. Those that are not given have their defaults."""
    given = {"filter": "", "source_prefix": "", "fusion": "convex", **values}
    return [given[parameter] for parameter, _ in queries()[name].parameters]


async def explain(connection: asyncpg.Connection, name: str, *arguments: Any, options: str = "costs off") -> str:
    """Return the plan of a query file, as text, with the arguments bound."""
    await connection.execute("deallocate all")
    literals = ", ".join(literal(a) for a in arguments)
    types = ", ".join(t for _, t in queries()[name].parameters)
    await connection.execute(f"prepare plan{f'({types})' if types else ''} as {queries()[name].text}")
    rows = await connection.fetch(f"explain ({options}) execute plan{f'({literals})' if literals else ''}")
    return "\n".join(row[0] for row in rows)


async def used_indexes(connection: asyncpg.Connection, name: str, **values: Any) -> set[str]:
    """Run a query, and return the indexes that it read. Plans that are made within functions are not in an explain."""
    query, given = queries()[name].text, arguments(name, **values)
    async with connection.transaction():
        before = dict(await connection.fetch(SCANS))  # the server adds up those of earlier transactions for a while
        await connection.fetch(query, *given)
        return {index for index, scans in await connection.fetch(SCANS) if scans > before[index]}


def literal(value: Any) -> str:
    """Return a value as SQL."""
    return f"'{value.replace(chr(39), chr(39) * 2)}'" if isinstance(value, str) else str(value).lower()


async def scored_chunks(connection: asyncpg.Connection, question: str, budget: int) -> int:
    """Count the chunks that keyword search scores for a question."""
    return int(await connection.fetchval("select count(*) from bm25($1, null, '', $2, null)", question, budget))


async def plan_of_question(connection: asyncpg.Connection, question: str, budget: int) -> asyncpg.Record:
    """Return what keyword search decides to look up for a question: its terms, and the combinations of common ones."""
    return await connection.fetchrow("select * from plan_query($1, $2)", question, budget)


# --- the vector index ------------------------------------------------------------------------------------------------


async def vector_index(plain: asyncpg.Connection) -> tuple[int, bool] | None:
    """Return the vector index's identity, which changes when it is built anew, and whether searches can use it."""
    row = await plain.fetchrow(
        "select indexrelid::int8, indisvalid and indisready from pg_index "
        "where indexrelid = to_regclass('chunks_embedding_ann')"
    )
    return None if row is None else (row[0], row[1])


async def is_indexed(plain: asyncpg.Connection) -> bool:
    """Tell whether the vector index is there, and searches can use it."""
    index = await vector_index(plain)
    return index is not None and index[1]


async def index_facts(connection: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    """Return what the library reads of the indexes, by their names."""
    return {row["name"]: row for row in await connection.fetch(queries()["index_facts"].text)}


# --- term statistics -------------------------------------------------------------------------------------------------


async def document_frequency(connection: asyncpg.Connection, term: str) -> int | None:
    """Return in how many chunks a term was at the last count, or None if it was in none."""
    df: int | None = await connection.fetchval("select df from term_statistics where term = $1", term)
    return df


async def document_frequencies(connection: asyncpg.Connection) -> dict[str, int]:
    """Return in how many chunks each term was at the last count."""
    # Names with a space are impacts.
    rows = await connection.fetch("select term, df from term_statistics where position(' ' in term) = 0")
    return {row["term"]: row["df"] for row in rows}


async def all_frequencies(connection: asyncpg.Connection) -> dict[str, int]:
    """Return the numbers of the last count, those of impacts included."""
    return {row["term"]: row["df"] for row in await connection.fetch("select term, df from term_statistics")}


async def true_frequencies(connection: asyncpg.Connection) -> dict[str, int]:
    """Count in how many chunks each term is, and each impact."""
    rows = await connection.fetch(
        "select term, count(*) as df from chunks, unnest(tsvector_to_array(tsv)) as t (term) group by term"
    )
    return {row["term"]: row["df"] for row in rows}


async def is_counted_anew(connection: asyncpg.Connection) -> bool:
    """Return whether the next count will read every chunk."""
    return bool((await connection.fetchrow(queries()["term_statistics_age"].text))["recounts"])


async def lose_counts(connection: asyncpg.Connection) -> None:
    """Leave the terms uncounted, and due to be counted, as after a crash between a write and its count."""
    await connection.execute("delete from term_statistics")
    await count_is_due(connection)


async def count_is_due(connection: asyncpg.Connection) -> None:
    """Let every change to the chunks seem uncounted."""
    await connection.execute("update term_statistics_state set changes = 0")


async def counted_terms(connection: asyncpg.Connection) -> int:
    """Return how many terms have been counted."""
    return int(await connection.fetchval("select count(*) from term_statistics"))


async def count_by_hand(connection: asyncpg.Connection, name: str) -> None:
    """Count the terms with a query of the library, in the connection's own transaction."""
    await connection.fetch(queries()["counting_lock"].text)
    await connection.fetch(queries()[name].text)


async def keep_others_from_counting(connection: asyncpg.Connection) -> None:
    """Hold the lock of whoever counts, until the connection's transaction ends."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('agent_brain_store terms ' || current_schema(), 0))"
    )


async def lock_counts(connection: asyncpg.Connection, mode: str) -> None:
    """Keep others from the counted terms until the connection's transaction ends."""
    await connection.execute(f"lock table term_statistics in {mode} mode")


# --- waiting ---------------------------------------------------------------------------------------------------------


async def until(plain: asyncpg.Connection, query: str) -> None:
    """Wait until a query's first value is true, half a minute at most."""
    for _ in range(600):
        if await plain.fetchval(query):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never true: {query}")


async def until_suspended(plain: asyncpg.Connection) -> None:
    """Wait until a load has dropped the vector index."""
    for _ in range(10_000):
        if await vector_index(plain) is None:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the vector index was never suspended")


async def until_indexed(plain: asyncpg.Connection) -> None:
    """Wait until the vector index is there and valid."""
    await until(plain, "select indisvalid from pg_index where indexrelid = to_regclass('chunks_embedding_ann')")


async def until_blocked(database: dict[str, Any], statement: str) -> None:
    """Wait until such a statement waits for a lock, and has looked for deadlocks in vain."""
    look, text = await connect(database), statement.replace(" ", "%")  # a statement's name stands behind its first word
    await until(look, f"select pid from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%{text}%'")
    await asyncio.sleep(0.1)
    await look.close()
