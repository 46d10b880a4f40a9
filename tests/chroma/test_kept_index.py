"""The keyword index is kept in a file. Whatever happened to the rows or to the file meanwhile, questions find what is stored."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store.textsearch import kept
from tests.support.chroma import client, found, opened
from tests.support.internals import wrap
from tests.support.stores import fill

WORDS = [f"term{'abc'[i // 26]}{chr(97 + i % 26)}q" for i in range(60)]  # no digits: these would part words
CHUNKS = [
    (f"{i:03}", f"common {WORDS[i]} {['ox', 'hen'][i % 2]}", {"title": f"Title{i % 5}", "n": i}) for i in range(60)
]


def watch_indexing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the ids of chunks whose words are counted from now on. The returned list grows."""
    seen: list[str] = []

    def watched(put: Callable[..., None], index: Any, chunk_id: str, *arguments: Any) -> None:
        seen.append(chunk_id)
        put(index, chunk_id, *arguments)

    wrap(monkeypatch, "index", watched)
    return seen


def the_file(path: Path) -> Path:
    """Return the file of the only keyword index."""
    (file,) = path.glob("agent_brain-keywords-*.index")
    return file


async def ask(store: Any) -> list[list[tuple[str, float]]]:
    """Return hits and scores of some questions."""
    questions = ("common", f"ox {WORDS[7]}", f"title2 {WORDS[12]}", "nothing", "late early")
    found = [await store.keyword_search(question, 100) for question in questions]
    found.append(await store.keyword_search("common", 5, where={"n": {"$lt": 9}}))
    return [[(hit.chunk_id, hit.score) for hit in hits] for hits in found]


async def keep(path: Path) -> list[list[tuple[str, float]]]:
    """Fill a store, ask it, and close it. Return the answers."""
    async with opened(path) as store:
        await fill(store, *CHUNKS)
        return await ask(store)


async def test_a_restart_counts_no_words_and_answers_the_same(tmp_path, monkeypatch):
    before = await keep(tmp_path)
    seen = watch_indexing(monkeypatch)
    for _ in range(2):
        async with opened(tmp_path) as store:
            assert await ask(store) == before
    assert seen == []


async def test_only_what_was_written_without_the_index_is_read_again(tmp_path, monkeypatch):
    """Nobody asks for words in the second process, as if an older version of the library had written."""
    await keep(tmp_path)
    seen = watch_indexing(monkeypatch)
    async with opened(tmp_path) as store:
        await fill(store, ("003", "late words"), ("new", "late chunk"), ("007", CHUNKS[7][1], {"title": "Early"}))
        await store.delete_by_ids(["001", "002"])
    async with opened(tmp_path) as store:
        healed = await ask(store)
        assert await found(store, " ".join(WORDS[1:4])) == []
        assert await found(store, "late early") == ["003", "007", "new"]
    assert sorted(seen) == ["003", "007", "new"]
    the_file(tmp_path).unlink()
    async with opened(tmp_path) as store:
        assert await ask(store) == healed


async def test_writes_after_a_restart_are_in_the_index_and_in_its_next_file(tmp_path, monkeypatch):
    await keep(tmp_path)
    async with opened(tmp_path) as store:
        await found(store, "common")
        await fill(store, ("003", "late words"), ("new", "late common chunk"))
        await store.delete_by_ids(["001"])
        answers = await ask(store)
        assert await found(store, "late") == ["003", "new"]
    seen = watch_indexing(monkeypatch)
    async with opened(tmp_path) as store:
        assert await ask(store) == answers
    assert seen == []
    the_file(tmp_path).unlink()
    async with opened(tmp_path) as store:
        assert await ask(store) == answers


async def test_a_process_that_is_killed_leaves_nothing_wrong(tmp_path):
    """It dies with chunks in Chroma that are not in the file."""
    await keep(tmp_path)
    program = """
        import asyncio, sys
        from pathlib import Path
        from tests.support.chroma import opened
        from tests.support.stores import fill

        async def main():
            async with opened(Path(sys.argv[1])) as store:
                await store.keyword_search("common", 1)
                await fill(store, ("003", "late words"), ("new", "late chunk"))
                await store.delete_by_ids(["001"])
                print("written", flush=True)
                sys.stdin.read()

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "written\n"
        process.kill()
        process.wait()
    async with opened(tmp_path) as store:
        assert await found(store, "late") == ["003", "new"]
        assert await found(store, f"{WORDS[1]} {WORDS[3]}") == []


@pytest.mark.parametrize("damage", ["a changed byte", "cut off", "empty", "no file of ours"])
async def test_a_damaged_file_is_made_anew(tmp_path, damage, caplog):
    before = await keep(tmp_path)
    file = the_file(tmp_path)
    whole = file.read_bytes()
    changed = bytes([whole[100] ^ 1])
    file.write_bytes(
        {"a changed byte": whole[:100] + changed + whole[101:], "cut off": whole[:-50], "empty": b""}.get(
            damage, b"x" * 99
        )
    )
    async with opened(tmp_path) as store:
        assert await ask(store) == before
    assert "the kept keyword index cannot be read and is made anew" in caplog.text
    assert file.read_bytes()[:100] == whole[:100]


async def test_a_file_that_other_code_made_is_made_anew(tmp_path, monkeypatch):
    before = await keep(tmp_path)
    seen = watch_indexing(monkeypatch)
    monkeypatch.setattr(kept, "fingerprint", lambda: "other")
    async with opened(tmp_path) as store:
        assert await ask(store) == before
    assert len(seen) == len(CHUNKS)


async def test_a_reset_takes_the_file_away(tmp_path):
    await keep(tmp_path)
    async with opened(tmp_path) as store:
        await store.reset()
        assert not list(tmp_path.glob("agent_brain-keywords-*"))
        assert await found(store, "common") == []


async def test_a_file_that_cannot_be_written_is_only_reported(tmp_path, monkeypatch, caplog):
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept, "write", full)
        before = await keep(tmp_path)
    assert "the keyword index could not be written to its file" in caplog.text
    async with opened(tmp_path) as store:
        assert await ask(store) == before


async def test_chroma_renumbers_a_chunk_whenever_it_is_written(tmp_path, monkeypatch):
    """The file relies on it, whoever writes."""
    await keep(tmp_path)
    seen = watch_indexing(monkeypatch)
    changes: list[dict[str, Any]] = [{"documents": ["late"], "embeddings": [[1.0] * 16]}, {"metadatas": [{"x": 1}]}]
    for times, change in enumerate(changes, 1):
        other = client(tmp_path)
        other.get_collection("agent_brain", embedding_function=None).update(ids=["003"], **change)
        other.close()
        async with opened(tmp_path) as store:
            assert await found(store, "late") == ["003"]
        assert seen == ["003"] * times
