"""What keyword search sees of a text: the words of a PostgreSQL text search configuration, in Python.

`words` and `terms` are the only place that says what a word is, for chunks and questions alike.
"""

from __future__ import annotations

import re
import sys
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources

import Stemmer  # type: ignore[import-not-found,import-untyped,unused-ignore]

MAX_TEXT = 200_000  # characters of a chunk that are searched for words
MAX_WORD_BYTES = 2046  # what a tsvector can hold

# Their configurations stem words in Latin letters as English, as technical text in these languages needs.
_ENGLISH_FOR_ASCII = frozenset({"hindi", "russian"})

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIGIT = re.compile(r"\d")


def words(text: str) -> Iterator[str]:
    """The words of a text in their order and in lower case, camel case taken apart; stop words too."""
    for match in _word_pattern().finditer(text, 0, MAX_TEXT):
        word = match.group()
        if word.islower() or word.isupper():
            yield word.lower()
        else:
            yield from (part.lower() for part in _HUMP.split(word))


def terms(text: str, language: str) -> list[str]:
    """The words as they are indexed: stems, without stop words, in their order and as often as they occur."""
    return [stem for word in words(text) if (stem := stemmed(word, language))]


@lru_cache(maxsize=200_000)
def stemmed(word: str, language: str) -> str:
    """The stem of a lower-case word; an empty string for a stop word and for what is too long to be one."""
    if len(word.encode()) > MAX_WORD_BYTES:
        return ""
    if language == "simple" or _DIGIT.search(word):
        return sys.intern(word)
    if language in _ENGLISH_FOR_ASCII and word.isascii():
        language = "english"
    return "" if word in _stop_words().get(language, ()) else sys.intern(_stem(word, language))


_stemmers = threading.local()  # a stemmer is not safe to share between threads


def _stem(word: str, language: str) -> str:
    stemmer = getattr(_stemmers, language, None)
    if stemmer is None:
        stemmer = Stemmer.Stemmer(language, 0)
        setattr(_stemmers, language, stemmer)
    return str(stemmer.stemWord(word))


@cache
def _stop_words() -> dict[str, frozenset[str]]:
    lines = (resources.files(__package__) / "stop_words.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(":", 1) for line in lines if not line.startswith("#"))
    return {language: frozenset(listed.split()) for language, listed in pairs}


@cache
def _word_pattern() -> re.Pattern[str]:
    """Letters, digits and the marks that belong to them: without marks, Hindi would fall apart at every vowel."""
    marks = [chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M")]
    return re.compile(rf"(?:[^\W_]|[{''.join(marks)}])+")
