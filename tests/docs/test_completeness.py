"""The lists of the documentation are complete, and it quotes the messages of the code."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
import tomllib
from typing import Any

import pytest
import yaml

import agent_brain_store
from agent_brain_store import StorageBackend, config, errors
from agent_brain_store.config import model
from agent_brain_store.config.rules import ruled_fields
from agent_brain_store.textsearch.frequencies import HEADINGS, SUMMARIES
from tests.support.internals import section_name
from tests.support.pages import ALL, PACKAGE, ROOT, TEXTS, blocks, section

# --- completeness ----------------------------------------------------------------------------------------------------


def shown(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    default = f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)
    return f"{parameter.name}={default}"


def test_every_method_of_the_contract_is_in_the_reference():
    for name, member in vars(StorageBackend).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            assert f"`{name}`" in TEXTS["docs/reference.md"]
            continue
        parameters = list(inspect.signature(member).parameters.values())[1:]
        call = f"{name}({', '.join(map(shown, parameters))})"
        assert f"`{call}`" in TEXTS["docs/reference.md"], call


def test_every_public_name_is_documented():
    for name in agent_brain_store.__all__:
        assert re.search(rf"\b{name}\b", ALL), name


def test_every_sql_file_has_a_line():
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        assert f"\n| `{path.name}` | " in TEXTS["docs/sql.md"], path.name
    for name in re.findall(r"^\| `(\w+\.sql)` \|", TEXTS["docs/sql.md"], re.MULTILINE):
        assert list((ROOT / "sql").rglob(name)), f"{name} is gone"


def test_every_report_shows_its_output():
    text = (ROOT / "sql" / "README.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "sql" / "inspect").glob("*.sql")):
        assert f"| [`{path.stem}`](#{path.stem}) |" in text, path.name
        assert "-+-" in text.split(f"\n### {path.stem}\n")[1].split("\n### ")[0], path.name


def sections() -> list[tuple[str, type[Any]]]:
    found = [getattr(config, name) for name in config.__all__ if name.endswith("Config")]
    return [(section_name(cls), cls) for cls in found]


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
    assert documented - {"url", "password_env", "password_file", "password_command"} == set(ruled_fields(cls))


def test_every_variable_is_documented():
    named = set(re.findall(r"^``([A-Z_]+)``", model.__doc__ or "", re.MULTILINE))
    assert len(named) > 5
    listed = section(TEXTS["docs/configuration.md"], "Environment variables")
    assert all(f"| `{name}` |" in listed for name in named)


def test_every_error_is_explained():
    listed = section(TEXTS["docs/troubleshooting.md"], "Errors and where they are explained")
    for name, cls in vars(errors).items():
        if isinstance(cls, type) and issubclass(cls, Exception):
            assert f"\n| `{name}` | " in listed, name


# --- messages --------------------------------------------------------------------------------------------------------


def messages() -> set[str]:
    """Return every text of the package's code, with ``…`` for each value that is put in."""
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


def test_quoted_messages_are_in_the_code():
    """A message is compared piece by piece, as far as a piece is long enough to mean something."""
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


def test_the_small_install_names_what_postgresql_needs():
    """It installs what remains without Chroma's packages."""
    command = next(block for block in blocks(TEXTS["docs/backends.md"], "sh") if "--no-deps" in block)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[ >=<]", item)[0] for item in project["dependencies"]}
    named = {name.strip("'").split("<")[0] for name in textwrap.dedent(command).split()[4:]}
    assert named == needed - {"chromadb", "rank-bm25"}


# --- metadata --------------------------------------------------------------------------------------------------------


def test_every_metadata_key_that_means_something_is_listed():
    """The keys whose words are searched, those of the short filters, and those that the library writes."""
    rows = re.findall(r"^\|([^|]+)\|", TEXTS["docs/metadata.md"], re.MULTILINE)
    searched = (ROOT / "sql" / "functions" / "chunk_terms.sql").read_text(encoding="utf-8")
    words = set(re.findall(r"metadata ->> '(\w+)'", searched))
    assert words == {*HEADINGS, *SUMMARIES}, "both backends search the same keys"
    others = {"source", "source_type", "language", "source_digest", "source_chunks"}
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == words | others
