"""Compare a database and a session with the configuration, when a store is opened."""

from __future__ import annotations

import logging

import asyncpg

from agent_brain_store.checks.startup import StoreFacts, check_unchanged
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import ConfigError, SchemaError
from agent_brain_store.postgres.connection import Connection, run
from agent_brain_store.postgres.derivation import outdated_terms
from agent_brain_store.postgres.errors import BACKEND
from agent_brain_store.postgres.migrate import VECTORS_ARE_GONE
from agent_brain_store.postgres.sessions import check_setting
from agent_brain_store.results import EmbeddingMetadata

log = logging.getLogger(__name__)

_SERVER = 160000
_PGVECTOR = (0, 8, 0)  # the first with iterative scans
_PGVECTOR_SOUND = (0, 8, 4)  # older ones have a buffer overflow in parallel builds, and vacuum can corrupt an index


async def check_store(connection: Connection, config: StoreConfig) -> tuple[str, StoreFacts]:
    """Check what every configuration needs: versions, schema, functions and the kind of the vector index.

    Terms that are out of date are only logged. Returns pgvector's schema, and what the store was made for. Raises
    `SchemaError`.
    """
    rows = await run(connection, "store_facts")
    if not rows:
        raise SchemaError(VECTORS_ARE_GONE, BACKEND)
    facts = rows[0]
    _check_versions(facts)
    if not facts["functions_at_home"]:
        raise SchemaError(
            f"the functions in the schema {config.postgres.schema!r} were made for one of another name, whose tables they "
            "would read and write: rename it back, or copy the chunks into a new store with copy_documents",
            BACKEND,
        )
    await _check_operator_classes(connection, facts["distance"], facts["column_type"])
    if outdated := await outdated_terms(connection):
        log.warning(
            "keyword search may miss chunks, because their terms are out of date (%s): call rederive_terms(), which works while "
            "the store is in use",
            "; ".join(outdated),
        )
    return str(facts["vector_schema"]), await _stored(connection, facts)


async def _stored(connection: Connection, facts: asyncpg.Record) -> StoreFacts:
    profiles = [EmbeddingMetadata(**row) for row in await run(connection, "get_profile")]
    profile = profiles[0] if profiles else None
    return StoreFacts(facts["dimensions"], facts["distance"], facts["language"], profile, facts["generation"])


async def require_unchanged(connection: Connection, opened: StoreFacts) -> None:
    """Raise an error if the store is for other vectors now than when it was opened. `check_unchanged` says which."""
    for facts in await run(connection, "store_facts"):
        check_unchanged(opened, await _stored(connection, facts), BACKEND)


def _check_versions(facts: asyncpg.Record) -> None:
    if facts["server_version"] < _SERVER:
        raise SchemaError(
            f"the server is PostgreSQL {facts['server_version'] // 10000}, but this library needs 16 or newer", BACKEND
        )
    version = tuple(int(part) for part in facts["vector_version"].split(".")[:3])
    if version < _PGVECTOR:
        raise SchemaError(
            f"pgvector is {facts['vector_version']}, but this library needs 0.8.0 or newer: install it on the server, "
            "then run: alter extension vector update;",
            BACKEND,
        )
    if version < _PGVECTOR_SOUND:
        log.warning("pgvector %s has known index corruption bugs: upgrade to 0.8.4 or newer", facts["vector_version"])


async def check_letters(connection: Connection) -> None:
    """Raise `SchemaError` unless the database knows letters beyond ASCII. Without them, some functions cannot be made.

    PostgreSQL's parser uses the database's character type to tell letters from marks, and upper case from lower case.
    """
    (facts,) = await run(connection, "letters")
    if not facts["knows_letters"]:
        raise SchemaError(
            f"the database (encoding {facts['encoding']}, character type {facts['ctype']!r}) knows no letters beyond "
            "ASCII, so keyword search would miss words. Make one that does: "
            "create database … template template0 encoding 'UTF8' locale_provider libc locale 'C.UTF-8'",
            BACKEND,
        )


async def _check_operator_classes(connection: Connection, distance: str, column_type: str) -> None:
    suffix = {"cosine": "cosine", "l2": "l2", "inner_product": "ip"}[distance]
    wanted = f"{column_type}_{suffix}_ops"
    allowed = {wanted, f"halfvec_{suffix}_ops", "bit_hamming_ops"}  # an index may be less precise than the column
    for row in await run(connection, "index_facts"):
        if row["method"] in ("hnsw", "ivfflat") and row["operator_class"] not in allowed:
            raise SchemaError(
                f"the vector index {row['name']} is for {row['operator_class']}, storage.distance "
                f"{distance!r} needs {wanted}: drop the index, and the next start builds the right one",
                BACKEND,
            )


async def check_session(connection: Connection, asked: dict[str, str]) -> None:
    """Read the session's settings back, and raise `ConfigError` if one is not as it was asked for.

    If a server does not accept a setting of the startup packet, it ignores it with a warning.
    """
    (facts,) = await run(connection, "session_facts")
    for setting in ("hnsw.ef_search", "hnsw.iterative_scan", "plan_cache_mode", "agent_brain.keyword_budget"):
        got = facts[setting.rpartition(".")[2]]
        check_setting(setting, asked[setting], got)


async def check_same_server(pooled: Connection, direct: Connection) -> None:
    """Raise `ConfigError` unless the direct connection is one of the database that the pooler leads to."""
    (facts,) = await run(direct, "session_schema")
    if not await run(pooled, "session_state", pid=facts["pid"]):
        raise ConfigError(
            "storage.postgres.direct_url leads to another server or database than the pooler: name the same one in both",
            BACKEND,
        )
