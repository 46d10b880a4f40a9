"""Write and read the files of an export: its manifest and its parts. `moving.py` says what they are.

An export may come from a stranger. The manifest says what to expect, and whatever differs is called damaged before it
is unpacked, or before it is used.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_brain_store.errors import InvalidDocumentError, TransferError
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.transfer.reading import check_structure, damaged, packed_size, parse_json, read_file, unpack
from agent_brain_store.types import Document

if TYPE_CHECKING:
    import numpy as np

FORMAT = "agent_brain_store export"
VERSION = 1
BEGUN_ELSEWHERE = "the export in {} was started from another store: {}; name another directory"
MOST_DIMENSIONS = 16000
PART, PART_BYTES = 2000, 64 * 2**20  # the most chunks of a part, and about the most bytes that they take in memory

_FIELDS = {"version": int, "dimensions": int | None, "profile": dict | None, "parts": list, "complete": bool}
_FIELDS_AT_THE_END = {"chunks": int, "sha256": str}
_PROFILE = {"provider": str, "model": str, "dimensions": int}
_PART_FIELDS = {"name": str, "chunks": int, "last": str, "documents_sha256": str, "vectors_sha256": str}
_LINE = {"id": str, "text": str, "metadata": dict}

# The most bytes of JSON. A control character has one byte in a text and six in JSON. The last chunk of a part may be as
# long as all others together.
_MANIFEST_BYTES = 64 * 2**20
_LINES_BYTES = 200 * 2**20
_STRUCTURE_BYTES = 18 * 2**20  # beside the texts: the metadata of a part, or the entries of a manifest
_LINE_STRUCTURE_BYTES = 2**20 + 4096  # the metadata of one chunk
_CHUNK_BYTES = 16 * 2**20 + _LINE_STRUCTURE_BYTES  # the text and the metadata of one chunk


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
    name = f"the manifest in {directory.name}"
    try:
        data = read_file(directory / "manifest.json", _MANIFEST_BYTES)
    except FileNotFoundError:
        raise TransferError(f"{directory.name} holds no export: its manifest.json is missing") from None
    check_structure(data, name, _STRUCTURE_BYTES)
    manifest = parse_json(data, name)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise TransferError(f"{name} is not of an export of this library")
    version = manifest.get("version")
    if isinstance(version, int) and version > VERSION:  # a newer version may have other fields
        raise TransferError(
            f"the export has version {version}, but this library reads version {VERSION}: upgrade the library"
        )
    if not _is_whole(manifest):
        raise damaged(name, "a field is missing or of the wrong type")
    if not _is_consistent(manifest):
        raise damaged(name, "its values are out of range or contradict each other")
    return manifest


def _is_whole(manifest: dict[str, Any]) -> bool:
    """Return whether every field that is read is there and has its type."""
    return (
        _has(manifest, _FIELDS)
        and (not manifest["complete"] or _has(manifest, _FIELDS_AT_THE_END))
        and (manifest["profile"] is None or _is_exactly(manifest["profile"], _PROFILE))
        and all(isinstance(part, dict) and _has(part, _PART_FIELDS) for part in manifest["parts"])
        and (not manifest["parts"] or manifest["dimensions"] is not None)
    )


def _is_consistent(manifest: dict[str, Any]) -> bool:
    """Return whether the values of a whole manifest are possible, and go together.

    A part's name follows from its number. So it cannot name a file elsewhere.
    """
    from agent_brain_store.checks.chunks import clean_text

    parts, profile, dimensions = manifest["parts"], manifest["profile"], manifest["dimensions"]
    models = [] if profile is None else [profile["provider"], profile["model"]]
    lasts = [part["last"] for part in parts]
    return (
        manifest["version"] == VERSION
        and (dimensions is None or 1 <= dimensions <= MOST_DIMENSIONS)
        and (profile is None or dimensions in (None, profile["dimensions"]))
        and all(model and clean_text(model) == model for model in models)
        and all(part["name"] == _part_name(number) for number, part in enumerate(parts))
        and all(1 <= part["chunks"] <= PART for part in parts)
        and all(before < last for before, last in pairwise(["", *lasts]))
        and (not manifest["complete"] or manifest["chunks"] == chunks_in(manifest))
    )


def _has(values: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(name in values and _is_a(values[name], kind) for name, kind in fields.items())


def _is_exactly(values: Any, fields: Mapping[str, Any]) -> bool:
    return isinstance(values, dict) and values.keys() == fields.keys() and _has(values, fields)


def _is_a(value: object, kind: Any) -> bool:
    # To Python, true and false are numbers, too.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, completely or not at all."""
    _write(directory / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode())


