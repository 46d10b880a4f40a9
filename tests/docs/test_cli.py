"""The page about the command line shows what the command line does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agent_brain_store.cli import running
from agent_brain_store.cli.app import app
from tests.support.pages import TEXTS, blocks, section

PAGE = TEXTS["docs/cli.md"]


def test_every_command_is_documented():
    named = re.findall(
        r"`([a-z-]+)(?: [^`]*)?`", "\n".join(re.findall(r"^\| (`.+?) \|", section(PAGE, "Commands"), re.MULTILINE))
    )
    assert set(named) == set(app.commands)


def test_every_command_writes_json_but_those_that_the_page_names():
    (but,) = re.findall(r"Every command has it but (.+?)\.", PAGE)
    commands = {name: found for name, found in app.commands.items() if not isinstance(found, click.Group)}
    commands |= {
        name: found for group in app.commands.values() for name, found in getattr(group, "commands", {}).items()
    }
    without = {name for name, found in commands.items() if "--json" not in {o for p in found.params for o in p.opts}}
    assert without == set(re.findall(r"`(\w+)`", but))


def test_every_exit_code_is_documented():
    codes = re.findall(r"^(\d+) ", running.__doc__ or "", re.MULTILINE)
    assert re.findall(r"^\| (\d+) \|", section(PAGE, "Exit codes"), re.MULTILINE) == codes
    constants = (running.NO, running.WRONG, running.REFUSED, running.LATER, running.UNEXPECTED, running.STOPPED)
    assert [int(code) for code in codes] == [0, *constants]


def test_the_session_of_the_first_steps_is_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENT_BRAIN_CONFIG", raising=False)
    (tmp_path / "chunks.jsonl").write_text(blocks(PAGE, "json")[0], encoding="utf-8")
    (session,) = blocks(PAGE, "console")
    for step in session.split("$ agent-brain-store ")[1:]:
        command, _, shown = step.partition("\n")
        done = CliRunner().invoke(app, shlex.split(command))
        expected = re.escape(shown).replace("…", ".+")
        assert re.fullmatch(expected, done.stdout + done.stderr), command
