"""Draw the demo's screen: the answers of both stores side by side, 100 to 120 columns wide, without colour in a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from asking import Answer, Question, shared
from indexing import Indexed
from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from agent_brain_store import Progress, ProgressCallback, SearchResult

_NARROW, _WIDE = 100, 120
_SHOWN = 3  # hits of each answer that are shown; agreement counts all of them
_NAMES = {"chroma": "Chroma", "postgres": "PostgreSQL"}

Answers = Mapping[str, Mapping[str, Answer]]  # by mode, then by backend


def console() -> Console:
    """Return a console of a readable width. COLUMNS overrides it."""
    probe = Console(highlight=False, soft_wrap=False)
    if probe.is_terminal or "COLUMNS" in os.environ:
        return Console(highlight=False, width=max(80, min(probe.width, _WIDE)))
    return Console(highlight=False, width=_NARROW + 8)


LEGEND = Text(
    "Of each hit: place, score from 0 to 1, title and file; of a hybrid hit also its rank and score in each ranking, "
    "and how its text begins. Times are medians of three calls; shared counts the top fives.",
    style="dim",
)


@contextmanager
def bars(screen: Console) -> Iterator[ProgressCallback]:
    """Yield a callback that draws a bar for each operation. On a terminal the bars disappear at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, console=screen, transient=True, disable=not screen.is_terminal) as shown:
        tasks = {}

        def report(progress: Progress) -> None:
            if progress.operation not in tasks:
                tasks[progress.operation] = shown.add_task(progress.operation, total=None)
            shown.update(tasks[progress.operation], completed=progress.done, total=progress.total)

        yield report


def answers(question: Question, found: Answers, shown: int = _SHOWN) -> RenderableType:
    """Draw one question with the answers of every mode."""
    table = Table(expand=True, show_lines=True, border_style="dim", box=box.ROUNDED)
    table.add_column("", width=8)
    for name in _NAMES.values():
        table.add_column(name, ratio=1, no_wrap=True, overflow="ellipsis")
    for mode, by_backend in found.items():
        cells = [_answer(by_backend[backend], shown) for backend in _NAMES]
        table.add_row(_mode(mode, by_backend), *cells)
    title = Text.assemble(("\n? ", "bold cyan"), (question.text, "bold"))
    note = Text(f"  {question.shows}", style="italic dim")
    return Group(title, note, table) if question.shows else Group(title, table)


def _mode(mode: str, by_backend: Mapping[str, Answer]) -> Text:
    same, of = shared(by_backend["chroma"], by_backend["postgres"])
    return Text.assemble((mode, "bold"), (f"\n{same} of {of}\nshared" if of else "", "dim"))


def _answer(answer: Answer, shown: int) -> Text:
    lines = [Text(f"{answer.milliseconds:.1f} ms", style="dim")]
    for place, result in enumerate(answer.results[:shown], start=1):
        lines += _hit(place, result)
    if not answer.results:
        lines.append(Text("nothing found", style="dim"))
    return Text("\n").join(lines)


def _hit(place: int, result: SearchResult) -> list[Text]:
    title, source = result.metadata.get("title", result.chunk_id), result.metadata.get("source", "").rpartition("/")[2]
    lines = [
        Text.assemble(f"{place} ", (f"{result.score:.3f} ", "green"), (str(title), "bold"), (f"  {source}", "dim"))
    ]
    if result.vector_rank is not None or result.keyword_rank is not None:
        rankings = [
            _ranking("vector", result.vector_rank, result.vector_score),
            _ranking("keyword", result.keyword_rank, result.keyword_score),
        ]
        lines += [Text("    " + " · ".join(rankings), style="cyan"), Text(f"    {_snippet(result)}", style="dim")]
    return lines


def _ranking(name: str, rank: int | None, score: float | None) -> str:
    return f"{name} -" if rank is None or score is None else f"{name} #{rank} {score:.3f}"


def _snippet(result: SearchResult) -> str:
    text = result.text.removeprefix(f"{result.metadata.get('title')}\n")
    return " ".join(text.split())[:90]


def summary(indexed: Mapping[str, Indexed], asked: Sequence[Answers]) -> RenderableType:
    """Draw what each store holds, how long indexing took, how fast it answered, and how far the two agree."""
    table = Table(border_style="dim", box=box.ROUNDED)
    table.add_column("")
    for name in _NAMES.values():
        table.add_column(name, justify="right")
    rows = {"chunks": "chunks", "added": "  new", "unchanged": "  unchanged", "removed": "  removed"}
    for field, label in rows.items():
        table.add_row(label, *(f"{getattr(indexed[backend], field):,}" for backend in _NAMES))
    table.add_row("writing them", *(f"{indexed[backend].seconds:.2f} s" for backend in _NAMES))
    for mode in asked[0]:
        times = (_mean([found[mode][backend].milliseconds for found in asked]) for backend in _NAMES)
        table.add_row(f"{mode} search, mean", *(f"{mean:.1f} ms" for mean in times))
    lines = [_agreement(mode, [found[mode] for found in asked]) for mode in asked[0]]
    return Group(Text("\nSummary", style="bold"), table, Text("Agreement of the top fives: " + ", ".join(lines)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _agreement(mode: str, found: Sequence[Mapping[str, Answer]]) -> str:
    pairs = [shared(by_backend["chroma"], by_backend["postgres"]) for by_backend in found]
    same, of = (sum(pair[i] for pair in pairs) for i in (0, 1))
    return f"{mode} {same} of {of}"
