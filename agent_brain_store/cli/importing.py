"""``import-from``: chunks from a store or a file that this library did not make."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from agent_brain_store import sources
from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import config_option, configured, json_option
from agent_brain_store.cli.running import WRONG, Failure, command
from agent_brain_store.cli.transfers import require_model
from agent_brain_store.factory import open_store
from agent_brain_store.results import EmbeddingMetadata

_GOES_ON = "run the same command again, and it skips what is stored already"
_SHOWN = 10  # chunks that were left out and are named on the screen

_model_option: Callable[..., Any] = click.option(
    "--model",
    metavar="PROVIDER/MODEL",
    help="The model that made the vectors. It is compared with the store's, and recorded if the store has none.",
)
_schema_option: Callable[..., Any] = click.option(
    "--schema", default="public", show_default=True, help="The schema of the table."
)
_database_argument: Callable[..., Any] = click.argument("database", metavar="URL")


@click.group("import-from")
def import_from() -> None:
    """Take chunks with their vectors from another program's store, or from a file. The source is only read.

    What the store cannot keep is left out, and the command says why. The store is made if it does not exist.
    """


def _source(name: str) -> Callable[[Callable[..., sources.Items]], Callable[..., Any]]:
    """Make a command of a function that returns a reader. The command's own options are added to the function's."""

    def decorate(reader: Callable[..., sources.Items]) -> Callable[..., Any]:
        def run(path: Path | None, model: str | None, wants_json: bool, **given: Any) -> None:
            profile = _profile(model)
            report = asyncio.run(_import(path, reader(**given), profile))
            _show(report, wants_json)

        run.__doc__ = reader.__doc__
        run.__click_params__ = getattr(reader, "__click_params__", [])  # type: ignore[attr-defined]
        made = command(name, interrupted=_GOES_ON)(_model_option(config_option(json_option(run))))
        import_from.add_command(made)
        return reader

    return decorate


async def _import(path: Path | None, reader: sources.Items, named: tuple[str, str] | None) -> sources.ImportReport:
    config = configured(path).config
    profile = named and EmbeddingMetadata(*named, config.embedding.dimensions)
    require_model(config, profile or None)
    async with open_store(config) as store:
        with screen.bars() as progress:
            return await sources.import_from(store, reader, profile or None, progress)


def _profile(model: str | None) -> tuple[str, str] | None:
    if model is None:
        return None
    provider, _, name = model.partition("/")
    if not provider or not name:
        raise Failure(
            f"--model is {model!r}", "write the provider and the model, as in openai/text-embedding-3-small", WRONG
        )
    return provider, name


def _show(report: sources.ImportReport, wants_json: bool) -> None:
    if wants_json:
        named = [{"name": item.name, "reason": item.reason} for item in report.named]
        screen.as_json({"chunks": report.chunks, "left_out": report.left_out, "named": named})
        return
    click.echo(f"imported {screen.counted(report.chunks, 'chunk')}, verified")
    if report.left_out:
        screen.note(f"warning: left out {screen.counted(report.left_out, 'chunk')} that the store cannot keep:")
    for item in report.named[:_SHOWN]:
        screen.note(f"  {screen.one_line(item.name)}: {screen.one_line(item.reason)}")
    if report.left_out > _SHOWN:
        screen.note(f"  … and {report.left_out - _SHOWN:,} more; --json names the first {sources.NAMED:,}")


# --- sources ---------------------------------------------------------------------------------------------------------


@_source("chroma")
@click.argument("source", metavar="DIRECTORY|URL")
@click.argument("collection")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME=VARIABLE",
    help="A header for the server, with its value from a variable of the environment.",
)
def _chroma(source: str, collection: str, headers: tuple[str, ...]) -> sources.Items:
    """Take a collection of Chroma, from a DIRECTORY that no program has open, or from the server at a URL."""
    if "://" not in source:
        return sources.read_chroma(source, collection)
    return _from_server(*_address(source), collection, dict(map(_header, headers)))


async def _from_server(host: str, port: int, ssl: bool, collection: str, headers: dict[str, str]) -> sources.Items:
    from agent_brain_store.chroma.connecting import close_client, open_server

    client = await asyncio.to_thread(open_server, host, port, ssl, headers)
    try:
        async with aclosing(sources.read_chroma(client, collection)) as items:
            async for item in items:
                yield item
    finally:
        close_client(client)


def _address(url: str) -> tuple[str, int, bool]:
    """Return the host, the port and whether TLS is wanted. The error does not show the URL, which may hold a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # brackets or a port that cannot be
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise Failure("this URL is not one of a Chroma server", "write http://host:8000 or https://host", WRONG)
    secure = parts.scheme == "https"
    return host, port or (443 if secure else 8000), secure


def _header(text: str) -> tuple[str, str]:
    name, _, variable = text.partition("=")
    if not name or variable not in os.environ:
        raise Failure(f"--header is {text!r}, and there is no such variable", "write NAME=VARIABLE", WRONG)
    return name, os.environ[variable]


@_source("agent-brain")
@_database_argument
@_schema_option
def _agent_brain(database: str, schema: str) -> sources.Items:
    """Take the table documents of an Agent Brain server. URL is that of its PostgreSQL database."""
    return sources.read_agent_brain(database, schema=schema)


@_source("langchain")
@_database_argument
@click.option("--collection", default="langchain", show_default=True, help="The name of the collection.")
@_schema_option
def _langchain(database: str, collection: str, schema: str) -> sources.Items:
    """Take a collection of PGVector, of langchain-postgres. Its newer PGVectorStore has tables of its own: see table."""
    return sources.read_langchain(database, collection, schema=schema)


@_source("llama-index")
@_database_argument
@click.option("--table", default="llamaindex", show_default=True, help="Its table_name, without data_.")
@_schema_option
def _llama_index(database: str, table: str, schema: str) -> sources.Items:
    """Take the nodes of a table of LlamaIndex' PGVectorStore."""
    return sources.read_llama_index(database, table, schema=schema)


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the fields of a chunk."""
    for name, option in (
        ("metadata", "--metadata"),
        ("embedding", "--embedding"),
        ("text", "--text"),
        ("chunk_id", "--id"),
    ):
        default = "id" if name == "chunk_id" else name
        shown = " It may be ''." if name == "metadata" else ""
        text = f"What holds the {'id' if name == 'chunk_id' else name}.{shown}"
        function = click.option(option, name, default=default, show_default=True, help=text)(function)
    return function


@_source("table")
@_database_argument
@click.argument("table")
@_named
@click.option(
    "--column", "columns", multiple=True, help="A column that becomes a key of the metadata; as often as needed."
)
@_schema_option
def _table(database: str, table: str, metadata: str, **more: Any) -> sources.Items:
    """Take the rows of any TABLE with a column of pgvector. The options name its columns."""
    return sources.read_table(database, table, metadata=metadata or None, **more)


@_source("json-lines")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_named
def _json_lines(file: Path, metadata: str, **more: Any) -> sources.Items:
    """Take a FILE with a JSON object on each line. It may be compressed (.gz).

    With --metadata '', every other key is metadata.
    """
    return sources.read_json_lines(file, metadata=metadata or None, **more)


@_source("parquet")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_named
def _parquet(file: Path, metadata: str, **more: Any) -> sources.Items:
    """Take a Parquet FILE. The options name its columns. It needs the extra parquet."""
    return sources.read_parquet(file, metadata=metadata or None, **more)
