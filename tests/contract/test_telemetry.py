"""Spans, events and metrics of OpenTelemetry, collected by its SDK in memory. And a healthy search that logs nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent_brain_store import InvalidQueryError
from tests.support.postgres import KILL_CONNECTIONS, connect, until
from tests.support.programs import run
from tests.support.stores import ANIMALS, DIMENSIONS, embed, fill, made_up

EXPORTER, READER = InMemorySpanExporter(), InMemoryMetricReader()


@pytest.fixture(scope="module", autouse=True)
def sdk() -> None:
    """Set up the SDK for this process. It can be set up only once."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([READER]))


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Begin and end without spans."""
    EXPORTER.clear()
    yield
    EXPORTER.clear()


def spans(operation: str) -> list[ReadableSpan]:
    """Return the spans of one method."""
    found = [dict(span.attributes or {}).get("db.operation.name") for span in EXPORTER.get_finished_spans()]
    return [span for span, name in zip(EXPORTER.get_finished_spans(), found, strict=True) if name == operation]


def events(operation: str) -> list[str]:
    """Return the events of the only span of one method."""
    (span,) = spans(operation)
    return [event.name for event in span.events]


def measured(name: str, by: str = "db.operation.name") -> dict[str, Any]:
    """Return the data points of a metric, by operation or by another attribute."""
    data = READER.get_metrics_data()
    assert data is not None
    points: dict[str, Any] = {}
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name == name:
                    points |= {str((p.attributes or {}).get(by)): p for p in metric.data.data_points}
    return points


async def test_each_call_is_one_span_with_the_conventions_of_databases(store, backend):
    await fill(store, *ANIMALS)
    await store.hybrid_search("bear", embed("bear"), 3)
    (span,) = spans("hybrid_search")
    attributes = dict(span.attributes or {})
    collection = "chunks" if backend == "postgres" else store.config.chroma.collection
    assert span.name == f"hybrid_search {collection}"
    assert span.kind is trace.SpanKind.CLIENT
    assert attributes["db.system.name"] == ("postgresql" if backend == "postgres" else "chroma")
    assert attributes["db.collection.name"] == collection
    assert attributes["db.response.returned_rows"] == 3
    assert len(spans("upsert_documents")) == 1
    assert measured("db.client.operation.duration")["hybrid_search"].count >= 1


async def test_streams_and_loads_are_spans_too(store):
    async with store.bulk_load() as load:
        await load.upsert_documents(["a"], [embed("a")], ["a"], [{}])
    assert [chunk.chunk_id async for chunk in store.iter_documents()] == ["a"]
    assert len(spans("bulk_load")) == len(spans("iter_documents")) == 1


async def test_an_error_is_on_the_span_without_its_text(store):
    with pytest.raises(InvalidQueryError):
        await store.keyword_search("secret words", -1)
    (span,) = spans("keyword_search")
    assert (span.attributes or {})["error.type"] == "InvalidQueryError"
    assert not span.status.is_ok
    assert "secret" not in span.to_json()


@pytest.mark.parametrize("backend", [pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_a_retry_and_a_suspended_index_are_events(store, plain, database, may_suspend, caplog):
    caplog.set_level(logging.INFO, logger="agent_brain_store")
    await fill(store, *ANIMALS)
    await plain.execute("begin; lock table chunks in access exclusive mode")
    counting = asyncio.create_task(store.get_count({"source_type": "doc"}))
    look = await connect(database)
    await until(
        look, "select true from pg_stat_activity where wait_event_type = 'Lock' and query like '%count_matching%'"
    )
    await look.execute(KILL_CONNECTIONS)
    await plain.execute("rollback")
    await look.close()
    assert await counting == 2
    (span,) = spans("get_count")
    assert [event.name for event in span.events] == ["retry"]
    assert {"count_matching_chunks"} == {record.operation for record in caplog.records if hasattr(record, "operation")}
    waits = measured("db.client.connection.wait_time", "db.client.connection.pool.name")
    assert {name: point.count >= 1 for name, point in waits.items()} == {"read": True, "write": True}
    async with store.bulk_load() as load:
        await load.upsert_documents(*made_up(2000))
    (loading,) = spans("bulk_load")
    assert ("index_suspended" in [event.name for event in loading.events]) is may_suspend


@pytest.mark.parametrize("backend", [pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_an_exact_fallback_is_an_event_on_postgres(store, plain, database):
    """Everything that matches lies opposite to the question, and the index may look at one chunk alone."""
    far = np.eye(DIMENSIONS)[0] * 5
    vectors = np.random.default_rng(1).normal(size=(1500, DIMENSIONS)) + far * np.resize([[1], [-1]], (1500, 1))
    ids, _, texts, _ = made_up(1500)
    await store.upsert_documents(ids, vectors, texts, [{"far": i % 2} for i in range(1500)])
    await store.close()
    await plain.execute("analyze chunks")
    for setting in ("hnsw.max_scan_tuples = 1", "enable_seqscan = off", "enable_bitmapscan = off"):
        await plain.execute(f"alter database {database['database']} set {setting}")
    # A pooler keeps its connections, and these keep the settings that they began with.
    await plain.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    await store.initialize()
    assert len(await store.vector_search(far, 20, where={"far": 1})) == 20
    assert events("vector_search") == ["exact_fallback"]
    assert sum(point.value for point in measured("agent_brain_store.exact_fallbacks").values()) >= 1


@pytest.mark.parametrize("backend", ["chroma"])
async def test_an_exact_fallback_is_an_event_on_chroma(store):
    """Chroma cannot compare strings. Few of the candidates that it offers match."""
    await fill(store, *((f"{i:04}", f"text {i}", {"date": f"2024-{i:04}"}) for i in range(600)))
    assert len(await store.vector_search(embed("text 5"), 10, where={"date": {"$gte": "2024-0590"}})) == 10
    assert events("vector_search") == ["exact_fallback"]
    assert sum(point.value for point in measured("agent_brain_store.exact_fallbacks").values()) >= 1


@pytest.mark.parametrize("backend", [pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_a_widened_budget_is_an_event(make):
    store = make(keyword={"budget": 10})
    await store.initialize()
    await fill(store, *((f"{i:03}", f"common {i}" + " middle" * (i < 60), {}) for i in range(600)))
    await store.keyword_search("common", 5)
    assert events("keyword_search") == []
    EXPORTER.clear()
    for how in ({}, {"distinct": "text"}):
        await store.keyword_search("common middle", 80, **how)
        await store.hybrid_search("common middle", embed("common"), 80, **how)
    assert {"budget_widened"} == {event.name for span in EXPORTER.get_finished_spans() for event in span.events}
    assert all(span.events for span in EXPORTER.get_finished_spans())


def test_nothing_happens_without_the_api():
    kind = run(
        """
        import sys
        sys.modules["opentelemetry"] = None
        from agent_brain_store import StoreConfig, create_backend
        from agent_brain_store.store import Store
        print(type(create_backend(StoreConfig.from_dict({"storage": {"backend": "postgres"}}))) is Store)
        """
    )
    assert kind == "True"


async def test_a_healthy_search_logs_nothing_at_level_info(store, caplog):
    await fill(store, *ANIMALS)
    await store.wait_idle()
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="agent_brain_store"):
        await store.hybrid_search("bear", embed("bear"), 3, where={"source_type": "doc"})
        await store.keyword_search("bear", 3)
        await store.vector_search(embed("bear"), 3)
    assert [record for record in caplog.records if record.name.startswith("agent_brain_store")] == []
