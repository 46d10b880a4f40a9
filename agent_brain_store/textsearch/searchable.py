"""The twin of the SQL function ``searchable()`` (``sql/functions/searchable.sql``): a text as the word parser gets it."""

import re

_BEYOND = "\u0080-\U0010ffff"  # whatever is not ASCII may be part of a name: the parser knows what is no letter
_LETTER, _WORD = f"A-Za-z{_BEYOND}", f"A-Za-z0-9{_BEYOND}"

SEAM = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9]\.(?=[A-Za-z](?![A-Za-z0-9_]))"  # first, because PostgreSQL prefers the longest
    r"|[a-z](?=[A-Z])|[A-Z](?=[A-Z](?!s(?![a-z]))[a-z])|(?<=[A-Z])[A-Z](?=s(?![a-z]))"
    r"|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))"
)
# Each begins where a run of its characters does: trying every place inside a long run would take quadratic time.
NAME = re.compile(rf"(?<![{_WORD}])[0-9]*([{_LETTER}][{_WORD}]*(?:_+[{_WORD}]+)+)")
PATH = re.compile(
    rf"(?<![{_WORD}_-])[0-9_-]*([{_LETTER}][{_WORD}_-]*(?:(?:[/\\]+|::)[{_WORD}_-]+|\.[{_LETTER}][{_WORD}_-]+)+)"
)
MARKS = re.compile(r"[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z][A-Za-z0-9_])")
JOINTS = re.compile(r"[-./:\\_]+")


def searchable(text: str) -> str:
    """A text for PostgreSQL's parser: compound names as their parts and, at the end, in one word."""
    seamed = SEAM.sub(r"\1_", text)
    names = [*NAME.findall(seamed), *PATH.findall(seamed)]
    return " ".join([MARKS.sub(" ", seamed), *(JOINTS.sub("", name) for name in names)])
