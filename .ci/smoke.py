"""What a user does first, with the package that is installed: open a Chroma store, upsert, search.

``.ci/release.py`` runs it in a fresh environment, away from the checkout. It prints the version and what it found.
"""

import asyncio
import sys
import tempfile

import agent_brain_store
from agent_brain_store import open_store

TEXTS = ["How the write-ahead log works", "A growling bear", "A quiet cat"]
VECTORS = [[0.9, 0.1, 0.0], [0.1, 0.9, 0.4], [0.0, 0.2, 0.9]]


async def main(path: str) -> None:
    config = {
        "embedding": {"provider": "example", "model": "by-hand", "dimensions": 3},
        "storage": {"backend": "chroma", "chroma": {"path": path}},
    }
    async with open_store(config) as store:
        written = await store.upsert_documents(["wal", "bear", "cat"], VECTORS, TEXTS, [{}, {}, {"tame": True}])
        found = [
            await store.vector_search(VECTORS[1], 1),
            await store.keyword_search("which bears growl?", 1),
            await store.hybrid_search("bears", VECTORS[1], 1, where={"tame": {"$exists": False}}),
        ]
    ids = [[hit.chunk_id for hit in hits] for hits in found]
    if written != len(TEXTS) or ids != [["bear"]] * 3:
        sys.exit(f"wrote {written} chunks and found {ids}")
    print(agent_brain_store.__version__, agent_brain_store.__file__)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(main(directory))
