"""Find the passages of a text that match a question, and the matching words in them.

Both backends use this module on the texts that a search returns. A word matches if it has a term in common with the
question, as in the search itself. So other forms of a word match, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agent_brain_store.results import Highlight
from agent_brain_store.textsearch.folding import ALNUM, fold
from agent_brain_store.textsearch.frequencies import searched_part
from agent_brain_store.textsearch.searchable import RUN, UNIT, units
from agent_brain_store.textsearch.verbatim import verbatim
from agent_brain_store.textsearch.words import SHORTEST_STEM, piece_terms, question_terms, typed_prefix

LONGEST = 240  # characters of a passage, unless one word is longer
MOST = 3  # passages of a text

# What stands between blanks. A word that is broken at the end of a line is one piece.
_PIECE = re.compile(r"[^ \t\n\v\f\r]+(?:(?<=[-\u00ad])\r?\n[ \t]*[^ \t\n\v\f\r]+)*")
_SPACE = " \t\n\v\f\r"
_WORD = re.compile(f"[{ALNUM}]+")
_MARKS = ".,;:!?…()[]{}<>\"'`*“”‘’«»—–-"  # noqa: RUF001  quotation marks and dashes
_SENTENCE_END = re.compile(r"[.!?…]['\")\]]*[ \t]|[。！？]|\n")  # noqa: RUF001  these end sentences in Chinese
_BLANK = re.compile(r"\s")


class _Match(NamedTuple):
    """A word of the text that matches: where it is, and the terms that it shares with the question."""

    start: int
    end: int
    terms: frozenset[str]


class _Gap(NamedTuple):
    """A part of the text in which no passage has been found yet, and its matches."""

    start: int
    end: int
    matches: list[_Match]


def passages(query: str, texts: Iterable[str], language: str) -> list[tuple[Highlight, ...]]:
    """Return the best passages of each text, best first: those with most of the question's terms, then with most matches.

    A passage has at most `LONGEST` characters. It begins and ends with a sentence where that fits, or at a blank.
    Passages do not overlap, and there are at most `MOST` in a text.
    """
    asked = _Asked(query, language)
    return [_best_passages(text, asked.matches(searched_part(text))) for text in texts]


class _Asked(dict[str, list[_Match]]):
    """What matches a question in each piece of text. A piece is looked at once."""

    def __init__(self, query: str, language: str) -> None:
        super().__init__()
        self._language = language
        self._terms, self._typed = frozenset(question_terms(query, language)), typed_prefix(query)
        self._verbatim = verbatim(query, language)
        letters = units(fold(query))
        # A pair of letters says more than each of them. Letters alone count only if the question has no pair.
        self._units = frozenset(filter(None, letters[1::2])) or frozenset(filter(None, letters))

    def matches(self, text: str) -> list[_Match]:
        """Return the words of a text that match, in order."""
        if self._verbatim:
            return [_Match(*found.span(), frozenset({""})) for found in self._verbatim.finditer(text)]
        if not any(map(self.__getitem__, set(_PIECE.findall(text)))):
            return []
        return [
            _Match(place.start() + start, place.start() + end, terms)
            for place in _PIECE.finditer(text)
            for start, end, terms in self[place[0]]
        ]

    def __missing__(self, piece: str) -> list[_Match]:
        found: list[_Match] = []
        if self._typed or not self._terms.isdisjoint(piece_terms(piece, self._language)):
            if piece.isascii() or not RUN.search(piece):
                found = self._in_words(piece)
            else:
                found = list(_merged([*self._in_letters(piece), *self._in_words(RUN.sub(_blanks, piece))]))
        self[piece] = found
        return found

    def _shared(self, piece: str) -> frozenset[str]:
        """Return the terms that a piece shares with the question. The last word may have been typed only in part."""
        found, typed = piece_terms(piece, self._language), self._typed
        shared = self._terms & found
        if typed:
            shared |= {t for t in found if t.startswith(typed) or (len(t) >= SHORTEST_STEM and typed.startswith(t))}
        return shared

    def _in_words(self, piece: str) -> list[_Match]:
        """Return the words of a piece that match. If only the piece as a whole has a term, return all of it."""
        whole = self._shared(piece)
        words = [
            _Match(word.start(), word.end(), terms)
            for word in _WORD.finditer(piece)
            if (terms := whole & self._shared(word[0]))
        ]
        if len(whole.difference(*(word.terms for word in words))):
            stripped = piece.strip(_MARKS + _SPACE) or piece.strip(_SPACE)
            begin = piece.index(stripped)
            return [_Match(begin, begin + len(stripped), whole)]
        return words

    def _in_letters(self, piece: str) -> Iterator[_Match]:
        """Yield the letters of scripts without blanks that match."""
        for run in RUN.finditer(piece):
            parts = list(UNIT.finditer(run[0]))
            for part, following in zip(parts, [*parts[1:], None], strict=True):
                for last in filter(None, (part, following)):
                    unit = fold(run[0][part.start() : last.end()])
                    if unit in self._units:
                        yield _Match(run.start() + part.start(), run.start() + last.end(), frozenset({unit}))


def _blanks(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _merged(matches: Iterable[_Match]) -> Iterator[_Match]:
    """Yield matches in order. Those that overlap are one."""
    last: _Match | None = None
    for match in sorted(matches, key=lambda match: match[:2]):
        if last is not None and match.start < last.end:
            last = _Match(last.start, max(last.end, match.end), last.terms | match.terms)
            continue
        if last is not None:
            yield last
        last = match
    if last is not None:
        yield last


# --- passages --------------------------------------------------------------------------------------------------------


def _best_passages(text: str, matches: list[_Match]) -> tuple[Highlight, ...]:
    found: list[Highlight] = []
    gaps = [_Gap(0, len(text), matches)]
    while len(found) < MOST and (gaps := [gap for gap in gaps if gap.matches]):
        windows = [_best_window(gap.matches) for gap in gaps]
        number = max(range(len(gaps)), key=lambda i: (windows[i][0], -gaps[i].start))
        gap = gaps.pop(number)
        _, first, last = windows[number]
        start, end = _widened(text, gap, gap.matches[first].start, gap.matches[last].end)
        inside = [(match.start, match.end) for match in gap.matches if start <= match.start and match.end <= end]
        found.append(Highlight(start, end, tuple(inside)))
        gaps.append(_Gap(gap.start, start, [match for match in gap.matches if match.end <= start]))
        gaps.append(_Gap(end, gap.end, [match for match in gap.matches if match.start >= end]))
    return tuple(found)


def _best_window(matches: Sequence[_Match]) -> tuple[tuple[int, int], int, int]:
    """Return the best matches that fit into one passage: their value, the first and the last.

    The value is the number of distinct terms, and then the number of matches. Of equals the first one is best.
    """
    best, last = ((0, 0), 0, 0), 0
    inside: dict[str, int] = {}  # how often each term is inside
    for first, match in enumerate(matches):
        while last < len(matches) and (last == first or matches[last].end - match.start <= LONGEST):
            for term in matches[last].terms:
                inside[term] = inside.get(term, 0) + 1
            last += 1
        value = len(inside), last - first
        if value > best[0]:
            best = value, first, last - 1
        for term in match.terms:
            inside[term] -= 1
            if not inside[term]:
                del inside[term]
    return best


def _widened(text: str, gap: _Gap, start: int, end: int) -> tuple[int, int]:
    """Return a passage around matches, with whole sentences where they fit, and otherwise with whole words."""
    spare = max(0, LONGEST - (end - start))
    lowest = max(gap.start, start - spare // 2)
    highest = min(gap.end, max(end, lowest + LONGEST))
    lowest = max(gap.start, min(start, highest - LONGEST))
    if lowest > gap.start:
        places = list(_SENTENCE_END.finditer(text, lowest, start)) or list(_BLANK.finditer(text, lowest, start))
        lowest = places[0].end() if places else lowest
    if highest < gap.end:
        places = list(_SENTENCE_END.finditer(text, end, highest)) or list(_BLANK.finditer(text, end, highest))
        highest = places[-1].end() if places else highest
    part = text[lowest:highest]
    return lowest + len(part) - len(part.lstrip()), lowest + len(part.rstrip())
