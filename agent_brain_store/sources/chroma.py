"""Read the chunks of a Chroma collection that this library did not make."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from agent_brain_store import children
from agent_brain_store.errors import TransferError
from agent_brain_store.sources.importing import Items
from agent_brain_store.types import Document

ROWS = 500  # that are read at a time


_CHILD = "import sys; from agent_brain_store.sources.chroma import try_reading; try_reading(*sys.argv[1:])"


async def read_chroma(source: str | os.PathLike[str] | Any, collection: str) -> Items:
    """Yield the chunks of a collection.

    ``source`` is the directory of a Chroma that is not in use, or a client of Chroma, such as ``chromadb.HttpClient()``.
    Chroma writes into every directory that it opens. So a directory is copied into a temporary one, which needs as
    much room, and the copy is read. A child process reads it first, because damaged files may end the process.
    """
    async with _client(source, collection) as client:
        with _chroma_errors(collection):
            found = await asyncio.to_thread(client.get_collection, collection, embedding_function=None)
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
async def _client(source: Any, collection: str) -> AsyncIterator[Any]:
    if not isinstance(source, str | os.PathLike):
        yield source
        return
    if not (Path(source) / "chroma.sqlite3").is_file():
        raise TransferError(f"{Path(source).name} holds no Chroma: its chroma.sqlite3 is missing")
    with tempfile.TemporaryDirectory(prefix="agent_brain_store-") as directory:
        copy = Path(directory) / "chroma"
        try:
            await asyncio.to_thread(shutil.copytree, source, copy)
            status = await _status_of_child(copy, collection)
        except (OSError, shutil.Error) as error:
            raise TransferError(f"{Path(source).name} cannot be copied: {error}") from error
        if status < 0:
            raise TransferError(
                f"{Path(source).name} is damaged: a process that tried to read it was ended by signal {-status}"
            )
        with _chroma_errors(collection):
            client = await asyncio.to_thread(_open, copy)
        try:
            yield client
        finally:
            client.close()


def _open(directory: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(str(directory), settings=Settings(anonymized_telemetry=False))


async def _status_of_child(directory: Path, collection: str) -> int:
    """Let a child read a collection. Returns its exit status, which is negative if a signal has ended it."""
    child = children.python(_CHILD, str(directory), collection)
    if child is None:
        return 0
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*child["args"], env=child["env"], stdout=null, stderr=null)
    try:
        return await process.wait()
    except BaseException:
        process.kill()
        await process.wait()
        raise


def try_reading(directory: str, collection: str) -> None:
    """Do in the child what could end it. Errors of Chroma are left to the parent, which has messages for them."""
    found, start = _open(Path(directory)).get_collection(collection, embedding_function=None), 0
    while page := _page(found, start):
        start += len(page)


@contextmanager
def _chroma_errors(collection: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # A panic in Chroma's Rust code is a BaseException, but not an Exception.
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
            raise
        raise TransferError(f"the collection {collection!a} cannot be read: {error}") from error
