"""The benchmarks run, and compute the figures of the documentation correctly."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import psutil
import pytest
from rich.console import Console

from benchmarks import (
    by_hand,
    callers,
    cluster,
    corpus,
    equal_vectors,
    ingest,
    judged,
    measuring,
    operations,
    overview,
    precision,
    recall,
    retrieval,
    scale,
    selectivity,
    sizes,
    speed,
)
from benchmarks.judged import ndcg
from benchmarks.judged import recall as recall_of
from benchmarks.peers import table
from tests.support.stores import embed


def test_ndcg_and_recall_follow_their_formulas():
    relevant = {"a": 2, "b": 1, "c": 1}
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["x", "b", "a"], relevant) == pytest.approx((1 / math.log2(3) + 2 / math.log2(4)) / ideal)
    assert ndcg(["a", "b", "c", "x"], relevant) == ndcg(["a", "c", "b"], relevant) == pytest.approx(1)
    assert ndcg(["x"] * 10 + ["a"], relevant) == ndcg([], relevant) == 0
    assert recall_of(["x", "b", "a"], relevant, 2) == pytest.approx(1 / 3)
    assert recall_of(["x", "b", "a"], relevant, 3) == pytest.approx(2 / 3)


def write_collection(folder: Path, with_vectors: bool) -> None:
    """Write twenty documents, each with a word of its own, and five questions. The words of one question are nowhere."""
    folder.mkdir()
    texts = [f"passage about topic{i}" for i in range(20)]
    asked = [f"topic{i}" for i in range(4)] + ["elsewhere"]
    for name, lines in (
        ("corpus", [{"id": str(i), "title": "", "text": text} for i, text in enumerate(texts)]),
        ("queries", [{"id": f"q{i}", "text": text} for i, text in enumerate(asked)]),
    ):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    judgements = [f"q{i}\t{i}\t1" for i in range(5)]
    (folder / "qrels.tsv").write_text("\n".join(["query\tdocument\tgrade", *judgements]))
    if with_vectors:
        np.save(folder / "docs.npy", np.array([embed(text) for text in texts], np.float16))
        np.save(folder / "queries.npy", np.array([embed(text) for text in [*asked[:4], texts[4]]], np.float16))


def use_server(monkeypatch: pytest.MonkeyPatch, database: dict[str, Any]) -> None:
    login = ":".join(quote(database[key], safe="") for key in ("user", "password") if key in database)
    place = urlencode({"host": database["host"], "port": database.get("port", 5432)})
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{login}@/{database['database']}?{place}")


@pytest.mark.postgres
async def test_retrieval_is_measured_on_any_folder_in_the_format(database, tmp_path, monkeypatch, capsys):
    write_collection(tmp_path / "with", True)
    write_collection(tmp_path / "without", False)
    use_server(monkeypatch, database)
    monkeypatch.setattr(sys, "argv", ["retrieval", str(tmp_path)])
    await retrieval.main()
    shown = capsys.readouterr().out
    first, second = shown.split("without: ", 1)
    assert "with: 20 documents, 5 judged questions" in first
    for backend in ("PostgreSQL", "Chroma"):
        # Four of five questions find their document by its word, and the vector of the fifth is that document's own.
        assert re.search(rf"keyword +│ {backend} +│ +0.8000 │ +0.8000 │ +0.8000", first)
        assert re.search(rf"vector +│ {backend} +│ +\d.\d+ │ +1.0000 │ +1.0000", first)
        assert re.search(rf"keyword +│ {backend} +│ +0.8000 │ +0.8000 │ +0.8000", second)
    assert re.search(r"keyword, exact +│ PostgreSQL +│ +0.8000", first)
    assert "only keyword search can be measured" in second
    assert "hybrid" not in second


@pytest.mark.citus
async def test_a_cluster_is_compared_with_one_node(database, tmp_path, monkeypatch, capsys):
    write_collection(tmp_path / "small", True)
    use_server(monkeypatch, database)
    monkeypatch.setenv("SHARDS", "2")
    monkeypatch.setattr(sys, "argv", ["cluster", str(tmp_path), "small"])
    await cluster.main()
    shown = capsys.readouterr().out
    assert re.search(r"keyword, top 10 only +│ +0.8000 │ +0.8000 │ +1.000", shown)
    assert re.search(r"vector +│ +(\d.\d+) │ +\1 │ +1.000", shown)


async def test_retrieval_without_collections_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["retrieval", str(tmp_path)])
    with pytest.raises(SystemExit, match="no judged collections: make bench-retrieval COLLECTIONS=folder"):
        await retrieval.main()


@pytest.mark.postgres
async def test_recall_beside_equal_vectors_is_measured_on_both_backends(database, tmp_path, monkeypatch, capsys):
    use_server(monkeypatch, database)
    monkeypatch.setattr(equal_vectors, "CHUNKS", 40)
    monkeypatch.setattr(equal_vectors, "SHARES", (0.5,))
    await equal_vectors.equal_vectors(measuring.Bench(tmp_path, Console(width=100)))
    assert re.search(r"50% +│ +1.000, \d+.\d+ │ +1.000, \d+.\d+", capsys.readouterr().out)


@pytest.mark.postgres
@pytest.mark.slow
async def test_writing_is_measured_in_every_way(database, plain, tmp_path, monkeypatch, capsys):
    pytest.importorskip("sqlalchemy", reason="make bench installs SQLAlchemy, which one of the ways needs")
    use_server(monkeypatch, database)
    monkeypatch.setattr(speed, "CHUNKS", 20)
    monkeypatch.setattr(speed, "FIRST_LOAD", 40)
    bench = measuring.Bench(tmp_path, Console(width=100))
    await speed.upsert(bench)
    shown = capsys.readouterr().out
    for way in ("COPY and insert by hand", "upsert_documents", "bulk_load", "a row at a time", "unchanged again"):
        assert way in shown
    assert await plain.fetchval("select count(*) from pg_namespace where nspname like 'bench%'") == 0


@pytest.mark.postgres
async def test_the_statements_by_hand_write_what_the_library_writes(database, plain, tmp_path, monkeypatch):
    """These statements write into the library's tables, and must follow their changes."""
    use_server(monkeypatch, database)
    bench = measuring.Bench(tmp_path, Console(width=100))
    batch = measuring.made_up(30, 1)
    async with bench.store() as ours, bench.store() as copied:
        await ours.upsert_documents(*batch)
        await by_hand.copy_by_hand(copied, batch)
        stored = []
        for store in (ours, copied):
            async with by_hand.raw(store) as connection:
                stored.append(await connection.fetch("select * from chunks order by chunk_id"))
        assert [tuple(map(str, row)) for row in stored[0]] == [tuple(map(str, row)) for row in stored[1]]
        question = batch[2][7][:40]
        found = await by_hand.by_hand(ours, by_hand.ANY_WORD_TS_RANK, question)
        assert {row["chunk_id"] for row in found} <= {h.chunk_id for h in await ours.keyword_search(question, 100)}
    assert await plain.fetchval("select count(*) from pg_namespace where nspname like 'bench%'") == 0


