"""Find and load the files of ``sql/``. All SQL text of the library comes from there.

A query file holds one statement. Its header names the parameters and columns (``docs/sql.md``)::

    -- name: what it does, in one sentence.
    --
    -- $1  parameter_name  type  note
    --
    -- returns many: column type, column type

The file's stem is the query's name. Callers pass parameters by name, and they are bound by position. A function file
holds one function. ``functions/apply.psql`` lists these files, each after the functions that it calls.

``sql/citus`` has what is different in a store that is spread over the nodes of a Citus cluster. A file there takes the
place of the file of the same name in ``sql/queries`` or ``sql/functions``. The other files are shared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_PARAMETER = re.compile(r"^-- \$(\d+)  (\w+) +([\w\[\]]+)", re.MULTILINE)
_RETURNS = re.compile(r"^-- returns (one|many|nothing)(?:: (.+(?:\n--   +.+)*))?", re.MULTILINE)
_APPLIED = re.compile(r"^\\set name (\w+)$", re.MULTILINE)
_FIRST_WORD = re.compile(r"(?:\s+|--.*\n)*(\w+)")
_STORED_DATA = re.compile(r"^-- stored data: version (\d+)$", re.MULTILINE)

# Each shard of a distributed store has its own version of these functions, made from the same files.
ON_SHARDS = ("exact_limit", "filter_scope", "nearest_among", "copies", "is_complete", "nearest", "bm25")


@dataclass(frozen=True, slots=True)
class Query:
    """One query file: its text, and the parameters and columns of its header as (name, type) pairs.

    ``statement`` is what is sent to the server: the text without its header, and with its name (`named`).
    """

    name: str
    text: str
    statement: str
    parameters: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]

    def args(self, values: Mapping[str, Any]) -> list[Any]:
        """Return values in the order of the header. A missing or unknown name is a programming error: ``TypeError``."""
        names = [name for name, _ in self.parameters]
        if values.keys() != set(names):
            raise TypeError(f"{self.name} takes {names}, got {sorted(values)}")
        return [values[name] for name in names]


@dataclass(frozen=True, slots=True)
class Function:
    """One function file: its text and the text's hash.

    ``stored_version`` is the version of the stored data that the function decides. It is None if it decides none.
    ``shard`` is the shard whose version of a shared function this is, and None for a function of the whole store.
    """

    name: str
    text: str
    hash: str
    stored_version: int | None
    shard: int | None = None


def sql_directory() -> Path:
    """Return the folder of the files. It is inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    return package / "sql" if (package / "sql").is_dir() else package.parent / "sql"


@cache
def queries(distributed: bool = False) -> Mapping[str, Query]:
    """Load every file of ``sql/queries``, by name. For a distributed store, prefer those of ``sql/citus/queries``."""
    files = sorted((sql_directory() / "queries").glob("*.sql"))
    if distributed:
        files += sorted((sql_directory() / "citus" / "queries").glob("*.sql"))
    return MappingProxyType({file.stem: parse(file.stem, file.read_text(encoding="utf-8")) for file in files})


def parse(name: str, text: str) -> Query:
    """Read a query file's header."""
    parameters = tuple((match[2], match[3]) for match in _PARAMETER.finditer(text))
    returns = _RETURNS.search(text)
    listed = returns[2].replace("\n--", " ") if returns and returns[2] else ""
    columns = tuple(_column(item) for item in listed.split(",")) if listed else ()
    return Query(name, text, named(name, text), parameters, columns)


def named(name: str, text: str) -> str:
    """Return a statement with its name in a comment, for whoever looks at the server. Comments before it are left out.

    The name stands behind the first word. From PostgreSQL 18 on, ``pg_stat_statements`` cuts off what stands before it.
    """
    return _FIRST_WORD.sub(rf"\1 /* agent_brain_store:{name} */", text, count=1)


def _column(item: str) -> tuple[str, str]:
    name, type_name = item.split()
    return name, type_name


def load_functions(directory: Path | None = None) -> tuple[Function, ...]:
    """Load the functions of a directory in the order in which they are applied. The default is ``sql/functions``."""
    directory = directory or sql_directory() / "functions"
    names = _APPLIED.findall((directory / "apply.psql").read_text(encoding="utf-8"))
    return tuple(_function(directory / f"{name}.sql") for name in names)


def load_distributed_functions(shards: Sequence[int]) -> tuple[Function, ...]:
    """Load the functions of a distributed store with these shards, in the order in which they are applied.

    Those of ``sql/citus/functions`` come last, and take the place of shared ones. Then each shard gets its versions.
    """
    shared = {function.name: function for function in load_functions()}
    own = {file.stem: _function(file) for file in sorted((sql_directory() / "citus" / "functions").glob("*.sql"))}
    for_shards = [
        replace(shared[name], name=f"{name}_{shard}", stored_version=None, shard=shard)
        for shard in shards
        for name in ON_SHARDS
    ]
    # What reads the chunks and has no version of its own for the coordinator is of use on the shards alone.
    local = [f for f in shared.values() if f.name not in own and (f.name not in ON_SHARDS or f.name == "exact_limit")]
    return (*map(_planned_anew, local), *own.values(), *for_shards)


def _planned_anew(function: Function) -> Function:
    """Return a function that can read distributed chunks: Citus makes no plan for values that it does not know.

    Its hash is another one than the file's, so a store that is converted gets it in place of the one for one node.
    """
    if not re.search(r"\b(from|join) chunks\b", function.text):
        return function
    text = function.text.replace("force_generic_plan", "force_custom_plan")
    return replace(function, text=text, hash=_hash(text))


def statements(text: str) -> list[str]:
    """Cut the text of a migration into its statements. Citus takes one at a time.

    A statement ends with a semicolon at the end of a line, outside of a body between ``$$``.
    """
    parts, is_body = [""], False
    for line in text.splitlines(keepends=True):
        parts[-1] += line
        code = line.split("--")[0].rstrip() if not is_body else line.rstrip()
        is_body ^= code.count("$$") % 2 == 1
        if not is_body and code.endswith(";"):
            parts.append("")
    return [part for part in parts if re.search(r"^(?!--)\S", part, re.MULTILINE)]


def distribution() -> list[str]:
    """Return the statements of ``sql/citus/distribute.sql``, which spread the chunks over a cluster."""
    return statements((sql_directory() / "citus" / "distribute.sql").read_text(encoding="utf-8"))


def _function(file: Path) -> Function:
    text = file.read_text(encoding="utf-8")
    stored = _STORED_DATA.search(text)
    return Function(file.stem, text, _hash(text), int(stored[1]) if stored else None)


def _hash(text: str) -> str:
    # psql computes the hash too, and it reads a file without the newline at its end.
    return hashlib.md5(text.removesuffix("\n").encode(), usedforsecurity=False).hexdigest()
