"""Move chunks between stores, backends and machines without paying for embeddings again.

An export is a directory (``docs/moving.md``)::

    manifest.json          format, embedding profile, counts, and for each part its checksums
    part-00000.jsonl.gz    one line for each chunk: {"id": …, "text": …, "metadata": …}
    part-00000.f32.gz      their embeddings, one after the other, little-endian float32

Everything streams, with one part in memory at a time. If an export or import is interrupted, repeat the same call. An
export goes on after its last whole part. An import skips chunks that the store has already. Both verify at the end what
they wrote.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent_brain_store.config.embedding_models import HALFVEC_DIMENSIONS
from agent_brain_store.errors import ProviderMismatchError, TransferError
from agent_brain_store.progress import without_loading
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.transfer.files import (
    BEGUN_ELSEWHERE,
    PART,
    PART_BYTES,
    begin,
    chunks_in,
    file_errors,
    json_line,
    read_lines,
    read_manifest,
    read_part,
    vector_of,
    write_manifest,
    write_part,
)
from agent_brain_store.types import Document, Progress, ProgressCallback

PAGE = 100  # chunks that are read at a time; they take memory in addition to the part


@dataclass(frozen=True, slots=True)
class TransferReport:
    """What was moved: the number of chunks, and the SHA-256 over all of them in id order. It is the same on both sides."""

    chunks: int
    sha256: str


# --- the three functions ---------------------------------------------------------------------------------------------


async def export_documents(
    store: StorageBackend, path: str | os.PathLike[str], progress: ProgressCallback | None = None
) -> TransferReport:
    """Write every chunk of a store, with its embedding, into a directory. The directory is made if it is missing.

    If the directory holds an interrupted export, the export goes on. Chunks that are written or deleted meanwhile may
    be missed. Raises `TransferError` if the directory holds something else, if its export is complete already or was
    started from another store, or if it cannot be written.
    """
    directory = Path(path)
    with file_errors("exporting"):
        manifest = await asyncio.to_thread(begin, directory, await store.get_embedding_metadata())
        if manifest["complete"]:
            raise TransferError(f"{directory.name} already holds a complete export: name another directory")
        total = await store.get_count()
        after = await _last_exported(store, directory, manifest) if manifest["parts"] else None
        async for batch in _pages(store, after):
            dimensions = len(vector_of(batch[0]))
            if manifest["dimensions"] not in (None, dimensions):
                was = f"its embeddings have {manifest['dimensions']} dimensions, those of this one {dimensions}"
                raise TransferError(BEGUN_ELSEWHERE.format(directory.name, was))
            part = await asyncio.to_thread(write_part, directory, len(manifest["parts"]), batch)
            manifest["parts"].append(part)
            manifest["dimensions"] = dimensions
            await asyncio.to_thread(write_manifest, directory, manifest)
            _report(progress, "exporting", chunks_in(manifest), max(total, chunks_in(manifest)))
        report = await _digest_parts(directory, manifest, progress)
        manifest |= {"complete": True, "chunks": report.chunks, "sha256": report.sha256}
        await asyncio.to_thread(write_manifest, directory, manifest)
    return report


async def import_documents(
    store: StorageBackend, path: str | os.PathLike[str], progress: ProgressCallback | None = None
) -> TransferReport:
    """Store every chunk of an export, and its embedding profile if the store has none.

    You can repeat an interrupted import. That is cheap, because chunks that are stored already are not written again.
    Raises `TransferError` if the export is incomplete or damaged, or if the store does not hold the same chunks in the
    end. Raises `ProviderMismatchError` if the store has another embedding profile.
    """
    directory = Path(path)
    profile = await store.get_embedding_metadata()  # before any file is read, because it says if the store is closed
    with file_errors("importing"):
        manifest = await asyncio.to_thread(read_manifest, directory)
        if not manifest["complete"]:
            raise TransferError(f"the export in {directory.name} was interrupted: repeat export_documents first")
        _check_profile(store, manifest["profile"], profile)
        done = 0
        async with store.bulk_load(without_loading(progress)) as load:
            for number in range(len(manifest["parts"])):
                documents = await asyncio.to_thread(read_part, directory, manifest, number)
                await _store(load, documents)
                done += len(documents)
                _report(progress, "importing", done, manifest["chunks"])
        await _adopt_profile(store, manifest["profile"])
        wanted = TransferReport(manifest["chunks"], manifest["sha256"])
        found = await _digest_store(store, _ids_of(directory, manifest), progress, wanted.chunks)
    return _verified(wanted, found)


async def copy_documents(
    source: StorageBackend, target: StorageBackend, progress: ProgressCallback | None = None
) -> TransferReport:
    """Store every chunk of ``source`` in ``target``, and its embedding profile if the target has none.

    You can repeat an interrupted copy, which is cheap. Raises `TransferError` if the target does not hold the same
    chunks in the end. Raises `ProviderMismatchError` if the target has another embedding profile.
    """
    stored = await source.get_embedding_metadata()
    profile = None if stored is None else asdict(stored)
    _check_profile(target, profile, await target.get_embedding_metadata())
    total, digest, done = await source.get_count(), _Digest(), 0
    async with target.bulk_load(without_loading(progress)) as load:
        async for batch in _pages(source, None):
            await _store(load, batch)
            await asyncio.to_thread(digest.add, batch)
            done += len(batch)
            _report(progress, "copying", done, max(total, done))
    await _adopt_profile(target, profile)
    found = await _digest_store(target, _ids_in(source), progress, done)
    return _verified(digest.report(), found)


def _verified(wanted: TransferReport, found: TransferReport) -> TransferReport:
    if wanted != found:
        raise TransferError(
            f"the store holds {found.chunks} of {wanted.chunks} chunks as they were sent (checksums "
            f"{found.sha256[:12]} and {wanted.sha256[:12]}): was something else writing? Repeat the call"
        )
    return found


async def _store(load: Any, documents: list[Document]) -> None:
    await load.upsert_documents(
        [document.chunk_id for document in documents],
        [document.embedding for document in documents],
        [document.text for document in documents],
        [document.metadata for document in documents],
    )


async def _last_exported(store: StorageBackend, directory: Path, manifest: dict[str, Any]) -> str:
    """Return the id of the last chunk in the files. Raises `TransferError` if the store does not have the same chunk."""
    last = (await asyncio.to_thread(read_lines, directory, manifest, len(manifest["parts"]) - 1))[-1]
    found = await store.get_by_id(last["id"])
    if found != {"text": last["text"], "metadata": last["metadata"]}:
        difference = "does not have its chunk" if found is None else "has another chunk, or a newer one, with the id"
        raise TransferError(BEGUN_ELSEWHERE.format(directory.name, f"this one {difference} {last['id']!a}"))
    return str(last["id"])


def _check_profile(store: StorageBackend, profile: dict[str, Any] | None, stored: EmbeddingMetadata | None) -> None:
    """Compare the profiles before anything is written. One store must not hold vectors of two models."""
    if profile is None:
        return
    try:
        store.validate_embedding_compatibility(**profile, stored_metadata=stored)
    except ProviderMismatchError as error:
        ours = f"{error.current_provider}/{error.current_model}"
        theirs = f"{error.indexed_provider}/{error.indexed_model}"
        raise ProviderMismatchError(
            f"the chunks have vectors of {ours}, and the store that they go to has vectors of {theirs}. Nothing was "
            "written. Bring one to the model of the other with reembed(), or take an empty store",
            error.backend,
            current_provider=error.current_provider,
            current_model=error.current_model,
            indexed_provider=error.indexed_provider,
            indexed_model=error.indexed_model,
        ) from error


async def _adopt_profile(store: StorageBackend, profile: dict[str, Any] | None) -> None:
    if profile is not None and await store.get_embedding_metadata() is None:
        await store.set_embedding_metadata(**profile)


async def _pages(store: StorageBackend, after: str | None) -> AsyncIterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    async for document in store.iter_documents(batch_size=PAGE, include_embeddings=True):
        if after is not None and document.chunk_id <= after:
            continue
        batch.append(document)
        size += 4 * (len(document.text) + len(str(document.metadata))) + vector_of(document).nbytes
        if len(batch) == PART or size >= PART_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _report(progress: ProgressCallback | None, operation: str, done: int, total: int) -> None:
    if progress is not None:
        progress(Progress(operation, done, total))


# --- checksums -------------------------------------------------------------------------------------------------------


class _Digest:
    """A SHA-256 over chunks in id order: id, text, metadata and vector.

    Vectors that PostgreSQL stores in half precision are hashed in half precision, so both backends give the same
    result.
    """

    def __init__(self) -> None:
        self._sha256, self.chunks = hashlib.sha256(), 0

    def add(self, documents: list[Document]) -> None:
        """Add the next chunks."""
        for document in documents:
            vector = vector_of(document)
            form = "<f2" if len(vector) in HALFVEC_DIMENSIONS else "<f4"
            self._sha256.update(json_line(document, sort_keys=True))
            self._sha256.update(vector.astype(form).tobytes())
        self.chunks += len(documents)

    def report(self) -> TransferReport:
        """Return the number of chunks and their SHA-256 so far."""
        return TransferReport(self.chunks, self._sha256.hexdigest())


async def _digest_store(
    store: StorageBackend, ids: AsyncIterator[str], progress: ProgressCallback | None, total: int
) -> TransferReport:
    """Return the digest of the chunks of a store that were sent. Chunks and ids come in id order, so one pass is enough."""
    digest, wanted = _Digest(), await anext(ids, None)
    async for batch in _pages(store, None):
        sent = []
        for document in batch:
            while wanted is not None and wanted < document.chunk_id:
                wanted = await anext(ids, None)
            if document.chunk_id == wanted:
                sent.append(document)
        await asyncio.to_thread(digest.add, sent)
        _report(progress, "verifying", digest.chunks, total)
    return digest.report()


async def _ids_in(store: StorageBackend) -> AsyncIterator[str]:
    async for document in store.iter_documents(batch_size=PART):
        yield document.chunk_id


async def _ids_of(directory: Path, manifest: dict[str, Any]) -> AsyncIterator[str]:
    for number in range(len(manifest["parts"])):
        lines = await asyncio.to_thread(read_lines, directory, manifest, number)
        for line in lines:
            yield str(line["id"])


async def _digest_parts(directory: Path, manifest: dict[str, Any], progress: ProgressCallback | None) -> TransferReport:
    """Read every part again, and check it against the manifest. Returns the digest of what is on disk."""
    digest = _Digest()
    for number in range(len(manifest["parts"])):
        documents = await asyncio.to_thread(read_part, directory, manifest, number)
        await asyncio.to_thread(digest.add, documents)
        _report(progress, "verifying", digest.chunks, chunks_in(manifest))
    return digest.report()
