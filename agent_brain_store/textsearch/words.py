"""Turn a text into terms, as a PostgreSQL text search configuration does.

`terms` does what ``to_tsvector(search_config(), searchable(text))`` does. PostgreSQL's parser cuts the text into words,
and its dictionaries turn words into terms. `searchable` removes ASCII punctuation other than dots, so only a part of
the parser is needed here. Letters are the letters of a server whose locale knows Unicode.

Stems are the stems of PostgreSQL 18. They come from Snowball 2, like the stems of PyStemmer 2. Snowball 3 has other
stems for some words, like ``internal`` and ``organization``. Older servers have others for ``added`` and, in German,
for ``ae``, ``oe``, ``ue`` and some endings.
"""

from __future__ import annotations

import re
import sys
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources

import Stemmer

from agent_brain_store.textsearch.searchable import searchable

MAX_WORD_BYTES = 2046  # a tsvector cannot hold longer words
MAX_STEMMED_BYTES = 1000  # longer words are not stemmed
LONGEST_KEPT = 80  # characters of a piece of text whose terms are remembered

_PIECES = re.compile(r"[^ \t\n\v\f\r]+")

# PostgreSQL's configurations for these languages stem ASCII words as English. Technical text in them needs that.
_ENGLISH_FOR_ASCII = frozenset({"hindi", "russian"})

# Numbers, versions, and names like e.g and 3d.x, which PostgreSQL takes for files. No language stems them.
_UNSTEMMED = re.compile("[0-9.]")
_BLANK = "\\t\\n\\v\\f\\r \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"
_BLANKS = re.compile(f"[{_BLANK}]+")
# PostgreSQL lowers letter by letter. Python has special cases for these two.
_LOWER = {ord("\u0130"): "i", ord("\u03a3"): "\u03c3"}


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a text, in order and as often as they occur. A stop word leaves an empty string."""
    return [term(word, language) for word in _split(searchable(text))]


def count_terms(text: str, language: str) -> Counter[str]:
    """How often each term occurs in a text: `terms` counted, without stop words, several times as fast.

    No word reaches over a blank, and texts repeat themselves. So the text is cut at blanks, and each piece is parsed
    once.
    """
    if text.startswith(".."):  # the one place where the beginning of a text counts
        counts = Counter(terms(text, language))
        del counts[""]
        return counts
    counts = Counter()
    for piece, times in Counter(_PIECES.findall(text)).items():
        parse = _terms_of_piece if len(piece) <= LONGEST_KEPT else _terms_of_piece.__wrapped__
        for found in parse(piece, language):
            counts[found] += times
    return counts


@lru_cache(maxsize=100_000)
def _terms_of_piece(piece: str, language: str) -> tuple[str, ...]:
    return tuple(found for found in terms(f" {piece}", language) if found)


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


@lru_cache(maxsize=200_000)
def term(word: str, language: str) -> str:
    """Return the term that a word is indexed by. A stop word, or a word that is too long, gives an empty string."""
    size, lower = len(word.encode()), lowered(word)
    if size > MAX_WORD_BYTES:
        return ""
    if language == "simple" or _UNSTEMMED.search(word) or size > MAX_STEMMED_BYTES:
        return sys.intern(lower)
    if language in _ENGLISH_FOR_ASCII and word.isascii():
        language = "english"
    # In some languages a short word consists of endings alone, so nothing is left as its stem. It is kept as it is.
    return "" if lower in _stop_words().get(language, ()) else sys.intern(_stem(lower, language) or lower)


def lowered(text: str) -> str:
    """Return a text in lower case, as PostgreSQL lowers it."""
    return text.lower() if text.isascii() else text.translate(_LOWER).lower()


def question_words(query: str) -> Iterator[tuple[str, str]]:
    """Yield each word of a question as a person sees it, together with its lower case form.

    A word stands between blanks. Punctuation around it is removed.
    """
    edges = _patterns()[1]
    for part in _BLANKS.split(query):
        word = edges.sub("", part)
        yield word, lowered(word)


_stemmers = threading.local()  # a stemmer is not safe to share between threads


def _stem(word: str, language: str) -> str:
    stemmer = getattr(_stemmers, language, None)
    if stemmer is None:
        stemmer = Stemmer.Stemmer(language, 0)
        setattr(_stemmers, language, stemmer)
    if language == "english" and (undoubled := _UNDOUBLED.fullmatch(word)):
        return undoubled[1]
    for pattern, letter in _RESPELLED.get(language, ()):
        word = pattern.sub(letter, word)
    if language == "german":
        stem = str(stemmer.stemWord(_without_german_endings(word)))
        return f"{stem}em" if word.endswith("system") else stem
    return str(stemmer.stemWord(word))


def _without_german_endings(word: str) -> str:
    """Remove German endings that Snowball 2 leaves: Lehrerin and Lehrerinnen become Lehrer, and Regeln becomes Regel.

    An ending is removed only after the first vowel with a consonant behind it, and after the first three letters.
    """
    if (ending := _GERMAN_ENDING.search(word)) is None:
        return word
    begin = _GERMAN_BEGIN.search(_BETWEEN_VOWELS.sub("-", word))
    return word[: ending.end()] if begin and ending.start() >= max(3, begin.end()) else word


# PostgreSQL 18 has some rules that Snowball got after version 2. "added" becomes "add" and not "ad". Some letters have
# other spellings. German has more endings, and "system" keeps its ending.
_UNDOUBLED = re.compile("([aeo](?:bb|dd|ff|gg|mm|nn|pp|rr|tt))(?:ed|edly|ing|ingly)")
_GERMAN_ENDING = re.compile("er(?=in(?:nen)?$)|l(?=ns?$)")
_GERMAN_BEGIN = re.compile("[aeiouyäöü][^aeiouyäöü]")
_BETWEEN_VOWELS = re.compile("(?<=[aeiouyäöü])[uy](?=[aeiouyäöü])")
_RESPELLED = {
    "german": [(re.compile(p), x) for p, x in (("ß", "ss"), ("ae", "ä"), ("oe", "ö"), ("(?<![qaeiouyäöü])ue", "ü"))],
    "romanian": [(re.compile("ş"), "ș"), (re.compile("ţ"), "ț")],
}


@cache
def _stop_words() -> dict[str, frozenset[str]]:
    lines = (resources.files(__package__) / "stop_words.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(":", 1) for line in lines if not line.startswith("#"))
    return {language: frozenset(listed.split()) for language, listed in pairs}


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return two patterns: one for words, and one for anything at both ends of a text that cannot begin a word.

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
    return re.compile(words), re.compile(rf"\A[^{start}]+|[^{start}]+\Z")


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
