"""Refine a ranking: boost what is recent or has a high number, and fold chunks with an equal text into the best of them.

A refined search ranks some candidates first, and then refines these. PostgreSQL does it in the statement, with the SQL
function ``boost_factor()`` (``sql/functions/boost_factor.sql``). For Chroma it is done here. ``docs/ranking.md`` has the
formulas.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from agent_brain_store.config.rules import as_number
from agent_brain_store.errors import InvalidQueryError
from agent_brain_store.results import SearchResult
from agent_brain_store.types import Metadata

T = TypeVar("T")

DEFAULT_WEIGHT = 0.3
SMALLEST, LARGEST = 1e-6, 1e12  # a half-life in seconds, or a scale
TINY, HUGE = 1e-30, 1e30  # what is beyond would be an error on PostgreSQL
FEWEST_CANDIDATES, CANDIDATES_EACH = 100, 4  # how many candidates are refined: so many, or so many for each result

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
# The same pattern is in boost_factor.sql, because PostgreSQL and Python understand different things beyond it.
_TIME = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?"
)


@dataclass(frozen=True, slots=True)
class Boost:
    """How much a metadata key counts. Either ``half_life``, in seconds, or ``scale`` is not None."""

    key: str
    weight: float
    half_life: float | None
    scale: float | None


@dataclass(frozen=True, slots=True)
class Refinement:
    """How to refine a ranking. ``distinct`` folds chunks with an equal text. ``now`` is in Unix seconds."""

    boosts: tuple[Boost, ...]
    distinct: bool
    now: float

    def boosts_as_json(self) -> str:
        """Return the boosts as ``boost_factor()`` takes them."""
        return json.dumps([asdict(boost) for boost in self.boosts])


# --- arguments -------------------------------------------------------------------------------------------------------


def check_refinement(
    distinct: str | None, boost: Mapping[str, Mapping[str, Any]] | None, now: datetime | float | None
) -> Refinement | None:
    """Return how to refine a search, or None if there is nothing to refine. Raises `InvalidQueryError`."""
    if distinct not in (None, "text"):
        raise InvalidQueryError(f"distinct is {distinct!r}; it must be 'text' or None")
    if boost is not None and not isinstance(boost, Mapping):
        raise InvalidQueryError(f"boost is of type {type(boost).__name__}; it must be a mapping of metadata keys")
    boosts, when = tuple(_boost(key, how) for key, how in (boost or {}).items()), _seconds_of(now)
    if not boosts and distinct is None:
        return None
    return Refinement(boosts, distinct is not None, when)


def candidates_of(top_k: int, refinement: Refinement | None) -> int:
    """Return how many chunks a ranking has: ``top_k``, or more if it is refined."""
    return top_k if refinement is None else max(FEWEST_CANDIDATES, CANDIDATES_EACH * top_k)


def _boost(key: Any, how: Any) -> Boost:
    place = f"boost[{key!r}]"
    if not isinstance(key, str):
        raise InvalidQueryError(f"{place}: a metadata key is a string")
    kinds = {"half_life", "scale"} & how.keys() if isinstance(how, Mapping) else set()
    if len(kinds) != 1 or how.keys() - {"half_life", "scale", "weight"}:
        raise InvalidQueryError(f"{place} is {how!r}; it must have either half_life or scale, and may have weight")
    weight = as_number(how.get("weight", DEFAULT_WEIGHT))
    if weight is None or not 0 <= weight <= 1:
        raise InvalidQueryError(f"{place}: weight is {how['weight']!r}; it must be between 0 and 1")
    (kind,) = kinds
    size = _duration(how[kind]) if kind == "half_life" else as_number(how[kind])
    if size is None or not SMALLEST <= size <= LARGEST:
        form = (
            "a time like '30d', with s, m, h, d or w" if kind == "half_life" else f"a number of at least {SMALLEST:g}"
        )
        raise InvalidQueryError(f"{place}: {kind} is {how[kind]!r}; it must be {form}, and at most {LARGEST:g}")
    return Boost(key, weight, size if kind == "half_life" else None, size if kind == "scale" else None)


def _duration(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        return float(found[1]) * _SECONDS[found[2]] if found else None
    return as_number(value)


def _seconds_of(now: datetime | float | None) -> float:
    if now is None:
        return time.time()
    if isinstance(now, datetime):
        return (now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp()
    number = as_number(now)
    if number is None or not abs(number) <= LARGEST:
        raise InvalidQueryError(f"now is {now!r}; it must be a datetime or Unix seconds")
    return number


# --- refining --------------------------------------------------------------------------------------------------------


def boost_factor(metadata: Metadata, boosts: Iterable[Boost], now: float) -> float:
    """Return what a score is multiplied by: the product of the factors of all boosts, from 0 to 1.

    A factor is ``(1 - weight) + weight * part``. For a time, the part is ``2 ** (-age / half_life)``. For a number, it
    is ``value / (value + scale)``. If a chunk has no usable value, it is 0.
    """
    factor = 1.0
    for boost in boosts:
        value, part = metadata.get(boost.key), 0.0
        if boost.half_life is not None:
            if (seconds := _time_in(value)) is not None:
                part = 2.0 ** (-max(0.0, now - max(seconds, -HUGE)) / boost.half_life)
        elif boost.scale is not None and (number := _number_in(value)) is not None and number > TINY:
            part = min(number, HUGE) / (min(number, HUGE) + boost.scale)
        factor *= 1 - boost.weight + boost.weight * part
    return factor


def _number_in(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _time_in(value: Any) -> float | None:
    """Return the Unix seconds of a time in metadata, or None. Without a zone, a time is in UTC."""
    if not isinstance(value, str):
        return _number_in(value)
    try:
        found = datetime.fromisoformat(value) if _TIME.fullmatch(value) else None
    except ValueError:  # there is no 30th of February
        found = None
    return None if found is None else _seconds_of(found)


def refined(ranking: Iterable[SearchResult], how: Refinement, top_k: int) -> list[SearchResult]:
    """Refine candidates that come best first, and return the best ``top_k``. Ties stay in their order."""
    found = [replace(r, score=r.score * boost_factor(r.metadata, how.boosts, how.now)) for r in ranking]
    found.sort(key=lambda result: -result.score)
    if how.distinct:
        best: dict[str, SearchResult] = {}
        for result in found:
            best.setdefault(result.text, result)
        found = list(best.values())
    return found[:top_k]


async def filled(ask: Callable[[int], Awaitable[tuple[Sequence[T], int]]], top_k: int, candidates: int) -> Sequence[T]:
    """Ask for ``top_k`` results among so many candidates. If there are too few, ask again with ten times as many.

    Chunks with an equal text can fill up the candidates. ``ask`` also returns how many candidates there were. It ends
    when there are no more.
    """
    while True:
        found, seen = await ask(candidates)
        if len(found) >= top_k or seen < candidates:
            return found
        candidates = min(10 * candidates, 2**31 - 1)
