"""Open sessions that have the settings of a store, and refuse one that is not in the store's schema."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import asyncpg

from agent_brain_store.config.rules import expanded
from agent_brain_store.errors import ConfigError, ConnectionFailed
from agent_brain_store.postgres.connection import Connection, connect, register_codecs, run, server_name
from agent_brain_store.postgres.errors import BACKEND, translated
from agent_brain_store.postgres.sql import named
from agent_brain_store.postgres.surroundings import surroundings_explained
from agent_brain_store.postgres.transactions import with_settings

Connect: TypeAlias = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Sessions:
    """How the sessions of one store are opened.

    ``arguments`` are asyncpg's for a connection, without settings. ``pooler`` is what stands in between, as in the
    configuration. ``connector`` takes the place of ``asyncpg.connect``. ``vector_schema`` is the schema of pgvector,
    and None as long as it is unknown. ``distributed`` says whether the store is spread over a cluster. ``processes`` has
    the open sessions by their servers' processes.
    """

    arguments: dict[str, Any]
    settings: dict[str, str]
    pooler: str = "none"
    connector: Connect | None = None
    vector_schema: str | None = None
    distributed: bool = False
    processes: MutableMapping[tuple[Any, ...], Connection] = field(default_factory=WeakValueDictionary, repr=False)

    def with_settings(self, **settings: str) -> Sessions:
        """Return the same with more settings, or others."""
        return replace(self, settings=self.settings | settings)

    def for_store(self, search_path: str, vector_schema: str, distributed: bool) -> Sessions:
        """Return the same for a store of which is known where pgvector is, and whether a cluster holds it."""
        sessions = self.with_settings(search_path=search_path)
        return replace(sessions, vector_schema=vector_schema, distributed=distributed)

    def untimed(self, lock_timeout: float | None) -> Sessions:
        """Return the same for work that takes long: a statement has no time limit.

        ``lock_timeout`` is how many seconds a statement waits for a lock. None means for ever.
        """
        waiting = {} if lock_timeout is None else {"lock_timeout": f"{lock_timeout:.0f}s"}
        arguments = self.arguments | {"command_timeout": None}
        return replace(self, arguments=arguments).with_settings(statement_timeout="0", **waiting)

    async def connect(self, patience: float) -> Connection:
        """Open a session, and try again for ``patience`` seconds while there is no server. Raises `ConnectionFailed`."""
        return await connect(self.open, patience)

    async def open(self, *_: Any, **__: Any) -> Connection:
        """Open a session by one attempt. Raises `ConnectionFailed` or `ConfigError`.

        A pool calls it with arguments of its own. They are not needed.
        """
        limit, doing = self.arguments["timeout"], f"connecting to {server_name(self.arguments)}"
        try:
            async with asyncio.timeout(limit):
                with translated(doing):
                    return await self._open()
        except TimeoutError as error:
            raise ConnectionFailed(
                f"{doing}: no answer within {limit:g} s (storage.postgres.connect_timeout)", BACKEND
            ) from error

    async def _open(self) -> Connection:
        connect = self.connector or asyncpg.connect
        try:
            with surroundings_explained():
                connection: Connection = await connect(**self.arguments | self._for_pooler())
        except asyncpg.InvalidPasswordError as error:
            if self._has_password():
                raise
            raise ConnectionFailed(
                f"connecting to {server_name(self.arguments)}: the server asks for a password, and none is configured "
                f"({error.sqlstate}); set storage.postgres.password_file or password_env, or PGPASSWORD",
                BACKEND,
            ) from error
        if not hasattr(connection, "preamble"):
            connection.terminate()
            raise ConfigError("connect= has to pass on the argument connection_class, as all that it is given", BACKEND)
        connection.distributed = self.distributed
        try:
            if self.pooler != "none":
                await self._send_settings(connection)
            async with with_settings(connection):
                await self._check_session(connection)
                if self.vector_schema is not None:
                    await register_codecs(connection, self.vector_schema)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _has_password(self) -> bool:
        """Return whether there is a password, or a file of libpq's that may have one."""
        file = expanded(os.environ.get("PGPASSFILE") or "~/.pgpass")
        return "password" in self.arguments or "PGPASSWORD" in os.environ or file.exists()

    def _for_pooler(self) -> dict[str, Any]:
        """Return the rest of asyncpg's arguments.

        Without a pooler, the settings go with the startup packet, which costs no round trip. Poolers refuse most of
        them there. In transaction mode, a prepared statement may be missing where the next transaction runs.
        """
        settings = self.settings
        if self.pooler != "none":
            settings = {"application_name": settings["application_name"]}
        # The limit of time is the caller's. The driver's own would look like that of a statement.
        arguments = {"timeout": None, "server_settings": settings, "connection_class": Connection}
        return arguments | ({"statement_cache_size": 0} if self.pooler == "transaction" else {})

    async def _send_settings(self, connection: Connection) -> None:
        """Give the session its settings, or let each of its transactions begin with them."""
        settings = dict(self.settings)
        if self.pooler == "transaction":
            # The driver changes jit for the session while it learns types, and would leave it off for others. This has
            # the same effect.
            del settings["jit"]
            settings["jit_above_cost"] = "-1"
            if "default_transaction_read_only" in settings:  # it would hold from the next transaction on
                settings["transaction_read_only"] = settings.pop("default_transaction_read_only")
        (row,) = await run(
            connection,
            "write_settings",
            names=[*settings],
            values=[*settings.values()],
            until_commit=self.pooler == "transaction",
        )
        if self.pooler == "transaction":
            connection.preamble = named("write_settings", row["statement"])
        else:
            await connection.execute(named("write_settings", row["statement"]))

    async def _check_session(self, connection: Connection) -> None:
        """Raise `ConfigError` unless this is a session of its own that looks up names in the store's schema.

        Otherwise it would use another store, or do so later, when a pooler hands the server's session to somebody else.
        """
        (facts,) = await run(connection, "session_schema")
        check_setting("search_path", self.settings["search_path"], facts["search_path"])
        if self.pooler == "transaction":
            return
        process = facts["server_started"], facts["pid"]
        other = self.processes.get(process)
        if other is not None and not other.is_closed():
            raise ConfigError(
                f"two connections share one session of the server, but storage.postgres.pooler is {self.pooler}: a pooler "
                "works in transaction mode; set storage.postgres.pooler to transaction",
                BACKEND,
            )
        self.processes[process] = connection


def check_setting(name: str, asked: str, got: str) -> None:
    """Raise `ConfigError` if a session's setting is not what was asked for."""
    if got != asked:
        raise ConfigError(
            f"the server runs with {name} = {got}, but {asked} was requested: a pooler may have dropped the session "
            "settings; set storage.postgres.pooler, or connect to the server directly",
            BACKEND,
        )
