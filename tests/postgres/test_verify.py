"""Damage in PostgreSQL: `verify` names it, and `repair` mends what can be derived."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agent_brain_store import create_backend, open_store
from agent_brain_store.results import VerifyReport
from tests.support.internals import pooled_connection
from tests.support.postgres import config, vector_index
from tests.support.stores import ANIMALS, fill, made_up

pytestmark = pytest.mark.postgres

WORDS = "words: the search terms are not those of the text and the metadata"


def named(report: VerifyReport) -> dict[str, tuple[str, ...]]:
    return {f"{damage.part}: {damage.problem}": damage.chunk_ids for damage in report.damages}


@pytest.fixture
async def store(database):
    async with open_store(config(database)) as store:
        await fill(store, *ANIMALS)
        yield store


async def test_terms_of_another_text_are_derived_anew(store, plain):
    await plain.execute("update chunks set text = 'a purring lion' where chunk_id = 'a'")
    await plain.execute("update chunks set tokens = 99 where chunk_id = 'b'")
    assert named(await store.verify()) == {WORDS: ("a", "b")}
    report = await store.repair()
    assert (report.ok, str(report.repaired[0])) == (True, f"{WORDS} (2 chunks: 'a', 'b')")
    assert [hit.chunk_id for hit in await store.keyword_search("lion", 5)] == ["a"]


async def test_wrong_counts_are_counted_anew(store, plain):
    await plain.execute("update chunk_counts set chunks = chunks + 5")
    assert await store.get_count() == 9
    assert list(named(await store.verify())) == ["rows: the noted number of chunks or tokens is not that of the table"]
    assert (await store.repair()).ok
    assert await store.get_count() == 4


async def test_missing_indexes_are_built(store, plain):
    await plain.execute("drop index chunks_embedding_ann, chunks_tsv_gin")
    assert set(named(await store.verify())) == {
        "indexes: the index chunks_embedding_ann is missing",
        "indexes: the index chunks_tsv_gin is missing",
    }
    assert (await store.repair()).ok
    assert await vector_index(plain) is not None


async def test_a_vector_that_search_cannot_use_is_named(store, plain):
    await plain.execute("update chunks set embedding = array_fill(0, array[16])::vector where chunk_id = 'c'")
    report = await store.repair()
    assert report.damages[0].chunk_ids == ("c",)
    assert not report.damages[0].repairable


async def altered_page(path: Path, relation: str) -> None:
    """Alter a few bytes in the middle of a table's or an index's file, while the server is down."""
    store = create_backend(config({"embedded_path": str(path)}))
    await store.initialize()
    await store.upsert_documents(*made_up(400))
    async with pooled_connection(store) as connection:
        await connection.execute("checkpoint")
        file = path / await connection.fetchval("select pg_relation_filepath($1::text::regclass)", relation)
    await store.close()
    pid = path / "postmaster.pid"
    if pid.exists():
        os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
    with file.open("r+b") as raw:
        raw.seek(8192 * 2 + 5000)
        raw.write(b"\x5a" * 64)


async def test_an_altered_page_of_the_table_is_noticed(embedded_path):
    await altered_page(embedded_path, "chunks")
    async with open_store(config({"embedded_path": str(embedded_path)}), read_only=True) as store:
        report = await store.verify()
        (damage,) = (found for found in report.damages if found.part == "rows")
        assert "the table cannot be read: invalid page in block 2" in damage.problem
        assert not damage.repairable
