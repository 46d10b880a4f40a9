"""Connections: how they are opened, what they carry, and how the driver's errors become ours."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias
from urllib.parse import urlencode

import asyncpg
from pgvector.asyncpg import register_vector

from agent_brain_store.config import PostgresConfig
from agent_brain_store.errors import ConnectionFailed, PoolTimeout, QueryFailed, StorageError
from agent_brain_store.records import INT64
from agent_brain_store.sql import queries

log = logging.getLogger(__name__)

BACKEND = "postgres"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_FIRST_PAUSE = 0.1  # seconds before the second attempt to connect; doubles up to the next
_LONGEST_PAUSE = 2.0
_RETRIABLE_STATES = ("57P03", "53300")  # starting up or shutting down; too many connections
_LOST_STATES = ("08", "57P01", "57P02", "57P05", "25P03")  # by prefix: the connection is gone
_CLOSE_TIMEOUT = 10.0  # seconds for queries under way when a pool closes


# --- opening ---------------------------------------------------------------------------------------------------------


def connect_arguments(config: PostgresConfig, settings: dict[str, str]) -> dict[str, Any]:
    """asyncpg's keyword arguments. What the configuration leaves open is left to libpq's environment variables."""
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
    """TLS as libpq means it: asyncpg reads modes and files from a URL, and the system's certificates as a context."""
    if config.ssl_root_cert == "system":
        context = ssl.create_default_context()
        if config.ssl_cert is not None and config.ssl_key is not None:
            context.load_cert_chain(config.ssl_cert, config.ssl_key)
        return {"ssl": context}
    files = {"sslrootcert": config.ssl_root_cert, "sslcert": config.ssl_cert, "sslkey": config.ssl_key}
    given = {name: str(value) for name, value in {"sslmode": config.ssl_mode, **files}.items() if value is not None}
    return {"dsn": "postgresql://?" + urlencode(given)} if given else {}


def session_settings(config: PostgresConfig, search_path: str) -> dict[str, str]:
    """Settings that ride in the startup packet: no round trip, and they are what the session falls back to.

    Iterative scans keep filtered vector searches complete. Custom plans see how selective this very filter is.
    """
    # pgvector's advice is the square root of the lists; when they are not configured, nobody knows them yet.
    probes = config.ivfflat_probes or math.isqrt(config.ivfflat_lists or 100)
    return {
        "search_path": search_path,
        "plan_cache_mode": "force_custom_plan",
        "jit": "off",
        # One more: "with ties" looks at the row behind the last, which would start a second scan. 1000 is pgvector's limit.
        "hnsw.ef_search": str(min(config.hnsw_ef_search + 1, 1000)),
        "hnsw.iterative_scan": "strict_order",
        "ivfflat.iterative_scan": "relaxed_order",
        "ivfflat.probes": str(probes),
        "application_name": "agent_brain_store",
    }


async def connect(arguments: dict[str, Any], patience: float) -> Connection:
    """One connection; tries again for ``patience`` seconds while a server is starting, not after a refusal."""
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + patience, _FIRST_PAUSE
    while True:
        try:
            with translated("connecting"):
                return await _connect_once(arguments)
        except ConnectionFailed as error:
            if not _worth_retrying(error.__cause__) or loop.time() + pause > deadline:
                raise
            log.info("no connection yet (%s); trying again in %.1f s", error.message, pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _connect_once(arguments: dict[str, Any]) -> Connection:
    try:
        return await asyncpg.connect(**arguments)
    except TimeoutError as error:
        raise ConnectionFailed(
            f"connecting: no answer within {arguments['timeout']:g} s (storage.postgres.connect_timeout)", BACKEND
        ) from error


def _worth_retrying(cause: BaseException | None) -> bool:
    if isinstance(cause, asyncpg.PostgresError):
        return (cause.sqlstate or "") in _RETRIABLE_STATES or _means_lost(cause)
    return isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError)


async def open_pool(arguments: dict[str, Any], size: int, vector_schema: str) -> Pool:
    """A pool of at most ``size`` connections with the codecs for vectors and jsonb. Opens none yet."""

    async def init(connection: Connection) -> None:
        await register_vector(connection, schema=vector_schema)
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
        )

    return await asyncpg.create_pool(min_size=0, max_size=size, init=init, reset=_nothing, **arguments)


