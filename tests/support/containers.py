"""Programs that run as in a container: any user, no home, and nothing to write to but one volume."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support.stores import DIMENSIONS

ROOT = Path(__file__).parents[2]

# Directories that only root may enter are replaced by empty ones, which have just what the program needs.
_ENTER = """
    set -e
    volume=$1; user=$2; shift 2
    mount --make-rprivate /
    while [ "$1" != -- ]; do
        hidden=$1; needed=$2; shift 2
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/kept
        mount --bind "$needed" /mnt/kept
        mount -t tmpfs -o mode=755 tmpfs "$hidden"
        mkdir -p "$needed"
        mount --move /mnt/kept "$needed"
        umount /mnt
    done
    shift
    mount --bind "$volume" "$volume"
    mount -o remount,bind,ro /
    exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs "$@"
"""

# It prints what a store says, or the error that it raises.
USE_A_STORE = """
    import asyncio, json, sys
    from agent_brain_store import StorageError, open_store

    async def main(setting):
        async with open_store(setting) as store:
            await store.upsert_documents(["a"], [[1.0] * int(sys.argv[2])], ["the growling bear"], [{}])
            found = await store.hybrid_search("bears", [1.0] * int(sys.argv[2]), 5)
            print([hit.chunk_id for hit in found], (await store.health()).ok)

    try:
        asyncio.run(main(json.loads(sys.argv[1])))
    except StorageError as error:
        print(type(error).__name__, error.message)
"""


def in_container(program: str, *arguments: str, user: int, volume: Path, **variables: str) -> str:
    """Return what a program prints, which must end well. Nothing but the volume can be written to."""
    hidden = [item for path in {sys.base_prefix, sys.prefix, str(ROOT)} for item in _hidden(Path(path))]
    entering = ["unshare", "--mount", "sh", "-c", textwrap.dedent(_ENTER), "sh", str(volume), str(user), *hidden, "--"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | variables
    command = [*entering, sys.executable, "-c", textwrap.dedent(program), *arguments]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def use_a_store(setting: str, *, user: int, volume: Path, **variables: str) -> str:
    """Fill and ask the store of a configuration. Return what it finds, or the error."""
    return in_container(USE_A_STORE, setting, str(DIMENSIONS), user=user, volume=volume, **variables)


def _hidden(path: Path) -> list[str]:
    """Return the first directory on the way that only its owner may enter, and the path. Often there is none."""
    for directory in reversed(path.parents):
        if not directory.stat().st_mode & 1:
            return [str(directory), str(path)]
    return []
