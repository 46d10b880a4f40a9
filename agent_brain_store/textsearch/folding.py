"""Fold a text, so that different spellings of a word are the same word, as the SQL functions ``fold()`` and
``without_accents()`` do (``sql/functions/fold.sql``, ``sql/functions/without_accents.sql``).

The stored text stays as it was given. Chunks and questions are folded for searching alone.
"""

import re
import unicodedata

# Colours and other escape sequences of terminals, and the links that some programs print.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
# A text of nothing but these characters is folded already. They are the most common ones of their kinds.
_FOLDED = (
    "\u0001-\u001a\u001c-\u00a7\u00a9\u00ab\u00ac\u00ae\u00b0\u00b1\u00b6\u00b7\u00bb\u00bf-\u0131\u0134-\u013e\u0141-\u0148"
    "\u014a-\u017e\u0180-\u01c3\u01cd-\u01f0\u01f4-\u02af\u0388-\u038a\u038e-\u03ce\u0400-\u0481\u048a-\u052f\u1e00-\u1e99"
    "\u1ea0-\u1eff\u2012-\u2016\u2018-\u2023\u2026\u2030\u2039\u203a\u20ac\u2190-\u21ff\u2200-\u222b\u2500-\u2775\u2794-\u27bf"
    "\u3001-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc-\u30fe\u4e00-\u9fff\uac00-\ud7a3"
)
_UNFOLDED = re.compile(f"[^{_FOLDED}]")
_BROKEN_SOFTLY = re.compile(r"\u00ad(?=\r?\n)")  # a soft hyphen that the end of a line shows
# Characters that are not seen: soft hyphens, joiners, directions, variation selectors, tags.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]+"
)
# Superscripts, fractions, trade marks and circled numbers become other characters, but not a part of the word before.
_APART = re.compile(
    "[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u2079\u2120\u2122\u2150-\u215f\u2189\u2460-\u24b5\u24ea-\u24ff]+"
)
# The points of Hebrew, and what Arabic writes above and below its letters or between them.
_POINTS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]+"
)
# Persian letters as Arabic has them, the digits of both, and a hyphen.
_LETTERS = str.maketrans(
    "\u2010\u06cc\u06a9\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9",
    "-\u064a\u064301234567890123456789",
)

_OTHER_LETTERS = re.compile(f"[{''.join(map(chr, _LETTERS))}]")

_ACCENTED_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-\u1eff"
_ACCENTED_LETTERS = f"{_ACCENTED_LATIN}\u0386\u0388-\u0390\u03aa-\u03b0\u03ca-\u03ce\u1f00-\u1fff\u0401\u0451"
ALNUM = "A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff"  # what a name is made of
_BROKEN = re.compile(rf"(?<![{ALNUM}])([{ALNUM}]+)-\r?\n[ \t]*([{ALNUM}]+)")

_LATIN = "A-Za-z0-9\u0391-\u03a9\u03b1-\u03c9\u0400-\u04ff"
_ACCENTED = re.compile(f"[{_LATIN}]*[{_ACCENTED_LETTERS}][{_LATIN}{_ACCENTED_LETTERS}]*")
_MARKS_ABOVE = re.compile("(?<![\u0418\u0423\u0438\u0443])[\u0300-\u036f]+")  # й and ў are letters of their own
_PLAIN = str.maketrans(
    dict(zip("ĐđĦħıŁłØøŦŧÐð", "DdHhiLlOoTtDd", strict=True))
    | {"ß": "ss", "ẞ": "SS", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Þ": "TH", "þ": "th"}
)


_POWER = re.compile("(^| )(?=[0-9]+[Ee][0-9])")  # the parser would take the beginning of such a word for a number


def fold(text: str) -> str:
    """Return a text in NFKC, without what is not seen, without points, and with one form of each letter.

    A word that is broken at the end of a line is repeated at the end of the text, in one piece.
    """
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if not text.isascii() and _UNFOLDED.search(text):
        text = _UNSEEN.sub("", _BROKEN_SOFTLY.sub("-", text))
        text = unicodedata.normalize("NFKC", _APART.sub(r" \g<0> ", text))
        text = _POINTS.sub("", text)
        if _OTHER_LETTERS.search(text):
            text = text.translate(_LETTERS)
    if "-\n" in text or "-\r\n" in text:
        text = " ".join([text, *map("".join, _BROKEN.findall(text))])
    return text


def without_accents(text: str) -> str:
    """Return the words of a folded text that have an accent, without it, and with a blank between them.

    Latin and Greek letters lose their accents, and the Russian io becomes ie. Letters such as ø and ß are spelled with others.
    """
    if text.isascii():
        return ""
    words = unicodedata.normalize("NFD", " ".join(_ACCENTED.findall(text)))
    plain = unicodedata.normalize("NFC", _MARKS_ABOVE.sub("", words)).translate(_PLAIN)
    return _POWER.sub(r"\1n", plain)
