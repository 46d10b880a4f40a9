"""Keep a store in step with sources that change: the files of a folder, the pages of a wiki, the rows of a table.

Each chunk carries what the next call needs to know. Its metadata say which source it is from, which digest the source
had, and how many chunks the source was cut into. So there is no file beside the store that could contradict it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from agent_brain_store.errors import InvalidDocumentError, InvalidQueryError
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import ReplaceResult
from agent_brain_store.types import Document, Progress, ProgressCallback

Chunks: TypeAlias = Callable[[], Iterable[Document] | Awaitable[Iterable[Document]]]
Source: TypeAlias = tuple[str, str, Chunks]

# How many stored chunks of a source carry the same digest and number of chunks.
_Versions: TypeAlias = "Counter[tuple[Any, Any]]"
_KEPT = {"source_digest": {"$exists": True}}  # a filter: the chunks that sync_documents looks after


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How many sources `sync_documents` found to be new, changed and unchanged, and how many it removed.

    ``written`` counts the chunks of the new and changed sources. ``deleted`` counts the chunks that are gone.
    """

    new: int
    changed: int
    unchanged: int
    removed: int
    written: int
    deleted: int


async def sync_documents(
    store: StorageBackend, sources: Iterable[Source], prefix: str = "", progress: ProgressCallback | None = None
) -> SyncReport:
    """Make a store hold the chunks of the given sources: new ones come in, changed ones are replaced, and others go.

    A source is ``(name, digest, chunks)``. The digest is any text that changes when the source does, like the SHA-256 of
    a file. ``chunks`` is a function without arguments that returns the source's `Document` objects, with embeddings. It
    is only called if the store does not hold the source with this digest. A plain function runs in a thread, and an
    async one is awaited. ``sources`` is first read to its end, in a thread.

    The names are stored as ``source`` in the metadata of the chunks, and the digests as ``source_digest``. Chunks that
    have no ``source_digest`` stay, unless their ``source`` is among the names. With ``prefix``, only sources whose names
    begin with it are looked at, and every given name has to begin with it. So several folders can share a store.

    Each source is written by one `replace_documents`. If a call is interrupted, the next one does what is left.
    ``progress`` hears how many sources are done.

    Raises `InvalidQueryError` if a source is not such a triple, if a name is given twice or lacks the prefix, and if
    ``sources`` is empty although the store holds some, because a folder that is missing looks just like that. Raises
    `InvalidDocumentError` for a chunk without an embedding, and for one whose id belongs to another source. Raises
    whatever ``chunks`` raises.
    """
    wanted = await asyncio.to_thread(_listed, sources, prefix)
    stored = await _stored(store, prefix)
    gone = _gone(stored, wanted)
    settled = {name for name in wanted if name in stored and _is_whole(stored[name], wanted[name][0])}
    counts, total = Counter({"unchanged": len(settled)}), len(wanted) + len(gone)
    _report(progress, len(settled), total)
    for name in [name for name in wanted if name not in settled]:
        result = await _replace(store, name, *wanted[name], settled)
        settled.add(name)
        counts["changed" if name in stored else "new" if result.upserted else "unchanged"] += 1
        counts["written"] += result.upserted
        counts["deleted"] += result.deleted
        _report(progress, len(settled), total)
    for name in gone:  # last, because a renamed source may have taken over its chunks
        counts["deleted"] += await store.delete_by_metadata({"source": name, **_KEPT})
        counts["removed"] += 1
        _report(progress, len(settled) + counts["removed"], total)
    return SyncReport(*(counts[field] for field in SyncReport.__slots__))


def _listed(sources: Iterable[Source], prefix: str) -> dict[str, tuple[str, Chunks]]:
    """Return digest and function of every source by its name."""
    found: dict[str, tuple[str, Chunks]] = {}
    for source in sources:
        name, digest, chunks = source if isinstance(source, tuple) and len(source) == 3 else (None, None, None)
        if not (isinstance(name, str) and isinstance(digest, str) and callable(chunks)):
            raise InvalidQueryError("a source must be (name, digest, chunks): two strings and a function")
        if not name.startswith(prefix):
            raise InvalidQueryError(f"the source {name!a} does not begin with the prefix {prefix!a}")
        if name in found:
            raise InvalidQueryError(f"the source {name!a} is given twice")
        found[name] = digest, chunks
    return found


async def _stored(store: StorageBackend, prefix: str) -> dict[str, _Versions]:
    """Return what the store holds of every source."""
    where = {**_KEPT, "source": {"$prefix": prefix}} if prefix else _KEPT
    found: dict[str, _Versions] = {}
    async for document in store.iter_documents(where):
        metadata = document.metadata
        version = metadata["source_digest"], metadata.get("source_chunks")
        if isinstance(metadata.get("source"), str):
            found.setdefault(metadata["source"], Counter())[version] += 1
    return found


def _gone(stored: Iterable[str], wanted: Collection[str]) -> list[str]:
    """Return the stored sources that are not wanted any more."""
    names = sorted(set(stored) - set(wanted))
    if names and not wanted:
        raise InvalidQueryError(
            f"sync_documents got no sources, but the store holds {len(names)}: is the folder there? "
            "delete_by_metadata deletes them"
        )
    return names


def _is_whole(versions: _Versions, digest: str) -> bool:
    """Return whether all chunks of a source are there, of this digest alone. An interrupted write on Chroma leaves less."""
    ((stored, chunks), count), *others = versions.items()
    return not others and (stored, chunks) == (digest, count)


async def _replace(store: StorageBackend, name: str, digest: str, chunks: Chunks, settled: set[str]) -> ReplaceResult:
    """Write the chunks of one source, and delete its other chunks."""
    documents = await _made(chunks)
    ids = [document.chunk_id for document in documents]
    there = await store.get_by_ids(ids)
    for position, document in enumerate(documents):
        owner = there[document.chunk_id]["metadata"].get("source") if document.chunk_id in there else None
        if document.embedding is None:
            raise _refused(name, document.chunk_id, position, "embedding", "is missing")
        if owner != name and owner in settled:
            raise _refused(name, document.chunk_id, position, "id", f"belongs to the source {owner!a} already")
    ours = {"source": name, "source_digest": digest, "source_chunks": len(set(ids))}
    return await store.replace_documents(
        where={"source": name},
        ids=ids,
        embeddings=[document.embedding for document in documents if document.embedding is not None],
        documents=[document.text for document in documents],
        metadatas=[{**document.metadata, **ours} for document in documents],
    )


async def _made(chunks: Chunks) -> list[Document]:
    def call() -> list[Document] | Awaitable[Iterable[Document]]:
        made = chunks()
        return made if inspect.isawaitable(made) else list(made)  # a generator does its work here, in the thread

    made = await asyncio.to_thread(call)
    return made if isinstance(made, list) else list(await made)


def _refused(name: str, chunk_id: str, position: int, field: str, problem: str) -> InvalidDocumentError:
    message = f"a chunk of the source {name!a} cannot be stored: chunk {chunk_id!a}: {field} {problem}"
    return InvalidDocumentError(message, chunk_id=chunk_id, position=position, field=field)


def _report(progress: ProgressCallback | None, done: int, total: int) -> None:
    if progress is not None:
        progress(Progress("syncing", done, total, "sources"))