# --- parts -----------------------------------------------------------------------------------------------------------


def write_part(directory: Path, number: int, documents: list[Document]) -> dict[str, Any]:
    """Write one part. Returns its entry for the manifest: name, number of chunks, last id, and checksums."""
    name = _part_name(number)
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


def read_part(directory: Path, manifest: dict[str, Any], number: int) -> list[Document]:
    """Read the chunks of one part. Raises `TransferError` if a file is not as the manifest says, or a chunk is none
    that a store can hold.
    """
    import numpy as np

    from agent_brain_store.checks.chunks import prepare
    from agent_brain_store.checks.vectors import ChunkRules

    part, dimensions = manifest["parts"][number], manifest["dimensions"]
    lines = read_lines(directory, manifest, number)
    data = _unpacked(directory / f"{part['name']}.f32.gz", part["vectors_sha256"], 4 * len(lines) * dimensions)
    if len(data) != 4 * len(lines) * dimensions:
        raise damaged(
            part["name"], f"{len(data)} bytes for {len(lines)} embeddings of {dimensions} dimensions, 4 bytes a number"
        )
    vectors = np.frombuffer(data, "<f4").astype(np.float32, copy=False).reshape(len(lines), dimensions)
    # Of the distances, l2 allows most vectors. The target checks its own rules when it is given the chunks.
    rules = ChunkRules(dimensions, "l2", "reject")
    ids, texts, metadatas = ([line[key] for line in lines] for key in _LINE)
    try:
        prepare(rules, ids, vectors, texts, metadatas)
    except InvalidDocumentError as error:
        raise damaged(part["name"], error.message.removesuffix("; nothing was written")) from error
    return [Document(*item) for item in zip(ids, texts, metadatas, vectors, strict=True)]


def read_lines(directory: Path, manifest: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Read the lines of one part, without embeddings. Raises `TransferError` if they are not as the manifest says."""
    part = manifest["parts"][number]
    name = f"{part['name']}.jsonl.gz"
    data = _unpacked(directory / name, part["documents_sha256"], _LINES_BYTES)
    check_structure(data, name, _STRUCTURE_BYTES)
    found = data.count(b"\n")
    if found != part["chunks"] or not data.endswith(b"\n"):
        raise damaged(name, f"it has {found} whole lines for {part['chunks']} chunks")
    lines, last = [], manifest["parts"][number - 1]["last"] if number else ""
    for text in data.split(b"\n")[:-1]:
        if len(text) - 5 * text.count(b"\\u") - text.count(b"\\") > _CHUNK_BYTES:  # no less than without its escapes
            raise damaged(name, "a line is longer than a chunk can be")
        check_structure(text, name, _LINE_STRUCTURE_BYTES)
        line = parse_json(text, name)
        if not _is_exactly(line, _LINE):
            raise damaged(name, "a line is not {id, text, metadata}")
        if line["id"] <= last:
            raise damaged(name, f"id {line['id'][:80]!a} is not after {last[:80]!a}")
        last = line["id"]
        lines.append(line)
    if last != part["last"]:
        raise damaged(name, "its last id is not the manifest's")
    return lines


def _unpacked(path: Path, sha256: str, most: int) -> bytearray:
    packed = read_file(path, packed_size(most))
    if hashlib.sha256(packed).hexdigest() != sha256:
        raise damaged(path.name, "its checksum differs from the manifest's")
    return unpack(packed, path.name, most)


def _part_name(number: int) -> str:
    return f"part-{number:05}"


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
