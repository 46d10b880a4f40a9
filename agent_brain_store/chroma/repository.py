"""`ChromaRepository` is one store in one collection of Chroma, in a directory or behind a server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from agent_brain_store.checks.chunks import Batch
from agent_brain_store.checks.digests import Findings, Sample, telling
from agent_brain_store.checks.startup import StoreFacts, check_unchanged, config_of, configured_facts
from agent_brain_store.chroma import generations, keywords, reading, shared, verifying, writing
from agent_brain_store.chroma.client import Rows
from agent_brain_store.chroma.describing import Tally
from agent_brain_store.chroma.directory import Collection
from agent_brain_store.chroma.searching import VectorQuestion, as_written, count_matching, fused, nearest
from agent_brain_store.chroma.threads import called_on_this_loop
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import NotInitialized, QueryFailed
from agent_brain_store.filters.parse import Filter
from agent_brain_store.progress import WriteBatch, Written, loading
from agent_brain_store.refining import filled
from agent_brain_store.repository import HybridQuery, KeywordQuery, Query, SecondGeneration, VectorQuery
from agent_brain_store.results import Description, EmbeddingMetadata, IndexReport, SearchResult, VerifyReport
from agent_brain_store.types import Document, Metadata, Progress, ProgressCallback

if TYPE_CHECKING:
    from agent_brain_store.textsearch.index import KeywordIndex

T = TypeVar("T")

_KEYWORD_INDEX = "keyword index"


class ChromaRepository:
    """See `Repository` for what every method means. The docstrings here add what is different with Chroma.

    A directory belongs to one process at a time. Reads run in a few threads, and writes run one after the other in a
    thread of their own. But Chroma holds the interpreter's lock while it writes a piece, so the event loop stops too:
    see ``docs/reliability.md`` for how long.
    """

    name = "chroma"

    def __init__(self, config: StoreConfig) -> None:
        self._configured = self._config = config
        self.stored = configured_facts(config)
        self._opened: Collection | None = None
        self._opening = threading.Lock()

    # --- life --------------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._opened is not None and self._opened.is_usable

    @property
    def collection(self) -> Collection:
        """The open collection."""
        if self._opened is None or not self._opened.is_usable:
            raise NotInitialized("the store was closed while this call was running", self.name)
        check_unchanged(self.stored, self._opened.stored, self.name)
        return self._opened

    async def open(self, progress: ProgressCallback | None, tolerant: bool) -> None:  # noqa: ARG002  nothing here is long
        """Open the directory.

        Raises `StoreLocked` if another process has it open, and `MissingDependency` if a package is not installed.
        """
        if not self.is_open:
            await asyncio.to_thread(self._open, tolerant)

    def _open(self, tolerant: bool) -> None:
        with self._opening:
            if not self.is_open:
                collection = shared.acquire(self._configured, tolerant)
                self._adopt(collection.stored)
                self._opened = collection

    def _adopt(self, stored: StoreFacts) -> None:
        """Work on the store as it is, which may differ from the configuration."""
        self.stored, self._config = stored, config_of(self._configured, stored)

    async def close(self) -> None:
        """Wait for running work, then give the directory back."""
        # It does not look first whether the store is open, because a cancelled `open` may still be opening it.
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._opening:
            collection, self._opened = self._opened, None
            if collection is not None and collection.is_usable:
                shared.release(collection)

    async def wait_idle(self) -> None:
        """Return at once, because nothing goes on in the background."""

    async def _current(self) -> Collection:
        """Return the open collection, after a look at what others have written to a server."""
        collection = self.collection
        if collection.directory.path is None:
            await collection.directory.threads.read(collection.follow)
        return self.collection

    async def _read(self, work: Callable[[Rows], T], opened: StoreFacts | None = None) -> T:
        """Read rows. With ``opened``, raise an error if these have other vectors than the store had then."""
        collection = self.collection

        def checked(rows: Rows) -> T:
            if opened is not None:
                check_unchanged(opened, collection.stored, self.name)
            return work(rows)

        return await collection.directory.threads.read(partial(collection.reading, checked))

    async def _write(self, work: Callable[[Collection], T], generation: int | None = None) -> T:
        """Write in the writer's thread. ``generation`` is that of the vectors to write, if there are any."""
        collection = self.collection
        opened = self.stored if generation is None else replace(self.stored, generation=generation)

        def checked(collection: Collection) -> T:
            check_unchanged(opened, collection.stored, self.name)  # another store may have emptied it meanwhile
            return work(collection)

        return await collection.directory.threads.write(partial(collection.writing, checked))

    async def _index(self, indexed: keywords.Indexed | None = None) -> KeywordIndex:
        """Return the keyword index. It is built first if this process has not needed it yet, or after a write has failed."""
        collection, config = await self._current(), self._config.keyword
        while (index := collection.indexes.get(config)) is None:
            build = partial(writing.build_index, collection, config, indexed)
            await collection.directory.threads.write_urgently(build)
        return index

    async def _load_vectors(self) -> None:
        collection = self.collection
        if collection.vectors is None and not collection.is_large:
            await collection.directory.threads.write_urgently(partial(writing.load_vectors, collection))

    # --- writing -----------------------------------------------------------------------------------------------------

    async def upsert(self, batch: Batch, progress: ProgressCallback | None) -> None:
        with called_on_this_loop(loading(progress, len(batch)) or (lambda _: None)) as call:
            await self._write(partial(writing.upsert, batch=batch, written=call), batch.generation)

    async def replace(self, filter: Filter, batch: Batch) -> int:
        """Store the given chunks, then delete every other chunk that matches."""
        return await self._write(partial(writing.replace, filter=filter, batch=batch), batch.generation)

    async def update_metadata(
        self, ids: Sequence[str] | None, filter: Filter | None, changes: Metadata, removed: Sequence[str]
    ) -> int:
        update = partial(writing.update_metadata, ids=ids, filter=filter, changes=changes, removed=removed)
        return await self._write(update)

    async def delete(self, ids: Sequence[str]) -> int:
        return await self._write(partial(writing.delete, ids=ids))

    async def delete_matching(self, filter: Filter) -> int:
        return await self._write(partial(writing.delete_matching, filter=filter))

    async def reset(self) -> None:
        self._adopt(await self._write(partial(Collection.reset, config=self._configured)))

    @asynccontextmanager
    async def bulk_writer(self, progress: ProgressCallback | None) -> AsyncIterator[WriteBatch]:  # noqa: ARG002
        """Yield a function that upserts batches. Chroma's vector index is kept up to date meanwhile. It cannot be put off."""

        async def write(batch: Batch, written: Written) -> None:
            with called_on_this_loop(written) as call:
                await self._write(partial(writing.upsert, batch=batch, written=call), batch.generation)

        yield write

    # --- reading -----------------------------------------------------------------------------------------------------

    async def vector_search(self, query: VectorQuery) -> list[SearchResult]:
        opened, question = self.stored, VectorQuestion.of(query.vector, self._config.distance)
        collection = await self._current()
        await self._load_vectors()

        def search(rows: Rows, candidates: int) -> reading.Found:
            near = nearest(collection, question, candidates, query.filter)
            scored = [(chunk_id, question.similarity(distance)) for chunk_id, distance in near]
            return reading.refined_and_explained(query, reading.results(rows, scored, candidates))

        return await self._filled(search, query, opened)

    async def keyword_search(self, query: KeywordQuery) -> list[SearchResult]:
        index = await self._index()

        def search(rows: Rows, candidates: int) -> reading.Found:
            hits = index.search(query.text, candidates, query.filter, query.every)
            if not hits:
                hits = as_written(rows, index, query, candidates)
            scored = [(chunk_id, score / hits[0][1]) for chunk_id, score in hits]
            return reading.refined_and_explained(query, reading.results(rows, scored, candidates), index)

        return await self._filled(search, query)

    async def hybrid_search(self, query: HybridQuery) -> list[SearchResult]:
        opened, index = self.stored, await self._index()
        collection = self.collection
        question = VectorQuestion.of(query.vector, self._config.distance)
        if query.vector_weight:
            await self._load_vectors()

        def search(rows: Rows, candidates: int) -> reading.Found:
            rankings = fused(collection, index, question, replace(query, candidates=candidates))
            wanted = query.top_k if query.refinement is None else len(rankings.ranked)
            found = [rankings.explained(result) for result in reading.results(rows, rankings.ranked, wanted)]
            return reading.refined_and_explained(query, found, index)

        return await self._filled(search, query, opened)

    async def _filled(
        self, search: Callable[[Rows, int], reading.Found], query: Query, opened: StoreFacts | None = None
    ) -> list[SearchResult]:
        """Search. If equal texts are folded, search among more and more candidates until there are enough."""

        async def ask(candidates: int) -> reading.Found:
            return await self._read(lambda rows: search(rows, candidates), opened)

        return list(await filled(ask, query.top_k, query.candidates))

    async def count(self, filter: Filter | None) -> int:
        index = (await self._current()).any_index
        return await self._read(partial(count_matching, filter=filter, index=index))

    async def describe(self, filter: Filter | None, values: int) -> Description:
        tally = Tally()
        async for page in self.pages(filter, 1000, False):
            for document in page:
                tally.add(document.metadata)
        return await asyncio.to_thread(tally.description, values)

    async def get(self, ids: Sequence[str], with_embeddings: bool) -> dict[str, dict[str, Any]]:
        await self._current()
        if with_embeddings:
            vectors = partial(reading.with_vectors, ids=ids, dimensions=self._config.embedding.dimensions)
            return await self._read(vectors, self.stored)
        return await self._read(partial(reading.by_id, ids=ids))

    async def pages(self, filter: Filter | None, size: int, with_embeddings: bool) -> AsyncIterator[list[Document]]:
        """Only the ids of the matching chunks, and one page of chunks, are in memory at a time."""
        dimensions, opened = (self._config.embedding.dimensions, self.stored) if with_embeddings else (0, None)
        page = partial(reading.next_page, size=size, dimensions=dimensions, filter=filter)
        ids, start = None, 0
        await self._current()
        while ids is None or start < len(ids):
            read = partial(page, ids=ids, start=start, index=self.collection.any_index)
            documents, ids, start = await self._read(read, opened)
            yield documents

    # --- the store itself --------------------------------------------------------------------------------------------

    async def get_profile(self) -> EmbeddingMetadata | None:
        return (await self._current()).stored.profile

    async def set_profile(self, profile: EmbeddingMetadata) -> None:
        await self._write(partial(Collection.set_profile, provider=profile.provider, model=profile.model))
        self._adopt(self.collection.stored)

    async def health(self) -> dict[str, Any]:
        """Count the chunks and search once. The details say how many chunks there are, and how searches were answered."""
        collection = await self._current()
        details = await self._read(partial(reading.health, dimensions=self._config.embedding.dimensions))
        return {
            **details,
            "collection": collection.name,
            "distance": self._config.distance,
            "keyword_index": "ready" if self._config.keyword in collection.indexes else "built when needed",
            "exact_fallbacks": collection.exact_fallbacks,
            "second_generation": await collection.directory.threads.read(partial(generations.described, collection)),
        }

    async def ensure_indexes(self, progress: ProgressCallback | None) -> IndexReport:
        """Build the keyword index, unless this process has it. Chroma keeps the vector index itself."""

        def indexed(done: int, total: int) -> None:
            if progress is not None:
                progress(Progress(f"building the {_KEYWORD_INDEX}", done, total))

        if self._config.keyword in (await self._current()).indexes:
            return IndexReport()
        with called_on_this_loop(indexed) as call:
            await self._index(call)
        return IndexReport(created=(_KEYWORD_INDEX,))

    async def reindex(self, progress: ProgressCallback | None) -> IndexReport:  # noqa: ARG002
        """Do nothing, because Chroma keeps its vector index itself and the keyword index follows every write."""
        return IndexReport()

    @asynccontextmanager
    async def second_generation(self, profile: EmbeddingMetadata) -> AsyncIterator[SecondGeneration]:
        generation = generations.ChromaGeneration(self.collection, self._adopt)
        await generation.begin(profile)
        try:
            yield generation
        finally:
            generation.end()

    async def drop_second_generation(self) -> None:
        await self._write(generations.drop)

    async def rederive_terms(self, progress: ProgressCallback | None) -> int:  # noqa: ARG002
        """Do nothing, because a process makes the keyword index from the texts when it needs it."""
        return 0

    async def verify(self, progress: ProgressCallback | None) -> VerifyReport:
        """Check the database file, then every chunk, and then what the keyword index and the vector index say."""
        found = Findings(self.stored.distance)
        damages = await self._read(lambda rows: rows.database.problems())
        for problem in damages:
            found.damage("rows", f"Chroma's database file is damaged: {problem}", False)
        try:
            await self._compare(found, progress)
        except QueryFailed:
            if not damages:
                raise
            found.unchecked("the other chunks: the database file is too damaged to be read")
        return found.report()

    async def _compare(self, found: Findings, progress: ProgressCallback | None) -> None:
        index, version = await self._index(), self.collection.version
        sample, words = Sample(), verifying.Words(self._config.keyword)
        ids = await self._read(lambda rows: rows.ids())
        tell = telling(progress, len(ids))
        for start in range(0, len(ids), verifying.PAGE):
            page = ids[start : start + verifying.PAGE]
            check = partial(verifying.check_page, ids=page, dimensions=self.stored.dimensions)
            await asyncio.to_thread(verifying.note, await self._read(check), found, sample, words)
            tell(min(start + verifying.PAGE, len(ids)))
        verifying.note_missing(found, await self._read(partial(verifying.try_index, sample=sample)))
        is_same = await asyncio.to_thread(words.are_those_of, index)
        if self.collection.version != version:
            found.unchecked("the keyword index: the store was written to meanwhile")
        elif not is_same:
            found.damage("words", verifying.WORDS, True)

    async def repair(self, found: VerifyReport, progress: ProgressCallback | None) -> None:  # noqa: ARG002
        await self._write(partial(verifying.repair, found=found))
