"""The tests keep their own rules: what they share is in tests/support, and private members are reached in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
FILES = {path.relative_to(TESTS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("*.py"))}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of every file, after the name of the file."""
    for name, text in FILES.items():
        for node in ast.walk(ast.parse(text)):
            yield name, node


def test_tests_import_only_what_is_shared():
    for name, node in nodes():
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests":
            assert (node.module or "").startswith("tests.support"), f"{name}:{node.lineno} imports {node.module}"


def test_private_members_are_reached_in_internals_alone():
    for name, node in nodes():
        if name == "support/internals.py":
            continue
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            reached = ast.unparse(node)
            is_public = reached in ("os._exit", "sys._current_frames")  # in spite of their names
            assert reached.startswith("self.") or is_public, f"{name}:{node.lineno} reaches for {reached}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("monkeypatch.setattr"):
            places = [f".{place.value!s}" for place in node.args[:2] if isinstance(place, ast.Constant)]
            assert not any("._" in place for place in places), f"{name}:{node.lineno} patches {places}"


def test_every_finding_of_the_doctor_is_provoked():
    package = TESTS.parent / "agent_brain_store" / "cli"
    checks = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    findings = re.findall(r'Finding\(\s*(?:ERROR|WARNING|NOTE|level),\s*f?"([^"]+)"', checks)
    provoked = "".join(text for name, text in FILES.items() if name.startswith("cli/"))
    assert len(findings) > 50
    for finding in findings:
        for part in re.split(r"\{.*?\}", finding):
            assert part in provoked, f"no test provokes: {finding}"


def test_files_and_functions_stay_small():
    assert [name for name, text in FILES.items() if len(text.splitlines()) > 400] == []
    for name, node in nodes():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, f"{name}:{node.lineno}: {node.name}"


def test_tests_that_need_a_server_are_marked():
    marked = {name for name, text in FILES.items() if "\npytestmark = pytest.mark.postgres\n" in text}
    assert {name for name in FILES if name.startswith(("postgres/test_", "crash/test_"))} <= marked
