"""The query files on a server. Their headers are right, and psql gives the rows that asyncpg gives."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from agent_brain_store.postgres.connection import session_settings
from agent_brain_store.postgres.sql import Query, queries, sql_directory
from tests.support.postgres import config
from tests.support.servers import run_psql
from tests.support.stores import DIMENSIONS, embed, fill

pytestmark = pytest.mark.postgres

NAMES = sorted(queries())
VECTOR = "[" + ",".join(str(x) for x in embed("the growling bear")) + "]"


# For every query file: the values of its parameters, by name, as psql would be given them.
VALUES: dict[str, dict[str, str]] = {name: {} for name in NAMES if not queries()[name].parameters} | {
    "build_settings": {"memory_kb": "65536", "workers": "1", "until_commit": "false"},
    "count_matching_chunks": {"filter": 'strict exists($ ? (@."n" > 1))', "source_prefix": ""},
    "create_vector_index": {
        "method": "hnsw",
        "m": "16",
        "ef_construction": "64",
        "lists": "0",
        "precision": "half",
        "concurrently": "true",
        "name": "chunks_embedding_ann",
        "column_name": "embedding",
    },
    "begin_generation": {"provider": "test", "model": "larger", "dimensions": "24"},
    "switch_generation": {"keep": "true", "functions": "{as_stored,is_stored}"},
    "unembedded_chunks": {"after": "a", "page_size": "2"},
    "embed_chunks": {"ids": "{a}", "digests": "{c}", "embeddings": "{" + f'"{VECTOR}"' + "}"},
    "delete_chunks": {"ids": "{a,nobody}"},
    "delete_matching_chunks": {"filter": 'strict exists($ ? (@."n" == 2))', "source_prefix": "", "keep": "{b}"},
    "describe_metadata": {"filter": "", "source_prefix": "", "listed": "3", "most": "100"},
    "drop_index": {"name": "chunks_embedding_ann", "concurrently": "true"},
    "get_chunks": {"ids": "{a,b,nobody}", "with_embeddings": "true"},
    "hybrid_search": {"query": "growling bears", "query_embedding": VECTOR, "top_k": "3", "fusion": "rrf"},
    "hybrid_search_refined": {"query": "growling bears", "query_embedding": VECTOR, "top_k": "3", "fusion": "convex"},
    "keyword_search_refined": {"query": "where do bears growl?", "top_k": "3"},
    "vector_search_refined": {"query_embedding": VECTOR, "top_k": "3"},
    "index_progress": {"pid": "1"},
    "keyword_search": {"query": "where do bears growl?", "top_k": "3"},
    "list_chunks": {"after": "a", "page_size": "2", "with_embeddings": "true"},
    "remake_store": {"dimensions": "384", "distance": "l2", "language": "german"},
    "mark_copies": {"after": "", "page_size": "2"},
    "maintenance_lock": {"until_commit": "false"},
    "missing_indexes": {"concurrently": "true"},
    "matched_terms": {"query": "where do bears growl?", "ids": "{a,b}"},
    "note_derivation": {"functions": "{searchable}", "versions": "{1}"},
    "note_function": {"name": "bm25", "hash": "0123", "library": "0.1.0"},
    "rebuild_index": {"name": "chunks_tsv_gin", "concurrently": "true"},
    "replacement_lock": {"filter": "$.a == 1"},
    "rederive_chunks": {"after": "", "page_size": "2"},
    "rename_index": {"name": "old", "new_name": "new"},
    "session_state": {"pid": "1"},
    "set_profile": {"provider": "test", "model": "hashed", "dimensions": str(DIMENSIONS)},
    "settings": {"schema": "agent_brain", "dimensions": "16", "distance": "cosine", "language": "english"},
    "count_unchanged": {
        "ids": "{x,y}",
        "texts": '{"one \\"quoted\\"",two}',
        "metadatas": r'{"{\"n\": 1}","{}"}',
        "embeddings": "{" + ",".join(f'"{VECTOR}"' for _ in range(2)) + "}",
    },
    "update_metadata": {"ids": "{a,nobody}", "changes": '{"n": 1}', "removed": "{k}"},
    "upsert_chunks": {
        "ids": "{x,y}",
        "texts": '{"one \\"quoted\\"",two}',
        "metadatas": r'{"{\"n\": 1}","{}"}',
        "embeddings": "{" + ",".join(f'"{VECTOR}"' for _ in range(2)) + "}",
        "terms": """{"'one':1B 'two':2",""}""",
    },
    "prepare_terms": {"texts": "{one,two}", "metadatas": r'{"{\"title\": \"1\"}","{}"}'},
    "table_columns": {"schema": "agent_brain", "table_name": "chunks"},
    "use_maintenance_timeouts": {"lock_timeout": "60s"},
    "use_schema": {"schema": "agent_brain"},
    "write_settings": {"names": "{jit,search_path}", "values": "{off,agent_brain}", "until_commit": "true"},
    "verify_chunks": {"after": "", "page_size": "2"},
    "vector_search": {"query_embedding": VECTOR, "top_k": "3"},
}
COMMON = {
    "filter": "",
    "source_prefix": "",
    "vector_weight": "0.5",
    "keyword_weight": "0.5",
    "rrf_k": "60",
    "candidates": "50",
    "boosts": '[{"key": "n", "weight": 0.2, "scale": 1}]',
    "now": "0",
    "distinct": "true",
    "every": "false",
}


def parameters(name: str) -> list[str]:
    """Return the values of a query's parameters, in order."""
    return [
        (VALUES[name] | {k: v for k, v in COMMON.items() if k not in VALUES[name]})[p]
        for p, _ in queries()[name].parameters
    ]


