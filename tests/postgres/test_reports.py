"""What the reports of ``sql/inspect`` say about a store in a known state."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from agent_brain_store.postgres.sql import sql_directory
from tests.support.postgres import connect, until_blocked
from tests.support.stores import ANIMALS, embed, fill, made_up

pytestmark = pytest.mark.postgres


async def report(connection: asyncpg.Connection, name: str, *values: Any) -> list[asyncpg.Record]:
    """Return the rows of a report."""
    rows: list[asyncpg.Record] = await connection.fetch(
        (sql_directory() / "inspect" / f"{name}.sql").read_text(), *values
    )
    return rows


async def test_duplicates_of_text_and_of_embedding_are_listed(store, plain):
    await fill(store, *ANIMALS, ("twin", ANIMALS[0][1]))
    await store.upsert_documents(["same"], [embed(ANIMALS[1][1])], ["another text"], [{}])
    rows = [tuple(row)[:5] for row in await report(plain, "duplicates")]
    assert rows == [
        ("embedding", 2, 1, "a", "twin"),
        ("embedding", 2, 2, "b", "same"),
        ("text", 2, 1, "a", "twin"),
    ]


async def test_keys_of_the_metadata_show_how_far_they_narrow_a_search(store, plain):
    await fill(store, *ANIMALS, ("e", "a list", {"tags": ["x", "y", "x"], "n": "four"}), ("f", "x", {"tags": ["x"]}))
    rows = {row["key"]: tuple(row)[1:] for row in await report(plain, "metadata")}
    assert rows["source_type"] == (4, 66.7, "string", 3, 1.3, '"doc"', 2)
    assert rows["n"] == (5, 83.3, "number, string", 5, 1.0, '"four"', 1)
    assert rows["tags"] == (2, 33.3, "array", 2, 1.5, '"x"', 2)


async def test_an_index_that_deletions_have_left_empty_is_bloated(store, plain):
    ids, vectors, texts, metadatas = made_up(3000)
    await store.upsert_documents(ids, vectors, texts, metadatas)
    await plain.execute("vacuum analyze chunks")
    before = {row["name"]: row for row in await report(plain, "bloat")}
    assert before["chunks_embedding_ann"]["bloat_percent"] < 20
    assert before["chunks_pkey"]["bloat_percent"] < 20
    await store.delete_by_ids(ids[:-300])
    await plain.execute("vacuum analyze chunks")
    after = {row["name"]: row for row in await report(plain, "bloat")}
    assert after["chunks_embedding_ann"]["bloat_percent"] > 50
    assert after["chunks_pkey"]["bloat_percent"] > 50
    await store.reindex()
    rebuilt = {row["name"]: row for row in await report(plain, "bloat")}
    assert rebuilt["chunks_embedding_ann"]["bloat_percent"] < 20


async def test_who_waits_for_whom_is_told(store, plain, database):
    await fill(store, *ANIMALS)
    writing = asyncio.create_task(waiting_write(store, plain))
    look = await connect(database)
    await until_blocked(database, "chunk")
    (row,) = await report(look, "locks")
    assert (row["file"], row["blocker_state"]) == ("delete_chunks", "idle in transaction")
    assert row["blocked_by"] == plain.get_server_pid()
    await plain.execute("rollback")
    await writing
    assert await report(look, "locks") == []
    await look.close()


async def waiting_write(store: Any, plain: asyncpg.Connection) -> None:
    """Delete a chunk that an open transaction has locked."""
    await plain.execute("begin")
    await plain.execute("update chunks set text = text where chunk_id = 'a'")
    assert await store.delete_by_ids(["a"]) == 1


@pytest.mark.parametrize("budget", [0, 750])
async def test_the_parts_of_a_score_add_up_to_it(large, budget):
    connection = await connect(large[0])
    question = "python cache rare7"
    rows = await report(connection, "score", question, 5, budget)
    scored = await report(connection, "keyword_plan", question, 5, "", "", budget)
    parts: dict[str, float] = {}
    for row in rows:
        parts[row["chunk_id"]] = parts.get(row["chunk_id"], 0) + row["adds"]
        assert row["score"] == pytest.approx(dict(scored)[row["chunk_id"]], abs=0.001)
    assert parts == pytest.approx(dict(scored), abs=0.01)
    assert {row["brought_in_by"] for row in rows} == {"a rare term"}
    await connection.close()


async def test_a_report_says_what_brought_in_a_chunk(large):
    connection = await connect(large[0])
    rows = await report(connection, "score", "python cache vector", 10, 750)
    assert {row["brought_in_by"] for row in rows} <= {"a term that it is most about", "terms that it has together"}
    await connection.close()
