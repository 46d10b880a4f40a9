"""The chunks and questions that every store gets, and what a right answer is.

They come from judged collections with vectors if there are any (``COLLECTIONS=folder``), and are made up otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import judged
from benchmarks.measuring import DIMENSIONS, made_up
from benchmarks.overview import clustered

CHUNKS, QUESTIONS, SEED = int(os.environ.get("CHUNKS") or 10_000), 96, 23


@dataclass(frozen=True)
class Question:
    """A question. ``target`` is the number of a relevant chunk, and ``relevant`` maps the ids of all to their grades."""

    text: str
    vector: NDArray[np.float32]
    target: int
    relevant: Mapping[str, int]


@dataclass(frozen=True)
class Corpus:
    """Chunks, as lists of ids, unit vectors, texts and metadata, and questions about them."""

    what: str
    judged: bool
    batch: tuple[list[str], NDArray[np.float32], list[str], list[dict[str, Any]]]
    questions: list[Question]

    def where(self, number: int, key: str) -> dict[str, Any]:
        """Return the filter of a question by a metadata key, which its target passes. An empty key means no filter."""
        return {key: self.batch[3][self.questions[number].target][key]} if key else {}

    def relevant(self, number: int, key: str) -> dict[str, int]:
        """Return the grades of the relevant chunks that pass the filter of a question."""
        passing = {self.batch[0][chunk] for chunk in self._passing(number, key)}
        return {chunk: grade for chunk, grade in self.questions[number].relevant.items() if chunk in passing}

    def nearest(self, number: int, key: str) -> dict[str, int]:
        """Return the ten chunks that are nearest to a question among those that pass its filter, each with the grade 1."""
        passing = np.array(list(self._passing(number, key)))
        near = np.argsort(-(self.batch[1][passing] @ self.questions[number].vector), kind="stable")[:10]
        return {self.batch[0][chunk]: 1 for chunk in passing[near]}

    def _passing(self, number: int, key: str) -> Iterator[int]:
        where = self.where(number, key)
        return (chunk for chunk, metadata in enumerate(self.batch[3]) if where.items() <= metadata.items())


def corpus() -> Corpus:
    """Return chunks of the judged collections that have vectors, if there are any, and made-up ones otherwise."""
    folders = sorted(judged.COLLECTIONS.iterdir()) if judged.COLLECTIONS.is_dir() else []
    needed = ("qrels.tsv", "docs.npy", "queries.npy")
    found = [judged.load(folder) for folder in folders if all((folder / name).exists() for name in needed)]
    return _from_collections(found) if found else _made_up(CHUNKS)


def _made_up(count: int) -> Corpus:
    """Make up chunks. A question has six words of its target, and a vector near the target's."""
    rng = np.random.default_rng(SEED)
    ids, _, texts, _ = made_up(count, SEED)
    vectors = clustered(count)
    targets = [int(target) for target in rng.choice(count, QUESTIONS)]
    noise = rng.normal(size=(QUESTIONS, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    asked = _unit(vectors[targets] + 0.5 * noise)
    questions = [
        Question(" ".join(rng.choice(texts[target].split(), 6)), vector, target, {ids[target]: 1})
        for target, vector in zip(targets, asked, strict=True)
    ]
    return Corpus("made-up chunks", False, (ids, vectors, texts, _metadatas(count)), questions)


def _from_collections(found: Sequence[judged.Collection]) -> Corpus:
    """Mix collections. There are as many questions from each, and all that is relevant to them is among the chunks."""
    rng = np.random.default_rng(SEED)
    chunks: dict[str, tuple[str, Any]] = {}
    asked: list[tuple[str, Any, dict[str, int]]] = []
    for one in found:
        assert one.vectors is not None
        rows = zip(one.ids, one.texts, one.vectors, strict=True)
        chunks |= {f"{one.name}/{name}": (text, vector) for name, text, vector in rows}
        with_answer = [question for question in one.questions if one.relevant.get(question[0])]
        for number in rng.permutation(len(with_answer))[: QUESTIONS // len(found)]:
            name, text, vector = with_answer[number]
            asked.append((text, vector, {f"{one.name}/{chunk}": g for chunk, g in one.relevant[name].items()}))
    ids = _some(list(chunks), {chunk for *_, relevant in asked for chunk in relevant}, rng)
    place = {chunk: number for number, chunk in enumerate(ids)}
    questions = [
        Question(text, _unit(vector), place[max(relevant, key=lambda chunk: relevant[chunk])], relevant)
        for text, vector, relevant in asked
    ]
    texts, vectors = [chunks[chunk][0] for chunk in ids], _unit(np.array([chunks[chunk][1] for chunk in ids]))
    what = f"documents of {', '.join(one.name for one in found)}"
    return Corpus(what, True, (ids, vectors, texts, _metadatas(len(ids))), questions)


def _some(ids: list[str], kept: set[str], rng: np.random.Generator) -> list[str]:
    """Return so many ids as are wanted, in random order, and among them those that have to be kept."""
    others = [chunk for chunk in rng.permutation(ids) if chunk not in kept]
    chosen = [*sorted(kept), *others][: max(CHUNKS, len(kept))]
    return [str(chunk) for chunk in rng.permutation(chosen)]


def _metadatas(count: int) -> list[dict[str, Any]]:
    return [{"source": f"/docs/{i // 200}.md", "part": i % 50, "half": i % 2} for i in range(count)]


def _unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
