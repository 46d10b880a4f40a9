"""A store that is spread over a cluster. The tests of the contract run there too; these are about the nodes and shards.

One test takes a node away from the coordinator, so nothing else may use the cluster meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent_brain_store import NodeFailed, SchemaError, StorageBackend, create_backend, distribute_store, open_store
from agent_brain_store.cli.app import app
from tests.support.citus import SHARDS, ask
from tests.support.postgres import config
from tests.support.stores import embed, fill, ids, made_up, mapping

pytestmark = pytest.mark.citus

QUESTION = "alpha beta"
CHUNKS = 6000  # enough for the planner to prefer an index on each shard


@pytest.fixture
async def cluster(database) -> Any:
    """Open a store with some thousand chunks on the cluster, and yield it with its schema."""
    async with open_store(config(database)) as store:
        names, vectors, _, metadatas = made_up(CHUNKS)
        texts = [f"{'alpha' if i % 2 else 'gamma'} {'beta' if i % 3 else 'delta'} word{i}" for i in range(CHUNKS)]
        await store.upsert_documents(names, vectors, texts, metadatas)
        yield store, database["schema"]


# --- where the work is done ------------------------------------------------------------------------------------------


async def test_a_new_store_has_its_chunks_in_shards_on_every_worker(cluster):
    _, schema = cluster
    with ask() as connection:
        counts = connection.execute(
            "select nodeport, nodename, result::int from run_command_on_placements(%s, 'select count(*) from %%s')",
            [f"{schema}.chunks"],
        ).fetchall()
    assert len(counts) == SHARDS
    assert sum(count for *_, count in counts) == CHUNKS
    assert all(count > 300 for *_, count in counts)
    assert len({(name, port) for port, name, _ in counts}) > 1, "all shards are on one node"


async def test_each_shard_uses_its_own_indexes(cluster):
    store, schema = cluster
    before = scans(schema)
    for _ in range(3):
        await store.vector_search(embed("x"), 5)
        await store.keyword_search("word17 word400 word93 word1800 word601", 5)
    after = scans(schema)
    for index in ("chunks_embedding_ann", "chunks_tsv_gin"):
        used = [after[shard][index] - before[shard][index] for shard in before]
        assert len(used) == SHARDS
        assert min(used) >= 1, f"{index} was scanned {used} times"
    assert all(after[shard]["every row"] == before[shard]["every row"] for shard in before), (
        "a shard was read as a whole"
    )


def scans(schema: str) -> dict[int, dict[str, int]]:
    """Return how often each index of each shard was scanned, as far as the node knows yet, and the shard read as a whole."""
    command = """
        select jsonb_object_agg(name, scans) from (
          select regexp_replace(indexrelname, '_\\d+$', '') as name, pg_stat_get_numscans(indexrelid) as scans
          from pg_stat_user_indexes where relid = '%1$s'::regclass
          union all select 'every row', pg_stat_get_numscans('%1$s'::regclass)) s"""
    with ask() as connection:
        connection.execute("select pg_sleep(11)")  # an idle session reports after ten seconds
        rows = connection.execute(
            "select shardid, success, result::jsonb from run_command_on_placements(%s, %s)",
            [f"{schema}.chunks", command],
        ).fetchall()
    assert all(success for _, success, _ in rows)
    return {shard: result for shard, _, result in rows}


@pytest.mark.parametrize("k", [3, 10])
async def test_no_shard_sends_more_rows_than_were_asked_for(cluster, k):
    _, schema = cluster
    vector = str(embed("x"))
    plan_of_question = f"(select to_jsonb(p)::text from plan_query('{QUESTION}', 750) p)"
    gathered = {
        "nearest_on": f"nearest_on(p.shard, '{vector}'::public.vector, {k}, '', '', 100, 10)",
        "ranking_on": f"ranking_on(p.shard, {plan_of_question}, {k}, '', '', 0, null)",
    }
    with ask() as connection:
        connection.execute(f'set search_path = "{schema}", public')
        connection.execute("set citus.explain_all_tasks = on")
        for name, call in gathered.items():
            rows = connection.execute(
                f"explain (analyze, costs off, timing off, summary off) select f.* from parts p cross join lateral {call} f"
            ).fetchall()
            plan = "\n".join(row[0] for row in rows)
            assert f"Task Count: {SHARDS}" in plan
            sent = [float(n) for n in re.findall(rf"Function Scan on {name}.*rows=([\d.]+)", plan)]
            assert len(sent) == SHARDS, plan
            assert all(rows == k for rows in sent), f"{name} sends {sent} rows"


# --- the same answers ------------------------------------------------------------------------------------------------


async def test_a_store_is_converted_and_answers_as_before(database):
    on_one_node = config({**database, "distributed": "none"})
    names, vectors, _, _ = made_up(1500)
    texts = [f"word{i % 7} other{i % 11} name{i}" for i in range(1500)]
    async with open_store(on_one_node) as store:
        await store.upsert_documents(names, vectors, texts, [{"n": i} for i in range(1500)])
        before = await answers(store, vectors[3])
    with pytest.raises(SchemaError, match="distribute_store"):
        await create_backend(config(database)).initialize()
    steps: list[Any] = []
    converted = await distribute_store(config(database), steps.append)
    assert (converted.chunks, converted.shards) == (1500, SHARDS)
    assert [(step.done, step.total) for step in steps if step.operation == "distributing the chunks"] == [
        (0, 1500),
        (1500, 1500),
    ]
    async with open_store(config(database)) as store:
        assert await answers(store, vectors[3]) == before
        assert (await store.health()).details["missing_indexes"] == []
        assert await store.delete_by_ids(names[:10]) == 10
        assert await store.get_count() == 1490
    assert await distribute_store(config(database)) != converted, "ten chunks are gone"


async def answers(store: StorageBackend, vector: Any) -> list[Any]:
    """Return what a store answers: the nearest, the best by words, and counts."""
    nearest = [
        (hit.chunk_id, round(hit.score, 6)) for hit in await store.vector_search(vector, 5, where={"n": {"$lt": 40}})
    ]
    words = [(hit.chunk_id, round(hit.score, 9)) for hit in await store.keyword_search("name77 name900", 5)]
    return [nearest, words, await store.get_count(), await store.get_count({"n": {"$gte": 1000}})]


async def test_a_move_of_a_shard_changes_no_answer_and_no_count(cluster):
    store, schema = cluster
    before = await ids(store, "word17 word400", 5)
    with ask() as connection:
        shard, node, port = connection.execute(
            "select shardid, nodename, nodeport from citus_shards where table_name = %s::regclass order by 1 limit 1",
            [f"{schema}.chunks"],
        ).fetchone() or (0, "", 0)
        other, other_port = connection.execute(
            "select node_name, node_port from citus_get_active_worker_nodes() where (node_name, node_port) <> (%s, %s)",
            [node, port],
        ).fetchone() or ("", 0)
        connection.execute(
            "select citus_move_shard_placement(%s, %s, %s, %s, %s, 'auto')",
            [shard, node, port, other, other_port],
        )
    assert await ids(store, "word17 word400", 5) == before
    await fill(store, ("new", "a new chunk"))
    assert await store.get_count() == CHUNKS + 1
    assert await ids(store, "new chunk") == ["new"]


# --- its upkeep ------------------------------------------------------------------------------------------------------


async def test_every_index_can_be_rebuilt(cluster):
    store, _ = cluster
    before = await ids(store, "word17 word400", 5)
    assert (await store.reindex()).rebuilt
    assert await ids(store, "word17 word400", 5) == before
    assert (await store.health()).ok


def test_the_command_line_knows_the_functions_of_a_cluster(database, tmp_path):
    """A script for psql has the functions of a store on one node, which a cluster refuses."""
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(mapping(backend="postgres", postgres=database)))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(path)])

    assert run("migrate").exit_code == 0
    assert json.loads(run("status", "--json").stdout)["state"] == "ready"
    assert "nothing to run" in run("migrate", "--sql").stdout
    with ask() as connection:
        connection.execute(f"delete from {database['schema']}.schema_functions where name = 'quoted'")
    assert "functions differ" in json.loads(run("status", "--json").stdout)["state"]
    refused = run("migrate", "--sql")
    assert refused.exit_code
    assert "say migrate alone" in refused.stderr
    assert run("migrate").exit_code == 0
    assert json.loads(run("status", "--json").stdout)["state"] == "ready"


def test_the_doctor_looks_at_a_store_on_a_cluster(database, tmp_path):
    """Every check can be made. What it finds of the server is the cluster's own affair."""
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(mapping(backend="postgres", postgres=database)))
    asyncio.run(_fill_a_little(database))
    told = CliRunner().invoke(app, ["doctor", "--json", "--config", str(path)])
    findings = json.loads(told.stdout)["findings"]
    assert [finding for finding in findings if "could not be looked at" in finding["what"]] == []
    assert told.exit_code == 0, findings