@pytest.mark.postgres
@pytest.mark.slow
async def test_what_the_pictures_show_is_measured_and_recorded(database, plain, tmp_path, monkeypatch, capsys):
    use_server(monkeypatch, database)
    monkeypatch.setenv("RESULTS", str(tmp_path / "results"))
    for module, name, value in (
        (corpus, "CHUNKS", 60), (corpus, "QUESTIONS", 10), (operations, "ROUNDS", 10), (operations, "WRITES", 2),
        (judged, "COLLECTIONS", tmp_path), (recall, "COLLECTIONS", tmp_path), (recall, "CHUNKS", 100),
        (recall, "QUESTIONS", 5), (recall, "WIDTHS", (10, 100)), (sizes, "CHUNKS", 50), (sizes, "LENGTHS", (8, 64)),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    bench = measuring.Bench(tmp_path, Console(width=100))
    for measure in (operations.operations, recall.recall, sizes.sizes):
        await measure(bench)
    found = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "results").iterdir()}
    assert found.keys() == {"operations", "recall", "sizes"}
    assert set(found["operations"]["figures"]) == {
        "vector search", "keyword search", "hybrid search", "get 10 by id", "upsert of 100"
    }  # fmt: skip
    assert all(figure["bare"] > 0 and figure["ours"] > 0 for figure in found["operations"]["figures"].values())
    assert found["operations"]["figures"]["get 10 by id"]["pooled"] > 0
    assert all(found["operations"]["figures"][name]["recall"] == 1 for name in operations.SEARCHES), "so few are exact"
    recalls = {name: figure["recall"] for name, figure in found["recall"]["figures"].items()}
    assert recalls.keys() == {"PostgreSQL, ef_search 10", "PostgreSQL, ef_search 100", "Chroma"}
    assert recalls["PostgreSQL, ef_search 100"] == recalls["Chroma"] == 1, "so few chunks are found exactly"
    room = found["sizes"]["figures"]
    assert room["64"]["PostgreSQL"] > room["64"]["of it the vector index"] > 0
    assert room["64"]["Chroma"] > 64 * 4 / 1024
    assert "beside bare asyncpg" in capsys.readouterr().out
    assert await plain.fetchval("select count(*) from pg_namespace where nspname like 'bench%'") == 0


