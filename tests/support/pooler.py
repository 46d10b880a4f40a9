"""A real pgbouncer in front of the PostgreSQL under test, on machines that have one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMED = os.environ.get("AGENT_BRAIN_TEST_PGBOUNCER")
PGBOUNCER = shutil.which(NAMED or "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
assert PGBOUNCER or not NAMED, "AGENT_BRAIN_TEST_PGBOUNCER names no program"


def prepared_statements() -> list[dict[str, str]]:
    """Return the settings for prepared statements in transaction mode: off and on, or none before version 1.21."""
    if PGBOUNCER is None:
        return [{}]
    said = subprocess.run([PGBOUNCER, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = said.split()[1].split(".")[:2]
    return [{"max_prepared_statements": n} for n in ("0", "200")] if (int(major), int(minor)) >= (1, 21) else [{}]


def way_past(server: dict[str, Any]) -> str:
    """Return a ``direct_url`` that leads past a pooler. It names no database if the server's place has none."""
    login = f"{server['user']}:{server.get('password') or ''}"
    return f"postgresql://{login}@/{server.get('database', '')}?host={server['host']}&port={server.get('port', 5432)}"


@contextmanager
def pgbouncer(server: dict[str, Any], mode: str, **settings: str) -> Iterator[dict[str, Any]]:
    """Run a pgbouncer, and yield ``storage.postgres`` for the way through it. It has its defaults beside ``settings``."""
    with tempfile.TemporaryDirectory(prefix="abs-pooler-") as directory:
        Path(directory).chmod(0o755)
        port = free_port()
        users = "".join(f'"{user}" "{server.get("password") or "secret"}"\n' for user in {server["user"], "abs_plain"})
        Path(directory, "users.txt").write_text(users)
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "trust" if not server.get("password") else "plain",
            "auth_file": f"{directory}/users.txt",
            "pool_mode": mode,
            **settings,
        }
        database = f"* = host={server['host']} port={server.get('port', 5432)}"
        ini = Path(directory, "pgbouncer.ini")
        ini.write_text("\n".join(["[databases]", database, "[pgbouncer]", *(f"{k} = {v}" for k, v in lines.items())]))
        # It refuses to run as root. Only PostgreSQL's own user may be able to reach the server's socket.
        owner = Path(server["host"]).stat().st_uid if server["host"].startswith("/") else 65534
        user: dict[str, Any] = {"user": owner, "extra_groups": []} if os.getuid() == 0 else {}
        process = subprocess.Popen(
            [str(PGBOUNCER), "-q", str(ini)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user
        )
        try:
            until_listening(port)
            yield {**server, "host": "127.0.0.1", "port": port, "ssl_mode": "disable"}
        finally:
            process.kill()  # newer ones wait for their clients if they are asked to end
            process.wait(10)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_listening(port: int) -> None:
    """Wait until somebody does, ten seconds at most."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("pgbouncer never listened")
