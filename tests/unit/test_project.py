"""The doors of the project: what contributors, their editors, CI and a release rely on."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import agent_brain_store

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def tool(name: str) -> ModuleType:
    """A program of ``.ci``, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def recipe(target: str) -> str:
    """What a target of the Makefile runs."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found, target
    return found[1]


# --- the SQL check ---------------------------------------------------------------------------------------------------

lint_sql = tool("lint_sql")

GOOD = """-- good: what the files are like, é and all.
--
-- psql: \\bind 5
with page as (
  select chunk_id, metadata from chunks where metadata @@ ($2::text)::jsonpath and source collate "C" ^@ $3::text
  order by embedding <=> $1::vector limit 5
)
select * from page;

create or replace function total(k int4) returns table (chunks int8)
language sql stable parallel safe
begin atomic
  select count(*) from chunks where chunk_id not in (select chunk_id from gone) offset 0;
end;

do $$
begin
  execute format('create schema %I', current_setting('agent_brain.schema'));
end
$$;
"""


def test_the_sql_check_is_content_with_our_way_of_writing():
    assert list(lint_sql.findings(GOOD)) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("select * from where true;", 'syntax error at or near "where"'),
        ("select count(* from chunks;", 'syntax error at or near "from"'),
        ("select 1 FROM chunks;", "the keyword FROM is not in lower case"),
        ("select a from chunks where a = null;", "write is null, or is distinct from"),
        ("alter table chunks add at timestamp;", "take timestamptz"),
        ("create table t (name varchar(30));", "take text"),
        ("select 1;  ", "a blank at the end of the line"),
        ("\tselect 1;", "a tab"),
        (f"select '{'x' * 130}';", "longer than 130"),
        ("create function f() returns int4 begin atomic selct 1; end;", 'syntax error at or near "selct"'),
        ("create function f() returns int4 language sql begin atomic select a <> null; end;", "write is null"),
        ("create function f() returns int4 language sql as 'select 1 from where';", 'at or near "where"'),
        ("do $$ begin perform 1 end $$;", "in the body"),
        ("create function f() returns int4 language plpgsql as $$ begin if a thn end if; end $$;", 'missing "THEN"'),
    ],
)
def test_the_sql_check_finds(line, message, tmp_path, capsys):
    """And says where: the file, the line and the column."""
    path = tmp_path / "bad.sql"
    path.write_text(f"{GOOD}\n-- ü\n{line}\n", encoding="utf-8")
    assert lint_sql.main([str(path)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    place = f"{path}:{GOOD.count(chr(10)) + 3}:"
    assert first.startswith(place), first
    assert message in first, first
    assert 1 <= int(first.removeprefix(place).split(":")[0]) <= len(line)
    assert last == "Found 1 problem in 1 SQL file."


def test_the_sql_check_reads_every_file(capsys):
    lint_sql.main([])
    assert f"{len(list((ROOT / 'sql').rglob('*.sql')))} SQL files" in capsys.readouterr().out


# --- make, hooks and CI ----------------------------------------------------------------------------------------------


def test_every_make_target_is_explained():
    targets = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE)) - {"help"}
    rows = " ".join(re.findall(r"^\| (`make .+?) \|", CONTRIBUTING, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", rows)) == targets
    phony = " ".join(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE))
    assert set(phony.split()) == targets | {"help"}


def test_the_hooks_run_what_make_check_runs():
    """From the project's own environment, so that a developer may be offline."""
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert {hook["language"] for hook in hooks.values()} == {"system"}
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks.values())
    for line in recipe("check").splitlines():
        command = line.split("$(BIN)/")[1].removesuffix(" .").replace(" --check", "")
        assert any(hook["entry"].startswith(f".venv/bin/{command}") for hook in hooks.values()), command


@pytest.mark.parametrize(("length", "status"), [(72, 0), (73, 1)])
def test_the_hook_measures_the_subject_of_a_commit(length, status, tmp_path):
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    (entry,) = [hook["entry"] for hook in repository["hooks"] if hook["id"] == "subject"]
    (tmp_path / "message").write_text("é" * length + "\n\n" + "why " * 30, encoding="utf-8")
    program = entry.removeprefix(".venv/bin/python -c ").strip("'")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "message")], check=False)
    assert done.returncode == status


