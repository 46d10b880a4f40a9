"""Search by keywords in memory. An inverted index follows every write, and rank-bm25 computes the scores.

rank-bm25 counts the terms of a fixed list of texts once, and then scores all of them for every question. Here chunks
come and go one by one, and only chunks with a term of the question are scored. So the index counts the terms, and gives
its counts to rank-bm25.
"""

from __future__ import annotations

import json
import math
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from agent_brain_store.config import KeywordConfig
from agent_brain_store.filters.evaluate import matches
from agent_brain_store.filters.parse import Filter
from agent_brain_store.textsearch.frequencies import POSITIONS, frequencies
from agent_brain_store.textsearch.kept import Postings
from agent_brain_store.textsearch.names import exact_names
from agent_brain_store.textsearch.scored import Hits, Scored, metadata_in, with_shared_keys
from agent_brain_store.textsearch.words import SHORTEST_STEM, question_terms, question_words, typed_prefix, word_forms
from agent_brain_store.types import Metadata

EXPLAINED_WORDS = EXPLAINED_FORMS = 1000  # as in question_words.sql
MOST_BEGUN, MOST_READ = 20, 5000  # as in prefix_terms.sql
MOST_TERMS = 250  # of a question, as in plan_query.sql


class KeywordIndex:
    """The terms of a collection's chunks, and their metadata for filters.

    You can search it in one thread while another one writes to it. A chunk keeps its slot as long as it is unchanged. A
    chunk that is changed or deleted leaves a dead slot behind. The index is packed when more than half of the slots are
    dead.
    """

    def __init__(self, config: KeywordConfig) -> None:
        self.config = config
        self._lock = threading.Lock()
        # rank-bm25 cannot start without a text. `_bm25` replaces its counts for each term.
        self._okapi = BM25Okapi([[""]], k1=config.k1, b=config.b)
        self._chunks, self._tokens = 0, 0.0
        self._lengths = array("d")
        self._ids: list[str] = []
        self._metadatas: list[Metadata | str] = []
        self._slots: dict[str, int] = {}
        # For each term: slot, frequency, slot, frequency, and so on. All are float32, because a weighted frequency may
        # have a fraction. A float32 holds slots exactly up to 2^24.
        self._postings: dict[str, array[float]] = {}
        self._kept: Postings | None = None  # what a file has; `_postings` then has what was added since
        self.unsaved = 0  # chunks that were put or removed since the index was in a file

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, chunk_id: str, text: str, metadata: Metadata) -> None:
        """Add or replace a chunk."""
        weighted, length = frequencies(text, metadata, self.config)
        kept = with_shared_keys(metadata)
        with self._lock:
            self._drop(chunk_id)
            slot = len(self._ids)
            for term, frequency in weighted.items():
                self._postings.setdefault(term, array("f")).extend((slot, frequency))
            self._slots[chunk_id] = slot
            self._ids.append(chunk_id)
            self._metadatas.append(kept)
            self._lengths.append(length)
            self._chunks += 1
            self._tokens += length
            self.unsaved += 1
        self._pack_if_sparse()

    def remove(self, ids: Iterable[str]) -> None:
        """Remove chunks. Unknown ids are ignored."""
        for chunk_id in ids:
            with self._lock:
                self._drop(chunk_id)
        self._pack_if_sparse()

    def _drop(self, chunk_id: str) -> None:
        slot = self._slots.pop(chunk_id, None)
        if slot is not None:
            # The entry stays, because a search that has scored this slot may still read it. `Collection.reading`
            # repeats that search.
            self._metadatas[slot] = {}
            self._chunks -= 1
            self._tokens -= self._lengths[slot]
            self._lengths[slot] = -1.0
            self.unsaved += 1

    # --- searching ---------------------------------------------------------------------------------------------------

    def search(self, query: str, top_k: int, filter: Filter | None = None, every: bool = False) -> Hits:
        """Return the ids and BM25 scores of the best chunks with any word of a question that match a filter.

        If ``every`` is set, chunks need every word. The best come first, and ties are in the order of ids. You get
        ``top_k`` chunks, or all if there are fewer.
        """
        return self.score(query, every).best(top_k, filter) if top_k else []

    def score(self, query: str, every: bool = False) -> Scored:
        """Score every chunk for a question. If ``every`` is set, chunks without one of its words score 0."""
        asked, typed = self._terms_of(query), typed_prefix(query)
        forms = dict(word_forms(query, self.config.language)) if every else {}
        last = next(reversed(forms), "")
        with self._lock:
            begun = self._begun(typed)
            scores = self._all_scores(self._heaviest(begun | asked))
            for part, form in forms.items():
                ways = [np.logical_and.reduce([self._has(term) for term in form.every])] if form.every else []
                ways += map(self._has, (*form.others, *(begun if part == last else ())))
                if ways:
                    scores[~np.logical_or.reduce(ways)] = 0
            return Scored(scores, self._ids, self._metadatas, self._slots)

    def _heaviest(self, terms: dict[str, float]) -> dict[str, float]:
        """Return the terms of a question that are scored, and how often each counts: all of them, unless there are very many."""
        if len(terms) <= MOST_TERMS:
            return terms
        weights = {
            term: min(times, POSITIONS) * self._idf(n) for term, times in terms.items() if (n := self._living(term))
        }
        return {term: terms[term] for term in sorted(weights, key=lambda term: (-weights[term], term))[:MOST_TERMS]}

    def _has(self, term: str) -> NDArray[np.bool_]:
        """Return for each slot whether it has a term."""
        found = np.zeros(len(self._ids), np.bool_)
        found[self._postings_of(term)[:, 0].astype(np.int64)] = True
        return found

    def _begun(self, typed: str) -> dict[str, float]:
        """Return the terms that begin with what was typed, and how often each counts, as ``prefix_terms.sql`` does.

        The most frequent come. Together they weigh as one word that is in as many chunks as all of them. If no term begins
        so, it is the longest term that the typed text begins with, because a term is the stem of a word.
        """
        if not typed:
            return {}
        counted = {term: count for term in self._first_terms(typed) if (count := self._living(term))}
        if not counted:
            stems = (typed[:end] for end in range(len(typed) - 1, SHORTEST_STEM - 1, -1))
            counted = next(({stem: count} for stem in stems if (count := self._living(stem))), {})
        best = sorted(counted, key=lambda term: (-counted[term], term))[:MOST_BEGUN]
        together = self._idf(min(self._chunks, sum(counted[term] for term in best)))
        return {term: together / self._idf(counted[term]) for term in best}

    def _first_terms(self, typed: str) -> list[str]:
        """Return the first terms, in code point order, that begin with what was typed."""
        found = {term for term in self._postings if term.startswith(typed)}
        if self._kept is not None:
            found.update(self._kept.beginning_with(typed, MOST_READ))
        return sorted(found)[:MOST_READ]

    def _living(self, term: str) -> int:
        lengths = np.frombuffer(self._lengths) if self._ids else np.zeros(0)
        return int(np.count_nonzero(lengths[self._postings_of(term)[:, 0].astype(np.int64)] >= 0))

    def _idf(self, containing: int) -> float:
        # This is above 0 for every term. rank-bm25's own gives no weight at all to a term in half of the chunks.
        return math.log1p((self._chunks - containing + 0.5) / (containing + 0.5))

    def as_one_word(self, counted: Mapping[str, int]) -> Hits:
        """Score chunks by how often they have something that is not indexed, as if it were one word. Best first."""
        k1, b, average = self.config.k1, self.config.b, self._tokens / self._chunks if self._tokens > 0 else 1.0
        with self._lock:
            lengths = {i: self._lengths[self._slots[i]] for i in counted if i in self._slots}
        scored = (
            (i, times / (times + k1 * (1 - b + b * lengths[i] / average)))
            for i, times in counted.items()
            if i in lengths
        )
        return sorted(scored, key=lambda hit: (-hit[1], hit[0]))

    def holders(self, query: str, ids: Iterable[str]) -> list[set[str]]:
        """Return which of the given chunks have all terms of an exact name in a question, for each name."""
        given = list(ids)
        found = []
        with self._lock:
            slots = [self._slots.get(chunk_id, -1) for chunk_id in given]
            for asked in {frozenset(self._words_of(name)) for name in exact_names(query)}:
                if asked:
                    contained = [np.isin(slots, self._postings_of(term)[:, 0]) for term in asked]
                    found.append({given[place] for place in np.flatnonzero(np.all(contained, axis=0)).tolist()})
        return found

    def matched(self, query: str, ids: Iterable[str]) -> dict[str, list[str]]:
        """Return for each chunk the question's words that it contains in any form.

        The words are in lower case and in the order of the question. Only the first of very many are looked at.
        """
        asked: dict[str, set[str]] = {}
        words = dict.fromkeys(pair for pair in question_words(query) if pair[1])
        for part, shown in islice(words, EXPLAINED_WORDS):
            if found_terms := self._terms_of(part):
                asked.setdefault(shown, set()).update(found_terms)
        result: dict[str, list[str]] = {chunk_id: [] for chunk_id in ids}
        last = next((shown for part, shown in reversed(words) if query.endswith(part)), "")
        with self._lock:
            if begun := self._begun(typed_prefix(query)):
                asked.setdefault(last, set()).update(begun)
            slots, found = [self._slots.get(chunk_id, -1) for chunk_id in result], list(result.values())
            for shown, forms in asked.items():
                contained = [np.isin(slots, self._postings_of(f)[:, 0]) for f in sorted(forms)[:EXPLAINED_FORMS]]
                for place in np.flatnonzero(np.any(contained, axis=0)).tolist():
                    found[place].append(shown)
        return result

    def document_frequencies(self) -> dict[str, int]:
        """Return in how many chunks each term is."""
        with self._lock:
            lengths = np.array(self._lengths)
            counts = {
                term: int((lengths[view[:, 0].astype(np.int64)] >= 0).sum())
                for term, view in self._all_postings().items()
            }
        return {term: count for term, count in counts.items() if count}

    def _terms_of(self, query: str) -> dict[str, float]:
        return question_terms(query, self.config.language)

    def _words_of(self, name: str) -> list[str]:
        """Return the terms of a name, without the other forms of its words."""
        return [term for term, times in self._terms_of(name).items() if times >= 1]

    def matching(self, filter: Filter, ids: Iterable[str] | None = None) -> list[str]:
        """Return the ids of chunks whose metadata match, in code point order. ``ids`` restricts it to some chunks."""
        with self._lock:
            slots = self._slots.items() if ids is None else [(i, self._slots[i]) for i in ids if i in self._slots]
            chunks = [(chunk_id, metadata_in(self._metadatas, slot)) for chunk_id, slot in slots]
        return sorted(chunk_id for chunk_id, metadata in chunks if matches(filter, metadata))

    def _all_scores(self, terms: dict[str, float]) -> NDArray[np.float64]:
        """Return the BM25 score of every slot, rounded to 9 decimals. ``terms`` says how often the question has each term."""
        scores = np.zeros(len(self._ids))
        lengths = np.frombuffer(self._lengths) if self._ids else np.zeros(0)
        for term, times in terms.items():
            view = self._postings_of(term)
            slots = view[:, 0].astype(np.int64)
            living = lengths[slots]
            if len(self._slots) < len(self._ids):
                view, slots, living = view[living >= 0], slots[living >= 0], living[living >= 0]
            if len(slots):
                scores[slots] += min(times, POSITIONS) * self._bm25(term, view[:, 1].astype(np.float64), living)
        return scores.round(9)

    def _bm25(self, term: str, frequencies: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rank-bm25's score of one term for every chunk that has it.

        rank-bm25 computes with numpy. So where it expects one text, it can be given a column of chunks: an array of
        their frequencies and one of their lengths.
        """
        okapi, containing = self._okapi, len(lengths)
        okapi.corpus_size, okapi.doc_len = (1, containing), [lengths]
        okapi.doc_freqs = [{term: array("d", frequencies.tobytes())}]
        okapi.avgdl = self._tokens / self._chunks if self._tokens > 0 else 1.0
        okapi.idf = {term: self._idf(containing)}
        scores: NDArray[np.float64] = okapi.get_scores([term])[0]
        return scores

    def _postings_of(self, term: str) -> NDArray[np.float32]:
        added = np.frombuffer(self._postings.get(term) or b"", np.float32).reshape(-1, 2)
        return added if self._kept is None else np.concatenate((self._kept.of(term), added))

    def _all_postings(self) -> dict[str, NDArray[np.float32]]:
        found = {} if self._kept is None else dict(self._kept.items())
        for term, added in self._postings.items():
            view = np.frombuffer(added, np.float32).reshape(-1, 2)
            found[term] = np.concatenate((found[term], view)) if term in found else view
        return found

    # --- in a file ---------------------------------------------------------------------------------------------------

    def arrays(self, versions: Mapping[str, int]) -> Iterator[tuple[str, str, Iterable[bytes]]]:
        """Yield all that has to be kept, for `kept.write`, while nothing writes to the index.

        ``versions`` says of each chunk which one is in the index. `restore` gives it back.
        """
        found = ((term.encode(), view) for term, view in self._all_postings().items())
        ordered = sorted(found, key=lambda item: item[0])
        names = [name for name, _ in ordered]
        sizes = np.fromiter((view.size for _, view in ordered), np.int64, len(names))
        ids = [chunk_id if self._slots.get(chunk_id) == slot else "" for slot, chunk_id in enumerate(self._ids)]
        metadatas = [m if isinstance(m, str) else json.dumps(m) for m in self._metadatas]
        yield "terms", "u1", names
        yield "term_ends", "<i8", [np.cumsum([len(name) for name in names], dtype=np.int64).tobytes()]
        yield "postings", "<f4", (view.tobytes() for _, view in ordered)
        yield "posting_ends", "<i8", [np.cumsum(sizes).tobytes()]
        yield "lengths", "<f8", [self._lengths.tobytes()]
        yield "ids", "u1", [json.dumps(ids).encode()]
        yield "metadatas", "u1", [json.dumps(metadatas).encode()]
        yield "versions", "<i8", [np.array([versions.get(chunk_id, -1) for chunk_id in ids], np.int64).tobytes()]

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> dict[str, int]:
        """Fill an empty index from arrays of `kept.read`. Returns the version of each chunk."""
        self._kept = Postings(arrays)
        self._ids, self._metadatas = (json.loads(arrays[name].tobytes()) for name in ("ids", "metadatas"))
        self._lengths = array("d", arrays["lengths"].tobytes())
        lengths = np.array(self._lengths)
        living = np.flatnonzero(lengths >= 0)
        self._slots = {self._ids[slot]: slot for slot in living.tolist()}
        self._chunks, self._tokens = len(living), float(lengths[living].sum())
        versions = arrays["versions"].tolist()
        return {chunk_id: versions[slot] for chunk_id, slot in self._slots.items()}

    # --- packing -----------------------------------------------------------------------------------------------------

    def _pack_if_sparse(self) -> None:
        if len(self._ids) > 1000 and len(self._ids) > 2 * len(self._slots):
            self._pack()

    def _pack(self) -> None:
        """Give the living chunks new slots. The old lists stay unchanged, because a search may still read them."""
        with self._lock:
            lengths = np.array(self._lengths)
            living = np.flatnonzero(lengths >= 0)
            moved = np.full(len(lengths), -1, np.int64)
            moved[living] = np.arange(len(living))
            self._ids = [self._ids[slot] for slot in living.tolist()]
            self._metadatas = [self._metadatas[slot] for slot in living.tolist()]
            self._slots = {chunk_id: slot for slot, chunk_id in enumerate(self._ids)}
            self._lengths = array("d", lengths[living].tobytes())
            everything = self._all_postings()
            self._postings = {t: packed for t, view in everything.items() if (packed := _moved(view, moved))}
            self._kept = None


def _moved(view: NDArray[np.float32], moved: NDArray[np.int64]) -> array[float]:
    slots = moved[view[:, 0].astype(np.int64)]
    packed = np.column_stack((slots, view[:, 1])).astype(np.float32)[slots >= 0]
    return array("f", packed.tobytes())
