"""Parts of the PostgreSQL backend that work without a server."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import numpy as np
import pytest

from agent_brain_store import SchemaError
from agent_brain_store.checks.chunks import prepare
from agent_brain_store.checks.vectors import ChunkRules
from agent_brain_store.postgres.connection import connect_arguments
from agent_brain_store.postgres.migrate import load_migrations
from tests.support.internals import statement_sizes
from tests.support.postgres import config
from tests.support.stores import DIMENSIONS


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["0001_a.sql", "0003_c.sql"], "0003_c follows 0001: a gap"),
        (["0001_a.sql", "0001_b.sql"], "0001_b is there twice"),
        (["0001_a.sql", "two.sql"], "two.sql: the name must be like"),
        (["0002_b.sql"], "0002_b follows 0000: a gap"),
    ],
)
def test_wrong_names_of_migration_files_are_refused(tmp_path, files, words):
    for name in files:
        (tmp_path / name).write_text("select 1;")
    with pytest.raises(SchemaError, match=re.escape(words)):
        load_migrations(tmp_path)


def test_a_statement_is_bounded_in_bytes_and_rows():
    def sizes(length: int, count: int, letter: str = "x") -> list[int]:
        rules = ChunkRules(DIMENSIONS, "cosine")
        ids, texts = [f"{i}" for i in range(count)], [letter * length] * count
        batch = prepare(rules, ids, np.ones((count, DIMENSIONS)), texts, [{"key": "value"}] * count)
        return statement_sizes(batch)

    assert sizes(2**20, 20) == [7, 7, 6], "8 MiB of text, vectors and metadata"
    assert sizes(2**20, 5, "語") == [2, 2, 1], "bytes, not characters"
    assert sizes(9 * 2**20, 3) == [1, 1, 1], "a larger chunk goes alone"
    assert sizes(10, 1200) == [500, 500, 200]


def test_the_driver_gets_the_settings_of_tls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ca.pem").touch()
    settings = config({"ssl_mode": "verify-full", "ssl_root_cert": "ca.pem"}).postgres
    assert connect_arguments(settings)["dsn"].endswith("?sslmode=verify-full&sslrootcert=ca.pem")
    context = connect_arguments(config({"ssl_root_cert": "system"}).postgres)["ssl"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
