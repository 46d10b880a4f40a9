"""The pages of the documentation, and their parts."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "agent_brain_store"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
ALL = "\n".join(TEXTS.values())


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a page that are marked with a language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [code for name, code in found if name == language]


def prose(text: str) -> str:
    """Return a page without its code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of the second level."""
    return re.split(r"^## ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#{1,6} +(.+)$", prose(text), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment without what configures a store or PostgreSQL's programs, and with ``more``."""
    ours = ("AGENT_BRAIN", "PG", "POSTGRES", "CHROMA", "COLLECTION", "EMBEDDING", "DATABASE_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more
