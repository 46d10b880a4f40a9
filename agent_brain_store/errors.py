"""This module defines every error that the library raises on purpose.

    StorageError                     the root: catch this
    ├── ConfigError                  the configuration is wrong; lists every problem
    ├── MissingDependency            the driver of the chosen backend is not installed
    ├── NotInitialized               used before initialize() or after close()
    ├── InvalidDocumentError         chunks cannot be stored; names the id, the position and the field of each
    ├── InvalidFilterError           a metadata filter cannot be understood; shows the place
    ├── InvalidQueryError            a search argument is out of range
    ├── DimensionMismatchError       vectors of another length than the store's
    ├── ProviderMismatchError        the store was filled by another embedding model
    ├── SchemaError                  the store's structure is not what the configuration asks for
    │   ├── SchemaTooNew             written by a newer version of this library
    │   └── MigrationFailed          a file of sql/ failed to apply; the database is as it was
    ├── ConnectionFailed             the server cannot be reached, or refuses us
    │   └── NodeFailed               a node of a Citus cluster does not answer; names it
    ├── PoolTimeout                  no connection became free in time
    ├── StoreLocked                  another process has this Chroma directory open
    ├── DiskFull                     the disk has too little room left for a Chroma directory
    ├── ReadOnlyStore                asked to write, but opened with read_only=True
    ├── QueryFailed                  the server refused a statement
    ├── TransferError                an export is damaged, or a copy is not what was sent
    └── OutcomeUnknown               the connection was lost during a commit: it may or may not have happened

A message says what is wrong, with both values, and what you can do about it. It carries no SQL, no password and no
driver class. The driver's own exception is chained as ``__cause__``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent_brain_store.results import ChunkProblem


class StorageError(Exception):
    """The root of the tree. Catch it to catch every error of this library.

    ``message`` is for people. ``backend`` is ``"chroma"`` or ``"postgres"``. It is None when no backend was involved,
    as with a wrong argument.
    """

    def __init__(self, message: str, backend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.backend = backend

    def __reduce__(self) -> Any:
        # By default, pickle and copy would call a subclass without its keyword arguments.
        return _bare, (type(self), *self.args), self.__dict__


def _bare(kind: type[StorageError], *args: Any) -> StorageError:
    return kind.__new__(kind, *args)


class ConfigError(StorageError):
    """The configuration is wrong. ``problems`` holds one line for each problem."""

    def __init__(self, message: str, backend: str | None = None, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, backend)
        self.problems = problems or (message,)


class MissingDependency(StorageError):
    """The package that the chosen backend needs is not installed."""


class NotInitialized(StorageError):
    """A method was called before ``initialize()`` or after ``close()``."""


class InvalidDocumentError(StorageError):
    """Chunks cannot be stored. Nothing of their call was written.

    ``problems`` has every problem of the call, in the order of the chunks. ``chunk_id``, ``position`` and ``field`` are
    those of the first one.
    """

    def __init__(
        self,
        message: str,
        *,
        chunk_id: str | None,
        position: int,
        field: str,
        problems: tuple[ChunkProblem, ...] = (),
    ) -> None:
        super().__init__(message)
        self.chunk_id = chunk_id
        self.position = position
        self.field = field
        self.problems = problems


class InvalidFilterError(StorageError):
    """A metadata filter cannot be understood. ``place`` says where the problem is, as in ``where.$and[1].year.$gt``."""

    def __init__(self, message: str, *, place: str = "where") -> None:
        super().__init__(message)
        self.place = place


class InvalidQueryError(StorageError):
    """An argument is of the wrong type or out of range."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class DimensionMismatchError(StorageError):
    """Vectors of ``actual`` dimensions met a store or a configuration of ``expected`` dimensions.

    If chunks of a call have such vectors, ``problems`` names each of them.
    """

    def __init__(
        self,
        message: str,
        backend: str | None = None,
        *,
        expected: int,
        actual: int,
        problems: tuple[ChunkProblem, ...] = (),
    ) -> None:
        super().__init__(message, backend)
        self.expected = expected
        self.actual = actual
        self.problems = problems


class ProviderMismatchError(StorageError):
    """Another embedding model than the current one filled the store. Their vectors cannot be compared."""

    def __init__(
        self,
        message: str,
        backend: str | None = None,
        *,
        current_provider: str,
        current_model: str,
        indexed_provider: str,
        indexed_model: str,
    ) -> None:
        super().__init__(message, backend)
        self.current_provider = current_provider
        self.current_model = current_model
        self.indexed_provider = indexed_provider
        self.indexed_model = indexed_model


class SchemaError(StorageError):
    """The store's structure is not what the configuration asks for."""


class SchemaTooNew(SchemaError):
    """The store was written by a newer version of this library. Upgrade the library."""


class MigrationFailed(SchemaError):
    """A migration or function file failed. It was rolled back, so the database is as it was before."""


class ConnectionFailed(StorageError):
    """The server cannot be reached, or refuses the user, the password or the database."""


class NodeFailed(ConnectionFailed):
    """A node of a Citus cluster cannot be reached. The coordinator answers, and so do calls that need other nodes alone.

    ``node`` is its host and port, as the coordinator knows it.
    """

    def __init__(self, message: str, backend: str | None = None, *, node: str = "") -> None:
        super().__init__(message, backend)
        self.node = node


class PoolTimeout(StorageError):
    """No pooled connection became free in time. Raise the pool's size or its timeout, or make fewer calls at once."""


class StoreLocked(StorageError):
    """Another process has this Chroma directory open. Chroma loses data when two processes share one."""


class DiskFull(StorageError):
    """The disk has ``free`` bytes left, and a write to a Chroma directory needs ``needed``. It was not begun.

    Earlier pieces of the same call are stored. On PostgreSQL, the server says that its disk is full by `QueryFailed`.
    """

    def __init__(self, message: str, backend: str | None = None, *, free: int, needed: int) -> None:
        super().__init__(message, backend)
        self.free = free
        self.needed = needed


class ReadOnlyStore(StorageError):
    """A store that was opened with ``read_only=True`` was asked to change something."""


class QueryFailed(StorageError):
    """The server refused a statement, or cancelled it on a timeout."""


class TransferError(StorageError):
    """An export is damaged or incomplete, or a store does not hold what was sent to it."""


class OutcomeUnknown(StorageError):
    """The connection was lost during a commit, or the commit took too long. The write may or may not have happened.

    You can safely repeat every write of this library. An upsert replaces chunks by id, and a delete says what it
    deletes.
    """
