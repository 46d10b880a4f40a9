"""Servers of the test's own, made with the wheel's programs: a primary, standbys of it, and what a container has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.support.servers import psql_directory

_LIMITED = """
    mount -t tmpfs -o mode=1777,size="$1" tmpfs /dev/shm
    shift
    exec setpriv --reuid=pgserver --regid=pgserver --clear-groups "$@"
"""


class Cluster:
    """A server with a directory of its own, which holds its data and its socket.

    ``shared_memory`` is the size of its own /dev/shm, as in ``64m``. Only root may limit it.
    """

    def __init__(self, directory: Path, shared_memory: str = "") -> None:
        self.directory, self._data, self._shared_memory = directory, directory / "data", shared_memory
        directory.mkdir()
        directory.chmod(0o777)  # PostgreSQL does not run as root

    @property
    def location(self) -> dict[str, Any]:
        """Return ``storage.postgres`` for its database."""
        return {"host": str(self.directory), "user": "postgres", "database": "postgres"}

    def make(self) -> None:
        """Make it a primary, and start it."""
        self._run("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")
        self.start()

    def follow(self, primary: Cluster) -> None:
        """Make it a standby, and start it."""
        self._run("pg_basebackup", "-R", "-c", "fast", "-h", str(primary.directory), "-U", "postgres", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-k {self.directory} -h '' -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.directory / "log"), "start")

    def promote(self) -> None:
        """Make the standby the primary."""
        self._run("pg_ctl", "-w", "promote")

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        user: dict[str, Any] = {"user": "pgserver", "extra_groups": []} if os.getuid() == 0 else {}
        command = [str(psql_directory() / program), "-D", str(self._data), *arguments]
        if self._shared_memory:
            command, user = ["unshare", "--mount", "sh", "-c", _LIMITED, "sh", self._shared_memory, *command], {}
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/", check=False, **user
        )
        assert done.returncode == 0, done.stderr
