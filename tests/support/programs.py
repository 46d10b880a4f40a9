"""Programs that tests run in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(program: str, *arguments: str, timeout: float | None = None) -> str:
    """Return what a program prints, which must end well, and within ``timeout`` seconds."""
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def started(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a program. It reads what the test writes, and what it prints and says of errors can be read."""
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
