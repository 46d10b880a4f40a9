"""A disk that is full, a small one in memory: writes are refused in time, and nothing freezes. It needs root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store import DiskFull
from tests.support.chroma import opened
from tests.support.disks import MIB, fill_up, small_disk, write_on_full_disk
from tests.support.killed import WIDE, batch
from tests.support.programs import run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with small_disk(tmp_path / "disk") as disk:
        yield disk


async def test_a_write_is_refused_while_there_is_still_room(disk):
    async with opened(disk / "chroma", dimensions=WIDE) as store:
        await store.upsert_documents(*batch(0, 500))
        filler = fill_up(disk, 50 * MIB)
        with pytest.raises(DiskFull, match="has 50 MiB free, and writing this needs 6[4-9] MiB") as caught:
            await store.upsert_documents(*batch(1, 500))
        assert 49 * MIB < caught.value.free < 51 * MIB
        assert caught.value.needed > 64 * MIB
        assert await store.get_count() == 500
        assert (await store.verify()).ok
        assert await store.delete_by_ids(batch(0, 500)[0][:100]) == 100, "deleting makes room"
        filler.unlink()
        await store.upsert_documents(*batch(1, 500))
        assert await store.get_count() == 900


def test_a_write_that_meets_a_full_disk_fails_and_the_next_one_goes_on(disk):
    """Somebody else may fill the disk during a write. Chroma froze the process after some of these failures."""
    assert write_on_full_disk(disk) > 0


def test_the_reserve_is_more_than_a_piece_takes(disk):
    """A piece of long texts and wide vectors takes less of the disk than what is asked for before it is written."""
    path = disk / "chroma"
    program = """
        import asyncio, shutil, sys
        import numpy as np
        from agent_brain_store.chroma.room import PER_BYTE, RESERVE
        from tests.support.chroma import opened
        async def main(path):
            async with opened(path, dimensions=1024) as store:
                for number in range(6):
                    numbers = np.random.default_rng(number)
                    ids = [f"{number}-{i}" for i in range(256)]
                    texts = [" ".join(f"{x:x}" for x in numbers.integers(0, 2**40, 400)) for _ in ids]
                    before = shutil.disk_usage(path).free
                    await store.upsert_documents(ids, numbers.normal(size=(256, 1024)), texts, [{}] * 256)
                    size = sum(map(len, texts)) + 256 * 1024 * 4
                    print((before - shutil.disk_usage(path).free) / (PER_BYTE * size + RESERVE), flush=True)
        asyncio.run(main(sys.argv[1]))
    """
    shares = np.array(run(program, str(path)).split(), np.float64)
    assert len(shares) == 6
    assert (shares < 1).all(), shares
