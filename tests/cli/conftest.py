"""Fixtures of the tests of the command line. Most of them run it in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from agent_brain_store.cli.app import app
from tests.support.commands import Configure, Run, lines
from tests.support.stores import ANIMALS, mapping


@pytest.fixture
def place(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Return ``storage`` for a new store of a backend."""
    if backend == "postgres":
        return {"backend": "postgres", "postgres": request.getfixturevalue("database")}
    return {"backend": "chroma", "chroma": {"path": str(tmp_path / "chroma")}}


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Write a configuration file and return its path."""

    def write(storage: dict[str, Any], name: str = "config.yaml", **embedding: Any) -> Path:
        whole = mapping(**storage)
        whole["embedding"] |= embedding
        (tmp_path / name).write_text(yaml.safe_dump(whole), encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def config_file(configure: Configure, place: dict[str, Any]) -> Path:
    """Write a configuration for a new store of a backend."""
    return configure(place)


@pytest.fixture
def run(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process. Its standard streams are pipes."""
    monkeypatch.chdir(config_file.parent)
    monkeypatch.setenv("AGENT_BRAIN_CONFIG", str(config_file))

    def invoke(*arguments: object, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return invoke


@pytest.fixture
def filled(run: Run) -> Run:
    """Load four chunks, and return what runs a command on them."""
    assert run("load", "-", stdin=lines(*ANIMALS)).exit_code == 0
    return run
