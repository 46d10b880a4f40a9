"""Finish the results of a search, on both backends alike: normalized scores, a threshold, and highlights."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from agent_brain_store.errors import MissingDependency
from agent_brain_store.results import SearchResult


async def finished(
    found: list[SearchResult], threshold: float, words: str | None, language: str, normalize: bool = False
) -> list[SearchResult]:
    """Divide the scores by the best one, leave out what is below the threshold, and mark the words of a question.

    ``words`` of None marks nothing.
    """
    best = found[0].score if found and normalize else 1.0
    if 0 < best < 1:
        found = [replace(result, score=result.score / best) for result in found]
    found = [result for result in found if result.score >= threshold]
    if words is None or not found:
        return found
    return await asyncio.to_thread(_highlighted, found, words, language)


def _highlighted(found: list[SearchResult], words: str, language: str) -> list[SearchResult]:
    try:
        from agent_brain_store.textsearch.highlights import passages
    except ModuleNotFoundError as error:
        raise MissingDependency("highlights need the package PyStemmer: pip install PyStemmer") from error
    marked = passages(words, [result.text for result in found], language)
    return [replace(result, highlights=highlights) for result, highlights in zip(found, marked, strict=True)]
