"""Turn the driver's errors into errors of this library, and tell which of them mean that a connection is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from agent_brain_store.errors import ConnectionFailed, DimensionMismatchError, NodeFailed, QueryFailed, StorageError
from agent_brain_store.postgres.tracebacks import cut_driver_frames

BACKEND = "postgres"

_TRANSACTION_TIMEOUT = (
    "the role or the database sets transaction_timeout, which is too short for this work: "
    "alter role … set transaction_timeout = 0"
)

# Starting up or shutting down; killed or too many; no connection yet, or one that broke. The other states of class 08 are
# a server or a pooler that refuses what was sent. Sending it again would not help.
RETRIABLE_STATES = ("57P01", "57P02", "57P03", "53300", "08000", "08001", "08003", "08006")
_LOST_STATES = ("08", "57P01", "57P02", "57P05", "25P03")  # with such a prefix, the connection is gone

# What Citus says of a node that dies while it works, with the state of an internal error.
_DIED = re.compile(r"postmaster was shut down|unexpected postmaster exit|connection marked as essential")

# And of a shard that was split: a search or a write still knows the old one.
_SPLIT = re.compile(r'relation "(?:chunks|shard_counts)_\d+"|valid entry for shard|function \w+_\d+\(.* does not exist')
_AFTER_SPLIT = "a shard of the cluster was split: open the store once with a role that may change it, and try again"

_OTHER_LENGTHS = re.compile(r"expected (\d+) dimensions, not (\d+)|different \w+ dimensions (\d+) and (\d+)")
_NODE = re.compile(
    r"(?:remote node|connect to|executing command on|essential:) (?:\S+@)?([\w.-]+:\d+)"
)  # how Citus names a node
_REFUSED_SETTINGS = ("08P01", "0A000")  # how a pooler refuses a parameter of the startup packet
_LOST_STATEMENTS = ("26000", "42P05")  # a prepared statement is missing, or there is another of its name
_POOLER = (
    "a pooler stands between this program and the server: set storage.postgres.pooler to transaction or session, "
    "whichever mode it works in"
)

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn the driver's errors into errors of this library.

    The message keeps the server's own words, which hold neither SQL nor secrets.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        cut_driver_frames(error)
        raise _to_storage_error(error, operation) from error
    except BaseException as error:
        cut_driver_frames(error)
        raise


def caused_by_lost_connection(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, means that the connection is gone."""
    while error is not None:
        if is_lost_connection(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def caused_by_standby(error: BaseException) -> bool:
    """Return whether a write has failed because the server only reads, as the old primary does after a failover."""
    return any(isinstance(cause, asyncpg.ReadOnlySQLTransactionError) for cause in (error, error.__cause__))


def is_lost_connection(error: BaseException) -> bool:
    """Return whether this error itself means that the connection is gone."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(_LOST_STATES) or (state == "XX000" and _DIED.search(str(error)) is not None)
    if isinstance(error, asyncpg.InternalClientError):
        return "cannot switch to state" in str(error)
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)
    return isinstance(error, OSError) and not ran_out(error)


def ran_out(error: BaseException | None) -> bool:
    """Return whether a limit of ours has run out. The system's own ETIMEDOUT means that the connection is gone."""
    return isinstance(error, TimeoutError) and error.errno is None


def _to_storage_error(error: BaseException, operation: str) -> StorageError:
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error, operation)
    if ran_out(error):
        return QueryFailed(f"{operation} took longer than storage.postgres.command_timeout", BACKEND)
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return ConnectionFailed(
            f"{operation}: no host is of the kind that storage.postgres.target_session_attrs asks for "
            "(read-write, if several hosts are given)",
            BACKEND,
        )
    if caused_by_lost_connection(error) or isinstance(error, OSError):
        return ConnectionFailed(f"{operation}: no connection to the server ({_reason(error)})", BACKEND)
    return QueryFailed(f"{operation} failed in the driver: {error}", BACKEND)


def _from_server(error: asyncpg.PostgresError, operation: str) -> StorageError:
    state = error.sqlstate or "?????"
    if state.startswith("28"):
        hint = "check user and password (storage.postgres.user, password_env or password_file)"
        return ConnectionFailed(f"{operation}: the server refuses the user or password ({state}); {hint}", BACKEND)
    if state == "3D000":
        return ConnectionFailed(f"{operation}: {error}; create it, or set storage.postgres.database", BACKEND)
    if "transaction timeout" in str(error):
        return QueryFailed(f"{operation}: {error} ({state}); {_TRANSACTION_TIMEOUT}", BACKEND)
    if state in _REFUSED_SETTINGS and "parameter" in str(error.args[:1]):  # neither in the detail nor in the hint
        return ConnectionFailed(f"{operation}: {error} ({state}); {_POOLER}", BACKEND)
    if is_lost_connection(error) and (node := _NODE.search(f"{error} {error.context or ''}")):
        return NodeFailed(
            f"{operation}: the node {node[1]} of the cluster does not answer ({state}); health() lists its shards as missing",
            BACKEND,
            node=node[1],
        )
    if state in RETRIABLE_STATES or is_lost_connection(error):
        return ConnectionFailed(f"{operation}: {error} ({state})", BACKEND)
    if state == "57014":
        return QueryFailed(f"{operation} took too long and was cancelled ({state})", BACKEND)
    if lengths := _OTHER_LENGTHS.search(str(error)):
        stored, given = int(lengths[1] or lengths[3]), int(lengths[2] or lengths[4])
        return DimensionMismatchError(
            f"{operation}: the store holds vectors of {stored} dimensions now, and this vector has {given}. Since this "
            "store was opened, it was emptied and made anew for another model: open it again",
            BACKEND,
            expected=stored,
            actual=given,
        )
    advice = _POOLER if state in _LOST_STATEMENTS else _AFTER_SPLIT if _SPLIT.search(str(error.args[0])) else None
    if advice:  # the driver adds some about its own arguments
        return QueryFailed(f"{operation}: {error.args[0]} ({state}); {advice}", BACKEND)
    # If a constraint is violated, the error's detail shows the row. It stays out of the message.
    reason = error.args[0] if state.startswith("23") else error
    return QueryFailed(f"{operation} was refused by the server: {reason} ({state})", BACKEND)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it was lost" if not isinstance(error, OSError) else type(error).__name__
