"""What the tests of the command line share: JSON lines, and the program in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from tests.support.pages import ROOT, clean_environment
from tests.support.stores import embed, made_up

PROGRAM = [sys.executable, "-c", "from agent_brain_store.cli import main; main()"]

Run = Callable[..., Result]
Configure = Callable[..., Path]


def lines(*chunks: Any) -> str:
    """Return chunks as JSON lines, with embeddings."""
    return "".join(
        json.dumps({"id": chunk_id, "text": text, "metadata": metadata, "embedding": embed(text)}) + "\n"
        for chunk_id, text, metadata in chunks
    )


def many_lines(count: int) -> str:
    """Return so many chunks of `made_up` as JSON lines."""
    ids, vectors, texts, _ = made_up(count)
    chunks = zip(ids, texts, vectors.tolist(), strict=True)
    return "".join(json.dumps({"id": name, "text": text, "embedding": vector}) + "\n" for name, text, vector in chunks)


def called(*arguments: object, config: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    environment = clean_environment(AGENT_BRAIN_CONFIG=str(config), PYTHONPATH=str(ROOT))
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)


def read_until(terminal: int, sign: str | None) -> str:
    """Read what a terminal gets until a text has come, or until the other side is closed."""
    shown = ""
    while sign is None or sign not in shown:
        try:
            got = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not got:
            break
        shown += got.decode(errors="replace")
    return shown
