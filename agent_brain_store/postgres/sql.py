"""Finds and loads ``sql/``: the only place where SQL text comes from.

A query file holds one statement under a header that names its parameters and columns (``docs/sql.md``)::

    -- name: what it does, in one sentence.
    --
    -- $1  parameter_name  type  note
    --
    -- returns many: column type, column type

The file stem is the query's name. Parameters are called by name and bound by position. A function file holds one function.
``functions/apply.psql`` lists them, each after the functions that it calls.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_PARAMETER = re.compile(r"^-- \$(\d+)  (\w+) +([\w\[\]]+)", re.MULTILINE)
_RETURNS = re.compile(r"^-- returns (one|many|nothing)(?:: (.+(?:\n--   +.+)*))?", re.MULTILINE)
_APPLIED = re.compile(r"^\\set name (\w+)$", re.MULTILINE)
_STORED_DATA = re.compile(r"^-- stored data: version (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One statement: its text, and what its header says of parameters and columns, as (name, type) pairs."""

    name: str
    text: str
    parameters: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]

    def args(self, values: Mapping[str, Any]) -> list[Any]:
        """Values in the order of the header. A missing or unknown name is a programming error: ``TypeError``."""
        names = [name for name, _ in self.parameters]
        if values.keys() != set(names):
            raise TypeError(f"{self.name} takes {names}, got {sorted(values)}")
        return [values[name] for name in names]


@dataclass(frozen=True, slots=True)
class Function:
    """One function's file: its text, a hash of it, and the version of the stored data that it decides, if it decides any."""

    name: str
    text: str
    hash: str
    stored_version: int | None


def sql_directory() -> Path:
    """Where the files are: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    return package / "sql" if (package / "sql").is_dir() else package.parent / "sql"


@cache
def queries() -> Mapping[str, Query]:
    """Every file of ``sql/queries``, by name."""
    files = sorted((sql_directory() / "queries").glob("*.sql"))
    return MappingProxyType({file.stem: parse(file.stem, file.read_text(encoding="utf-8")) for file in files})


def parse(name: str, text: str) -> Query:
    """Read a query file's header."""
    parameters = tuple((match[2], match[3]) for match in _PARAMETER.finditer(text))
    returns = _RETURNS.search(text)
    listed = returns[2].replace("\n--", " ") if returns and returns[2] else ""
    columns = tuple(_column(item) for item in listed.split(",")) if listed else ()
    return Query(name, text, parameters, columns)


def _column(item: str) -> tuple[str, str]:
    name, type_name = item.split()
    return name, type_name


def load_functions(directory: Path | None = None) -> tuple[Function, ...]:
    """The functions of a directory, ``sql/functions`` by default, in the order in which they are applied."""
    directory = directory or sql_directory() / "functions"
    names = _APPLIED.findall((directory / "apply.psql").read_text(encoding="utf-8"))
    return tuple(_function(directory / f"{name}.sql") for name in names)


def _function(file: Path) -> Function:
    text = file.read_text(encoding="utf-8")
    stored = _STORED_DATA.search(text)
    # psql, which takes the hash too, reads a file without the newline at its end.
    digest = hashlib.md5(text.removesuffix("\n").encode(), usedforsecurity=False).hexdigest()
    return Function(file.stem, text, digest, int(stored[1]) if stored else None)
