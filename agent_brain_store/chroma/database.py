"""Read from Chroma's database file directly. It is a file of SQLite, and nothing is written to it here.

Chroma's client takes more than a millisecond to fetch ten chunks. For each call it looks up the collection and the log,
and it reads every copy of the metadata. SQLite itself takes 0.05 ms.

The tables are Chroma's own business. If they are not as expected, a read raises `sqlite3.Error` or misses chunks. Then
the caller asks Chroma's client.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

FILE = "chroma.sqlite3"


class Database:
    """The database file of a directory, as one collection sees it. Any thread may use it."""

    def __init__(self, directory: Path, collection_id: str) -> None:
        self._uri = f"{(directory / FILE).absolute().as_uri()}?mode=ro"
        self._collection_id = collection_id
        self._idle: list[sqlite3.Connection] = []

    def contents(self, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return the text and the metadata, as JSON, of each of the given chunks that exists."""
        rows = self._fetch("contents", json.dumps(ids))
        return {chunk_id: (text or "", metadata) for chunk_id, text, metadata in rows if metadata is not None}

    def versions(self) -> list[tuple[str, int]]:
        """Return all ids in code point order, each with a number that grows whenever the chunk is written."""
        return self._fetch("versions")

    def problems(self) -> list[str]:
        """Return what SQLite finds wrong with the file. It reads all of it."""
        try:
            with self._connection() as connection:
                found = [str(row[0]) for row in connection.execute(statement("integrity"))]
        except sqlite3.Error as error:
            found = [str(error)]
        return [problem for problem in found if problem != "ok"]

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        while self._idle:
            self._idle.pop().close()

    def _fetch(self, name: str, *parameters: str) -> list[Any]:
        with self._connection() as connection:
            return connection.execute(statement(name), (self._collection_id, *parameters)).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._idle.pop() if self._idle else sqlite3.connect(self._uri, uri=True, check_same_thread=False)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)


class NoDatabase:
    """What stands for the database of a server, which nobody can read directly: it is empty."""

    def contents(self, ids: Sequence[str]) -> dict[str, tuple[str, str]]:  # noqa: ARG002
        """Return nothing, so Chroma's client is asked."""
        return {}

    def versions(self) -> list[tuple[str, int]]:
        """Return nothing, so every chunk is read."""
        return []

    def problems(self) -> list[str]:
        """Return nothing: the server looks after its files."""
        return []

    def close(self) -> None:
        """There is nothing to close."""


@cache
def statement(name: str) -> str:
    """Return the text of a file of ``statements``."""
    return (resources.files(__package__) / "statements" / f"{name}.sql").read_text(encoding="utf-8")
