"""Stores that run in the process, without a server. Each searches for ten chunks, and returns their ids, the best first.

A hit's text and metadata are read too, because a caller needs them.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.naive import Batch, Chroma

Where = dict[str, Any]
CANDIDATES = 50  # of each ranking, where the fusion is written here


class ChromaWithBm25(Chroma):
    """Chroma's client, with rank-bm25 beside it. Its two rankings are fused by reciprocal ranks."""

    async def load(self, batch: Batch) -> None:
        """Write the chunks, and index their words."""
        await super().load(batch)
        self._ids, _, self._texts, self._metadatas = batch

    def nearest(self, vector: Any, where: Where, top_k: int = 10) -> list[str]:
        """Search by vector."""
        found = self._collection.query(query_embeddings=vector[None], n_results=top_k, where=where or None)
        return list(found["ids"][0])

    def keyword(self, text: str, where: Where, top_k: int = 10) -> list[str]:
        """Score every chunk by BM25, and keep the best of those that pass the filter."""
        scores = self._words.get_scores(text.lower().split())
        ranked = (i for i in np.argsort(-scores) if scores[i] > 0 and where.items() <= self._metadatas[i].items())
        return [self._ids[i] for i, _ in zip(ranked, range(top_k), strict=False)]

    def hybrid(self, text: str, vector: Any, where: Where) -> list[str]:
        """Fuse both rankings."""
        scores: dict[str, float] = {}
        for ranking in (self.nearest(vector, where, CANDIDATES), self.keyword(text, where, CANDIDATES)):
            for rank, chunk in enumerate(ranking):
                scores[chunk] = scores.get(chunk, 0) + 1 / (61 + rank)
        return sorted(scores, key=lambda chunk: -scores[chunk])[:10]


class LanceDb:
    """LanceDB, with an HNSW index of scalar-quantized vectors, a text index and scalar indexes."""

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("LANCEDB_LOG", "error")  # it would warn of its next release at each search
        import lancedb

        self._database = lancedb.connect(path)

    async def load(self, batch: Batch) -> None:
        """Write a table, and index it then."""
        from lancedb.index import FTS, Bitmap, HnswSq

        ids, vectors, texts, metadatas = batch
        rows = [
            {"id": chunk, "vector": vector, "text": text, **metadata}
            for chunk, vector, text, metadata in zip(ids, vectors, texts, metadatas, strict=True)
        ]
        self._table = self._database.create_table("chunks", rows)
        self._table.create_index("vector", config=HnswSq(distance_type="cosine", num_partitions=1))
        self._table.create_index("text", config=FTS())
        for key in ("part", "half"):
            self._table.create_index(key, config=Bitmap())

    def nearest(self, vector: Any, where: Where) -> list[str]:
        """Search by vector."""
        return self._found(self._table.search(vector, query_type="vector").distance_type("cosine"), where)

    def keyword(self, text: str, where: Where) -> list[str]:
        """Search by words."""
        return self._found(self._table.search(text, query_type="fts"), where)

    def hybrid(self, text: str, vector: Any, where: Where) -> list[str]:
        """Search by both. LanceDB fuses by reciprocal ranks."""
        query = self._table.search(query_type="hybrid").vector(vector).text(text).distance_type("cosine")
        return self._found(query, where)

    def _found(self, query: Any, where: Where) -> list[str]:
        for key, value in where.items():
            query = query.where(f"{key} = {value}", prefilter=True)
        rows = query.select(["id", "text", "source", "part", "half"]).limit(10).to_list()
        return [row["id"] for row in rows]


SQLITE_TABLES = """
    create table chunks (number integer primary key, id text, text text, source text, part integer, half integer);
    create virtual table words using fts5(text, content='chunks', content_rowid='number', tokenize='porter unicode61');
    create virtual table vectors using vec0(
      number integer primary key, part integer, half integer, embedding float[{dimensions}] distance_metric=cosine
    );
"""
SQLITE_NEAREST = """
    select number, row_number() over (order by distance) as place
    from vectors where embedding match :vector and k = :top_k {vectors_pass}
"""
SQLITE_MATCHING = """
    select words.rowid as number, row_number() over (order by rank) as place
    from words join chunks on number = words.rowid
    where words match :text {words_pass} order by rank limit :top_k
"""
SQLITE_ROWS = "select id, text, source, part, half from ({ranking}) join chunks using (number) order by place"
SQLITE_HYBRID = f"""
    with by_vector as ({SQLITE_NEAREST}), by_words as ({SQLITE_MATCHING})
    select id, chunks.text, source, part, half,
      coalesce(1.0 / (60 + by_vector.place), 0) + coalesce(1.0 / (60 + by_words.place), 0) as score
    from by_vector full join by_words using (number) join chunks using (number) order by score desc limit 10
"""


