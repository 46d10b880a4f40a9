"""Refuse a directory whose files contradict each other, before Chroma reads them.

Chroma opens what it finds. A missing database becomes an empty one, a truncated vector file finds a part of the chunks,
and a link to an element that is not there ends the process. So sizes, the header and the links are compared first. An
altered vector or text is not noticed here.

A vector index is four files, in a format of hnswlib:

``header.bin``       the sizes, as `_HEADER` reads them
``data_level0.bin``  for each element its links on the lowest level, its vector, and its label
``length.bin``       a number for each element
``link_lists.bin``   for each element a size, and so many bytes of links on the higher levels
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent_brain_store.chroma.database import FILE
from agent_brain_store.chroma.spare import IDS, vector_indexes
from agent_brain_store.errors import ConnectionFailed

LINKS_AT_START = 64 * 2**20  # bytes of the largest file whose links are checked at every start

_FILES = ("header.bin", "data_level0.bin", "length.bin", "link_lists.bin")
_HEADER = struct.Struct("<iQQQQQQiIQQQdQ")
_VERSION = 1


class _Header(NamedTuple):
    version: int
    level0_offset: int
    capacity: int
    elements: int
    element_bytes: int
    label_offset: int
    vector_offset: int
    top_level: int
    entry: int
    most_links: int
    most_links_level0: int
    links: int
    level_factor: float
    effort: int


def check_directory(directory: Path) -> None:
    """Raise `ConnectionFailed` if there are vector files, but no database that says what they are."""
    database = directory / FILE
    if any(directory.glob("*/header.bin")) and (not database.exists() or database.stat().st_size == 0):
        state = "empty" if database.exists() else "missing"
        raise damaged(f"it holds vector files, but its {FILE} is {state}")


def check_collection(directory: Path, collection: str) -> None:
    """Raise `ConnectionFailed` if the files of a collection's vector index contradict each other or the database.

    Files that Chroma has not finished for the first time are ignored. Its log still has everything then.
    """
    for index in vector_indexes(directory, collection):
        if index.number is None:
            continue
        missing = [name for name in (*_FILES, IDS) if not (index.folder / name).is_file()]
        if missing:
            raise damaged(f"its vector index lacks {' and '.join(missing)}")
        _check_index(*(index.folder / name for name in _FILES))


def _check_index(header_file: Path, elements: Path, lengths: Path, links: Path) -> None:
    data = header_file.read_bytes()
    if len(data) != _HEADER.size:
        raise damaged(f"header.bin has {len(data)} bytes, expected {_HEADER.size}")
    header = _Header(*_HEADER.unpack(data))
    if header.version != _VERSION:
        return  # of a Chroma that this library does not know
    if not _is_possible(header):
        raise damaged("header.bin contradicts itself")
    count, size = header.elements, elements.stat().st_size
    if size < count * header.element_bytes or size % header.element_bytes:
        expected = f"{count} vectors of {header.element_bytes} bytes"
        raise damaged(f"data_level0.bin has {size} bytes, expected {expected}")
    if lengths.stat().st_size < 4 * count:
        raise damaged(f"length.bin has {lengths.stat().st_size} bytes, expected {4 * count}")
    if count and size <= LINKS_AT_START:
        _check_links(header, elements)
        _check_higher_links(header, links.read_bytes())


def _is_possible(header: _Header) -> bool:
    return (
        header.level0_offset == 0
        and header.elements <= header.capacity <= 16 * max(header.elements, 1024)
        and 2 <= header.links == header.most_links
        and header.most_links_level0 == 2 * header.links < 2**20
        and header.vector_offset == 4 * header.most_links_level0 + 4
        and header.vector_offset < header.label_offset < 2**24
        and header.element_bytes == header.label_offset + 8
        and -1 <= header.top_level < 64
        and (header.entry < header.elements or header.elements == 0)
        and math.isclose(header.level_factor, 1 / math.log(header.links), rel_tol=1e-6)
        and 0 < header.effort < 2**20
    )


def _check_links(header: _Header, file: Path) -> None:
    """Check the links of the lowest level, and that no label is there twice."""
    rows = np.fromfile(file, np.uint8, header.elements * header.element_bytes).reshape(
        header.elements, header.element_bytes
    )
    _check_targets(rows[:, : header.vector_offset], header, "data_level0.bin")
    labels = np.ascontiguousarray(rows[:, header.label_offset :]).view("<u8")
    if len(np.unique(labels)) != header.elements:
        raise damaged("data_level0.bin has a label twice")


def _check_higher_links(header: _Header, data: bytes) -> None:
    """Check the links of the higher levels. On each, an element may link only to elements that are there, too."""
    size, start, found = 4 * header.most_links + 4, 0, []
    levels = np.zeros(header.elements, np.int64)
    for element in range(header.elements):
        (length,) = struct.unpack_from("<I", data, start) if start + 4 <= len(data) else (1,)
        if length % size or start + 4 + length > len(data):
            raise damaged("link_lists.bin has other sizes than header.bin says")
        levels[element] = length // size
        found.append(data[start + 4 : start + 4 + length])
        start += 4 + length
    if start != len(data) or levels.max() != header.top_level or levels[header.entry] != header.top_level:
        raise damaged("link_lists.bin has other levels than header.bin says")
    rows = np.frombuffer(b"".join(found), np.uint8).reshape(-1, size)
    own = np.concatenate([np.arange(1, level + 1) for level in levels[levels > 0]] or [np.zeros(0, np.int64)])
    _check_targets(rows, header, "link_lists.bin", levels, own)


def _check_targets(
    rows: NDArray[np.uint8],
    header: _Header,
    name: str,
    levels: NDArray[np.int64] | None = None,
    own: NDArray[np.int64] | None = None,
) -> None:
    """Check lists of links. Each begins with the number of its links, of which the rest are elements."""
    lists = np.ascontiguousarray(rows).view("<u4")
    used = lists[:, 0] & 0xFFFF  # the other half has a mark for a deleted element
    if (used >= lists.shape[1]).any():
        raise damaged(f"{name} has more links than fit")
    targets = np.where(np.arange(1, lists.shape[1]) <= used[:, None], lists[:, 1:], header.entry)
    if (targets >= header.elements).any() or (
        levels is not None and own is not None and (levels[targets] < own[:, None]).any()
    ):
        raise damaged(f"{name} has a link to an element that is not there")


def damaged(problem: str) -> ConnectionFailed:
    """Return the error for a directory that cannot be used as it is."""
    return ConnectionFailed(
        f"the Chroma directory (storage.chroma.path) is damaged: {problem}. Restore it from a copy, or index again into "
        "another directory",
        "chroma",
    )
