"""Check chunks and bring them into their stored form, before anything is written. Both backends use these rules.

=====================  ==================================================================================================
id                     a non-empty string of at most 512 bytes; NUL and lone surrogates are refused
text                   any string, even an empty one, of up to 16 MiB; NUL and lone surrogates become U+FFFD, or are
                       refused if ``on_invalid_text`` says so
embedding              finite float32 values of the store's dimensions; for cosine, float32 can hold its squared length
metadata               a mapping with string keys; values are strings, booleans, integers of 64 bits, finite floats, dates,
                       lists and mappings of these, and numpy's scalars; up to 1 MiB as JSON
None                   a key at the top level whose value is None is left out; None inside lists and mappings is kept
datetime, date         become ISO 8601 text; a time with a zone is turned into UTC, so that text order is time order
floats                 whole ones from 2^53 to 64 bits become integers, because both backends compare only these exactly;
                       -0.0 becomes 0.0
=====================  ==================================================================================================
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import numpy as np

from agent_brain_store.checks.vectors import ChunkRules, Float32, chunk_vectors, kind_of_value
from agent_brain_store.errors import DimensionMismatchError, InvalidDocumentError, InvalidQueryError
from agent_brain_store.results import ChunkProblem
from agent_brain_store.types import Metadata, Metadatas, Vectors

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_ID_BYTES = 512  # a btree entry of PostgreSQL holds 2704 bytes; Chroma's hosted service allows 128
MAX_TEXT_BYTES = 16 * 2**20
MAX_METADATA_BYTES = 2**20
MAX_DEPTH = 32
SHOWN_PROBLEMS = 20  # lines of one message; the error has them all
INT64 = range(-(2**63), 2**63)

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "�"


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks that are ready to be written.

    Ids are distinct and in code point order, which is also the order of row locks. ``vectors`` has one float32 row for
    each id. ``left_out`` says why other chunks of the call are not in the batch. ``generation`` is that of the store's
    vectors when the batch was made.
    """

    ids: list[str]
    vectors: Float32
    texts: list[str]
    metadatas: list[Metadata]
    left_out: tuple[ChunkProblem, ...] = ()
    generation: int = 0

    def __len__(self) -> int:
        return len(self.ids)


def clean_text(text: str) -> str:
    """Replace NUL and lone surrogates by U+FFFD. No database stores them."""
    return _UNSTORABLE.sub(_REPLACEMENT, text)


def prepare(
    rules: ChunkRules,
    ids: Sequence[str],
    embeddings: Vectors,
    documents: Sequence[str],
    metadatas: Metadatas,
    on_invalid: str = "refuse",
) -> Batch:
    """Check a whole call and bring it into its stored form. If an id is repeated, the last chunk wins.

    Raises ``ValueError`` if an argument is not a list or the lists differ in length. Chunks that cannot be stored are
    left out if ``on_invalid`` is ``skip``. Otherwise they raise one `InvalidDocumentError` or `DimensionMismatchError`.
    """
    _check_lists(ids=ids, embeddings=embeddings, documents=documents, metadatas=metadatas)
    vectors, wrong = chunk_vectors(rules, embeddings)
    records = [_ChunkChecker(rules, *item) for item in zip(ids, range(len(ids)), strict=True)]
    for record in records:
        record.tried(record.id, None)
        if record.position in wrong:
            record.note("embedding", *wrong[record.position])
    texts = [record.tried(record.text, text) for record, text in zip(records, documents, strict=True)]
    metas = [record.tried(record.metadata, metadata) for record, metadata in zip(records, metadatas, strict=True)]
    _log_replaced(sum(record.replaced for record in records))
    problems = tuple(problem for record in records for problem in record.problems)
    if problems:
        _refuse_or_log(problems, rules, len(ids), on_invalid)
    last = {chunk_id: i for i, chunk_id in enumerate(ids) if not records[i].problems}
    if len(last) < (good := sum(not record.problems for record in records)):
        log.warning("%d ids were repeated in one call: the last chunk of each was kept", good - len(last))
    order = [last[chunk_id] for chunk_id in sorted(last)]
    return Batch(
        [ids[i] for i in order],
        vectors if order == list(range(len(ids))) else vectors[order],
        [texts[i] for i in order],
        [metas[i] for i in order],
        problems,
        rules.generation,
    )


