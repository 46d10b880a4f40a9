"""What a start refuses, and what it warns of: the server, its settings, and tables that are not as configured."""

from __future__ import annotations

import re

import asyncpg
import pytest

from agent_brain_store import ConfigError, SchemaError, StorageError, create_backend
from tests.support.internals import require_versions, spoil_session_setting
from tests.support.postgres import config

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("requirement", "value", "message"),
    [
        ("server", 990000, r"the server is PostgreSQL \d\d, but this library needs 16 or newer"),
        ("pgvector", (9, 0, 0), r"pgvector is 0\.\d+\.\d+, but this library needs 0.8.0 or newer"),
    ],
)
async def test_versions_that_are_too_old_are_refused(database, monkeypatch, requirement, value, message):
    require_versions(monkeypatch, **{requirement: value})
    with pytest.raises(SchemaError, match=message):
        await create_backend(config(database)).initialize()


async def test_a_pgvector_with_known_bugs_is_reported(opened, database, monkeypatch, caplog):
    require_versions(monkeypatch, sound_pgvector=(9, 0, 0))
    await opened(database)
    assert "has known index corruption bugs" in caplog.text


@pytest.mark.parametrize(
    "made", ["encoding 'UTF8' locale 'C'", "encoding 'LATIN1' locale 'C'", "encoding 'SQL_ASCII' locale 'C'"]
)
async def test_a_database_whose_locale_knows_only_ascii_is_refused(database, plain, made):
    name = f"{database['database']}_ascii"
    await plain.execute(f"create database {name} template template0 {made}")
    with pytest.raises(
        SchemaError, match=r"character type 'C'\) knows no letters beyond ASCII, so .* Make one that does"
    ):
        await create_backend(config({**database, "database": name})).initialize()
    await plain.execute(f"drop database {name} with (force)")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("hnsw.ef_search", "5000", "runs with hnsw.ef_search = 40, but 5000 was requested"),
        ("hnsw.iterative_scan", "strict", "runs with hnsw.iterative_scan = off, but strict was requested"),
    ],
)
async def test_settings_that_the_server_has_ignored_are_an_error(database, monkeypatch, setting, value, message):
    """The server only warns of a wrong value when the setting belongs to an extension."""
    spoil_session_setting(monkeypatch, setting, value)
    with pytest.raises(ConfigError, match=re.escape(message)):
        await create_backend(config(database)).initialize()


async def test_a_store_whose_extension_was_dropped_is_refused(store, plain, database):
    """The vectors went with the extension."""
    await store.close()
    await plain.execute("drop extension vector cascade")
    with pytest.raises(
        SchemaError, match=r"store_settings or the column chunks\.embedding is gone: restore it from a backup"
    ):
        await store.initialize()


async def test_an_index_of_another_distance_is_refused(database, plain):
    await plain.execute("drop index chunks_embedding_ann")
    await plain.execute("create index chunks_embedding_ann on chunks using hnsw (embedding vector_l2_ops)")
    with pytest.raises(SchemaError, match="vector_l2_ops, storage.distance 'cosine' needs vector_cosine_ops"):
        await create_backend(config(database)).initialize()


async def test_a_column_of_other_dimensions_is_refused(database, plain):
    alter = "alter table chunks alter column embedding type vector(8)"
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="function nearest"):
        await plain.execute(alter)
    await plain.execute(f"drop function nearest, nearest_among; {alter}")
    with pytest.raises(StorageError, match="vectors of 8 dimensions, but the configuration says 16"):
        await create_backend(config(database)).initialize()
