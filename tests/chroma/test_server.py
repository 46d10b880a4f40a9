"""Chroma behind a server, ``chroma run`` in a process of its own: what is different from a directory."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import chromadb
import numpy as np
import pytest
from click.testing import CliRunner

from agent_brain_store import (
    ConfigError,
    ConnectionFailed,
    InvalidQueryError,
    ProviderMismatchError,
    QueryFailed,
    SchemaError,
    StorageBackend,
    StoreConfig,
    create_backend,
    open_store_sync,
    reembed,
)
from agent_brain_store.chroma.connecting import close_client
from agent_brain_store.cli.app import app
from agent_brain_store.sources import import_from, read_chroma
from tests.support.chroma_server import ChromaServer, chroma_server
from tests.support.programs import run, started
from tests.support.stores import ANIMALS, embed, fill, ids, made_up, mapping


@pytest.fixture(scope="module")
def server() -> Iterator[ChromaServer]:
    with chroma_server() as running:
        yield running


@pytest.fixture
def settings(server: ChromaServer) -> dict[str, Any]:
    """Return the configuration of a new store on the server."""
    return mapping(chroma={**server.place, "collection": f"c{uuid.uuid4().hex}"})


@pytest.fixture
async def make(settings: dict[str, Any]) -> AsyncIterator[Callable[..., Any]]:
    """Open stores on one collection, each with a client of its own, as processes have."""
    opened: list[StorageBackend] = []

    async def build(**headers: str) -> StorageBackend:
        # Stores of this process that share a place share a client too. A header makes another place of it.
        chroma = {**settings["storage"]["chroma"], "headers": {"X-Client": str(len(opened)), **headers}}
        opened.append(create_backend(StoreConfig.from_dict({**settings, "storage": {"chroma": chroma}})))
        await opened[-1].initialize()
        return opened[-1]

    yield build
    for store in opened:
        await store.close()


async def test_it_works_as_with_a_directory(make):
    store = await make()
    await fill(store, *ANIMALS)
    assert await ids(store, "bear cat") == ["c", "a", "b"]
    assert [h.chunk_id for h in await store.vector_search(embed(ANIMALS[0][1]), 1)] == ["a"]
    assert [h.chunk_id for h in await store.hybrid_search("moon", embed(ANIMALS[3][1]), 1, where={"n": 4})] == ["d"]
    await store.update_metadata({"n": 9}, ids=["d"])
    assert await store.get_count({"n": 9}) == 1
    assert await store.delete_by_ids(["d"]) == 1
    found = [c async for c in store.iter_documents(include_embeddings=True)]
    assert [(c.chunk_id, c.text, c.metadata) for c in found] == list(ANIMALS[:3])
    for chunk in found:
        assert np.array_equal(chunk.embedding, np.asarray(embed(chunk.text), np.float32))
    health = await store.health()
    assert (health.ok, health.details["chunks"]) == (True, 3)


async def test_what_another_client_writes_is_found_by_the_next_search(make):
    store, other = await make(), await make()
    await fill(store, *ANIMALS)
    assert await ids(store, "bear") == ["c", "a"]  # the keyword index and the vectors are in memory now
    await store.vector_search(embed("bear"), 1)
    await fill(other, ("e", "a bear in the bear cave"), ("a", "the hare sleeps"))
    await other.delete_by_ids(["c"])
    assert await ids(store, "bear") == ["e"]
    assert [h.chunk_id for h in await store.vector_search(embed("the hare sleeps"), 1)] == ["a"]
    assert (await store.hybrid_search("cave", embed("a bear in the bear cave"), 1))[0].chunk_id == "e"
    assert await store.get_count() == 4
    await other.update_metadata({"n": 7}, ids=["e"])
    assert await store.get_count({"n": 7}) == 1
    assert (await store.get_by_id("e"))["metadata"] == {"n": 7}


async def test_what_this_client_wrote_itself_is_not_read_again(make, monkeypatch):
    """Its own writes are in its keyword index already."""
    store = await make()
    await fill(store, *ANIMALS)
    await ids(store, "bear")
    (before,) = (index for index in store.repository.collection.indexes.values())
    await fill(store, ("e", "another bear"))
    assert sorted(await ids(store, "bear")) == ["a", "c", "e"]
    assert list(store.repository.collection.indexes.values()) == [before]


async def test_writers_at_once_lose_nothing(make):
    stores = [await make() for _ in range(3)]
    await asyncio.gather(*(s.upsert_documents(*made_up(400, f"w{i} ")) for i, s in enumerate(stores)))
    for store in stores:
        assert await store.get_count() == 1200
        assert len(await ids(store, "w", 2000)) == 1200


async def test_another_process_writes(make, settings):
    store = await make()
    await fill(store, *ANIMALS)
    assert await ids(store, "whale") == []
    run(
        """
        import asyncio, json, sys
        from agent_brain_store import open_store
        from tests.support.stores import fill
        async def main():
            async with open_store(json.loads(sys.argv[1])) as store:
                await fill(store, ("w", "a whale"))
        asyncio.run(main())
        """,
        json.dumps(settings),
    )
    assert await ids(store, "whale") == ["w"]


async def test_profile_and_reset_of_another_client_are_noticed(make, settings):
    store, other = await make(), await make()
    await fill(store, *ANIMALS)
    await other.set_embedding_metadata("test", "hashed", 16)
    assert (await store.get_embedding_metadata()).model == "hashed"
    await other.reset()
    assert await store.get_count() == 0
    assert await ids(store, "bear") == []
    await fill(store, ("a", "a new bear"))
    assert await ids(other, "bear") == ["a"]
    await other.set_embedding_metadata("test", "another", 16)
    with pytest.raises(ProviderMismatchError):
        await make()
    await other.reset()
    narrow = create_backend(
        StoreConfig.from_dict({**settings, "embedding": {**settings["embedding"], "dimensions": 8}})
    )
    await narrow.initialize()
    with pytest.raises(SchemaError, match="was emptied and made anew"):
        await store.vector_search(embed("bear"), 1)
    await narrow.close()


async def test_a_collection_that_is_deleted_is_named(make, server, settings):
    store = await make()
    await fill(store, *ANIMALS)
    await ids(store, "bear")
    client: Any = chromadb.HttpClient("127.0.0.1", server.port)
    client.delete_collection(settings["storage"]["chroma"]["collection"])
    close_client(client)
    for call in (lambda: ids(store, "bear"), lambda: fill(store, *ANIMALS)):
        with pytest.raises(QueryFailed, match="is gone: another client of the Chroma server has deleted it"):
            await call()


async def test_a_collection_of_another_program_is_refused_and_imported(make, server, settings):
    client: Any = chromadb.HttpClient("127.0.0.1", server.port)
    name = f"theirs-{uuid.uuid4().hex}"
    collection = client.create_collection(name, embedding_function=None)
    collection.add(ids=["a"], documents=["their text"], embeddings=[embed("their text")], metadatas=[{"n": 1}])
    theirs = {**settings, "storage": {"chroma": {**server.place, "collection": name}}}
    with pytest.raises(SchemaError, match="another program"):
        await create_backend(StoreConfig.from_dict(theirs)).initialize()
    store = await make()
    report = await import_from(store, read_chroma(client, name))
    assert (report.chunks, await ids(store, "text")) == (1, ["a"])
    assert collection.count() == 1
    close_client(client)


def test_the_command_line_imports_from_a_server(server, tmp_path, monkeypatch):
    client: Any = chromadb.HttpClient("127.0.0.1", server.port)
    name = f"theirs-{uuid.uuid4().hex}"
    collection = client.create_collection(name, embedding_function=None)
    collection.add(ids=["a", "b"], documents=["a text", "b"], embeddings=[embed("a text"), embed("b")])
    close_client(client)
    (tmp_path / "config.yaml").write_text(json.dumps(mapping(chroma={"path": str(tmp_path / "ours")})))
    monkeypatch.setenv("TEAM", "search")
    place = (f"http://127.0.0.1:{server.port}", name, "-c", str(tmp_path / "config.yaml"))
    done = CliRunner().invoke(app, ["import-from", "chroma", *place, "--header", "X-Team=TEAM"])
    assert (done.exit_code, done.stdout) == (0, "imported 2 chunks, verified\n"), done.stderr
    refused = CliRunner().invoke(app, ["import-from", "chroma", "http://127.0.0.1:9", name, *place[2:]])
    assert (refused.exit_code, "127.0.0.1:9" in refused.stderr) == (4, True)


async def test_embedding_anew_is_refused(make):
    store = await make()
    with pytest.raises(InvalidQueryError, match="Chroma server"):
        await reembed(store, lambda texts: [[1.0] * 8] * len(texts), "test", "other", 8)


async def test_a_server_that_is_gone_and_comes_back():
    with chroma_server() as server:
        store = create_backend(StoreConfig.from_dict(mapping(chroma=server.place)))
        await store.initialize()
        await fill(store, *ANIMALS)
        await ids(store, "bear")
        server.kill()
        for call in (lambda: ids(store, "bear"), lambda: fill(store, ("e", "x")), store.get_count):
            with pytest.raises(ConnectionFailed, match="cannot be reached"):
                await call()
        health = await store.health()
        assert not health.ok
        server.start()
        assert await ids(store, "bear") == ["c", "a"]
        await store.close()
        server.kill()
        with pytest.raises(ConnectionFailed, match=rf"127\.0\.0\.1:{server.port} \(storage\.chroma\.host\)"):
            await store.initialize()


async def test_headers_are_sent_and_stay_hidden():
    """A small server in the middle sees what is sent."""
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    headers = {"Authorization": "secret://env/CHROMA_TOKEN", "X-Team": "search"}
    whole = mapping(chroma={"host": "127.0.0.1", "port": port, "headers": headers})
    config = StoreConfig.from_dict(whole, {"CHROMA_TOKEN": "Bearer abc123"})
    assert "abc123" not in repr(config)
    with pytest.raises(ConnectionFailed) as caught:
        await create_backend(config).initialize()
    assert "abc123" not in caught.value.message
    assert "authorization: bearer abc123" in seen[0].lower()
    assert "x-team: search" in seen[0].lower()
    listening.close()


@pytest.mark.parametrize(
    ("chroma", "message"),
    [
        ({"host": "http://db:8000"}, "storage.chroma.host"),
        ({"host": "db:8000"}, "storage.chroma.host"),
        ({"host": "db", "port": 0}, "storage.chroma.port"),
        ({"host": "db", "ssl": "yes"}, "storage.chroma.ssl"),
        ({"host": "db", "headers": ["a"]}, "storage.chroma.headers"),
        ({"host": "db", "headers": {"a b": "c"}}, "storage.chroma.headers"),
        ({"host": "db", "headers": {"a": "secret://env/NOT_THERE"}}, "NOT_THERE is not set"),
    ],
)
def test_wrong_settings_are_named(chroma, message):
    with pytest.raises(ConfigError, match=message):
        StoreConfig.from_dict(mapping(chroma=chroma))


_OPENS_AND_WRITES = """
    import asyncio, json, sys
    from agent_brain_store import open_store
    from agent_brain_store.chroma.client import require_packages
    from tests.support.stores import embed

    async def main(settings, number):
        require_packages()
        print("ready", flush=True)
        sys.stdin.readline()
        async with open_store(settings) as store:
            await store.upsert_documents([number], [embed("x", 8)], ["text"], [{}])

    asyncio.run(main(json.loads(sys.argv[1]), sys.argv[2]))
"""


def test_processes_that_open_an_emptied_store_at_once_make_it_anew_together(settings):
    with open_store_sync(settings) as store:
        store.reset()
    settings["embedding"]["dimensions"] = 8
    openers = [started(_OPENS_AND_WRITES, json.dumps(settings), f"{number}") for number in range(4)]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    said = [opener.communicate("go\n", timeout=60)[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 4, said
    with open_store_sync(settings) as store:
        assert store.get_count() == 4