async def _fill_a_little(database: Any) -> None:
    async with open_store(config(database)) as store:
        await fill(store, *[(f"a{i}", f"text {i}") for i in range(100)])


# --- a dead node -----------------------------------------------------------------------------------------------------


async def test_a_dead_node_is_named(cluster):
    store, _ = cluster
    names = [f"{i:05}" for i in range(CHUNKS)]
    with dead_node() as node:
        with pytest.raises(NodeFailed, match=re.escape(node)) as failed:
            await store.vector_search(embed("x"), 5)
        assert failed.value.node == node
        with pytest.raises(NodeFailed):
            await fill(store, *[(f"more{i}", "text") for i in range(50)])
        readable = 0
        for name in names[:20]:
            with suppress(NodeFailed):
                readable += await store.get_by_id(name) is not None
        assert 0 < readable < 20, "chunks on other nodes can be read"
        health = await store.health()
        details = health.details
        assert details["missing_shards"]
        assert health.degraded == (f"searches fail, because {len(details['missing_shards'])} shards do not answer",)
        assert all(shard.endswith(f" on {node}") for shard in details["missing_shards"])
        assert 0 < details["chunks"] < CHUNKS
    assert len(await store.vector_search(embed("x"), 5)) == 5
    assert await store.get_count() == CHUNKS
    health = await store.health()
    assert (health.details["missing_shards"], health.degraded) == ([], ())


@contextmanager
def dead_node() -> Iterator[str]:
    """Let the coordinator look for a worker where nobody listens."""
    with ask() as connection:
        node, name, port = connection.execute(
            "select nodeid, nodename, nodeport from pg_dist_node where noderole = 'primary' and groupid > 0 order by 1 limit 1"
        ).fetchone() or (0, "", 0)
        connection.execute("update pg_dist_node set nodeport = 1 where nodeid = %s", [node])
        try:
            yield f"{name}:1"
        finally:
            connection.execute("update pg_dist_node set nodeport = %s where nodeid = %s", [port, node])
