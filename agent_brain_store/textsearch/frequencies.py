"""How often each term is in a chunk, weighted, and how long the chunk is: the twin of ``chunk_terms`` and ``bm25`` in SQL.

Headings, summaries and text are one sequence of words. A word of a heading or summary counts more: see `_extra`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Any

from agent_brain_store.config import KeywordConfig
from agent_brain_store.textsearch.words import count_terms, terms

HEADINGS = ("title", "file_name", "filename", "section_title", "heading_path", "symbol_name")
SUMMARIES = ("summary", "section_summary")

LONGEST_TEXT = 200_000  # bytes; of a longer one, the first characters are searched
FIRST_CHARACTERS = 50_000
FIRST_OF_METADATA = 10_000
POSITIONS = 255  # of one term in a tsvector
LAST_POSITION = 16_383  # of a tsvector: all words from here on share it

_SQUARES = (0.0, *accumulate(1 / (i * i) for i in range(1, POSITIONS + 1)))  # sums of 1/i^2 for i = 1 to n


def frequencies(text: str, metadata: Mapping[str, Any], config: KeywordConfig) -> tuple[dict[str, float], int]:
    """The weighted frequency of every term of a chunk, and the number of its tokens."""
    headings, before = _counted(_joined(metadata, HEADINGS), config.language, 0)
    summaries, before = _counted(_joined(metadata, SUMMARIES), config.language, before)
    total = headings + summaries + _counted_last(_searched(text), config.language, before)
    counts = {term: min(count, POSITIONS) for term, count in total.items()}
    extra = {term: _extra(headings[term], summaries[term], config) for term in headings.keys() | summaries.keys()}
    return {term: count + extra.get(term, 0.0) for term, count in counts.items()}, sum(counts.values())


def _extra(headings: int, summaries: int, config: KeywordConfig) -> float:
    """What a term's places in headings and summaries add to its frequency.

    ``ts_rank`` sums ``w_i / i^2`` over a term's places, headings first, then summaries (the text has weight 0), but
    puts the heaviest place, the first of its weight, in front of them all with a divisor of 1. It is a float4: rounded.
    """
    heading, summary = config.heading_weight - 1, config.summary_weight - 1
    headings, both = min(headings, POSITIONS), min(headings + summaries, POSITIONS)
    ranked = heading * _SQUARES[headings] + summary * (_SQUARES[both] - _SQUARES[headings])
    if headings and both > headings and summary > heading:
        ranked += summary - summary / (headings + 1) ** 2
    return round(ranked, 5)


def _counted(text: str, language: str, before: int) -> tuple[Counter[str], int]:
    """How often each term occurs in a text that follows ``before`` places, and the place of the last of them."""
    found = terms(text, language) if text else []
    while found and not found[-1]:
        found.pop()  # stop words have a place, but are not there
    single = max(0, LAST_POSITION - 1 - before)
    counts = Counter(found[:single])
    counts.update(set(found[single:]))
    del counts[""]
    return counts, before + len(found)


def _counted_last(text: str, language: str, before: int) -> Counter[str]:
    """The same for the last text of a chunk, which no other follows. A text has fewer than two terms for each character."""
    if before + 2 * len(text) < LAST_POSITION:
        return count_terms(text, language)
    return _counted(text, language, before)[0]


def _searched(text: str) -> str:
    too_long = len(text) * 4 > LONGEST_TEXT and len(text.encode()) > LONGEST_TEXT
    return text[:FIRST_CHARACTERS] if too_long else text


def _joined(metadata: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    values = [metadata[key] for key in keys if metadata.get(key) is not None]
    return " ".join(map(_plain, values))[:FIRST_OF_METADATA]


def _plain(value: Any) -> str:
    """A value of metadata as PostgreSQL's ``->>`` writes it."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, dict):
        return ", ".join(f"{_json(key)}: {_json(item)}" for key, item in value.items())
    return json.dumps(value, ensure_ascii=False)
