"""Load judged test collections, and rate a ranking by human judgements.

A collection has documents, questions and judgements. It is a folder with these files:

``corpus.jsonl.gz``          one line for each document: {"id", "title", "text"}
``queries.jsonl.gz``         one line for each question: {"id", "text"}
``qrels.tsv``                a header line, and then question id, document id and grade
``docs.npy, queries.npy``    embeddings in the order of the lines

The environment variable ``COLLECTIONS`` names the folder that holds the collections.
"""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_brain_store import ProgressCallback, StorageBackend, StoreConfig, create_backend

COLLECTIONS = Path(os.environ.get("COLLECTIONS") or Path(__file__).parents[2] / "shared" / "collections")


@dataclass(frozen=True)
class Collection:
    """A collection in memory. ``relevant`` maps a question's id to its relevant documents and their grades above 0."""

    name: str
    ids: list[str]
    texts: list[str]
    vectors: NDArray[np.float32] | None
    questions: list[tuple[str, str, NDArray[np.float32] | None]]
    relevant: dict[str, dict[str, int]]


def load(folder: Path) -> Collection:
    """Read a collection's folder. Vectors and judgements may be missing."""
    documents, queries = _lines(folder / "corpus.jsonl.gz"), _lines(folder / "queries.jsonl.gz")
    vectors, asked = _array(folder / "docs.npy"), _array(folder / "queries.npy")
    return Collection(
        folder.name,
        [str(document["id"]) for document in documents],
        [f"{document['title']} {document['text']}" for document in documents],
        vectors,
        [(str(q["id"]), q["text"], None if asked is None else asked[i]) for i, q in enumerate(queries)],
        _judgements(folder / "qrels.tsv"),
    )


def grown(collection: Collection, count: int) -> Collection:
    """Return a collection of so many documents: its own, and then copies of them. Each copy has its own longer words."""
    ids, texts = list(collection.ids), list(collection.texts)
    for copy in range(1, -(-count // len(collection.ids))):
        ids += [f"{chunk}~{copy}" for chunk in collection.ids]
        ending = chr(ord("a") + copy)
        texts += [" ".join(w + ending if len(w) > 6 else w for w in text.split(" ")) for text in collection.texts]
    return replace(collection, ids=ids[:count], texts=texts[:count])


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _array(path: Path) -> NDArray[np.float32] | None:
    return np.load(path).astype(np.float32) if path.exists() else None


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            question, document, grade = line.split("\t")
            if int(grade) > 0:
                found.setdefault(question, {})[document] = int(grade)
    return found


def ndcg(found: Sequence[str], relevant: Mapping[str, int], depth: int = 10) -> float:
    """Return the normalised discounted cumulative gain of a ranking, from 0 to 1 (Järvelin and Kekäläinen, 2002).

    The gain is the grade, and the discount is ``log2(rank + 1)``, where ranks count from 1.
    """
    gain = sum(relevant.get(chunk, 0) / math.log2(rank + 2) for rank, chunk in enumerate(found[:depth]))
    ideal = sorted(relevant.values(), reverse=True)[:depth]
    return gain / sum(grade / math.log2(rank + 2) for rank, grade in enumerate(ideal))


def recall(found: Sequence[str], relevant: Mapping[str, int], depth: int) -> float:
    """Return the share of the relevant documents that is among the first ``depth``."""
    return len(set(found[:depth]) & set(relevant)) / len(relevant)


@asynccontextmanager
async def filled(
    collection: Collection, progress: AbstractContextManager[ProgressCallback | None] | None = None, **storage: Any
) -> AsyncIterator[StorageBackend]:
    """Open a store and load a collection into it. If the collection has no vectors, made-up ones are used."""
    vectors = collection.vectors
    if vectors is None:
        vectors = np.random.default_rng(0).normal(size=(len(collection.ids), 8)).astype(np.float32)
    profile = {"provider": "local", "model": "all-minilm-l6-v2", "dimensions": vectors.shape[1]}
    store = create_backend(StoreConfig.from_dict({"embedding": profile, "storage": storage}))
    await store.initialize()
    try:
        with progress or nullcontext() as report:
            async with store.bulk_load(report) as load_:
                for start in range(0, len(collection.ids), 5000):
                    part = slice(start, start + 5000)
                    ids, texts = collection.ids[part], collection.texts[part]
                    await load_.upsert_documents(ids, vectors[part], texts, [{}] * len(ids))
        yield store
    finally:
        await store.close()