@pytest.mark.postgres
async def test_a_store_is_measured_while_it_grows(database, plain, tmp_path, monkeypatch, capsys):
    """Loading ends when it is late, and what is there by then is the last size."""
    use_server(monkeypatch, database)
    monkeypatch.setenv("RESULTS", str(tmp_path))
    for name, value in (
        ("SIZES", [200, 900, 1000]), ("BATCH", 100), ("LOADERS", 1), ("QUESTIONS", 5), ("WARMING", 1), ("AT_ONCE", 6),
        ("WRITES", 1), ("COUNTS", 2), ("DIMENSIONS", 16),
    ):  # fmt: skip
        monkeypatch.setattr(scale, name, value)
    monkeypatch.setattr(scale.Growing, "is_late", property(lambda growing: growing.chunks >= 400))
    await scale.scale(tmp_path, Console(width=120))
    result = json.loads((tmp_path / "scale.json").read_text())
    assert result["size"].startswith("200, 400 chunks of 16 dimensions; shared_buffers ")
    for size, found in result["figures"].items():
        assert found["load"]["chunks"] == 200, size
        assert found["recall@10"] == 1, "so few chunks are found exactly"
        room = found["bytes a chunk"]
        assert room.keys() >= {"table", "TOAST", "chunks_embedding_ann", "chunks_tsv_gin", "words"}
        for operation in ("vector", "keyword", "hybrid, 2 % match", "upsert of 200", "delete of a file", "count"):
            assert 0 < found[operation]["p50"] <= found[operation]["p95"] <= found[operation]["max"]
    assert "400 chunks of 16 dimensions" in capsys.readouterr().out
    assert await plain.fetchval("select count(*) from pg_namespace where nspname like 'bench%'") == 0


def test_processor_time_is_that_of_a_server_and_its_children():
    burns = (
        "import sys, time; print(1, flush=True)\nwhile time.process_time() < 0.3: pass\nprint(2, flush=True); input()"
    )
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burns!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", starts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        clock = scale.Clock(psutil.Process(server.pid))
        server.stdout.readline()
        before = clock.processor()
        server.stdout.readline()
        running = clock.processor()
        server.stdin.close()
        assert before is not None
        assert running is not None
        assert running - before > 0.2


