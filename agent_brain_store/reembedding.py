"""Give a store the vectors of another embedding model while it stays in use."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from agent_brain_store.errors import DimensionMismatchError, InvalidQueryError
from agent_brain_store.progress import deferring_errors
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.types import Progress, ProgressCallback, Vectors

if TYPE_CHECKING:
    from agent_brain_store.checks.vectors import ChunkRules, Float32
    from agent_brain_store.repository import Repository, SecondGeneration
    from agent_brain_store.store import Store

log = logging.getLogger(__name__)

EmbedTexts: TypeAlias = Callable[[list[str]], Vectors | Awaitable[Vectors]]

TRIES = 5  # to switch when nothing is left to embed; after them, a store that is always written waits for the last few
FEW = 20  # chunks that are embedded while others wait, at the first such try; then twice as many, and so on
PATIENCE = 5.0  # seconds that others wait for that, before the try is given up


async def reembed(
    store: StorageBackend,
    embed: EmbedTexts,
    provider: str,
    model: str,
    dimensions: int,
    progress: ProgressCallback | None = None,
    *,
    keep: bool = False,
    batch_size: int = 256,
) -> int:
    """Replace all vectors by those of another model, at one moment. Returns how many texts were embedded.

    ``embed`` takes a list of up to ``batch_size`` texts and returns their vectors, of ``dimensions`` numbers each. It may
    be async. Otherwise it runs in a thread.

    A second generation of vectors is filled beside the one in use, and its index is built. Until the switch, searches
    are answered from the vectors in use, and writes go on. Chunks that were written meanwhile are embedded too. If the
    store is written all the time, searches and writes wait while the last few are embedded. ``progress`` hears of the
    chunks and of the index, and `health` shows how many chunks are left.

    After an interruption, call it again: it goes on where it was. If the store has the model already, nothing is done.

    This store follows the switch. Every other one that is open, in this process or in another, raises
    `ProviderMismatchError` for a question with a vector and for chunks, until it is opened again for the new model. Its
    keyword searches and look-ups go on.

    With ``keep`` the former vectors stay as the second generation. To go back, call this function for the former model.

    Raises `DimensionMismatchError` or `InvalidQueryError` if ``embed`` does not return what the store can hold, and
    whatever ``embed`` raises. Raises `QueryFailed` if another process is embedding the store anew.
    """
    repository = _changeable(store).changeable()
    profile = _checked(provider, model, dimensions, batch_size)
    former = await repository.get_profile()
    if former == profile:
        return 0
    if keep and former is None:
        raise InvalidQueryError("keep=True needs the name of the model in use: call set_embedding_metadata() first")
    with deferring_errors(progress) as report:
        try:
            return await _Filler(repository, embed, profile, batch_size, report).run(keep)
        except _EmbedError as error:
            raise error.cause from error.cause.__cause__


async def drop_second_generation(store: StorageBackend) -> None:
    """Give up the vectors that a re-embedding has begun, or that `reembed` has kept."""
    await _changeable(store).changeable().drop_second_generation()


def _changeable(store: Any) -> Store:
    from agent_brain_store.store import Store

    if not isinstance(store, Store):
        raise InvalidQueryError("this needs a store of open_store(), or the backend of one of open_store_sync()")
    return store


def _checked(provider: str, model: str, dimensions: int, batch_size: int) -> EmbeddingMetadata:
    from agent_brain_store.checks.startup import new_profile
    from agent_brain_store.config import EmbeddingConfig

    if not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidQueryError(f"batch_size is {batch_size!r}; it must be at least 1")
    config = EmbeddingConfig(provider, model, dimensions)  # raises ConfigError
    return new_profile(config.provider, model, dimensions, dimensions)


class _EmbedError(Exception):
    """The caller's function has failed. It must not be taken for an error of the driver."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class _TooSlowError(Exception):
    """The caller's function took too long for others to wait."""


class _Filler:
    """Fills the second generation of one store, and switches."""

    def __init__(
        self,
        repository: Repository,
        embed: EmbedTexts,
        profile: EmbeddingMetadata,
        batch_size: int,
        report: ProgressCallback | None,
    ) -> None:
        from agent_brain_store.checks.vectors import ChunkRules

        self._repository, self._function, self._profile = repository, embed, profile
        self._size, self._report, self._embedded = batch_size, report, 0
        self._rules: ChunkRules = ChunkRules(profile.dimensions, repository.stored.distance)

    async def run(self, keep: bool) -> int:
        """Fill, build the index, fill what was written meanwhile, and switch."""
        async with self._repository.second_generation(self._profile) as generation:
            await self._fill(generation)
            await generation.build_index(self._report)
            tries = 0
            while (last := await self._switched(generation, tries, keep)) is None:
                tries += 1
            return self._embedded + last

    async def _switched(self, generation: SecondGeneration, tries: int, keep: bool) -> int | None:
        """Embed what was written meanwhile, and try to switch. Returns how many chunks the switch has embedded."""
        await self._fill(generation)
        largest = FEW * 2 ** (tries - TRIES) if tries >= TRIES else 0
        try:
            return await generation.switch(self._embed_soon, largest, keep)
        except _TooSlowError:
            log.info("the last chunks were not embedded within %g s; trying again", PATIENCE)
            return None

    async def _fill(self, generation: SecondGeneration) -> None:
        """Embed every chunk that has no vector yet."""
        total, left, after, found = await self._repository.count(None), await generation.unembedded(), "", 0
        while page := await generation.page(after, self._size):
            self._embedded += await generation.put(page, await self._embed([chunk.text for chunk in page]))
            after, found = page[-1].chunk_id, found + len(page)
            if self._report is not None:
                done = total - max(0, left - found)
                self._report(Progress("embedding", min(done, total), total))

    async def _embed_soon(self, texts: list[str]) -> Float32:
        """Embed texts while others wait."""
        import numpy as np

        starts = range(0, len(texts), self._size)
        try:
            async with asyncio.timeout(PATIENCE):
                return np.concatenate([await self._embed(texts[start : start + self._size]) for start in starts])
        except TimeoutError as error:
            raise _TooSlowError from error

    async def _embed(self, texts: list[str]) -> Float32:
        try:
            function: Callable[[list[str]], Any] = self._function
            is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
                getattr(function, "__call__", None)  # noqa: B004  an object may be called, too
            )
            vectors = function(texts) if is_async else await asyncio.to_thread(function, texts)
            vectors = await vectors if inspect.isawaitable(vectors) else vectors
            return _good(self._rules, vectors, len(texts))
        except Exception as error:
            raise _EmbedError(error) from error


def _good(rules: ChunkRules, vectors: Any, expected: int) -> Float32:
    """Return vectors as an array, or raise what is wrong with them."""
    from agent_brain_store.checks.vectors import chunk_vectors

    if not isinstance(vectors, Sequence) and not hasattr(vectors, "__array__"):
        raise InvalidQueryError(f"embed returned {type(vectors).__name__}, and not vectors")
    if len(vectors) != expected:
        raise InvalidQueryError(f"embed returned {len(vectors)} vectors for {expected} texts")
    rows, wrong = chunk_vectors(rules, vectors)
    for position, (problem, actual) in wrong.items():
        if actual is not None:
            raise DimensionMismatchError(
                f"embed returned a vector of {actual} dimensions, but {rules.dimensions} were announced",
                expected=rules.dimensions,
                actual=actual,
            )
        raise InvalidQueryError(f"embed: the vector of text {position} {problem}")
    return rows
