"""Read the chunks of a Chroma collection that this library did not make."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent_brain_store.errors import TransferError
from agent_brain_store.sources.importing import Items
from agent_brain_store.types import Document

ROWS = 500  # that are read at a time


async def read_chroma(source: str | os.PathLike[str] | Any, collection: str) -> Items:
    """Yield the chunks of a collection.

    ``source`` is the directory of a Chroma that is not in use, or a client of Chroma, such as ``chromadb.HttpClient()``.
    Chroma writes into every directory that it opens. So a directory is copied into a temporary one, which needs as
    much room, and the copy is read.
    """
    import chromadb

    async with _client(source) as client:
        try:
            found = await asyncio.to_thread(client.get_collection, collection, embedding_function=None)
        except (chromadb.errors.ChromaError, ValueError) as error:
            raise TransferError(f"the collection {collection!a} cannot be read: {error}") from error
        start, expected = 0, await asyncio.to_thread(found.count)
        while page := await asyncio.to_thread(_page, found, start):
            for document in page:
                yield document
            start += len(page)
        count = await asyncio.to_thread(found.count)
        if not start == expected == count:
            raise TransferError(
                f"the collection {collection!a} held {expected} chunks at first and {count} at last, and {start} were read: "
                "was something writing? Repeat the call"
            )


def _page(collection: Any, start: int) -> list[Document]:
    rows = collection.get(limit=ROWS, offset=start, include=["documents", "metadatas", "embeddings"])
    return [
        Document(chunk_id, text, metadata, vector)
        for chunk_id, text, metadata, vector in zip(
            rows["ids"], rows["documents"], rows["metadatas"], rows["embeddings"], strict=True
        )
    ]


@asynccontextmanager
async def _client(source: Any) -> AsyncIterator[Any]:
    if not isinstance(source, str | os.PathLike):
        yield source
        return
    import chromadb
    from chromadb.config import Settings

    if not (Path(source) / "chroma.sqlite3").is_file():
        raise TransferError(f"{Path(source).name} holds no Chroma: its chroma.sqlite3 is missing")
    with tempfile.TemporaryDirectory(prefix="agent_brain_store-") as directory:
        copy = Path(directory) / "chroma"
        try:
            await asyncio.to_thread(shutil.copytree, source, copy)
        except (OSError, shutil.Error) as error:
            raise TransferError(f"{Path(source).name} cannot be copied: {error}") from error
        settings = Settings(anonymized_telemetry=False)
        client: Any = await asyncio.to_thread(chromadb.PersistentClient, str(copy), settings=settings)
        try:
            yield client
        finally:
            client.close()
