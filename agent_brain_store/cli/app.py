"""The command line: every command, and what holds for all of them."""

from __future__ import annotations

import logging
from typing import Any

import click
from click.shell_completion import get_completion_class

from agent_brain_store import __version__
from agent_brain_store.cli import (
    changes,
    demo,
    doctor,
    explaining,
    importing,
    initial,
    loads,
    lookups,
    migrating,
    session,
    state,
    transfers,
)
from agent_brain_store.cli.running import command

NAME = "agent-brain-store"
_SHELLS = ("bash", "zsh", "fish")


class _Notes(logging.Handler):
    """Shows the library's warnings in one line each, wherever standard error goes at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname.lower()}: {record.getMessage()}", err=True)


_notes = _Notes()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME)
@click.option("-v", "--verbose", is_flag=True, help="Say what the library does.")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an unexpected error.")
def app(verbose: bool, debug: bool) -> None:  # noqa: ARG001  debug is read where an error is caught
    """Look after a store of chunks, on Chroma or on PostgreSQL."""
    logger = logging.getLogger("agent_brain_store")
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.addHandler(_notes)
    logger.propagate = False


@command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    For bash: eval "$(agent-brain-store completion bash)"
    """
    kind: Any = get_completion_class(shell)
    click.echo(kind(app, {}, NAME, "_AGENT_BRAIN_STORE_COMPLETE").source())


for _command in (
    demo.demo,
    initial.init,
    migrating.migrate,
    session.psql,
    state.status,
    doctor.doctor,
    lookups.count,
    lookups.describe,
    lookups.get,
    lookups.search,
    explaining.explain,
    loads.load,
    transfers.export,
    transfers.import_,
    transfers.copy,
    importing.import_from,
    changes.delete,
    changes.reset,
    changes.reindex,
    changes.rederive,
    changes.verify,
    completion,
):
    app.add_command(_command)
