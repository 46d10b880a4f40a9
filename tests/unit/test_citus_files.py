"""What a distributed store has of its own, and the rules that let it share all other files. No cluster is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pglast import parse_sql

from agent_brain_store import ConnectionFailed, NodeFailed, QueryFailed
from agent_brain_store.postgres.errors import translated
from agent_brain_store.postgres.sql import (
    ON_SHARDS,
    distribution,
    load_distributed_functions,
    load_functions,
    parse,
    queries,
    sql_directory,
    statements,
)

CITUS = sql_directory() / "citus"
SHARED = {function.name: function.text for function in load_functions()}
OWN = {file.stem: file.read_text() for file in (CITUS / "functions").glob("*.sql")}
OWN_QUERIES = {file.stem: file.read_text() for file in (CITUS / "queries").glob("*.sql")}
TABLES = r"\b(?:chunks|chunk_counts)\b"


def code(text: str) -> str:
    """Return a statement without its comments."""
    return "\n".join(line.split("--")[0] for line in text.splitlines())


def names(folder: Path) -> set[str]:
    return {file.stem for file in folder.glob("*.sql")}


# --- which files differ ----------------------------------------------------------------------------------------------


def test_these_files_differ_and_no_others():
    """Whoever adds one says why in docs/scaling.md."""
    assert names(CITUS / "functions") & set(SHARED) == {
        "count_changes",
        "filter_scope",
        "has_many_equals",
        "keyword_ranking",
        "keyword_scores",
        "nearest",
        "verbatim",
        "with_every_word",
    }
    assert names(CITUS / "queries") & names(sql_directory() / "queries") == {
        "compact_counts",
        "compare_counts",
        "count_chunks",
        "delete_chunks",
        "delete_matching_chunks",
        "embed_chunks",
        "get_chunks",
        "health",
        "index_progress",
        "list_chunks",
        "mark_copies",
        "recount_chunks",
        "rederive_chunks",
        "term_statistics_age",
        "truncate_store",
        "update_metadata",
        "upsert_chunks",
    }


@pytest.mark.parametrize("name", sorted(OWN_QUERIES.keys() & queries().keys()))
def test_an_override_is_called_as_the_shared_query_is(name):
    """The same Python calls either."""
    own, shared = parse(name, OWN_QUERIES[name]), queries()[name]
    assert (own.parameters, own.columns) == (shared.parameters, shared.columns)
    assert queries(distributed=True)[name] == own
    assert own.text != shared.text


@pytest.mark.parametrize("name", sorted(OWN.keys() & SHARED.keys() - {"count_changes"}))
def test_an_override_is_called_as_the_shared_function_is(name):
    own, shared = signature(OWN[name], name), signature(SHARED[name], name)
    assert own == shared


def test_a_shipped_plan_has_the_columns_of_a_plan():
    assert signature(OWN["shipped_plan"], "shipped_plan") == signature(SHARED["plan_query"], "plan_query")
    columns = re.findall(r"^  out (\w+)", code(OWN["shipped_plan"]), re.MULTILINE)
    returned = re.search(r"as p \((.*?)\n  \);", OWN["shipped_plan"], re.DOTALL)
    assert returned
    assert re.findall(r"(\w+) (?:tsquery|float|bool)", returned[1]) == columns


def signature(text: str, name: str) -> list[tuple[str, ...]]:
    """Return the parameters and columns of a function: mode, name, type and whether it is an array."""
    function: Any = parse_sql(text)[0].stmt
    assert [part.sval for part in function.funcname] == [name]
    return [
        (p.mode.name, p.name, p.argType.names[-1].sval, str(len(p.argType.arrayBounds or ())))
        for p in function.parameters or ()
    ]


# --- the rules of what is shared -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ON_SHARDS)
def test_what_runs_on_shards_names_a_table_after_from_or_join_or_as_a_regclass(name):
    """So the shard's number can be put there. A column of the same name is of no concern."""
    text = re.sub(r"\bsum\(chunks\)|\bas chunks\b|\bsize\.chunks\b|'chunks'::regclass", "", code(SHARED[name]))
    elsewhere = [line for line in text.splitlines() if re.search(rf"(?<!from )(?<!join ){TABLES}(?!,)", line)]
    assert not elsewhere


def test_what_reads_the_chunks_runs_on_shards_or_has_an_override():
    """Or it asks the shards itself, in a statement of its own. Then it is in PL/pgSQL, and reads nothing else."""
    asking = {
        "count_unembedded",
        "name_holders",
        "vector_scores",
        "vector_results",
        "keyword_results",
        "hybrid_results",
    }
    assert all("language plpgsql" in SHARED[name] and "execute" not in code(SHARED[name]) for name in asking)
    # These place copies, and a cluster has none (sql/citus/distribute.sql).
    unused = {"keep_leaders", "place_chunks"}
    reading = {name for name, text in SHARED.items() if re.search(r"\b(from|join) chunks\b", code(text))}
    assert reading <= set(ON_SHARDS) | OWN.keys() | asking | unused


def test_what_runs_on_shards_calls_nothing_that_reads_tables_elsewhere():
    on_coordinator = {name for name, text in SHARED.items() if re.search(r"\b(from|join) term_statistics", code(text))}
    for name in ON_SHARDS:
        called = {other for other in on_coordinator if re.search(rf"\b{other}\(", code(SHARED[name]))}
        assert called <= {"plan_query"}, f"{name} calls {called}, which a shard has to get from the coordinator"


