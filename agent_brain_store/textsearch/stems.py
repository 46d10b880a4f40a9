"""Turn a word into a term, as the dictionaries of a PostgreSQL text search configuration do.

Stems are the stems of PostgreSQL 18. They come from Snowball 2, like the stems of PyStemmer 2. Snowball 3 has other
stems for some words, like ``internal`` and ``organization``. Older servers have others for ``added`` and, in German,
for ``ae``, ``oe``, ``ue`` and some endings.
"""

from __future__ import annotations

import re
import sys
import threading
from functools import cache, lru_cache
from importlib import resources

import Stemmer

MAX_WORD_BYTES = 2046  # a tsvector cannot hold longer words
MAX_STEMMED_BYTES = 1000  # longer words are not stemmed

# PostgreSQL's configurations for these languages stem ASCII words as English. Technical text in them needs that.
_ENGLISH_FOR_ASCII = frozenset({"hindi", "russian"})

# Numbers, versions, and names like e.g and 3d.x, which PostgreSQL takes for files. No language stems them.
_UNSTEMMED = re.compile("[0-9.]")
# PostgreSQL lowers letter by letter. Python has special cases for these two.
_LOWER = {ord("\u0130"): "i", ord("\u03a3"): "\u03c3"}


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
