"""The page on reliability names tests that exist."""

from __future__ import annotations

import ast
import re

from tests.support.pages import ROOT, TEXTS, section

PAGE = TEXTS["docs/reliability.md"]


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w*]+)`", PAGE)
    assert len(named) > 15
    for path, name in named:
        functions = {
            node.name
            for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        }
        assert functions, path
        assert name == "*" or name in functions, f"{path}::{name}"


def test_every_promise_names_a_test():
    promises = [line for line in section(PAGE, "What is promised").splitlines() if line.startswith("| ")]
    told = [line for line in promises if not line.startswith("| promise")]
    assert told
    assert all("::" in line for line in told)
