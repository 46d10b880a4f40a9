"""A process that is killed while Chroma writes: its directory opens, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest

from agent_brain_store import QueryFailed, StorageError
from tests.support.chroma import client, opened
from tests.support.internals import raise_as_driver, wrap
from tests.support.killed import FILES, LARGEST, WIDE, batch, index_files, lost, write_and_kill

KILLS = 3


@pytest.mark.parametrize("seed", [1])
async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path, seed):
    """A third of these moments leave files of the vector index that Chroma has not finished."""
    moment, number = random.Random(seed), 0
    acknowledged: dict[int, int] = {}
    for _ in range(KILLS):
        acknowledged |= write_and_kill(tmp_path / "chroma", number, moment)
        assert await lost(tmp_path / "chroma", acknowledged) == []
        number = max(acknowledged, default=number) + 2  # the batch after the last one was perhaps written
    assert acknowledged


def copies(path: Path) -> list[Path]:
    """Return the copies of vector files in a directory."""
    return list(path.glob("agent_brain-spare-*"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store whose vectors are in files."""

    async def fill(path: Path) -> None:
        async with opened(path, dimensions=WIDE) as store:
            for number in range(3):
                await store.upsert_documents(*batch(number, 500))

    path = tmp_path_factory.mktemp("whole") / "chroma"
    asyncio.run(fill(path))
    return path


TORN = [(FILES[0], None), (FILES[1], 0.6), (FILES[4], 0.6)]
ALIKE = [*((name, 0.6) for name in (FILES[0], *FILES[2:4])), (FILES[1], 0.0)]


@pytest.mark.parametrize(("name", "kept"), [*TORN, *(pytest.param(*case, marks=pytest.mark.slow) for case in ALIKE)])
async def test_files_that_were_not_finished_are_replaced_by_their_copy(whole, tmp_path, name, kept, caplog):
    path = Path(shutil.copytree(whole, tmp_path / "chroma"))
    (file,) = index_files(path, name)
    data = file.read_bytes()
    if kept is None:
        file.unlink()
    else:
        file.write_bytes(data[: int(len(data) * kept)])
    assert await lost(path, dict.fromkeys(range(3), 500)) == []
    assert "are replaced by their copy" in caplog.text


async def test_first_files_that_were_not_finished_are_made_anew(tmp_path, caplog):
    """Chroma has not said yet up to where they go. It writes the ids last, and fails if these are torn."""
    path = tmp_path / "chroma"
    async with opened(path, dimensions=WIDE) as store:
        await store.upsert_documents(*batch(0, 500))
    (folder,) = {file.parent for file in index_files(path, "header.bin")}
    (folder / "index_metadata.pickle").write_bytes(b"\x80\x03}q")
    assert await lost(path, {0: 500}) == []
    assert "are made anew" in caplog.text
    async with opened(path, dimensions=WIDE) as store:
        await store.upsert_documents(*batch(1, LARGEST))
    assert await lost(path, {0: 500, 1: LARGEST}) == []


async def test_files_of_another_program_are_left_alone(tmp_path):
    """Older versions of Chroma said nowhere else up to where their files go."""
    theirs = client(tmp_path)
    theirs.create_collection("agent_brain", embedding_function=None).add(ids=["a"], embeddings=[[0.0] * WIDE])
    theirs.close()
    (header,) = index_files(tmp_path, "header.bin")
    ids = header.with_name("index_metadata.pickle")
    ids.write_bytes(b"\x80\x03}q")
    with pytest.raises(StorageError):
        async with opened(tmp_path, dimensions=WIDE):
            pass
    assert ids.exists()


async def test_files_that_a_failed_write_left_are_replaced_without_a_start(whole, tmp_path, monkeypatch):
    """A disk that runs full leaves such files, and no process dies."""
    path = Path(shutil.copytree(whole, tmp_path / "chroma"))
    (file,) = index_files(path, "data_level0.bin")
    async with opened(path, dimensions=WIDE) as store:
        wrap(monkeypatch, "put", lambda *_: raise_as_driver("write chunks", RuntimeError("disk I/O error")))
        with pytest.raises(QueryFailed):
            await store.upsert_documents(*batch(3, 500))
        monkeypatch.undo()
        os.truncate(file, file.stat().st_size * 6 // 10)
        await store.upsert_documents(*batch(3, 500))
        found = await store.get_by_ids(batch(0, 500)[0], include_embeddings=True)
    assert len(found) == 500
    assert await lost(path, dict.fromkeys(range(4), 500)) == []


async def test_what_is_lost_and_what_comes_back_is_named(whole, tmp_path):
    path = Path(shutil.copytree(whole, tmp_path / "chroma"))
    gone, deleted = batch(0, 500)[0][1], batch(1, 500)[0]
    async with opened(path, dimensions=WIDE) as store:
        await store.delete_by_ids([gone])
    assert await lost(path, {0: 500, 1: 0}) == [gone, *deleted]


async def test_a_whole_directory_is_not_touched(whole, tmp_path, caplog):
    path = Path(shutil.copytree(whole, tmp_path / "chroma"))
    for _ in range(2):
        assert await lost(path, dict.fromkeys(range(3), 500)) == []
        assert len(copies(path)) == 1
    assert "replaced by their copy" not in caplog.text


async def test_copies_go_with_their_collection(tmp_path):
    path = tmp_path / "chroma"
    async with opened(path, dimensions=WIDE) as store, opened(path, collection="other", dimensions=WIDE) as other:
        for number in range(3):
            await store.upsert_documents(*batch(number, 500))
            await other.upsert_documents(*batch(number, 500))
        assert len(copies(path)) == 2
        await store.reset()
        assert len(copies(path)) == 1
        assert await other.get_count() == 1500
