"""Turn a text into terms, as the SQL function ``text_terms()`` does (``sql/functions/text_terms.sql``).

PostgreSQL's parser cuts the text into words, and its dictionaries turn words into terms (`stems`). `searchable` removes
ASCII punctuation other than dots, so only a part of the parser is needed here. Letters are the letters of a server
whose locale knows Unicode.

A text has five kinds of terms: its words, the letters of scripts without blanks, its words without accents where that
makes them others, stop words in capitals, which are names, and names in one piece, such as email for e-mail. The last
have no positions. So they count once, and they do not make a chunk longer.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import chain, islice
from typing import NamedTuple

from agent_brain_store.textsearch.folding import ALNUM, fold, without_accents, without_prefixes
from agent_brain_store.textsearch.searchable import RUN, closed_forms, path_names, searchable, units
from agent_brain_store.textsearch.stems import lowered, term

LONGEST_KEPT = 80  # characters of a piece of text whose terms are remembered
MOST_KEPT = 100_000  # pieces
MOST_WORDS, MOST_TERMS = 100, 10  # of a question of which every word has to match
SHORTEST_STEM = 4  # letters of a term that stands for a longer word that is being typed
OTHER_FORM = 0.1  # how often another form of a question's word counts

# A piece without these needs no parser: an ASCII word between marks that do not belong to it.
_PLAIN_PIECE = re.compile(r"""[(\["'`*]*([A-Z]?[a-z]+|[A-Z]|[0-9]+)[,;:!?)\]"'`*]*\.?[,;:!?)\]"'`*]*""")
_PIECES = re.compile(r"[^ \t\n\v\f\r]+")
_SEPARATORS = re.compile(r"[\x1c-\x1f]")  # str.split() takes these for blanks, too
_BLANK = "\\t\\n\\v\\f\\r \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"
_BLANKS_OF_ASCII = re.compile(r"[ \t\n\v\f\r]+")
_TYPED = re.compile(f"([{ALNUM}]+)\\*\\Z")
_BLANKS = re.compile(f"[{_BLANK}]+")
_CAPITALS = re.compile(f"(?<![{ALNUM}])[A-Z][A-Z]+(?![{ALNUM}])")
_SMALL = re.compile("[a-z]")
_AROUND = re.compile(  # ASCII punctuation at both ends
    r"\A[!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]+\Z"
)
_PLAIN, _NAME, _CLOSED = "\x01", "\x02", "\x03"  # mark the terms of a piece that are of these kinds; no text has these


class Terms(NamedTuple):
    """The terms of a text by their kind. A stop word leaves an empty string."""

    words: list[str]
    letters: list[str]  # of scripts without blanks
    plain: list[str]  # words without their accents, where that makes them others
    names: list[str]  # stop words in capitals
    closed: set[str]  # names in one piece, which have no positions


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a text that have positions, in order. A stop word leaves an empty string."""
    return list(chain(*text_terms(text, language)[:4]))


def question_terms(query: str, language: str) -> dict[str, float]:
    """Return how often a question has each term. Another form of a word counts less, because the word is there too."""
    found = text_terms(query, language)
    counts: dict[str, float] = {**Counter(filter(None, chain(found.words, found.letters, found.names)))}
    for form in filter(None, found.plain):
        counts[form] = counts.get(form, 0.0) + OTHER_FORM
    return dict.fromkeys(found.closed, OTHER_FORM) | counts


def typed_prefix(query: str) -> str:
    """Return what a question ends with if a star follows it: how the last word begins. Otherwise return an empty string.

    A single letter of ASCII is no prefix, because too much begins with it.
    """
    found = _TYPED.search(fold(query)) if query.endswith("*") else None
    typed = lowered(found[1]) if found else ""
    return "" if len(typed) == 1 and typed.isascii() else typed


class Form(NamedTuple):
    """What finds a word of a question: a chunk that has all of the first terms, or any of the others.

    A path as one word is one of the others, as long as the path has two parts that are no stop words.
    """

    every: list[str]
    others: list[str]


def word_forms(query: str, language: str) -> Iterator[tuple[str, Form]]:
    """Yield each distinct part of a question that stands between blanks, and what finds it. Nothing finds a stop word.

    Only the first words of a very long question count, and the first terms of a very long word.
    """
    known = set(chain(*text_terms(query, language)))
    for part in islice(dict.fromkeys(filter(None, _BLANKS_OF_ASCII.split(query))), MOST_WORDS):
        found = text_terms(part, language)
        every = {term for term in chain(found.words, found.letters, found.names) if term in known} - {""}
        others = ({*found.plain, *found.closed} - {""}) - every
        if len(every) > 2 and len(parts := every - set(_paths(part, language))) > 1:
            others, every = others | (every - parts), parts
        yield part, Form(sorted(every, key=str.encode)[:MOST_TERMS], sorted(others, key=str.encode)[:MOST_TERMS])


def _paths(part: str, language: str) -> Iterator[str]:
    """Yield the terms of the paths in a part of a question, each as one word."""
    for name in path_names(RUN.sub(" ", fold(part))):
        yield from (term(word, language) for word in _split(name))


def text_terms(text: str, language: str) -> Terms:
    """Return the terms of a text by their kind."""
    folded = fold(text)
    letters = units(folded)
    words, plain, names, closed = _parsed(RUN.sub(" ", folded) if letters else folded, language)
    known = set(words)
    if not _SMALL.search(text) and (known - {""} or letters):
        names = []
    plain = ["" if word in known else word for word in plain]
    return Terms(_ended(words), _ended(letters), _ended(plain), names, set(closed) - {""})


def _ended(found: list[str]) -> list[str]:
    """Remove stop words at the end, because PostgreSQL counts positions up to the last term."""
    while found and not found[-1]:
        found.pop()
    return found


def _parsed(folded: str, language: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return the terms of a folded text without letters of scripts without blanks: words, plain, names, and closed."""
    cut = searchable(folded)
    words = [term(word, language) for word in _split(cut)]
    plain = [] if cut.isascii() else [term(word, language) for word in _split(_other_forms(cut))]
    names = [word.lower() for word in _CAPITALS.findall(cut) if not term(word, language)]
    closed = closed_forms(folded)
    if closed:
        closed = f"{closed} {without_accents(closed)}"
    return words, plain, names, [term(word, language) for word in _split(closed)] if closed else []


def _other_forms(cut: str) -> str:
    return f"{without_accents(cut)} {without_prefixes(cut)}"


def count_terms(text: str, language: str) -> Counter[str]:
    """How often each term occurs in a text. A name in one piece has no position and the count 0.

    These are `terms`, counted without stop words, several times as fast. No word reaches over a blank, and texts repeat
    themselves. So the text is cut at blanks, and each piece is parsed once.
    """
    folded = fold(text)
    if folded.startswith(".."):  # the one place where the beginning of a text counts
        found = text_terms(text, language)
        return Counter({**dict.fromkeys(found.closed, 0), **Counter(filter(None, chain(*found[:4])))})
    letters = units(folded)
    if letters:
        folded = RUN.sub(" ", folded)
    is_plain = folded.isascii() and not _SEPARATORS.search(folded)
    pieces = folded.split() if is_plain else _PIECES.findall(folded)
    counts = Counter(chain.from_iterable(map(_pieces(language).__getitem__, pieces)))
    if marked := [key for key in counts if key < "\x04"]:
        taken = [(key[0], key[1:], counts.pop(key)) for key in marked]
        has_names = bool(_SMALL.search(text)) or not (counts or letters)
        kept = [(w, n) for kind, w, n in taken if (kind == _NAME and has_names) or (kind == _PLAIN and w not in counts)]
        for word, times in kept:
            counts[word] += times
        for kind, word, _ in taken:
            if kind == _CLOSED:
                counts.setdefault(word, 0)
    if letters:
        counts.update(letters)
        del counts[""]
    return counts


class _Pieces(dict[str, tuple[str, ...]]):
    """The terms of pieces of text. Those that are no words of the text are marked with their kind."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def __missing__(self, piece: str) -> tuple[str, ...]:
        if word := _PLAIN_PIECE.fullmatch(piece):
            only = term(word[1], self._language)
            found: tuple[str, ...] = (only,) if only else ()
        else:
            words, *others = _parsed(f" {piece}", self._language)
            kinds = zip((_PLAIN, _NAME, _CLOSED), others, strict=True)
            found = (*filter(None, words), *(kind + word for kind, listed in kinds for word in listed if word))
        if len(piece) <= LONGEST_KEPT:
            if len(self) >= MOST_KEPT:
                self.clear()
            self[piece] = found
        return found


@cache
def _pieces(language: str) -> _Pieces:
    return _Pieces(language)


def piece_terms(piece: str, language: str) -> frozenset[str]:
    """Return the terms of every kind of a piece of text without blanks."""
    return _kept_terms(piece, language) if len(piece) <= LONGEST_KEPT else _terms_of_piece(piece, language)


def _terms_of_piece(piece: str, language: str) -> frozenset[str]:
    folded = fold(piece)
    letters = units(folded)
    found = _pieces(language)[RUN.sub(" ", folded) if letters else folded]
    return frozenset(term.lstrip(f"{_PLAIN}{_NAME}{_CLOSED}") for term in found).union(filter(None, letters))


_kept_terms = lru_cache(MOST_KEPT)(_terms_of_piece)


def _split(text: str) -> list[str]:
    """Cut a text into words as PostgreSQL's default parser does. The text has no ASCII punctuation other than dots."""
    return [word for word in (_ascii_words() if text.isascii() else _patterns()[0]).findall(text) if word]


@cache
def _ascii_words() -> re.Pattern[str]:
    return re.compile(_word_pattern("", ""))


def _word_pattern(letters: str, inner: str) -> str:
    """Return a pattern for words. ``letters`` are letters beyond ASCII. ``inner`` are characters that cannot begin a word."""
    start, more = f"[0-9A-Za-z{letters}]", f"[0-9A-Za-z{letters}{inner}]"
    word = f"{start}{more}*"
    return (
        r"([0-9]+(?:\.[0-9]+)+"  # 3.11, 1.2.3
        rf"|[0-9]+(?!{more})"
        # A dot belongs to the word if an ASCII letter or a digit follows, and if the part before it consists of ASCII
        # letters or contains a digit: e.g, U.S, 3d.x
        rf"|(?:[A-Za-z]+|(?={more}*[0-9]){word})(?:\.[0-9A-Za-z]+)+"
        rf"|{word}"
        rf"|(?:\A|(?<={more}))\.\.(?=[{_BLANK}]|\Z))"  # the parent folder
    )


def question_words(query: str) -> Iterator[tuple[str, str]]:
    """Yield each part of a question that stands between blanks, together with the word that a person sees in it.

    The word is in lower case, without the punctuation around it, but with marks that belong to it: C++, C#, .NET. A part
    without letters may be an emoji.
    """
    _, before, after = _patterns()
    for part in _BLANKS.split(query):
        word = after.sub(r"\1", before.sub("", part))
        yield part, lowered(word or _AROUND.sub("", part))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return three patterns: for words, for the marks before a word that is shown, and for the end of it with what follows.

    A word begins with a letter, a digit or a mark that has a width. It goes on with these and with characters without a
    width.
    """
    kinds: dict[str, list[int]] = {}
    for code in (*range(0x80, 0x40000), *range(0xE0000, 0xE0200)):
        kinds.setdefault(unicodedata.category(chr(code)), []).append(code)
    letters = {code for kind in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "Mc") for code in kinds[kind]}
    letters = (letters | _CIRCLED) - _BREAKING
    inner = {code for kind in ("Mn", "Me", "Cf") for code in kinds[kind]}
    start = f"0-9A-Za-z{_ranges(letters)}"
    words = _word_pattern(_ranges(letters), _ranges(inner)) + f"|[{_ranges(inner)}][^{start}]*"  # or nothing
    before = re.compile(rf"\A(?:[^{start}.]|\.(?![A-Za-z])|(?<=[^(\[,])\.)+")
    return re.compile(words), before, re.compile(rf"([{start}](?:\+\+|#)?)[^{start}]*\Z")


# Circled and squared letters count as letters. Some marks that have a width end a word.
_CIRCLED = {*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A), *range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A)}
_BREAKING = {
    *(0x1715, 0x1734, 0x1BF2, 0x1BF3, 0x1CE1, 0x1CF7, 0x302E, 0x302F, 0xA9C0, 0xABEC, 0x111C0, 0x11235, 0x1134D),
    *(0x116B6, 0x1193D, 0x1D165, 0x1D166, *range(0x1D16D, 0x1D173)),
}


def _ranges(codes: set[int]) -> str:
    found: list[list[int]] = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)
