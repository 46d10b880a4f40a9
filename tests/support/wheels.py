"""The wheel of this checkout, and what pip would install of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.pages import ROOT

_SCRIPT = """#!{python} -I
import sys
sys.path.insert(0, {site!r})
from {module} import {function}
sys.exit({function}())
"""


URL = "https://example.org/somebody/agent-brain-store"


def build_wheel(directory: Path) -> Path:
    """Build the wheel into a directory, as for a package index."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    environment = {**os.environ, "PROJECT_URL": URL}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(directory.glob("*.whl"))


def unpack(wheel: Path, directory: Path) -> Path:
    """Unpack a wheel away from the checkout. Returns its program, which sees the packages of this Python beside it."""
    site, program = directory / "site", directory / "bin" / "agent-brain-store"
    zipfile.ZipFile(wheel).extractall(site)
    (entries,) = site.glob("*.dist-info/entry_points.txt")
    found = re.search(rf"^{program.name} = ([\w.]+):(\w+)$", entries.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    program.parent.mkdir()
    text = _SCRIPT.format(python=sys.executable, site=str(site), module=found[1], function=found[2])
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return program
