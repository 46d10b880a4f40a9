"""This module has the questions of the demo, and asks a question in three ways."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

from agent_brain_store import SearchResult, StorageBackend
from agent_brain_store.demo.embedder import Vectors

MODES = ("vector", "keyword", "hybrid")
TOP_K = 5
_RUNS = 3  # timed runs after one that warms up; their median is shown


@dataclass(frozen=True, slots=True)
class Question:
    """A question, what it shows, and a metadata filter."""

    text: str
    shows: str = ""
    where: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The results of one store, and how long it took to find them."""

    results: list[SearchResult]
    milliseconds: float

    @property
    def ids(self) -> list[str]:
        """The chunks' ids, best first."""
        return [result.chunk_id for result in self.results]


QUESTIONS = (
    Question("How do I merge two ranked lists of results?", "plain language: both rankings know something"),
    Question("cancelled with 40P01", "an exact code: keywords know it, vectors see just another number"),
    Question(
        "keeping vegetables sour in a jar", "other words than the text's, which speaks of cabbage, salt and brine"
    ),
    Question(
        "call again after a failure, waiting longer each time",
        "with a metadata filter: only code in Python or TypeScript",
        {"source_type": "code", "language": {"$in": ["python", "typescript"]}},
    ),
    Question(
        "What happens when two processes open the same Chroma directory?",
        "this project's own sources: only those that begin with agent_brain_store/",
        {"source": {"$prefix": "agent_brain_store/"}},
    ),
)


async def ask(store: StorageBackend, mode: str, question: Question, vector: Vectors | None) -> Answer:
    """Ask once to warm up, then a few times against the clock."""
    results = await _search(store, mode, question, vector)
    times = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        await _search(store, mode, question, vector)
        times.append(time.perf_counter() - started)
    return Answer(results, 1000 * statistics.median(times))


async def _search(store: StorageBackend, mode: str, question: Question, vector: Vectors | None) -> list[SearchResult]:
    if mode == "keyword" or vector is None:
        return await store.keyword_search(question.text, TOP_K, where=question.where)
    if mode == "vector":
        return await store.vector_search(vector, TOP_K, where=question.where)
    return await store.hybrid_search(question.text, vector, TOP_K, where=question.where)


def shared(left: Answer, right: Answer) -> tuple[int, int]:
    """Return how many chunks two answers share, and how many chunks the longer answer has."""
    return len(set(left.ids) & set(right.ids)), max(len(left.ids), len(right.ids))
