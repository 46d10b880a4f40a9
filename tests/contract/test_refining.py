"""Boosts by time and by number, and chunks with an equal text folded into one. Both backends follow the same formulas."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agent_brain_store import InvalidQueryError, SearchResult, StorageBackend
from tests.support.stores import DIMENSIONS, embed, fill

NOW = datetime(2026, 3, 31, tzinfo=UTC)
DAY = 86_400

# What a chunk has under "at", and its age in days at NOW. None is no usable time.
TIMES: list[tuple[Any, float | None]] = [
    ("2026-03-31", 0),
    ("2026-03-31T00:00:00Z", 0),
    ("2026-03-30 12:00", 0.5),
    ("2026-03-30T12:00:00.250+02:00", 0.5 + 2 / 24 - 0.25 / DAY),
    ("2026-03-01T00:00:00-0500", 30 - 5 / 24),
    ("0001-01-01", 739_705),
    ("9999-12-31", 0),
    (NOW.timestamp() - 10 * DAY, 10),
    (int(NOW.timestamp()) - DAY, 1),
    (-1e308, 1e26),
    (1e308, 0),
    ("2026-02-30", None),
    ("0000-01-01", None),
    ("2026-03-31T24:00", None),
    ("yesterday", None),
    ("now", None),
    ("1774915200", None),
    ("٢٠٢٦-03-31", None),
    ("", None),
    (True, None),
    (["2026-03-31"], None),
    (None, None),
]
STARS: list[tuple[Any, float]] = [
    (0, 0), (1, 1), (50, 50), (100, 100), (1e308, 1e30), (5e-324, 0), (0.25, 0.25), (-5, 0), ("100", 0), (True, 0), ([7], 0),
    ({"a": 1}, 0), (2**62, 2**62),
]  # fmt: skip


async def boosted(store: StorageBackend, boost: Any, **options: Any) -> dict[str, float]:
    """Return the scores of chunks whose relevance is 1."""
    searches: list[list[SearchResult]] = [
        await store.vector_search(embed("bear"), 50, boost=boost, now=NOW, **options),
        await store.keyword_search("bear", 50, boost=boost, now=NOW, **options),
        await store.hybrid_search("bear", embed("bear"), 50, fusion="rrf", boost=boost, now=NOW, **options),
    ]
    for hits in searches:
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(0 <= hit.score <= 1 for hit in hits)
    scores = [{hit.chunk_id: hit.score for hit in hits} for hits in searches[:2]]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6, abs=1e-9)
    plain = {hit.chunk_id: hit.score for hit in await store.hybrid_search("bear", embed("bear"), 50, fusion="rrf")}
    fused = {hit.chunk_id: hit.score / plain[hit.chunk_id] for hit in searches[2]}
    assert fused == pytest.approx(scores[1], rel=1e-6, abs=1e-9)
    return scores[1]


async def test_recent_chunks_are_boosted_by_their_half_life(store):
    await fill(store, *((f"{i:02}", "bear", {"at": at}) for i, (at, _) in enumerate(TIMES)))
    scores = await boosted(store, {"at": {"half_life": "30d", "weight": 0.4}})
    expected = {
        f"{i:02}": 0.6 + (0 if age is None or age > 1e4 else 0.4 * 0.5 ** (age / 30))
        for i, (_, age) in enumerate(TIMES)
    }
    assert scores == pytest.approx(expected, rel=1e-6)
    for same in (timedelta(days=30), 30 * DAY, "720h"):
        assert await boosted(store, {"at": {"half_life": same, "weight": 0.4}}) == scores


async def test_numbers_are_boosted_by_their_scale(store):
    await fill(store, *((f"{i:02}", "bear", {"stars": stars}) for i, (stars, _) in enumerate(STARS)), ("none", "bear"))
    scores = await boosted(store, {"stars": {"scale": 100, "weight": 0.2}})
    expected = {f"{i:02}": 0.8 + 0.2 * stars / (stars + 100) for i, (_, stars) in enumerate(STARS)} | {"none": 0.8}
    assert scores == pytest.approx(expected, rel=1e-6)


async def test_boosts_are_multiplied_and_the_largest_weight_takes_everything(store):
    await fill(store, ("a", "bear", {"at": "2026-03-01", "stars": 100}), ("b", "bear", {"stars": 300}), ("c", "bear"))
    both = {"at": {"half_life": "30d"}, "stars": {"scale": 100, "weight": 1}}
    assert await boosted(store, both) == pytest.approx({"a": 0.85 * 0.5, "b": 0.7 * 0.75, "c": 0.0})
    assert await boosted(store, {"stars": {"scale": 100, "weight": 0}}) == {"a": 1, "b": 1, "c": 1}


async def test_a_boost_reaches_chunks_beyond_top_k(store):
    """The best by relevance is old. The last of 60 is new, and comes first."""
    names = [*(f"{i:02}" for i in range(59)), "new"]
    texts = ["bear " * (60 - i) + "tree " * i for i in range(60)]
    vectors = np.eye(DIMENSIONS)[0] + np.outer(np.arange(60) / 60, np.eye(DIMENSIONS)[1])
    await store.upsert_documents(names, vectors, texts, [{"at": "2020-01-01"}] * 59 + [{"at": "2026-03-31"}])
    vector = np.eye(DIMENSIONS)[0]
    boost = {"at": {"half_life": "7d", "weight": 0.99}}
    for hits in (
        await store.keyword_search("bear", 3, boost=boost, now=NOW),
        await store.vector_search(vector, 3, boost=boost, now=NOW),
        await store.hybrid_search("bear", vector, 3, boost=boost, now=NOW, candidates=60, highlights=True),
    ):
        assert len(hits) == 3
        assert hits[0].chunk_id == "new"
    assert (await store.keyword_search("bear", 1, boost=boost, now=NOW + timedelta(days=900)))[0].chunk_id == "00"


async def test_without_now_an_age_is_counted_from_today(store):
    today = datetime.now(UTC)
    await fill(
        store, ("a", "bear", {"at": today.isoformat()}), ("b", "bear", {"at": (today - timedelta(30)).isoformat()})
    )
    hits = await store.keyword_search("bear", 2, boost={"at": {"half_life": "30d"}})
    assert [hit.score for hit in hits] == pytest.approx([1, 0.85], rel=1e-3)


@pytest.mark.parametrize("fusion", ["convex", "rrf", "relative_score"])
async def test_a_boost_without_weight_changes_nothing(store, fusion):
    """A refined search ranks as the plain one does, with names, filters and weights."""
    rng = np.random.default_rng(8)
    words = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]
    texts = [" ".join(rng.choice(words, 8)) + (f" MER-{i:04}" if i % 7 == 0 else "") for i in range(150)]
    vectors = rng.normal(size=(150, DIMENSIONS))
    await store.upsert_documents([f"{i:03}" for i in range(150)], vectors, texts, [{"n": i % 3} for i in range(150)])
    nothing: dict[str, Any] = {"boost": {"n": {"scale": 1, "weight": 0}}}
    for i in range(8):
        question, vector = " ".join(rng.choice(words, 3)), rng.normal(size=DIMENSIONS)
        where = {"n": 1} if i % 2 else None
        weights = [(1, 1), (1, 0.3), (0, 1), (1, 0)][i % 4]
        asked = f"{question} MER-{7 * i:04}", vector, 10, *weights
        options: dict[str, Any] = {"fusion": fusion, "where": where, "candidates": 20}
        for plain, refined in (
            (await store.hybrid_search(*asked, **options), await store.hybrid_search(*asked, **options, **nothing)),
            (
                await store.vector_search(vector, 10, 0, where),
                await store.vector_search(vector, 10, 0, where, **nothing),
            ),
            (
                await store.keyword_search(question, 10, where=where),
                await store.keyword_search(question, 10, where=where, **nothing),
            ),
        ):
            assert [replace(hit, score=0) for hit in refined] == [replace(hit, score=0) for hit in plain]
            assert [hit.score for hit in refined] == pytest.approx([hit.score for hit in plain])


# --- equal texts -----------------------------------------------------------------------------------------------------


async def copies(store: StorageBackend) -> tuple[str, list[float]]:
    """Store 150 copies of a licence that answers best, and 20 others. Return a question."""
    vectors = 1 + np.random.default_rng(1).normal(scale=0.1, size=(170, DIMENSIONS))
    texts = ["bear licence"] * 150 + [f"a bear that is number {i}" for i in range(20)]
    vectors[150:, 0] += 3
    await store.upsert_documents([f"{i:03}" for i in range(170)], vectors, texts, [{"n": i} for i in range(170)])
    return "bear licence", [1.0] * DIMENSIONS


async def test_equal_texts_are_folded_and_top_k_is_filled(store):
    question, vector = await copies(store)
    for top_k, expected in ((10, 10), (21, 21), (40, 21)):
        for plain, hits in (
            (await store.keyword_search(question, 1), await store.keyword_search(question, top_k, distinct="text")),
            (await store.vector_search(vector, 1), await store.vector_search(vector, top_k, distinct="text")),
            (
                await store.hybrid_search(question, vector, 1, fusion="rrf"),
                await store.hybrid_search(question, vector, top_k, fusion="rrf", distinct="text"),
            ),
        ):
            assert hits[0].chunk_id == plain[0].chunk_id
            assert len({hit.text for hit in hits}) == len(hits) == expected
    few = await store.keyword_search(question, 5, where={"n": {"$lt": 152}}, distinct="text", explain=True)
    assert few[0].text == "bear licence"
    assert len(few) == 3
    assert few[0].matched_terms == ["bear", "licence"]
    assert await store.keyword_search("nowhere", 5, distinct="text") == []


async def test_the_best_of_equal_texts_is_the_one_with_the_best_boost(store):
    await fill(store, ("a", "bear", {"stars": 1}), ("b", "bear", {"stars": 100}), ("c", "bear and wolf", {"stars": 5}))
    for hits in (
        await store.keyword_search("bear", 5, distinct="text", boost={"stars": {"scale": 10}}),
        await store.vector_search(embed("bear"), 5, distinct="text", boost={"stars": {"scale": 10}}),
        await store.hybrid_search("bear", embed("bear"), 5, distinct="text", boost={"stars": {"scale": 10}}),
        await store.hybrid_search("bear", embed("bear"), 5, 0, 1, distinct="text", boost={"stars": {"scale": 10}}),
    ):
        assert hits[0].chunk_id == "b"
        assert "a" not in {hit.chunk_id for hit in hits}


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"distinct": "id"}, "distinct is 'id'"),
        ({"boost": ["stars"]}, "boost is of type list"),
        ({"boost": {"stars": {}}}, "must have either half_life or scale"),
        ({"boost": {"stars": 3}}, "must have either half_life or scale"),
        ({"boost": {"stars": {"scale": 1, "half_life": "1d"}}}, "must have either half_life or scale"),
        ({"boost": {"stars": {"scale": 1, "wait": 1}}}, "may have weight"),
        ({"boost": {"stars": {"scale": 0}}}, "scale is 0"),
        ({"boost": {"stars": {"scale": "1"}}}, "scale is '1'"),
        ({"boost": {"stars": {"scale": 1, "weight": 1.5}}}, "weight is 1.5"),
        ({"boost": {"at": {"half_life": "30"}}}, "half_life is '30'"),
        ({"boost": {"at": {"half_life": "-1d"}}}, "half_life is '-1d'"),
        ({"boost": {"at": {"half_life": "1y"}}}, "half_life is '1y'"),
        ({"boost": {1: {"scale": 1}}}, "a metadata key is a string"),
        ({"boost": {"at": {"half_life": "1d"}}, "now": "today"}, "now is 'today'"),
    ],
)
async def test_a_boost_that_cannot_be_understood_is_refused(store, wrong, message):
    for call in (
        store.vector_search(embed("x"), 1, **wrong),
        store.keyword_search("x", 1, **wrong),
        store.hybrid_search("x", embed("x"), 1, **wrong),
    ):
        with pytest.raises(InvalidQueryError, match=message.replace("[", r"\[")):
            await call
