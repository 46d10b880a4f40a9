"""Open a directory in a child process first, if its files may be damaged.

Chroma follows links and sizes of its vector files wherever they lead. Where they are wrong, the process ends with a
signal. `damage` finds what it can, and the rest is found out by a child, which may die.

A child takes seconds. So there is only one if the files are others than when a store was last closed: after a crash,
after a backup was restored, or when somebody else has written. A file beside Chroma's has the sizes and times.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from agent_brain_store import children
from agent_brain_store.chroma import client
from agent_brain_store.chroma.connecting import close_client, open_client
from agent_brain_store.chroma.damage import damaged
from agent_brain_store.chroma.database import FILE
from agent_brain_store.chroma.spare import is_spare

log = logging.getLogger(__name__)

_CLOSED = ".agent_brain.closed"
_TIMEOUT = 600.0  # seconds; reading a million vectors of 384 dimensions from a disk takes some
_SEARCHES = 20
_CHILD = "import sys; from agent_brain_store.chroma.trial import read; read(*sys.argv[1:])"


def note_closed(directory: Path) -> None:
    """Note how the files are, now that Chroma has closed them."""
    try:
        (directory / _CLOSED).write_text(json.dumps(_stamps(directory)), encoding="utf-8")
    except OSError:
        log.info("the state of the files could not be noted: the next start tries them first", exc_info=True)


def is_in_doubt(directory: Path) -> bool:
    """Return whether there are vector files, and any file is another than when the directory was closed."""
    stamps = _stamps(directory)
    try:
        noted = json.loads((directory / _CLOSED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        noted = None
    return len(stamps) > 1 and stamps != noted


def try_opening(directory: Path, collection: str) -> None:
    """Let a child open a collection and search in it. Raises `ConnectionFailed` if the child is killed by that."""
    child = children.python(_CHILD, str(directory), collection)
    if child is None:
        return
    try:
        done = subprocess.run(**child, capture_output=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise damaged(f"a process that tried to read it did not end within {_TIMEOUT:.0f} s") from error
    except OSError:
        log.info("no process could be started to try the directory", exc_info=True)
        return
    if done.returncode < 0:
        raise damaged(f"a process that tried to read it was ended by signal {-done.returncode}")


def read(directory: str, collection: str) -> None:
    """Do in the child what could end it. Errors of Chroma are left to the parent, which has messages for them."""
    try:
        chroma = open_client(Path(directory))
        rows = client.find_rows(chroma, collection)
        if rows is not None and rows.count():
            rows.apply_log()
            _search(rows, int(rows.facts["agent_brain:dimensions"]))
        close_client(chroma)
    except Exception as error:
        sys.exit(str(error))


def _search(rows: client.Rows, dimensions: int) -> None:
    for vector in np.random.default_rng(0).normal(size=(_SEARCHES, dimensions)).astype(np.float32):
        found = rows.nearest(vector, min(rows.count(), 100), None, False)
        list(rows.read([chunk_id for chunk_id, _, _ in found], dimensions=dimensions))


def _stamps(directory: Path) -> dict[str, Any]:
    """Return the size and the time of the database file and of each file of a vector index."""
    files = [directory / FILE, *(path for path in directory.glob("*/*") if not is_spare(path.parent))]
    found = ((path.relative_to(directory).as_posix(), path.stat()) for path in files if path.is_file())
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in found}