class SqliteVec:
    """SQLite with sqlite-vec and FTS5, through apsw, because not every Python's sqlite3 loads extensions."""

    def __init__(self, path: Path) -> None:
        import sqlite_vec

        path.mkdir()
        self._file, self._extension = path / "chunks.db", sqlite_vec.loadable_path()
        self._own = threading.local()

    def _connection(self) -> Any:
        """Return the connection of this thread."""
        import apsw

        if not hasattr(self._own, "connection"):
            self._own.connection = apsw.Connection(str(self._file))
            self._own.connection.enable_load_extension(True)
            self._own.connection.load_extension(self._extension)
        return self._own.connection

    async def load(self, batch: Batch) -> None:
        """Write the three tables in one transaction."""
        connection = self._connection()
        connection.execute("pragma journal_mode = wal")
        rows = list(enumerate(zip(*batch, strict=True)))
        with connection:
            connection.execute(SQLITE_TABLES.format(dimensions=batch[1].shape[1]))
            connection.executemany(
                "insert into chunks values (?, ?, ?, ?, ?, ?)",
                ((n, chunk, text, m["source"], m["part"], m["half"]) for n, (chunk, _, text, m) in rows),
            )
            connection.executemany(
                "insert into vectors values (?, ?, ?, ?)",
                ((n, m["part"], m["half"], vector.tobytes()) for n, (_, vector, _, m) in rows),
            )
            connection.execute("insert into words (words) values ('rebuild')")

    def nearest(self, vector: Any, where: Where) -> list[str]:
        """Search by vector: every one is compared."""
        return self._found(SQLITE_ROWS.format(ranking=SQLITE_NEAREST), where, vector=vector.tobytes(), top_k=10)

    def keyword(self, text: str, where: Where) -> list[str]:
        """Search by any word, ranked by BM25."""
        return self._found(SQLITE_ROWS.format(ranking=SQLITE_MATCHING), where, text=_any_word(text), top_k=10)

    def hybrid(self, text: str, vector: Any, where: Where) -> list[str]:
        """Fuse both rankings in one statement."""
        asked = {"text": _any_word(text), "vector": vector.tobytes(), "top_k": CANDIDATES}
        return self._found(SQLITE_HYBRID, where, **asked)

    def _found(self, statement: str, where: Where, **values: Any) -> list[str]:
        passing = {f"{table}_pass": _passing(table, where) for table in ("vectors", "words")}
        rows = self._connection().execute(statement.format(**passing), values | where)
        return [row[0] for row in rows]

    def close(self) -> None:
        """Close the connection of this thread. The others end with their threads."""
        self._connection().close()


def _passing(table: str, where: Where) -> str:
    owner = "chunks" if table == "words" else "vectors"
    return " ".join(f"and {owner}.{key} = :{key}" for key in where)


def _any_word(text: str) -> str:
    return " OR ".join(f'"{word}"' for word in re.findall(r"\w+", text))


class Zvec:
    """zvec, with an HNSW index, a text index and inverted indexes."""

    def __init__(self, path: Path) -> None:
        import zvec

        self._zvec, self._path = zvec, str(path)

    async def load(self, batch: Batch) -> None:
        """Insert the chunks, a thousand a call, and let zvec build its indexes."""
        z = self._zvec
        words = z.FtsIndexParam(filters=["lowercase", "ascii_folding", "stemmer"])
        fields = [z.FieldSchema("text", z.DataType.STRING, index_param=words)]
        fields += [z.FieldSchema("source", z.DataType.STRING)]
        fields += [z.FieldSchema(k, z.DataType.INT64, index_param=z.InvertIndexParam()) for k in ("part", "half")]
        graph = z.HnswIndexParam(metric_type=z.MetricType.COSINE)
        vectors = z.VectorSchema("embedding", z.DataType.VECTOR_FP32, batch[1].shape[1], index_param=graph)
        schema = z.CollectionSchema(name="chunks", fields=fields, vectors=[vectors])
        self._collection = z.create_and_open(path=self._path, schema=schema)
        docs = [
            z.Doc(id=chunk, vectors={"embedding": vector}, fields={"text": text, **metadata})
            for chunk, vector, text, metadata in zip(*batch, strict=True)
        ]
        for start in range(0, len(docs), 1000):
            self._collection.insert(docs[start : start + 1000])
        self._collection.optimize()
        self._collection.flush()

    def nearest(self, vector: Any, where: Where) -> list[str]:
        """Search by vector."""
        return self._found([self._by_vector(vector)], where)

    def keyword(self, text: str, where: Where) -> list[str]:
        """Search by words."""
        return self._found([self._by_words(text)], where)

    def hybrid(self, text: str, vector: Any, where: Where) -> list[str]:
        """Search by both. zvec fuses by reciprocal ranks."""
        queries = [self._by_vector(vector), self._by_words(text)]
        return self._found(queries, where, reranker=self._zvec.RrfReRanker())

    def _by_vector(self, vector: Any) -> Any:
        return self._zvec.Query("embedding", vector=vector)

    def _by_words(self, text: str) -> Any:
        return self._zvec.Query("text", fts=self._zvec.Fts(match_string=text))

    def _found(self, queries: list[Any], where: Where, **how: Any) -> list[str]:
        passing = " and ".join(f"{key} = {value}" for key, value in where.items())
        return [doc.id for doc in self._collection.query(queries, topk=10, filter=passing or None, **how)]

    def close(self) -> None:
        """Close the collection."""
        self._collection.close()
