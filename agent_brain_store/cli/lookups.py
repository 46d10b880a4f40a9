"""``count``, ``describe``, ``get`` and ``search``: what is in a store."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeVar, get_args

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import config_option, configured, from_json, json_option, opened, where_option
from agent_brain_store.cli.running import NO, Failure, command
from agent_brain_store.cli.vectors import (
    embed_option,
    embedded,
    load_embedder,
    read_vector,
    top_k_option,
    vector_option,
)
from agent_brain_store.config import StoreConfig
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import MOST_VALUES, Description, MetadataKey, SearchResult
from agent_brain_store.types import Fusion

Found = TypeVar("Found", int, list[SearchResult])
_PATIENCE = 5.0  # seconds to wait for a warning about a filter


@command("count")
@config_option
@where_option
@json_option
def count(path: Path | None, where: Any, wants_json: bool) -> None:
    """Count the chunks, or those that match a filter."""

    async def work(config: StoreConfig) -> int:
        async with opened(config) as store:
            return await _warned(store, where, await store.get_count(where))

    chunks = asyncio.run(work(configured(path).config))
    if wants_json:
        screen.as_json({"chunks": chunks})
    else:
        click.echo(chunks)


@command("describe")
@click.argument("key", default="")
@where_option
@click.option("--values", default=5, show_default=True, type=click.IntRange(0, MOST_VALUES), help="How many to list.")
@config_option
@json_option
def describe(path: Path | None, key: str, where: Any, values: int, wants_json: bool) -> None:
    """Show which keys the metadata have, with the most common values of each. With KEY, show every value of that key."""

    async def work(config: StoreConfig) -> Description:
        async with opened(config) as store:
            return await store.describe(where, MOST_VALUES if key else values)

    found = asyncio.run(work(configured(path).config))
    chosen = [item for item in found.keys if key in ("", item.key)]
    if key and not chosen:
        raise Failure(f"no chunk has the metadata key {key!r}", "agent-brain-store describe lists the keys", NO)
    if wants_json:
        screen.as_json({"chunks": found.chunks, "keys": [asdict(item) for item in chosen]})
    elif key:
        screen.rows((key, "chunks"), chosen[0].values, wide=key)
    else:
        cells = [(item.key, item.chunks, ", ".join(item.types), item.distinct, _common(item)) for item in chosen]
        screen.rows(("key", "chunks", "types", "distinct", "most common values"), cells, wide="most common values")


def _common(key: MetadataKey) -> str:
    return ", ".join(f"{value} ({chunks})" for value, chunks in key.values)


@command("get")
@click.argument("ids", nargs=-1, required=True)
@config_option
@json_option
def get(path: Path | None, ids: tuple[str, ...], wants_json: bool) -> None:
    """Show chunks by their ids: the text and the metadata."""

    async def work(config: StoreConfig) -> dict[str, dict[str, Any]]:
        async with opened(config) as store:
            return await store.get_by_ids(ids)

    found = asyncio.run(work(configured(path).config))
    if wants_json:
        screen.as_json([{"id": chunk_id, **found[chunk_id]} for chunk_id in ids if chunk_id in found])
    else:
        for chunk_id in ids:
            if chunk_id in found:
                _show(chunk_id, found[chunk_id])
    missing = [chunk_id for chunk_id in dict.fromkeys(ids) if chunk_id not in found]
    if missing:
        raise Failure(f"there is no chunk {', '.join(map(repr, missing))}", exit_code=NO)


def _show(chunk_id: str, chunk: dict[str, Any]) -> None:
    screen.facts({"id": chunk_id, **chunk["metadata"]})
    click.echo(f"\n{screen.printable(chunk['text'])}\n")


@command("search")
@click.argument("question", default="")
@vector_option
@embed_option
@top_k_option
@where_option
@click.option(
    "--fusion",
    type=click.Choice(get_args(Fusion)),
    default="convex",
    show_default=True,
    help="How a hybrid search fuses both rankings.",
)
@click.option(
    "--all", "every", is_flag=True, help="Find only chunks with every word of QUESTION. For a keyword search."
)
@click.option("--distinct", is_flag=True, help="Show only the best of chunks with an equal text.")
@click.option(
    "--boost", callback=from_json, help='What counts besides, as JSON, as in \'{"created_at": {"half_life": "30d"}}\'.'
)
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.0, help="Leave out chunks that score less.")
@config_option
@json_option
def search(path: Path | None, wants_json: bool, **asked: Any) -> None:
    """Search by the words of QUESTION, by a vector, or by both.

    Words alone make a keyword search, and a vector alone makes a vector search. Words with --vector or with --embed make
    a hybrid search.
    """
    if not asked["question"] and asked["vector_file"] is None:
        raise click.UsageError("Give a QUESTION, a --vector, or both.")
    if asked["every"] and (asked["vector_file"] or asked["embedder"]):
        raise click.UsageError("--all is for a keyword search: leave out --vector and --embed.")
    hits = asyncio.run(_search(configured(path).config, **asked))
    if wants_json:
        screen.as_json([_as_dict(hit) for hit in hits])
    elif hits:
        _show_hits(hits)
    else:
        screen.note("nothing found")


async def _search(
    config: StoreConfig,
    question: str,
    vector_file: IO[str] | None,
    embedder: str | None,
    top_k: int,
    where: Any,
    fusion: Any,
    min_score: float,
    every: bool,
    distinct: bool,
    boost: Any,
) -> list[SearchResult]:
    vector = None if vector_file is None else read_vector(vector_file)
    if vector is None and embedder is not None:
        (vector,) = await embedded(load_embedder(embedder), [question])
    always: dict[str, Any] = {"where": where, "distinct": "text" if distinct else None, "boost": boost}
    options = always | {"explain": True, "min_score": min_score, "highlights": True}
    async with opened(config) as store:
        if vector is None:
            match: Any = "all" if every else "any"
            found = await store.keyword_search(question, top_k, match=match, **options)
        elif not question:
            found = await store.vector_search(vector, top_k, min_score, **always)
        else:
            found = await store.hybrid_search(question, vector, top_k, fusion=fusion, **options)
        return await _warned(store, where, found)


async def _warned(store: StorageBackend, where: Any, found: Found) -> Found:
    """Return what was found. If a filter has found nothing, the store may first say that no chunk has one of its keys."""
    if where and not found:
        with suppress(TimeoutError):  # it may wait for a count of words, too
            await asyncio.wait_for(store.wait_idle(), _PATIENCE)
    return found


def _as_dict(hit: SearchResult) -> dict[str, Any]:
    """Return a hit for a program. What its kind of search does not have is left out."""
    values = asdict(hit)
    named = {"id": values.pop("chunk_id"), "score": values.pop("score")}
    return named | {key: value for key, value in values.items() if value is not None}


def _show_hits(hits: list[SearchResult]) -> None:
    cells = [
        (place, f"{hit.score:.3f}", hit.chunk_id, screen.snippet(hit.text, hit.highlights or ()))
        for place, hit in enumerate(hits, 1)
    ]
    screen.rows(("", "score", "chunk", "text"), cells, wide="text")
