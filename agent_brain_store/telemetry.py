"""Traces and metrics for OpenTelemetry, where its API package is installed. Where it is not, nothing happens.

Each call of the contract is a span, with the attributes that OpenTelemetry's conventions name for databases. Events on the
span tell what a caller does not see: retries, exact fallbacks, widened budgets, and a vector index that is suspended for
a load. The metrics are ``db.client.operation.duration`` and ``db.client.connection.wait_time``, in seconds, and
``agent_brain_store.exact_fallbacks``.

The API does nothing by itself. An application that wants to see something sets up OpenTelemetry's SDK.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from agent_brain_store.config import StoreConfig
from agent_brain_store.protocol import StorageBackend

S = TypeVar("S")

NAME = "agent_brain_store"
_UNTRACED = {"validate_embedding_compatibility"}


class _Instruments:
    """The tracer and the metrics of this process."""

    def __init__(self) -> None:
        from opentelemetry import metrics, trace

        self.trace, self.tracer, meter = trace, trace.get_tracer(NAME), metrics.get_meter(NAME)
        self.duration = meter.create_histogram("db.client.operation.duration", "s", "How long a call took")
        self.wait = meter.create_histogram(
            "db.client.connection.wait_time", "s", "How long a call waited for a connection"
        )
        self.fallbacks = meter.create_counter(
            "agent_brain_store.exact_fallbacks", "1", "Searches without the vector index"
        )


@functools.cache
def _instruments() -> _Instruments | None:
    try:
        return _Instruments()
    except ImportError:
        return None


# --- what the backends tell ------------------------------------------------------------------------------------------


def event(name: str, **attributes: str | int | float) -> None:
    """Add an event to the span of the call that is running."""
    if found := _instruments():
        found.trace.get_current_span().add_event(name, attributes)


def waited(seconds: float, pool: str) -> None:
    """Record how long a call has waited for a connection of a pool."""
    if found := _instruments():
        found.wait.record(seconds, {"db.system.name": "postgresql", "db.client.connection.pool.name": pool})


def fell_back() -> None:
    """Record a search that the vector index could not complete."""
    if found := _instruments():
        found.fallbacks.add(1)
        event("exact_fallback")


# --- spans -----------------------------------------------------------------------------------------------------------


@functools.cache
def observed(kind: type[S]) -> type[S]:
    """Return a kind of store whose calls are spans. Without OpenTelemetry, it is the same kind."""
    if _instruments() is None:
        return kind
    methods = {
        name: _observed(getattr(kind, name))
        for name, member in vars(StorageBackend).items()
        if callable(member) and not name.startswith("_") and name not in _UNTRACED
    }
    return type(kind.__name__, (kind,), methods | {"__doc__": kind.__doc__, "__module__": kind.__module__})


def _observed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a store whose calls are spans: a coroutine, a stream or a context manager."""
    name = method.__name__

    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _span(name, self.config) as span:
            result = await method(self, *args, **kwargs)
            if isinstance(result, list):
                span.set_attribute("db.response.returned_rows", len(result))
            return result

    async def stream(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        # The caller does other things between two chunks, so the span is not the current one.
        with _span(name, self.config, current=False):
            async for item in method(self, *args, **kwargs):
                yield item

    @asynccontextmanager
    async def block(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with _span(name, self.config):
            async with method(self, *args, **kwargs) as value:
                yield value

    if inspect.isasyncgenfunction(method):
        return functools.wraps(method)(stream)
    return functools.wraps(method)(call if inspect.iscoroutinefunction(method) else block)


@contextmanager
def _span(operation: str, config: StoreConfig, current: bool = True) -> Iterator[Any]:
    found = _instruments()
    assert found is not None  # only then is a method observed
    attributes = _attributes(operation, config)
    started = time.perf_counter()
    span = found.tracer.start_span(
        f"{operation} {attributes['db.collection.name']}", kind=found.trace.SpanKind.CLIENT, attributes=attributes
    )
    try:
        if current:
            with found.trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield span
        else:
            yield span
    except Exception as error:
        attributes["error.type"] = type(error).__name__
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(found.trace.StatusCode.ERROR, type(error).__name__)  # a message may hold a text of the user's
        raise
    finally:
        span.end()
        found.duration.record(time.perf_counter() - started, attributes)


def _attributes(operation: str, config: StoreConfig) -> dict[str, Any]:
    attributes: dict[str, Any] = {"db.operation.name": operation}
    if config.backend == "chroma":
        return attributes | {"db.system.name": "chroma", "db.collection.name": config.chroma.collection}
    postgres = config.postgres
    attributes |= {"db.system.name": "postgresql", "db.collection.name": "chunks"}
    attributes["db.namespace"] = f"{postgres.database or ''}|{postgres.schema}".lstrip("|")
    if isinstance(postgres.host, str):
        attributes["server.address"] = postgres.host
    if isinstance(postgres.port, int):
        attributes["server.port"] = postgres.port
    return attributes
