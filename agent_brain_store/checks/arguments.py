"""Check the arguments of a call before a backend is asked.

Each function returns the value in the form that a backend takes. Each raises `InvalidQueryError` for a wrong value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence

from agent_brain_store.checks.chunks import clean_text
from agent_brain_store.config.rules import as_integer, as_number
from agent_brain_store.errors import InvalidQueryError
from agent_brain_store.results import MOST_VALUES
from agent_brain_store.types import Match, OnInvalid

LARGEST = 2**31 - 1  # an int4
LONGEST_QUERY = 50_000  # characters; this is also how much of a very long text is indexed
MOST_REQUIRED_WORDS, MOST_REQUIRED_CHARACTERS = 100, 2_000  # of a question of which every word has to match
FEWEST_CANDIDATES = 50  # chunks of each ranking in hybrid search, when the caller does not say

_WORD = re.compile(r"[^ \t\n\v\f\r]+")


def check_top_k(top_k: int) -> int:
    """Return how many chunks to return: an integer of at least 0. It may be more than the store holds."""
    return _integer("top_k", top_k, 0)


def check_values(values: int) -> int:
    """Return how many values of each metadata key to list: an integer from 0 to 10,000."""
    listed = _integer("values", values, 0)
    if listed > MOST_VALUES:
        raise InvalidQueryError(f"values is {listed}; it must be at most {MOST_VALUES}")
    return listed


def check_batch_size(batch_size: int) -> int:
    """Return how many chunks to hold in memory at a time: an integer of at least 1."""
    return _integer("batch_size", batch_size, 1)


def check_query(query: str, prefix: bool = False) -> str:
    """Return a question, cleaned like the text of a chunk. It may have up to 50,000 characters.

    ``prefix`` puts a star at its end, which says that the last word goes on.
    """
    if not isinstance(query, str):
        raise InvalidQueryError(f"query is of type {type(query).__name__}, not a string")
    if len(query) > LONGEST_QUERY:
        raise InvalidQueryError(f"query has {len(query)} characters; it may have {LONGEST_QUERY}")
    cleaned = clean_text(query)
    return f"{cleaned}*" if prefix and not cleaned.endswith("*") else cleaned


def first_words(query: str) -> str:
    """Return a question up to its first 100 distinct words, and its first 2,000 characters.

    Every word that has to match is looked up in every chunk that has all of them, so their number needs a bound. Words
    stand between blanks, as in ``every_word.sql``.
    """
    seen: set[str] = set()
    for word in _WORD.finditer(query):
        seen.add(word[0])
        if word.end() > MOST_REQUIRED_CHARACTERS or len(seen) > MOST_REQUIRED_WORDS:
            return query[: word.start()] if word.start() else query[:MOST_REQUIRED_CHARACTERS]
    return query


def check_threshold(name: str, threshold: float) -> float:
    """Return a score from 0 to 1."""
    number = as_number(threshold)
    if number is None or not 0 <= number <= 1:
        raise InvalidQueryError(f"{name} is {threshold!r}; it must be between 0 and 1")
    return number


def check_ids(ids: Sequence[str]) -> list[str]:
    """Return distinct ids in code point order. An id that could never be stored matches nothing, so it is left out."""
    if isinstance(ids, str) or not isinstance(ids, Collection):  # an iterator could be read only once
        raise InvalidQueryError(f"ids is a {type(ids).__name__}; it must be a list of strings")
    wrong = next((item for item in ids if not isinstance(item, str)), None)
    if wrong is not None:
        raise InvalidQueryError(f"ids holds a value of type {type(wrong).__name__}, not a string")
    return sorted({item for item in ids if item and clean_text(item) == item})


def check_fusion(fusion: str) -> str:
    """Return the name of a fusion: ``convex``, ``rrf`` or ``relative_score``."""
    if fusion not in ("convex", "rrf", "relative_score"):
        raise InvalidQueryError(f"fusion is {fusion!r}; it must be 'convex', 'rrf' or 'relative_score'")
    return fusion


def check_match(match: Match) -> bool:
    """Return whether a chunk needs ``all`` words of a question. Otherwise ``any`` of them will do."""
    if match not in ("any", "all"):
        raise InvalidQueryError(f"match is {match!r}; it must be 'any' or 'all'")
    return match == "all"


def check_on_invalid(on_invalid: OnInvalid) -> OnInvalid:
    """Return what to do with chunks that cannot be stored: ``refuse`` or ``skip``."""
    if on_invalid not in ("refuse", "skip"):
        raise InvalidQueryError(f"on_invalid is {on_invalid!r}; it must be 'refuse' or 'skip'")
    return on_invalid


def check_rrf_k(rrf_k: int) -> int:
    """Return the constant of Reciprocal Rank Fusion: an integer of at least 0. 60 is usual."""
    return _integer("rrf_k", rrf_k, 0)


def check_weights(vector_weight: float, keyword_weight: float) -> tuple[float, float]:
    """Return two weights of at least 0, scaled so that the larger one is 1. They may not both be 0.

    Only their ratio counts. Scaling keeps a very small weight from becoming 0 when it is divided by a rank.
    """
    weights = (_weight("vector_weight", vector_weight), _weight("keyword_weight", keyword_weight))
    if not any(weights):
        raise InvalidQueryError("vector_weight and keyword_weight are both 0: nothing would be searched")
    if math.isinf(sum(weights)):
        raise InvalidQueryError("vector_weight and keyword_weight are too large: their sum must be a finite number")
    return weights[0] / max(weights), weights[1] / max(weights)


def check_candidates(candidates: int | None, top_k: int, weights: tuple[float, float], alone: int) -> int:
    """Return how many chunks each ranking contributes to hybrid search.

    None means ``max(50, 2 * top_k)``. A caller's number is raised to ``top_k`` if it is smaller. ``alone`` is how many a
    ranking has in a search of its own.
    """
    if candidates is None:
        candidates = max(FEWEST_CANDIDATES, 2 * top_k)
    candidates = _integer("candidates", candidates, 1)
    # With one ranking alone, it has as many as in a search of its own. Asking for more could make the keyword ranking
    # search further than keyword_search does, and return other chunks.
    return alone if 0 in weights else max(candidates, top_k)


def _weight(name: str, weight: float) -> float:
    number = as_number(weight)
    if number is None or not 0 <= number < math.inf:
        shown = f"of type {type(weight).__name__}" if number is None else f"{number:g}"
        raise InvalidQueryError(f"{name} is {shown}; it must be a finite number of at least 0")
    return number


def _integer(name: str, value: int, least: int) -> int:
    number = as_integer(value)
    if number is None or number < least:
        raise InvalidQueryError(f"{name} is {value!r}; it must be an integer of at least {least}")
    return min(number, LARGEST)