async def _nothing(_: Connection) -> None:
    """In place of the driver's reset, a round trip after every use: no query of ours changes a session."""


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _decode_jsonb(data: bytes) -> Any:
    return _DECODER.decode(str(data[1:], "utf-8"))


def _integer(text: str) -> int | float:
    """jsonb writes 1e22 as digits; no integer beyond 64 bits was ever stored."""
    value = int(text)
    return value if value in INT64 else float(text)


# json.loads would make one for every row.
_DECODER = json.JSONDecoder(parse_int=_integer)


async def close_pool(pool: Pool) -> None:
    """Wait for queries under way, but not for ever."""
    try:
        await asyncio.wait_for(pool.close(), _CLOSE_TIMEOUT)
    except TimeoutError:
        pool.terminate()


@asynccontextmanager
async def acquire(pool: Pool, timeout: float) -> AsyncIterator[Connection]:
    """A pooled connection. Raises `PoolTimeout` when none became free within ``timeout`` seconds."""
    try:
        connection = await pool.acquire(timeout=timeout)
    except TimeoutError as error:
        raise PoolTimeout(
            f"no connection became free within {timeout:g} s (all {pool.get_max_size()} of this pool are busy): "
            "raise storage.postgres.pool_size or pool_timeout, or send less at once",
            BACKEND,
        ) from error
    try:
        yield connection  # a proxy with the connection's methods
    finally:
        # The caller has its result, or its error: that the connection was lost on its way back changes neither.
        with suppress(*_DRIVER_ERRORS):
            if connection.is_in_transaction():  # cancelled while it committed
                connection.terminate()
            await asyncio.shield(pool.release(connection))


async def run(connection: Connection, name: str, /, **values: Any) -> list[asyncpg.Record]:
    """The rows of a query file."""
    query = queries()[name]
    rows: list[asyncpg.Record] = await connection.fetch(query.text, *query.args(values))
    return rows


# --- errors ----------------------------------------------------------------------------------------------------------

_DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn the driver's errors into ours. The message keeps the server's words, which hold neither SQL nor secrets."""
    try:
        yield
    except StorageError:
        raise
    except _DRIVER_ERRORS as error:
        raise _typed(error, operation) from error


def _typed(error: BaseException, operation: str) -> StorageError:
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or "?????"
        if state.startswith("28"):
            hint = "check user and password (storage.postgres.user, password_env or password_file)"
            return ConnectionFailed(f"{operation}: the server refuses the user or password ({state}); {hint}", BACKEND)
        if state == "3D000":
            return ConnectionFailed(f"{operation}: {error}; create it, or set storage.postgres.database", BACKEND)
        if state in _RETRIABLE_STATES or _means_lost(error):
            return ConnectionFailed(f"{operation}: {error} ({state})", BACKEND)
        if state == "57014":
            return QueryFailed(f"{operation} took too long and was cancelled ({state})", BACKEND)
        # The detail of a violated constraint is the row.
        reason = error.args[0] if state.startswith("23") else error
        return QueryFailed(f"{operation} was refused by the server: {reason} ({state})", BACKEND)
    if isinstance(error, TimeoutError):
        return QueryFailed(f"{operation} took longer than storage.postgres.command_timeout", BACKEND)
    if is_lost(error) or isinstance(error, OSError):
        return ConnectionFailed(f"{operation}: no connection to the server ({_reason(error)})", BACKEND)
    return QueryFailed(f"{operation} failed in the driver: {error}", BACKEND)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it was lost" if not isinstance(error, OSError) else type(error).__name__


def is_lost(error: BaseException | None) -> bool:
    """Whether an error, or what it hides, means that the connection is gone."""
    while error is not None:
        if _means_lost(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _means_lost(error: BaseException) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_LOST_STATES)
    if isinstance(error, asyncpg.InternalClientError):
        return "cannot switch to state" in str(error)
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)
    return isinstance(error, (ConnectionError, OSError)) and not isinstance(error, TimeoutError)
