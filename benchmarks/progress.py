"""Show progress bars while something long runs. They appear on a terminal, but not in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from agent_brain_store import Progress, ProgressCallback

Item = TypeVar("Item")


def tracked(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Yield the items, and show how many of them are done."""
    with _bars() as shown:
        yield from shown.track(items, description=what)


@contextmanager
def watched(what: str) -> Iterator[ProgressCallback]:
    """Yield a callback for a call of the library. It draws a bar for each operation that the call reports."""
    with _bars() as shown:
        tasks = {}

        def report(progress: Progress) -> None:
            if progress.operation not in tasks:
                tasks[progress.operation] = shown.add_task(f"{what}: {progress.operation}", total=None)
            shown.update(tasks[progress.operation], completed=progress.done, total=progress.total)

        yield report


def _bars() -> Bars:
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # The bars are drawn twice a second. More would change what is measured.
    return Bars(*columns, console=console, transient=True, refresh_per_second=2, disable=not console.is_terminal)
