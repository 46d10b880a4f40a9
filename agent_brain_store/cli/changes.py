"""``delete``, ``reset``, ``reindex``, ``rederive`` and ``verify``: what changes or mends a store that is there."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import config_option, configured, json_option, opened, store_name, where_option
from agent_brain_store.cli.running import NO, WRONG, Failure, command, interruptible
from agent_brain_store.cli.screen import counted
from agent_brain_store.results import IndexReport, VerifyReport

_RESET = "This deletes everything, {chunks}. Type the name of the store, {name}"


def _require_person(what: str, hint: str) -> None:
    if not sys.stdin.isatty():
        raise Failure(f"{what}, and nobody can answer here", hint, WRONG)


def _agreed(matching: int, chunks: int) -> bool:
    _require_person(f"{matching:,} of {counted(chunks, 'chunk')} would be deleted", "say --yes")
    with interruptible():
        return click.confirm(f"Delete {matching:,} of {counted(chunks, 'chunk')}?", err=True)


@command("delete", interrupted="agent-brain-store count says what is left")
@click.argument("ids", nargs=-1)
@where_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def delete(path: Path | None, ids: tuple[str, ...], where: Any, yes: bool, wants_json: bool) -> None:
    """Delete chunks by their IDS, or all that match --where. It first says how many there are, and asks."""
    if bool(ids) == bool(where):
        raise click.UsageError("Give either IDS or a --where that is not empty.")

    async def work() -> int:
        async with opened(configured(path).config) as store:
            matching = await store.get_count(where) if where else len(await store.get_by_ids(ids))
            if not matching or not (yes or _agreed(matching, await store.get_count())):
                return 0
            return await (store.delete_by_metadata(where) if where else store.delete_by_ids(ids))

    deleted = asyncio.run(work())
    if wants_json:
        screen.as_json({"deleted": deleted})
    else:
        click.echo(f"deleted {counted(deleted, 'chunk')}")


@command("reset", interrupted="agent-brain-store count says what is left")
@click.option("--name", "given", help="The name of the store, instead of typing it when asked.")
@config_option
@json_option
def reset(path: Path | None, given: str | None, wants_json: bool) -> None:
    """Delete every chunk and the embedding profile. It asks for the name of the store: its schema or collection."""
    config = configured(path).config
    name = store_name(config)

    async def work() -> int:
        async with opened(config) as store:
            chunks = await store.get_count()
            answer = given
            if answer is None:
                _require_person(
                    f"{counted(chunks, 'chunk')} would be deleted", f"give the name of the store: --name {name}"
                )
                with interruptible():
                    answer = click.prompt(_RESET.format(chunks=counted(chunks, "chunk"), name=name), err=True)
            if answer != name:
                raise Failure(f"the store is {name!r} and not {answer!r}: nothing was deleted", exit_code=WRONG)
            await store.reset()
            return chunks

    deleted = asyncio.run(work())
    if wants_json:
        screen.as_json({"deleted": deleted})
    else:
        click.echo(f"deleted {counted(deleted, 'chunk')}; the store is empty")


@command("reindex", interrupted="the old index stays in use; what is half built is removed by the next start")
@config_option
@json_option
def reindex(path: Path | None, wants_json: bool) -> None:
    """Build the vector index anew with the configured parameters, and rebuild the others. The store stays in use."""

    async def work() -> IndexReport:
        async with opened(configured(path).config) as store:
            with screen.bars() as progress:
                return await store.reindex(progress)

    report = asyncio.run(work())
    if wants_json:
        screen.as_json({"created": report.created, "rebuilt": report.rebuilt, "warnings": report.warnings})
        return
    for did, names in (("created", report.created), ("rebuilt", report.rebuilt)):
        for name in names:
            click.echo(f"{did} {name}")
    if not report.created and not report.rebuilt:
        click.echo("there is nothing to rebuild")
    for warning in report.warnings:
        screen.note(f"warning: {warning}")


@command("rederive", interrupted="run the same command again, and it does the rest")
@config_option
@json_option
def rederive(path: Path | None, wants_json: bool) -> None:
    """Derive the search terms of every chunk anew, as an upgrade of the library may ask for. The store stays in use."""

    async def work() -> int:
        async with opened(configured(path).config) as store:
            with screen.bars() as progress:
                return await store.rederive_terms(progress)

    changed = asyncio.run(work())
    if wants_json:
        screen.as_json({"changed": changed})
    else:
        click.echo(f"derived the terms anew; {counted(changed, 'chunk')} changed")


@command("verify", interrupted="run the same command again: what is mended stays mended")
@click.option("--repair", is_flag=True, help="Mend what can be derived from other stored data.")
@config_option
@json_option
def verify(path: Path | None, repair: bool, wants_json: bool) -> None:
    """Read every chunk, and say what is damaged. The exit code is 1 if damage is left. The store stays in use."""

    async def work() -> VerifyReport:
        async with opened(configured(path).config) as store:
            with screen.bars() as progress:
                return await (store.repair(progress) if repair else store.verify(progress))

    report = asyncio.run(work())
    if wants_json:
        screen.as_json(asdict(report) | {"ok": report.ok})
    else:
        for damage in report.repaired:
            click.echo(f"repaired {damage}")
        for damage in report.damages:
            click.echo(f"damaged {damage}" + (": --repair mends it" if damage.repairable and not repair else ""))
        for what in report.unchecked:
            screen.note(f"not checked: {what}")
        click.echo(
            f"read {counted(report.chunks, 'chunk')}, digest {report.digest}: {'whole' if report.ok else 'damaged'}"
        )
    if not report.ok:
        sys.exit(NO)
