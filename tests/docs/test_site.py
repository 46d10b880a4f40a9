"""The site builds without a warning, its links lead somewhere, and it fetches nothing from elsewhere."""

from __future__ import annotations

import html
import json
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import agent_brain_store
from tests.support.pages import PAGES, ROOT, clean_environment

pytest.importorskip("mkdocs", reason="the extra docs is not installed")


class Links(HTMLParser):
    """What a page links to, what it loads, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.targets.add(found["href"])
        elif tag == "link" and found.get("rel") != "canonical":
            self.loads.add(found["href"])
        elif "src" in found or "srcset" in found:
            self.loads |= {found[name] for name in ("src", "srcset") if name in found}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)]
    environment = clean_environment(PYTHONPATH=str(ROOT), NO_MKDOCS_2_WARNING="1")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return directory


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_every_page_of_the_repository_is_in_the_site(site: Path) -> None:
    for path in PAGES[1:]:
        name = path.relative_to(ROOT).with_suffix(".html").as_posix().removeprefix("docs/")
        assert (site / name).is_file(), name


def test_links_and_files_are_there(site: Path, pages: dict[Path, Links]) -> None:
    for page, links in pages.items():
        if page.name == "404.html":  # its paths are those of a server's root
            continue
        for target in links.targets | links.loads:
            parts = urlsplit(target)
            if parts.scheme or target in ("", "."):
                continue
            there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert there.exists(), f"{page.relative_to(site)}: {target}"
            if parts.fragment and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in pages[there].anchors, f"{page.relative_to(site)}: {target}"


def test_no_page_loads_anything_from_elsewhere(site: Path, pages: dict[Path, Links]) -> None:
    for page, links in pages.items():
        assert not [load for load in links.loads if urlsplit(load).netloc], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet
    assert not any('class="mermaid"' in page.read_text(encoding="utf-8") for page in pages), (
        "its script comes from a CDN"
    )


def test_every_public_name_is_explained_in_the_site(site: Path) -> None:
    shown = html.unescape(re.sub(r"<[^>]+>", "", (site / "api.html").read_text(encoding="utf-8")))
    anchors = Links((site / "api.html").read_text(encoding="utf-8")).anchors
    for name in agent_brain_store.__all__:
        assert any(anchor.endswith(f".{name}") for anchor in anchors), name
    assert "Store chunks, given as parallel lists." in shown


def test_the_search_box_finds_a_message_and_a_method(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    where = {entry["location"]: entry["text"] for entry in index["docs"]}
    assert any("fifteen lines" in location.replace("-", " ") for location in where)
    assert any("max_connections" in text for text in where.values())
    assert 'data-md-component="search-query"' in (site / "index.html").read_text(encoding="utf-8")


def test_make_docs_stops_at_a_warning() -> None:
    """With --quiet, mkdocs doesn't see the warnings, and --strict means nothing."""
    (build,) = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "mkdocs build" in line]
    assert "--strict" in build
    assert "--quiet" not in build


def test_the_list_of_settings_is_what_the_code_says() -> None:
    page = runpy.run_path(str(ROOT / ".ci" / "settings.py"))["page"]()
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page, "run make docs"
    assert page.count("\n| `") >= 40
