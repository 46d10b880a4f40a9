"""The store in a web application, which opens and closes it, and tells its errors with care."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import service
import uvicorn

from agent_brain_store import NotInitialized, StorageBackend, StorageError, StoreConfig, lifespan, open_store
from tests.support.stores import embed, mapping
from tests.support.watching import no_connections

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))


DOCUMENTS = [
    {"id": "a", "text": "the write-ahead log of a database", "metadata": {"source_type": "doc"}},
    {"id": "b", "text": "getUserById returns one user", "metadata": {"source_type": "code"}},
]


# --- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Return a configuration as YAML would give it."""
    postgres = request.getfixturevalue("database") if backend == "postgres" else {}
    return mapping(backend=backend, chroma={"path": str(tmp_path / "chroma")}, postgres=postgres)


@pytest.fixture
def app(settings: dict[str, Any]) -> Any:
    return service.create_app(StoreConfig.from_dict(settings), lambda texts: [embed(text) for text in texts])


@pytest.fixture
def broken(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration whose store cannot be opened."""
    storage = settings["storage"]
    Path(storage["chroma"]["path"]).write_text("a file where a directory should be")
    storage["postgres"] = {**storage["postgres"], "database": "there_is_no_such_database"}
    return settings


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application under a real uvicorn, and yield a client for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", ws="none"))
        running = asyncio.create_task(run(server, listening))
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            await wait_until(lambda: server.started or running.done())
            assert server.started, "the application did not start"
            async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            await running


async def run(server: uvicorn.Server, listening: socket.socket) -> None:
    with suppress(SystemExit):  # uvicorn raises it when an application did not start
        await server.serve(sockets=[listening])


async def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@contextmanager
def command_line(config: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start ``uvicorn service:create_app`` as a process, and yield it once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "--factory", "service:create_app"]
    options = ["--port", str(port), "--log-level", "error"]
    process = subprocess.Popen([*command, *options], env={**os.environ, "AGENT_BRAIN_CONFIG": str(config)})
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "uvicorn did not start"
            time.sleep(0.05)
        yield process, port
    finally:
        process.kill()
        process.wait()


# --- requests --------------------------------------------------------------------------------------------------------


async def test_requests_are_answered(app: Any, backend: str) -> None:
    async with serving(app) as client:
        assert (await client.get("/health")).json() == {"ok": True, "backend": backend}
        written = await client.post("/documents", json={"documents": DOCUMENTS})
        assert (written.status_code, written.json()) == (201, {"written": 2})
        for mode in ("hybrid", "vector", "keyword"):
            found = (await client.get("/search", params={"q": "getUserById", "mode": mode})).json()
            assert found["mode"] == mode
            assert found["results"][0]["chunk_id"] == "b"
        filtered = await client.get("/search", params={"q": "getUserById", "source_type": "doc"})
        assert [result["chunk_id"] for result in filtered.json()["results"]] == ["a"]


async def test_many_requests_at_once(app: Any) -> None:
    async with serving(app) as client:
        await client.post("/documents", json={"documents": DOCUMENTS})
        answers = await asyncio.gather(*(client.get("/search", params={"q": "the log"}) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["results"][0]["chunk_id"] for answer in answers} == {"a"}


@pytest.mark.parametrize(
    ("request_line", "body", "status", "says"),
    [
        ("GET /search?q=log&top_k=-1", None, 422, "top_k"),
        ("GET /search?q=log&top_k=many", None, 400, "top_k"),
        ("GET /search?q=log&mode=magic", None, 400, "hybrid, vector or keyword"),
        ("GET /nothing", None, 404, "Not Found"),
        ("POST /documents", "no JSON", 400, "not JSON"),
        ("POST /documents", {"documents": [{"id": "x"}]}, 400, "expected"),
        ("POST /documents", {"documents": [{"id": "", "text": "t"}]}, 422, "id is empty"),
        ("POST /documents", {"documents": [{"id": "x", "text": "t", "embedding": [1, 2]}]}, 422, "2 dimensions"),
        ("POST /documents", {"documents": [{"id": "x", "text": "t", "metadata": [1]}]}, 422, "metadata"),
    ],
)
async def test_errors_that_the_caller_can_mend_are_told(
    app: Any, request_line: str, body: Any, status: int, says: str
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    async with serving(app) as client:
        answer = await client.request(*request_line.split(), content=None if body is None else content)
        assert answer.status_code == status
        assert says in answer.json()["error"]
        assert await app.state.store.get_count() == 0


async def test_errors_that_only_we_can_mend_are_not_told(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(app) as client:
        await app.state.store.close()
        answer = await client.get("/search", params={"q": "log", "mode": "keyword"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"error": "the store is not available; try again"}
        assert (await client.get("/health")).status_code == 503
    assert "initialize()" in caplog.text


# --- life ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_one_node")
async def test_shutdown_closes_the_store(
    app: Any, backend: str, settings: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    async with serving(app) as client:
        await client.post("/documents", json={"documents": DOCUMENTS})
        store: StorageBackend = app.state.store
        assert store.is_initialized
    assert not store.is_initialized
    with pytest.raises(NotInitialized):
        await store.get_count()
    if backend == "postgres":
        await no_connections(request.getfixturevalue("server"), settings["storage"]["postgres"]["database"])


async def test_an_application_can_start_again(app: Any) -> None:
    async with serving(app) as client:
        await client.post("/documents", json={"documents": DOCUMENTS})
    async with serving(app) as client:
        found = await client.get("/search", params={"q": "write-ahead"})
        assert found.json()["results"][0]["chunk_id"] == "a"


async def test_the_store_is_in_the_state_of_the_lifespan(settings: dict[str, Any]) -> None:
    class App:
        class state:  # noqa: N801 - as frameworks call it
            store: StorageBackend

    async with lifespan(settings)(App) as state:
        assert state == {"store": App.state.store}
        assert await state["store"].get_count() == 0
    assert not App.state.store.is_initialized


async def test_an_application_without_its_store_does_not_start(broken: dict[str, Any]) -> None:
    app = service.create_app(StoreConfig.from_dict(broken))
    with pytest.raises(AssertionError, match="did not start"):
        async with serving(app):
            pass
    with pytest.raises(StorageError):
        async with lifespan(broken)(app):
            pass


@pytest.mark.usefixtures("on_one_node")
async def test_the_service_runs_under_uvicorn_from_the_command_line(
    backend: str, settings: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(settings))
    async with open_store(settings) as store:
        await store.upsert_documents(["a"], [embed("a log")], ["a log"], [{}])
    with command_line(config) as (process, port):
        found = await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/search?q=log", trust_env=False, timeout=30)
        assert [result["chunk_id"] for result in found.json()["results"]] == ["a"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) in (
            0,
            -signal.SIGTERM,
        )  # uvicorn ends by this signal, once it is done
    if backend == "postgres":
        await no_connections(request.getfixturevalue("server"), settings["storage"]["postgres"]["database"])
    async with open_store(settings) as store:  # nothing is left locked
        assert await store.get_count() == 1


def test_lifespan_needs_no_framework() -> None:
    program = "import sys, agent_brain_store as a; a.lifespan(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"starlette", "fastapi", "asyncpg", "chromadb", "numpy", "yaml"} & set(loaded)
