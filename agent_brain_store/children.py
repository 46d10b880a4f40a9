"""Start this Python once more, for what has to happen in another process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def python(code: str, *arguments: str) -> dict[str, Any] | None:
    """Return what `subprocess` needs to run some code in a child that finds the modules that this process finds.

    Returns None in another program that has Python inside: it would start itself.
    """
    if not Path(sys.executable or "").name.startswith("python"):
        return None
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return {"args": [sys.executable, "-c", code, *arguments], "env": environment}
