"""TLS, through a front that does the encryption for the real PostgreSQL. The wheel's server is built without TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from agent_brain_store import ConnectionFailed, create_backend
from tests.support.postgres import config
from tests.support.servers import Server
from tests.support.stores import fill

pytestmark = pytest.mark.postgres

SSL_REQUEST = (80877103).to_bytes(4)


@dataclass
class Front:
    """A listener that speaks PostgreSQL's TLS and passes on what it decrypts."""

    server: dict[str, Any]
    context: ssl.SSLContext
    port: int = 0
    clients: list[dict[str, Any]] = field(default_factory=list)  # the certificate of each that got through

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opening = await reader.readexactly(8)
        if opening[4:] != SSL_REQUEST:  # "hostssl" in pg_hba.conf refuses it like this
            writer.close()
            return
        writer.write(b"S")
        try:
            await writer.start_tls(self.context)
        except (ssl.SSLError, ConnectionError):
            return
        self.clients.append(writer.get_extra_info("peercert") or {})
        inner_reader, inner_writer = await self._to_server()
        await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))

    async def _to_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.server["host"], self.server.get("port", 5432)
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ssl.SSLError, ConnectionError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def listening(server: Server, context: ssl.SSLContext) -> AsyncIterator[Front]:
    front = Front(server.location, context)
    listener = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    front.port = listener.sockets[0].getsockname()[1]
    yield front
    listener.close()


@dataclass
class Certificates:
    authority: trustme.CA
    root: Path  # it signed the server's certificate
    other_root: Path  # it did not
    directory: Path


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    authority, other = trustme.CA(), trustme.CA()
    root, other_root = tmp_path / "root.crt", tmp_path / "other.crt"
    authority.cert_pem.write_to_path(str(root))
    other.cert_pem.write_to_path(str(other_root))
    return Certificates(authority, root, other_root, tmp_path)


@pytest.fixture
async def front(server: Server, certificates: Certificates) -> AsyncIterator[Front]:
    """Listen with a certificate for "localhost" alone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificates.authority.issue_cert("localhost").configure_cert(context)
    async with listening(server, context) as listener:
        yield listener


async def count(database: dict[str, Any], front: Front, **settings: Any) -> int:
    """Write a chunk through the front and count."""
    postgres = {**database, "host": "localhost", "port": front.port, "connect_timeout": 5, **settings}
    store = create_backend(config(postgres))
    try:
        await store.initialize()
        await fill(store, ("a", "text"))
        return await store.get_count()
    finally:
        await store.close()


@pytest.mark.parametrize("mode", ["allow", "prefer", "require", "verify-ca", "verify-full"])
async def test_a_store_works_over_tls(database, front: Front, certificates: Certificates, mode):
    root = {"ssl_root_cert": str(certificates.root)} if mode.startswith("verify") else {}
    assert await count(database, front, ssl_mode=mode, **root) == 1
    assert front.clients


async def test_a_server_that_demands_tls_refuses_a_store_without(database, front: Front):
    with pytest.raises(ConnectionFailed):
        await count(database, front, ssl_mode="disable", connect_timeout=1)
    assert not front.clients


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_a_certificate_that_the_root_did_not_sign_is_refused(database, front: Front, certificates, mode):
    with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await count(database, front, ssl_mode=mode, ssl_root_cert=str(certificates.other_root))
    assert not front.clients


async def test_only_verify_full_compares_the_name_of_the_host(database, front: Front, certificates: Certificates):
    by_address = {"host": "127.0.0.1", "ssl_root_cert": str(certificates.root)}
    assert await count(database, front, ssl_mode="verify-ca", **by_address) == 1
    with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await count(database, front, ssl_mode="verify-full", **by_address)


async def test_the_systems_certificates_are_used_when_configured(
    database, front: Front, certificates: Certificates, monkeypatch
):
    system = {"ssl_mode": "verify-full", "ssl_root_cert": "system"}
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.other_root))
    with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await count(database, front, **system)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.root))
    assert await count(database, front, **system) == 1
    with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await count(database, front, host="127.0.0.1", **system)


@pytest.mark.parametrize("root", ["a file", "system"])
async def test_a_client_shows_its_certificate(server, database, certificates: Certificates, monkeypatch, root):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    certificates.authority.issue_cert("localhost").configure_cert(context)
    certificates.authority.configure_trust(context)
    client = certificates.authority.issue_cert("indexer@example.org", common_name="indexer")
    cert, key = certificates.directory / "client.crt", certificates.directory / "client.key"
    client.cert_chain_pems[0].write_to_path(str(cert))
    client.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.root))
    settings = {"ssl_mode": "verify-full", "ssl_root_cert": "system" if root == "system" else str(certificates.root)}
    async with listening(server, context) as front:
        with pytest.raises(ConnectionFailed):
            await count(database, front, connect_timeout=1, **settings)
        assert await count(database, front, ssl_cert=str(cert), ssl_key=str(key), **settings) == 1
        assert "indexer" in str(front.clients[-1]["subject"])
