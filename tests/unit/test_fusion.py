"""The formulas of fusion."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_brain_store.textsearch.fusion import reciprocal_rank_fusion

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
