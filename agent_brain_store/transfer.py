"""Moving chunks between stores, backends and machines without paying for embeddings again.

An export is a directory (``docs/moving.md``)::

    manifest.json          format, embedding profile, counts, and for each part its checksums
    part-00000.jsonl.gz    one line a chunk: {"id": …, "text": …, "metadata": …}
    part-00000.f32.gz      their embeddings, one after the other, little-endian float32

Everything streams, a part in memory at a time. An interrupted export or import is repeated with the same call: an
export goes on after its last whole part, an import skips what the store has already. Both end by verifying what they
wrote.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_brain_store.embedding_models import HALFVEC_DIMENSIONS
from agent_brain_store.errors import TransferError
from agent_brain_store.protocol import Document, EmbeddingMetadata, Progress, ProgressCallback, StorageBackend

if TYPE_CHECKING:
    import numpy as np

FORMAT = "agent_brain_store export"
VERSION = 1
PART = 2000  # chunks of a part: what is held in memory


@dataclass(frozen=True, slots=True)
class TransferReport:
    """What was moved: chunks, and the SHA-256 over all of them in id order, which both sides have in common."""

    chunks: int
    sha256: str


# --- the three functions ---------------------------------------------------------------------------------------------


async def export_documents(
    store: StorageBackend, path: str | os.PathLike[str], progress: ProgressCallback | None = None
) -> TransferReport:
    """Write every chunk of a store, with its embedding, into a directory, which is made when it is missing.

    Goes on with an interrupted export in the same directory. Chunks written or deleted meanwhile may be
    missed. Raises `TransferError` when the directory holds something else, or when it cannot be written.
    """
    directory = Path(path)
    with _file_errors("exporting"):
        manifest = await asyncio.to_thread(_begin, directory, await store.get_embedding_metadata())
        if manifest["complete"]:
            raise TransferError(f"{directory.name} holds a complete export already: name another directory")
        total = await store.get_count()
        after = manifest["parts"][-1]["last"] if manifest["parts"] else None
        async for batch in _pages(store, after):
            part = await asyncio.to_thread(_write_part, directory, len(manifest["parts"]), batch)
            manifest["parts"].append(part)
            manifest["dimensions"] = len(_vector(batch[0]))
            await asyncio.to_thread(_write_manifest, directory, manifest)
            _report(progress, "exporting", _count(manifest), max(total, _count(manifest)))
        report = await asyncio.to_thread(_digest_parts, directory, manifest)
        manifest |= {"complete": True, "chunks": report.chunks, "sha256": report.sha256}
        await asyncio.to_thread(_write_manifest, directory, manifest)
    return report


async def import_documents(
    store: StorageBackend, path: str | os.PathLike[str], progress: ProgressCallback | None = None
) -> TransferReport:
    """Store every chunk of an export, and its embedding profile if the store has none.

    Repeating an interrupted import is cheap: chunks that are the same already are not written. Raises `TransferError`
    when the export is incomplete or damaged, or when the store does not hold in the end what the export does.
    """
    directory = Path(path)
    with _file_errors("importing"):
        manifest = await asyncio.to_thread(_read_manifest, directory)
        if not manifest["complete"]:
            raise TransferError(f"the export in {directory.name} was interrupted: repeat export_documents first")
        await _check_profile(store, manifest["profile"])
        done = 0
        async with store.bulk_load() as load:
            for part in manifest["parts"]:
                documents = await asyncio.to_thread(_read_part, directory, part, manifest["dimensions"])
                await _store(load, documents)
                done += len(documents)
                _report(progress, "importing", done, manifest["chunks"])
        await _adopt_profile(store, manifest["profile"])
        wanted = TransferReport(manifest["chunks"], manifest["sha256"])
        found = await _digest_store(store, _ids_of(directory, manifest))
    return _verified(wanted, found)


async def copy_documents(
    source: StorageBackend, target: StorageBackend, progress: ProgressCallback | None = None
) -> TransferReport:
    """Store every chunk of ``source`` in ``target``, and its embedding profile if the target has none.

    Repeating an interrupted copy is cheap. Raises `TransferError` when the target does not hold in the end what was
    copied.
    """
    profile = await source.get_embedding_metadata()
    await _check_profile(target, None if profile is None else asdict(profile))
    total, digest, done = await source.get_count(), _Digest(), 0
    async with target.bulk_load() as load:
        async for batch in _pages(source, None):
            await _store(load, batch)
            digest.add(batch)
            done += len(batch)
            _report(progress, "copying", done, max(total, done))
    await _adopt_profile(target, None if profile is None else asdict(profile))
    found = await _digest_store(target, _ids_in(source))
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


async def _check_profile(store: StorageBackend, profile: dict[str, Any] | None) -> None:
    """Before anything is written: vectors of two models must not meet in one store."""
    if profile is not None:
        store.validate_embedding_compatibility(**profile, stored_metadata=await store.get_embedding_metadata())


async def _adopt_profile(store: StorageBackend, profile: dict[str, Any] | None) -> None:
    if profile is not None and await store.get_embedding_metadata() is None:
        await store.set_embedding_metadata(**profile)


async def _pages(store: StorageBackend, after: str | None) -> AsyncIterator[list[Document]]:
    batch: list[Document] = []
    async for document in store.iter_documents(batch_size=PART, include_embeddings=True):
        if after is not None and document.chunk_id <= after:
            continue
        batch.append(document)
        if len(batch) == PART:
            yield batch
            batch = []
    if batch:
        yield batch


def _report(progress: ProgressCallback | None, operation: str, done: int, total: int) -> None:
    if progress is not None:
        progress(Progress(operation, done, total))


# --- checksums -------------------------------------------------------------------------------------------------------


class _Digest:
    """SHA-256 over chunks in id order: id, text, metadata, vector. Long vectors count in half precision, the form that
    both backends can hold."""

    def __init__(self) -> None:
        self._sha256, self._chunks = hashlib.sha256(), 0

    def add(self, documents: list[Document]) -> None:
        for document in documents:
            vector = _vector(document)
            if len(vector) in HALFVEC_DIMENSIONS:
                vector = vector.astype("<f2")
            self._sha256.update(_line(document, sort_keys=True))
            self._sha256.update(vector.astype(vector.dtype.newbyteorder("<")).tobytes())
        self._chunks += len(documents)

    def report(self) -> TransferReport:
        return TransferReport(self._chunks, self._sha256.hexdigest())


def _vector(document: Document) -> np.ndarray[Any, Any]:
    if document.embedding is None:
        raise TransferError(f"chunk {document.chunk_id!a} has no embedding")
    return document.embedding


async def _digest_store(store: StorageBackend, ids: AsyncIterator[str]) -> TransferReport:
    """The digest of those chunks of a store that were sent; both come in id order, so that one pass is enough."""
    digest, wanted = _Digest(), await anext(ids, None)
    async for batch in _pages(store, None):
        sent = []
        for document in batch:
            while wanted is not None and wanted < document.chunk_id:
                wanted = await anext(ids, None)
            if document.chunk_id == wanted:
                sent.append(document)
        digest.add(sent)
    return digest.report()


async def _ids_in(store: StorageBackend) -> AsyncIterator[str]:
    async for document in store.iter_documents(batch_size=PART):
        yield document.chunk_id


async def _ids_of(directory: Path, manifest: dict[str, Any]) -> AsyncIterator[str]:
    for part in manifest["parts"]:
        lines = await asyncio.to_thread(_lines, directory, part)
        for line in lines:
            yield str(line["id"])


def _digest_parts(directory: Path, manifest: dict[str, Any]) -> TransferReport:
    """Read every part again: what is on disk is what the manifest says."""
    digest = _Digest()
    for part in manifest["parts"]:
        digest.add(_read_part(directory, part, manifest["dimensions"]))
    return digest.report()


# --- files -----------------------------------------------------------------------------------------------------------


def _begin(directory: Path, profile: EmbeddingMetadata | None) -> dict[str, Any]:
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / "manifest.json").exists():
        return _read_manifest(directory)
    if any(path.suffix != ".tmp" for path in directory.iterdir()):
        raise TransferError(f"{directory.name} is not empty and holds no export: name another directory")
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "profile": None if profile is None else asdict(profile),
        "dimensions": None,
        "parts": [],
        "complete": False,
    }
    _write_manifest(directory, manifest)
    return manifest


def _read_manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TransferError(f"{directory.name} holds no export: its manifest.json is missing") from None
    except ValueError as error:
        raise TransferError(f"the manifest in {directory.name} is damaged: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise TransferError(f"the manifest in {directory.name} is not of an export of this library")
    if manifest["version"] > VERSION:
        raise TransferError(f"the export has version {manifest['version']}, this library reads {VERSION}: upgrade it")
    return manifest


def _write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    _write(directory / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode())


def _write_part(directory: Path, number: int, documents: list[Document]) -> dict[str, Any]:
    name = f"part-{number:05}"
    lines = gzip.compress(b"".join(_line(document) for document in documents), 6, mtime=0)
    vectors = b"".join(_vector(document).astype("<f4").tobytes() for document in documents)
    packed = gzip.compress(vectors, 1, mtime=0)
    _write(directory / f"{name}.jsonl.gz", lines)
    _write(directory / f"{name}.f32.gz", packed)
    return {
        "name": name,
        "chunks": len(documents),
        "last": documents[-1].chunk_id,
        "documents_sha256": hashlib.sha256(lines).hexdigest(),
        "vectors_sha256": hashlib.sha256(packed).hexdigest(),
    }


def _write(path: Path, data: bytes) -> None:
    """All or nothing, also when the machine stops."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _line(document: Document, sort_keys: bool = False) -> bytes:
    content = {"id": document.chunk_id, "text": document.text, "metadata": document.metadata}
    return json.dumps(content, ensure_ascii=False, sort_keys=sort_keys, allow_nan=False).encode() + b"\n"


