"""The parts of Agent Brain's backends that its services reach for beside the methods: types, managers and records."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from agent_brain_store.types import Metadata


@dataclass(frozen=True, slots=True)
class ClientTypes:
    """The client's own types, by which it recognises results and errors.

    The first three are called with the client's own field names. ``storage_error`` is called with a message and
    ``backend``, and ``provider_mismatch`` with the names of the current and the indexed provider and model.
    """

    search_result: Callable[..., Any]
    embedding_metadata: Callable[..., Any]
    chunk_record: Callable[..., Any]
    storage_error: Callable[..., Exception]
    provider_mismatch: Callable[..., Exception]


class KeywordIndexStandIn:
    """What the client takes for its BM25 index. There is nothing to build: the store keeps its own keyword index."""

    is_initialized = True
    _index = None  # the client reads it before it builds a graph from the texts in its index

    def initialize(self) -> None:
        """Do nothing."""

    def build_index(self, nodes: Sequence[Any]) -> None:
        """Do nothing."""

    def persist(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Do nothing, because `reset` of the backend forgets the words too."""


class ConnectionManager:
    """What the client's health endpoint takes for its connection manager."""

    def __init__(self, pool_size: int, facts: Callable[[], Awaitable[dict[str, Any] | None]]) -> None:
        """``facts`` returns the details of a health check, or None if the store is not open."""
        self._pool_size, self._facts = pool_size, facts
        self.engine = self

    async def get_pool_status(self) -> dict[str, Any]:
        """Return the counts of the connection pools, by the client's names."""
        facts, size = await self._facts(), self._pool_size
        if facts is None:
            return {"status": "not_initialized"}
        pool = facts["pool"]
        overflow = max(0, pool["open"] - size)
        return {
            "status": "active",
            "pool_size": size,
            "checked_in": pool["idle"],
            "checked_out": pool["open"] - pool["idle"],
            "overflow": overflow,
            "total": size + overflow,
        }

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[_VersionAnswer]:
        """Yield what answers the one statement of the endpoint, which asks for the server's version."""
        facts = await self._facts() or {}
        yield _VersionAnswer(f"PostgreSQL {facts.get('server_version', '(not open)')}")


class _VersionAnswer:
    def __init__(self, version: str) -> None:
        self._version = version

    async def execute(self, statement: object) -> _VersionAnswer:
        if "version()" not in str(statement).lower():
            raise NotImplementedError("only the server's version can be asked for here; open a connection of your own")
        return self

    def fetchone(self) -> tuple[str]:
        return (self._version,)


def chunk_record(chunk_id: str, text: str, metadata: Metadata) -> dict[str, Any]:
    """Return the fields of a ``ChunkRecord``. Many have a second place in the metadata that the client writes."""
    source = str(metadata.get("source", ""))
    summary = metadata.get("summary") or metadata.get("section_summary")
    language, tokens = metadata.get("language"), metadata.get("token_count")
    try:
        token_count = int(tokens or 0)
    except (TypeError, ValueError):
        token_count = 0
    return {
        "chunk_id": chunk_id,
        "parent_doc_id": str(metadata.get("parent_doc_id") or source),
        "source": source,
        "content": text,
        "summary": str(summary) if summary else None,
        "folder_id": str(metadata.get("folder_id") or os.path.dirname(source)),  # noqa: PTH120 - of a bare name it is empty
        "token_count": token_count,
        "language": str(language) if language else None,
    }
