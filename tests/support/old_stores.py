"""Stores as earlier versions of the library made them, kept as dumps: every later version has to open them.

A release adds its own, made on the oldest supported PostgreSQL so that every newer one can restore it::

    python -m tests.support.old_stores        writes tests/postgres/old_stores/VERSION.sql
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

from agent_brain_store import StorageBackend, __version__, create_backend
from tests.support.postgres import config
from tests.support.servers import psql_directory, psql_environment, wheel_server
from tests.support.stores import DIMENSIONS, embed

FOLDER = Path(__file__).parents[1] / "postgres" / "old_stores"
CHUNKS: list[tuple[str, str, dict[str, Any]]] = [
    ("guide", "How the write-ahead log works", {"title": "Recovery", "source": "/docs/wal.md", "page": 3}),
    ("code", "def getUserById(user_id): return users[user_id]", {"language": "python", "source": "/src/users.py"}),
    ("bear", "A growling bear frightens quiet cats", {"summary": "Animals in the wood"}),
    ("cat", "The quiet cat sleeps", {"tags": ["animal", "pet"]}),
    ("ümlaut", "Über die Brücke geht der Bär", {"source": "/docs/de/brücke.md"}),
    ("empty", "", {}),
    *((f"page{i:03}", f"Page {i} of the manual, chapter {i % 7}", {"page": i}) for i in range(60)),
]


async def fill(store: StorageBackend) -> None:
    """Write the chunks of an old store."""
    names, texts, metadatas = map(list, zip(*CHUNKS, strict=True))
    await store.upsert_documents(names, [embed(text) for text in texts], texts, metadatas)
    await store.delete_by_ids(["page059"])
    await store.set_embedding_metadata("test", "hashed", DIMENSIONS)


async def _make(postgres: dict[str, Any]) -> None:
    store = create_backend(config(postgres))
    await store.initialize()
    await fill(store)
    await store.close()


def main() -> None:
    """Write the dump of this version."""
    with wheel_server(16) as location:
        postgres = {**location, "database": "postgres"}
        asyncio.run(_make(postgres))
        command = [
            str(psql_directory(newest=False) / "pg_dump"),
            "--schema=agent_brain",
            "--no-owner",
            "--no-privileges",
        ]
        dumped = subprocess.run(
            command, env=psql_environment(postgres), capture_output=True, text=True, check=True
        ).stdout
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{__version__}.sql").write_text(dumped, encoding="utf-8")


if __name__ == "__main__":
    main()
