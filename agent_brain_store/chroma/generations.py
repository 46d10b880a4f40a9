"""Fill a second generation of vectors in a collection of its own, and put it in the first one's place.

Chroma cannot hold two vectors of a chunk, so the second collection has the texts and the metadata too. It is beside the
first one under another name. A chunk lacks a vector if its text there is not the text here.

The switch renames both collections. Chroma cannot do that at once. So the second collection is first marked, and from
then on it is the store. Whoever opens the directory next does what is left of the renaming.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from agent_brain_store.checks.chunks import Batch
from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.checks.vectors import Float32
from agent_brain_store.chroma import client, keywords, writing
from agent_brain_store.chroma.directory import Collection
from agent_brain_store.chroma.facts import SECOND, delete_collection, finish_switch, marked_for_switch, second_facts
from agent_brain_store.chroma.stored import METADATA, from_stored
from agent_brain_store.errors import InvalidQueryError, QueryFailed
from agent_brain_store.repository import Embed, Unembedded
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.types import ProgressCallback

T = TypeVar("T")
Adopt = Callable[[StoreFacts], None]


class ChromaGeneration:
    """The second generation of one store, while this process fills it. `SecondGeneration` says what each method means."""

    def __init__(self, first: Collection, adopt: Adopt) -> None:
        self._first, self._adopt = first, adopt
        self._second: Collection
        self._ids: list[str] = []

    async def begin(self, profile: EmbeddingMetadata) -> None:
        """Open the second collection, and make it anew unless it is of this model."""
        if self._first.directory.path is None:
            raise InvalidQueryError(
                "reembed() cannot hold back the other clients of a Chroma server during the switch: copy the chunks into "
                "a directory or into PostgreSQL, and embed them anew there"
            )
        if self._first.is_refilled:
            raise QueryFailed("this store is being embedded anew; try again when that has finished", "chroma")
        self._first.is_refilled = True
        try:
            await self._write(partial(self._open, profile))
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Let others fill a second generation."""
        self._first.directory.collections.pop(self._first.name + SECOND, None)
        self._first.is_refilled = False

    async def unembedded(self) -> int:
        return await self._read(lambda: sum(1 for _ in _missing(self._first, self._second, self._first.rows.ids())))

    async def page(self, after: str, size: int) -> list[Unembedded]:
        def work() -> list[Unembedded]:
            if not after:
                self._ids = self._first.rows.ids()
            self._ids = [chunk_id for chunk_id in self._ids if chunk_id > after]
            return _up_to(size, _missing(self._first, self._second, self._ids))

        return await self._read(work)

    async def put(self, chunks: Sequence[Unembedded], vectors: Float32) -> int:
        return await self._write(partial(self._put, chunks, vectors))

    async def build_index(self, progress: ProgressCallback | None) -> None:
        """Chroma has indexed every vector already."""

    async def switch(self, embed: Embed, largest: int, keep: bool) -> int | None:
        loop = asyncio.get_running_loop()

        def wait_for(texts: list[str]) -> Float32:
            return asyncio.run_coroutine_threadsafe(_awaited(embed, texts), loop).result()

        return await self._write(partial(self._switch, wait_for, largest, keep))

    # --- in the writer's thread --------------------------------------------------------------------------------------

    def _open(self, profile: EmbeddingMetadata) -> None:
        directory, name = self._first.directory, self._first.name + SECOND
        rows = client.find_rows(directory.client, name)
        facts = second_facts(self._first.rows.facts, profile)
        if rows is not None and Collection(directory, name, rows).stored.profile != profile:
            delete_collection(directory.client, directory.path, name)
            rows = None
        rows = rows or client.create_rows(directory.client, name, self._first.distance, facts)
        self._second = directory.collections[name] = Collection(directory, name, rows)

    def _put(self, chunks: Sequence[Unembedded], vectors: Float32) -> int:
        now = self._first.rows.contents([chunk.chunk_id for chunk in chunks])
        same = [i for i, c in enumerate(chunks) if c.chunk_id in now and digest(now[c.chunk_id][0]) == c.digest]
        ids = [chunks[i].chunk_id for i in same]
        metadatas = [from_stored({METADATA: now[chunk_id][1]}) for chunk_id in ids]
        writing.upsert(self._second, Batch(ids, vectors[same], [now[chunk_id][0] for chunk_id in ids], metadatas))
        return len(ids)

    def _switch(self, embed: Callable[[list[str]], Float32], largest: int, keep: bool) -> int | None:
        ids = self._first.rows.ids()
        chunks = _up_to(largest + 1, _missing(self._first, self._second, ids))
        if len(chunks) > largest:
            return None
        if chunks:
            self._put(chunks, embed([chunk.text for chunk in chunks]))
        self._take_over(ids)
        former, directory = self._first.rows, self._first.directory
        with self._first.changing():
            self._second.rows.set_facts(marked_for_switch(former.facts, self._second.rows.facts, keep))
            finish_switch(directory.client, directory.path, self._first.name)
            rows = client.find_rows(directory.client, self._first.name)
            assert rows is not None
            self._adopt(self._first.replace_rows(rows))
        if not keep:
            keywords.delete(former, directory.path)
        former.database.close()
        return len(chunks)

    def _take_over(self, ids: list[str]) -> None:
        """Delete what is gone from the first collection, and take over metadata that was changed there."""
        gone = set(self._second.rows.ids()).difference(ids)
        writing.delete(self._second, sorted(gone))
        for start in range(0, len(ids), client.PAGE):
            page = ids[start : start + client.PAGE]
            here, there = self._first.rows.contents(page), self._second.rows.contents(page)
            other = {i: from_stored({METADATA: here[i][1]}) for i in page if here[i][1] != there[i][1]}
            writing.set_metadata(self._second, other)

    # --- threads -----------------------------------------------------------------------------------------------------

    async def _read(self, work: Callable[[], T]) -> T:
        return await self._first.directory.threads.read(work)

    async def _write(self, work: Callable[[], T]) -> T:
        return await self._first.directory.threads.write(partial(self._first.writing, lambda _: work()))


