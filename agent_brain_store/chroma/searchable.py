"""The mirror of the SQL function ``searchable()``: the text that is indexed and asked for, before it is parsed."""

import re

SEAM = re.compile(r"([a-z](?=[A-Z])|[A-Z](?=[A-Z][a-z])|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))")
# Each begins where a run of its characters does: trying every place inside a long run would take quadratic time.
NAME = re.compile(r"(?<![A-Za-z0-9])[0-9]*([A-Za-z][A-Za-z0-9]*(?:_+[A-Za-z0-9]+)+)")
PATH = re.compile(r"(?<![A-Za-z0-9_])[0-9_]*([A-Za-z][A-Za-z0-9_]*(?:[./:\\]+[A-Za-z][A-Za-z0-9_]+)+)")
MARKS = re.compile(r"[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z](?:[^.]|$))")
JOINTS = re.compile(r"[./:\\_]+")


def searchable(text: str) -> str:
    """A text for PostgreSQL's parser: compound names as their parts and, at the end, in one word."""
    seamed = SEAM.sub(r"\1_", text)
    names = [*NAME.findall(seamed), *PATH.findall(seamed)]
    return " ".join([MARKS.sub(" ", seamed), *(JOINTS.sub("", name) for name in names)])
