"""The recipes of the guides do what the guides say."""

from __future__ import annotations

import ast
import hashlib
import http.server
import json
import os
import shlex
import subprocess
import sys
import threading
import types
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from agent_brain_store import Document, open_store, sync_documents
from agent_brain_store.demo.embedder import Embedder
from tests.support.pages import ROOT, TEXTS, blocks, clean_environment
from tests.support.postgres import connect
from tests.support.stores import embed, mapping

needs_model = pytest.mark.skipif(not Embedder.is_available(), reason="the demo's embedding model is not installed")


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


@needs_model
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


# --- a service -------------------------------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path, monkeypatch):
    """Return what runs the service of the page, with its configuration and a model."""
    program = next(block for block in blocks(TEXTS["docs/service.md"], "python") if "exception_handler" in block)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(str(mapping(chroma={"path": str(tmp_path / "chroma")})))
    model = types.ModuleType("my_model")
    model.embed = lambda texts: [embed(text) for text in texts]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_model", model)
    names: dict[str, Any] = {"__name__": "service_of_the_page"}
    exec(compile(program, "docs/service.md", "exec"), names)
    return names["app"]


@asynccontextmanager
async def client_of(app):
    """Open the application as a server does, and yield a client of it."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


async def test_the_service_of_the_page_answers(service):
    async with client_of(service) as client:
        texts = ["a growling bear", "a quiet cat", "a bear and a cat"]
        metadatas = [{"source_type": "doc"}, {"source_type": "doc"}, {"source_type": "code"}]
        await service.state.store.upsert_documents(["b", "c", "d"], [embed(t) for t in texts], texts, metadatas)
        found = (await client.get("/search", params={"q": "a growling bear", "top_k": 2})).json()
        assert [hit["chunk_id"] for hit in found] == ["b", "d"]
        assert (found[0]["vector_rank"], found[0]["keyword_rank"]) == (1, 1)
        found = (await client.get("/search", params={"q": "bear", "source_type": ["code"]})).json()
        assert [hit["chunk_id"] for hit in found] == ["d"]
        assert (await client.get("/health")).json() == {"ok": True}


async def test_the_service_of_the_page_tells_the_callers_mistakes_alone(service):
    async with client_of(service) as client:
        wrong = await client.get("/search", params={"q": "bear", "top_k": -1})
        assert wrong.status_code == 422
        assert "top_k" in wrong.json()["error"]
        assert (await client.get("/search", params={"q": "bear", "top_k": "many"})).status_code == 422
        await service.state.store.close()
        later = await client.get("/search", params={"q": "bear"})
        assert (later.status_code, later.json(), later.headers["retry-after"]) == (503, {"error": "try again"}, "1")
        health = await client.get("/health")
        assert (health.status_code, health.json()) == (503, {"ok": False})


# --- embedding models ------------------------------------------------------------------------------------------------


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Answers as OpenAI's endpoint for embeddings does."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (self.path, asked["model"]) == ("/embeddings", "text-embedding-3-small")
        assert len(asked["input"]) <= 200
        data = [{"object": "embedding", "index": i, "embedding": [float(t), 1.0]} for i, t in enumerate(asked["input"])]
        answer = {
            "object": "list",
            "data": data,
            "model": asked["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass


def recipe(package: str) -> dict[str, Any]:
    program = next(block for block in blocks(TEXTS["docs/embedding-models.md"], "python") if f"from {package}" in block)
    names: dict[str, Any] = {}
    exec(compile(program, "docs/embedding-models.md", "exec"), names)
    return names


def test_the_recipe_for_openai_sends_texts_in_parts(monkeypatch):
    """With OpenAI's own client, against a server of the test's."""
    pytest.importorskip("openai", reason="OpenAI's client is not installed")
    server = http.server.HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        names = recipe("openai")
        vectors = names["embed"]([str(number) for number in range(450)])
        names["client"].close()
    finally:
        server.shutdown()
        server.server_close()
    assert [vector[0] for vector in vectors] == list(range(450))


def test_the_recipe_for_sentence_transformers_asks_for_unit_vectors(monkeypatch):
    """The package needs torch and a download, so a stand-in takes its place. It has the parameters that the recipe uses."""
    asked = []

    class SentenceTransformer:
        def __init__(self, name: str) -> None:
            asked.append(name)

        def encode(self, sentences, *, normalize_embeddings=False):
            asked.append(normalize_embeddings)
            return np.ones((len(sentences), 384), np.float32)

    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = SentenceTransformer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    assert recipe("sentence_transformers")["embed"](["a", "b"]).shape == (2, 384)
    assert asked == ["BAAI/bge-small-en-v1.5", True]
    assert all(name in TEXTS["docs/embedding-models.md"] for name in (f"model: {asked[0]}", "dimensions: 384"))


# --- a notebook, and Docker ------------------------------------------------------------------------------------------


@needs_model
async def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], {cell["cell_type"] for cell in notebook["cells"]}) == (4, {"markdown", "code"})
    names: dict[str, Any] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "commit it without outputs"
            *lines, last = "".join(cell["source"]).splitlines()
            is_value = last.startswith("[")
            names = await run("\n".join([*lines, f"shown = {last}" if is_value else last]), **names)
            shown += [names["shown"]] if is_value else []
    assert capsys.readouterr().out.startswith("1.00  deadlock   words 1  meaning 1")
    assert (shown[0], sorted(shown[1])) == (["dough"], ["deadlock", "log"])


def test_docker_by_hand_is_what_compose_starts():
    command = next(block for block in blocks(TEXTS["docs/backends.md"], "sh") if "docker run" in block)
    words = shlex.split(command.replace("\\\n", " "))
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["db"]
    image = words.index(service["image"])
    assert words[image + 1 :] == service["command"][1:]
    options = dict(zip(words[3:image:2], words[4:image:2], strict=True))
    assert (options["--shm-size"], options["--restart"]) == (service["shm_size"], service["restart"])
    assert options["--publish"] == service["ports"][0].replace("${POSTGRES_PORT:-5432}", "5432")
    assert options["--volume"].split(":")[1] == service["volumes"][0].split(":")[1]
    assert "POSTGRES_PASSWORD" in words, "without a value, Docker takes the shell's"
