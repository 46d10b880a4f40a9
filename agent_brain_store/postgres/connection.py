"""Say how a connection is opened, open one with patience, and run query files on it."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import math
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import asyncpg
from pgvector.asyncpg import register_vector

from agent_brain_store.checks.chunks import INT64
from agent_brain_store.config import PostgresConfig, Secret, StoreConfig
from agent_brain_store.errors import ConnectionFailed, StorageError
from agent_brain_store.postgres.errors import BACKEND, DRIVER_ERRORS, RETRIABLE_STATES
from agent_brain_store.postgres.sql import queries

log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.1  # seconds before the second attempt to connect; the pause doubles after each attempt
_LONGEST_PAUSE = 2.0  # seconds
_WARN_AT = 3  # attempts that fail before a warning; a server that restarts needs one or two
_FAREWELL = 2.0  # seconds that a server has to answer when a connection is closed

# When the network is silent, the system asks the other side, and closes the connection a minute later. Names that a system
# does not have are left out.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}

# Citus hides shards from the catalogs, by a condition that is evaluated for each row. The driver's look at a type then
# takes seconds. And it keeps one connection to each node. The others are opened anew for each search, without plans.
_ON_A_CLUSTER = {"citus.override_table_visibility": "off", "citus.max_cached_conns_per_worker": "4"}


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that asks whether a silent server is still there.

    ``opened_at`` is a time of the monotonic clock. ``replayed`` is a position of the write-ahead log that a standby is
    known to have, or -1. ``preamble`` is a statement that gives a transaction the settings of the store. It is empty if
    the session has them. ``distributed`` says whether the chunks are on the nodes of a cluster. Then the files of
    ``sql/citus`` are preferred.
    """

    __slots__ = ("distributed", "opened_at", "preamble", "replayed")

    def __init__(self, protocol: Any, transport: asyncio.Transport, *more: Any) -> None:
        super().__init__(protocol, transport, *more)
        self.opened_at, self.preamble, self.replayed = time.monotonic(), "", -1
        self.distributed = False
        keep_alive(transport.get_extra_info("socket"))

    def note_replayed(self, position: int) -> None:
        """Remember how far the standby has come. A pool hands out proxies, on which no attribute can be set."""
        self.replayed = position


def keep_alive(connected: socket.socket) -> None:
    """Let the system notice that the other side of a TCP connection is gone."""
    if connected.family in (socket.AF_INET, socket.AF_INET6):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def farewell(connection: Connection) -> None:
    """Close a connection. If the server does not answer in time, it is dropped. Nothing is raised for that."""
    with suppress(*DRIVER_ERRORS):
        await connection.close(timeout=_FAREWELL)


# --- opening ---------------------------------------------------------------------------------------------------------


def connect_arguments(config: PostgresConfig) -> dict[str, Any]:
    """Return asyncpg's keyword arguments. A setting that is None is left out, so libpq's environment variables decide."""
    password = config.password
    several = "read-write" if isinstance(config.host, tuple) else None
    arguments = {
        "host": list(config.host) if isinstance(config.host, tuple) else config.host,
        "port": list(config.port) if isinstance(config.port, tuple) else config.port,
        "user": config.user,
        "database": config.database,
        "password": None if password is None else _source(password),  # a callable shows nothing in a traceback
        "target_session_attrs": config.target_session_attrs or several,
        "timeout": config.connect_timeout,
        "command_timeout": config.command_timeout,
        **_tls(config),
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _source(password: Secret) -> Callable[[], Any]:
    """Return what gives the password whenever a connection is opened. Errors of a user's function become ours."""
    if password.is_fixed:
        return password.reveal

    async def fetch() -> Any:
        try:
            value = password.reveal()
            return await value if inspect.isawaitable(value) else value
        except StorageError:
            raise
        except Exception as error:
            raise ConnectionFailed(
                f"connecting: the function that gives the password has failed ({type(error).__name__})", BACKEND
            ) from error

    return fetch


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
    return (_ON_A_CLUSTER if postgres.distributed == "citus" else {}) | {
        "search_path": search_path,
        "plan_cache_mode": "force_custom_plan",
        "jit": "off",
        # A role or a database may set these. Names in quotes, escapes in strings and rows left out would be misread.
        "quote_all_identifiers": "off",
        "standard_conforming_strings": "on",
        "gin_fuzzy_search_limit": "0",
        # It is five more than configured, because nearest() may read five rows behind the last. They would start a second
        # scan. pgvector allows at most 1000.
        "hnsw.ef_search": str(min(postgres.hnsw_ef_search + 5, 1000)),
        "hnsw.iterative_scan": "relaxed_order",
        "ivfflat.iterative_scan": "relaxed_order",
        "ivfflat.probes": str(probes),
        "application_name": postgres.application_name,
        "agent_brain.keyword_budget": str(keyword.budget),
        "agent_brain.k1": repr(keyword.k1),
        "agent_brain.b": repr(keyword.b),
        "agent_brain.heading_weight": repr(keyword.heading_weight),
        "agent_brain.summary_weight": repr(keyword.summary_weight),
    }


async def connect(attempt: Callable[[], Awaitable[Connection]], patience: float) -> Connection:
    """Open one connection. Raises `ConnectionFailed`.

    While a server is starting or cannot be reached, it tries again for ``patience`` seconds. If the server refuses the
    user or the database, or if nobody knows its name, it does not.
    """
    loop = asyncio.get_running_loop()
    deadline, pause, tried = loop.time() + patience, _FIRST_PAUSE, 0
    while True:
        try:
            return await attempt()
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


def _worth_retrying(cause: BaseException | None) -> bool:
    if isinstance(cause, asyncpg.PostgresError):
        return (cause.sqlstate or "") in RETRIABLE_STATES
    if isinstance(cause, asyncpg.TargetServerAttributeNotMatched):
        return True  # a standby is about to be promoted
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
    return _DECODER.raw_decode(str(data, "utf-8"), 1)[0]  # behind the version of the form


def _integer(text: str) -> int | float:
    """Read an integer of jsonb. Beyond 64 bits it was stored as a float: jsonb writes 1e22 as digits."""
    value = int(text)
    return value if value in INT64 else float(text)


# json.loads would make a new decoder for every row.
_DECODER = json.JSONDecoder(parse_int=_integer)


async def run(connection: Connection, name: str, /, **values: Any) -> list[asyncpg.Record]:
    """Run a query file. Returns its rows. ``name`` is the file's stem, and ``values`` are its parameters by name."""
    query = queries(connection.distributed)[name]
    rows: list[asyncpg.Record] = await connection.fetch(query.statement, *query.args(values))
    return rows