def test_ci_runs_what_a_person_runs():
    workflow = read_yaml(".github/workflows/ci.yml")
    jobs = workflow["jobs"]
    lowest = commands(jobs["lowest"])
    assert {name: commands(job) for name, job in jobs.items() if name != "lowest"} == {
        "chroma": ["make check", "make test-chroma"],
        "citus": [
            "docker compose --file compose.citus.yaml up --build --detach --wait",
            "make unit",
            ".venv/bin/python -m pytest -q -m citus",
        ],
        "docs": ["make docs"],
        "postgres": [
            "sudo apt-get update && sudo apt-get install --yes pgbouncer",
            ".ci/run",
            "make test-slow",
        ],
    }
    assert "uv pip install --resolution lowest-direct -e ." in lowest
    assert lowest[-1] == ".venv/bin/python -m pytest -q"
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert jobs["postgres"]["services"]["db"]["image"] == "pgvector/pgvector:pg${{ matrix.postgres }}"
    assert "AGENT_BRAIN_TEST_DATABASE_URL" in jobs["postgres"]["env"]


def test_ci_has_every_version_that_we_name():
    pairs = read_yaml(".github/workflows/ci.yml")["jobs"]["postgres"]["strategy"]["matrix"]["include"]
    assert [pair["postgres"] for pair in pairs] == ["16", "17", "18"]
    named = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text) for text in PROJECT["classifiers"]]
    pythons = [match[1] for match in named if match]
    assert [pair["python"] for pair in pairs] == pythons
    assert PROJECT["requires-python"] == f">={pythons[0]}"


# --- releases --------------------------------------------------------------------------------------------------------

release = tool("release")


def test_the_version_is_written_once_and_dated():
    assert "version" in PROJECT["dynamic"]
    assert "version" not in PROJECT
    assert release.version_of_the_package() == agent_brain_store.__version__
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(agent_brain_store.__version__)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)[:1] == ["Unreleased"]


@pytest.mark.parametrize(
    ("changelog", "problem"),
    [
        ("## [Unreleased]\n\n## [2.0.0] - 2027-01-31\n\n## [1.0.0] - 2026-01-31\n", None),
        ("## [Unreleased]\n\n## [2.0.0]\n\n## [1.0.0] - 2026-01-31\n", "is 1.0.0, the package is 2.0.0"),
        ("## [Unreleased]\n\n- New.\n\n## [2.0.0] - 2027-01-31\n", "under Unreleased"),
        ("## [Unreleased]\n", "no dated heading"),
    ],
)
def test_a_release_needs_a_changelog(changelog, problem, tmp_path, monkeypatch):
    (tmp_path / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    if problem is None:
        release.check_changelog("2.0.0")
        return
    with pytest.raises(SystemExit, match=problem):
        release.check_changelog("2.0.0")


def test_a_release_needs_the_tag_of_its_version():
    with pytest.raises(SystemExit, match=r"the tag is v99.0.0, the package is \d"):
        release.main("v99.0.0")


def test_the_workflow_publishes_what_was_tested():
    workflow = read_yaml(".github/workflows/release.yml")
    jobs = workflow["jobs"]
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 takes "on" for true
    assert "workflow_call" in read_yaml(".github/workflows/ci.yml")[True]
    assert jobs["test"]["uses"] == "./.github/workflows/ci.yml"
    assert (jobs["build"]["needs"], jobs["publish"]["needs"]) == ("test", "build")
    assert commands(jobs["build"]) == ["make release-check"]
    assert workflow["permissions"] == {"contents": "read"}
    assert (jobs["publish"]["environment"], jobs["publish"]["permissions"]) == ("pypi", {"id-token": "write"})


def test_only_one_benchmark_needs_its_extra():
    assert [re.split(r"[\[ ]", item)[0] for item in PROJECT["optional-dependencies"]["bench"]] == ["sqlalchemy"]
    program = "import sys; sys.modules['sqlalchemy'] = None; import benchmarks.speed, benchmarks.retrieval"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- pages and forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_as_github_wants_them(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    kinds = [item["type"] for item in form["body"]]
    assert set(kinds) <= {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    asked = [item for item in form["body"] if item["type"] != "markdown"]
    assert asked
    assert all(item["attributes"]["label"] for item in asked)
    ids = [item["id"] for item in asked]
    assert len(set(ids)) == len(ids)
    assert any(item.get("validations", {}).get("required") for item in asked)


def test_there_is_a_form_for_bugs_and_one_for_ideas():
    assert [path.stem for path in FORMS] == ["bug", "feature"]
