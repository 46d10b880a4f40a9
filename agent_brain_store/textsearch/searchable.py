"""Prepare a folded text for the word parser, as the SQL function ``searchable()`` does (``sql/functions/searchable.sql``)."""

import re

from agent_brain_store.textsearch.folding import ALNUM

_BEYOND = "\u0080-\U0010ffff"  # anything beyond ASCII may be part of a name; the parser knows which are letters
_LETTER, _WORD = f"A-Za-z{_BEYOND}", f"A-Za-z0-9{_BEYOND}"

SEAM = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9]\.(?=[A-Za-z](?![A-Za-z0-9_]))"  # it comes first, because PostgreSQL takes the longest match
    r"|[a-z](?=[A-Z])|[A-Z](?=[A-Z](?!s(?![a-z]))[a-z])|(?<=[A-Z])[A-Z](?=s(?![a-z]))"
    r"|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))"
)
# Each of these matches only at the start of a run of its characters. Trying every place in a long run would take
# quadratic time.
NAME = re.compile(rf"(?<![{_WORD}])([{_WORD}]+(?:_+[{_WORD}]+)+)")
PATH = re.compile(
    rf"(?<![{_WORD}_-])[0-9_-]*([{_LETTER}][{_WORD}_-]*(?:(?:[/\\]+|::)[{_WORD}_-]+|\.[{_LETTER}][{_WORD}_-]+)+)"
)
MARKS = re.compile(r"[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z][A-Za-z0-9_])")
JOINTS = re.compile(r"[-./:\\_]+")
# What people write in one piece too: e-mail, 978-3-16-148410-0, 1,000,000, O'Reilly.
CLOSED = re.compile(
    rf"(?<![{ALNUM}])(?:[{ALNUM}]+(?:-[{ALNUM}]+)+|[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9])"
    rf"|[A-Z]['\u2019][A-Z][a-z]+)"
)
POWER = re.compile(r"\A(?=[0-9]+[Ee][0-9])")  # the parser would take the beginning of such a name for a number
GAPS = re.compile("[-,'\u2019]+")
# Names with marks: C++, C#, AT&T, .NET
MARKED = re.compile(
    rf"(?<![{ALNUM}])(?:[A-Za-z][A-Za-z0-9]*(?:\+\+(?![A-Za-z+])|\#(?![{ALNUM}\#]))"
    rf"|[A-Za-z]{{1,3}}&[A-Za-z]{{1,3}}(?![{ALNUM};=]))"
    rf"|(?<![^ \t\n\v\f\r(\[,])\.[A-Za-z][A-Za-z0-9]*(?![{ALNUM}(])"
)

# Letters of scripts that put no blanks between words, Korean, whose words end in particles, and emoji. A unit is a
# letter with its marks.
_LETTER_ALONE = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e"
    "\u1780-\u17b3\u17d7\u17dc\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003fffd"
    "\u2600-\u27bf\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff"
)
_ITS_MARK = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u105e-\u1060"
    "\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d\u17b4-\u17d3\u17dd\u3099\u309a"
)
_MARK = re.compile(f"[{_ITS_MARK}]")
UNIT = re.compile(f"[{_LETTER_ALONE}][{_ITS_MARK}]*")
RUN = re.compile(f"(?:[{_LETTER_ALONE}][{_ITS_MARK}]*)+")


def searchable(text: str) -> str:
    """Return a folded text for PostgreSQL's parser. Compound names are cut into parts, and added at the end in one piece.

    The text has no scripts without blanks any more: see `units`.
    """
    seamed = SEAM.sub(r"\1_", text)
    # Most texts have few of these characters, and a look at them costs less than a search.
    names = NAME.findall(seamed) if "_" in seamed else []
    whole = [POWER.sub("n", name.replace("_", "")) for name in names]
    return " ".join([MARKS.sub(" ", seamed), *whole, *path_names(seamed), *_marked(text)])


def path_names(text: str) -> list[str]:
    """Return the paths and dotted names of a folded text, each as one word."""
    if not ("/" in text or "." in text or "\\" in text or "::" in text):
        return []
    return [JOINTS.sub("", name) for name in PATH.findall(text)]


def closed_forms(text: str) -> str:
    """Return the names of a folded text that people write in one piece too, in one piece."""
    if not GAPS.search(text):
        return ""
    return " ".join(POWER.sub("n", GAPS.sub("", name)) for name in CLOSED.findall(text))


def _marked(text: str) -> list[str]:
    if not ("." in text or "#" in text or "++" in text or "&" in text):
        return []
    spelled = (
        name.replace("++", "plusplus").replace("#", "sharp").replace(".", "dot") for name in MARKED.findall(text)
    )
    return [name.replace("&", "") for name in spelled]


def units(text: str) -> list[str]:
    """Return the terms of the scripts without blanks: every letter with its marks, and every two that stand together.

    Where a run ends, there are empty strings.
    """
    if text.isascii():
        return []
    found: list[str] = []
    for run in RUN.findall(text):
        parts = UNIT.findall(run) if _MARK.search(run) else list(run)
        for part, pair in zip(parts, [*map(str.__add__, parts, parts[1:]), ""], strict=True):
            found += part, pair
        found += "", ""
    return found
