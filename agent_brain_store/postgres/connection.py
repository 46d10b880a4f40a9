"""Open a connection, give it settings and codecs, and run query files on it."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import socket
import ssl
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import asyncpg
from pgvector.asyncpg import register_vector

from agent_brain_store.checks.chunks import INT64
from agent_brain_store.config import PostgresConfig, StoreConfig
from agent_brain_store.errors import ConnectionFailed
from agent_brain_store.postgres.errors import BACKEND, RETRIABLE_STATES, is_lost_connection, translated
from agent_brain_store.postgres.sql import queries
from agent_brain_store.postgres.surroundings import surroundings_explained

log = logging.getLogger(__name__)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_FIRST_PAUSE = 0.1  # seconds before the second attempt to connect; the pause doubles after each attempt
_LONGEST_PAUSE = 2.0  # seconds
_WARN_AT = 3  # attempts that fail before a warning; a server that restarts needs one or two


# --- opening ---------------------------------------------------------------------------------------------------------


def connect_arguments(config: PostgresConfig, settings: dict[str, str]) -> dict[str, Any]:
    """Return asyncpg's keyword arguments. A setting that is None is left out, so libpq's environment variables decide."""
    password = config.password
    arguments = {
        "host": list(config.host) if isinstance(config.host, tuple) else config.host,
        "port": list(config.port) if isinstance(config.port, tuple) else config.port,
        "user": config.user,
        "database": config.database,
        "password": None if password is None else password.reveal,  # a callable shows nothing in a traceback
        "timeout": config.connect_timeout,
        "command_timeout": config.command_timeout,
        "server_settings": settings,
        **_tls(config),
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _tls(config: PostgresConfig) -> dict[str, Any]:
    """Return asyncpg's arguments for TLS, with the meaning that libpq gives to the settings.

    asyncpg takes modes and files from a URL, and the system's certificates as a context.
    """
    if config.ssl_root_cert == "system":
        context = ssl.create_default_context()
        if config.ssl_cert is not None and config.ssl_key is not None:
            context.load_cert_chain(config.ssl_cert, config.ssl_key)
        return {"ssl": context}
    files = {"sslrootcert": config.ssl_root_cert, "sslcert": config.ssl_cert, "sslkey": config.ssl_key}
    given = {name: str(value) for name, value in {"sslmode": config.ssl_mode, **files}.items() if value is not None}
    return {"dsn": "postgresql://?" + urlencode(given)} if given else {}


def session_settings(config: StoreConfig, search_path: str) -> dict[str, str]:
    """Return the settings of a session.

    They are sent in the startup packet. This costs no round trip, and the session falls back to them after a reset.
    Iterative scans keep filtered vector searches complete. With custom plans, the planner sees how selective each
    filter is.
    """
    postgres, keyword = config.postgres, config.keyword
    # pgvector advises the square root of the lists. If they are not configured, their number is not known yet.
    probes = postgres.ivfflat_probes or math.isqrt(postgres.ivfflat_lists or 100)
    return {
        "search_path": search_path,
        "plan_cache_mode": "force_custom_plan",
        "jit": "off",
        # A role or a database may set these. Names in quotes, escapes in strings and rows left out would be misread.
        "quote_all_identifiers": "off",
        "standard_conforming_strings": "on",
        "gin_fuzzy_search_limit": "0",
        # It is five more than configured, because nearest() reads five rows behind the last. They would start a second
        # scan. pgvector allows at most 1000.
        "hnsw.ef_search": str(min(postgres.hnsw_ef_search + 5, 1000)),
        "hnsw.iterative_scan": "strict_order",
        "ivfflat.iterative_scan": "relaxed_order",
        "ivfflat.probes": str(probes),
        "application_name": "agent_brain_store",
        "agent_brain.keyword_budget": str(keyword.budget),
        "agent_brain.k1": repr(keyword.k1),
        "agent_brain.b": repr(keyword.b),
        "agent_brain.heading_weight": repr(keyword.heading_weight),
        "agent_brain.summary_weight": repr(keyword.summary_weight),
    }


async def connect(arguments: dict[str, Any], patience: float) -> Connection:
    """Open one connection. Raises `ConnectionFailed`.

    While a server is starting or cannot be reached, it tries again for ``patience`` seconds. If the server refuses the
    user or the database, or if nobody knows its name, it does not.
    """
    loop = asyncio.get_running_loop()
    deadline, pause, tried = loop.time() + patience, _FIRST_PAUSE, 0
    while True:
        try:
            with translated(f"connecting to {server_name(arguments)}"):
                return await _connect_once(arguments)
        except ConnectionFailed as error:
            if not _worth_retrying(error.__cause__) or loop.time() + pause > deadline:
                raise
            tried += 1
            level = logging.WARNING if tried == _WARN_AT else logging.INFO
            log.log(level, "%s; trying again for up to %.0f s", error.message, deadline - loop.time())
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def server_name(arguments: dict[str, Any]) -> str:
    """Return the server of a connection for a message: what the configuration says, or what libpq's variables say."""
    hosts = arguments.get("host") or os.environ.get("PGHOST") or "the default host"
    named = ", ".join(hosts) if isinstance(hosts, list) else str(hosts)
    ports = arguments.get("port") or os.environ.get("PGPORT")
    if not ports or named.startswith("/"):
        return named
    return f"{named}:{', '.join(map(str, ports)) if isinstance(ports, list) else ports}"


async def _connect_once(arguments: dict[str, Any]) -> Connection:
    try:
        with surroundings_explained():
            return await asyncpg.connect(**arguments)
    except TimeoutError as error:
        raise ConnectionFailed(
            f"connecting to {server_name(arguments)}: no answer within {arguments['timeout']:g} s "
            "(storage.postgres.connect_timeout)",
            BACKEND,
        ) from error
    except asyncpg.InvalidPasswordError as error:
        if _has_password(arguments):
            raise
        raise ConnectionFailed(
            f"connecting to {server_name(arguments)}: the server asks for a password, and none is configured "
            f"({error.sqlstate}); set storage.postgres.password_file or password_env, or PGPASSWORD",
            BACKEND,
        ) from error


def _has_password(arguments: dict[str, Any]) -> bool:
    """Return whether there is a password, or a file of libpq's that may have one."""
    file = Path(os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")
    return "password" in arguments or "PGPASSWORD" in os.environ or file.exists()


def _worth_retrying(cause: BaseException | None) -> bool:
    if isinstance(cause, asyncpg.PostgresError):
        return (cause.sqlstate or "") in RETRIABLE_STATES or is_lost_connection(cause)
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN  # the name may exist, but nobody who knows could be asked
    return isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError)


# --- codecs and queries ----------------------------------------------------------------------------------------------


async def register_codecs(connection: Connection, vector_schema: str) -> None:
    """Teach a connection to send and read vectors and jsonb in binary form."""
    await register_vector(connection, schema=vector_schema)
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _decode_jsonb(data: bytes) -> Any:
    return _DECODER.decode(str(data[1:], "utf-8"))


def _integer(text: str) -> int | float:
    """Read an integer of jsonb. Beyond 64 bits it was stored as a float: jsonb writes 1e22 as digits."""
    value = int(text)
    return value if value in INT64 else float(text)


# json.loads would make a new decoder for every row.
_DECODER = json.JSONDecoder(parse_int=_integer)


async def run(connection: Connection, name: str, /, **values: Any) -> list[asyncpg.Record]:
    """Run a query file. Returns its rows. ``name`` is the file's stem, and ``values`` are its parameters by name."""
    query = queries()[name]
    rows: list[asyncpg.Record] = await connection.fetch(query.text, *query.args(values))
    return rows
