"""``doctor``: what is wrong with a store, and the command that mends it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.findings import AS_SAID, ERROR, NOTE, STATUS, WARNING, Check, Finding
from agent_brain_store.cli.opening import Look, config_option, configured, json_option, looking
from agent_brain_store.cli.running import NO, command
from agent_brain_store.config import Sourced, StoreConfig
from agent_brain_store.errors import ConfigError, ConnectionFailed, MissingDependency, StorageError

_ORDER = (ERROR, WARNING, NOTE)


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
        mend = "Mend the file or the variable that it names."
        return Diagnosis([Finding(ERROR, "the configuration is wrong", text, mend) for text in error.problems], 1)
    preferred = [Finding(NOTE, "a variable is preferred to the file", note, STATUS) for note in read.notes]
    found, checks = await _backend(read)
    return Diagnosis([*preferred, *found], checks + 1)


async def _backend(read: Sourced) -> Diagnosis:
    config = read.config
    try:
        if config.backend == "chroma":
            from agent_brain_store.cli.chroma_checks import check

            return Diagnosis(await check(config), 7)
        async with looking(config) as look:
            return await _postgres(config, look)
    except MissingDependency as error:
        return Diagnosis([Finding(ERROR, "a package is missing", error.message, AS_SAID)], 1)
    except ConnectionFailed as error:
        mend = (
            "Start the server (systemctl start postgresql, or docker compose up --detach), "
            "or correct storage.postgres.host, port, user, database and the password."
        )
        return Diagnosis([Finding(ERROR, "the server cannot be reached", error.message, mend)], 1)
    except StorageError as error:
        return Diagnosis([Finding(ERROR, "the store cannot be looked at", error.message, AS_SAID)], 1)


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
