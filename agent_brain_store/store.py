"""`Store` implements the contract, once for both backends.

It checks what the caller passes, parses filters, prepares chunks, and wraps progress callbacks. Then it asks its
`Repository`, which knows only its own backend.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from agent_brain_store.checks import arguments, startup
from agent_brain_store.checks.chunks import Batch, prepare, prepare_changes
from agent_brain_store.checks.vectors import ChunkRules
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import InvalidFilterError, NotInitialized, ReadOnlyStore, StorageError
from agent_brain_store.filters.parse import parse, parse_required
from agent_brain_store.progress import Loader, deferring_errors
from agent_brain_store.protocol import BulkLoader
from agent_brain_store.repository import Repository
from agent_brain_store.results import (
    Description,
    EmbeddingMetadata,
    Health,
    IndexReport,
    ReplaceResult,
    Upserted,
    VerifyReport,
)
from agent_brain_store.searches import Searches
from agent_brain_store.types import Document, Metadatas, OnInvalid, ProgressCallback, Vectors, Where
from agent_brain_store.unknown_keys import UnknownKeys

log = logging.getLogger(__name__)


class Store(Searches):
    """A store on one repository. `StorageBackend` says what every method means.

    If ``tolerant`` is set, a store of another configuration is opened, too. Its vectors can be searched, but until it
    has been mended, nothing is added to it.
    """

    def __init__(
        self, config: StoreConfig, repository: Repository, tolerant: bool = False, read_only: bool = False
    ) -> None:
        self.config, self.repository, self._tolerant = config, repository, tolerant
        self._read_only, self._keys = read_only, UnknownKeys(repository)
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- life ---

    @property
    def is_initialized(self) -> bool:
        return self.repository.is_open

    async def initialize(self, progress: ProgressCallback | None = None) -> None:
        self._loop = self._loop or self._running_loop()
        self._require_loop()
        was_open = self.is_initialized
        try:
            with deferring_errors(progress) as report:
                await self.repository.open(report, self._tolerant)
        except Exception:
            await self.repository.close()
            raise
        if not was_open and (mismatch := self._mismatch()):
            log.warning("the store is open for reading alone: %s", mismatch.message)

    async def close(self) -> None:
        if self._loop is None:  # it was never opened, perhaps because no loop of asyncio is running
            return
        self._require_loop()
        await self._keys.stop()
        await self.repository.close()

    async def health(self) -> Health:
        try:
            details = await self._opened().health()
            degraded, mismatch = tuple(details.pop("degraded", ())), self._mismatch()
            details |= {"mismatch": mismatch.message} if mismatch else {}
            return Health(True, self.repository.name, details, degraded)
        except StorageError as error:
            return Health(False, self.repository.name, {"error": error.message})

    async def wait_idle(self) -> None:
        await self._opened().wait_idle()
        await self._keys.wait()

    @property
    def _rules(self) -> ChunkRules:
        stored = self.repository.stored
        return ChunkRules(stored.dimensions, stored.distance, self.config.on_invalid_text, stored.generation)

    def _mismatch(self) -> StorageError | None:
        """Return in what the store differs from the configuration, if it was opened nevertheless."""
        try:
            if self._tolerant:
                startup.check_store(self.config, self.repository.stored, self.repository.name)
        except StorageError as error:
            return error
        return None

    def changeable(self) -> Repository:
        """Return the repository for a call that changes something. Raises `ReadOnlyStore` if it may not."""
        repository = self._opened()
        if self._read_only:
            message = "this store was opened with read_only=True: open it without, to change something"
            raise ReadOnlyStore(message, repository.name)
        return repository

    def _writable(self) -> Repository:
        """Return the repository if chunks can be added. Otherwise raise the mismatch."""
        repository, mismatch = self.changeable(), self._mismatch()
        if mismatch:
            raise mismatch
        return repository

    def _opened(self) -> Repository:
        """Return the repository. Raises `NotInitialized` unless it is open in this event loop."""
        if not self.repository.is_open:
            message = "the store is not open: call initialize() first, or use open_store()"
            raise NotInitialized(message, self.repository.name)
        self._require_loop()
        return self.repository

    def _require_loop(self) -> None:
        if self._loop is not self._running_loop():
            message = "the store belongs to another event loop: create, open and close a store in each"
            raise NotInitialized(message, self.repository.name)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        try:
            return asyncio.get_running_loop()
        except RuntimeError as error:
            message = "the store works in an event loop of asyncio, and none is running: trio's loop is no such loop"
            raise NotInitialized(message, self.repository.name) from error

    # --- writing ---

    async def upsert_documents(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid = "refuse",
        progress: ProgressCallback | None = None,
    ) -> Upserted:
        repository = self._writable()
        batch = await self._prepare(ids, embeddings, documents, metadatas, on_invalid)
        with deferring_errors(progress) as report:
            await repository.upsert(batch, report)
        return Upserted(len(batch), batch.left_out)

    async def replace_documents(
        self,
        where: Where,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid = "refuse",
    ) -> ReplaceResult:
        repository, filter = self._writable(), parse_required(where, "replace_documents")
        batch = await self._prepare(ids, embeddings, documents, metadatas, on_invalid)
        return ReplaceResult(await repository.replace(filter, batch), len(batch), batch.left_out)

    async def _prepare(
        self,
        ids: Sequence[str],
        embeddings: Vectors,
        documents: Sequence[str],
        metadatas: Metadatas,
        on_invalid: OnInvalid,
    ) -> Batch:
        """Check a call in a thread, because checking many chunks would block the event loop."""
        on_invalid = arguments.check_on_invalid(on_invalid)
        return await asyncio.to_thread(prepare, self._rules, ids, embeddings, documents, metadatas, on_invalid)

    async def update_metadata(
        self, changes: Mapping[str, Any], ids: Sequence[str] | None = None, where: Where | None = None
    ) -> int:
        repository, filter = self.changeable(), parse(where)
        wanted = None if ids is None else arguments.check_ids(ids)
        new, removed = prepare_changes(self._rules, changes)
        if wanted is None and filter is None:
            raise InvalidFilterError(
                "update_metadata needs ids or a filter, so that it cannot change everything by mistake"
            )
        return 0 if wanted == [] else await repository.update_metadata(wanted, filter, new, removed)

    async def delete_by_ids(self, ids: Sequence[str]) -> int:
        repository, wanted = self.changeable(), arguments.check_ids(ids)
        return await repository.delete(wanted) if wanted else 0

    async def delete_by_metadata(self, where: Where) -> int:
        repository, filter = self.changeable(), parse_required(where, "delete_by_metadata")
        return self._keys.noticed(filter, await repository.delete_matching(filter))

    async def reset(self) -> None:
        await self.changeable().reset()

    @asynccontextmanager
    async def bulk_load(self, progress: ProgressCallback | None = None) -> AsyncIterator[BulkLoader]:
        async with self._writable().bulk_writer(progress) as write:
            yield Loader(self._prepare, write, progress)

    # --- looking up ---

    async def get_count(self, where: Where | None = None) -> int:
        filter = parse(where)
        return self._keys.noticed(filter, await self._opened().count(filter))

    async def describe(self, where: Where | None = None, values: int = 20) -> Description:
        repository, listed = self._opened(), arguments.check_values(values)
        return await repository.describe(parse(where), listed)

    async def get_by_id(self, chunk_id: str) -> dict[str, Any] | None:
        return (await self.get_by_ids([chunk_id])).get(chunk_id)

    async def get_by_ids(self, ids: Sequence[str], include_embeddings: bool = False) -> dict[str, dict[str, Any]]:
        return await self._opened().get(arguments.check_ids(ids), bool(include_embeddings))

    async def iter_documents(
        self, where: Where | None = None, batch_size: int = 1000, include_embeddings: bool = False
    ) -> AsyncIterator[Document]:
        repository, size = self._opened(), arguments.check_batch_size(batch_size)
        async for page in repository.pages(parse(where), size, bool(include_embeddings)):
            for document in page:
                yield document

    # --- the embedding profile ---

    async def get_embedding_metadata(self) -> EmbeddingMetadata | None:
        return await self._opened().get_profile()

    async def set_embedding_metadata(self, provider: str, model: str, dimensions: int) -> None:
        repository = self.changeable()
        await repository.set_profile(startup.new_profile(provider, model, dimensions, self._rules.dimensions))

    def validate_embedding_compatibility(
        self, provider: str, model: str, dimensions: int, stored_metadata: EmbeddingMetadata | None
    ) -> None:
        startup.check_profile(provider, model, dimensions, stored_metadata, self.repository.name)

    # --- indexes ---

    async def ensure_indexes(self, progress: ProgressCallback | None = None) -> IndexReport:
        repository = self.changeable()
        with deferring_errors(progress) as report:
            return await repository.ensure_indexes(report)

    async def reindex(self, progress: ProgressCallback | None = None) -> IndexReport:
        repository = self.changeable()
        with deferring_errors(progress) as report:
            return await repository.reindex(report)

    async def rederive_terms(self, progress: ProgressCallback | None = None) -> int:
        repository = self.changeable()
        with deferring_errors(progress) as report:
            return await repository.rederive_terms(report)

    # --- damage ---

    async def verify(self, progress: ProgressCallback | None = None) -> VerifyReport:
        repository = self._opened()
        with deferring_errors(progress) as report:
            return await repository.verify(report)

    async def repair(self, progress: ProgressCallback | None = None) -> VerifyReport:
        repository = self.changeable()
        with deferring_errors(progress) as report:
            found = await repository.verify(report)
            if found.ok:
                return found
            await repository.repair(found, report)
            left = await repository.verify(report)
        still = {(damage.part, damage.problem) for damage in left.damages}
        repaired = tuple(damage for damage in found.damages if (damage.part, damage.problem) not in still)
        return replace(left, repaired=repaired)
