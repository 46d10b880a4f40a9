"""``status``: what a store is and holds, on one screen, and where its configuration comes from."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agent_brain_store import __version__
from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import (
    Look,
    NoStore,
    config_option,
    configured,
    exists,
    json_option,
    looking,
    store_name,
)
from agent_brain_store.cli.running import command
from agent_brain_store.cli.screen import counted
from agent_brain_store.config import Sourced, StoreConfig
from agent_brain_store.errors import StoreLocked
from agent_brain_store.factory import open_store

_DRIVERS = {"postgres": ("asyncpg", "pgvector"), "chroma": ("chromadb",)}
_UNSAID = ("default", "libpq")
_NO_STORE = "there is no store yet"


@command("status")
@config_option
@json_option
def status(path: Path | None, wants_json: bool) -> None:
    """Show the store on one screen: versions, chunks, profile, sizes, indexes, and where each setting comes from."""
    read = configured(path)
    found = asyncio.run(_store(read.config))
    facts = _here(read.config) | found
    if wants_json:
        settings = {key: {"value": value, "from": source} for key, value, source in _settings(read)}
        screen.as_json(facts | {"configuration": settings, "preferences": read.notes})
        return
    screen.facts({key: _in_words(value) for key, value in facts.items()})
    click.echo()
    said = [row for row in _settings(read) if row[2] not in _UNSAID]
    screen.rows(("setting", "value", "from"), said or [("every setting", "", "default")], wide="value")
    for note in read.notes:
        screen.note(f"note: {note}")


def _here(config: StoreConfig) -> dict[str, Any]:
    drivers = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _DRIVERS[config.backend])
    library = f"{__version__}, Python {platform.python_version()}, {drivers}"
    return {"backend": config.backend, "store": store_name(config), "library": library}


def _settings(read: Sourced) -> list[tuple[str, str, str]]:
    """Return each key with its value and its source. A password is never shown."""
    rows = []
    for place, source in read.sources.items():
        section, _, key = place.rpartition(".")
        part = read.config if section == "storage" else getattr(read.config, section.removeprefix("storage."))
        value = getattr(part, key)
        rows.append((place, "" if value is None else "****" if key == "password" else str(value), source))
    return rows


def _in_words(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) or "-" if isinstance(value, (list, tuple)) else str(value)


async def _store(config: StoreConfig) -> dict[str, Any]:
    if config.backend == "chroma":
        return await _chroma(config)
    try:
        async with looking(config) as look:
            return await _postgres(config, look)
    except NoStore:  # a private server that was never made
        path = config.postgres.embedded_path
        return {"directory": str(path and path.absolute()), "state": _NO_STORE}


# --- Chroma ----------------------------------------------------------------------------------------------------------


async def _chroma(config: StoreConfig) -> dict[str, Any]:
    if config.chroma.host is None:
        place = {"directory": str(config.chroma.path.absolute()), "size": _megabytes(_size(config.chroma.path))}
    else:
        place = {"server": f"{config.chroma.host}:{config.chroma.port}"}
    try:
        if not await exists(config):
            return place | {"state": _NO_STORE}
        async with open_store(config) as store:
            details = (await store.health()).details
            profile = await store.get_embedding_metadata()
    except StoreLocked as error:
        return place | {"state": error.message}
    return place | {
        "state": "ready",
        "chunks": details.get("chunks"),
        "profile": _profile(profile),
        "keyword index": details.get("keyword_index"),
        **_second(details["second_generation"], details["chunks"]),
    }


def _second(generation: Mapping[str, Any] | None, chunks: int) -> dict[str, str]:
    """Return how far a re-embedding is, in words, if there is a second generation."""
    if generation is None or generation["model"] is None:
        return {}
    done = chunks - generation["unembedded"]
    model = f"{generation['provider']}/{generation['model']}, {generation['dimensions']} dimensions"
    return {"second generation": f"{model}: {done:,} of {counted(chunks, 'chunk')} embedded"}


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _profile(profile: Any) -> str:
    """Return an embedding profile in words."""
    return f"{profile.provider}/{profile.model}, {profile.dimensions} dimensions" if profile else "none recorded"


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


async def _postgres(config: StoreConfig, look: Look) -> dict[str, Any]:
    server = look.server
    facts = {
        "server": f"PostgreSQL {server['server_version']}, pgvector {server['vector_version'] or 'is missing'}",
        "connection": f"{server['role']} to {server['database']}, {'TLS' if server['encrypted'] else 'not encrypted'}",
    }
    if not look.version:
        return facts | {"state": _NO_STORE}
    health, age = await look.row("health"), await look.row("term_statistics_age")
    state = await schema_state(look)
    sizes = await look.row("sizes")
    indexes = {row["name"]: row for row in await look.query("index_facts")}
    return facts | {
        "state": "; ".join(state) or "ready",
        "chunks": health["chunks"],
        "profile": _profile(await _stored_profile(look)),
        "size": f"{_megabytes(health['store_bytes'])}: table {sizes['table']}, toast {sizes['toast']}, "
        f"indexes {sizes['indexes']}",
        "vector index": _vector_index(config, indexes.get("chunks_embedding_ann")),
        "other indexes": _others(
            indexes, [row["name"] for row in await look.query("missing_indexes", concurrently=True)]
        ),
        **_second(await look.row("second_generation") if not state else None, health["chunks"]),
        "word counts": f"{counted(age['changes'], 'change')} behind, counted {_ago(age['seconds'])} ago",
    }


async def _stored_profile(look: Look) -> Any:
    from agent_brain_store.results import EmbeddingMetadata

    rows = await look.query("get_profile")
    return EmbeddingMetadata(**rows[0]) if rows else None


async def schema_state(look: Look) -> list[str]:
    """Return in words what the next start, or ``migrate``, would change in the schema."""
    from agent_brain_store.postgres.distribution import wanted_functions
    from agent_brain_store.postgres.migrate import load_migrations

    newest = load_migrations()[-1].version
    noted = {row["name"]: row["hash"] for row in await look.query("function_facts")}
    old = [
        function.name
        for function in await wanted_functions(look.connection)
        if noted.get(function.name) != function.hash
    ]
    state = []
    if look.version != newest:
        state.append(f"the schema is at version {look.version}, and this library has version {newest}")
    if old:
        state.append(f"functions differ from this library's: {', '.join(old)}")
    return state


def _vector_index(config: StoreConfig, index: Mapping[str, Any] | None) -> str:
    if index is None:
        return "none" if config.postgres.index == "none" else "missing"
    options = ", ".join(index["options"])
    return f"{index['method']} ({options}), {'valid' if index['valid'] else 'INVALID'}"


def _others(indexes: Mapping[str, Mapping[str, Any]], missing: list[str]) -> str:
    invalid = [name for name, index in indexes.items() if not index["valid"]]
    said = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"invalid: {', '.join(invalid)}"] * bool(invalid)
    return "; ".join(said) or "all there and valid"


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(round(seconds / size), unit)
    return counted(round(seconds), "second")
