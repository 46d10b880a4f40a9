"""Read files that may come from a stranger: regular files only, never more than a bound, and JSON that stays small.

What is wrong with a file is always a `TransferError` that calls it damaged. No other module of this room opens a file
to read it.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import stat
import zlib
from pathlib import Path
from typing import Any, NoReturn

from agent_brain_store.errors import TransferError

# The end is optional. So a string that never ends is one match, and is not tried again from each of its quotes.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_PIECE = 2**20  # bytes


def damaged(name: str, problem: str) -> TransferError:
    """Return the error for one file or part. ``problem`` continues the sentence."""
    return TransferError(f"{name} is damaged: {problem}. Copy or export it again")


def read_file(path: Path, most: int) -> bytes:
    """Read a file of at most ``most`` bytes. Raises `TransferError` if it is larger or no regular file."""
    status = path.lstat()
    # A link may lead out of the directory, and a pipe may never end.
    if not stat.S_ISREG(status.st_mode):
        raise damaged(path.name, "it is not a regular file")
    if status.st_size > most:
        raise damaged(path.name, f"it has {status.st_size} bytes, and may have {most}")
    with path.open("rb") as file:
        return file.read(status.st_size)


def unpack(packed: bytes, name: str, most: int) -> bytearray:
    """Decompress a gzip file, but not more than ``most`` bytes. Raises `TransferError` if there are more."""
    data = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            # A single read would take the memory of the bound, however small the file is.
            while len(data) <= most and (piece := file.read(min(_PIECE, most + 1 - len(data)))):
                data += piece
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(name, "it is not a whole gzip file") from error
    if len(data) > most:
        raise damaged(name, f"it has more than {most} bytes when it is decompressed")
    return data


def packed_size(size: int) -> int:
    """Return how large a gzip file of so many bytes can be. Bytes that do not compress need a little more space."""
    return size + size // 100 + 1000


def parse_json(data: bytes | bytearray, name: str) -> Any:
    """Parse one JSON value in UTF-8. Raises `TransferError` if it is none, or is nested too deeply."""
    try:
        return json.loads(data.decode(), parse_constant=_refuse)
    except RecursionError as error:
        raise damaged(name, "its JSON is nested too deeply") from error
    except ValueError as error:
        raise damaged(name, f"it is not JSON in UTF-8 ({type(error).__name__})") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def check_structure(data: bytes | bytearray, name: str, most: int) -> None:
    """Raise `TransferError` if JSON has more than ``most`` bytes outside of its strings.

    Each of them can become an object of some 70 bytes in memory. A string takes about as much as it has bytes.
    """
    if len(data) <= most:
        return
    outside = end = 0
    for match in _STRING.finditer(data):  # a loop, so that other threads run meanwhile
        outside += match.start() - end + 2
        end = match.end()
        if outside > most:
            break
    if outside + len(data) - end > most:
        raise damaged(name, f"it has more than {most} bytes of JSON beside its texts")
