"""Read the text files of a folder as sources for `sync_documents`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from agent_brain_store.demo.cutting import cut_markdown, packed
from agent_brain_store.demo.embedder import Embedder
from agent_brain_store.in_step import Source
from agent_brain_store.types import Document

LARGEST = 1_000_000  # bytes; larger files are seldom written by a person
_CUT = "cut-1"  # part of each digest, so that another way of cutting is noticed
_SKIPPED = {"node_modules", "__pycache__", "venv", "site-packages", "build", "dist"}
_MARKDOWN = {".md", ".markdown", ".mdx"}
_PROSE = {".adoc", ".org", ".rst", ".tex", ".txt", *_MARKDOWN}


def text_files(folder: Path) -> Iterator[Path]:
    """Yield the text files of a folder. Hidden ones are left out, and so are large ones and what programs have made."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(names):
            path = Path(at, name)
            if not name.startswith(".") and path.is_file() and _is_text(path):
                yield path


def sources(folder: Path, embedder: Embedder) -> Iterator[Source]:
    """Yield each text file under its path in the folder, with a digest and the function that cuts and embeds it."""
    for path in text_files(folder):
        # A name that is not UTF-8 cannot be stored as it is.
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "replace")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        yield name, f"{_CUT}:{digest}", partial(_chunks, path, name, embedder)


def _is_text(path: Path) -> bool:
    try:
        if path.stat().st_size > LARGEST:
            return False
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return b"\0" not in path.read_bytes()


def _chunks(path: Path, name: str, embedder: Embedder) -> list[Document]:
    text = path.read_text(encoding="utf-8")
    passages = list(cut_markdown(text, path.stem) if path.suffix in _MARKDOWN else packed(path.stem, text))
    vectors = embedder.embed([f"{title}\n{passage}" for title, passage in passages])
    kind = "doc" if path.suffix in _PROSE else "code"
    made = hashlib.sha256(name.encode()).hexdigest()[:16]  # a path may be longer than an id
    return [
        Document(f"{made}:{number}", passage, {"title": title, "source_type": kind}, vectors[number])
        for number, (title, passage) in enumerate(passages)
    ]
