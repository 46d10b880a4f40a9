"""The pictures show what was measured, and every page that shows one finds it."""

from __future__ import annotations

import datetime
import json
import re
import socket
from xml.etree import ElementTree

import pytest

from benchmarks import plots
from tests.support.pages import ROOT, TEXTS

RESULTS = sorted(plots.RESULTS.glob("*.json"))
PICTURES = sorted(plots.PICTURES.glob("*.svg"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_say_where_and_when_they_were_measured(path):
    text = path.read_text(encoding="utf-8")
    result = json.loads(text)
    assert result["machine"].keys() == {"processor", "cores"}
    assert datetime.date.fromisoformat(result["date"])
    assert result["name"] == path.stem
    assert re.search(r"\d", result["size"])
    assert result["figures"]
    assert socket.gethostname() not in text


@pytest.mark.parametrize("name", plots.DRAWINGS)
def test_pictures_are_those_of_the_results(name):
    for theme in plots.THEMES:
        text = (plots.PICTURES / f"{name}-{theme}.svg").read_text(encoding="utf-8")
        assert plots.digest(plots.DRAWINGS[name][1]) in text, "the results are newer: run make plots"
        result = json.loads(next(plots.RESULTS.glob(f"{plots.DRAWINGS[name][1]}.json")).read_text(encoding="utf-8"))
        assert plots.measured(result) in text, "machine and date"


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_are_shown_and_fetch_nothing(path):
    ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert any(f"pictures/{path.name}" in text for text in TEXTS.values())
    links = re.findall(r"(?:href|src)=\"([^\"]+)\"", path.read_text(encoding="utf-8"))
    assert all(link.startswith("#") for link in links)


def test_every_picture_of_a_page_is_there_and_described():
    found = 0
    for page, text in TEXTS.items():
        for alt, source in re.findall(r'<img alt="([^"]*)" src="([^"]+)"', text) + re.findall(
            r"!\[([^\]]*)\]\(([^)]+)\)", text
        ):
            found += 1
            assert len(alt) > 20, f"{page}: {source}"
            assert ((ROOT / page).parent / source).is_file(), f"{page}: {source}"
        for source in re.findall(r'srcset="([^"]+)"', text):
            assert ((ROOT / page).parent / source).is_file(), f"{page}: {source}"
    assert found >= 7


def test_a_picture_can_be_drawn_for_both_themes(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    for name in plots.DRAWINGS:
        for theme, (ground, ink, _) in plots.THEMES.items():
            plots.draw(name, theme, tmp_path)
            text = (tmp_path / f"{name}-{theme}.svg").read_text(encoding="utf-8")
            assert ground in text
            assert ink in text
            assert any(unit in text for unit in ("nDCG@10", "ms, median", "ms of processor time", "KiB a chunk"))
