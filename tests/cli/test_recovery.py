"""Somebody who knows nothing but ``doctor`` breaks a store in five ways, and gets it back by doing what it says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from click.testing import CliRunner, Result

from tests.support.clusters import Cluster
from tests.support.commands import PROGRAM, Run, many_lines
from tests.support.pages import ROOT, clean_environment
from tests.support.postgres import connect, until
from tests.support.servers import psql_directory, run_psql

pytestmark = pytest.mark.postgres

_SETTINGS = re.compile(r"([a-z_]+)\.([a-z_]+) to ([\w./-]+\w)")


@pytest.fixture
def shared_memory() -> str:
    """Leave /dev/shm as it is. A test that fills it gives the server one of its own."""
    return ""


@pytest.fixture
def cluster(shared_memory: str) -> Iterator[Cluster]:
    """Run a server that may be killed."""
    with tempfile.TemporaryDirectory(prefix="abs-recovery-") as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "one", shared_memory)
        cluster.make()
        run_psql(cluster.location, "-c", "create role app login", "-c", "grant create on database postgres to app")
        run_psql(cluster.location, "-c", "create extension vector")
        yield cluster
        with suppress(AssertionError):
            cluster.stop()


@pytest.fixture
def place(cluster: Cluster) -> dict[str, Any]:
    """Keep the store on that server."""
    return {"backend": "postgres", "postgres": cluster.location}


@pytest.fixture
def loaded(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Load some chunks, with a psql that the commands of the doctor find."""
    monkeypatch.setenv("PATH", str(psql_directory()), prepend=":")
    assert run("load", "-", stdin=many_lines(300)).exit_code == 0
    assert diagnosis(run) == []
    return run


def diagnosis(run: Run) -> list[dict[str, str]]:
    """Return what the doctor finds, but for what is only good to know."""
    found: list[dict[str, str]] = json.loads(run("doctor", "--json").stdout)["findings"]
    return [finding for finding in found if finding["level"] != "note"]


def do_what_it_says(run: Run, config: Path, cluster: Cluster) -> list[str]:
    """Do what each finding says until there is none. Returns what was done."""
    done: list[str] = []
    while found := diagnosis(run):
        mend = found[0]["mend"]
        assert mend not in done, "what was said did not help"
        done.append(mend)
        if mend.startswith("agent-brain-store "):
            result = run(*shlex.split(mend)[1:])
            assert result.exit_code == 0, result.output
        elif mend.startswith("Set "):
            whole = yaml.safe_load(config.read_text())
            for section, key, value in _SETTINGS.findall(mend):
                whole[section][key] = value
            config.write_text(yaml.safe_dump(whole))
        elif mend.startswith("Free room in /dev/shm"):
            assert cluster.beside("rm", "/dev/shm/full").returncode == 0
        else:
            assert mend.startswith("Start the server")
            cluster.start()
    return done


def searched(run: Run) -> list[str]:
    """Return the chunks that a search finds."""
    return [hit["id"] for hit in json.loads(run("search", "00007", "--json").stdout)]


def test_a_dropped_index_comes_back(loaded: Run, config_file: Path, cluster: Cluster) -> None:
    run_psql(cluster.location, "-c", "drop index chunks_embedding_ann", "-c", "drop index chunks_tsv_gin")
    assert do_what_it_says(loaded, config_file, cluster) == ["agent-brain-store migrate"]
    assert searched(loaded) == ["00007"]


def test_an_index_whose_build_has_failed_comes_back(loaded: Run, config_file: Path, cluster: Cluster) -> None:
    asyncio.run(failed_build(cluster))
    assert diagnosis(loaded)[0]["what"] == "an index is invalid"
    do_what_it_says(loaded, config_file, cluster)
    assert searched(loaded) == ["00007"]


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


@pytest.fixture
def beside(run: Run, cluster: Cluster, config_file: Path) -> Run:
    """Run the doctor where the server's own /dev/shm is, as in its container, and every other command in this process."""
    variables = clean_environment(AGENT_BRAIN_CONFIG=str(config_file), PYTHONPATH=str(ROOT))

    def invoke(*arguments: object, stdin: str | None = None) -> Result:
        if arguments[0] != "doctor":
            return run(*arguments, stdin=stdin)
        done = cluster.beside(*PROGRAM, *map(str, arguments), env=variables)
        out, err = done.stdout.encode(), done.stderr.encode()
        return Result(CliRunner(), out, err, out + err, None, done.returncode, None)

    return invoke


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("shared_memory", ["24m"])
def test_a_full_dev_shm_is_found_and_freed(beside: Run, config_file: Path, cluster: Cluster) -> None:
    assert beside("load", "-", stdin=many_lines(300)).exit_code == 0
    assert diagnosis(beside) == []
    assert "No space left" in cluster.beside("sh", "-c", "cat /dev/zero > /dev/shm/full").stderr
    asyncio.run(refused_build(cluster))
    found = {finding["what"] for finding in diagnosis(beside)}
    assert found >= {"an index is invalid", "the next build of the vector index may fail"}
    first, second = do_what_it_says(beside, config_file, cluster)
    assert first == "agent-brain-store migrate"
    assert second.startswith("Free room in /dev/shm")
    assert searched(beside) == ["00007"]


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


def test_a_right_that_was_revoked_comes_back(loaded: Run, config_file: Path, cluster: Cluster) -> None:
    run_psql(cluster.location, "-c", "grant usage on schema agent_brain to app")
    run_psql(cluster.location, "-c", "grant all on all tables in schema agent_brain to app")
    whole = yaml.safe_load(config_file.read_text())
    whole["storage"]["postgres"]["user"] = "app"
    config_file.write_text(yaml.safe_dump(whole))
    assert diagnosis(loaded) == []
    run_psql(cluster.location, "-c", "revoke select, insert on chunks from app")
    assert loaded("search", "00007").exit_code == 3
    (first, *_) = do_what_it_says(loaded, config_file, cluster)
    assert first.startswith('agent-brain-store psql -U postgres -c "grant ')
    assert searched(loaded) == ["00007"]


def test_a_model_that_was_changed_is_set_back(loaded: Run, config_file: Path, cluster: Cluster) -> None:
    whole = yaml.safe_load(config_file.read_text())
    whole["embedding"]["model"] = "other"
    config_file.write_text(yaml.safe_dump(whole))
    assert loaded("search", "00007").exit_code == 3
    done = do_what_it_says(loaded, config_file, cluster)
    assert done == ["Set embedding.provider to test and embedding.model to hashed."]
    assert searched(loaded) == ["00007"]


def test_a_server_that_was_killed_comes_back(loaded: Run, config_file: Path, cluster: Cluster) -> None:
    cluster.stop()
    assert loaded("search", "00007").exit_code == 4
    assert len(do_what_it_says(loaded, config_file, cluster)) == 1
    assert searched(loaded) == ["00007"]
