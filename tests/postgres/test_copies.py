"""The vector index has one chunk of each vector. The others are found through it, whoever writes at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import numpy as np
import pytest

from agent_brain_store import IndexReport, reembed
from agent_brain_store.postgres.sql import queries
from tests.support.postgres import SCANS, arguments, connect, index_facts, is_indexed, until_blocked
from tests.support.stores import DIMENSIONS, embed, fill

pytestmark = pytest.mark.postgres

LICENCE = embed("licence")


async def write(connection: asyncpg.Connection, vectors: dict[str, Any]) -> None:
    """Store chunks as the library does, in the connection's own transaction."""
    columns = ([*vectors], ["text"] * len(vectors), ["{}"] * len(vectors), [*map(str, vectors.values())])
    await connection.fetch(queries()["upsert_chunks"].text, *columns, [])


async def delete(connection: asyncpg.Connection, *ids: str) -> None:
    await connection.fetch(queries()["delete_chunks"].text, ids)


async def places(connection: asyncpg.Connection) -> dict[str, str]:
    """Return which chunks are copies, and which lead."""
    rows = await connection.fetch("select chunk_id, is_copy, has_copies from chunks order by 1")
    return {row["chunk_id"]: "copy" if row["is_copy"] else "leads" if row["has_copies"] else "alone" for row in rows}


async def lost(connection: asyncpg.Connection) -> list[str]:
    """Return the copies without a leader that says so. Searches would miss them."""
    rows = await connection.fetch(
        """
        select chunk_id from chunks c
        where is_copy and not exists (
          select from chunks l where l.embedding = c.embedding and not l.is_copy and l.has_copies
        )
        """
    )
    return [row["chunk_id"] for row in rows]


@pytest.fixture
async def other(database):
    connection = await connect(database)
    yield connection
    await connection.close()


# --- one writer ------------------------------------------------------------------------------------------------------


async def test_one_chunk_leads_and_is_replaced_when_it_goes(store, plain):
    await fill(store, ("b", "licence"), ("c", "licence"), ("d", "cat"))
    assert await places(plain) == {"b": "leads", "c": "copy", "d": "alone"}
    await fill(store, ("a", "licence"), ("d", "licence"))
    assert await places(plain) == {"a": "copy", "b": "leads", "c": "copy", "d": "copy"}
    await store.delete_by_ids(["b", "c"])
    assert sorted((await places(plain)).values()) == ["copy", "leads"]
    assert await lost(plain) == []
    await store.delete_by_ids(["a"])
    await fill(store, ("e", "cat"))
    assert (await places(plain))["e"] == "alone"
    assert await lost(plain) == []


async def test_a_leader_that_gets_another_vector_leaves_its_copies_to_another(store, plain):
    await fill(store, *((name, "licence") for name in "abc"))
    await fill(store, ("a", "cat"), ("d", "licence"))
    assert await lost(plain) == []
    assert (await places(plain))["a"] == "alone"
    assert {hit.chunk_id for hit in await store.vector_search(LICENCE, 3)} == {"b", "c", "d"}


async def test_a_chunk_that_keeps_its_vector_keeps_its_place(store, plain):
    await fill(store, *((name, "licence") for name in "abc"))
    ids = ["a", "b", "0"]
    await store.upsert_documents(ids, [LICENCE] * 3, ["another text"] * 3, [{}] * 3)
    await store.update_metadata({"n": 1}, ids=["a", "c"])
    assert await places(plain) == {"0": "copy", "a": "leads", "b": "copy", "c": "copy"}


async def test_a_copy_that_an_older_library_gives_another_vector_is_found(store, plain):
    await fill(store, *((name, "licence") for name in "abc"))
    await plain.execute("update chunks set embedding = $1::text::vector where chunk_id = 'b'", str(embed("cat")))
    assert [hit.chunk_id for hit in await store.vector_search(embed("cat"), 1)] == ["b"]
    assert await lost(plain) == []


async def test_copies_are_found_where_their_leader_does_not_pass_the_filter(store, plain):
    rng, ids = np.random.default_rng(1), [f"{i:04}" for i in range(3000)]
    vectors = rng.normal(size=(3000, DIMENSIONS))
    vectors[:10] = LICENCE
    languages = [{"language": "en" if i != 7 and i % 3 else "de"} for i in range(3000)]
    await store.upsert_documents(ids, vectors, ids, languages)
    assert (await places(plain))["0000"] == "leads"
    hits = await store.vector_search(LICENCE, 7, where={"language": "en"})
    assert [hit.chunk_id for hit in hits[:5]] == ["0001", "0002", "0004", "0005", "0008"]
    assert [hit.score > 0.999 for hit in hits] == [True] * 5 + [False] * 2


# --- writers at the same time ----------------------------------------------------------------------------------------


async def test_a_leader_cannot_go_while_a_copy_of_it_is_being_stored(store, plain, other, database):
    await fill(store, ("a", "licence"))
    transaction = plain.transaction()
    await transaction.start()
    await write(plain, {"b": LICENCE})
    deleting = asyncio.create_task(delete(other, "a"))
    await until_blocked(database, "delete_chunks")
    await transaction.commit()
    await deleting
    assert await places(plain) == {"b": "leads"}


