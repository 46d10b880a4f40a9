"""``doctor``: what is wrong with a store, and the command that mends it."""

from __future__ import annotations

import asyncio
import re
import socket
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.findings import AS_SAID, ERROR, MIGRATE, NOTE, STATUS, WARNING, Check, Finding
from agent_brain_store.cli.opening import Look, NoStore, config_file, config_option, configured, json_option, looking
from agent_brain_store.cli.running import NO, command
from agent_brain_store.config import Sourced, StoreConfig
from agent_brain_store.errors import ConfigError, ConnectionFailed, MissingDependency, StorageError

_ORDER = (ERROR, WARNING, NOTE)
_NEEDED = re.compile(r"([\w.-]+)\s*([^;]*)$")  # a requirement that is no extra's


class Diagnosis(NamedTuple):
    """What was found, and how many kinds of findings were looked for."""

    findings: list[Finding]
    checks: int


@command("doctor")
@config_option
@json_option
def doctor(path: Path | None, wants_json: bool) -> None:
    """Look for what is wrong with the store, and say which command mends it. It changes nothing.

    The exit code is 1 if there is an error.
    """
    found, checks = asyncio.run(diagnose(path))
    found = [finding._replace(mend=_command(finding.mend, path)) for finding in found]
    found.sort(key=lambda finding: _ORDER.index(finding.level))
    if wants_json:
        screen.as_json({"checks": checks, "findings": [finding._asdict() for finding in found]})
    else:
        for finding in found:
            _show(finding)
        looked = screen.counted(checks, "check")
        click.echo(f"{looked}, {screen.counted(len(found), 'finding')}" if found else f"{looked}: all is well")
    if any(finding.level == ERROR for finding in found):
        click.get_current_context().exit(NO)


def _show(finding: Finding) -> None:
    screen.heading(finding.level, finding.what)
    click.echo(f"  {screen.one_line(finding.evidence)}\n  mend: {finding.mend}\n")


def _command(mend: str, path: Path | None) -> str:
    """Return a command as it is typed. A sentence stays as it is."""
    if mend.endswith("."):
        return mend
    option = "" if path is None else f" --config {path}"
    name, _, rest = mend.partition(" ")
    return f"agent-brain-store {name}{option} {rest}".rstrip()


async def diagnose(path: Path | None) -> Diagnosis:
    """Look for everything that can be wrong with the configured store."""
    try:
        read = configured(path)
    except ConfigError as error:
        file = config_file(path)
        mend = f"Mend {file}, or the variable that it names." if file else "Mend the variable that it names."
        return Diagnosis([Finding(ERROR, "the configuration is wrong", text, mend) for text in error.problems], 1)
    preferred = [Finding(NOTE, "a variable is preferred to the file", note, STATUS) for note in read.notes]
    found, checks = await _backend(read)
    return Diagnosis([*preferred, *packages(), *found], checks + 2)


def packages() -> list[Finding]:
    """Find packages whose version this library does not work with. pip install --no-deps checks none."""
    try:
        needed = metadata.requires("agent-brain-store") or []
    except metadata.PackageNotFoundError:  # the program runs from a folder, and was never installed
        return []
    found = []
    for name, bounds in (match.groups() for match in map(_NEEDED.match, needed) if match):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:  # a backend that is not used may be left out
            continue
        limits = re.findall(r"(>=|<)\s*([\d.]+)", bounds)
        if any((_parts(version) < _parts(limit)) == (kind == ">=") for kind, limit in limits):
            mend = f"Run: pip install '{name}{bounds.strip()}'."
            found.append(Finding(WARNING, "a package has a version that does not fit", f"{name} {version}", mend))
    return found


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


async def _backend(read: Sourced) -> Diagnosis:
    config = read.config
    try:
        if config.backend == "chroma":
            from agent_brain_store.cli.chroma_checks import check

            return Diagnosis(await check(config), 8)
        async with looking(config) as look:
            return await _postgres(config, look)
    except MissingDependency as error:
        return Diagnosis([Finding(ERROR, "a package is missing", error.message, AS_SAID)], 1)
    except NoStore:  # a private server that was never made
        path = config.postgres.embedded_path
        evidence = f"there is no server in {path and path.absolute()}"
        return Diagnosis([Finding(ERROR, "there is no store", evidence, MIGRATE)], 1)
    except ConnectionFailed as error:
        return Diagnosis([_not_connected(error)], 1)
    except StorageError as error:
        return Diagnosis([Finding(ERROR, "the store cannot be looked at", error.message, AS_SAID)], 1)


def _not_connected(error: ConnectionFailed) -> Finding:
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if state.startswith("28"):
        mend = "Correct storage.postgres.user, and the password that password_env or password_file has."
        return Finding(ERROR, "the server does not let this role in", error.message, mend)
    if state == "3D000":
        named = re.search(r'database "([^"]+)"', error.message)  # a server may speak another language
        mend = (
            f"Run: createdb {named[1] if named else 'NAME'}, as a role that may; or correct storage.postgres.database."
        )
        return Finding(ERROR, "there is no such database", error.message, mend)
    if isinstance(error.__cause__, socket.gaierror):
        mend = "Correct storage.postgres.host."
        return Finding(ERROR, "the name of the server is unknown", error.message, mend)
    mend = (
        "Start the server (systemctl start postgresql, or docker start and the name of the container), "
        "or correct storage.postgres.host and port."
    )
    return Finding(ERROR, "the server cannot be reached", error.message, mend)


async def _postgres(config: StoreConfig, look: Look) -> Diagnosis:
    from agent_brain_store.cli import server_checks, store_checks, surrounding_checks

    exists, *others = store_checks.CHECKS
    checks = (*server_checks.CHECKS, *surrounding_checks.CHECKS, exists, *(others if look.version else ()))
    found = [finding for check in checks for finding in await _asked(check, config, look)]
    return Diagnosis(found, len(checks))


async def _asked(check: Check, config: StoreConfig, look: Look) -> list[Finding]:
    """Return what a check finds. If this role may not even look, that is the finding."""
    from agent_brain_store.postgres.errors import translated

    name = check.__name__.replace("_", " ")
    try:
        with translated(f"looking at the {name}"):
            return await check(config, look)
    except StorageError as error:
        return [Finding(WARNING, f"the {name} could not be looked at", error.message, STATUS)]
