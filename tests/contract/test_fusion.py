"""How hybrid search fuses two rankings: by the formulas of the library's Python code, always in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_brain_store.textsearch.fusion import convex_combination, reciprocal_rank_fusion, relative_score_fusion
from tests.support.stores import DIMENSIONS, embed, fill


@pytest.mark.parametrize("fusion", ["convex", "rrf", "relative_score"])
async def test_one_ranking_alone_keeps_its_order_within_a_budget(make, fusion):
    store = make(keyword={"budget": 30})
    await store.initialize()
    rng = np.random.default_rng(4)
    words = [f"word{i}" for i in range(60)]
    texts = [" ".join(rng.choice(words, int(rng.integers(3, 20)))) for _ in range(2000)]
    names = [f"{i:04}" for i in range(2000)]
    await store.upsert_documents(names, rng.normal(size=(2000, DIMENSIONS)), texts, [{}] * 2000)
    for _ in range(20):
        question, vector = " ".join(rng.choice(words, 3)), rng.normal(size=DIMENSIONS)
        by_keyword = [hit.chunk_id for hit in await store.keyword_search(question, 10)]
        by_vector = [hit.chunk_id for hit in await store.vector_search(vector, 10)]
        for weights, expected in (((0.0, 1.0), by_keyword), ((1.0, 0.0), by_vector)):
            hits = await store.hybrid_search(question, vector, 10, *weights, fusion=fusion)
            assert [hit.chunk_id for hit in hits] == expected


WEIGHT = st.sampled_from([0.5, 1.0]) | st.floats(0.01, 5)  # simple ones make ties
RANKING = st.lists(
    st.integers(0, 4), min_size=DIMENSIONS, max_size=DIMENSIONS
)  # what each chunk weighs; many are equal


@given(
    by_vector=RANKING.filter(any),
    by_keyword=RANKING,
    vector_weight=WEIGHT,
    keyword_weight=WEIGHT,
    rrf_k=st.sampled_from([0, 1, 60]) | st.integers(0, 1000),
    top_k=st.integers(1, DIMENSIONS),
    more=st.integers(0, DIMENSIONS),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_reciprocal_rank_fusion_is_that_of_fusion_py(
    store, by_vector, by_keyword, vector_weight, keyword_weight, rrf_k, top_k, more
):
    """Each chunk has a direction and a word of its own. So a question can put them into any two orders."""
    names = [f"{i:02}" for i in range(DIMENSIONS)]
    words = [f"word{letter}" for letter in "abcdefghijklmnop"]
    await store.upsert_documents(names, np.eye(DIMENSIONS), words, [{}] * DIMENSIONS)
    question = " ".join(f"{word} " * times for word, times in zip(words, by_keyword, strict=True))
    candidates, weights = top_k + more, (vector_weight, keyword_weight)
    vector_ids = [hit.chunk_id for hit in await store.vector_search(by_vector, candidates)]
    keyword_ids = [hit.chunk_id for hit in await store.keyword_search(question, candidates)]
    asked = sorted((name for name in names if by_keyword[int(name)]), key=lambda name: -by_keyword[int(name)])
    assert keyword_ids == asked[:candidates]
    # The store scales the weights in the same way. Otherwise the last bits of a sum could tell two equal chunks apart.
    scaled = vector_weight / max(weights), keyword_weight / max(weights)
    expected = reciprocal_rank_fusion(vector_ids, keyword_ids, *scaled, rrf_k)[:top_k]
    hits = await store.hybrid_search(question, by_vector, top_k, *weights, rrf_k, "rrf", candidates)
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])
    assert [hit.chunk_id for hit in hits] == [chunk_id for chunk_id, _ in expected]
    for hit in hits:
        assert hit.vector_rank == (vector_ids.index(hit.chunk_id) + 1 if hit.chunk_id in vector_ids else None)
        assert hit.keyword_rank == (keyword_ids.index(hit.chunk_id) + 1 if hit.chunk_id in keyword_ids else None)


async def test_relative_score_fusion_is_that_of_fusion_py(store):
    rng = np.random.default_rng(2)
    words = [f"word{i}" for i in range(40)]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(120)]
    names = [f"{i:03}" for i in range(120)]
    await store.upsert_documents(names, rng.normal(size=(120, DIMENSIONS)), texts, [{}] * 120)
    for _ in range(15):
        question, vector = " ".join(rng.choice(words, 3)), rng.normal(size=DIMENSIONS)
        weights = float(rng.uniform(0.1, 2)), float(rng.uniform(0.1, 2))
        vector_scores = {hit.chunk_id: hit.score for hit in await store.vector_search(vector, 120)}
        keyword_scores = {hit.chunk_id: hit.score for hit in await store.keyword_search(question, 120)}
        legs = set(list(vector_scores)[:20]) | set(list(keyword_scores)[:20])
        expected = relative_score_fusion(
            {i: vector_scores[i] for i in legs}, {i: keyword_scores.get(i, 0.0) for i in legs}, *weights
        )[:10]
        hits = await store.hybrid_search(question, vector, 10, *weights, fusion="relative_score", candidates=20)
        assert [hit.chunk_id for hit in hits] == [chunk_id for chunk_id, _ in expected]
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], rel=1e-3)


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
async def test_convex_combination_is_that_of_fusion_py(make, elsewhere, distance):
    store = make(distance=distance, **elsewhere("convex"))
    await store.initialize()
    rng = np.random.default_rng(3)
    words = [f"word{letter}{i}" for letter in "ab" for i in range(20)]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(120)]
    vectors = rng.normal(size=(120, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    await store.upsert_documents([f"{i:03}" for i in range(120)], vectors, texts, [{}] * 120)
    for candidates, asked in ((10, 3), (25, 2), (60, 1)) * 3:
        question = (
            "worda " + " ".join(rng.choice(["word", "a", "b"], asked)) + f" {rng.integers(20)} {rng.integers(20)}"
        )
        vector, weights = rng.normal(size=DIMENSIONS), (1.0, float(rng.uniform(0.1, 1)))
        by_vector = [(hit.chunk_id, hit.score) for hit in await store.vector_search(vector, candidates)]
        by_keyword = [(hit.chunk_id, hit.score) for hit in await store.keyword_search(question, candidates)]
        expected = convex_combination(by_vector, by_keyword, *weights, candidates, 1 if distance == "cosine" else 4)
        hits = await store.hybrid_search(question, vector, 10, *weights, candidates=candidates)
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected[:10]], rel=1e-3)
        assert [hit.chunk_id for hit in hits] == [chunk_id for chunk_id, _ in expected[:10]]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the status of ticket MER-0237?", {"237"}),
        ("compare the status of MER-0100, MER-0200 and MER-0300 in the login page", {"100", "200", "300"}),
        ('who saw the "purple login page"', {"007"}),
        ("does handleLogin23 fail like /srv/login/p42.log", {"023", "042"}),
    ],
)
async def test_an_exact_name_comes_among_the_first_three_whatever_the_vectors_say(store, question, expected):
    texts = [
        f"Ticket MER-{i:04}: the login page fails in handleLogin{i}, see /srv/login/p{i}.log. The status is open. " * 2
        for i in range(400)
    ]
    texts[7] += "The purple page."
    rng = np.random.default_rng(5)
    vectors = 1 + rng.normal(scale=0.2, size=(400, DIMENSIONS))
    await store.upsert_documents([f"{i:03}" for i in range(400)], vectors, texts, [{}] * 400)
    named = [int(chunk) for chunk in expected]
    for asked in (np.ones(DIMENSIONS), -vectors[named].sum(axis=0), vectors[0]):
        hits = await store.hybrid_search(question, asked, 10)
        assert expected <= {hit.chunk_id for hit in hits[:3]}
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_the_order_is_always_the_same_and_ties_are_ordered_by_id(make, elsewhere):
    store = make(keyword={"b": 0.0}, **elsewhere("even"))
    await store.initialize()
    chunks: list[tuple[Any, ...]] = [(f"{i:03}", "bear wolf fox", {}) for i in range(60)]
    # A heading counts as much as three times in the text. The third kind has the same words in another order.
    chunks[1::3] = [(chunk[0], "wolf fox", {"title": "bear"}) for chunk in chunks[1::3]]
    chunks[::3] = [(chunk[0], "bear fox bear wolf bear", {}) for chunk in chunks[::3]]
    await fill(store, *reversed(chunks))
    even = [chunk[0] for chunk in chunks if "bear wolf fox" not in chunk[1]]
    for question in ("bear", "fox bear wolf"):
        hits = await store.keyword_search(question, 60)
        assert [hit.chunk_id for hit in hits[:40]] == even
        assert len({hit.score for hit in hits}) == 2
    hybrids = [
        [hit.chunk_id for hit in await store.hybrid_search("fox bear", embed("x"), 30, fusion=fusion)]
        for _ in range(3)
        for fusion in ("rrf", "relative_score")
    ]
    assert hybrids[0] == hybrids[2] == hybrids[4]
    assert hybrids[1] == hybrids[3] == hybrids[5]


WORDS = ["bear", "wolf", "fox", "hare", "deer", "owl", "crow", "swan", "duck", "frog"]


async def test_a_question_of_unknown_words_keeps_the_vector_order_and_scores_0(store):
    await fill(store, *((word, word) for word in WORDS))
    for fusion in ("convex", "rrf", "relative_score"):
        hits = await store.hybrid_search("zzz", embed("bear"), 10, fusion=fusion)
        assert [hit.chunk_id for hit in hits] == [hit.chunk_id for hit in await store.vector_search(embed("bear"), 10)]
        assert {hit.keyword_rank for hit in hits} == {None}
        assert {hit.keyword_score for hit in hits} == {0.0 if fusion == "relative_score" else None}


@pytest.mark.parametrize("fusion", ["rrf", "relative_score"])
async def test_normalized_scores_begin_with_one_and_keep_their_proportions(store, fusion):
    await fill(store, ("a", "a bear"), ("b", "a cat"), ("c", "a bear and a cat"))
    question = ("cat", embed("a bear"), 3)
    plain = await store.hybrid_search(*question, fusion=fusion)
    normalized = await store.hybrid_search(*question, fusion=fusion, normalize=True)
    assert plain[0].score < normalized[0].score == 1
    assert [hit.score * plain[0].score for hit in normalized] == pytest.approx([hit.score for hit in plain])
    assert [hit.chunk_id for hit in normalized] == [hit.chunk_id for hit in plain]
    assert await store.hybrid_search(*question, normalize=True, where={"n": 1}) == []
