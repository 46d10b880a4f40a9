"""Prepare a text for the word parser, as the SQL function ``searchable()`` does (``sql/functions/searchable.sql``)."""

import re

_BEYOND = "\u0080-\U0010ffff"  # anything beyond ASCII may be part of a name; the parser knows which are letters
_LETTER, _WORD = f"A-Za-z{_BEYOND}", f"A-Za-z0-9{_BEYOND}"

SEAM = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9]\.(?=[A-Za-z](?![A-Za-z0-9_]))"  # it comes first, because PostgreSQL takes the longest match
    r"|[a-z](?=[A-Z])|[A-Z](?=[A-Z](?!s(?![a-z]))[a-z])|(?<=[A-Z])[A-Z](?=s(?![a-z]))"
    r"|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))"
)
# Each of these matches only at the start of a run of its characters. Trying every place in a long run would take
# quadratic time.
NAME = re.compile(rf"(?<![{_WORD}])[0-9]*([{_LETTER}][{_WORD}]*(?:_+[{_WORD}]+)+)")
PATH = re.compile(
    rf"(?<![{_WORD}_-])[0-9_-]*([{_LETTER}][{_WORD}_-]*(?:(?:[/\\]+|::)[{_WORD}_-]+|\.[{_LETTER}][{_WORD}_-]+)+)"
)
MARKS = re.compile(r"[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z][A-Za-z0-9_])")
JOINTS = re.compile(r"[-./:\\_]+")


def searchable(text: str) -> str:
    """Return a text for PostgreSQL's parser. Compound names are cut into parts, and added at the end as one word each."""
    seamed = SEAM.sub(r"\1_", text)
    names = [*NAME.findall(seamed), *PATH.findall(seamed)]
    return " ".join([MARKS.sub(" ", seamed), *(JOINTS.sub("", name) for name in names)])
