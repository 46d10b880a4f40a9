"""Agent Brain's backends, used as its services use them, with stand-ins of its types."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from agent_brain_store import ConfigError
from agent_brain_store.integrations.agent_brain import ChromaBackend, ClientTypes, PostgresBackend
from tests.support.stores import ANIMALS, DIMENSIONS, embed, mapping


@dataclass
class SearchResult:
    text: str
    metadata: dict[str, Any]
    score: float
    chunk_id: str
    matched_terms: list[str] | None = None


@dataclass
class EmbeddingMetadata:
    provider: str
    model: str
    dimensions: int


@dataclass
class ChunkRecord:
    chunk_id: str
    parent_doc_id: str
    source: str
    content: str
    summary: str | None
    folder_id: str
    token_count: int
    language: str | None


class ClientError(Exception):
    def __init__(self, message: str, backend: str | None = None) -> None:
        super().__init__(message)
        self.message, self.backend = message, backend


class ClientMismatch(Exception):
    def __init__(self, current_provider: str, current_model: str, indexed_provider: str, indexed_model: str) -> None:
        super().__init__(f"{indexed_provider}/{indexed_model}, not {current_provider}/{current_model}")


TYPES = ClientTypes(SearchResult, EmbeddingMetadata, ChunkRecord, ClientError, ClientMismatch)


@pytest.fixture
async def brain(backend, request, tmp_path):
    """Open backends of one place, as the client makes them. Keywords override ``embedding``. Close them at the end."""
    made = []
    place = {"chroma": {"path": str(tmp_path / "chroma")}}
    if backend == "postgres":
        place = {"postgres": request.getfixturevalue("database")}

    async def start(**embedding: Any) -> Any:
        settings = mapping(backend=backend, **place)
        settings["embedding"] |= embedding
        made.append((PostgresBackend if backend == "postgres" else ChromaBackend)(TYPES, settings))
        await made[-1].initialize()
        return made[-1]

    yield start
    for one in made:
        await one.close()
        await one.close()


async def index(brain, *chunks, model="hashed", dimensions=DIMENSIONS, force=False):
    """Do what an indexing job of the client does."""
    await brain.initialize()
    stored = await brain.get_embedding_metadata()
    if not force and stored is not None:
        brain.validate_embedding_compatibility(
            provider="test", model=model, dimensions=dimensions, stored_metadata=stored
        )
    written = await brain.upsert_documents(
        ids=[c[0] for c in chunks],
        embeddings=[embed(c[1], dimensions) for c in chunks],
        documents=[c[1] for c in chunks],
        metadatas=[c[2] for c in chunks],
    )
    await brain.set_embedding_metadata(provider="test", model=model, dimensions=dimensions)
    brain.bm25_manager.build_index([])
    return written


async def test_a_job_and_the_questions_of_the_client(brain):
    brain = await brain()
    assert brain.is_initialized
    assert await brain.get_embedding_metadata() is None
    assert await index(brain, *ANIMALS) == 4
    assert await brain.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)
    assert (await brain.get_count(), await brain.get_count(where={"source_type": "doc"})) == (4, 2)
    vector = embed(ANIMALS[0][1])
    where = {"$and": [{"source_type": {"$in": ["doc", "code"]}}, {"language": "en"}]}
    found = await brain.vector_search(query_embedding=vector, top_k=5, similarity_threshold=0.3, where=where)
    assert isinstance(found[0], SearchResult)
    assert found[0].chunk_id == "a"
    assert found[0].score == pytest.approx(1, abs=1e-5)
    found = await brain.keyword_search(query="Where do bears growl?", top_k=5, source_types=["doc"], explain=True)
    assert [(hit.chunk_id, hit.matched_terms) for hit in found] == [("a", ["bears", "growl"]), ("c", ["bears"])]
    assert found[0].score == 1
    unfiltered = await brain.keyword_search(query="bear", top_k=5, source_types=[], languages=[])
    assert [(hit.chunk_id, hit.matched_terms) for hit in unfiltered] == [("c", None), ("a", None)]
    assert await brain.keyword_search(query="zebra", top_k=5) == []
    fused = await brain.hybrid_search_with_rrf(query="cat", query_embedding=vector, top_k=3)
    assert (len(fused), fused[0].score) == (3, 1)
    assert (await brain.get_by_id("d"))["text"] == ANIMALS[3][1]
    assert await brain.get_by_id("nobody") is None
    assert await brain.delete_by_ids([]) == 0
    assert await brain.delete_by_ids(ids=["d", "nobody"]) == 1


async def test_a_chunk_record_has_the_clients_fallbacks(brain):
    brain = await brain()
    full = {"parent_doc_id": "p", "folder_id": "f", "summary": "s", "token_count": "7", "language": "go"}
    chunks = [
        ("a", "first", {"source": "/src/app/a.py", "section_summary": "short", "token_count": "many"}),
        ("b", "second", {"source": "b.py", **full}),
        ("c", "third", {}),
    ]
    await index(brain, *chunks)
    assert await brain.get_chunk_by_id("a") == ChunkRecord(
        "a", "/src/app/a.py", "/src/app/a.py", "first", "short", "/src/app", 0, None
    )
    assert await brain.get_chunk_by_id("b") == ChunkRecord("b", "p", "b.py", "second", "s", "f", 7, "go")
    assert await brain.get_chunk_by_id("c") == ChunkRecord("c", "", "", "third", None, "", 0, None)
    assert await brain.get_chunk_by_id("nobody") is None


async def test_deleting_a_folder_deletes_the_files_below_it_and_no_others(brain):
    brain = await brain()
    sources = ["/src/app/a.py", "/src/app/deep/b.py", "/src/app2/c.py", "/src/app"]
    await index(brain, *((source, source, {"source": source}) for source in sources))
    assert await brain.delete_by_metadata(where={"source": "/src/app"}) == 3
    assert await brain.get_count() == 1
    with pytest.raises(ClientError, match="needs a filter"):
        await brain.delete_by_metadata({})


async def test_reset_as_the_indexing_service_does_it(brain):
    brain = await brain()
    await index(brain, *ANIMALS)
    assert brain.vector_store.is_initialized
    assert brain.bm25_manager.is_initialized
    await brain.vector_store.reset()
    brain.bm25_manager.reset()
    assert (await brain.get_count(), await brain.get_embedding_metadata()) == (0, None)
    assert await brain.keyword_search("bear", 5) == []


async def test_a_bad_chunk_does_not_refuse_a_folder(brain, caplog):
    brain = await brain()
    repeated, bad = ANIMALS[0], ("bad", "no vector", {"k": {1}})
    assert await index(brain, *ANIMALS, repeated, bad) == 4
    assert "1 of 6 chunks cannot be stored and were left out" in caplog.text
    with pytest.raises(ValueError, match="different lengths"):
        await brain.upsert_documents(["a"], [], [], [])


async def test_errors_are_the_clients(brain, backend):
    brain = await brain()
    with pytest.raises(ClientError, match="has 3 dimensions, but the store has 16") as caught:
        await brain.vector_search([1.0] * 3, 5, 0.3)
    assert (caught.value.backend, caught.value.message) == (backend, str(caught.value))
    with pytest.raises(ClientError, match="has 3 dimensions"):
        await brain.upsert_documents(["a"], [[1.0] * 3], ["a"], [{}])
    await brain.close()
    assert not brain.is_initialized
    with pytest.raises(ClientError, match="not open"):
        await brain.get_count()


@pytest.mark.parametrize("other", [{"model": "newer"}, {"model": "newer", "dimensions": 8}], ids=["model", "length"])
async def test_another_model_starts_with_a_warning_and_a_forced_job_repairs_it(brain, caplog, other):
    caplog.set_level(logging.WARNING, "agent_brain_store")
    first = await brain()
    await index(first, *ANIMALS)
    await first.close()
    second, dimensions = await brain(**other), other.get("dimensions", DIMENSIONS)
    await second.initialize()
    assert sum("the store is open for reading alone" in message for message in caplog.messages) == 1
    assert await second.get_embedding_metadata() == EmbeddingMetadata("test", "hashed", DIMENSIONS)
    with pytest.raises(ClientMismatch, match="test/hashed, not test/newer"):
        await index(second, *ANIMALS, model="newer", dimensions=dimensions)
    assert await second.get_count() == 4
    assert await index(second, ANIMALS[0], model="newer", dimensions=dimensions, force=True) == 1
    assert "indexing was forced: 4 chunks of another embedding model are deleted" in caplog.text
    assert await index(second, ANIMALS[1], model="newer", dimensions=dimensions) == 1
    assert await second.get_count() == 2


async def test_the_health_endpoint_finds_what_it_reads(brain, backend, request):
    brain = await brain()
    if backend == "chroma":
        assert not hasattr(brain, "connection_manager")
        return
    status = await brain.connection_manager.get_pool_status()
    assert status.keys() == {"status", "pool_size", "checked_in", "checked_out", "overflow", "total"}
    assert (status["status"], status["pool_size"], status["overflow"], status["total"]) == ("active", 10, 0, 10)
    assert status["checked_in"] + status["checked_out"] >= 1
    async with brain.connection_manager.engine.connect() as connection:
        row = (await connection.execute("SELECT version()")).fetchone()
        assert row[0].startswith("PostgreSQL 1")
        with pytest.raises(NotImplementedError):
            await connection.execute("SELECT 1")
    place = request.getfixturevalue("database")
    assert (brain.config.host, brain.config.database) == (place["host"], place["database"])
    await brain.close()
    assert await brain.connection_manager.get_pool_status() == {"status": "not_initialized"}


def test_the_class_must_be_that_of_the_configured_backend():
    with pytest.raises(ConfigError, match="storage.backend is chroma, but PostgresBackend was asked for"):
        PostgresBackend(TYPES, {"storage": {"backend": "chroma"}})
