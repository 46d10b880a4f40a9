"""The command line on a terminal and through a pipe, in processes of its own."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from rich.text import Text

from agent_brain_store.cli import screen
from agent_brain_store.textsearch.highlights import passages
from tests.support.commands import PROGRAM, Run, called, many_lines, read_until
from tests.support.pages import ROOT, clean_environment


def on_a_terminal(*arguments: str, config: Path, columns: int, **environment: str) -> tuple[int, str]:
    """Run a command whose output is a terminal of so many columns. Returns the exit code and what the terminal got."""
    here, there = pty.openpty()
    more = {"AGENT_BRAIN_CONFIG": str(config), "PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "TERM": "xterm"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments], env=clean_environment(**more, **environment), stdout=there, stderr=there, stdin=there
    )
    os.close(there)
    shown = read_until(here, None)
    os.close(here)
    return process.wait(60), shown


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, object]:
    """Keep the store in Chroma, unless a test asks for a backend."""
    if "backend" in request.fixturenames and request.getfixturevalue("backend") == "postgres":
        return {"backend": "postgres", "postgres": request.getfixturevalue("database")}
    return {"backend": "chroma", "chroma": {"path": str(tmp_path / "chroma")}}


@pytest.fixture
def loaded(filled: Run, config_file: Path) -> Path:
    """Load four chunks, and return the configuration."""
    return config_file


def test_a_pipe_gets_lines_with_tabs_and_a_terminal_gets_a_table(loaded: Path) -> None:
    """Colours are for terminals, and NO_COLOR turns them off. On a narrow terminal no line is too long."""
    piped = called("search", "growling bears", config=loaded)
    assert piped.stdout.splitlines()[0].split("\t")[:3] == ["1", "1.000", "a"]
    assert piped.stderr == ""
    code, shown = on_a_terminal("search", "growling bears", config=loaded, columns=100)
    assert code == 0
    assert "\x1b[1;33mgrowling" in shown
    assert "─" in shown
    code, plain = on_a_terminal("search", "growling bears", config=loaded, columns=32, NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain), "no colour"
    bare = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", plain)
    assert max(map(len, bare.splitlines())) <= 32
    assert "growling" in bare


@pytest.mark.parametrize("backend", ["chroma", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_ctrl_c_leaves_the_store_whole_and_says_what_to_do_next(run: Run, config_file: Path, backend: str) -> None:
    """The load waits for more on standard input when it is stopped. What it has sent is stored."""
    chunks = many_lines(60)  # six batches, so that there is a rate
    here, there = pty.openpty()
    environment = clean_environment(
        AGENT_BRAIN_CONFIG=str(config_file), PYTHONPATH=str(ROOT), COLUMNS="90", TERM="xterm"
    )
    command = [*PROGRAM, "load", "-", "--batch", "10"]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=there, stderr=there)
    os.close(there)
    assert process.stdin is not None
    process.stdin.write(chunks.encode())
    process.stdin.flush()
    shown = read_until(here, "60/?")
    process.send_signal(signal.SIGINT)
    shown += read_until(here, None)
    process.stdin.close()
    os.close(here)
    assert process.wait(60) == 130, shown
    assert "loading" in shown
    assert "/s" in shown
    assert "stopped: what was loaded is stored; run the same command again" in shown
    assert "Traceback" not in shown
    assert run("count").stdout == "60\n"
    assert run("load", "-", stdin=chunks).stdout.startswith("loaded 60 chunks")


def test_a_question_waits_for_an_answer_and_ctrl_c_answers_it(filled: Run, loaded: Path) -> None:
    """The terminal is the one of the process, so that Ctrl-C comes from the keyboard."""
    for typed, code, said in (("y\n", 0, "deleted 1 chunk"), ("\x03", 130, "stopped: agent-brain-store count says")):
        process, terminal = pty.fork()
        if process == 0:
            environment = clean_environment(AGENT_BRAIN_CONFIG=str(loaded), PYTHONPATH=str(ROOT), TERM="xterm")
            os.execve(PROGRAM[0], [*PROGRAM, "delete", "b" if code == 0 else "c"], environment)
        shown = read_until(terminal, "[y/N]: ")
        # Python misses a Ctrl-C that comes between the prompt and the read. No person is that quick.
        time.sleep(0.2)
        os.write(terminal, typed.encode())
        shown += read_until(terminal, None)
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == code, shown
        assert said in shown
    assert filled("count").stdout == "3\n"


def test_a_reader_that_leaves_early_is_no_error(loaded: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = clean_environment(AGENT_BRAIN_CONFIG=str(loaded), PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [*PROGRAM, "search", "bear"], env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr


def test_the_shell_completes_commands(tmp_path: Path) -> None:
    script = called("completion", "bash", config=tmp_path).stdout
    assert "complete -o nosort -F _agent_brain_store_completion agent-brain-store" in script
    environment = clean_environment(
        PYTHONPATH=str(ROOT),
        _AGENT_BRAIN_STORE_COMPLETE="bash_complete",
        COMP_WORDS="agent-brain-store re",
        COMP_CWORD="1",
    )
    done = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, check=False)
    assert [line.split(",")[1] for line in done.stdout.split()] == ["rederive", "reindex", "reset"]


def test_without_its_packages_the_command_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['click'] = None; from agent_brain_store.cli import main; main()"
    done = subprocess.run([PROGRAM[0], "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: the command line needs the extra: pip install 'agent-brain-store[cli]'\n"


# --- pieces ----------------------------------------------------------------------------------------------------------


def test_a_snippet_shows_the_words_and_no_control_characters() -> None:
    text = "nothing here " * 50 + "the \x1b[31m bear\x07 was\ngrowling loudly " + "and more " * 50
    shown = screen.snippet(text, passages("bears growl", [text], "english")[0])
    assert isinstance(shown, Text)
    assert shown.plain.startswith("…")
    assert shown.plain.endswith("…")
    assert [shown.plain[span.start : span.end] for span in shown.spans] == ["bear", "growling"]
    assert "\x1b" not in shown.plain
    assert "\n" not in shown.plain
    assert screen.snippet("short", []).plain == "short"
    assert screen.snippet(text, []).plain == f"{text[:160]}…"


def test_a_number_and_its_noun_agree() -> None:
    assert [screen.counted(n, "chunk") for n in (0, 1, 2, 1234)] == ["0 chunks", "1 chunk", "2 chunks", "1,234 chunks"]
    assert [screen.rate(n) for n in (0.25, 12, 4321.4)] == ["0.2/s", "12/s", "4,321/s"]
    for module in (ROOT / "agent_brain_store" / "cli").glob("*.py"):
        by_hand = re.findall(
            r"\{[^{}\"]+\} (?:chunk|file|check|finding|change|scan|call|row|text|vector)s\b", module.read_text()
        )
        assert not by_hand, f"{module.name}: screen.counted() writes this"
