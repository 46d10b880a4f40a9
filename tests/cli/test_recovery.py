"""Somebody who has the wheel alone breaks a store in five ways, and gets it back by doing what ``doctor`` says.

The wheel is unpacked away from the checkout. Every command is typed into a shell, in a folder of the user's own. A command
that the doctor names is typed as it stands. Where it says a sentence, the test does what a person would do.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from tests.support.clusters import Cluster
from tests.support.commands import many_lines
from tests.support.disks import BESIDE_MEMORY
from tests.support.pages import clean_environment
from tests.support.postgres import connect, until
from tests.support.stores import DIMENSIONS
from tests.support.wheels import build_wheel, unpack

pytestmark = pytest.mark.postgres

_IS_ROOT = os.geteuid() == 0
_SETTINGS = re.compile(r"\w+\.([a-z_]+) to ([\w./-]+\w)")
_LARGEST = re.compile(r"the largest file there is (\S+), with")
_INIT = "agent-brain-store init --backend postgres --provider test --model hashed --dimensions {} --host {} {}"


class Home(NamedTuple):
    """The folder of a user on the machine of a server."""

    folder: Path
    cluster: Cluster
    environment: dict[str, str]

    @property
    def configuration(self) -> Path:
        return self.folder / "agent-brain-store.yaml"

    def typed(self, command: str) -> subprocess.CompletedProcess[str]:
        """Type a command into a shell. It sees the /dev/shm of the server, if that has one of its own and is running."""
        line = ["sh", "-c", f"cd {shlex.quote(str(self.folder))} && {command}"]
        if _IS_ROOT and self.cluster.is_running():
            return self.cluster.beside(*line, env=self.environment)
        return subprocess.run(line, env=self.environment, capture_output=True, text=True, check=False)

    def done(self, command: str) -> str:
        """Type a command that has to end well. Returns what it printed."""
        done = self.typed(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def configure(self, **values: str) -> None:
        """Change values in the configuration, as one does in an editor."""
        text = self.configuration.read_text(encoding="utf-8")
        for key, value in values.items():
            text, times = re.subn(rf"^( +{key}): \S+", rf"\1: {value}", text, flags=re.MULTILINE)
            assert times == 1, key
        self.configuration.write_text(text, encoding="utf-8")

    def diagnosis(self) -> list[dict[str, str]]:
        """Return what the doctor finds, but for what is only good to know."""
        found: list[dict[str, str]] = json.loads(self.typed("agent-brain-store doctor --json").stdout)["findings"]
        return [finding for finding in found if finding["level"] != "note"]

    def searched(self) -> list[str]:
        """Return the chunks that a search finds."""
        return [hit["id"] for hit in json.loads(self.done("agent-brain-store search 00007 --json"))]

    def do_what_it_says(self) -> list[str]:
        """Do what the doctor says until it finds nothing more. Returns what was done."""
        done: list[str] = []
        while found := self.diagnosis():
            mend, evidence = found[0]["mend"], found[0]["evidence"]
            assert mend not in done, "what was said did not help"
            done.append(mend)
            if mend.startswith("agent-brain-store "):
                self.done(mend)
            elif mend.startswith("Set "):
                self.configure(**dict(_SETTINGS.findall(mend)))
            elif mend.startswith("Free room in /dev/shm") and (largest := _LARGEST.search(evidence)):
                self.done(f"rm {largest[1]}")
            else:
                assert mend.startswith("Start the server"), found[0]
                self.cluster.start()
        return done


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Install the wheel, load a file and search, on a server that may be killed."""
    with tempfile.TemporaryDirectory(prefix="abs-recovery-", dir=BESIDE_MEMORY) as directory:
        Path(directory).chmod(0o755)
        program = unpack(build_wheel(tmp_path_factory.mktemp("wheel")), Path(directory) / "installed")
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        cluster = Cluster(Path(directory) / "one", "24m" if _IS_ROOT else "")
        cluster.make()
        home = Home(Path(directory), cluster, clean_environment(PATH=path, POSTGRES_PASSWORD="unused"))
        (home.folder / "chunks.jsonl").write_text(many_lines(300), encoding="utf-8")
        home.done(_INIT.format(DIMENSIONS, cluster.directory, "--user postgres --database postgres"))
        home.done("agent-brain-store load chunks.jsonl")
        assert home.searched() == ["00007"]
        assert home.diagnosis() == []
        yield home
        with suppress(AssertionError):
            cluster.stop()


