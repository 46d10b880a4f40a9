"""Finds and loads ``sql/``: the only place where SQL text comes from.

A query file holds one statement under a header that names its parameters and columns (``docs/sql.md``)::

    -- name: what it does, in one sentence.
    --
    -- $1  parameter_name  type  note
    --
    -- returns many: column type, column type

The file stem is the query's name. Parameters are called by name and bound by position.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_PARAMETER = re.compile(r"^-- \$(\d+)  (\w+) +([\w\[\]]+)", re.MULTILINE)
_RETURNS = re.compile(r"^-- returns (one|many|nothing)(?:: (.+(?:\n--   +.+)*))?", re.MULTILINE)


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


def sql_directory() -> Path:
    """Where the files are: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent
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
