"""Run psql on the demo's private PostgreSQL, with the library's session settings, where its query files are.

    make psql
    echo "select count(*) from chunks" | make psql
    python examples/psql.py -c "select 1"          arguments go to psql

It starts the server if it does not run. The server stops with its last user.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from stores import ROOT, demo_config

from agent_brain_store import StorageError, StoreConfig
from agent_brain_store.postgres.connection import session_settings
from agent_brain_store.postgres.embedded import EmbeddedServer
from agent_brain_store.postgres.sql import sql_directory
from agent_brain_store.postgres.wheel import programs

_EXAMPLES = ("keyword_search", "list_chunks")
_USAGE = re.compile(r"^-- psql: (.*)\n--\s+(\\i .*)$", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Run psql. Returns its exit status."""
    config = demo_config("postgres")
    path = config.postgres.embedded_path
    if path is None or not (path / "PG_VERSION").is_file():
        print(f"there is no demo store in {path} yet: run `make demo` first", file=sys.stderr)
        return 1
    server = EmbeddedServer(path)
    try:
        address = asyncio.run(server.start())
    except StorageError as error:
        print(error.message, file=sys.stderr)
        return 1
    try:
        return _run(path, config, address, arguments)
    finally:
        asyncio.run(server.stop())


def _run(path: Path, config: StoreConfig, address: dict[str, Any], arguments: list[str]) -> int:
    given = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not given and sys.stdin.isatty() and sys.stdout.isatty():
        print(_welcome())
        given = ["--pset=expanded=auto"]  # wide rows one under another
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's to handle: it cancels the query
    command = [str(programs(path) / "psql"), *given]  # it has the server's version
    return subprocess.run(command, env=_environment(config, address), cwd=ROOT, check=False).returncode


def _environment(config: StoreConfig, address: dict[str, Any]) -> dict[str, str]:
    """Return the environment for psql. It inherits none of libpq's variables, and sets up the session as the library does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    settings = session_settings(config, f'"{config.postgres.schema}", public')
    return inherited | {
        "PGHOST": str(address["host"]),
        "PGPORT": str(address["port"]),
        "PGUSER": str(address["user"]),
        "PGDATABASE": str(address["database"]),
        "PGOPTIONS": " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items()),
    }


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace(" ", r"\ ")


def _welcome() -> str:
    lines = ["", "The demo's store. Paste one of these, then \\q to leave; \\d chunks shows the table:", ""]
    for name in _EXAMPLES:
        text = (sql_directory() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
        usage = _USAGE.search(text)
        lines += [f"  {line}" for line in usage.groups()] + [""] if usage else []
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