@pytest.mark.postgres
async def test_the_precisions_of_the_index_are_compared(database, plain, tmp_path, monkeypatch, capsys):
    use_server(monkeypatch, database)
    monkeypatch.setenv("RESULTS", str(tmp_path))
    monkeypatch.setattr(precision, "QUESTIONS", 5)
    monkeypatch.setattr(sys, "argv", ["precision", "500", "32"])
    await precision.main()
    figures = json.loads((tmp_path / "precision-32.json").read_text())["figures"]
    assert figures.keys() == {"single", "half", "binary"}
    sizes = [figures[name]["bytes a chunk"] for name in ("single", "half", "binary")]
    assert sizes == sorted(sizes, reverse=True)
    for name in ("single", "half"):
        points = figures[name]["searches"]
        assert points["top 10, ef_search 200"]["recall"] > 0.95
        assert points["top 100, ef_search 400"]["recall"] == 1, "every chunk is looked at"
        assert all(0 < point["p50"] <= point["p95"] for point in points.values())
        assert figures[name]["build, s"] > 0
        assert figures[name][precision.BUILD_MEMORY] >= 0
    assert figures["half"]["recall@10 at equal time"] == figures["half"]["searches"]["top 10, ef_search 105"]["recall"]
    assert "500 chunks of 32 dimensions" in capsys.readouterr().out
    assert await plain.fetchval("select count(*) from pg_namespace where nspname like 'bench%'") == 0


async def test_the_peak_of_a_process_is_what_it_had_more_than_before():
    async with precision.peak_of(os.getpid()) as peak:
        block = b"x" * 50_000_000
        await asyncio.sleep(10 * precision.PAUSE)
        del block
        await asyncio.sleep(10 * precision.PAUSE)
    assert 49e6 < peak[0] < 70e6


def small(monkeypatch: pytest.MonkeyPatch, collections: Path) -> None:
    """Measure so little that a test can wait for it."""
    for module, name, value in (
        (judged, "COLLECTIONS", collections), (corpus, "CHUNKS", 60), (corpus, "QUESTIONS", 4), (table, "TIMED", 2),
        (table, "CALLERS", 3), (table, "EACH", 2), (table, "ROUNDS", 1), (selectivity, "TIMED", 2), (callers, "QUESTIONS", 4),
        (callers, "CALLERS", (1, 4)), (callers, "ROUNDS", 1), (ingest, "BEFORE", 10), (ingest, "WRITTEN", 4),
        (ingest, "ROUNDS", 1), (ingest, "CALLS", (1, 4)), (ingest, "LENGTHS", (8,)),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


def test_questions_count_only_what_passes_their_filter(tmp_path, monkeypatch):
    small(monkeypatch, tmp_path / "none")
    asked = corpus.corpus()
    assert not asked.judged
    ids, vectors, _, metadatas = asked.batch
    for number, question in enumerate(asked.questions):
        assert asked.where(number, "") == {}
        where = asked.where(number, "half")
        assert where == {"half": metadatas[question.target]["half"]}
        assert asked.relevant(number, "half") == {ids[question.target]: 1}, "a question passes its own filter"
        near = asked.nearest(number, "half")
        passing = [i for i in range(len(ids)) if where.items() <= metadatas[i].items()]
        closest = sorted(passing, key=lambda i: -(vectors[i] @ question.vector))[:10]
        assert set(near) == {ids[i] for i in closest}


def test_questions_come_from_judged_collections_with_all_that_is_relevant(tmp_path, monkeypatch):
    small(monkeypatch, tmp_path)
    monkeypatch.setattr(corpus, "CHUNKS", 10)
    write_collection(tmp_path / "one", True)
    write_collection(tmp_path / "two", True)
    write_collection(tmp_path / "without_vectors", False)
    asked = corpus.corpus()
    assert asked.judged
    assert len(asked.batch[0]) == 10
    assert {question.text[:5] for question in asked.questions} <= {"topic", "elsew"}
    assert len(asked.questions) == 4
    assert {chunk for question in asked.questions for chunk in question.relevant} <= set(asked.batch[0])
    assert {chunk.partition("/")[0] for question in asked.questions for chunk in question.relevant} == {"one", "two"}


@pytest.mark.postgres
@pytest.mark.slow
async def test_what_people_would_ask_for_is_measured_on_both_backends(database, plain, tmp_path, monkeypatch, capsys):
    """Stores that are not installed are named, and the others find what ours find."""
    small(monkeypatch, tmp_path / "none")
    use_server(monkeypatch, database)
    monkeypatch.setenv("RESULTS", str(tmp_path / "results"))
    bench = measuring.Bench(tmp_path, Console(width=100))
    for measure in (table.peers, ingest.ingest, selectivity.selectivity, callers.callers):
        await measure(bench)
    shown = capsys.readouterr().out
    found = {path.stem: json.loads(path.read_text())["figures"] for path in (tmp_path / "results").iterdir()}
    assert found.keys() == {"peers", "ingest", "selectivity", "callers"}
    for name in table.PEERS:
        assert name in found["peers"]["hybrid"] or f"{name} is left out" in shown
    stores = {"ours on PostgreSQL", "ours on Chroma", "asyncpg by hand", "Chroma and rank-bm25"}
    for search in table.SEARCHES:
        assert stores <= found["peers"][search].keys()
        recalls = {found["peers"][search][name]["recall"] for name in stores}
        assert min(recalls) >= (1 if search == "vector" else 0.5), (
            f"{search}: so few are all near, and half have rare words"
        )
    assert all(figure["MB"] > 0 for figure in found["peers"]["first load"].values())
    assert set(found["ingest"]["8 dimensions"]) == {
        f"{b}, {n} a call" for b in ("PostgreSQL", "Chroma") for n in (1, 4)
    }
    assert set(found["selectivity"]) == {
        f"{s}, {b}" for s in ("vector", "keyword", "hybrid") for b in ("PostgreSQL", "Chroma")
    }
    for name, cells in found["selectivity"].items():
        assert set(cells) == {"no filter", "50 %", "10 %", "1 %", "0.1 %", "one chunk"}
        assert cells["one chunk"]["recall"] == 1, name
    assert {name: set(counts) for name, counts in found["callers"].items()} == {
        "PostgreSQL": {"1", "4"},
        "Chroma": {"1", "4"},
    }
    assert {figure["recall"] for counts in found["callers"].values() for figure in counts.values()} == {1}
    assert await plain.fetchval("select count(*) from pg_namespace where nspname like 'bench%'") == 0


async def test_an_unknown_measurement_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["speed", "everything"])
    with pytest.raises(SystemExit, match="no such measurement: everything; there are overview, keyword, filters"):
        await speed.main()


