"""Paragraphs and questions in many languages, as people type them: what_people_ask.txt."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Collection(NamedTuple):
    """Paragraphs, and questions with the place of the paragraph that answers each."""

    language: str
    configuration: str
    paragraphs: list[str]
    questions: list[tuple[str, int]]


def load() -> list[Collection]:
    found: list[Collection] = []
    lines = (Path(__file__).parent / "what_people_ask.txt").read_text(encoding="utf-8").split("\n")
    for line in lines:
        if line.startswith("= "):
            language, configuration = line[2:].split(" ")
            found.append(Collection(language, configuration, [], []))
        elif line.startswith("? "):
            found[-1].questions.append((line[2:], len(found[-1].paragraphs) - 1))
        elif line and not line.startswith("#"):
            found[-1].paragraphs.append(line)
    return found


COLLECTIONS = load()
