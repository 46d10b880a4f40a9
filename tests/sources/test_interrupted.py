"""An import that is killed with -9 in the middle and repeated, from each kind of source that there is."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store import open_store, sources
from agent_brain_store.chroma.connecting import close_client
from tests.support.chroma import client
from tests.support.chroma_server import chroma_server
from tests.support.foreign_stores import CHUNKS, DUMP, OLD_CHROMA
from tests.support.postgres import connect
from tests.support.servers import run_psql
from tests.support.stores import embed, mapping

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("on_one_node")]  # the command line has a quick one

Source = tuple[str, list[Any], dict[str, Any]]  # the name of a reader, and its arguments
COLUMNS = {"chunk_id": "langchain_id", "text": "content", "metadata": "langchain_metadata", "columns": ["page"]}

# It dies when it has stored the second of five batches.
PROGRAM = """
import asyncio, json, os, sys
from agent_brain_store import open_store
from agent_brain_store.sources import import_from, importing
from tests.sources.test_interrupted import reader
importing.BATCH = 10
def die(step):
    if step.done == 20:
        os.kill(os.getpid(), 9)
async def main(settings, source):
    async with open_store(settings) as store:
        await import_from(store, reader(*source), progress=die)
asyncio.run(main(*map(json.loads, sys.argv[1:])))
"""


_clients: list[Any] = []  # a client that is given to a reader is its owner's to close


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    while _clients:
        close_client(_clients.pop())


def reader(name: str, arguments: list[Any], options: dict[str, Any]) -> sources.Items:
    """Return a reader. A number stands for a client of the Chroma server at that port."""
    import chromadb

    given = [chromadb.HttpClient("127.0.0.1", a) if isinstance(a, int) else a for a in arguments]
    _clients.extend(a for a in given if hasattr(a, "heartbeat"))
    items: sources.Items = getattr(sources, name)(*given, **options)
    return items


# --- sources ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["chroma", "older chroma", "chroma server", "json lines", "parquet"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Yield a source with `CHUNKS`. Chroma has no place for the metadata of the first three."""
    if request.param == "chroma server":
        with chroma_server() as server:
            import chromadb

            _fill_chroma(chromadb.HttpClient("127.0.0.1", server.port))
            yield "read_chroma", [server.port, "docs"], {}
        return
    yield {
        "chroma": _chroma_directory,
        "older chroma": _older_chroma,
        "json lines": _json_lines,
        "parquet": _parquet,
    }[request.param](tmp_path)


def _fill_chroma(opened: Any) -> None:
    collection = opened.create_collection("docs", embedding_function=None)
    names, texts, metadatas = map(list, zip(*CHUNKS[3:], strict=True))
    collection.add(ids=names, documents=texts, embeddings=[embed(text) for text in texts], metadatas=metadatas)
    close_client(opened)


def _chroma_directory(path: Path) -> Source:
    _fill_chroma(client(path / "theirs"))
    return "read_chroma", [str(path / "theirs"), "docs"], {}


def _older_chroma(path: Path) -> Source:
    with tarfile.open(OLD_CHROMA) as archive:
        archive.extractall(path / "old", filter="data")
    return "read_chroma", [str(path / "old" / "chroma"), "agent_brain_collection"], {}


def _rows() -> list[dict[str, Any]]:
    return [{"id": i, "text": text, "embedding": embed(text), "metadata": meta} for i, text, meta in CHUNKS]


def _json_lines(path: Path) -> Source:
    (path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _rows()))
    return "read_json_lines", [str(path / "rows.jsonl")], {}


def _parquet(path: Path) -> Source:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -e '.[parquet]'")
    from pyarrow import parquet

    rows = [{**row, "metadata": json.dumps(row["metadata"])} for row in _rows()]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path / "rows.parquet")
    return "read_parquet", [str(path / "rows.parquet")], {}


TABLES: dict[str, Callable[[dict[str, Any]], Source]] = {
    "agent brain": lambda place: ("read_agent_brain", [place], {}),
    "langchain": lambda place: ("read_langchain", [place, "docs"], {}),
    "langchain table": lambda place: ("read_table", [place, "lc_table"], COLUMNS),
    "llama-index": lambda place: ("read_llama_index", [place, "nodes"], {}),
}


# --- imports ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Return the configuration of a new store."""
    if backend == "postgres":
        return mapping(backend=backend, postgres=request.getfixturevalue("database"))
    return mapping(chroma={"path": str(tmp_path / "ours")})


async def test_files_and_chroma(settings, source, tmp_path):
    await interrupted_and_repeated(settings, source, tmp_path)


@pytest.mark.postgres
@pytest.mark.parametrize("table", TABLES)
async def test_tables(settings, database, table, tmp_path):
    run_psql(database, "-f", str(DUMP), options="-c search_path=public")
    await interrupted_and_repeated(settings, TABLES[table](database), tmp_path)


async def interrupted_and_repeated(settings: dict[str, Any], source: Source, tmp_path: Path) -> None:
    """Kill an import. Its repetition has to end with what one import would have stored, and to leave the rest alone."""
    whole = tmp_path / "whole"
    async with open_store(mapping(chroma={"path": str(whole)})) as store:
        expected = await sources.import_from(store, reader(*source))
        digest = (await store.verify()).digest
    assert expected.chunks >= len(CHUNKS) - 3

    command = [sys.executable, "-c", PROGRAM, json.dumps(settings), json.dumps(source)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()

    left = await written(settings)
    assert len(left) == 20
    async with open_store(settings) as store:
        assert await sources.import_from(store, reader(*source)) == expected
        found = await store.verify()
    assert (found.ok, found.chunks, found.digest) == (True, expected.chunks, digest)
    now = await written(settings)
    assert {name: now[name] for name in left} == left, "what was stored is not written again"


async def written(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the chunks of a store that is not open, each with the number of the write that made it."""
    storage = settings["storage"]
    if "postgres" in storage:
        connection = await connect(storage["postgres"])
        rows = await connection.fetch("select chunk_id, xmin::text from agent_brain.chunks")
        await connection.close()
    else:
        with closing(sqlite3.connect(Path(storage["chroma"]["path"]) / "chroma.sqlite3")) as connection:
            rows = connection.execute("select embedding_id, max(seq_id) from embeddings group by 1").fetchall()
    return {row[0]: row[1] for row in rows}
