"""The formulas of fusion."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_brain_store.textsearch.fusion import (
    convex_combination,
    lift_named,
    reciprocal_rank_fusion,
)
from agent_brain_store.textsearch.names import exact_names

rankings = st.lists(st.sampled_from("abcdefghij"), unique=True)


@given(rankings, rankings, st.floats(0.01, 5), st.floats(0.01, 5), st.integers(1, 100))
@settings(max_examples=200, deadline=None)
def test_reciprocal_rank_fusion_follows_its_formula(by_vector, by_keyword, vector_weight, keyword_weight, rrf_k):
    fused = reciprocal_rank_fusion(by_vector, by_keyword, vector_weight, keyword_weight, rrf_k)
    assert {chunk for chunk, _ in fused} == {*by_vector, *by_keyword}
    for chunk, score in fused:
        total = sum(
            weight / (rrf_k + ids_.index(chunk) + 1)
            for ids_, weight in ((by_vector, vector_weight), (by_keyword, keyword_weight))
            if chunk in ids_
        )
        assert score == pytest.approx(total * (rrf_k + 1) / (vector_weight + keyword_weight))
        assert 0 < score <= 1 + 1e-9
    assert fused == sorted(fused, key=lambda item: (-item[1], item[0]))


SCORES = st.dictionaries(st.sampled_from("abcdefghij"), st.sampled_from([0.0, 0.25, 0.5]) | st.floats(0, 1))


def ranked(scores):
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


@given(SCORES, SCORES, st.floats(0.01, 1), st.floats(0.01, 1), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_a_convex_combination_is_a_mean_of_relative_scores(by_vector, by_keyword, vector_weight, keyword_weight, more):
    by_keyword = {chunk: 30 * score for chunk, score in by_keyword.items() if score}
    candidates = max(len(by_vector), len(by_keyword)) + more
    fused = convex_combination(ranked(by_vector), ranked(by_keyword), vector_weight, keyword_weight, candidates)
    assert {chunk for chunk, _ in fused} == {*by_vector, *by_keyword}
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    for chunk, score in fused:
        # Fewer hits than candidates: so what is not in the keyword ranking has no word.
        last = min(by_vector.values(), default=0.0)
        means = [
            scores.get(chunk, outside) / max(scores.values(), default=0) if any(scores.values()) else None
            for scores, outside in ((by_vector, last), (by_keyword, 0.0))
        ]
        known = [mean for mean in means if mean is not None] or [0.0]
        assert min(known) - 1e-9 <= score <= max(known) + 1e-9


def falling(name, best, last, count=50):
    return [(f"{name}{i:02}", best + (last - best) * i / (count - 1)) for i in range(count)]


def test_the_ranking_whose_best_chunk_is_far_ahead_decides():
    flat_vectors, steep_vectors = falling("v", 0.6, 0.58), [("v", 0.8), *falling("u", 0.4, 0.3, 49)]
    flat_words, steep_words = falling("w", 20, 19), [("k", 20.0), *falling("w", 5, 1, 49)]
    assert convex_combination(flat_vectors, steep_words)[0][0] == "k"
    assert convex_combination(steep_vectors, flat_words)[0][0] == "v"


def test_a_convex_combination_by_hand():
    by_vector, by_keyword = [("a", 0.8), ("b", 0.4)], [("b", 10.0), ("c", 5.0)]
    # The leads are 0.8 - 0.4 and (10 - 0) / 10, because no third chunk has a word. c counts 0.4 by vector.
    vector, keyword = 0.5 * 3 * 0.8 * 0.4**0.5, 0.5
    expected = {"a": vector, "b": vector / 2 + keyword, "c": vector / 2 + keyword / 2}
    fused = convex_combination(by_vector, by_keyword)
    assert dict(fused) == pytest.approx({chunk: score / (vector + keyword) for chunk, score in expected.items()})
    # With two candidates a ranking, more chunks may have a word. So the lead is (10 - 5) / 10, and a counts 5.
    keyword = 0.5 * 0.5**1.5
    expected = {"a": vector + keyword / 2, "b": vector / 2 + keyword, "c": vector / 2 + keyword / 2}
    fused = convex_combination(by_vector, by_keyword, candidates=2)
    assert dict(fused) == pytest.approx({chunk: score / (vector + keyword) for chunk, score in expected.items()})


@pytest.mark.parametrize("named", [["f"], ["f", "e"], ["a", "f"], ["d", "e", "f"], ["a", "b", "c"], []])
def test_named_chunks_come_among_the_first_three(named):
    before = [(chunk, 1 - place / 10) for place, chunk in enumerate("abcdef")]
    after = lift_named(before, [{chunk} for chunk in named])
    assert set(named) <= {chunk for chunk, _ in after[:3]}
    assert [score for _, score in after] == sorted((score for _, score in after), reverse=True)
    others = [chunk for chunk, _ in after if chunk not in named]
    assert others == [chunk for chunk in "abcdef" if chunk not in named]
    assert dict(after).keys() == dict(before).keys()


@pytest.mark.parametrize(
    ("holders", "first"),
    [
        ([{"c", "d", "e", "f"}], "abcdef"),
        ([{"f"}, {"d", "e", "f", "g"}], "abfcde"),
        ([{"f"}, {"d", "e"}], "defabc"),
        ([{"f"}, {"e"}, {"d", "c"}], "aefbcd"),
        ([{"f"}, {"e"}, {"d"}, {"c"}], "abcdef"),
        ([set(), {"f"}], "abfcde"),
    ],
)
def test_the_rarest_names_win_up_to_three_chunks(holders, first):
    ranked = [(chunk, 1 - place / 10) for place, chunk in enumerate("abcdef")]
    assert [chunk for chunk, _ in lift_named(ranked, holders)] == list(first)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What is the status of ticket MER-0237?", {"MER-0237?"}),
        ("who calls getUserById or os.path.join", {"getUserById", "os.path.join"}),
        ("open /etc/hosts, src/app/main.py or C:\\Temp and std::vector", None),
        ('the word "freeze" and `vacuum full`', {"freeze", "vacuum full"}),
        ("well-known heat-transfer and/or e.g. the U.S. words, i.e. none", set()),
    ],
)
def test_codes_paths_identifiers_and_quotations_are_names(question, names):
    assert exact_names(question) == (
        {"/etc/hosts,", "src/app/main.py", "C:\\Temp", "std::vector"} if names is None else names
    )
