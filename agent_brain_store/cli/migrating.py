"""``migrate``: bring the schema up to date, or print what would run, for an administrator with psql."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import config_option, configured, json_option, looking, require_postgres
from agent_brain_store.cli.running import Failure, command
from agent_brain_store.cli.state import schema_state
from agent_brain_store.config import StoreConfig
from agent_brain_store.factory import open_store

if TYPE_CHECKING:
    from agent_brain_store.postgres.sql import Function

_INTERRUPTED = "the schema is as it was, or wholly up to date; run the same command again"


@command("migrate", interrupted=_INTERRUPTED)
@click.option(
    "--sql", "wants_sql", is_flag=True, help="Print what would run, for psql 16 or newer, and change nothing."
)
@config_option
@json_option
def migrate(path: Path | None, wants_sql: bool, wants_json: bool) -> None:
    """Make the store or bring it up to date: migrations, functions, and the indexes that are missing.

    The store does the same whenever it is opened.
    """
    config = configured(path).config
    if wants_sql:
        require_postgres(config, "migrate --sql")
        click.echo(asyncio.run(_script(config)), nl=False)
        return
    asyncio.run(_migrate(config))
    if wants_json:
        screen.as_json({"migrated": True})
    else:
        click.echo("the store is up to date")


async def _migrate(config: StoreConfig) -> None:
    with screen.bars() as progress:
        async with open_store(config, progress) as store:
            await store.ensure_indexes(progress)


async def _script(config: StoreConfig) -> str:
    """Return a script for psql that does what a start would do. It is only a comment if there is nothing to do."""
    from agent_brain_store.postgres.migrate import load_migrations
    from agent_brain_store.postgres.sql import load_functions

    async with looking(config) as look:
        pending = load_migrations()[look.version :]
        noted = {row["name"]: row["hash"] for row in await look.query("function_facts")} if look.version else {}
        functions = [function for function in load_functions() if noted.get(function.name) != function.hash]
        if look.version and not await schema_state(look):
            return "-- The schema and its functions are up to date: there is nothing to run.\n"
        if look.connection.distributed:  # these functions are those of one node
            raise Failure(
                "this store is spread over a cluster, where no script can bring it up to date", "say migrate alone"
            )
    parts = [*_opening(config)]
    parts += [migration.text for migration in pending]
    parts += [_bound("use_schema", config.postgres.schema)]
    for function in functions:
        parts += [function.text, _bound("note_function", function.name, function.hash, "")]
    if not look.version:
        parts += [_derivation(functions)]
    return "\n".join([*parts, "commit;", "", *_closing(config)]) + "\n"


def _opening(config: StoreConfig) -> Iterator[str]:
    schema, model = config.postgres.schema, config.embedding
    yield f"-- Brings the schema {schema} up to date. Run it with psql 16 or newer, as the owner of the store: psql -X -f FILE"
    yield "\\set ON_ERROR_STOP on"
    yield "\\set QUIET on"
    yield "begin;"
    yield _bound("settings", schema, model.dimensions, config.distance, config.keyword.language)


def _closing(config: StoreConfig) -> Iterator[str]:
    yield "-- The next start of the library builds the vector index, if its role owns the store. Otherwise the owner runs:"
    yield f"--   agent-brain-store migrate     (with the configuration of the schema {config.postgres.schema})"


def _derivation(functions: list[Function]) -> str:
    stored = {function.name: function.stored_version for function in functions if function.stored_version is not None}
    names, versions = ",".join(stored), ",".join(map(str, stored.values()))
    return _bound("note_derivation", f"{{{names}}}", f"{{{versions}}}")


def _bound(name: str, *values: object) -> str:
    """Return a query file with its parameters, as psql takes them."""
    from agent_brain_store.postgres.sql import queries

    return f"\\bind {' '.join(map(_quoted, values))}\n{queries()[name].text}"


def _quoted(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