@pytest.mark.slow
@pytest.mark.postgres
async def test_the_overview_compares_both_backends_with_naive_stores(database, plain, tmp_path, monkeypatch, capsys):
    use_server(monkeypatch, database)
    monkeypatch.setattr(overview, "CHUNKS", 100)
    monkeypatch.setattr(overview, "QUESTIONS", 10)
    monkeypatch.setattr(overview, "COLLECTIONS", tmp_path / "none")
    await overview.overview(measuring.Bench(tmp_path, Console(width=120)))
    shown = capsys.readouterr().out
    for backend, against in (("PostgreSQL", "by hand"), ("Chroma", "naive")):
        assert f"{backend}, 100 chunks: a first load" in shown
        assert f"{backend}, 100 chunks: the same again" in shown
        assert against in shown
    assert len(re.findall(r"│ (?:hybrid|vector|relative score), 2 % match +│", shown)) == 6
    assert "50 callers" in shown
    assert await plain.fetchval("select count(*) from pg_namespace where nspname like 'bench%'") == 0


@pytest.mark.postgres
async def test_the_naive_store_finds_what_it_is_asked(database, tmp_path, monkeypatch):
    """A comparison with statements that find nothing would be worth nothing."""
    use_server(monkeypatch, database)
    passages = overview.passages_of(300)
    ids, vectors, texts, metadatas = passages.batch
    bench = measuring.Bench(tmp_path, Console())
    async with bench.store() as store, overview.naive_postgres(store) as hand:
        await hand.load(passages.batch)
        await hand.load_again(passages.batch)
        for where in overview.FILTERS.values():
            passing = {i for i, m in zip(ids, metadatas, strict=True) if where.items() <= m.items()}
            target = ids.index(sorted(passing)[0])
            for found in (
                await hand.vector(vectors[target], where),
                await hand.hybrid(texts[target], vectors[target], where),
                await hand.keyword(texts[target], where),
            ):
                assert ids[target] in {row["chunk_id"] for row in found} <= passing