def drop(first: Collection) -> None:
    """Delete the second collection, if there is one. Call it in the writer's thread."""
    if first.is_refilled:
        raise QueryFailed("this store is being embedded anew; try again when that has finished", "chroma")
    if client.find_rows(first.directory.client, first.name + SECOND) is not None:
        delete_collection(first.directory.client, first.directory.path, first.name + SECOND)


def described(first: Collection) -> dict[str, Any] | None:
    """Return the model of the second generation, and how many chunks lack its vector. Returns None if there is none."""
    rows = client.find_rows(first.directory.client, first.name + SECOND)
    if rows is None:
        return None
    second = Collection(first.directory, first.name + SECOND, rows)
    profile = second.stored.profile
    if profile is None:
        return None
    return asdict(profile) | {"unembedded": sum(1 for _ in _missing(first, second, first.rows.ids()))}


def digest(text: str) -> str:
    """Return a word that stands for a text."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _missing(first: Collection, second: Collection, ids: Sequence[str]) -> Iterator[Unembedded]:
    for start in range(0, len(ids), client.PAGE):
        page = ids[start : start + client.PAGE]
        here, there = first.rows.contents(page), second.rows.contents(page)
        for chunk_id in page:
            text = here[chunk_id][0] if chunk_id in here else None
            if text is not None and (chunk_id not in there or there[chunk_id][0] != text):
                yield Unembedded(chunk_id, text, digest(text))


def _up_to(size: int, chunks: Iterator[Unembedded]) -> list[Unembedded]:
    return list(islice(chunks, size))


async def _awaited(embed: Embed, texts: list[str]) -> Float32:
    return await embed(texts)
