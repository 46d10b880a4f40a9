"""Commands that are about PostgreSQL alone: migrate --sql, explain, psql."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Configure, Run, called, lines
from tests.support.pages import ROOT
from tests.support.servers import Server, run_psql
from tests.support.stores import embed

pytestmark = pytest.mark.postgres


@pytest.fixture
def place(database: dict[str, Any]) -> dict[str, Any]:
    """Keep the store in PostgreSQL."""
    return {"backend": "postgres", "postgres": database}


# --- migrate ---------------------------------------------------------------------------------------------------------


def test_the_script_for_psql_makes_the_store_that_the_library_would_make(run: Run, configure, server: Server) -> None:
    with server.janitor("abs_by_hand"):
        postgres = server.postgres("abs_by_hand")
        config = configure({"backend": "postgres", "postgres": postgres}, "by_hand.yaml")
        script = run("migrate", "--sql", "-c", config)
        assert script.exit_code == 0, script.stderr
        assert run("count", "-c", config).exit_code == 1, "nothing was run"
        run_psql(postgres, "-f", "-", stdin=script.stdout, options="-c jit=off")
        nothing = run("migrate", "--sql", "-c", config).stdout
        assert nothing == "-- The schema and its functions are up to date: there is nothing to run.\n"
        assert run("migrate", "-c", config).stderr == "warning: the vector index is missing; building it\n"
        (chunk,) = [lines(("a", "the growling bear", {}))]
        assert run("load", "-", "-c", config, stdin=chunk).exit_code == 0
        assert run("search", "bears", "-c", config).stdout.startswith("1\t1.000\ta\t")


def test_the_script_holds_what_is_missing_alone(run: Run, database: dict[str, Any]) -> None:
    run_psql(database, "-c", "update schema_functions set hash = 'old' where name = 'bm25'")
    assert "functions differ from this library's: bm25" in run("status").stdout
    script = run("migrate", "--sql").stdout
    assert script.count("create or replace function") == 1
    assert "create table" not in script
    run_psql(database, "-f", "-", stdin=script)
    assert "there is nothing to run" in run("migrate", "--sql").stdout


# --- explain ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def config_of_large(large: Any, configure: Configure) -> Path:
    """Write the configuration of the store of 20,000 chunks."""
    postgres, _ = large
    return configure({"backend": "postgres", "postgres": postgres}, "large.yaml")


def test_a_plan_names_the_indexes_in_words(run: Run, config_of_large: Path, large: Any) -> None:
    _, vectors = large
    asked = ("explain", "--vector", "-", "-c", config_of_large)
    found = json.loads(run(*asked, "--json", stdin=json.dumps(vectors[0].tolist())).stdout)
    assert found["steps"]["vector_search"][0]["what"] == "calls vector_results()", "a plan shows no more"
    assert not any(step["is_whole"] for step in found["steps"]["vector_search"])
    assert (found["search"], found["chunks"]) == ("vector", 20000)
    assert found["reads"] == ["read the index of ids 5 times", "read the vector index once"]
    assert found["verdict"] == "good: an index led to each chunk that was read"


def test_a_filter_that_no_index_serves_is_spelled_out(run: Run, config_of_large: Path, large: Any) -> None:
    _, vectors = large
    stdin = json.dumps(vectors[0].tolist())
    asked = ("explain", "--vector", "-", "-c", config_of_large, "--where", '{"no_such_number": {"$gt": 3}}')
    shown = run(*asked, stdin=stdin).stdout
    assert "read every chunk once (sequential scan)" in shown, "the plan itself does not show it"
    assert shown.splitlines()[-1].startswith("every chunk was read: ")


def test_the_terms_of_a_question_are_weighed(filled: Run) -> None:
    shown = filled("explain", "the growling bears")
    assert shown.exit_code == 0, shown.stderr
    rows = [line.split("\t") for line in shown.stdout.splitlines()]
    assert rows[0][0].startswith("keyword search over 4 chunks: ")
    assert [row[0] for row in rows if len(row) == 4] == ["growl", "bear"]
    assert {row[3] for row in rows if len(row) == 4} == {"every chunk with it"}
    assert ["calls keyword_results()", "2"] in [row[:2] for row in rows]
    vector = json.dumps(embed("bear"))
    hybrid = filled("explain", "bear", "--vector", "-", "--json", stdin=vector)
    assert list(json.loads(hybrid.stdout)["plans"]) == ["hybrid_search", "keyword_plan"]


# --- psql ------------------------------------------------------------------------------------------------------------


def test_psql_has_the_session_and_the_files(filled: Run, config_file: Path) -> None:
    """The arguments go to psql, and so does its exit code."""
    query = "\\bind 'growling bears' 5 '' ''\n\\i sql/queries/keyword_search.sql\nshow search_path;\n"
    done = called("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-", config=config_file, input=query)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a|the growling bear")
    assert done.stdout.splitlines()[-1] == '"agent_brain", "public"'
    assert called("psql", "-c", "select 1/0", config=config_file).returncode == 1


def test_the_library_is_older_than_the_store(filled: Run, database: dict[str, Any]) -> None:
    run_psql(database, "-c", "insert into schema_version (version, name) values (99, 'later')")
    assert filled("count").exit_code == 3
    assert "upgrade agent-brain-store" in filled("count").stderr
    assert (
        json.loads(filled("doctor", "--json").stdout)["findings"][0]["what"] == "the store is newer than this library"
    )


def test_a_store_is_dropped_as_the_page_says(filled: Run) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    line = page.split("## Dropping a store")[1].split("```sh\n")[1].splitlines()[0]
    assert filled(*shlex.split(line)[1:]).exit_code == 0
    assert json.loads(filled("status", "--json").stdout)["state"] == "there is no store yet"
    assert filled("migrate").exit_code == 0
    assert filled("count").stdout == "0\n"
