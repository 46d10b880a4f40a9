"""A process that writes to a Chroma directory, until it is killed with -9 at the worst moment."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np

from tests.support.chroma import opened

WIDE = 128  # dimensions; Chroma takes some milliseconds to write the files
LARGEST = 1000  # chunks of a batch
FILES = ("header.bin", "data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle")

_WRITER = textwrap.dedent("""
    import asyncio, sys
    from tests.support.chroma import opened
    from tests.support.killed import WIDE, batch
    async def main(path, number, size):
        async with opened(path, dimensions=WIDE) as store:
            print("ready", flush=True)
            while True:
                await store.upsert_documents(*batch(number, size))
                print(number, size, flush=True)
                number += 1
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
""")


def batch(number: int, size: int) -> tuple[list[str], np.ndarray, list[str], list[dict[str, int]]]:
    """Return the arguments of an upsert that anyone can make again."""
    ids = [f"{number:05}-{i:05}" for i in range(size)]
    vectors = np.random.default_rng(number).normal(size=(size, WIDE)).astype(np.float32)
    return ids, vectors, [f"text of {chunk_id}" for chunk_id in ids], [{"batch": number}] * size


def write_and_kill(path: Path, number: int, moment: random.Random, most: int = 0) -> dict[int, int]:
    """Let a process write batches from ``number`` on, and kill it. Returns the sizes of those that it has acknowledged.

    It may acknowledge up to ``most`` before. Then it dies soon after one of Chroma's files has changed, or at any time.
    """
    size, name = moment.choice([300, 500, LARGEST]), moment.choice([*FILES, FILES[1], None])
    command = [sys.executable, "-c", _WRITER, str(path), str(number), str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        if first != "ready\n":
            raise AssertionError(process.stderr.read())
        written = [process.stdout.readline() for _ in range(moment.randint(0, most))]
        if name is None:
            time.sleep(1.5 * moment.random())
        else:
            _wait_for_change(path, name)
            time.sleep(moment.choice([0, 0, 0.0005, 0.003]) * moment.random())
        process.kill()
        written += process.stdout.read().splitlines()
        said = [line.split() for line in written]
    return {int(line[0]): int(line[1]) for line in said if len(line) == 2}


def index_files(path: Path, name: str) -> list[Path]:
    """Return Chroma's own files of this name, without their copies."""
    return [file for file in path.glob(f"*/{name}") if not file.parent.name.startswith("agent_brain")]


def _wait_for_change(path: Path, name: str) -> None:
    before, end = _stamps(path, name), time.monotonic() + 20
    while _stamps(path, name) == before and time.monotonic() < end:
        pass


def _stamps(path: Path, name: str) -> list[tuple[str, int, int]]:
    found = []
    for file in index_files(path, name):
        try:
            stat = file.stat()
        except OSError:
            continue
        found.append((file.parent.name, stat.st_mtime_ns, stat.st_size))
    return found


async def lost(path: Path, acknowledged: dict[int, int]) -> list[str]:
    """Open the directory, and return the chunks of acknowledged batches that are missing or have another content.

    A batch of no chunks was deleted, and none of it may be there.
    """
    wrong = []
    async with opened(path, dimensions=WIDE) as store:
        for number, size in acknowledged.items():
            if size == 0:
                wrong += await store.get_by_ids(batch(number, LARGEST)[0])
                continue
            ids, vectors, texts, _ = batch(number, size)
            found = await store.get_by_ids(ids, include_embeddings=True)
            for chunk_id, vector, text in zip(ids, vectors, texts, strict=True):
                chunk = found.get(chunk_id)
                if chunk is None or chunk["text"] != text or not np.array_equal(chunk["embedding"], vector):
                    wrong.append(chunk_id)
            if (await store.vector_search(vectors[0], 1))[0].chunk_id != ids[0]:
                wrong.append(f"{ids[0]} is not found")
    return wrong
