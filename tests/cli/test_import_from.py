"""``import-from``: each source into a store, what is left out, and a second try."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.chroma import client
from tests.support.commands import PROGRAM, many_lines, read_until
from tests.support.foreign_stores import CHUNKS, DUMP
from tests.support.pages import ROOT, clean_environment
from tests.support.servers import run_psql
from tests.support.stores import DIMENSIONS, embed

ROWS = [{"key": f"r{i}", "body": f"row number {i}", "vector": embed(f"row number {i}"), "page": i} for i in range(30)]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Write JSON lines, of which two are no chunks."""
    bad = ["this is no JSON", json.dumps({"key": "short", "body": "x", "vector": [1.0], "page": 0})]
    (tmp_path / "rows.jsonl").write_text("\n".join([*map(json.dumps, ROWS), *bad]), encoding="utf-8")
    return tmp_path / "rows.jsonl"


NAMED = ("--id", "key", "--text", "body", "--embedding", "vector", "--metadata", "")


def test_json_lines_and_what_is_left_out(run, rows):
    done = run("import-from", "json-lines", rows, *NAMED, "--model", "test/hashed")
    assert (done.exit_code, done.stdout) == (0, "imported 30 chunks, verified\n")
    assert "left out 2 chunks" in done.stderr
    assert "line 31: it is not JSON" in done.stderr
    assert "short: embedding has 1 dimensions" in done.stderr
    assert json.loads(run("get", "r7", "--json").stdout)[0]["metadata"] == {"page": 7}
    again = json.loads(run("import-from", "json-lines", rows, *NAMED, "--json").stdout)
    assert (again["chunks"], again["left_out"]) == (30, 2)
    assert {item["name"] for item in again["named"]} == {"line 31", "short"}
    assert "test/hashed" in run("status").stdout


def test_another_model_is_refused(run, rows):
    """Also before anything is stored: such a store could not be opened again."""
    other = run("import-from", "json-lines", rows, *NAMED, "--model", "openai/other")
    assert (other.exit_code, "nothing was written" in other.stderr) == (3, True)
    assert run("import-from", "json-lines", rows, *NAMED, "--model", "test/hashed").exit_code == 0
    refused = run("import-from", "json-lines", rows, *NAMED, "--model", "openai/other")
    assert refused.exit_code == 3
    assert "test/hashed" in refused.stderr
    wrong = run("import-from", "json-lines", rows, "--model", "hashed")
    assert (wrong.exit_code, "openai/text-embedding-3-small" in wrong.stderr) == (2, True)


def test_parquet(run, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    done = run("import-from", "parquet", tmp_path / "rows.parquet", *NAMED)
    assert done.stdout == "imported 30 chunks, verified\n", done.stderr
    missing = run("import-from", "parquet", tmp_path / "rows.parquet")
    assert missing.exit_code == 3
    assert "its columns are key, body, vector, page" in missing.stderr


def test_a_directory_of_chroma(run, tmp_path):
    theirs = client(tmp_path / "theirs")
    collection = theirs.create_collection("docs", embedding_function=None)
    collection.add(ids=["a"], documents=["a text"], embeddings=[embed("a text")], metadatas=[{"n": 1}])
    collection.add(ids=["no text"], embeddings=[[1.0] * DIMENSIONS])
    theirs.close()
    done = run("import-from", "chroma", tmp_path / "theirs", "docs")
    assert done.stdout == "imported 1 chunk, verified\n", done.stderr
    assert "no text: document" in done.stderr
    assert run("import-from", "chroma", tmp_path / "theirs", "nobody").exit_code == 3
    assert run("import-from", "chroma", tmp_path, "docs").exit_code == 3


@pytest.mark.postgres
@pytest.mark.usefixtures("on_one_node")
@pytest.mark.parametrize(
    ("source", "options", "prefix"),
    [
        ("agent-brain", [], ""),
        ("langchain", ["--collection", "docs"], ""),
        ("llama-index", ["--table", "nodes"], ""),
    ],
)
def test_tables_of_others(run, database, source, options, prefix):
    run_psql(database, "-f", str(DUMP), options="-c search_path=public")
    done = run("import-from", source, _url(database), *options, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["chunks"] >= len(CHUNKS)
    assert int(run("count").stdout) == len(CHUNKS)


@pytest.mark.postgres
@pytest.mark.usefixtures("on_one_node")
def test_any_table(run, database):
    run_psql(database, "-f", str(DUMP), options="-c search_path=public")
    options = ("--id", "chunk_id", "--text", "document_text")
    done = run("import-from", "table", _url(database), "documents", *options)
    assert done.stdout == f"imported {len(CHUNKS)} chunks, verified\n", done.stderr
    missing = run("import-from", "table", _url(database), "nobody")
    assert (missing.exit_code, "no table public.nobody" in missing.stderr) == (3, True)


@pytest.mark.parametrize("sign", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_an_import_that_is_stopped_goes_on(run, config_file, tmp_path, sign):
    """It is stopped after the first of eight batches."""
    file, count = tmp_path / "many.jsonl", 8000
    file.write_text(many_lines(count))
    here, there = pty.openpty()
    environment = clean_environment(
        AGENT_BRAIN_CONFIG=str(config_file), PYTHONPATH=str(ROOT), COLUMNS="60", TERM="xterm"
    )
    command = [*PROGRAM, "import-from", "json-lines", str(file)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=there, stderr=there)
    os.close(there)
    shown = read_until(here, "1000/?")
    process.send_signal(sign)
    shown += read_until(here, None)
    os.close(here)
    if sign is signal.SIGINT:
        assert process.wait(120) == 130, shown
        assert "stopped: run the same command again, and it skips what is stored already" in shown
        assert "Traceback" not in shown
    assert process.wait(120) in (130, -sign)
    assert 1000 <= int(run("count").stdout) < count
    assert run("import-from", "json-lines", file).stdout == f"imported {count:,} chunks, verified\n"
    assert run("verify").stdout.startswith(f"read {count:,} chunks, ")
    assert run("search", "07999").stdout.split("\t")[2] == "07999"


def _url(database: dict[str, Any]) -> str:
    from urllib.parse import quote

    return (
        f"postgresql://{quote(database.get('user') or 'postgres')}@/{database['database']}?host={quote(str(database['host']))}"
        f"&port={database.get('port') or 5432}"
    )