def prepare_changes(rules: ChunkRules, changes: Mapping[str, Any]) -> tuple[Metadata, list[str]]:
    """Return the metadata keys to set, in their stored form, and those to remove, whose value is None.

    Raises `InvalidQueryError` for a value that cannot be stored, and if nothing is to be changed.
    """
    if not isinstance(changes, Mapping) or not changes:
        raise InvalidQueryError("changes must be a mapping of metadata keys to values, with at least one key")
    checker = _ChunkChecker(rules, None, 0)
    try:
        new = checker.metadata(changes)
        removed = {checker.key(key, "metadata") for key, value in changes.items() if value is None}
    except _UnstorableError as error:
        raise InvalidQueryError(f"changes cannot be stored: {' '.join(error.args)}") from None
    return new, sorted(removed - new.keys())


def json_bytes(metadata: Metadata) -> int:
    """Return the size of metadata as JSON, in bytes."""
    return len(json.dumps(metadata, ensure_ascii=False).encode())


def check_size(size: int) -> None:
    """Raise `InvalidQueryError` if changed metadata of so many bytes is too large for a chunk."""
    if size > MAX_METADATA_BYTES:
        raise InvalidQueryError(
            f"with these changes, the metadata of a chunk has {size} bytes as JSON, more than {MAX_METADATA_BYTES}"
        )


def _refuse_or_log(problems: tuple[ChunkProblem, ...], rules: ChunkRules, chunks: int, on_invalid: str) -> None:
    """Raise one error for all problems, or log them.

    If no vector of the call has the store's length, the vectors are another model's, and leaving out all would hide it.
    """
    of_length = sum(problem.dimensions is not None for problem in problems)
    bad = len({problem.position for problem in problems})
    if on_invalid == "skip" and of_length < chunks:
        log.warning(
            "%d of %d chunks cannot be stored and were left out; the first problem: %s", bad, chunks, problems[0]
        )
        return
    first, lines = problems[0], [str(problem) for problem in problems[:SHOWN_PROBLEMS]]
    message = f"{first}; nothing was written"
    if len(problems) > 1:
        more = [f"and {len(problems) - len(lines)} more problems"] if len(problems) > len(lines) else []
        message = "\n  ".join([f"{bad} of {chunks} chunks cannot be stored; nothing was written:", *lines, *more])
    if of_length == len(problems) and first.dimensions is not None:
        raise DimensionMismatchError(message, expected=rules.dimensions, actual=first.dimensions, problems=problems)
    raise InvalidDocumentError(
        message, chunk_id=first.chunk_id, position=first.position, field=first.field, problems=problems
    )


def _check_lists(**lists: Any) -> None:
    for name, items in lists.items():
        has_order = hasattr(items, "__len__") and hasattr(items, "__getitem__")
        if isinstance(items, (str, bytes, Mapping)) or not has_order:
            raise ValueError(f"{name} is a {type(items).__name__}, not a list")
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        counted = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise ValueError(f"the lists have different lengths: {counted}")


# --- ids, texts and metadata -----------------------------------------------------------------------------------------


class _UnstorableError(Exception):
    """A field of a chunk cannot be stored. The arguments are the field's name and the problem."""


