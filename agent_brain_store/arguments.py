"""Checks of search arguments, the same on both backends, made before a backend is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agent_brain_store.errors import InvalidQueryError
from agent_brain_store.records import clean_text

LARGEST = 2**31 - 1  # an int4
LONGEST_QUERY = 50_000  # characters, as many as are indexed of a long text
_LARGEST_RRF_K = 10**9
_WEIGHTS = (1e-100, 1e100)  # but for 0: what stays a float when it is divided by a rank


def check_top_k(top_k: int, backend: str) -> int:
    """``top_k`` as the backend can take it; 0 finds nothing, more than any store holds is fine."""
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 0:
        raise InvalidQueryError(f"top_k is {top_k!r}; it must be an integer of at least 0", backend)
    return min(top_k, LARGEST)


def check_query(query: str, backend: str) -> str:
    """A question, with what no database stores replaced as it is in chunks."""
    if not isinstance(query, str):
        raise InvalidQueryError(f"query is of type {type(query).__name__}, not a string", backend)
    if len(query) > LONGEST_QUERY:
        raise InvalidQueryError(f"query has {len(query)} characters; it may have {LONGEST_QUERY}", backend)
    return clean_text(query)


def check_threshold(threshold: float, backend: str) -> float:
    """A similarity of 0..1."""
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise InvalidQueryError(f"similarity_threshold is {threshold!r}; it must be between 0 and 1", backend)
    return float(threshold)


def check_ids(ids: Sequence[str], backend: str) -> list[str]:
    """Distinct ids to look up, in code point order. Ids that could never be stored are left out: they match nothing."""
    if isinstance(ids, str) or not isinstance(ids, Collection):  # an iterator could be read only once
        raise InvalidQueryError(f"ids is a {type(ids).__name__}; it must be a list of strings", backend)
    wrong = next((item for item in ids if not isinstance(item, str)), None)
    if wrong is not None:
        raise InvalidQueryError(f"ids holds a value of type {type(wrong).__name__}, not a string", backend)
    return sorted({item for item in ids if item and clean_text(item) == item})


def check_batch_size(batch_size: int, backend: str) -> int:
    """How many chunks to hold in memory at a time."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidQueryError(f"batch_size is {batch_size!r}; it must be an integer of at least 1", backend)
    return min(batch_size, LARGEST)


def check_fusion(
    vector_weight: float,
    keyword_weight: float,
    rrf_k: int,
    fusion: str,
    candidates: int | None,
    top_k: int,
    backend: str,
) -> int:
    """The parameters of hybrid search; returns how many candidates each ranking contributes."""
    for name, weight in (("vector_weight", vector_weight), ("keyword_weight", keyword_weight)):
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not is_number or (weight != 0 and not _WEIGHTS[0] <= weight <= _WEIGHTS[1]):
            is_short = isinstance(weight, float) or (is_number and abs(weight) < 2**63)
            shown = f"{weight:g}" if is_short else f"of type {type(weight).__name__}"
            raise InvalidQueryError(f"{name} is {shown}; it must be 0 or a number from 1e-100 to 1e100", backend)
    if vector_weight + keyword_weight == 0:
        raise InvalidQueryError("vector_weight and keyword_weight are both 0: nothing would be searched", backend)
    if isinstance(rrf_k, bool) or not isinstance(rrf_k, int) or not 0 <= rrf_k <= _LARGEST_RRF_K:
        raise InvalidQueryError(
            f"rrf_k is {rrf_k!r}; it must be an integer from 0 to {_LARGEST_RRF_K} (60 is usual)", backend
        )
    if fusion not in ("rrf", "relative_score"):
        raise InvalidQueryError(f"fusion is {fusion!r}; there are 'rrf' and 'relative_score'", backend)
    if candidates is None:
        candidates = max(50, 2 * top_k)
    elif isinstance(candidates, bool) or not isinstance(candidates, int) or candidates < 1:
        raise InvalidQueryError(f"candidates is {candidates!r}; it must be an integer of at least 1", backend)
    # One ranking alone is the answer: asked for more, it could be searched further than keyword_search searches it.
    return top_k if 0 in (vector_weight, keyword_weight) else min(max(candidates, top_k), LARGEST)
