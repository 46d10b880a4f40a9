"""Cut texts into passages that a small embedding model sees whole: at headings first, then at paragraphs, then at lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 900  # characters; about 200 tokens, which the embedding model sees whole
_HEADING = re.compile(r"(#{1,4})\s+(.+)")


def cut_markdown(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield (title, passage) pairs. A title is the path of headings, or ``name`` above the first heading."""
    path: list[str] = []
    lines: list[str] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = None if fenced else _HEADING.fullmatch(line)
        if heading:
            yield from packed(" > ".join(path) or name, "\n".join(lines))
            path, lines = [*path[: len(heading[1]) - 1], heading[2].strip()], []
        else:
            lines.append(line)
    yield from packed(" > ".join(path) or name, "\n".join(lines))


def packed(title: str, text: str) -> Iterator[tuple[str, str]]:
    """Pack paragraphs into passages of at most `LONGEST` characters. A longer paragraph is cut between lines or words."""
    whole = ""
    for paragraph in _paragraphs(text):
        if whole and len(whole) + len(paragraph) > LONGEST:
            yield title, whole
            whole = ""
        whole = f"{whole}\n\n{paragraph}" if whole else paragraph
    if whole:
        yield title, whole


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        part = ""
        for line in _lines(paragraph):
            if part and len(part) + len(line) > LONGEST:
                yield part
                part = ""
            part = f"{part}\n{line}" if part else line
        if part.strip():
            yield part


def _lines(paragraph: str) -> Iterator[str]:
    """Yield lines. One that is longer than a passage is cut between words, or anywhere if it has no blank."""
    for line in paragraph.splitlines():
        rest = line
        while len(rest) > LONGEST:
            end = rest.rfind(" ", LONGEST // 2, LONGEST)
            end = end if end > 0 else LONGEST
            yield rest[:end]
            rest = rest[end:].lstrip()
        yield rest
