"""Errors: one line and a hint, an exit code, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent_brain_store.chroma.lock import DirectoryLock
from agent_brain_store.cli import lookups
from agent_brain_store.cli.app import app
from agent_brain_store.config import load_config
from tests.support.commands import Run, lines
from tests.support.configs import CANARY
from tests.support.stores import ANIMALS, DIMENSIONS

GOOD = json.loads(lines(ANIMALS[0]))


@pytest.fixture
def place(tmp_path: Path) -> dict[str, object]:
    """Keep the store in Chroma: these errors are the same on both backends."""
    return {"backend": "chroma", "chroma": {"path": str(tmp_path / "chroma")}}


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("{", "line 3 is not JSON: "),
        ("[]", "line 3 is no JSON object"),
        (json.dumps({"text": "x"}), "line 3 has no id"),
        (json.dumps({"id": "x", "text": 1}), "line 3 has no text"),
        (json.dumps({"id": "x", "text": "x"}), "line 3 has no embedding; bring one, or name a function with --embed"),
        (json.dumps(GOOD | {"metadata": "x"}), "line 3 has metadata that is no object"),
        (json.dumps(GOOD | {"vector": []}), "line 3 has the unknown key 'vector'"),
    ],
)
def test_a_wrong_line_is_named_before_anything_is_loaded(run: Run, tmp_path: Path, bad: str, problem: str) -> None:
    (tmp_path / "chunks.jsonl").write_text(f"{lines(ANIMALS[0])}\n{bad}\n", encoding="utf-8")
    done = run("load", tmp_path / "chunks.jsonl", "--batch", 1)
    first, hint = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (2, "")
    assert first.startswith(f"error: {problem}")
    assert hint.startswith("hint: a line is like {")
    assert run("count").exit_code == 1, "the store was not even made"


def test_a_chunk_that_cannot_be_stored_is_named(run: Run) -> None:
    done = run("load", "-", stdin=json.dumps(GOOD | {"id": "short", "embedding": [1.0]}))
    assert done.exit_code == 3
    assert "chunk 'short'" in done.stderr
    nan = run("load", "-", stdin=json.dumps(GOOD | {"embedding": [float("nan")] * DIMENSIONS}))
    assert nan.stderr.endswith("hint: correct it and run the same command again: what is stored already is skipped\n")
    assert f"{DIMENSIONS}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("search",), 2, "Give a QUESTION, a --vector, or both."),
        (("count", "--where", "{"), 2, "is not JSON"),
        (("count", "--where", '{"$foo": 1}'), 2, "where.$foo: unknown operator"),
        (("search", "--vector", "-"), 2, "the vector is not a list"),
        (("search", "x", "--embed", "no.such:module"), 2, "the embedder 'no.such:module' cannot be imported"),
        (("search", "x", "--embed", "tests.support.embedder:broken"), 3, "ValueError: no key for the service"),
        (("search", "x", "--embed", "tests.support.embedder:forgetful"), 3, "0 vectors for 1 text"),
        (("search", "x", "--embed", "tests.support.embedder:wordy"), 3, "RuntimeError: no answer from the service"),
        (("search", "x", "--embed", "../x:embed"), 2, "the embedder '../x:embed' cannot be imported: TypeError: "),
        (("search", "x", "--embed", "mine:embed"), 2, "'mine:embed' cannot be imported: RuntimeError: no key here"),
        (("search", "--vector", "deep.json"), 2, "the vector is not JSON: maximum recursion depth"),
        (("count", "--where", "[" * 100_000), 2, "is not JSON (maximum recursion depth"),
        (("load", "latin.jsonl"), 2, "the file is not UTF-8: it has the byte 0xe9, somewhere after line 0"),
        (("search", "x", "--all", "--embed", "tests.support.embedder:plain"), 2, "--all is for a keyword search"),
        (("import-from", "chroma", "http://h:99999999", "c"), 2, "this URL is not one of a Chroma server"),
        (("import-from", "chroma", "ftp://h", "c"), 2, "this URL is not one of a Chroma server"),
        (("explain", "x"), 2, "explain is about PostgreSQL, but storage.backend is chroma"),
        (("psql",), 2, "psql is about PostgreSQL"),
        (("import", "."), 3, "holds no export"),
    ],
)
def test_what_cannot_be_done_says_why(
    filled: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """No error is the library's, so none asks for a report. The folder holds files of other programs."""
    (tmp_path / "mine.py").write_text("raise RuntimeError('no key\\nhere')\n")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "latin.jsonl").write_bytes('{"id": "x", "text": "café"}\n'.encode("latin-1"))
    done = filled(*arguments, stdin="{}")
    assert done.exit_code == code, done.stderr
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "Usage: " in done.stderr or len(done.stderr.splitlines()) <= 2, "a line and a hint"


