"""The examples of the page about integrations run, and a missing package is named."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from tests.support.pages import TEXTS, blocks, clean_environment
from tests.support.programs import run

EXAMPLES = [block for block in blocks(TEXTS["docs/integrations.md"], "python") if "\nconfig = {" in block]
PACKAGES = {"langchain": "langchain_core", "llama_index": "llama_index"}


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_the_chunk_that_it_stored(example, tmp_path):
    missing = [name for name in PACKAGES.values() if name in example and not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    command = [sys.executable, "-W", "ignore", "-c", example]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "The retry budget is three.\n"


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_a_missing_package_is_named(name, package):
    shown = run(
        """
        import importlib, sys
        from agent_brain_store import MissingDependency
        sys.modules[sys.argv[2]] = None
        try:
            importlib.import_module("agent_brain_store.integrations." + sys.argv[1])
        except MissingDependency as error:
            print(error)
        """,
        name,
        package,
    )
    assert f"agent-brain-store[{name.replace('_', '-')}]" in shown
