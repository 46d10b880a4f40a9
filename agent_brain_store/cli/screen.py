"""Write results: tables on a terminal, lines with tabs through a pipe, JSON for a program.

Results go to standard output. Progress, notes and questions go to standard error, so a pipe gets the results alone. Rich
obeys ``NO_COLOR``, and knows how wide the terminal is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from agent_brain_store.results import Highlight
from agent_brain_store.types import Progress, ProgressCallback

_NARROW = 70  # columns; below this a table has no frame, and a bar has no picture
_SNIPPET = 160  # characters that are shown of a text without a passage that matches
_LEVELS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def is_terminal() -> bool:
    """Return whether a person reads the results on a terminal."""
    return Console().is_terminal


def printable(text: str) -> str:
    """Return a text without control characters, which could change the terminal. Its lines stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def one_line(text: object) -> str:
    """Return a text in one line."""
    return printable(" ".join(str(text).split()))


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts: 1 chunk, 2,000 chunks. The plural of ``noun`` ends with an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rate(number: float) -> str:
    """Return how many are done in a second. A small rate has a decimal, because 0/s says nothing."""
    return f"{number:,.0f}/s" if number >= 10 else f"{number:.1f}/s"


def as_json(value: Any) -> None:
    """Write one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def note(text: str) -> None:
    """Tell the person something that is no result."""
    click.echo(text, err=True)


def rows(headings: Sequence[str], cells: Iterable[Sequence[object]], wide: str = "") -> None:
    """Write a table. Through a pipe it is one line a row, with tabs and without the headings.

    ``wide`` names the column that gets the room that is left. A cell may be a rich ``Text``.
    """
    console = Console()
    if not console.is_terminal:
        for row in cells:
            click.echo("\t".join(one_line(cell) for cell in row))
        return
    frame = box.SIMPLE_HEAD if any(headings) and console.width >= _NARROW else None
    table = Table(box=frame, pad_edge=False, show_header=any(headings))
    for heading in headings:
        table.add_column(heading, ratio=1 if heading == wide else None, overflow="fold")
    for row in cells:
        table.add_row(*(cell if isinstance(cell, Text) else _plain(cell) for cell in row))
    console.print(table)


def _plain(cell: object) -> Text:
    return Text(one_line(cell))


def facts(named: Mapping[str, object]) -> None:
    """Write facts, one in a line, with their names."""
    rows(("", ""), named.items())


def heading(level: str, text: str) -> None:
    """Write a line that begins with a level, in the colour of the level."""
    Console(soft_wrap=True, highlight=False).print(Text.assemble((level, _LEVELS[level]), f": {one_line(text)}"))


# --- snippets --------------------------------------------------------------------------------------------------------


def snippet(text: str, highlights: Sequence[Highlight]) -> Text:
    """Return the best passage of a text in one line, with its words marked, or else the beginning of the text."""
    passage = highlights[0] if highlights else Highlight(0, min(len(text), _SNIPPET), ())
    shown, place = Text("…" if text[: passage.start].strip() else ""), passage.start
    for start, end in (*passage.words, (passage.end, passage.end)):
        shown.append(_in_line(text[place:start]))
        shown.append(_in_line(text[start:end]), "bold yellow")
        place = end
    return shown.append("…" if text[passage.end :].strip() else "")


def _in_line(part: str) -> str:
    return printable(re.sub(r"\s+", " ", part))


# --- progress --------------------------------------------------------------------------------------------------------


class _Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else rate(task.speed), style="cyan")


@contextmanager
def bars(total: int | None = None) -> Iterator[ProgressCallback | None]:
    """Yield a callback that draws a bar for each operation, with the rate and the time that remains.

    ``total`` is how many chunks will be loaded, where the operation itself does not know it. Where standard error is no
    terminal, nothing is drawn and None is yielded.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    picture = () if console.width < _NARROW else (BarColumn(bar_width=None),)
    columns = (TextColumn("{task.description}"), *picture, MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True) as shown:
        tasks: dict[str, Any] = {}

        def report(step: Progress) -> None:
            known = total if step.total is None and step.operation == "loading" else step.total
            if step.operation not in tasks:
                tasks[step.operation] = shown.add_task(step.operation, total=known)
            shown.update(tasks[step.operation], completed=step.done, total=known)

        yield report
