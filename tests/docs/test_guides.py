"""The recipes of the guides do what the guides say."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store import Document, open_store, sync_documents
from agent_brain_store.demo.embedder import Embedder
from tests.support.pages import ROOT, TEXTS, blocks, clean_environment
from tests.support.postgres import connect
from tests.support.stores import embed, mapping


async def run(program: str, **names: Any) -> dict[str, Any]:
    """Run a recipe that awaits, with the names that its reader has. Returns all names."""
    names |= {"__builtins__": __builtins__}
    pending = eval(compile(program, "recipe", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if pending is not None:
        await pending
    return names


# --- a folder --------------------------------------------------------------------------------------------------------


async def test_the_recipe_keeps_a_folder_in_step(tmp_path, monkeypatch, capsys):
    recipe = blocks(TEXTS["docs/folders.md"], "python")[0]
    assert sum(bool(line.strip()) for line in recipe.splitlines()) <= 15
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(str(mapping(chroma={"path": str(tmp_path / "chroma")})))
    notes = tmp_path / "notes"
    (notes / "deep").mkdir(parents=True)
    (notes / "a.md").write_text("Bears sleep.\n\nCats don't.")
    (notes / "deep" / "b.md").write_text("Rockets fly.")
    its = {"hashlib": hashlib, "partial": partial, "Path": Path, "Document": Document}
    its |= {"open_store": open_store, "sync_documents": sync_documents}
    its["embed"] = lambda texts: [embed(text) for text in texts]
    await run(recipe, **its)
    assert capsys.readouterr().out.endswith("2 new, 0 changed, 0 unchanged, 0 removed\n")
    (notes / "a.md").write_text("Bears wake.")
    (notes / "deep" / "b.md").unlink()
    (notes / "c.md").write_text("")
    await run(recipe, **its)
    assert capsys.readouterr().out.endswith("0 new, 1 changed, 1 unchanged, 1 removed\n")
    async with open_store("config.yaml") as store:
        assert [document.text async for document in store.iter_documents()] == ["Bears wake."]
        assert [hit.metadata["title"] for hit in await store.keyword_search("bears", 5)] == ["a"]


@pytest.mark.postgres
async def test_the_statement_of_the_metadata_page_lists_keys(database):
    (statement,) = blocks(TEXTS["docs/metadata.md"], "sql")
    async with open_store(mapping(backend="postgres", postgres=database)) as store:
        metadatas: list[dict[str, Any]] = [{"source": "a", "n": 1}, {"source": "b"}, {"source": "b"}]
        await store.upsert_documents(["a", "b", "c"], [embed("x")] * 3, ["x"] * 3, metadatas)
    connection = await connect(database)
    rows = [tuple(row) for row in await connection.fetch(statement)]
    await connection.close()
    assert rows == [("source", 3, 2), ("n", 1, 1)]


# --- the tutorial ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Embedder.is_available(), reason="the demo's embedding model is not installed")
def test_the_tutorial_leads_to_an_answer(tmp_path):
    """Every command after the installation, as it stands there, in a new home."""
    page = TEXTS["docs/tutorial.md"]
    install, *commands = blocks(page, "sh")
    assert "pip install 'agent-brain-store[demo]'" in install
    (tmp_path / "config.yaml").write_text(blocks(page, "yaml")[0])
    (tmp_path / "ask.py").write_text(blocks(page, "python")[0])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "kitchen.md").write_text("Salt the water.\n\nLet the bread cool before you cut it.")
    (tmp_path / "notes" / "garden.md").write_text("Prune the roses in March.")
    (tmp_path / "bin").mkdir()
    for name, module in (("agent-brain-store", "-c 'from agent_brain_store.cli import main; main()'"), ("python", "")):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        program.chmod(0o755)
    environment = clean_environment(
        HOME=str(tmp_path), PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}", PYTHONPATH=str(ROOT)
    )
    printed = []
    for command in commands:
        done = subprocess.run(
            ["sh", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}{done.stdout}{done.stderr}"
        printed.append(done.stdout)
    demo, own, looks = printed
    assert demo.startswith("1\t1.000\tkitchen.md · kitchen\t")
    assert own.startswith("2 new, 0 changed, 0 removed\n\n")
    assert own.split("\n")[2].endswith("kitchen.md")
    assert own.split("\n")[3] == "Let the bread cool before you cut it."
    assert "all-MiniLM-L6-v2" in looks
    assert looks.count("Let the bread cool") == 2
