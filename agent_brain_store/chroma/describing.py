"""Count what is in the metadata of chunks, as ``sql/queries/describe_metadata.sql`` does on PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable
from typing import Any

from agent_brain_store.filters.parse import kind_of
from agent_brain_store.results import MOST_VALUES, Description, MetadataKey
from agent_brain_store.types import Metadata

_LONGEST = 200  # characters of a value that is listed


class Tally:
    """Counts keys and values, chunk by chunk. It remembers at most `MOST_VALUES` values of a key, and of long ones a hash."""

    def __init__(self) -> None:
        self._chunks = 0
        self._keys: Counter[str] = Counter()
        self._types: dict[str, set[str]] = {}
        self._values: dict[str, Counter[Hashable]] = {}

    def add(self, metadata: Metadata) -> None:
        """Count one chunk."""
        self._chunks += 1
        for key, value in metadata.items():
            self._keys[key] += 1
            self._types.setdefault(key, set()).add(_type_of(value))
            counted = self._values.setdefault(key, Counter())
            for item in {_counted(item) for item in (value if isinstance(value, list) else [value]) if kind_of(item)}:
                if item in counted or len(counted) <= MOST_VALUES:
                    counted[item] += 1

    def description(self, listed: int) -> Description:
        """Return what was counted, with so many values of each key."""
        names = sorted(self._keys, key=lambda key: (-self._keys[key], key))
        return Description(self._chunks, tuple(self._key(name, listed) for name in names))

    def _key(self, key: str, listed: int) -> MetadataKey:
        counted = self._values[key]
        ranked = sorted(counted.items(), key=lambda item: (-item[1], _text(item[0])))
        common = [(item[1], chunks) for item, chunks in ranked[:listed] if isinstance(item, tuple)]
        types = tuple(sorted(self._types[key]))
        few = len(counted) <= MOST_VALUES
        return MetadataKey(key, self._keys[key], types, min(len(counted), MOST_VALUES), tuple(common) if few else ())


def _counted(value: Any) -> Hashable:
    """Return a value with its kind, because ``True == 1``, or the hash of a long one."""
    return hash(value) if isinstance(value, str) and len(value) > _LONGEST else (kind_of(value), value)


def _text(item: Any) -> str:
    return json.dumps(item[1], ensure_ascii=False) if isinstance(item, tuple) else ""


def _type_of(value: Any) -> str:
    return kind_of(value) or ("list" if isinstance(value, list) else "object")
