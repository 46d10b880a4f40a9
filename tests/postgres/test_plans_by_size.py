"""Plans of vector and hybrid search in small, middling and large stores: few chunks are compared, and many are found by
the vector index.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent_brain_store.filters.parse import parse
from agent_brain_store.postgres.searching import filter_values
from tests.support.large import large_metadata
from tests.support.postgres import SCANS, connect, used_indexes
from tests.support.stores import DIMENSIONS, fill

pytestmark = pytest.mark.postgres

VECTORS, EVERY_ROW = "chunks_embedding_ann", "every row"
HYBRID: dict[str, Any] = {"top_k": 10, "vector_weight": 0.5, "keyword_weight": 0.5, "rrf_k": 60, "candidates": 50}
QUESTION = str(np.random.default_rng(9).normal(size=DIMENSIONS).tolist())


async def asked_by_vector(connection: Any, where: dict[str, Any] | None) -> set[str]:
    """Search for ten chunks by a vector, and return what the search read."""
    values = {"query_embedding": QUESTION, "top_k": 10, **filter_values(parse(where))}
    return await used_indexes(connection, "vector_search", **values)


async def asked_by_both(connection: Any, where: dict[str, Any] | None) -> set[str]:
    """Search for fifty candidates by a vector and by a word, and return what the search read."""
    values = {"query": "rare7", "query_embedding": QUESTION, **HYBRID, **filter_values(parse(where))}
    return await used_indexes(connection, "hybrid_search", **values)


async def test_few_chunks_are_compared_and_many_are_found_by_the_index(store, database):
    """One store grows. The planner alone would read every chunk up to some thousands."""
    connection = await connect(database)
    narrow, twentieth, half = {"one": 7}, {"twentieth": 7}, {"half": 1}
    stored = 0
    for chunks, by_index, hybrid_by_index in (
        (60, [None], []),
        (1000, [None, half], [None, half]),
        (3000, [None, half], [None, half]),
    ):
        new = range(stored, chunks)
        vectors = np.random.default_rng(chunks).normal(size=(len(new), DIMENSIONS))
        metadatas = [large_metadata(i) | {"twentieth": i % 20} for i in new]
        await store.upsert_documents([f"{i}" for i in new], vectors, [f"rare{i % 50} text" for i in new], metadatas)
        stored = chunks
        for where in (None, narrow, twentieth, half):
            used, both = await asked_by_vector(connection, where), await asked_by_both(connection, where)
            assert (VECTORS in used) == (where in by_index), f"{where} of {chunks}"
            assert (VECTORS in both) == (where in hybrid_by_index), f"{where} of {chunks}, hybrid"
    await connection.close()


async def test_a_folder_of_a_store_of_some_thousand_chunks_is_found_by_its_index(store, database):
    """The planner would read every chunk, because it does not count what evaluating a jsonpath takes."""
    count = 3000
    vectors = np.random.default_rng(1).normal(size=(count, DIMENSIONS))
    metadatas = [large_metadata(i) for i in range(count)]
    await store.upsert_documents([f"{i}" for i in range(count)], vectors, ["some text " * 60] * count, metadatas)
    connection = await connect(database)
    await connection.execute("analyze chunks")
    folders = filter_values(parse({"source": {"$prefix": "/src/app4"}}))
    async with connection.transaction():
        places = await connection.fetchval("select places from filter_scope($1, $2, 1000)", *folders.values())
        scans = dict(await connection.fetch(SCANS))
    assert len(places) == sum(metadata["source"].startswith("/src/app4") for metadata in metadatas)
    assert scans["chunks_source_btree"]
    assert not scans[EVERY_ROW]
    await connection.close()


@pytest.mark.parametrize("chunks", [100, 150, 200])
async def test_chunks_that_fill_a_page_of_a_small_store_are_all_in_scope(store, plain, chunks):
    """One page is looked at first. It can be the one on which all chunks that pass lie."""
    await fill(store, *((f"{i:03}", "text", {"block": i // 20}) for i in range(chunks)))
    found = "select cardinality(places) from filter_scope($1, '', 25)"
    paths = [filter_values(parse({"block": block}))["filter"] for block in range(chunks // 20)]
    assert [await plain.fetchval(found, path) for path in paths] == [20] * len(paths)


FILL = """
    insert into chunks (chunk_id, text, metadata, tsv, tokens, embedding)
    select
      i::text,
      'rare' || i % 5000,
      jsonb_build_object(
        'thousandth', i % 1000, 'hundredth', i % 100, 'tenth', i % 10, 'half', i % 2,
        'source', format('/src/app%s/file%s.py', i % 500, i)
      ),
      format('rare%s:1', i % 5000)::tsvector,
      1,
      (select array_agg(random(-1.0, 1.0)) from generate_series(1, $1) where i > 0)::vector
    from generate_series(1, 100000) i
"""


@pytest.mark.slow
async def test_a_store_of_100000_chunks_is_never_read_as_a_whole(store, database):
    connection = await connect(database)
    await connection.execute("drop index chunks_embedding_ann")
    await connection.execute(FILL, DIMENSIONS)
    await store.ensure_indexes()
    await connection.execute("vacuum analyze chunks")
    narrow: dict[str, list[dict[str, Any]]] = {
        "chunks_metadata_gin": [{"thousandth": 7}, {"hundredth": 7}, {"thousandth": {"$in": [7, 8]}}],
        "chunks_source_btree": [{"source": {"$prefix": "/src/app7/"}}],
    }
    for asked in (asked_by_vector, asked_by_both):
        for where in (None, {"tenth": 7}, {"half": 1}, {"tenth": {"$gt": 3}}):
            used = await asked(connection, where)
            assert VECTORS in used, where
            assert EVERY_ROW not in used, where
        for index, filters in narrow.items():
            for where in filters:
                used = await asked(connection, where)
                assert index in used, where
                assert not used & {VECTORS, EVERY_ROW}, where
    await connection.close()
