"""``psql``: a psql on the configured server, with the session settings of the library and its files at hand."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import address, configured, long_config_option, looking, require_postgres
from agent_brain_store.cli.running import WRONG, Failure, command
from agent_brain_store.config import PostgresConfig, StoreConfig
from agent_brain_store.errors import MissingDependency

_EXAMPLES = ("keyword_search", "list_chunks")
_WITH_BIND = 16  # the first psql with \\bind
_USAGE = re.compile(r"^-- psql: (.*)\n--\s+(\\i .*)$", re.MULTILINE)


@command("psql", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@long_config_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(path: Path | None, arguments: tuple[str, ...]) -> None:
    """Open psql on the store. ARGUMENTS go to psql, as in: agent-brain-store psql -c "select count(*) from chunks".

    The session has the search_path and the other settings of the library, and psql runs where sql/queries, sql/functions
    and sql/inspect are.
    """
    config = configured(path).config
    require_postgres(config, "psql")
    status = asyncio.run(_run(config, arguments))
    if status:
        click.get_current_context().exit(status)


async def _run(config: StoreConfig, arguments: tuple[str, ...]) -> int:
    from agent_brain_store.postgres.connection import session_settings
    from agent_brain_store.postgres.sql import sql_directory

    async with address(config) as server:
        async with looking(config) as look:
            names = [f'"{name}"' for name in (config.postgres.schema, look.server["vector_schema"]) if name]
        settings = session_settings(config, ", ".join(names))
        given = list(arguments)
        if not given and sys.stdin.isatty() and sys.stdout.isatty():
            screen.note(_welcome(sql_directory() / "queries"))
            given = ["--pset=expanded=auto"]  # wide rows one under another
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's to handle: it cancels the query
        try:
            environment = _environment(config.postgres, server, settings, await _password(config.postgres))
            return await asyncio.to_thread(_call, [_program(config), *given], environment, sql_directory().parent)
        finally:
            signal.signal(signal.SIGINT, before)


def _call(called: list[str], environment: dict[str, str], folder: Path) -> int:
    return subprocess.run(called, env=environment, cwd=folder, check=False).returncode


def _program(config: StoreConfig) -> str:
    """Return the path of psql: that of the system, unless it is older than \\bind or for the private server, or a wheel's."""
    system = None if config.postgres.embedded_path else shutil.which("psql")
    if system and _version(system) >= _WITH_BIND:
        return system
    from agent_brain_store.postgres.wheel import installed

    try:
        newest = max(installed().items())[1]
    except MissingDependency:
        if system:
            return system
        raise Failure("psql is not installed", "install PostgreSQL's client, 16 or newer", WRONG) from None
    return str(newest / "psql")


def _version(program: str) -> int:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


async def _password(config: PostgresConfig) -> str | None:
    """Return the password, which a command or a function may have to fetch first."""
    password = config.password.reveal() if config.password else None
    return str(await password) if inspect.isawaitable(password) else password


def _environment(
    config: PostgresConfig, server: dict[str, Any], settings: dict[str, str], password: str | None
) -> dict[str, str]:
    """Return the environment for psql. What the configuration does not say is left to libpq's own variables."""
    named = {name: server.get(name) for name in ("host", "port", "user", "database")}
    tls = {"SSLMODE": config.ssl_mode, "SSLROOTCERT": config.ssl_root_cert, "SSLCERT": config.ssl_cert}
    values = {name.upper(): value for name, value in named.items()} | tls | {"SSLKEY": config.ssl_key}
    values["PASSWORD"] = password
    values["OPTIONS"] = " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())
    inherited = {
        name: value for name, value in os.environ.items() if not (name.startswith("PG") and config.embedded_path)
    }
    return inherited | {f"PG{name}": _joined(value) for name, value in values.items() if value is not None}


def _joined(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace(" ", r"\ ")


def _welcome(queries: Path) -> str:
    lines = ["The store's own session. Paste one of these, then \\q to leave; \\d chunks shows the table:", ""]
    for name in _EXAMPLES:
        usage = _USAGE.search((queries / f"{name}.sql").read_text(encoding="utf-8"))
        lines += [f"  {line}" for line in usage.groups()] + [""] if usage else []
    return "\n".join(lines)
