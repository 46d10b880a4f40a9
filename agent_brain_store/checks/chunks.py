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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from agent_brain_store.checks.vectors import ChunkRules, Float32, chunk_vectors, kind_of_value
from agent_brain_store.errors import InvalidDocumentError
from agent_brain_store.protocol import Metadata, Metadatas, Vectors

log = logging.getLogger(__name__)

MAX_ID_BYTES = 512  # a btree entry of PostgreSQL holds 2704 bytes; Chroma's hosted service allows 128
MAX_TEXT_BYTES = 16 * 2**20
MAX_METADATA_BYTES = 2**20
MAX_DEPTH = 32
INT64 = range(-(2**63), 2**63)

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "�"


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks that are ready to be written.

    Ids are distinct and in code point order, which is also the order of row locks. ``vectors`` has one float32 row for
    each id.
    """

    ids: list[str]
    vectors: Float32
    texts: list[str]
    metadatas: list[Metadata]

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
) -> Batch:
    """Check a whole call and bring it into its stored form. If an id is repeated, the last chunk wins.

    Raises ``ValueError`` if an argument is not a list or the lists differ in length. Raises `InvalidDocumentError` or
    `DimensionMismatchError` for the first chunk that cannot be stored.
    """
    _check_lists(ids=ids, embeddings=embeddings, documents=documents, metadatas=metadatas)
    for position, chunk_id in enumerate(ids):
        _check_id(chunk_id, position)
    vectors = chunk_vectors(rules, embeddings, ids)
    records = [_ChunkChecker(rules, *item) for item in zip(ids, range(len(ids)), strict=True)]
    texts = [record.text(text) for record, text in zip(records, documents, strict=True)]
    metas = [record.metadata(metadata) for record, metadata in zip(records, metadatas, strict=True)]
    _log_replaced(sum(record.replaced for record in records))
    last = {chunk_id: position for position, chunk_id in enumerate(ids)}
    if len(last) < len(ids):
        log.warning("%d ids were repeated in one call: the last chunk of each was kept", len(ids) - len(last))
    order = [last[chunk_id] for chunk_id in sorted(last)]
    return Batch(
        [ids[i] for i in order],
        vectors if order == list(range(len(ids))) else vectors[order],
        [texts[i] for i in order],
        [metas[i] for i in order],
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


# --- ids -------------------------------------------------------------------------------------------------------------


def _check_id(chunk_id: object, position: int) -> None:
    problem = None
    if not isinstance(chunk_id, str):
        problem = f"is {kind_of_value(chunk_id)}, not a string"
    elif not chunk_id:
        problem = "is empty"
    elif _UNSTORABLE.search(chunk_id):
        problem = "contains a NUL or a lone surrogate, which cannot be stored"
    elif len(chunk_id) * 4 > MAX_ID_BYTES and len(chunk_id.encode()) > MAX_ID_BYTES:
        problem = f"has {len(chunk_id.encode())} bytes, more than {MAX_ID_BYTES}"
    if problem:
        raise InvalidDocumentError.at(position, chunk_id, "id", problem)


# --- text and metadata -----------------------------------------------------------------------------------------------


class _ChunkChecker:
    """Checks the text and the metadata of one chunk. ``replaced`` counts the strings in which it replaced something."""

    __slots__ = ("_id", "_position", "_rules", "replaced")

    def __init__(self, rules: ChunkRules, chunk_id: str, position: int) -> None:
        self._rules, self._id, self._position, self.replaced = rules, chunk_id, position, 0

    def fail(self, field: str, problem: str) -> InvalidDocumentError:
        """Return the error for one field of this chunk. ``problem`` continues the sentence."""
        return InvalidDocumentError.at(self._position, self._id, field, problem)

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
            size = len(json.dumps(result, ensure_ascii=False).encode())
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
            "%d texts contained NUL or lone surrogates, which cannot be stored: they were replaced by U+FFFD", count
        )