def test_a_dropped_index_comes_back(home: Home) -> None:
    home.done('agent-brain-store psql -c "drop index chunks_embedding_ann, chunks_tsv_gin"')
    assert home.do_what_it_says() == ["agent-brain-store migrate"]
    assert home.searched() == ["00007"]


def test_an_index_whose_build_has_failed_comes_back(home: Home) -> None:
    asyncio.run(failed_build(home.cluster))
    assert home.diagnosis()[0]["what"] == "an index is invalid"
    assert home.do_what_it_says() == ["agent-brain-store migrate"]
    assert home.searched() == ["00007"]


async def failed_build(cluster: Cluster) -> None:
    """Build the index of terms anew, and end that while it waits for an older transaction."""
    holder, builder = await connect(cluster.location), await connect(cluster.location)
    await builder.execute("drop index chunks_tsv_gin")
    await holder.execute("begin; update chunks set text = text where chunk_id = '00001'")
    building = asyncio.create_task(
        builder.execute("create index concurrently chunks_tsv_gin on chunks using gin (tsv)", timeout=60)
    )
    invalid = "select not indisvalid from pg_index where indexrelid = to_regclass('chunks_tsv_gin')"
    look = await connect(cluster.location)
    await until(look, invalid)
    await look.execute("select pg_terminate_backend($1)", builder.get_server_pid())
    with pytest.raises((asyncpg.PostgresError, ConnectionError)):
        await building
    await holder.execute("rollback")
    for connection in (holder, look):
        await connection.close()


@pytest.mark.skipif(not _IS_ROOT, reason="only root may mount")
def test_a_full_dev_shm_is_found_and_freed(home: Home) -> None:
    assert "No space left" in home.typed("cat /dev/zero > /dev/shm/full").stderr
    asyncio.run(refused_build(home.cluster))
    found = {finding["what"] for finding in home.diagnosis()}
    assert found >= {"an index is invalid", "the next build of the vector index may fail"}
    first, second = home.do_what_it_says()
    assert first == "agent-brain-store migrate"
    assert second.startswith("Free room in /dev/shm")
    assert home.searched() == ["00007"]


async def refused_build(cluster: Cluster) -> None:
    """Build the vector index as one does in psql, with workers, which need shared memory."""
    connection = await connect(cluster.location)
    await connection.execute("drop index chunks_embedding_ann")
    await connection.execute("set min_parallel_table_scan_size = 0; set max_parallel_maintenance_workers = 2")
    with pytest.raises(asyncpg.DiskFullError, match="shared memory"):
        await connection.execute(
            "create index concurrently chunks_embedding_ann on chunks using hnsw (embedding vector_cosine_ops)"
        )
    await connection.close()


def test_a_right_that_was_revoked_comes_back(home: Home) -> None:
    rights = "grant usage on schema agent_brain to app; grant all on all tables in schema agent_brain to app"
    home.done(f'agent-brain-store psql -c "create role app login; {rights}"')
    home.configure(user="app")
    assert home.diagnosis() == []
    home.done('agent-brain-store psql -U postgres -c "revoke select, insert on chunks from app"')
    assert home.typed("agent-brain-store search 00007").returncode == 3
    (first, *_) = home.do_what_it_says()
    assert first.startswith('agent-brain-store psql -U postgres -c "grant ')
    assert home.searched() == ["00007"]
    home.configure(user="postgres")


def test_a_model_that_was_changed_is_set_back(home: Home) -> None:
    home.configure(model="other")
    assert home.typed("agent-brain-store search 00007").returncode == 3
    assert home.do_what_it_says() == ["Set embedding.provider to test and embedding.model to hashed."]
    assert home.searched() == ["00007"]


def test_a_server_that_was_killed_comes_back(home: Home) -> None:
    home.cluster.kill()
    assert home.typed("agent-brain-store search 00007").returncode == 4
    assert len(home.do_what_it_says()) == 1
    assert home.searched() == ["00007"]
