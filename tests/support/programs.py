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
