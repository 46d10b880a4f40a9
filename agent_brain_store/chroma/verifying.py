"""Compare what a collection holds with its digests and its copies, and write anew what differs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from agent_brain_store.checks.digests import NOT_FOUND, Findings, Sample
from agent_brain_store.chroma import client, keywords
from agent_brain_store.chroma.directory import NEW, Collection
from agent_brain_store.chroma.facts import delete_collection
from agent_brain_store.chroma.searching import VectorQuestion
from agent_brain_store.chroma.stored import (
    DIGEST,
    RESERVED,
    VECTOR,
    digest,
    from_stored,
    given_vector,
    in_searched_form,
    metadata_to_stored,
    unpacked,
    with_removed_keys,
)
from agent_brain_store.errors import InvalidQueryError, QueryFailed
from agent_brain_store.results import VerifyReport
from agent_brain_store.types import Document, Metadata

if TYPE_CHECKING:
    from agent_brain_store.config import KeywordConfig
    from agent_brain_store.textsearch.index import KeywordIndex

PAGE = 250  # chunks that are read at a time
ALTERED = "the text or the vector is not what was stored"
UNREADABLE = "the vector cannot be read"
INDEXED = "the vector index has another vector than was stored"
METADATA = "the metadata cannot be read"
COPIES = "the metadata are not those that filters compare"
WORDS = "the keyword index is not that of the texts"


class Problem(NamedTuple):
    """What is wrong with one chunk, as `Damage` has it."""

    part: str
    text: str
    repairable: bool


class Checked(NamedTuple):
    """One chunk that was read. ``chunk`` is None if a part of it cannot be read."""

    chunk_id: str
    chunk: Document | None
    problems: list[Problem]


def check_page(rows: client.Rows, ids: Sequence[str], dimensions: int) -> list[Checked]:
    """Read some chunks with their vectors, and compare them with what is stored beside them."""
    try:
        found = list(rows.read(ids, text=True, stored=True, dimensions=dimensions))
    except QueryFailed:
        found = [row for chunk_id in ids for row in _read_one(rows, chunk_id, dimensions)]
    return [_checked(row, rows.distance) for row in found]


def _read_one(rows: client.Rows, chunk_id: str, dimensions: int) -> list[client.Row]:
    try:
        return list(rows.read([chunk_id], text=True, stored=True, dimensions=dimensions))
    except QueryFailed:
        return list(rows.read([chunk_id], text=True, stored=True))


def _checked(row: client.Row, distance: str) -> Checked:
    stored, problems = row.stored or {}, []
    try:
        metadata = from_stored(stored)
    except ValueError:
        return Checked(row.chunk_id, None, [Problem("rows", METADATA, False)])
    if not _is_same(metadata_to_stored(metadata), {k: v for k, v in stored.items() if k not in (DIGEST, VECTOR)}):
        problems.append(Problem("rows", COPIES, True))
    bits = stored.get(VECTOR)
    if row.vector is None and bits is None:
        return Checked(row.chunk_id, None, [*problems, Problem("vectors", UNREADABLE, False)])
    given = unpacked(bits or "") if row.vector is None else given_vector(stored, row.vector)
    kept = in_searched_form(distance, given)
    if row.vector is None or row.vector.astype(np.float32).tobytes() != kept.tobytes():
        problems.append(Problem("vectors", INDEXED, True) if bits else Problem("rows", ALTERED, False))
    elif stored.get(DIGEST) != digest(row.text, given):
        problems.append(Problem("rows", ALTERED, False))
    return Checked(row.chunk_id, Document(row.chunk_id, row.text, metadata, given), problems)


def _is_same(wanted: Any, found: Any) -> bool:
    """Compare stored metadata. Chroma does not always give back the last bit of a float."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return wanted.keys() == found.keys() and all(_is_same(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_is_same, wanted, found))
    if isinstance(wanted, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        return math.isclose(wanted, found, rel_tol=1e-12)
    return bool(wanted == found)


class Words:
    """How many chunks have each term, as the texts say it."""

    def __init__(self, config: KeywordConfig) -> None:
        self._config = config
        self._frequencies: Counter[str] = Counter()

    def read(self, text: str, metadata: Metadata) -> None:
        """Take in a chunk."""
        from agent_brain_store.textsearch.frequencies import frequencies

        self._frequencies.update(frequencies(text, metadata, self._config)[0].keys())

    def are_those_of(self, index: KeywordIndex) -> bool:
        """Return whether an index says the same."""
        return index.document_frequencies() == self._frequencies


def try_index(rows: client.Rows, sample: Sample) -> list[str]:
    """Return those chunks of a sample that the vector index does not find by their own vectors."""
    missing = []
    for chunk in sample.chunks:
        question = VectorQuestion.of(np.asarray(chunk.embedding, np.float32), rows.distance)
        best = rows.nearest(question.vector, 1, None, False)
        score = question.similarity(question.from_chroma(best[0][1])) if best else 0.0
        if score < sample.own_score(chunk, rows.distance):
            missing.append(chunk.chunk_id)
    return missing


def note(page: Sequence[Checked], found: Findings, sample: Sample, words: Words) -> None:
    """Take in what `check_page` has returned."""
    for chunk_id, chunk, problems in page:
        for problem in problems:
            found.damage(problem.part, problem.text, problem.repairable, chunk_id)
        if chunk is not None:
            found.read(chunk)
            sample.offer(chunk)
            words.read(chunk.text, chunk.metadata)


def note_missing(found: Findings, missing: Sequence[str]) -> None:
    """Note the chunks that `try_index` returns."""
    for chunk_id in missing:
        found.damage("indexes", NOT_FOUND, True, chunk_id)


# --- repairing -------------------------------------------------------------------------------------------------------


def repair(collection: Collection, found: VerifyReport) -> None:
    """Write anew what can be derived. Call it in the writer's thread."""
    if collection.directory.path is None:
        raise InvalidQueryError(
            "repair() cannot hold back the other clients of a Chroma server: copy the chunks elsewhere"
        )
    problems = {damage.problem for damage in found.damages}
    if WORDS in problems:
        keywords.delete(collection.rows, collection.directory.path)
    if problems & {INDEXED, COPIES, ALTERED}:
        _rewrite(collection)
    if NOT_FOUND in problems:
        _rebuild(collection)
    collection.forget()


def _rewrite(collection: Collection) -> None:
    """Write the copies and the indexed form of chunks where they are wrong.

    A chunk whose text or vector was altered loses its digest. Otherwise an upsert of the right chunk would leave it alone.
    """
    rows, ids = collection.rows, collection.rows.ids()
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        old = {row.chunk_id: row.stored or {} for row in rows.read(page, stored=True)}
        for checked in check_page(rows, page, collection.stored.dimensions):
            texts = {problem.text for problem in checked.problems}
            with collection.changing():
                if checked.chunk is not None and texts & {INDEXED, COPIES}:
                    _write(rows, checked.chunk, old[checked.chunk_id])
                if texts & {ALTERED, UNREADABLE}:
                    rows.put_metadata([checked.chunk_id], [{DIGEST: ""}])
        collection.between_pieces()


def _write(rows: client.Rows, chunk: Document, old: dict[str, Any]) -> None:
    given = np.asarray(chunk.embedding, np.float32)
    parts = {key: old[key] for key in (DIGEST, VECTOR) if key in old}
    stored = with_removed_keys(metadata_to_stored(chunk.metadata) | parts, old)
    rows.put([chunk.chunk_id], [chunk.text], [stored], in_searched_form(rows.distance, given)[None, :])


def _rebuild(collection: Collection) -> None:
    """Write all chunks into a new collection, which then takes the place of the old one."""
    name, directory, old = collection.name, collection.directory, collection.rows
    if client.find_rows(directory.client, name + NEW) is not None:
        client.delete_collection(directory.client, name + NEW)
    facts = {key: value for key, value in old.facts.items() if key.startswith(RESERVED)}
    new = client.create_rows(directory.client, name + NEW, collection.distance, facts)
    ids = old.ids()
    for piece in new.pieces(len(ids)):
        page = list(old.read(ids[piece], text=True, stored=True, dimensions=collection.stored.dimensions))
        vectors = np.array([row.vector for row in page], np.float32)
        new.put([row.chunk_id for row in page], [row.text for row in page], [row.stored or {} for row in page], vectors)
        directory.place.note_piece(name + NEW)
    with collection.changing():
        delete_collection(directory.client, directory.path, name)
        new.rename(name)
        old.database.close()
        keywords.delete(old, directory.path)
        collection.rows = new
