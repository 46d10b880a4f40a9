"""A TCP proxy in front of PostgreSQL that a test can cut, silence, or let forget its connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any


class Proxy:
    """It passes bytes on in both directions. `clients` are the connections that it has."""

    def __init__(self, server: dict[str, Any]) -> None:
        self._server = server
        self._open = asyncio.Event()
        self._open.set()
        self.clients: set[asyncio.StreamWriter] = set()
        self.port = 0

    def postgres(self, **more: Any) -> dict[str, Any]:
        """Return ``storage.postgres`` for the way through the proxy."""
        return {**self._server, "host": "127.0.0.1", "port": self.port, "ssl_mode": "disable", **more}

    def swallow(self) -> None:
        """Accept connections and bytes from now on, and pass on nothing."""
        self._open.clear()

    def speak(self) -> None:
        """Pass on again, also what was swallowed."""
        self._open.set()

    def lead_to(self, server: dict[str, Any]) -> None:
        """Let new connections lead to another server. Those that are open stay where they are."""
        self._server = server

    def forget(self) -> None:
        """Reset every connection, as a firewall does when it has forgotten them."""
        for writer in self.clients:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until either side ends it."""
        self.clients.add(writer)
        ends = [writer]
        try:
            await self._open.wait()
            with suppress(OSError):  # the server may be down
                inner_reader, inner_writer = await to_server(self._server)
                ends.append(inner_writer)
                await asyncio.gather(self._pass_on(reader, inner_writer), self._pass_on(inner_reader, writer))
        finally:
            self.clients.discard(writer)
            for end in ends:
                end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


async def to_server(server: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a bare connection to PostgreSQL."""
    host, port = server["host"], server.get("port", 5432)
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)


@asynccontextmanager
async def proxy(server: dict[str, Any]) -> AsyncIterator[Proxy]:
    """Run a proxy in front of the server of ``storage.postgres``."""
    front = Proxy(server)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(front.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    front.port = listener.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