def test_every_query_has_values_here():
    assert sorted(VALUES) == NAMES


@pytest.fixture
async def connection(database: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    settings = session_settings(config(database), "agent_brain, public") | {"agent_brain.schema": "agent_brain"}
    connection = await asyncpg.connect(
        host=database["host"],
        port=database.get("port", 5432),
        user=database["user"],
        password=database.get("password"),
        database=database["database"],
        server_settings=settings,
    )
    yield connection
    await connection.close()


async def test_the_server_confirms_the_types_in_each_header(connection):
    for name in NAMES:
        query = queries()[name]
        prepared = await connection.prepare(query.text)
        assert [t.name for t in prepared.get_parameters()] == [t for _, t in query.parameters], name
        assert tuple((a.name, a.type.name) for a in prepared.get_attributes()) == query.columns, name


# --- psql ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_psql_gives_the_rows_that_asyncpg_gives(store, name, connection, database):
    await fill(
        store, ("a", "the growling bear", {"n": 1}), ("b", "a bear's friend", {"n": 2}), ("c", "a quiet cat", {"n": 3})
    )
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    await store.close()
    query, values = queries()[name], parameters(name)
    quoted = " ".join("'" + value.replace("\\", "\\\\").replace("'", "''") + "'" for value in values)
    file = sql_directory() / "queries" / f"{name}.sql"
    bind = f"\\bind {quoted}\n" if values else ""
    printed = run_psql(database, "-f", "-", stdin=f"{bind}\\i {file}\n")
    if name == "truncate_store":
        assert await connection.fetchval("select count(*) from chunks") == 0
        return
    await undo(name, connection)
    rows = await as_text(connection, query, values)
    assert len(rows) == 1 or "-- returns one" not in query.text
    got = [line.split("\x1f") for line in printed.removesuffix("\n").split("\x1e")] if printed.strip() else []
    volatile = {"pid", "store_bytes", "memory_kb", "written", "seconds"}
    for column, (column_name, _) in enumerate(query.columns):
        if column_name not in volatile:
            assert [row[column] for row in got] == [row[column] for row in rows], column_name
    assert len(got) == len(rows)


async def undo(name: str, connection: asyncpg.Connection) -> None:
    """Bring back what a writing query has changed, so that the second run sees the same store."""
    if name == "maintenance_lock":  # psql has ended, but its session on the server may not have
        lock = "select pg_advisory_lock(hashtextextended('agent_brain_store indexes ' || current_schema(), 0))"
        await connection.execute(lock)
    if name in ("delete_chunks", "delete_matching_chunks", "upsert_chunks"):
        await connection.execute("delete from chunks where chunk_id in ('x', 'y')")
        text = queries()["upsert_chunks"].text
        vectors = "{" + ",".join(f'"{VECTOR}"' for _ in range(3)) + "}"
        await connection.execute(
            "prepare put(text, text, text, text) as "
            + text.replace("$1::", "$1::text::")
            .replace("$2::", "$2::text::")
            .replace("$3::", "$3::text::")
            .replace("$4::", "$4::text::")
            .replace("$5::text[]", "'{}'::text[]")
        )
        await connection.execute(
            "execute put($${a,b,c}$$, $${the growling bear,a bears friend,a quiet cat}$$, "
            + r"""$${"{\"n\": 1}","{\"n\": 2}","{\"n\": 3}"}$$, """
            + f"$${vectors}$$)"
        )


async def as_text(connection: asyncpg.Connection, query: Query, values: list[str]) -> list[list[str]]:
    """Return the rows as asyncpg fetches them, each value as the server writes it."""
    for type_name in ("text", "jsonb", "float8", "int4", "int8", "bool", "regconfig"):
        schema = "pg_catalog"
        await connection.set_type_codec(type_name, schema=schema, encoder=str, decoder=str, format="text")
    await connection.set_type_codec("vector", schema="public", encoder=str, decoder=str, format="text")
    arrays = [
        array(value) if type_name.endswith("[]") else value
        for value, (_, type_name) in zip(values, query.parameters, strict=True)
    ]
    records = await connection.fetch(query.text, *arrays)
    return [[shown(value) for value in record.values()] for record in records]


def array(value: str) -> list[str]:
    """Return a small array literal's items."""
    items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^{},]+)', value)
    return [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in items]


def shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "{" + ",".join(f'"{v}"' if re.search(r"[\s,]", v) else v for v in value) + "}"
    return str(value)


# test_statement_names.py runs slowest.sql, which needs an extension.
REPORTS = [path for path in sorted((sql_directory() / "inspect").glob("*.sql")) if path.stem != "slowest"]


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
async def test_the_reports_run_in_psql(opened, path, database):
    assert path.read_text().startswith(f"-- {path.stem}: ")
    store = await opened(database)
    await fill(store, ("a", "the growling bear", {"n": 1}), ("b", "a bear's friend", {"n": 2}))
    example = re.search(r"^-- psql: (\\bind .*)$", path.read_text(), re.MULTILINE)
    bind = f"{example[1]}\n" if example else ""
    printed = run_psql(database, "-f", "-", stdin=f"{bind}\\i {path}\n")
    expected = {"sizes": "2\x1f", "indexes": "chunks_embedding_ann", "activity": "idle", "terms": "bear\x1f2\x1f100.0"}
    assert expected.get(path.stem, "") in printed
