"""The Citus cluster under test, which AGENT_BRAIN_TEST_CITUS_URL names. Each test gets schemas of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from agent_brain_store.config.url import parse_connection_url

CITUS_URL = "AGENT_BRAIN_TEST_CITUS_URL"
SHARDS = 4  # few, because most tests make a store


def citus_location() -> dict[str, Any]:
    """Return where the coordinator is. Without the variable, the test is skipped."""
    url = os.environ.get(CITUS_URL)
    if not url:
        pytest.skip(f"{CITUS_URL} is not set")
    values, problems = parse_connection_url(url)
    assert not problems, f"{CITUS_URL} cannot be read"
    return values


@contextmanager
def citus_schema() -> Iterator[dict[str, Any]]:
    """Yield ``storage.postgres`` for a store on the cluster, and drop its schema and those that begin like it."""
    location, name = citus_location(), f"abs_{uuid.uuid4().hex[:12]}"
    try:
        yield {**location, "schema": name, "distributed": "citus", "shards": SHARDS, "pool_timeout": 10}
    finally:
        with ask() as connection:
            schemas = connection.execute("select nspname from pg_namespace where nspname ^@ %s", [name]).fetchall()
            for (schema,) in schemas:
                connection.execute(f'drop schema "{schema}" cascade')


@contextmanager
def ask(**other: Any) -> Iterator[psycopg.Connection]:
    """Open a connection to the coordinator, or to another node."""
    location = {"dbname" if k == "database" else k: v for k, v in citus_location().items()} | other
    with psycopg.connect(**{k: v for k, v in location.items() if k in _KNOWN}, autocommit=True) as connection:
        yield connection


_KNOWN = {"host", "port", "user", "password", "dbname"}
