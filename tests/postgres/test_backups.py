"""Dumps, base backups and recovery to a moment, by the programs of the server, as docs/backup.md describes them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store import StorageBackend, open_store
from tests.support.clusters import Cluster
from tests.support.postgres import config, connect
from tests.support.servers import psql_directory, psql_environment
from tests.support.stores import ANIMALS, embed, fill, ids

pytestmark = pytest.mark.postgres


@pytest.fixture
def place(server: Any) -> Iterator[Path]:
    """Make a directory that the server's user can reach. Servers in it are stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="abs-backup-") as directory:
        Path(directory).chmod(0o777)
        yield Path(directory)
        for made in Path(directory).glob("*/data/postmaster.pid"):
            with suppress(AssertionError):
                Cluster(made.parents[1]).stop()


def run(program: str, database: dict[str, Any], *arguments: str, newest: bool = True) -> None:
    command = [str(psql_directory(newest) / program), *arguments]
    done = subprocess.run(command, env=psql_environment(database), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def filled(store: StorageBackend) -> str:
    """Fill a store, and return its digest."""
    await fill(store, *ANIMALS)
    await store.set_embedding_metadata("test", "hashed", 16)
    return (await store.verify()).digest


async def assert_restored(postgres: dict[str, Any], digest: str, chunks: int = 4) -> None:
    """A store works, nothing of it is damaged, and it has the chunks of a digest."""
    async with open_store(config(postgres)) as store:
        report = await store.verify()
        assert (report.damages, report.digest, report.chunks) == ((), digest, chunks)
        assert await ids(store, "growling bear", 1) == ["a"]
        assert [hit.chunk_id for hit in await store.vector_search(embed(ANIMALS[1][1]), 1)] == ["b"]
        assert (await store.health()).degraded == ()
        await fill(store, ("new", "a chunk of its own"))
        assert await store.get_count() == chunks + 1


@pytest.mark.parametrize("whole", [True, False], ids=["database", "schema"])
async def test_a_dump_is_restored_into_another_database(opened, database, server, tmp_path, whole):
    digest = await filled(await opened(database))
    only = [] if whole else ["--schema=agent_brain"]
    run("pg_dump", database, "--format=custom", f"--file={tmp_path / 'store.dump'}", *only)
    with server.janitor("abs_restored"):
        restored = server.postgres("abs_restored")
        if not whole:
            plain = await connect(restored)
            await plain.execute("create extension vector")
            await plain.close()
        run("pg_restore", restored, "--dbname=abs_restored", "--exit-on-error", str(tmp_path / "store.dump"))
        await assert_restored(restored, digest)


async def test_a_dump_of_postgresql_16_is_restored_on_18(place, tmp_path):
    old, new = Cluster(place / "old", programs=psql_directory(newest=False)), Cluster(place / "new")
    old.make()
    new.make()
    async with open_store(config(old.location)) as store:
        assert (await store.health()).details["server_version"].startswith("16.")
        digest = await filled(store)
    run("pg_dump", old.location, "--format=custom", f"--file={tmp_path / 'store.dump'}")
    run("pg_restore", new.location, "--dbname=postgres", "--exit-on-error", str(tmp_path / "store.dump"))
    async with open_store(config(new.location)) as store:
        assert "their terms are out of date" in (await store.health()).degraded[0]  # 18 has other stems
        await store.rederive_terms()
    await assert_restored(new.location, digest)


async def test_a_base_backup_is_a_server_with_the_store(place):
    one, copy = Cluster(place / "one"), Cluster(place / "copy")
    one.make()
    async with open_store(config(one.location)) as store:
        digest = await filled(store)
    copy.back_up(one)
    async with open_store(config(one.location)) as store:
        await store.delete_by_ids(["a", "b"])
    copy.start()
    await assert_restored(copy.location, digest)


async def test_a_server_is_recovered_to_the_moment_before_a_mistake(place):
    archive = place / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    one, copy = Cluster(place / "one"), Cluster(place / "copy")
    one.make(archive_mode="on", archive_command=f"cp %p {archive}/%f")
    async with open_store(config(one.location)) as store:
        copy.back_up(one)
        digest = await filled(store)
        plain = await connect(one.location)
        moment = await plain.fetchval("select clock_timestamp()::text")
        await store.reset()
        await plain.execute("select pg_switch_wal()")
        await plain.close()
    one.stop(mode="fast")
    copy.recover(restore_command=f"cp {archive}/%f %p", recovery_target_time=moment, recovery_target_action="promote")
    await assert_restored(copy.location, digest)
