"""Read the chunks of a PostgreSQL table that this library did not make.

A table is read by COPY, whatever its name is, in a transaction that reads one snapshot and cannot write.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import TransferError
from agent_brain_store.sources.importing import Items
from agent_brain_store.types import Document

if TYPE_CHECKING:
    from agent_brain_store.postgres.connection import Connection

Database: TypeAlias = str | Mapping[str, Any]
Row: TypeAlias = dict[str, str | None]

PATIENCE = 60.0  # seconds without a row, before the server is given up
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_READ: dict[str, Callable[[str], Any]] = {
    "smallint": int,
    "integer": int,
    "bigint": int,
    "numeric": float,
    "real": float,
    "double precision": float,
    "boolean": "t".__eq__,
    "json": json.loads,
    "jsonb": json.loads,
}


# --- readers ---------------------------------------------------------------------------------------------------------


async def read_table(
    database: Database,
    table: str,
    *,
    schema: str = "public",
    chunk_id: str = "id",
    text: str = "text",
    embedding: str = "embedding",
    metadata: str | None = "metadata",
    columns: Sequence[str] = (),
) -> Items:
    """Yield the rows of a table as chunks.

    ``database`` is a URL, or what ``storage.postgres`` in a configuration has. ``chunk_id``, ``text`` and ``embedding`` name
    columns, and ``metadata`` one of JSON. Each of ``columns`` becomes a key of the metadata.
    """
    async with _connected(database) as connection:
        types = await _types(connection, schema, table)
        wanted = [chunk_id, text, embedding, *([metadata] if metadata else []), *columns]
        async with aclosing(_rows(connection, schema, table, types, wanted)) as rows:
            async for row in rows:
                meta = _value(row[metadata], types[metadata]) if metadata else {}
                more = {name: _value(row[name], types[name]) for name in columns}
                meta = {**(meta or {}), **more} if meta is None or isinstance(meta, dict) else meta
                yield Document(row[chunk_id], row[text], meta, _vector(row[embedding]))  # type: ignore[arg-type]


async def read_agent_brain(database: Database, *, schema: str = "public") -> Items:
    """Yield the chunks of the table ``documents`` of an Agent Brain server."""
    rows = read_table(database, "documents", schema=schema, chunk_id="chunk_id", text="document_text")
    async with aclosing(rows):
        async for item in rows:
            yield item


async def read_langchain(database: Database, collection: str = "langchain", *, schema: str = "public") -> Items:
    """Yield the chunks of a collection of ``PGVector`` of langchain-postgres.

    Its newer ``PGVectorStore`` has a table of its own. Read that with `read_table`: ``chunk_id="langchain_id"``,
    ``text="content"``, ``metadata="langchain_metadata"``, and ``columns`` for the columns that hold metadata.
    """
    async with _connected(database) as connection:
        listed = _all_rows(connection, schema, "langchain_pg_collection", ["uuid", "name"])
        async with aclosing(listed):
            found = {row["name"]: row["uuid"] async for row in listed}
        if collection not in found:
            raise TransferError(f"there is no collection {collection!a}; there are {', '.join(map(ascii, found))}")
        columns = ["id", "document", "embedding", "cmetadata", "collection_id"]
        async with aclosing(_all_rows(connection, schema, "langchain_pg_embedding", columns)) as rows:
            async for row in rows:
                if row["collection_id"] == found[collection]:
                    metadata = _value(row["cmetadata"], "json") or {}
                    yield Document(row["id"], row["document"], metadata, _vector(row["embedding"]))  # type: ignore[arg-type]


async def read_llama_index(database: Database, table: str = "llamaindex", *, schema: str = "public") -> Items:
    """Yield the nodes of a table of ``PGVectorStore`` of LlamaIndex, in the form in which our vector store reads them.

    ``table`` is the ``table_name`` that LlamaIndex was given, without its ``data_``.
    """
    rows = read_table(database, f"data_{table}", schema=schema, chunk_id="node_id", metadata="metadata_")
    async with aclosing(rows):
        async for item in rows:
            if isinstance(item, Document):
                item.metadata["_node_id"] = item.chunk_id
            yield item


# --- rows ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _connected(database: Database) -> AsyncIterator[Connection]:
    import asyncpg

    from agent_brain_store.postgres.connection import Connection, connect_arguments
    from agent_brain_store.postgres.errors import translated

    place = {"url": database} if isinstance(database, str) else dict(database)
    config = StoreConfig.from_dict({"storage": {"backend": "postgres", "postgres": place}}).postgres
    arguments = connect_arguments(config)
    arguments.pop("command_timeout", None)  # a table may take as long as it needs, as long as rows come
    with translated("reading a table"):
        connection = await asyncpg.connect(**arguments, connection_class=Connection)
        try:
            # The transaction is not ended: whoever stops reading early leaves a COPY behind, and only the end of the
            # connection ends that.
            await connection.transaction(isolation="repeatable_read", readonly=True).start()
            yield connection
        finally:
            connection.terminate()


async def _types(connection: Connection, schema: str, table: str) -> dict[str, str]:
    """Return the types of a table's columns by their names."""
    from agent_brain_store.postgres.connection import run

    found = await asyncio.wait_for(run(connection, "table_columns", schema=schema, table_name=table), PATIENCE)
    if not found:
        raise TransferError(f"there is no table {schema}.{table} that this role may read")
    return {row["name"]: row["type"] for row in found}


async def _all_rows(
    connection: Connection, schema: str, table: str, columns: Sequence[str]
) -> AsyncGenerator[Row, None]:
    types = await _types(connection, schema, table)
    async with aclosing(_rows(connection, schema, table, types, columns)) as rows:
        async for row in rows:
            yield row


async def _rows(
    connection: Connection, schema: str, table: str, types: Mapping[str, str], columns: Sequence[str]
) -> AsyncGenerator[Row, None]:
    """Yield the rows of a table as text. Raises `TransferError` if a column is missing."""
    missing = [name for name in columns if name not in types]
    if missing:
        raise TransferError(f"{schema}.{table} has no column {', '.join(missing)}; its columns are {', '.join(types)}")
    rest = b""
    async with aclosing(_copied(connection, schema, table, columns)) as pieces:
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield dict(zip(columns, map(_text, line.split(b"\t")), strict=True))


async def _copied(
    connection: Connection, schema: str, table: str, columns: Sequence[str]
) -> AsyncGenerator[bytes, None]:
    """Yield what COPY sends. The server waits until a piece was used."""
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def put(piece: bytes) -> None:
        pieces.put_nowait(piece)
        await pieces.join()

    copying = asyncio.create_task(
        connection.copy_from_table(table, schema_name=schema, columns=columns, output=put, format="text")
    )
    copying.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        while (piece := await asyncio.wait_for(pieces.get(), PATIENCE)) is not None:
            yield piece
            pieces.task_done()
        await copying
    except TimeoutError:
        raise TransferError(f"the server sent nothing of {schema}.{table} for {PATIENCE:g} s: is it locked?") from None
    finally:
        copying.cancel()


def _text(field: bytes) -> str | None:
    """Return a field of COPY's text format."""
    if field == rb"\N":
        return None
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), field).decode()


def _value(text: str | None, kind: str) -> Any:
    return None if text is None else _READ.get(kind, str)(text)


def _vector(text: str | None) -> Any:
    """Return a vector of pgvector. The store refuses one that is missing."""
    import numpy as np

    return None if text is None else np.fromstring(text[1:-1], np.float32, sep=",")