def _read_part(directory: Path, part: dict[str, Any], dimensions: int) -> list[Document]:
    import numpy as np

    lines = _lines(directory, part)
    packed = _checked(directory / f"{part['name']}.f32.gz", part["vectors_sha256"])
    vectors = np.frombuffer(gzip.decompress(packed), "<f4").astype(np.float32).reshape(len(lines), dimensions)
    return [
        Document(line["id"], line["text"], line["metadata"], vector)
        for line, vector in zip(lines, vectors, strict=True)
    ]


def _lines(directory: Path, part: dict[str, Any]) -> list[dict[str, Any]]:
    packed = _checked(directory / f"{part['name']}.jsonl.gz", part["documents_sha256"])
    return [json.loads(line) for line in gzip.decompress(packed).decode().split("\n")[:-1]]


def _checked(path: Path, sha256: str) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise TransferError(f"{path.name} is damaged: its checksum is not the manifest's; copy or export it again")
    return data


def _count(manifest: dict[str, Any]) -> int:
    return sum(part["chunks"] for part in manifest["parts"])


@contextmanager
def _file_errors(operation: str) -> Iterator[None]:
    """Turn the operating system's errors into ours; the message names the file, not its directory."""
    try:
        yield
    except OSError as error:
        name = Path(error.filename).name if error.filename else "a file"
        raise TransferError(f"{operation}: {name}: {error.strerror}") from error
