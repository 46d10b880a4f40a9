"""Directories that are damaged. They are refused, and are never opened as an empty store, or as one that finds less."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent_brain_store import open_store
from agent_brain_store.errors import ConnectionFailed
from tests.support.chroma import config, opened
from tests.support.faults import watch_trials
from tests.support.programs import run
from tests.support.stores import made_up

COUNT = 1100  # Chroma writes its index to the files after the first thousand
FILES = ("header.bin", "data_level0.bin", "length.bin", "link_lists.bin")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store whose vectors are in files."""
    path = tmp_path_factory.mktemp("whole") / "chroma"
    run(
        """
        import asyncio, sys
        from agent_brain_store import open_store
        from tests.support.chroma import config
        from tests.support.stores import made_up
        async def main():
            async with open_store(config(sys.argv[1])) as store:
                await store.upsert_documents(*made_up(int(sys.argv[2])))
        asyncio.run(main())
        """,
        str(path),
        str(COUNT),
    )
    return path


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    """Copy the store, without the copy of its vector index that would mend it."""
    return Path(shutil.copytree(whole, tmp_path / "chroma", ignore=shutil.ignore_patterns("agent_brain-spare-*")))


def index_file(directory: Path, name: str) -> Path:
    (path,) = directory.glob(f"*/{name}")
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*"))


async def refused(directory: Path, message: str) -> None:
    before = names(directory)
    with pytest.raises(ConnectionFailed, match=f"is damaged: {message}.* Restore it from a copy") as caught:
        async with opened(directory):
            pass
    assert str(directory) not in caught.value.message
    assert names(directory) == before, "nothing is made in its place"


async def test_a_whole_directory_is_opened(damaged):
    async with opened(damaged) as store:
        assert await store.get_count() == COUNT
        hits = await store.vector_search(made_up(COUNT)[1][7], 1)
        assert hits[0].chunk_id == "00007"


async def test_a_missing_or_empty_database_beside_vector_files_is_refused(damaged):
    (damaged / "chroma.sqlite3").write_bytes(b"")
    await refused(damaged, "it holds vector files, but its chroma.sqlite3 is empty")
    (damaged / "chroma.sqlite3").unlink()
    await refused(damaged, "it holds vector files, but its chroma.sqlite3 is missing")


@pytest.mark.parametrize("name", [*FILES, "index_metadata.pickle"])
async def test_a_missing_file_of_the_vector_index_is_refused(damaged, name):
    index_file(damaged, name).unlink()
    await refused(damaged, f"its vector index lacks {name}")
    shutil.rmtree(next(damaged.glob("*-*-*")))
    await refused(damaged, "its vector index lacks header.bin and data_level0.bin")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
async def test_a_truncated_file_of_the_vector_index_is_refused(damaged, name, kept):
    path = index_file(damaged, name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    await refused(damaged, name)


async def test_a_collection_that_is_not_damaged_opens_beside_one_that_is(damaged):
    index_file(damaged, "data_level0.bin").write_bytes(b"")
    async with open_store(config(damaged, "another")) as store:
        assert await store.get_count() == 0


ALTERING = """
    import asyncio, random, shutil, sys
    from pathlib import Path
    import numpy as np
    from agent_brain_store import StorageError
    from tests.support.chroma import opened
    from tests.support.stores import DIMENSIONS

    async def main(directory, seed):
        numbers = random.Random(seed)
        files = [next(directory.glob(f"*/{name}")) for name in ("header.bin", "data_level0.bin", "link_lists.bin")]
        good = [path.read_bytes() for path in files]
        size, links = 4 * 33 + 4 * DIMENSIONS + 8, 4 * 33
        for _ in range(12):
            which = numbers.choice([0, 1, 1, 2])
            data = bytearray(good[which])
            place = numbers.randrange(len(data))
            if which == 1:
                place = numbers.randrange(1000) * size + numbers.randrange(links)
            data[place] ^= 1 << numbers.randrange(8)
            print(files[which].name, place, good[which][place], data[place], flush=True)
            for spare in directory.glob("agent_brain-spare-*"):
                shutil.rmtree(spare)
            files[which].write_bytes(data)
            try:
                async with opened(directory) as store:
                    print("opened", len(await store.vector_search(np.ones(DIMENSIONS), 50)), flush=True)
            except StorageError as error:
                print(error.message[70:150], flush=True)
            files[which].write_bytes(good[which])

    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.mark.parametrize("seed", [1])
def test_altered_links_do_not_end_the_process(damaged, seed):
    """Chroma follows them wherever they lead. One bit of a header or of a link is altered at a time."""
    said = run(ALTERING, str(damaged), str(seed))
    assert "opened 50" in said, "some bits do not matter"
    assert "Restore it from a copy" in said, "others are noticed"


ALTERING_ALL = """
    import asyncio, sys
    from pathlib import Path
    import numpy as np
    from agent_brain_store import StorageError
    from tests.support.chroma import opened
    from tests.support.faults import leave_links_unchecked
    from tests.support.stores import DIMENSIONS

    async def main(directory):
        leave_links_unchecked()
        (file,) = directory.glob("*/data_level0.bin")
        data = bytearray(file.read_bytes())
        size = 4 * 33 + 4 * DIMENSIONS + 8
        for element in range(1000):
            data[element * size + 4 : element * size + 8] = bytes([0xFF, 0xFF, 0xFF, 0x7F])
        file.write_bytes(data)
        try:
            async with opened(directory) as store:
                await store.vector_search(np.ones(DIMENSIONS), 50)
                print("opened")
        except StorageError as error:
            print(error.message)

    asyncio.run(main(Path(sys.argv[1])))
"""


async def test_links_that_lead_nowhere_are_found_before_chroma_follows_them(damaged):
    said = run(ALTERING_ALL.replace("leave_links_unchecked()\n", "\n"), str(damaged))
    assert "has a link to an element that is not there" in said


async def test_what_would_end_the_process_ends_a_child_instead(damaged):
    """Links of a large index are not checked at the start. The damage is found by a process that may die."""
    said = run(ALTERING_ALL, str(damaged))
    assert "is damaged: a process that tried to read it was ended by signal" in said


async def test_a_directory_that_was_closed_well_is_not_tried(tmp_path, monkeypatch):
    async with opened(tmp_path) as store:
        await store.upsert_documents(*made_up(COUNT))
    tried = watch_trials(monkeypatch)
    async with opened(tmp_path):
        assert tried == []
    (tmp_path / "chroma.sqlite3").touch()
    async with opened(tmp_path) as store:
        assert tried == ["agent_brain"]
        assert await store.get_count() == COUNT
    async with opened(tmp_path):
        assert len(tried) == 1
