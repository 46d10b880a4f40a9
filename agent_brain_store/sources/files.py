"""Read chunks from a file of JSON lines, or from a Parquet file."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from agent_brain_store.errors import MissingDependency, TransferError
from agent_brain_store.sources.importing import Items, LeftOut
from agent_brain_store.types import Document

ROWS = 500  # of a Parquet file that are read at a time
LONGEST = 128 * 2**20  # bytes of a line; the longest text of a chunk has fewer, even if each letter is escaped
_PIECE = 4 * 2**20  # bytes of lines that are read at a time


async def read_json_lines(
    path: str | os.PathLike[str],
    *,
    chunk_id: str = "id",
    text: str = "text",
    embedding: str = "embedding",
    metadata: str | None = "metadata",
) -> Items:
    """Yield the chunks of a file with a JSON object on each line. A name that ends in ``.gz`` is of a compressed file.

    The arguments name the keys of an object. With ``metadata=None``, every other key is metadata. An id may be a number,
    and an embedding may be a string of JSON, as PostgreSQL writes a vector.
    """
    number = 0
    with _file_errors(path), _opened(path) as file:
        while lines := await asyncio.to_thread(_next_lines, file):
            for line in lines:
                number += 1
                if line.strip():
                    yield _from_json(line, number, chunk_id, text, embedding, metadata)


def _opened(path: str | os.PathLike[str]) -> Any:
    return gzip.open(path, "rb") if Path(path).suffix == ".gz" else Path(path).open("rb")


def _next_lines(file: Any) -> list[bytes]:
    """Read some lines. Of a line that is too long, only the beginning is kept."""
    lines, size = [], 0
    while size < _PIECE and (line := file.readline(LONGEST + 1)):
        lines.append(line)
        size += len(line)
        while len(line) > LONGEST and not line.endswith(b"\n"):
            line = file.readline(LONGEST + 1)
    return lines


def _from_json(line: bytes, number: int, *keys: Any) -> Document | LeftOut:
    if len(line) > LONGEST:
        return LeftOut(f"line {number}", f"it is longer than {LONGEST // 2**20} MiB")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return LeftOut(f"line {number}", f"it is not JSON: {error}")
    if not isinstance(row, dict):
        return LeftOut(f"line {number}", "it is not a JSON object")
    return _document(row, *keys)


async def read_parquet(
    path: str | os.PathLike[str],
    *,
    chunk_id: str = "id",
    text: str = "text",
    embedding: str = "embedding",
    metadata: str | None = "metadata",
) -> Items:
    """Yield the chunks of a Parquet file. The arguments name its columns.

    The metadata is a struct, a map, or a string of JSON. With ``metadata=None``, every other column is metadata. An id
    may be a number or a UUID. Needs ``pyarrow``.
    """
    try:
        from pyarrow import lib, parquet
    except ModuleNotFoundError as error:
        raise MissingDependency("pyarrow is not installed: pip install 'agent-brain-store[parquet]'") from error

    with _file_errors(path):
        try:
            with parquet.ParquetFile(path) as file:
                _check_columns(file.schema_arrow.names, [chunk_id, text, embedding, metadata])
                batches = file.iter_batches(ROWS)
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    for row in batch.to_pylist():
                        yield _document(row, chunk_id, text, embedding, metadata)
        except (lib.ArrowException, ValueError) as error:
            raise TransferError(f"{Path(path).name} is no Parquet file, or is damaged: {error}") from error


def _check_columns(found: list[str], wanted: list[str | None]) -> None:
    missing = [name for name in wanted if name is not None and name not in found]
    if missing:
        raise TransferError(f"the file has no column {', '.join(missing)}; its columns are {', '.join(found)}")


def _document(
    row: dict[str, Any], chunk_id: str, text: str, embedding: str, metadata: str | None
) -> Document | LeftOut:
    """Return a row as a chunk. The store checks what is in it, and names what it cannot keep."""
    own = (chunk_id, text, embedding)
    meta: Any = {name: _plain(value) for name, value in row.items() if name not in own}
    if metadata is not None:
        meta = _plain(row.get(metadata))
        meta = {} if meta == [] else meta  # an empty map
    known: Any = row.get
    name, parsed = known(chunk_id), []
    for what, value in (("metadata", meta), ("embedding", known(embedding))):
        try:
            parsed.append(json.loads(value) if isinstance(value, str) else value)
        except (ValueError, RecursionError) as error:
            return LeftOut(str(name), f"its {what} is not JSON: {error}")
    if isinstance(name, int | UUID) and not isinstance(name, bool):
        name = str(name)
    return Document(name, known(text), *parsed)


def _plain(value: Any) -> Any:
    """Return a value of Parquet as JSON has it. A decimal number is one of its own, and a map is a list of pairs."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return dict(value)
    return value


@contextmanager
def _file_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:  # the last two are of a compressed file that is damaged
        reason = getattr(error, "strerror", None) or error
        raise TransferError(f"reading {Path(path).name}: {reason}") from error
