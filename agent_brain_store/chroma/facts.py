"""What a collection's own metadata says about a store, and how two generations of vectors change places.

The facts are: the format of the chunks, what the store was made for, its embedding profile, and how often all vectors
were replaced. Behind a server there is also the mark of the last write.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_brain_store.checks.startup import StoreFacts
from agent_brain_store.chroma import client, spare
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import SchemaError, SchemaTooNew
from agent_brain_store.results import EmbeddingMetadata

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

FORMAT = 2  # the format of stored chunks; a collection in another format is refused

FACT = "agent_brain:"

SECOND = ".second"  # behind a collection's name: its second generation of vectors
_FORMER = ".former"  # the same for the first generation, in the middle of a switch
WRITE = FACT + "write"  # the mark of the last write, for the other clients of a server
GENERATION, _SWITCHING, _KEEP = FACT + "generation", FACT + "switching", FACT + "keep"


def new_facts(config: StoreConfig) -> dict[str, Any]:
    """Return the facts of a new collection, which are stored as its own metadata."""
    return {
        FACT + "format": FORMAT,
        FACT + "dimensions": config.embedding.dimensions,
        FACT + "distance": config.distance,
        FACT + "language": config.keyword.language,
    }


def stored_facts(facts: dict[str, Any]) -> StoreFacts:
    dimensions, profile = int(facts[FACT + "dimensions"]), None
    if FACT + "provider" in facts:
        profile = EmbeddingMetadata(facts[FACT + "provider"], facts[FACT + "model"], dimensions)
    distance, language = str(facts[FACT + "distance"]), str(facts[FACT + "language"])
    return StoreFacts(dimensions, distance, language, profile, int(facts.get(GENERATION, 0)))


def check_form(rows: client.Rows) -> None:
    """Check what every configuration needs."""
    collection_format = int(rows.facts[FACT + "format"])
    if collection_format > FORMAT:
        raise SchemaTooNew(
            f"the collection has format {collection_format}, but this version of agent_brain_store only knows {FORMAT}: "
            "upgrade the library",
            "chroma",
        )
    if collection_format < FORMAT:
        raise SchemaError(
            f"the collection has format {collection_format}, from a preview of this library, but filters need {FORMAT}: "
            "choose another name (storage.chroma.collection) and index again",
            "chroma",
        )
    distance = rows.distance
    if rows.space != client.SPACES[distance]:
        raise SchemaError(
            f"the collection's vector index uses Chroma's space {rows.space!r}, storage.distance "
            f"{distance!r} needs {client.SPACES[distance]!r}: another program made or changed it. Open "
            "another store (storage.chroma.collection) and index again",
            "chroma",
        )


def mark(rows: client.Rows) -> tuple[str, str]:
    """Return what changes whenever a process writes through a server."""
    return rows.collection_id, str(rows.facts.get(WRITE, ""))


# --- two generations of vectors --------------------------------------------------------------------------------------


def second_facts(first: dict[str, Any], profile: EmbeddingMetadata) -> dict[str, Any]:
    """Return the facts of the second generation for a model, beside a collection with the facts ``first``."""
    return {
        **first,
        FACT + "dimensions": profile.dimensions,
        FACT + "provider": profile.provider,
        FACT + "model": profile.model,
    }


def marked_for_switch(first: dict[str, Any], second: dict[str, Any], keep: bool) -> dict[str, Any]:
    """Return the facts of a second generation that is the store from now on, though `finish_switch` is still to come."""
    return {**second, GENERATION: int(first.get(GENERATION, 0)) + 1, _SWITCHING: True, _KEEP: keep}


def delete_collection(chroma: ClientAPI, path: Path | None, name: str) -> None:
    """Delete a collection, and the copies of its files."""
    for index in () if path is None else spare.vector_indexes(path, name):
        spare.delete(index)
    client.delete_collection(chroma, name)


def finish_switch(chroma: ClientAPI, path: Path | None, name: str) -> None:
    """Rename the collections of a switch that has begun. Do nothing if none has. ``path`` is the directory."""
    second = client.find_rows(chroma, name + SECOND)
    if second is not None and second.facts.get(_SWITCHING):
        first = client.find_rows(chroma, name)
        if first is not None and second.facts[_KEEP]:
            first.rename(name + _FORMER, first.facts)
        elif first is not None:
            delete_collection(chroma, path, name)
        second.rename(name, {key: value for key, value in second.facts.items() if key not in (_SWITCHING, _KEEP)})
    former = client.find_rows(chroma, name + _FORMER)
    if former is not None:
        former.rename(name + SECOND, former.facts)
