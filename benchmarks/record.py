"""Keep what a benchmark has measured, as JSON beside its tables. ``make plots`` draws from it.

The environment variable ``RESULTS`` names the folder. Without it nothing is written. A file says on which processor it was
measured, when, and with which versions, but not on whose machine.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("agent-brain-store", "asyncpg", "chromadb", "numpy")


def record(name: str, size: str, figures: Any, **versions: str) -> None:
    """Write one file. ``size`` says in words how much was measured, and ``figures`` is what was."""
    folder = os.environ.get("RESULTS")
    if not folder:
        return
    known = {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}, **versions}
    whole = {
        "name": name,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": known,
        "size": size,
        "figures": figures,
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, f"{name}.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def processor() -> str:
    """Return the model of the processor, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
