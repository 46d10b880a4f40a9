"""Fold a text, so that different spellings of a word are the same word, as the SQL functions ``fold()``,
``fold_scripts()``, ``without_accents()`` and ``without_prefixes()`` do. Each has a file of its name in ``sql/functions``.

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
# Nor does a text of Hebrew, Arabic or Devanagari need NFKC. It would only put together what is folded anyway, and put
# points into an order, which are removed. The last letters here, with a point, become letters that are not folded.
_LETTERS_OF_SCRIPTS = (
    "\u0591-\u05c7\u05d0-\u05ea\u05f3\u05f4\u060c\u0610-\u061b\u061f-\u0674\u0679-\u06ff\u0900-\u0950\u0960-\u097f"
)
_MARKS = "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u093c\u094d"
_UNUSUAL = re.compile(
    f"[^{_FOLDED}{_LETTERS_OF_SCRIPTS}]|[\u00a0\u2026]|[\u06d2\u06d5][{_MARKS}]|[\u0928\u0930\u0933{_MARKS}]\u093c"
)
# A soft hyphen that the end of a line shows is a hyphen. So is the mark of Persian between the parts of a word that do
# not join. Some people write nothing there, and some a blank.
_HYPHENS = re.compile("\u00ad(?=\r?\n)|(?<=[\u0620-\u06ff])\u200c(?=[\u0620-\u06ff])")
# Characters that are not seen: soft hyphens, joiners, directions, variation selectors, the colours of skins, tags.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]+"
)
# Superscripts, fractions, trade marks and circled numbers become other characters, but not a part of the word before.
_APART = re.compile(
    "[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u2079\u2120\u2122\u2150-\u215f\u2189\u2460-\u24b5\u24ea-\u24ff]+"
)
# --- Hebrew, Arabic, and the scripts that have digits of their own ---

_SCRIPTS = re.compile("[\u0590-\u06ff\u0900-\u0fff\u1040-\u1049\u17e0-\u17e9\u1810-\u1819]")
# The points of Hebrew, and what Arabic writes above and below its letters or between them.
_POINTS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7"
    "\u06e8\u06ea-\u06ed]+"
)
# One form of Arabic letters that are written in several: those with hamza or at the end of words, and Persian and Urdu ones.
_LETTERS = tuple(
    zip(
        "\u0622\u0623\u0624\u0625\u0626\u0629\u0649\u0671\u06a9\u06c0\u06c1\u06c2\u06cc",
        "\u0627\u0627\u0648\u0627\u064a\u0647\u064a\u0627\u0643\u0647\u0647\u0647\u064a",
        strict=True,
    )
)
_ARABIC = re.compile("[\u0622-\u06cc]")
# Marks inside a Hebrew word: an abbreviation, or a sound of another language.
_INSIDE_HEBREW = re.compile("[\"'\u05f3\u05f4\u2019\u201d](?<=[\u0591-\u05ea].)(?=[\u05d0-\u05ea])")
# The Arabic article, with the short words that are written together with it.
_ARTICLE = re.compile(
    "(?<![\u0621-\u06d3])(?:[\u0648\u0641]?[\u0628\u0643]?\u0627\u0644|\u0648?\u0644\u0644)(?=[\u0621-\u06d3]{3})"
)
# A nasal before a consonant of its own kind may also be written as a dot above.
_NASAL = re.compile(
    "[\u0919\u091e\u0923\u0928\u092e](?<=[\u0904-\u094c].)\u094d(?:(?<=\u0919.)(?=[\u0915-\u0918])|(?<=\u091e.)(?=[\u091a-\u091d])"
    "|(?<=\u0923.)(?=[\u091f-\u0922])|(?<=\u0928.)(?=[\u0924-\u0927])|(?<=\u092e.)(?=[\u092a-\u092d]))"
)
_ZEROS = (
    *(0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66),
    *(0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810),
)
_DIGITS = {chr(zero + digit): str(digit) for zero in _ZEROS for digit in range(10)}
_DIGIT = re.compile(f"[{''.join(f'{chr(zero)}-{chr(zero + 9)}' for zero in _ZEROS)}]")

# --- words with accents or prefixes ---

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

_HEBREW = re.compile("[\u05d0-\u05ea]")
_PREFIXED = re.compile(f"(?<![{ALNUM}])([\u05d4\u05d5\u05d1\u05dc\u05de\u05e9\u05db])([\u05d0-\u05ea]{{3,}})")
_TWO_PREFIXES = re.compile("[\u05d5\u05e9][\u05d4\u05d1\u05dc\u05de\u05db\u05e9]|\u05de\u05d4|\u05db\u05e9")
_POWER = re.compile("(^| )(?=[0-9]+[Ee][0-9])")  # the parser would take the beginning of such a word for a number


def fold(text: str) -> str:
    """Return a text in NFKC, without what is not seen, without points, and with one form of each letter.

    A word that is broken at the end of a line is repeated at the end of the text, in one piece.
    """
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if not text.isascii():
        if _UNFOLDED.search(text):
            if "\u00ad" in text or "\u200c" in text:
                text = _HYPHENS.sub("-", text)
            if _UNUSUAL.search(text):
                text = _APART.sub(r" \g<0> ", _UNSEEN.sub("", text))
                text = unicodedata.normalize("NFKC", text).replace("\u2010", "-")
            if _SCRIPTS.search(text):
                text = _fold_scripts(text)
        text = text.replace("\u03c2", "\u03c3")  # the Greek sigma at the end of a word
    if "-\n" in text or "-\r\n" in text:
        text = " ".join([text, *map("".join, _BROKEN.findall(text))])
    return text


def _fold_scripts(text: str) -> str:
    text = text.replace("\u05be", "-")
    if _HEBREW.search(text):
        text = _INSIDE_HEBREW.sub("", text)
    text = _POINTS.sub("", text)
    if _ARABIC.search(text):
        for form, letter in _LETTERS:  # translate() looks at every letter of the text, and takes much longer
            text = text.replace(form, letter)
        text = _ARTICLE.sub("", text)
    text = text.replace("\u0901", "\u0902").replace("\u093c", "")
    if "\u094d" in text:
        text = _NASAL.sub("\u0902", text)
    return _DIGIT.sub(lambda found: _DIGITS[found[0]], text)


def without_accents(text: str) -> str:
    """Return the words of a folded text that have an accent, without it, and with a blank between them.

    Latin and Greek letters lose their accents, and the Russian io becomes ie. Letters such as ø and ß are spelled with others.
    """
    if text.isascii():
        return ""
    words = unicodedata.normalize("NFD", " ".join(_ACCENTED.findall(text)))
    plain = unicodedata.normalize("NFC", _MARKS_ABOVE.sub("", words)).translate(_PLAIN)
    return _POWER.sub(r"\1n", plain)


def without_prefixes(text: str) -> str:
    """Return the Hebrew words of a folded text that may begin with a prefix, without it, and with a blank between them.

    Prefixes are single letters, such as the article. Two of them may stand together, so a word may be here twice.
    """
    if not _HEBREW.search(text):
        return ""
    found: list[str] = []
    for prefix, rest in _PREFIXED.findall(text):
        found.append(rest)
        if len(rest) > 3 and _TWO_PREFIXES.match(prefix + rest):
            found.append(rest[1:])
    return " ".join(found)
