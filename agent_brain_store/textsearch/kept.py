"""Keep a keyword index in one file, from which a new process reads only what a question needs.

The file holds arrays, one behind the other, and a footer that says where each begins and what the file was made from. A
checksum finds damage. The file is replaced as a whole, so a crash leaves the old one.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import Stemmer
from numpy.typing import NDArray

log = logging.getLogger(__name__)

_DAMAGED = (OSError, ValueError, KeyError, TypeError)
_SIZE = 8  # bytes: the footer's length is the last number of the file, and arrays begin at multiples of it


@cache
def fingerprint() -> str:
    """Return a word that changes whenever a text may have other terms: with the code here, and with the stemmer."""
    checksum = zlib.crc32(Stemmer.version().encode())
    for file in sorted(resources.files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith((".py", ".txt")):
            checksum = zlib.crc32(file.read_bytes(), checksum)
    return f"{checksum:08x}"


def write(path: Path, made_from: list[Any], arrays: Iterable[tuple[str, str, Iterable[bytes]]]) -> None:
    """Replace a file. An array comes as its name, numpy's name of its type, and its bytes in parts. Raises `OSError`."""
    new, places, checksum = path.with_suffix(".new"), {}, 0
    with new.open("wb") as file:
        for name, kind, parts in arrays:
            start = file.tell()
            for part in parts:
                file.write(part)
                checksum = zlib.crc32(part, checksum)
            places[name] = kind, start, file.tell()
            file.write(b"\0" * (-file.tell() % _SIZE))
        footer = json.dumps({"made_from": made_from, "places": places, "checksum": checksum}).encode()
        file.write(footer + len(footer).to_bytes(_SIZE, "little"))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read(path: Path, made_from: list[Any]) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a file, which stay on the disk. Returns None if it is missing, damaged or made from others."""
    try:
        whole, footer = _opened(path)
        return _arrays(whole, footer) if footer["made_from"] == made_from else None
    except FileNotFoundError:
        return None
    except _DAMAGED:
        log.warning("the kept keyword index cannot be read and is made anew", exc_info=True)
        return None


def made_from(path: Path) -> list[Any] | None:
    """Return what a file was made from, or None if it is damaged. It reads the whole file."""
    try:
        whole, footer = _opened(path)
        _arrays(whole, footer)
        return list(footer["made_from"])
    except _DAMAGED:
        return None


def _opened(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    whole = np.memmap(path, np.uint8, "r")
    length = int.from_bytes(whole[-_SIZE:].tobytes(), "little")
    return whole, json.loads(whole[-_SIZE - length : -_SIZE].tobytes())


def _arrays(whole: NDArray[Any], footer: dict[str, Any]) -> dict[str, NDArray[Any]]:
    parts = {name: (kind, whole[start:end]) for name, (kind, start, end) in footer["places"].items()}
    checksum = 0
    for _, part in parts.values():
        checksum = zlib.crc32(part.data, checksum)
    if checksum != footer["checksum"]:
        raise ValueError("its checksum is wrong")
    return {name: part.view(kind) for name, (kind, part) in parts.items()}


class Postings:
    """The terms of a file in the order of their bytes, and where each occurs: slot, frequency, slot, and so on."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._terms, self._term_ends = arrays["terms"], arrays["term_ends"]
        self._postings, self._ends = arrays["postings"], arrays["posting_ends"]

    def items(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield every term with its slots and frequencies."""
        terms, term_start, start = self._terms.tobytes(), 0, 0
        for term_end, end in zip(self._term_ends.tolist(), self._ends.tolist(), strict=True):
            yield terms[term_start:term_end].decode(), self._postings[start:end].reshape(-1, 2)
            term_start, start = term_end, end

    def of(self, term: str) -> NDArray[np.float32]:
        """Return the slots and frequencies of a term, in one row each."""
        wanted = term.encode()
        number = bisect_left(range(len(self._term_ends)), wanted, key=self._term)
        is_there = number < len(self._term_ends) and self._term(number) == wanted
        start, end = (self._bounds(self._ends, number)) if is_there else (0, 0)
        return self._postings[start:end].reshape(-1, 2)

    def beginning_with(self, prefix: str, count: int) -> list[str]:
        """Return the first ``count`` terms that begin with a prefix."""
        wanted, numbers = prefix.encode(), range(len(self._term_ends))
        first = bisect_left(numbers, wanted, key=self._term)
        found = (self._term(number) for number in numbers[first : first + count])
        return [term.decode() for term in takewhile(lambda term: term.startswith(wanted), found)]

    def _term(self, number: int) -> bytes:
        start, end = self._bounds(self._term_ends, number)
        return self._terms[start:end].tobytes()

    @staticmethod
    def _bounds(ends: NDArray[np.int64], number: int) -> tuple[int, int]:
        return int(ends[number - 1]) if number else 0, int(ends[number])