def test_no_shared_query_locks_rows_or_selects_no_columns():
    """Citus refuses both over several shards. These ask catalogs alone."""
    elsewhere = {"schema_version", "session_facts", "index_generation", "finish_generation"}
    for name, query in queries(distributed=True).items():
        if name in elsewhere or "chunks" not in query.text:
            continue
        text = code(query.text)
        assert "for update" not in text, name
        assert not re.search(r"\(select from\b", text), name


_SEARCHES = {name: SHARED[name] for name in ("hybrid_results", "keyword_results", "vector_results")}
_SEARCHES |= {
    name: query.text for name, query in queries().items() if name.endswith("_search_refined") or name == "matched_terms"
}


@pytest.mark.parametrize("name", _SEARCHES)
def test_a_search_calls_its_rankings_in_materialized_steps_without_tables(name):
    """A step that has both would be sent to the shards, function and all."""
    steps = re.findall(r"(\w+) as (materialized )?\((.*?)\n *\)", code(_SEARCHES[name]), re.DOTALL)
    assert steps
    for step, materialized, text in steps:
        if re.search(
            r"\b(nearest|keyword_ranking|keyword_scores|filter_scope|hybrid_ranking|with_every_word|question_words)\(",
            text,
        ):
            assert materialized, step
            assert not re.search(r"\b(from|join) chunks\b", text), step


# --- how they are loaded ---------------------------------------------------------------------------------------------


def test_each_shard_gets_its_versions_of_the_shared_files():
    functions = {function.name: function for function in load_distributed_functions([7, 8])}
    for name in ON_SHARDS:
        assert functions[f"{name}_7"].text == functions[f"{name}_8"].text == SHARED[name]
        assert (functions[f"{name}_7"].shard, functions[f"{name}_8"].shard) == (7, 8)
    assert functions["nearest"].text == OWN["nearest"]
    assert functions["plan_query"].text == SHARED["plan_query"]
    assert "bm25" not in functions, "only the shards score chunks"
    reading = ("vector_results", "keyword_results", "hybrid_results", "vector_scores", "name_holders")
    assert all("force_generic_plan" in SHARED[name] for name in reading), "on one node the session keeps their plans"
    assert not any("force_generic_plan" in functions[name].text for name in reading), (
        "Citus plans for values that it knows"
    )
    noted = {function.name: function.hash for function in load_functions()}
    assert all(functions[name].hash != noted[name] for name in reading), "a converted store keeps those of one node"
    stored = {function.name for function in load_functions() if function.stored_version is not None}
    assert {function.name for function in functions.values() if function.stored_version is not None} == stored


@pytest.mark.parametrize(
    "path",
    [*sorted((sql_directory() / "migrations").glob("*.sql")), CITUS / "distribute.sql"],
    ids=lambda path: path.name,
)
def test_a_migration_is_cut_into_its_statements(path):
    """Citus takes one at a time, and PostgreSQL's own parser says how many there are."""
    text = path.read_text()
    parts = statements(text)
    assert "".join(parts).strip() in text
    assert [len(parse_sql(part)) for part in parts] == [1] * len(parse_sql(text))
    if path.stem == "distribute":
        assert parts == distribution()


def test_an_error_about_a_node_names_it():
    """These are the words of Citus 14."""
    refused = asyncpg.ConnectionFailureError(
        "connection to the remote node app@db7.internal:5432 failed with the following"
    )
    killed = asyncpg.AdminShutdownError("terminating connection due to administrator command")
    killed.context = "while executing command on db8:5433"
    dying = asyncpg.InternalServerError("failure on connection marked as essential: db9:5434")
    for error, node in ((refused, "db7.internal:5432"), (killed, "db8:5433"), (dying, "db9:5434")):
        with pytest.raises(NodeFailed, match=re.escape(node)) as failed, translated("vector_search"):
            raise error
        assert failed.value.node == node
    alone = asyncpg.InternalServerError("postmaster was shut down, exiting")
    for error in (asyncpg.AdminShutdownError("terminating connection due to administrator command"), alone):
        with pytest.raises(ConnectionFailed) as own, translated("vector_search"):
            raise error
        assert not isinstance(own.value, NodeFailed)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UndefinedTableError('relation "chunks_102059" does not exist'),
        asyncpg.InternalServerError("could not find valid entry for shard 102063"),
        asyncpg.NotNullViolationError(
            'null value in column "part" of relation "shard_counts_102076" violates not-null'
        ),
    ],
)
def test_an_error_after_a_split_says_what_to_do(error):
    """These are the words of Citus 14, after `citus_split_shard_by_split_points`."""
    with pytest.raises(QueryFailed, match="was split: open the store once"), translated("hybrid_search"):
        raise error


@pytest.mark.parametrize("name", sorted(OWN | OWN_QUERIES))
def test_a_header_is_well_formed(name):
    text = OWN.get(name) or OWN_QUERIES[name]
    assert text.startswith(f"-- {name}: ")
    assert re.search(r"^-- returns ", text, re.MULTILINE)
    without_strings = re.sub(r"'[^']*'|\"[^\"]*\"", "", code(text))
    assert without_strings == without_strings.lower(), "SQL is lower case"
