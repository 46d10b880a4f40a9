"""Both backends find the same on judged collections, and find enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent_brain_store.types import Fusion
from benchmarks.judged import COLLECTIONS, Collection, filled, load, ndcg

pytestmark = pytest.mark.postgres


# The nDCG@10 that keyword search, RRF, relative score and the convex combination must reach. On cosqa cosines alone are
# better than RRF.
FUSIONS: list[Fusion] = ["rrf", "relative_score", "convex"]
FLOORS = {
    "cranfield": (0.358, 0.405, 0.40, 0.40),
    "cisi": (0.415, 0.44, 0.45, 0.455),
    "medline": (0.68, 0.79, 0.78, 0.78),
    "cosqa": (0.38, 0.50, 0.50, 0.59),
}


@pytest.mark.parametrize("name", FLOORS)
async def test_both_backends_agree_on_judged_collections(database, tmp_path, name):
    folder = COLLECTIONS / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not in {COLLECTIONS.name}")
    reached = await agreed(load(folder), database, tmp_path)
    assert np.all(reached >= FLOORS[name])


async def test_both_backends_agree_on_the_bundled_passages(database, tmp_path):
    """A question is four words of a passage, with a vector near to the passage's own."""
    rng = np.random.default_rng(7)
    folder = Path(__file__).parents[2] / "examples" / "sample"
    passages = [json.loads(line) for line in (folder / "passages.jsonl").read_text(encoding="utf-8").splitlines()]
    names, texts = [passage["id"] for passage in passages], [passage["text"] for passage in passages]
    vectors = np.load(folder / "embeddings.npy").astype(np.float32)
    asked = [" ".join(rng.choice(text.split(), 4)) for text in texts]
    near = vectors + rng.normal(scale=0.05, size=vectors.shape).astype(np.float32)
    questions = list(zip(names, asked, near, strict=True))
    bundled = Collection("bundled", names, texts, vectors, questions, {name: {name: 1} for name in names})
    assert np.all(await agreed(bundled, database, tmp_path) >= 0.7)


async def agreed(collection: Collection, database: dict[str, Any], tmp_path: Path) -> Any:
    """Return the nDCG@10 of PostgreSQL by keyword search and by each fusion.

    Chroma's must be within 0.01 of it, that of exact keyword search within 0.003.
    """
    place: dict[str, Any] = {"backend": "postgres", "postgres": {**database, "schema": "judged"}}
    chroma: dict[str, Any] = {"backend": "chroma", "chroma": {"path": str(tmp_path / "judged")}}
    asked = [question for question in collection.questions if collection.relevant.get(question[0])]
    ours, theirs = await answers(collection, asked, place), await answers(collection, asked, chroma)
    exact = await answers(collection, asked, place | {"keyword": {"budget": 0}}, keyword_only=True)
    judged = [collection.relevant[question_id] for question_id, _, _ in asked]

    def means(ranked: list[list[list[str]]]) -> Any:
        scores = [[ndcg(ten, relevant) for ten in each] for each, relevant in zip(ranked, judged, strict=True)]
        return np.mean(scores, axis=0)

    assert np.all(np.abs(means(ours) - means(theirs)) <= 0.01)
    assert abs(means(ours)[0] - means(exact)[0]) <= 0.003
    both = [len(set(one[1][:5]) & set(other[1][:5])) / 5 for one, other in zip(ours, theirs, strict=True)]
    assert np.mean(both) >= 0.8
    return means(ours)


async def answers(
    collection: Collection, asked: list[Any], place: dict[str, Any], keyword_only: bool = False
) -> list[list[list[str]]]:
    """Return the first ten ids for each question, by keyword search and by each fusion."""
    found = []
    async with filled(collection, **place) as store:
        for _, text, vector in asked:
            ranked = [await store.keyword_search(text, 10)]
            if not keyword_only:
                ranked += [await store.hybrid_search(text, vector, 10, fusion=fusion) for fusion in FUSIONS]
            found.append([[hit.chunk_id for hit in hits] for hits in ranked])
    return found
