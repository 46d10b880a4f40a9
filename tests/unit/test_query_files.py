"""The headers of the query files, and Python code without SQL."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import agent_brain_store
from agent_brain_store.postgres.sql import named, parse, queries

# --- headers ---------------------------------------------------------------------------------------------------------

NAMES = sorted(queries())


@pytest.mark.parametrize("name", NAMES)
def test_a_header_is_well_formed(name):
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


def test_a_query_refuses_wrong_names_of_parameters():
    query = parse(
        "q", "-- q: test.\n--\n-- $1  one  int4\n-- $2  two  text[]  note\n--\n-- returns one: a int4,\n--   b text\n"
    )
    assert query.parameters == (("one", "int4"), ("two", "text[]"))
    assert query.columns == (("a", "int4"), ("b", "text"))
    assert query.args({"two": [], "one": 1}) == [1, []]
    for wrong in ({"one": 1}, {"one": 1, "two": [], "three": 3}):
        with pytest.raises(TypeError, match="q takes"):
            query.args(wrong)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("-- q: test.\n--\n-- returns one: a int4\nselect 1;\n", "select /* agent_brain_store:q */ 1;\n"),
        ("with a as (select 1)\ntable a", "with /* agent_brain_store:q */ a as (select 1)\ntable a"),
        ("\n-- \\1 a comment\n\ninsert into t", "insert /* agent_brain_store:q */ into t"),
    ],
)
def test_a_statement_carries_its_name_behind_its_first_word(text, sent):
    assert named("q", text) == sent


@pytest.mark.parametrize("name", NAMES)
def test_every_query_is_sent_with_its_name(name):
    sent = queries()[name].statement
    assert re.match(rf"\w+ /\* agent_brain_store:{name} \*/\s", sent)


# --- no SQL in Python ------------------------------------------------------------------------------------------------

SQL_WORDS = re.compile(
    r"\b(select|insert\s+into|update\s+\w+\s+set|delete\s+from|create\s+(table|index|schema|function)|drop\s+\w+|"
    r"alter\s+(table|index)|truncate|order\s+by|from\s+chunks|where\s+\w+\s*=)\b",
    re.IGNORECASE,
)
EXECUTORS = {"execute", "fetch", "fetchrow", "fetchval", "prepare", "executemany", "cursor"}


def sources() -> list[Path]:
    return sorted(Path(agent_brain_store.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_python_holds_no_sql(path):
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


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_python_executes_only_statements_from_files(path):
    """A statement is the text of a file, or the server wrote it. No code puts one together."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTORS):
            continue
        if not node.args:
            continue
        statement = node.args[0]
        assert not isinstance(statement, (ast.JoinedStr, ast.BinOp)), f"{path.name}:{node.lineno} builds a statement"
        if isinstance(statement, ast.Call) and isinstance(statement.func, ast.Attribute):
            assert statement.func.attr not in ("format", "replace", "join"), f"{path.name}:{node.lineno}"