async def test_the_next_copy_does_not_keep_a_leader_from_going_either(store, plain, other, database):
    await fill(store, ("a", "licence"), ("b", "licence"))
    transaction = plain.transaction()
    await transaction.start()
    await write(plain, {"c": LICENCE})
    moving = asyncio.create_task(write(other, {"a": embed("cat")}))
    await until_blocked(database, "upsert_chunks")
    await transaction.commit()
    await moving
    assert await lost(plain) == []
    assert {hit.chunk_id for hit in await store.vector_search(LICENCE, 2)} == {"b", "c"}


async def test_a_copy_does_not_count_on_a_leader_that_is_being_deleted(store, plain, other):
    await fill(store, ("a", "licence"), ("b", "licence"))
    async with plain.transaction():
        await delete(plain, "a")
        await asyncio.wait_for(write(other, {"c": LICENCE, "d": LICENCE}), 10)
    assert await places(plain) == {"b": "leads", "c": "leads", "d": "copy"}
    assert [hit.chunk_id for hit in await store.vector_search(LICENCE, 5)] == ["b", "c", "d"]


async def test_writers_of_copies_do_not_wait_for_each_other(store, plain, other):
    await fill(store, ("a", "licence"), ("b", "licence"))
    async with plain.transaction():
        await write(plain, {"c": LICENCE})
        await asyncio.wait_for(write(other, {"d": LICENCE}), 10)
    assert await places(plain) == {"a": "leads", "b": "copy", "c": "copy", "d": "copy"}


