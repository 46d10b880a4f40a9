"""Make up as many chunks as are asked for, from this project's own pages. Nothing is downloaded.

A text is a passage of the pages in which a third of the words gave way to made-up ones. These come from a vocabulary of
300,000 words. The word of rank r is as frequent as 1 / (r + 2.7), as in natural language (the law of Zipf and
Mandelbrot). So the number of different words grows with the chunks, as it does in real collections.

A vector lies near one of 2,000 centres. Around its centre it goes in 24 directions, and only a little in the others.
Vectors of real texts are like this: a graph finds their neighbours, which it hardly does among vectors that go in all 384.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
VOCABULARY, CENTRES, DIRECTIONS = 300_000, 2000, 24
WORDS, FILE = 80, 200  # words of a chunk, chunks of a file
SYLLABLES = [first + vowel + last for first in "bcdfghlmnprstvz" for vowel in "aeiou" for last in ("", "n", "r", "s")]


class Corpus:
    """Chunks and questions. The same seed and the same pages give the same."""

    def __init__(self, dimensions: int, seed: int) -> None:
        self._rng = rng = np.random.default_rng(seed)
        pages = sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("*.md"))
        running = [word for page in pages for word in page.read_text(encoding="utf-8").split()]
        known, places = np.unique(np.array(running, dtype=object), return_inverse=True)
        parts = rng.integers(0, len(SYLLABLES), (VOCABULARY, 4))
        made_up = ["".join(SYLLABLES[part] for part in row[: 2 + row[0] % 3]) for row in parts.tolist()]
        self._words = np.array([*known, *made_up], dtype=object)
        self._running, self._known = places, len(known)
        shares = 1 / (np.arange(VOCABULARY) + 2.7)
        self._up_to = np.cumsum(shares / shares.sum())
        self._centres = rng.normal(size=(CENTRES, dimensions)).astype(np.float32)
        self._directions = rng.normal(size=(DIRECTIONS, dimensions)).astype(np.float32)

    def batch(self, first: int, count: int) -> tuple[list[str], Any, list[str], list[dict[str, Any]]]:
        """Return ids, vectors, texts and metadata of the next chunks, which are numbered from ``first``.

        A file has 200 chunks, and 2 % of all chunks are in each part.
        """
        numbers = range(first, first + count)
        metadatas = [{"source": f"/docs/{n // FILE}.md", "part": n % 50, "language": "en"} for n in numbers]
        return [f"{n:08}" for n in numbers], self.vectors(count), self.texts(count, WORDS, 1 / 3), metadatas

    def texts(self, count: int, length: int, changed: float) -> list[str]:
        """Return passages of so many words. This share of the words is made up."""
        rng = self._rng
        starts = rng.integers(0, len(self._running) - length, (count, 1))
        words = self._running[starts + np.arange(length)]
        gave_way = rng.random(words.shape) < changed
        drawn = np.searchsorted(self._up_to, rng.random(int(gave_way.sum())))
        words[gave_way] = self._known + np.minimum(drawn, VOCABULARY - 1)
        return [" ".join(row) for row in self._words[words].tolist()]

    def vectors(self, count: int) -> Any:
        """Return unit vectors, as float32."""
        rng, dimensions = self._rng, self._centres.shape[1]
        around = rng.normal(size=(count, DIRECTIONS)).astype(np.float32) @ self._directions / DIRECTIONS**0.5
        noise = rng.normal(size=(count, dimensions)).astype(np.float32)
        vectors = self._centres[rng.integers(0, CENTRES, count)] + 0.7 * around + 0.1 * noise
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Nearest:
    """The true neighbours of some questions among the vectors seen so far, by an exact comparison."""

    def __init__(self, questions: Any, count: int) -> None:
        self._questions, self._count = questions, count
        self._scores = np.full((len(questions), count), -np.inf, np.float32)
        self._numbers = np.zeros((len(questions), count), np.int64)

    def see(self, first: int, vectors: Any) -> None:
        """Compare more vectors, which are numbered from ``first``."""
        scores = np.hstack([self._scores, self._questions @ vectors.T])
        numbers = np.hstack([self._numbers, np.tile(np.arange(first, first + len(vectors)), (len(scores), 1))])
        best = np.argpartition(-scores, self._count - 1, axis=1)[:, : self._count]
        self._scores, self._numbers = np.take_along_axis(scores, best, 1), np.take_along_axis(numbers, best, 1)

    def recall(self, number: int, found: list[str]) -> float:
        """Return which share of the neighbours of a question was found. ``found`` are ids."""
        return len({int(chunk_id) for chunk_id in found} & set(self._numbers[number].tolist())) / self._count
