"""The files of SQL functions. Their headers are true, and the order in which they are applied is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent_brain_store.postgres.sql import load_functions, sql_directory

FUNCTIONS = load_functions()
TEXTS = {function.name: function.text for function in FUNCTIONS}
QUERIES = {file.stem: file.read_text() for file in (sql_directory() / "queries").glob("*.sql")}


def code(text: str) -> str:
    """Return a statement without its comments."""
    return "\n".join(line.split("--")[0] for line in text.splitlines())


def calls(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){name}\s*\(", code(text)) is not None


def called_by(name: str) -> set[str]:
    functions = {other for other, text in TEXTS.items() if other != name and calls(text, name)}
    return functions | {f"{query}.sql" for query, text in QUERIES.items() if calls(text, name)}


def header(name: str, key: str) -> str:
    """Return what a header says behind a key, with the lines that go on with it."""
    found = re.search(rf"^-- {key}: (.*(?:\n--   .*)*)", TEXTS[name], re.MULTILINE)
    assert found, f"{name} does not say what {key} is"
    return found[1].replace("\n--  ", "")


def test_every_file_is_listed_once():
    files = {file.stem for file in (sql_directory() / "functions").glob("*.sql")}
    assert sorted(files) == sorted(function.name for function in FUNCTIONS)


def test_a_function_stands_after_the_ones_that_it_calls():
    names = [function.name for function in FUNCTIONS]
    for place, name in enumerate(names):
        assert not [later for later in names[place + 1 :] if calls(TEXTS[name], later)], name


@pytest.mark.parametrize("name", TEXTS)
def test_a_header_is_well_formed(name):
    text = TEXTS[name]
    assert text.startswith(f"-- {name}: "), "the first line names the function and says what it does"
    assert re.search(r"^-- returns ", text, re.MULTILINE)
    assert header(name, "inlined").split()[0].rstrip(".,:") in ("yes", "no")
    assert len(re.findall(rf"create or replace function {name}\(", text)) == 1, "one function a file"
    assert "create function" not in text
    without_strings = re.sub(r"'[^']*'|\"[^\"]*\"", "", code(text))
    assert without_strings == without_strings.lower(), "SQL is lower case"


@pytest.mark.parametrize("name", [name for name in TEXTS if name not in ("count_changes", "keep_leaders")])
def test_a_header_says_who_calls_the_function(name):
    said = set(re.findall(r"\b[a-z_0-9]+(?:\.sql)?", header(name, "called by")))
    assert said == called_by(name)
    assert said, "a function that nothing calls is dead"


def test_what_decides_stored_data_has_a_version():
    """That are the functions which `upsert_chunks` calls for the stored columns, and all that these call."""
    deciding = {"chunk_terms", "with_impacts"}
    while more := {name for name in TEXTS for other in deciding if calls(TEXTS[other], name)} - deciding:
        deciding |= more
    assert {function.name for function in FUNCTIONS if function.stored_version is not None} == deciding


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path: Path):
    (tmp_path / "apply.psql").write_text("\\set name one\n\\ir apply_one.psql\n")
    hashes = set()
    for text in ("-- one: a\n", "-- one: b\n", "-- one: b"):
        (tmp_path / "one.sql").write_text(text)
        hashes |= {function.hash for function in load_functions(tmp_path)}
    assert len(hashes) == 2, "psql sees no newline at the end of a file"