class _ChunkChecker:
    """Checks the id, the text and the metadata of one chunk, and collects its problems.

    ``replaced`` counts the strings in which it replaced something.
    """

    __slots__ = ("_id", "_rules", "position", "problems", "replaced")

    def __init__(self, rules: ChunkRules, chunk_id: object, position: int) -> None:
        self._rules, self._id, self.position, self.replaced = rules, chunk_id, position, 0
        self.problems: list[ChunkProblem] = []

    def tried(self, check: Callable[[Any], T], value: Any) -> T | Any:
        """Return what a check makes of a value. If it fails, note the problem and return the value."""
        try:
            return check(value)
        except _UnstorableError as error:
            self.note(*error.args)
            return value

    def note(self, field: str, problem: str, dimensions: int | None = None) -> None:
        """Add a problem of this chunk."""
        known = self._id if isinstance(self._id, str) else None
        self.problems.append(ChunkProblem(self.position, known, field, problem, dimensions))

    def fail(self, field: str, problem: str) -> _UnstorableError:
        """Return the error for one field of this chunk. ``problem`` continues the sentence."""
        return _UnstorableError(field, problem)

    def id(self, _: None) -> None:
        """Check the chunk's id."""
        chunk_id = self._id
        if not isinstance(chunk_id, str):
            raise self.fail("id", f"is {kind_of_value(chunk_id)}, not a string")
        if not chunk_id:
            raise self.fail("id", "is empty")
        if _UNSTORABLE.search(chunk_id):
            raise self.fail("id", "contains a NUL or a lone surrogate, which cannot be stored")
        if len(chunk_id) * 4 > MAX_ID_BYTES and len(chunk_id.encode()) > MAX_ID_BYTES:
            raise self.fail("id", f"has {len(chunk_id.encode())} bytes, more than {MAX_ID_BYTES}")

    def clean(self, text: str, field: str) -> str:
        """Return a string in the form that can be stored. Raises the error instead if ``on_invalid_text`` is ``reject``."""
        if not _UNSTORABLE.search(text):
            return str.__str__(text)
        if self._rules.on_invalid_text == "reject":
            raise self.fail(field, "contains a NUL or a lone surrogate, which cannot be stored")
        self.replaced += 1
        return clean_text(text)

    def text(self, text: object) -> str:
        """Return the chunk's text as it is stored."""
        if not isinstance(text, str):
            raise self.fail("document", f"is {kind_of_value(text)}, not a string")
        if len(text) * 4 > MAX_TEXT_BYTES and len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
            raise self.fail("document", f"is larger than {MAX_TEXT_BYTES // 2**20} MiB")
        return self.clean(text, "document")

    def metadata(self, metadata: object) -> Metadata:
        """Return the chunk's metadata as it is stored. None becomes an empty mapping."""
        if metadata is None:
            return {}
        if not isinstance(metadata, Mapping):
            raise self.fail("metadata", f"is {kind_of_value(metadata)}, not a mapping")
        result = {
            self.key(key, "metadata"): self.value(value, f"metadata.{key}", 1)
            for key, value in metadata.items()
            if value is not None
        }
        if len(metadata) > 64 or any(len(v) > 1000 for v in result.values() if isinstance(v, (str, list, dict))):
            size = json_bytes(result)
            if size > MAX_METADATA_BYTES:
                raise self.fail("metadata", f"has {size} bytes as JSON, more than {MAX_METADATA_BYTES}")
        return result

    def key(self, key: object, field: str) -> str:
        """Return a key of a mapping as it is stored."""
        if not isinstance(key, str):
            raise self.fail(field, f"has a key of type {type(key).__name__}, not a string")
        return self.clean(key, f"{field}.{key}")

    def value(self, value: Any, field: str, depth: int) -> Any:
        """Return a metadata value as it is stored. ``field`` is its place, as in ``metadata.tags[2]``."""
        if isinstance(value, str):
            return self.clean(value, field)
        if isinstance(value, (np.generic, np.ndarray)):
            value = value.tolist()
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return self.number(value, field)
        if isinstance(value, date):
            return iso(value)
        if depth > MAX_DEPTH:
            raise self.fail(field, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, (list, tuple)):
            return [self.value(item, f"{field}[{i}]", depth + 1) for i, item in enumerate(value)]
        if isinstance(value, Mapping):
            return {self.key(key, field): self.value(item, f"{field}.{key}", depth + 1) for key, item in value.items()}
        raise self.fail(
            field, f"is {kind_of_value(value)}; a metadata value is a string, number, boolean, date, list or mapping"
        )

    def number(self, value: float, field: str) -> int | float:
        """Return a number as it is stored. It has to be finite, and an integer has to fit into 64 bits."""
        if isinstance(value, float) and not math.isfinite(value):
            raise self.fail(field, f"is {value}, which JSON cannot hold")
        number = plain_number(value)
        if isinstance(number, int) and number not in INT64:
            raise self.fail(field, f"is {number:.3g}, an integer beyond 64 bits: store it as a string")
        return number


def plain_number(value: float) -> int | float:
    """Return a number in the form that both backends compare exactly."""
    if isinstance(value, int):
        return int(value)
    if value.is_integer() and abs(value) >= 2**53 and int(value) in INT64:
        return int(value)
    return float(value) + 0.0


def iso(value: date) -> str:
    """Return a date or time as ISO 8601 text. A time with a zone becomes UTC, so text order is time order."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    return value.isoformat()


def _log_replaced(count: int) -> None:
    if count:
        log.warning(
            "%d %s contained NUL or lone surrogates, which cannot be stored: they were replaced by U+FFFD",
            count,
            "text" if count == 1 else "texts",
        )
