"""Stores as other packages write them, kept as files, because these packages cannot be installed beside ours.

    python -m tests.support.foreign_stores PYTHON CHROMA     writes foreign.sql and chroma-0.5.23.tar.gz in tests/sources

PYTHON is the interpreter of an environment with langchain-postgres 0.0.19, llama-index-vector-stores-postgres 0.9.0 and
agent-brain-rag 10.4.0. It runs `WRITERS`, each of which writes the same chunks in its own way. CHROMA is the
interpreter of one with chromadb 0.5.23, which Agent Brain uses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from tests.support.servers import psql_directory, psql_environment, wheel_server
from tests.support.stores import DIMENSIONS, embed

DUMP = Path(__file__).parents[1] / "sources" / "foreign.sql"
OLD_CHROMA = DUMP.with_name("chroma-0.5.23.tar.gz")
CHUNKS: list[tuple[str, str, dict[str, Any]]] = [
    ("one", "a first text\nwith a line, a \\ and a \ttab", {"source": "/a.md", "page": 1, "ok": True}),
    ("two", "Über die Brücke \U0001f43b", {"source": "/b.md", "page": 2.5, "tags": ["x", "y"]}),
    ("three", r"\N", {"nested": {"a": [1, None]}, "empty": ""}),
    *((f"page{i:02}", f"page {i} of the manual", {"page": i}) for i in range(40)),
]

WRITERS = """
import asyncio, json, sys
chunks, url, host = json.load(sys.stdin), sys.argv[1], sys.argv[2]
ids, texts, metadatas, vectors = (list(column) for column in zip(*chunks))
by_text = dict(zip(texts, vectors))
sync, later = url.replace("postgresql:", "postgresql+psycopg:"), url.replace("postgresql:", "postgresql+asyncpg:")

from langchain_core.embeddings import Embeddings
class Known(Embeddings):
    def embed_documents(self, texts): return [by_text[text] for text in texts]
    def embed_query(self, text): return by_text[text]

from langchain_postgres import PGEngine, PGVector, PGVectorStore
for name in ("docs", "other"):
    store = PGVector(Known(), connection=sync, collection_name=name, use_jsonb=True)
    store.add_texts(texts[:5] if name == "other" else texts, metadatas, ids=[name + " " + i for i in ids])

from langchain_postgres import Column
engine = PGEngine.from_connection_string(later)
columns = [Column("page", "double precision"), Column("source", "text"), Column("ok", "boolean")]
engine.init_vectorstore_table("lc_table", len(vectors[0]), metadata_columns=columns, id_column=Column("langchain_id", "text"))
table = PGVectorStore.create_sync(engine, Known(), "lc_table", metadata_columns=[column.name for column in columns])
table.add_texts(texts, metadatas, ids=ids)

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.vector_stores.postgres import PGVectorStore as LlamaStore
source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="document")}
nodes = [TextNode(id_=i, text=t, metadata=m, embedding=v, relationships=source) for i, t, m, v in chunks]
store = LlamaStore.from_params(
    connection_string=url.replace("postgresql:", "postgresql+psycopg2:"), async_connection_string=later,
    table_name="nodes", embed_dim=len(vectors[0]), hybrid_search=True, use_jsonb=True,
)
store.add(nodes)

import importlib.util, types
root = importlib.util.find_spec("agent_brain_server").submodule_search_locations[0]
for name in ("storage", "storage/postgres"):  # they would import the whole server
    package = types.ModuleType("agent_brain_server." + name.replace("/", "."))
    package.__path__ = [root + "/" + name]
    sys.modules[package.__name__] = package
from agent_brain_server.storage.postgres.config import PostgresConfig
from agent_brain_server.storage.postgres.connection import PostgresConnectionManager
from agent_brain_server.storage.postgres.keyword_ops import KeywordOps
from agent_brain_server.storage.postgres.schema import PostgresSchemaManager
from agent_brain_server.storage.postgres.vector_ops import VectorOps
async def agent_brain():
    config = PostgresConfig(host="localhost", port=5432, database="postgres", user="postgres", password="x")
    manager = PostgresConnectionManager(config)
    from sqlalchemy.ext.asyncio import create_async_engine
    manager._engine = create_async_engine(later)  # its own configuration cannot name a socket
    await PostgresSchemaManager(manager, len(vectors[0]), config).create_schema()
    words, near = KeywordOps(manager), VectorOps(manager)
    for chunk_id, text, metadata, vector in chunks:
        await words.upsert_with_tsvector(chunk_id, text, metadata)
        await near.upsert_embeddings(chunk_id, vector)
    await words.upsert_with_tsvector("half", "a text whose vector was never written", {})
    await manager.close()
asyncio.run(agent_brain())
"""


CHROMA_WRITER = """
import json, sys
import chromadb
ids, texts, metadatas, vectors = (list(column) for column in zip(*json.load(sys.stdin)))
client = chromadb.PersistentClient(sys.argv[1], settings=chromadb.config.Settings(anonymized_telemetry=False))
collection = client.create_collection("agent_brain_collection", metadata={"hnsw:space": "cosine"})
collection.add(ids=ids, documents=texts, metadatas=metadatas, embeddings=vectors)
"""


def write_chroma(python: str) -> None:
    """Let an older Chroma write the chunks whose metadata it can hold, and pack its directory."""
    rows = json.dumps([(chunk_id, text, metadata, embed(text)) for chunk_id, text, metadata in CHUNKS[3:]])
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([python, "-c", CHROMA_WRITER, directory], input=rows, text=True, check=True)
        with tarfile.open(OLD_CHROMA, "w:gz") as archive:
            archive.add(directory, "chroma")


def write_tables(python: str) -> None:
    """Let each package write its tables, and dump them."""
    rows = json.dumps([(chunk_id, text, metadata, embed(text)) for chunk_id, text, metadata in CHUNKS])
    with wheel_server(16) as location:
        database = {**location, "database": "postgres"}
        url = f"postgresql://postgres@/postgres?host={location['host']}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        program = [python, "-c", textwrap.dedent(WRITERS), url, location["host"]]
        subprocess.run(program, input=rows, text=True, check=True, env=environment)
        dump = [str(psql_directory(newest=False) / "pg_dump"), "--no-owner", "--no-privileges", "--schema=public"]
        dumped = subprocess.run(dump, env=psql_environment(database), capture_output=True, text=True, check=True).stdout
    for line in ("CREATE SCHEMA public;\n", "COMMENT ON SCHEMA public IS 'standard public schema';\n"):
        dumped = dumped.replace(line, "")  # every database has it
    DUMP.write_text(dumped, encoding="utf-8")


if __name__ == "__main__":
    assert DIMENSIONS == 16
    write_tables(sys.argv[1])
    write_chroma(sys.argv[2])
