"""Measure how both backends serve one caller and many at once: how many questions a second, and how long each takes."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable

from rich.table import Table

from benchmarks.answers import QUALITY, Ask, Ours, asking, exact_answers, many_callers, quality_in_words, rated
from benchmarks.corpus import corpus
from benchmarks.measuring import Bench, interleaved, percentile, seconds
from benchmarks.record import record

CALLERS, QUESTIONS, ROUNDS = (1, 2, 4, 8, 16, 32, 64), 192, 3  # so many questions, whatever the number of callers


async def callers(bench: Bench) -> None:
    """Let 1 to 64 callers ask both backends, in turns. Each asks its next hybrid question when it has the answer."""
    asked = corpus()
    (exact,) = await exact_answers(bench, asked, "hybrid")
    figures: dict[str, dict[str, dict[str, float]]] = {}
    async with bench.both() as stores:
        asks = {}
        for name, store in stores.items():
            ours = Ours(store)
            await ours.load(asked.batch)
            asks[name] = asking(ours, asked, "hybrid")
        quality = {name: await rated(ask, asked, "hybrid", exact=exact) for name, ask in asks.items()}
        for count in CALLERS:
            times: dict[str, list[float]] = {name: [] for name in asks}
            ways = {name: _round(_timed(ask, times[name]), count, len(asked.questions)) for name, ask in asks.items()}
            taken = await interleaved(ways, ROUNDS)
            for name, rounds in taken.items():
                a_second = count * (QUESTIONS // count) / statistics.median(rounds)
                found = {"a second": a_second, "p50": percentile(times[name], 50), "p95": percentile(times[name], 95)}
                figures.setdefault(name, {})[str(count)] = found | quality[name]
    size = f"{len(asked.batch[0]):,} {asked.what}, hybrid search"
    table = Table(title=f"callers at once, {size}", min_width=70)
    for column in ("backend", "callers", "questions a second", "ms, p50", "ms, p95", *QUALITY):
        table.add_column(column, justify="left" if column == "backend" else "right")
    for name, counts in figures.items():
        for number, found in counts.items():
            speed = [f"{found[key]:.1f}" for key in ("a second", "p50", "p95")]
            table.add_row(name, number, *speed, *quality_in_words(found))
    bench.console.print(table)
    record("callers", size, figures)


def _timed(ask: Ask, times: list[float]) -> Ask:
    """Return the same, which adds how long each answer took."""

    async def timed(number: int) -> list[str]:
        times.append(await seconds(ask(number)))
        return []

    return timed


def _round(ask: Ask, count: int, questions: int) -> Callable[[int], Awaitable[None]]:
    return lambda _: many_callers(ask, count, QUESTIONS // count, questions)
