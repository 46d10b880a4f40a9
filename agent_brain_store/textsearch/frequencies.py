"""Count the terms of a chunk, weighted, as the SQL functions ``chunk_terms`` and ``bm25`` do.

Headings, summaries and text form one sequence of words. A word counts more in a heading or a summary: see `_extra`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from itertools import accumulate, chain
from typing import Any

from agent_brain_store.config import KeywordConfig
from agent_brain_store.textsearch.words import count_terms, text_terms

HEADINGS = ("title", "file_name", "filename", "section_title", "heading_path", "symbol_name")
SUMMARIES = ("summary", "section_summary")

LONGEST_TEXT = 200_000  # bytes; of a longer text, only the first characters are searched
FIRST_CHARACTERS = 50_000
FIRST_OF_METADATA = 10_000
POSITIONS = 255  # the most positions that a tsvector keeps of one term
LAST_POSITION = 16_383  # the last position in a tsvector; all words from there on share it

_SQUARES = (0.0, *accumulate(1 / (i * i) for i in range(1, POSITIONS + 1)))  # sums of 1/i^2 for i = 1 to n


def frequencies(text: str, metadata: Mapping[str, Any], config: KeywordConfig) -> tuple[dict[str, float], int]:
    """Return the weighted frequency of every term of a chunk, and the chunk's length in tokens.

    A token is one occurrence of a term. Stop words are not counted, nor names in one piece, such as email for e-mail.
    """
    headings, before = _counted(_joined(metadata, HEADINGS), config.language, 0)
    summaries, before = _counted(_joined(metadata, SUMMARIES), config.language, before)
    total = _counted_last(searched_part(text), config.language, before)
    for part in (headings, summaries):
        for term, count in part.items():
            total[term] += count
    weighted = {term: float(min(count, POSITIONS)) for term, count in total.items()}
    length = int(sum(weighted.values()))
    for term in headings.keys() | summaries.keys():
        weighted[term] += _extra(headings[term], summaries[term], config)
    return {term: frequency or 1.0 for term, frequency in weighted.items()}, length


def _extra(headings: int, summaries: int, config: KeywordConfig) -> float:
    """Return what a term's positions in headings and summaries add to its frequency.

    ``ts_rank`` sums ``w_i / i^2`` over a term's positions: first those in headings, then those in summaries. The text
    has weight 0 here. The heaviest position counts in full, with a divisor of 1. Of several equally heavy ones, that is
    the first. The result is rounded, because ``ts_rank`` returns a float4.
    """
    heading, summary = config.heading_weight - 1, config.summary_weight - 1
    headings, both = min(headings, POSITIONS), min(headings + summaries, POSITIONS)
    ranked = heading * _SQUARES[headings] + summary * (_SQUARES[both] - _SQUARES[headings])
    if headings and both > headings and summary > heading:
        ranked += summary - summary / (headings + 1) ** 2
    return round(ranked, 5)


def _counted(text: str, language: str, before: int) -> tuple[Counter[str], int]:
    """Count the terms of a text that begins after position ``before``. Returns the counts and the last term's position."""
    if not text:
        return Counter(), before
    *kinds, closed = text_terms(text, language)
    found = list(chain(*kinds))
    while found and not found[-1]:
        found.pop()  # a stop word takes a position but is no term, so the last term's position is before it
    single = max(0, LAST_POSITION - 1 - before)
    counts = Counter(dict.fromkeys(closed, 0))
    counts.update(found[:single])
    counts.update(set(found[single:]))
    del counts[""]
    return counts, before + len(found)


def _counted_last(text: str, language: str, before: int) -> Counter[str]:
    """The same for the last text of a chunk, which no other follows. A text has at most four positions for a character."""
    if before + 4 * len(text) < LAST_POSITION:
        return count_terms(text, language)
    return _counted(text, language, before)[0]


def searched_part(text: str) -> str:
    """Return the part of a chunk's text that is searched: all of it, or the beginning of a very long text."""
    too_long = len(text) * 4 > LONGEST_TEXT and len(text.encode()) > LONGEST_TEXT
    return text[:FIRST_CHARACTERS] if too_long else text


def _joined(metadata: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    values = [metadata[key] for key in keys if metadata.get(key) is not None]
    return " ".join(map(_plain, values))[:FIRST_OF_METADATA]


def _plain(value: Any) -> str:
    """Return a metadata value as PostgreSQL's ``->>`` writes it."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, dict):
        return ", ".join(f"{_json(key)}: {_json(item)}" for key, item in value.items())
    return json.dumps(value, ensure_ascii=False)
