"""Fixtures: a real PostgreSQL (the wheel's, or the one that AGENT_BRAIN_TEST_DATABASE_URL names) and a real Chroma.

AGENT_BRAIN_TEST_CITUS_URL names a Citus cluster. The tests of the contract then run on it too.

The wheel has two versions, of which AGENT_BRAIN_TEST_POSTGRES chooses one: 16 or 18.

A template database with a migrated store is made once; every test gets a clone of it, or a directory of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from agent_brain_store import StorageBackend, StoreConfig, create_backend
from agent_brain_store.config.url import parse_connection_url
from tests.support.chroma_server import chroma_server
from tests.support.citus import CITUS_URL, citus_schema
from tests.support.disks import work_in_memory
from tests.support.halves import Halves
from tests.support.large import load_large
from tests.support.pooler import pgbouncer, way_past
from tests.support.postgres import config, connect
from tests.support.servers import Server, wheel_server
from tests.support.stores import mapping

for name in [key for key in os.environ if key.startswith("PG") or key == "DATABASE_URL"]:
    del os.environ[name]  # a developer's own settings must not leak into the tests

work_in_memory()

# Ctrl-C does nothing in a job that a script has started in the background. Tests press it, so here and in children it works.
signal.signal(signal.SIGINT, signal.default_int_handler)


# A busy machine is no reason for a test to fail.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def logger() -> Iterator[None]:
    """Leave the library's logger as it was. The command line takes it over, as if the process were its own."""
    ours = logging.getLogger("agent_brain_store")
    before = ours.level, ours.propagate, list(ours.handlers)
    yield
    level, ours.propagate, ours.handlers = before
    ours.setLevel(level)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    url = os.environ.get("AGENT_BRAIN_TEST_DATABASE_URL")
    if url:
        values, problems = parse_connection_url(url)
        assert not problems, "AGENT_BRAIN_TEST_DATABASE_URL cannot be read"
        yield _with_template(Server(values))
        return
    with wheel_server(int(os.environ.get("AGENT_BRAIN_TEST_POSTGRES", "18"))) as location:
        yield _with_template(Server(location))


def _with_template(server: Server) -> Server:
    server.template = f"abs_template_{uuid.uuid4().hex[:8]}"
    server.janitor(server.template).init()
    with ThreadPoolExecutor(1) as thread:  # the fixture may be asked for while a test's loop is running
        thread.submit(asyncio.run, _migrate(server.postgres(server.template))).result()
    return server


async def _migrate(postgres: dict[str, Any]) -> None:
    store = create_backend(config(postgres))
    await store.initialize()
    await store.close()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Yield ``storage.postgres`` for a clone of the template, with a migrated, empty store of `DIMENSIONS` dimensions.

    On the cluster it is a schema of its own, without a store.
    """
    if request.node.get_closest_marker("citus"):
        with citus_schema() as postgres:
            yield postgres
        return
    server: Server = request.getfixturevalue("server")
    name = f"abs_{uuid.uuid4().hex[:12]}"
    with server.janitor(name, server.template):
        yield server.postgres(name)


@pytest.fixture
async def plain(database: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection of the test's own to its database."""
    connection = await connect(database)
    yield connection
    await connection.close()


@pytest.fixture
def embedded_path() -> Iterator[Path]:
    """Make a directory that an ordinary user can reach. Those of pytest belong to root alone."""
    with tempfile.TemporaryDirectory(prefix="abs-embedded-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "deep" / "pg"


_BACKENDS = ["chroma", pytest.param("postgres", marks=pytest.mark.postgres)]
if os.environ.get(CITUS_URL):
    _BACKENDS.append(pytest.param("citus", marks=pytest.mark.citus))


@pytest.fixture(params=_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Return the name of a backend. For "citus" it is PostgreSQL's too, and `database` is on the cluster."""
    return "postgres" if request.param == "citus" else str(request.param)


@pytest.fixture
def on_one_node(request: pytest.FixtureRequest) -> None:
    """Skip a test on a cluster. What it needs is not there (docs/scaling.md), or all tests share it there."""
    if request.node.get_closest_marker("citus"):
        pytest.skip("not on a cluster")


@pytest.fixture(scope="session")
def pooler(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Yield what leads through a pgbouncer, if AGENT_BRAIN_TEST_POOLER names its mode. Otherwise there is nothing.

    After ``transaction+direct``, a ``direct_url`` leads past it.
    """
    mode, _, direct = os.environ.get("AGENT_BRAIN_TEST_POOLER", "").partition("+")
    if not mode:
        yield {}
        return
    location = request.getfixturevalue("server").location
    with pgbouncer(location, mode) as through:
        way = {"direct_url": way_past(location)} if direct else {}
        yield {**{key: through[key] for key in ("host", "port", "ssl_mode")}, "pooler": mode, **way}


@pytest.fixture
def postgres(database: dict[str, Any], pooler: dict[str, Any]) -> dict[str, Any]:
    """Return ``storage.postgres`` for the test's store, as a test of the contract reaches it."""
    return database | pooler


@pytest.fixture(scope="session")
def chroma_place() -> Iterator[dict[str, Any]]:
    """Yield what leads to a Chroma server, if AGENT_BRAIN_TEST_CHROMA is ``server``. Otherwise there is nothing."""
    if os.environ.get("AGENT_BRAIN_TEST_CHROMA") != "server":
        yield {}
        return
    with chroma_server() as server:
        yield {**server.place, "path": str(server.directory)}  # some tests look at the files of the server


Make = Callable[..., StorageBackend]


@pytest.fixture
async def make(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Make unopened stores of the same data. Keywords override ``storage``. Close them at the end."""
    postgres: dict[str, Any] = {}
    chroma = {"path": str(tmp_path / "chroma")}
    if backend == "chroma" and (place := request.getfixturevalue("chroma_place")):
        chroma = {**place, "collection": f"c{uuid.uuid4().hex}"}
    if backend == "postgres":
        postgres = request.getfixturevalue("postgres")
    made: list[StorageBackend] = []

    def build(**storage: Any) -> StorageBackend:
        storage = {"backend": backend, "chroma": chroma, "postgres": postgres, **storage}
        config = StoreConfig.from_dict(mapping(**storage))
        halves = backend == "postgres" and os.environ.get("AGENT_BRAIN_TEST_READ_ONLY")
        made.append(cast("StorageBackend", Halves(config)) if halves else create_backend(config))
        return made[-1]

    yield build
    for store in made:
        await store.close()


@pytest.fixture
def elsewhere(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return the place of another store by a name, as keywords for `make`."""

    def place(name: str) -> dict[str, Any]:
        if backend == "chroma":
            return {"chroma": {"path": str(tmp_path / name)}}
        there = request.getfixturevalue("postgres")
        return {"postgres": {**there, "schema": f"{there['schema']}_{name}" if "schema" in there else name}}

    return place


@pytest.fixture
async def store(make: Make) -> StorageBackend:
    """Open an empty store."""
    store = make()
    await store.initialize()
    return store


# --- a larger store, read by many tests ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def large(server: Server):
    """Load 20,000 chunks once for many tests, and yield (storage.postgres, vectors)."""
    with server.janitor("abs_large", server.template), ThreadPoolExecutor(1) as thread:
        postgres = server.postgres("abs_large")
        yield postgres, thread.submit(asyncio.run, load_large(postgres)).result()
