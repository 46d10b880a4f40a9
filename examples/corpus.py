"""Collect the passages that the demo indexes: the project's own documentation, and a bundled sample.

Markdown is cut at headings and paragraphs. From SQL files it takes the comments. From Python files it takes the
docstrings of modules, classes and their public functions. A passage's id contains a hash of its text, so a changed text
is another passage.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.demo.cutting import cut_markdown, packed

SAMPLE = Path(__file__).with_name("sample")
_COMMENT = re.compile(r"^\s*-- ?(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to index. ``vector`` is None if the text came without one, and then it has to be made."""

    id: str
    text: str
    metadata: dict[str, Any]
    vector: NDArray[np.float32] | None = None


def sample() -> list[Passage]:
    """Return the bundled passages with their embeddings."""
    lines = (SAMPLE / "passages.jsonl").read_text(encoding="utf-8").splitlines()
    vectors = np.load(SAMPLE / "embeddings.npy").astype(np.float32)
    return [_bundled(json.loads(line), vector) for line, vector in zip(lines, vectors, strict=True)]


def _bundled(record: dict[str, Any], vector: NDArray[np.float32]) -> Passage:
    return Passage(record["id"], record["text"], record["metadata"] | {"corpus": "sample"}, vector)


def documentation(root: Path) -> list[Passage]:
    """Return passages of the project's guides, SQL files and docstrings."""
    found: dict[str, Passage] = {}
    for path in _files(root):
        source = path.relative_to(root).as_posix()
        for title, text in _cut(path):
            passage = _passage(source, title, text)
            found.setdefault(passage.id, passage)
    return list(found.values())


def _files(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*.md"))
    for folder, pattern in (("docs", "*.md"), ("sql", "*.sql"), ("agent_brain_store", "*.py")):
        yield from sorted((root / folder).rglob(pattern))


def _cut(path: Path) -> Iterator[tuple[str, str]]:
    text = path.read_text(encoding="utf-8")
    cut = {".md": cut_markdown, ".sql": _cut_sql, ".py": _cut_python}[path.suffix]
    return cut(text, path.stem)


def _passage(source: str, title: str, text: str) -> Passage:
    language = {"md": "markdown", "sql": "sql", "py": "python"}[source.rpartition(".")[2]]
    digest = hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()[:12]
    metadata = {
        "source": source,
        "file_name": source.rpartition("/")[2],
        "title": title,
        "section_title": title.rpartition(" > ")[2],
        "source_type": "code" if language == "sql" else "doc",
        "language": language,
        "corpus": "documentation",
    }
    return Passage(f"{source}:{digest}", f"{title}\n{text}", metadata)


# --- one format each: (title, text) pairs ----------------------------------------------------------------------------


def _cut_sql(text: str, name: str) -> Iterator[tuple[str, str]]:
    blocks = ("\n".join(_COMMENT.findall(block)) for block in re.split(r"\n\s*\n|\n--\n", text))
    return packed(name, "\n\n".join(block for block in blocks if block))


def _cut_python(text: str, name: str) -> Iterator[tuple[str, str]]:
    tree = ast.parse(text)
    yield from packed(name, "\n\n".join(_docstrings(tree)))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from packed(f"{name}.{node.name}", "\n\n".join(_docstrings(node)))


def _docstrings(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield the docstring of a module or class, and those of its public functions."""
    yield ast.get_docstring(node) or ""
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
            docstring = ast.get_docstring(inner)
            if docstring:
                yield f"{inner.name}: {docstring}"
