"""Collections that Chroma's own client wrote."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store import TransferError
from agent_brain_store.sources import import_from, read_chroma
from tests.support.chroma import client
from tests.support.foreign_stores import CHUNKS, OLD_CHROMA
from tests.support.stores import DIMENSIONS, embed

COUNT = 600


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Write a collection, and one beside it, with Chroma's own client."""
    path = tmp_path / "theirs"
    opened = client(path)
    for name, count in (("docs", COUNT), ("other", 3)):
        collection = opened.create_collection(name, embedding_function=None)
        collection.add(
            ids=[f"chunk {i}" for i in range(count)],
            documents=[f"text {i}" for i in range(count)],
            embeddings=[embed(f"text {i}") for i in range(count)],
            metadatas=[{"n": i, "ok": i % 2 == 0, "source": f"/{i}.md"} for i in range(count)],
        )
    collection.add(ids=["no text"], embeddings=[[1.0] * DIMENSIONS])
    opened.close()
    return path


def digest(path: Path) -> dict[str, str]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


async def test_a_directory_is_read_and_not_changed(store, theirs):
    before = digest(theirs)
    report = await import_from(store, read_chroma(theirs, "docs"))
    assert (report.chunks, report.left_out) == (COUNT, 0)
    assert digest(theirs) == before
    found = {d.chunk_id: d async for d in store.iter_documents(include_embeddings=True)}
    assert len(found) == COUNT
    for i in range(COUNT):
        chunk = found[f"chunk {i}"]
        assert (chunk.text, chunk.metadata) == (f"text {i}", {"n": i, "ok": i % 2 == 0, "source": f"/{i}.md"})
        np.testing.assert_allclose(chunk.embedding, embed(f"text {i}"), rtol=1e-6)


async def test_a_directory_of_an_older_chroma_is_read_and_not_changed(store, tmp_path):
    """This version of Chroma would bring the directory up to date, and the older one could not open it again."""
    with tarfile.open(OLD_CHROMA) as archive:
        archive.extractall(tmp_path / "old", filter="data")
    before = digest(tmp_path / "old")
    report = await import_from(store, read_chroma(tmp_path / "old" / "chroma", "agent_brain_collection"))
    assert (report.chunks, report.left_out) == (len(CHUNKS) - 3, 0)
    assert digest(tmp_path / "old") == before
    async for chunk in store.iter_documents(include_embeddings=True):
        assert (chunk.chunk_id, chunk.text, chunk.metadata) in CHUNKS
        np.testing.assert_allclose(chunk.embedding, embed(chunk.text), rtol=1e-6)


async def test_a_client_is_read_and_stays_open(store, theirs):
    opened = client(theirs)
    report = await import_from(store, read_chroma(opened, "other"))
    assert (report.chunks, report.left_out) == (3, 1)
    assert report.named[0].name == "no text"
    assert opened.get_collection("other", embedding_function=None).count() == 4
    opened.close()


async def test_a_collection_that_loses_chunks_meanwhile_is_noticed(theirs):
    """The next page would begin behind chunks that nobody has read."""
    opened = client(theirs)
    items = read_chroma(opened, "docs")
    await anext(items)
    opened.get_collection("docs", embedding_function=None).delete(ids=["chunk 3", "chunk 4"])
    with pytest.raises(TransferError, match=r"held 600 chunks at first and 598 at last, and 598 were read"):
        _ = [item async for item in items]
    opened.close()


async def test_what_is_missing_is_named(store, theirs, tmp_path):
    with pytest.raises(TransferError, match="nobody"):
        await import_from(store, read_chroma(theirs, "nobody"))
    with pytest.raises(TransferError, match=r"chroma\.sqlite3 is missing"):
        await import_from(store, read_chroma(tmp_path / "empty", "docs"))


@pytest.mark.parametrize(
    ("name", "kept"), [("data_level0.bin", "altered"), ("header.bin", "nothing"), ("chroma.sqlite3", "half")]
)
async def test_a_damaged_directory_is_refused_and_ends_no_process(tmp_path, name, kept):
    """A child reads it first. Chroma follows the links of its vector files wherever they lead."""
    vectors = np.random.default_rng(0).normal(size=(1500, DIMENSIONS))
    opened = client(tmp_path / "theirs")
    collection = opened.create_collection("docs", embedding_function=None)
    for start in range(0, 1500, 250):  # so many that Chroma makes files of the vectors
        ids = [f"{i}" for i in range(start, start + 250)]
        collection.add(ids=ids, embeddings=vectors[start : start + 250].tolist(), documents=ids)
    opened.close()
    (file,) = (tmp_path / "theirs").rglob(name)
    whole = file.read_bytes()
    inverted = bytes(255 - byte for byte in whole)
    file.write_bytes({"altered": inverted, "nothing": b"", "half": whole[: len(whole) // 2]}[kept])
    with pytest.raises(TransferError, match="is damaged: a process|cannot be read") as caught:
        assert not [item async for item in read_chroma(tmp_path / "theirs", "docs")]
    assert str(tmp_path) not in str(caught.value)
    assert ("ended by signal" in str(caught.value)) == (kept == "altered")
