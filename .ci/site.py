"""A hook of mkdocs. It takes pages and examples outside of docs/ into the site, and makes links between all of them work.

The Markdown is written for a reader on GitHub, where a link is a path in the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# They keep their paths in the site.
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "sql/README.md",
    "examples/notebook.ipynb",
    "examples/service.py",
)
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the files outside of docs/."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn each link from a path of the repository into one of the site."""
    here = posixpath.dirname(page.file.src_uri)
    folder = here if page.file.src_uri in OUTSIDE else posixpath.join("docs", here)

    def linked(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match[2]))
        if path in OUTSIDE or path.startswith("docs/"):
            path = posixpath.relpath(path.removeprefix("docs/"), here or ".")
            return f"{match[1]}{path}{match[3]}"
        return match[0]

    parts = re.split(r"(^ *```.*?^ *```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if position % 2 else _LINK.sub(linked, part) for position, part in enumerate(parts))