async def test_no_copy_is_lost_among_many_writers(opened, store, database, plain):
    stores = [store, await opened(database)]

    async def write_and_delete(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(20):
            ids = [f"{i:02}" for i in rng.choice(40, size=8, replace=False)]
            words = [f"word{i}" for i in rng.integers(0, 3, size=8)]
            await fill(stores[seed % 2], *zip(ids, words, strict=True))
            await stores[seed % 2].delete_by_ids([f"{i:02}" for i in rng.choice(40, size=6, replace=False)])

    await asyncio.gather(*(write_and_delete(seed) for seed in range(6)))
    assert await lost(plain) == []
    for word in ("word0", "word1", "word2"):
        there = await plain.fetch("select chunk_id from chunks where embedding = $1::text::vector", str(embed(word)))
        found = [hit.chunk_id for hit in await store.vector_search(embed(word), 40) if hit.score > 0.9999]
        assert sorted(found) == sorted(row["chunk_id"] for row in there)


# --- the indexes -----------------------------------------------------------------------------------------------------


async def test_leaders_and_copies_are_found_by_their_indexes(large):
    postgres, vectors = large
    connection = await connect(postgres)
    question = str(vectors[0].tolist())
    transaction = connection.transaction()
    await transaction.start()
    await write(connection, {"copy": question})
    search = arguments("vector_search", query_embedding=question, top_k=10)
    hits = await connection.fetch(queries()["vector_search"].text, *search)
    scans = dict(await connection.fetch(SCANS))
    await transaction.rollback()
    await connection.close()
    assert "copy" in [row["chunk_id"] for row in hits[:2]]
    assert all(scans[name] for name in ("chunks_vector_btree", "chunks_copies_btree", "chunks_embedding_ann"))
    assert scans["every row"] == 0


# --- a store of an earlier version -----------------------------------------------------------------------------------


async def as_before(connection: asyncpg.Connection) -> None:
    """Leave a store as the migration leaves one that has chunks: nothing is marked, and an index has every chunk."""
    await connection.execute("update chunks set is_copy = false, has_copies = false")
    await connection.execute("drop index chunks_embedding_ann, chunks_vector_btree, chunks_copies_btree")
    await connection.execute("create index chunks_embedding_ann on chunks using hnsw (embedding vector_cosine_ops)")


async def test_the_start_marks_the_copies_of_an_older_store_and_leaves_them_out(opened, store, database, plain):
    await fill(store, *((f"{i:04}", f"word{i % 7} text") for i in range(2100)))
    await store.close()
    await as_before(plain)
    again: Any = await opened(database)
    await again.wait_idle()
    assert [*(await places(plain)).values()] == ["leads"] * 7 + ["copy"] * 2093
    facts = await index_facts(plain)
    assert facts["chunks_embedding_ann"]["is_partial"]
    assert {"chunks_vector_btree", "chunks_copies_btree"} <= set(facts)
    assert await is_indexed(plain)
    assert not [name for name in facts if name.endswith(("_old", "_new"))]
    assert (await again.vector_search(embed("word3 text"), 2))[1].chunk_id == "0010"


async def test_a_store_that_may_not_be_changed_is_reported(opened, store, database, plain):
    await fill(store, ("a", "licence"), ("b", "licence"))
    await store.close()
    await as_before(plain)
    cautious = await opened({**database, "migrate": "never"})
    await cautious.wait_idle()
    assert not (await index_facts(plain))["chunks_embedding_ann"]["is_partial"]
    assert {hit.chunk_id for hit in await cautious.vector_search(LICENCE, 2)} == {"a", "b"}
    warnings = (await cautious.ensure_indexes()).warnings
    assert [w.split(",")[0] for w in warnings] == ["the vector index holds equal vectors many times"]
    await cautious.reindex()
    assert (await cautious.ensure_indexes()).warnings == ()
    assert await places(plain) == {"a": "leads", "b": "copy"}


# --- a new embedding model -------------------------------------------------------------------------------------------


def by_first_word(texts: list[str]) -> list[list[float]]:
    return [embed(text.split()[0], 24) for text in texts]


def by_last_word(texts: list[str]) -> list[list[float]]:
    return [embed(text.split()[-1]) for text in texts]


async def definitions(connection: asyncpg.Connection) -> dict[str, str]:
    rows = await connection.fetch("select indexname, indexdef from pg_indexes where tablename = 'chunks'")
    return {row["indexname"]: row["indexdef"].replace("halfvec(24)", "halfvec(16)") for row in rows}


async def nearest_are(store: Any, vector: list[float], expected: set[str]) -> None:
    assert {hit.chunk_id for hit in await store.vector_search(vector, len(expected))} == expected


@pytest.mark.parametrize("keep", [True, False])
async def test_the_copies_of_another_model_are_other_chunks(opened, store, database, plain, keep):
    animals, numbers = ("cat", "dog", "owl"), [f"{i:02}" for i in range(11)]
    chunks = {f"{animal}{number}": f"{animal} {number}" for animal in animals for number in numbers}
    dogs, twos = {f"dog{number}" for number in numbers}, {f"{animal}02" for animal in animals}
    await store.upsert_documents([*chunks], by_last_word([*chunks.values()]), [*chunks.values()], [{}] * 33)
    await store.set_embedding_metadata("test", "last", 16)
    indexes, before = await definitions(plain), await places(plain)
    told: list[dict[str, str]] = []

    async def model(texts: list[str]) -> list[list[float]]:
        told.append(await places(plain))
        await nearest_are(store, embed("02"), twos)
        return by_first_word(texts)

    await reembed(store, model, "test", "first", 24, keep=keep, batch_size=11)
    assert told == [before] * 3  # writing the other vectors moves no leader
    await nearest_are(store, embed("dog", 24), dogs)  # whether or not the copies are marked already
    await store.wait_idle()
    marked = {name: "leads" if name.endswith("00") else "copy" for name in chunks}
    assert await places(plain) == marked
    assert {n: d for n, d in (await definitions(plain)).items() if n in indexes} == indexes
    assert await store.ensure_indexes() == IndexReport()
    await nearest_are(store, embed("dog", 24), dogs)
    await store.delete_by_ids(["dog00"])
    await store.upsert_documents(["new"], by_first_word(["owl new"]), ["owl new"], [{}])
    assert (await places(plain))["new"] == "copy"
    assert await lost(plain) == []
    await nearest_are(store, embed("owl", 24), {"new", *(f"owl{number}" for number in numbers)})
    if keep:  # the way back
        assert await reembed(store, by_last_word, "test", "last", 16) == 1
        await nearest_are(store, embed("02"), twos)
        await store.wait_idle()
        assert await lost(plain) == []
        assert await definitions(plain) == indexes


async def test_the_index_is_built_once_if_few_are_equal(store, plain, caplog):
    await fill(store, *((f"{i:02}", f"word{i % 3} text{i}") for i in range(30)))
    indexes = await definitions(plain)
    with caplog.at_level("INFO"):
        await reembed(store, by_first_word, "test", "first", 24)
        await store.wait_idle()
    assert caplog.text.count("building the vector index") == 1
    assert await definitions(plain) == indexes
    assert await store.ensure_indexes() == IndexReport()
    await nearest_are(store, embed("word2", 24), {f"{i:02}" for i in range(2, 30, 3)})
    await store.upsert_documents(["new"], by_first_word(["word2 new"]), ["new"], [{}])
    await store.delete_by_ids(["02"])
    assert (await places(plain))["new"] == "copy"
    assert await lost(plain) == []
    await nearest_are(store, embed("word2", 24), {"new", *(f"{i:02}" for i in range(5, 30, 3))})


async def test_the_next_start_marks_what_a_switch_has_left(opened, store, database, plain):
    await fill(store, *((f"{i:04}", f"word{i % 7} text{i}") for i in range(500)))
    cautious: Any = await opened({**database, "migrate": "never"})
    await reembed(cautious, by_first_word, "test", "hashed", 24)
    await cautious.wait_idle()
    assert set((await places(plain)).values()) == {"alone"}
    await nearest_are(cautious, embed("word3", 24), {f"{i:04}" for i in range(3, 500, 7)})
    await store.close()
    again: Any = await opened(database, dimensions=24)
    await again.wait_idle()
    assert [*(await places(plain)).values()] == ["leads"] * 7 + ["copy"] * 493
    assert (await index_facts(plain))["chunks_embedding_ann"]["is_partial"]
    assert await again.ensure_indexes() == IndexReport()
