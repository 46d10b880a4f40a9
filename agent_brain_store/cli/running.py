"""Run a command: turn errors into one line and a hint, and Ctrl-C into what to do next.

These are the exit codes:

0    done
1    the answer is no: there is no such chunk, or the doctor found an error
2    the command line or the configuration is wrong
3    the store is not as it should be, or refuses
4    the store cannot be reached, or is busy: the same command may work later
70   an error that the library did not expect
130  stopped by Ctrl-C
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from agent_brain_store.errors import (
    ConfigError,
    ConnectionFailed,
    DimensionMismatchError,
    InvalidDocumentError,
    InvalidFilterError,
    InvalidQueryError,
    MissingDependency,
    OutcomeUnknown,
    PoolTimeout,
    ProviderMismatchError,
    SchemaError,
    StorageError,
    StoreLocked,
    TransferError,
)

NO, WRONG, REFUSED, LATER, UNEXPECTED, STOPPED = 1, 2, 3, 4, 70, 130

_DOCTOR = "agent-brain-store doctor says more"
# The first class that fits counts.
_MEANING: tuple[tuple[type[StorageError], int, str], ...] = (
    (ConfigError, WRONG, "agent-brain-store init writes a configuration, and docs/configuration.md lists every key"),
    (InvalidFilterError, WRONG, 'a filter is JSON, as in --where \'{"language": "python"}\' (docs/filters.md)'),
    (InvalidQueryError, WRONG, "agent-brain-store COMMAND --help lists the arguments"),
    (MissingDependency, WRONG, "install it where agent-brain-store is installed"),
    (DimensionMismatchError, REFUSED, "the vectors, the configuration and the store must be of one model"),
    (ProviderMismatchError, REFUSED, "agent-brain-store status shows the profile and the configuration"),
    (ConnectionFailed, LATER, _DOCTOR),
    (PoolTimeout, LATER, _DOCTOR),
    (StoreLocked, LATER, "agent-brain-store doctor names the process"),
    (InvalidDocumentError, REFUSED, "correct it and run the same command again: what is stored already is skipped"),
    (TransferError, REFUSED, "docs/moving.md says how exports, imports and copies work"),
    (OutcomeUnknown, LATER, "run the same command again: repeating a write is harmless"),
    (SchemaError, REFUSED, _DOCTOR),
    (StorageError, REFUSED, _DOCTOR),
)


class Failure(Exception):
    """An error as a person sees it: one line, and a hint. ``exit_code`` is one of those above."""

    def __init__(self, message: str, hint: str = "", exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.message, self.hint, self.exit_code = message, hint, exit_code

    def show(self) -> None:
        """Write the error and the hint to standard error."""
        click.echo(f"error: {self.message}", err=True)
        if self.hint:
            click.echo(f"hint: {self.hint}", err=True)


def failure_of(error: Exception) -> Failure:
    """Return any error as a person sees it."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, StorageError):
        code, hint = next((code, hint) for kind, code, hint in _MEANING if isinstance(error, kind))
        return Failure(error.message, hint, code)
    what = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Failure(f"unexpected {what}", "agent-brain-store --debug COMMAND shows where; please report it", UNEXPECTED)


class Command(click.Command):
    """A command. ``interrupted`` says what Ctrl-C leaves, and what to do next."""

    def __init__(self, *arguments: Any, interrupted: str = "nothing was changed", **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.interrupted = interrupted

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):  # click.Abort is Ctrl-C at a question
            click.echo(f"\nstopped: {self.interrupted}", err=True)
            ctx.exit(STOPPED)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.find_root().params.get("debug"):
                traceback.print_exc(file=sys.stderr)
            failure = failure_of(error)
            failure.show()
            ctx.exit(failure.exit_code)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end a read or a question in the block, inside a coroutine.

    By itself asyncio would only cancel the task, which does not notice while it waits here.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


command: Callable[..., Callable[[Callable[..., Any]], Command]] = partial(click.command, cls=Command)
