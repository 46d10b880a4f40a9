"""The keyword index scores as rank-bm25 does."""

from __future__ import annotations

import math
import random

import pytest
from rank_bm25 import BM25Okapi

from agent_brain_store.config import KeywordConfig
from agent_brain_store.textsearch.index import KeywordIndex

VOCABULARY = [
    "term" + first + second for first in "bcdfghjk" for second in "lmnpq"
]  # no digits: these would part words


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (2.0, 0.0), (0.5, 1.0)])
def test_scores_are_those_of_rank_bm25(k1: float, b: float) -> None:
    """rank-bm25 counts the same texts at once. Only its inverse document frequency is replaced, which may be negative."""
    chosen = random.Random(7)
    texts = [chosen.choices(VOCABULARY, k=chosen.randint(1, 60)) for _ in range(200)]
    okapi = BM25Okapi(texts, k1=k1, b=b)
    frequency = {term: sum(term in text for text in texts) for term in VOCABULARY}
    okapi.idf = {term: math.log1p((200 - df + 0.5) / (df + 0.5)) for term, df in frequency.items()}
    index = KeywordIndex(KeywordConfig(language="simple", k1=k1, b=b))
    for place, text in enumerate(texts):
        index.put(f"{place:03}", " ".join(text), {})
    for _ in range(30):
        question = chosen.sample(VOCABULARY, 4)
        expected = dict(enumerate(okapi.get_scores(question)))
        found = index.search(" ".join(question), 200)
        assert dict(found) == {
            f"{place:03}": pytest.approx(score, abs=1e-8) for place, score in expected.items() if score > 0
        }
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_a_chunk_that_is_gone_counts_no_more() -> None:
    index = KeywordIndex(KeywordConfig(language="simple"))
    for i in range(10):
        index.put(f"{i}", "common" if i else "common rare", {})
    alone = KeywordIndex(KeywordConfig(language="simple"))
    for i in range(5):
        alone.put(f"{i}", "common" if i else "common rare", {})
    index.remove([f"{i}" for i in range(5, 10)])
    assert index.search("common rare", 10) == alone.search("common rare", 10)
