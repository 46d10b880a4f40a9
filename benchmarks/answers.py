"""Ask any store the questions of a corpus, and rate what it finds."""

from __future__ import annotations

import asyncio
import inspect
import statistics
from collections.abc import Awaitable, Callable
from typing import Any

from agent_brain_store.store import Store
from benchmarks.corpus import Corpus
from benchmarks.judged import ndcg, recall
from benchmarks.measuring import Bench

Answers = list[dict[str, int]]  # the ids that have to be found for each question, with their grades
QUALITY = {"recall@10": "recall", "nDCG@10": "ndcg"}  # columns of a table, and what `rated` calls their figures
Ask = Callable[[int], Awaitable[list[str]]]  # it asks the question of this number, for the ids of ten chunks


class Ours:
    """This library's store, as the benchmarks ask every store: it searches for ten chunks, and returns their ids."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, batch: tuple[Any, ...]) -> None:
        """Write all in one call, and wait for what runs in the background."""
        await self._store.upsert_documents(*batch)
        await self._store.wait_idle()

    async def nearest(self, vector: Any, where: dict[str, Any]) -> list[str]:
        """Search by vector."""
        return [hit.chunk_id for hit in await self._store.vector_search(vector, 10, where=where)]

    async def keyword(self, text: str, where: dict[str, Any]) -> list[str]:
        """Search by words."""
        return [hit.chunk_id for hit in await self._store.keyword_search(text, 10, where=where)]

    async def hybrid(self, text: str, vector: Any, where: dict[str, Any]) -> list[str]:
        """Search by both."""
        return [hit.chunk_id for hit in await self._store.hybrid_search(text, vector, 10, where=where)]


def asking(store: Any, corpus: Corpus, search: str, key: str = "", apart: bool = False) -> Ask:
    """Return how a store is asked. ``search`` is nearest, keyword or hybrid, and ``key`` is what a question filters by.

    A search that is no coroutine runs in place, or in a thread if ``apart``, as a service with many callers runs it.
    """
    call: Callable[..., Any] = getattr(store, search)

    async def ask(number: int) -> list[str]:
        question, where = corpus.questions[number], corpus.where(number, key)
        texts, vectors = (question.text,), (question.vector,)
        arguments: tuple[Any, ...] = {"nearest": vectors, "keyword": texts, "hybrid": texts + vectors}[search]
        if inspect.iscoroutinefunction(call):
            return list(await call(*arguments, where))
        return list(await asyncio.to_thread(call, *arguments, where) if apart else call(*arguments, where))

    return ask


async def exact_answers(bench: Bench, corpus: Corpus, *searches: str) -> list[Answers]:
    """Ask a store that leaves nothing out. Returns for each kind of search what it finds for each question."""
    async with bench.store(exact=True) as store:
        ours, numbers = Ours(store), range(len(corpus.questions))
        await ours.load(corpus.batch)
        asks = [asking(ours, corpus, search) for search in searches]
        return [[dict.fromkeys(await ask(number), 1) for number in numbers] for ask in asks]


async def rated(ask: Ask, corpus: Corpus, search: str, key: str = "", exact: Answers | None = None) -> dict[str, float]:
    """Ask every question once. Returns the mean recall@10 and, if the corpus is judged, nDCG@10.

    What has to be found is ``exact``, if that is given. Otherwise a vector search has to find the true neighbours, and the
    others the relevant chunks.
    """
    numbers = range(len(corpus.questions))
    found = [await ask(number) for number in numbers]
    relevant = [corpus.relevant(number, key) for number in numbers]
    sought = exact
    if sought is None:
        sought = [corpus.nearest(number, key) for number in numbers] if search == "nearest" else relevant
    shares = [recall(hits, wanted, 10) for hits, wanted in zip(found, sought, strict=True) if wanted]
    figures = {"recall": statistics.fmean(shares)}
    if corpus.judged:
        figures["ndcg"] = statistics.fmean(ndcg(hits, wanted) for hits, wanted in zip(found, relevant, strict=True))
    return figures


def quality_in_words(figures: dict[str, float]) -> list[str]:
    """Return the cells below `QUALITY`. A corpus that is not judged has no nDCG, and what is no search has nothing."""
    return [f"{figures[key]:.3f}" if key in figures else "" for key in QUALITY.values()]


async def many_callers(ask: Ask, callers: int, each: int, questions: int) -> None:
    """Let so many callers ask at once, each so many questions one after another."""

    async def caller(first: int) -> None:
        for number in range(first, first + each):
            await ask(number % questions)

    await asyncio.gather(*(caller(each * number) for number in range(callers)))
