"""A store of two halves: one writes, and the other was opened with read_only=True and answers the questions."""

from __future__ import annotations

from typing import Any

from agent_brain_store import StoreConfig, create_backend

READS = {
    "describe",
    "get_by_id",
    "get_by_ids",
    "get_count",
    "get_embedding_metadata",
    "hybrid_search",
    "iter_documents",
    "keyword_search",
    "vector_search",
}


class Halves:
    """It has the methods of a store, and sends each to its half."""

    def __init__(self, config: StoreConfig) -> None:
        self._writer, self._reader = create_backend(config), create_backend(config, read_only=True)

    async def initialize(self, *arguments: Any) -> None:
        """Open both halves."""
        await self._writer.initialize(*arguments)
        await self._reader.initialize()

    async def close(self) -> None:
        """Close both halves."""
        await self._reader.close()
        await self._writer.close()

    async def wait_idle(self) -> None:
        """Wait for what both halves do in the background."""
        await self._writer.wait_idle()
        await self._reader.wait_idle()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader if name in READS else self._writer, name)