def test_a_file_of_windows_is_loaded(run: Run, tmp_path: Path) -> None:
    (tmp_path / "chunks.jsonl").write_text(lines(*ANIMALS).replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    assert run("load", "chunks.jsonl").stdout.startswith(f"loaded {len(ANIMALS)} chunks")


def test_every_problem_of_a_configuration_is_told(run: Run, config_file: Path) -> None:
    config_file.write_text("storage: {backend: sqlite, postgres: {pool_size: 0}}", encoding="utf-8")
    done = run("count")
    assert done.exit_code == 2
    assert "2 problems in the configuration" in done.stderr
    assert "hint: agent-brain-store init writes a configuration" in done.stderr


def test_a_directory_in_use_may_be_free_later(filled: Run, tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "chroma")
    busy = filled("count")
    lock.release()
    assert busy.exit_code == 4
    assert busy.stderr.endswith("hint: agent-brain-store doctor names the process\n")
    assert filled("count").exit_code == 0


def test_an_unexpected_error_is_one_line_and_debug_shows_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(lookups, "configured", fail)
    done = run("count")
    assert done.exit_code == 70
    assert done.stderr.splitlines()[0] == "error: unexpected RuntimeError: two lines"
    assert len(done.stderr.splitlines()) == 2
    assert "Traceback" in run("--debug", "count").stderr


# --- init ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["chroma", "embedded", "postgres"])
def test_init_writes_a_configuration_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENT_BRAIN_CONFIG", raising=False)
    done = CliRunner().invoke(app, ["init", "--backend", backend, "--model", "all-minilm", "--host", "db.example.org"])
    assert done.exit_code == 0, done.stderr
    assert "agent-brain-store migrate makes the store" in done.stderr
    again = CliRunner().invoke(app, ["init"])
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)
    text = (tmp_path / "agent-brain-store.yaml").read_text(encoding="utf-8")
    assert ("db.example.org" in text) == (backend == "postgres")
    assert "dimensions: 384" in text
    assert text.count("#") > 5
    config = load_config(tmp_path / "agent-brain-store.yaml", {"POSTGRES_PASSWORD": "secret"})
    assert config.backend == ("chroma" if backend == "chroma" else "postgres")
    assert (config.postgres.embedded_path is not None) == (backend == "embedded")


def test_init_needs_the_length_of_an_unknown_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    missing = CliRunner().invoke(app, ["init", "--model", "home-made"])
    assert (missing.exit_code, missing.stderr.splitlines()[-1]) == (2, "hint: say --dimensions")
    assert not list(tmp_path.iterdir())
    assert CliRunner().invoke(app, ["init", "--model", "home-made", "--dimensions", "7"]).exit_code == 0


def test_init_quotes_what_yaml_would_take_for_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--provider", "1", "--dimensions", "7", "--backend", "postgres", "--database", "on"]
    for model in ("yes", "a: b", "x # y", 'two "quotes"', "v1.0"):
        done = CliRunner().invoke(app, ["init", "--force", "--model", model, *options])
        assert done.exit_code == 0, done.stderr
        config = load_config(tmp_path / "agent-brain-store.yaml", {"POSTGRES_PASSWORD": "secret"})
        assert (config.embedding.provider, config.embedding.model) == ("1", model)
        assert config.postgres.database == "on"


def test_init_writes_nothing_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = CliRunner().invoke(
        app, ["init", "--model", "m", "--dimensions", "7", "--backend", "postgres", "--host", " "]
    )
    assert (wrong.exit_code, "storage.postgres.host" in wrong.stderr) == (2, True)
    assert not list(tmp_path.iterdir())
    nowhere = CliRunner().invoke(app, ["init", "no/such/folder.yaml", "--model", "all-minilm"])
    assert (nowhere.exit_code, nowhere.stderr.splitlines()[-1]) == (2, "hint: name another file")


def test_a_password_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by status, not by the doctor, and not when the server cannot be reached."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:{CANARY}@127.0.0.1:1/d")
    monkeypatch.setenv("AGENT_BRAIN_STORAGE_BACKEND", "postgres")
    monkeypatch.delenv("AGENT_BRAIN_CONFIG", raising=False)
    for arguments in (["status", "--json"], ["doctor", "--json"], ["--debug", "count"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code in (1, 4)
        assert CANARY not in done.stdout + done.stderr
        assert "127.0.0.1" in done.stdout + done.stderr or arguments[0] == "status"
