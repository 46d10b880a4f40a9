"""Write and read the files of an export: its manifest and its parts. `moving.py` says what they are."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_brain_store.errors import TransferError
from agent_brain_store.protocol import Document, EmbeddingMetadata

if TYPE_CHECKING:
    import numpy as np

FORMAT = "agent_brain_store export"
VERSION = 1
BEGUN_ELSEWHERE = "the export in {} was started from another store: {}; name another directory"
_FIELDS = {"version": int, "dimensions": int | None, "profile": dict | None, "parts": list, "complete": bool}
_FIELDS_AT_THE_END = {"chunks": int, "sha256": str}
_PROFILE = {"provider": str, "model": str, "dimensions": int}
_PART_FIELDS = {"name": str, "chunks": int, "last": str, "documents_sha256": str, "vectors_sha256": str}


# --- the manifest ----------------------------------------------------------------------------------------------------


def begin(directory: Path, profile: EmbeddingMetadata | None) -> dict[str, Any]:
    """Return the manifest in a directory. If the directory is empty or missing, start a new export there.

    Raises `TransferError` if the directory holds something else, or an interrupted export of a store with another
    profile.
    """
    directory.mkdir(parents=True, exist_ok=True)
    described = None if profile is None else asdict(profile)
    if (directory / "manifest.json").exists():
        manifest = read_manifest(directory)
        if manifest["profile"] != described and not manifest["complete"]:
            was = f"its embedding profile is {manifest['profile']}, that of this one {described}"
            raise TransferError(BEGUN_ELSEWHERE.format(directory.name, was))
        return manifest
    if any(path.suffix != ".tmp" for path in directory.iterdir()):
        raise TransferError(f"{directory.name} is not empty and holds no export: name another directory")
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "profile": described,
        "dimensions": None,
        "parts": [],
        "complete": False,
    }
    write_manifest(directory, manifest)
    return manifest


def read_manifest(directory: Path) -> dict[str, Any]:
    """Read and check a manifest. Raises `TransferError` if it is missing, damaged, or from a newer library."""
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TransferError(f"{directory.name} holds no export: its manifest.json is missing") from None
    except ValueError as error:
        raise TransferError(f"the manifest in {directory.name} is damaged: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise TransferError(f"the manifest in {directory.name} is not of an export of this library")
    version = manifest.get("version")
    if isinstance(version, int) and version > VERSION:  # a newer version may have other fields
        raise TransferError(
            f"the export has version {version}, but this library reads version {VERSION}: upgrade the library"
        )
    if not _is_whole(manifest):
        raise TransferError(f"the manifest in {directory.name} is damaged: a field is missing or of the wrong type")
    return manifest


def _is_whole(manifest: dict[str, Any]) -> bool:
    """Return whether every field that is read is there and has its type."""
    return (
        _has(manifest, _FIELDS)
        and (not manifest["complete"] or _has(manifest, _FIELDS_AT_THE_END))
        and (manifest["profile"] is None or _has(manifest["profile"], _PROFILE))
        and all(isinstance(part, dict) and _has(part, _PART_FIELDS) for part in manifest["parts"])
        and (not manifest["parts"] or manifest["dimensions"] is not None)
    )


def _has(values: dict[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(name in values and isinstance(values[name], kind) for name, kind in fields.items())


def write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, completely or not at all."""
    _write(directory / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode())


# --- parts -----------------------------------------------------------------------------------------------------------


def write_part(directory: Path, number: int, documents: list[Document]) -> dict[str, Any]:
    """Write one part. Returns its entry for the manifest: name, number of chunks, last id, and checksums."""
    name = f"part-{number:05}"
    lines = gzip.compress(b"".join(json_line(document) for document in documents), 6, mtime=0)
    vectors = b"".join(vector_of(document).astype("<f4").tobytes() for document in documents)
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
    """Write a file completely or not at all, even if the machine stops meanwhile."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def vector_of(document: Document) -> np.ndarray[Any, Any]:
    """Return a chunk's embedding. Raises `TransferError` if it has none."""
    if document.embedding is None:
        raise TransferError(f"chunk {document.chunk_id!a} has no embedding")
    return document.embedding


def json_line(document: Document, sort_keys: bool = False) -> bytes:
    """Return a chunk's id, text and metadata as one line of JSON."""
    content = {"id": document.chunk_id, "text": document.text, "metadata": document.metadata}
    return json.dumps(content, ensure_ascii=False, sort_keys=sort_keys, allow_nan=False).encode() + b"\n"


def read_part(directory: Path, part: dict[str, Any], dimensions: int) -> list[Document]:
    """Read the chunks of one part. Raises `TransferError` if a file does not match its checksum or is incomplete."""
    import numpy as np

    lines = read_lines(directory, part)
    packed = _checked(directory / f"{part['name']}.f32.gz", part["vectors_sha256"])
    values = np.frombuffer(gzip.decompress(packed), "<f4").astype(np.float32)
    if len(values) != len(lines) * dimensions:
        raise TransferError(
            f"{part['name']} is damaged: {len(values)} numbers for {len(lines)} embeddings of {dimensions} dimensions"
        )
    return [
        Document(line["id"], line["text"], line["metadata"], vector)
        for line, vector in zip(lines, values.reshape(len(lines), dimensions), strict=True)
    ]


def read_lines(directory: Path, part: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the lines of one part, without embeddings. Raises `TransferError` if the checksum differs."""
    packed = _checked(directory / f"{part['name']}.jsonl.gz", part["documents_sha256"])
    return [json.loads(line) for line in gzip.decompress(packed).decode().split("\n")[:-1]]


def _checked(path: Path, sha256: str) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise TransferError(
            f"{path.name} is damaged: its checksum differs from the manifest's. Copy or export it again"
        )
    return data


def chunks_in(manifest: dict[str, Any]) -> int:
    """Return how many chunks a manifest's parts hold."""
    return sum(part["chunks"] for part in manifest["parts"])


@contextmanager
def file_errors(operation: str) -> Iterator[None]:
    """Turn the operating system's errors into `TransferError`. The message names the file but not its directory."""
    try:
        yield
    except OSError as error:
        name = Path(error.filename).name if error.filename else "a file"
        raise TransferError(f"{operation}: {name}: {error.strerror}") from error
