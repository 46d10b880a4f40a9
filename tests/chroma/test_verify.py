"""Damage in a Chroma directory that its files do not show: `verify` names it, and `repair` mends what it can."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store.results import VerifyReport
from tests.support.chroma import opened
from tests.support.faults import empty_vector_index
from tests.support.internals import keyword_index
from tests.support.killed import WIDE, batch, index_files
from tests.support.stores import ANIMALS, embed, fill


def alter(path: Path, statement: str, *values: object) -> None:
    """Change Chroma's database behind the library's back."""
    with closing(sqlite3.connect(path / "chroma.sqlite3")) as file, file:
        assert file.execute(statement, values).rowcount > 0


def named(report: VerifyReport) -> dict[str, tuple[str, ...]]:
    return {f"{damage.part}: {damage.problem}": damage.chunk_ids for damage in report.damages}


SET = "update embedding_metadata set string_value = ? where key = ? and string_value = ?"
ALTERED = {"rows: the text or the vector is not what was stored": ("a",)}
COPIES = "rows: the metadata are not those that filters compare"


async def test_an_altered_text_is_named_and_can_be_stored_again(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, *ANIMALS)
        alter(tmp_path, SET, "the growling beer", "chroma:document", ANIMALS[0][1])
        assert named(await store.verify())["rows: the text or the vector is not what was stored"] == ("a",)
        left = await store.repair()
        assert named(left) == ALTERED
        assert not left.damages[0].repairable
        await fill(store, *ANIMALS)
        assert (await store.verify()).ok, "the chunk was not taken for one that is stored already"
        assert (await store.get_by_id("a"))["text"] == ANIMALS[0][1]


async def test_altered_copies_of_metadata_are_written_anew(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, *ANIMALS)
        alter(tmp_path, SET, "text", "source_type", "code")
        assert await store.get_count({"source_type": "code"}) == 0
        assert named(await store.verify()) == {COPIES: ("b",)}
        report = await store.repair()
        assert (report.ok, [damage.chunk_ids for damage in report.repaired]) == (True, [("b",)])
        assert await store.get_count({"source_type": "code"}) == 1


async def test_a_keyword_index_of_other_texts_is_made_anew(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, *ANIMALS)
        (await keyword_index(store)).put("a", "something else", {})
        assert list(named(await store.verify())) == ["words: the keyword index is not that of the texts"]
        assert (await store.repair()).ok
        assert [hit.chunk_id for hit in await store.keyword_search("growling", 5)] == ["a"]


async def test_an_altered_vector_is_named(tmp_path):
    """One byte of a vector is altered in Chroma's file, and the file keeps its time, as on a disk that decays."""
    import os

    async with opened(tmp_path, dimensions=WIDE) as store:
        for number in range(3):
            await store.upsert_documents(*batch(number, 500))
        await store.upsert_documents(["unit"], [embed("unit", WIDE)], ["text"], [{}])
    (file,) = index_files(tmp_path, "data_level0.bin")
    stat, data = file.stat(), bytearray(file.read_bytes())
    size = 33 * 4 + 4 * WIDE + 8
    data[7 * size + 33 * 4 + 3] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    async with opened(tmp_path, dimensions=WIDE) as store:
        report = await store.verify()
        (damage,) = (found for found in report.damages if found.part == "vectors")
        assert (damage.chunks, damage.repairable) == (1, True), "the vector as it was given is still there"
        mended = await store.repair()
        assert mended.ok
        assert mended.digest == report.digest


async def test_a_vector_index_that_finds_nothing_is_built_anew(tmp_path):
    async with opened(tmp_path) as store:
        await fill(store, *ANIMALS)
        await store.set_embedding_metadata("test", "hashed", 16)
        digest = (await store.verify()).digest
        with empty_vector_index():
            report = await store.verify()
        assert list(named(report)) == ["indexes: the vector index does not find chunks by their own vectors"]
        with empty_vector_index(once=True):
            report = await store.repair()
        assert report.ok
        assert report.digest == digest
        assert (await store.get_embedding_metadata()).model == "hashed"
        assert (await store.vector_search(np.array(embed(ANIMALS[3][1])), 1))[0].chunk_id == "d"
    async with opened(tmp_path) as store:
        assert await store.get_count() == 4


@pytest.mark.parametrize("place", [0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
async def test_a_damaged_database_file_is_told(tmp_path, place):
    async with opened(tmp_path) as store:
        await fill(store, *((f"{i:04}", f"text {i} " + "word " * 50, {"n": i}) for i in range(600)))
        file = tmp_path / "chroma.sqlite3"
        with file.open("r+b") as raw:
            raw.seek(int(file.stat().st_size * place) // 4096 * 4096)
            raw.write(b"\xff" * 4096)
        report = await store.verify()
        assert not report.ok
        assert any("database file is damaged" in damage.problem for damage in report.damages)
