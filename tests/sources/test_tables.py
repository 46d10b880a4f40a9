"""Tables that langchain-postgres, LlamaIndex and Agent Brain wrote (`tests/support/foreign_stores.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent_brain_store import ConnectionFailed, Document, StorageBackend, TransferError
from agent_brain_store.sources import (
    ImportReport,
    import_from,
    read_agent_brain,
    read_langchain,
    read_llama_index,
    read_table,
    tables,
)
from tests.support.foreign_stores import CHUNKS, DUMP
from tests.support.servers import run_psql
from tests.support.stores import embed

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("on_one_node")]

TEXTS = {chunk_id: text for chunk_id, text, _ in CHUNKS}
METADATAS = {chunk_id: metadata for chunk_id, _, metadata in CHUNKS}


@pytest.fixture
def foreign(database: dict[str, Any]) -> dict[str, Any]:
    """Restore the tables beside the store under test, which is in another schema."""
    run_psql(database, "-f", str(DUMP), options="-c search_path=public")
    return database


async def contents(store: StorageBackend, prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return the metadata of each chunk, after its text and its vector were found to be those of the source."""
    found = {}
    async for chunk in store.iter_documents(include_embeddings=True):
        name = chunk.chunk_id.removeprefix(prefix)
        assert chunk.text == TEXTS[name]
        np.testing.assert_array_equal(chunk.embedding, np.asarray(embed(TEXTS[name]), np.float32))
        found[name] = chunk.metadata
    assert found.keys() == TEXTS.keys()
    return found


async def test_agent_brain(store, foreign):
    report = await import_from(store, read_agent_brain(foreign))
    assert (report.chunks, report.left_out) == (len(CHUNKS), 1)
    assert report.named[0].name == "half"
    assert "embedding is None" in report.named[0].reason
    assert await contents(store) == METADATAS


async def test_a_collection_of_langchain(store, foreign):
    assert await import_from(store, read_langchain(foreign, "docs")) == ImportReport(len(CHUNKS), 0, ())
    assert await contents(store, "docs ") == METADATAS
    with pytest.raises(TransferError, match="there are 'docs', 'other'"):
        await import_from(store, read_langchain(foreign, "nobody's"))


async def test_a_table_of_langchain_with_columns_of_metadata(store, foreign):
    rows = read_table(
        foreign,
        "lc_table",
        chunk_id="langchain_id",
        text="content",
        metadata="langchain_metadata",
        columns=["page", "source", "ok"],
    )
    assert await import_from(store, rows) == ImportReport(len(CHUNKS), 0, ())
    assert await contents(store) == METADATAS


async def test_nodes_of_llama_index(store, foreign):
    assert await import_from(store, read_llama_index(foreign, "nodes")) == ImportReport(len(CHUNKS), 0, ())
    for name, metadata in (await contents(store)).items():
        assert metadata["_node_id"] == name
        assert METADATAS[name].items() <= metadata.items()


async def test_nodes_are_read_by_our_vector_store(store, foreign):
    pytest.importorskip("llama_index.core", reason="LlamaIndex is not installed: pip install -e '.[llama-index]'")
    from llama_index.core.vector_stores.types import VectorStoreQuery

    from agent_brain_store.integrations.llama_index import AgentBrainVectorStore

    await import_from(store, read_llama_index(foreign, "nodes"))
    vectors = AgentBrainVectorStore(store)
    found = await vectors.aquery(VectorStoreQuery(embed(TEXTS["two"]), 1, node_ids=["two", "three"]))
    (node,) = found.nodes or []
    assert (node.node_id, node.get_content(), node.metadata) == ("two", TEXTS["two"], METADATAS["two"])
    assert node.ref_doc_id == "document"


async def test_the_source_is_not_changed(store, foreign, plain):
    before = await plain.fetch("select xmin, * from public.documents order by chunk_id")
    await import_from(store, read_agent_brain(foreign))
    assert await plain.fetch("select xmin, * from public.documents order by chunk_id") == before


async def test_what_is_missing_is_named(store, foreign):
    with pytest.raises(TransferError, match=r"no table public\.nobody"):
        await import_from(store, read_table(foreign, "nobody"))
    with pytest.raises(TransferError, match="no column id, text; its columns are chunk_id, document_text"):
        await import_from(store, read_table(foreign, "documents"))
    with pytest.raises(ConnectionFailed):
        await import_from(store, read_table({**foreign, "database": "nobody's"}, "documents"))


async def test_a_locked_table_is_not_waited_for_without_end(store, foreign, plain, monkeypatch):
    monkeypatch.setattr(tables, "PATIENCE", 0.5)
    async with plain.transaction():
        await plain.execute("lock table public.documents in access exclusive mode")
        with pytest.raises(TransferError, match=r"nothing of public\.documents"):
            await import_from(store, read_agent_brain(foreign))


async def test_an_import_that_ends_early_gives_its_connection_back(foreign, plain):
    rows = read_table(foreign, "documents", chunk_id="chunk_id", text="document_text")
    assert isinstance(await anext(rows), Document)
    await rows.aclose()
    assert not any("COPY" in row["query"] for row in await plain.fetch("select query from pg_stat_activity"))


async def test_a_long_table_is_read_in_pieces(foreign, plain):
    """More than a piece of COPY, with lines that are cut between two of them."""
    await plain.execute(
        "create table public.many as select n::text as id, repeat('word ' || n || E'\\n', 2000) as text,"
        " array_fill(n, array[16])::public.vector as embedding, '{}'::jsonb as metadata from generate_series(1, 300) n"
    )
    found = [item async for item in read_table(foreign, "many")]
    assert [item.chunk_id for item in found if isinstance(item, Document)] == [str(n) for n in range(1, 301)]
    assert all(item.text == f"word {item.chunk_id}\n" * 2000 for item in found if isinstance(item, Document))
