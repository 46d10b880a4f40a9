"""Read a PostgreSQL connection URL the way libpq does.

Standard URL parsers do not fit. They take ``#`` for a fragment, and do not know socket directories or several hosts.
Their errors quote the URL with its password. Nothing here quotes a value of the URL.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from agent_brain_store.config.rules import Secret

PARAMETERS = {
    "host": "host",
    "port": "port",
    "dbname": "database",
    "user": "user",
    "password": "password",
    "sslmode": "ssl_mode",
    "ssl": "ssl_mode",
    "sslrootcert": "ssl_root_cert",
    "sslcert": "ssl_cert",
    "sslkey": "ssl_key",
    "pgbouncer": "pooler",
    "target_session_attrs": "target_session_attrs",
    "application_name": "application_name",
    "connect_timeout": "connect_timeout",
}
"""Query parameters and the settings that they become. ``ssl`` is ``sslmode`` in the URLs of SQLAlchemy for asyncpg."""

UNNEEDED = (
    "channel_binding",
    "connection_limit",
    "gssencmode",
    "pool_timeout",
    "sslnegotiation",
    "supa",
    "uselibpqcompat",
    "workaround",
)
"""Query parameters that services write into their URLs for other clients. They change nothing here."""

# Neon's way to tell its proxy the database, for clients whose TLS does not name the server. The driver's does.
_ROUTES = ("endpoint=", "project=")

_URL = re.compile(
    r"(?:postgres|postgresql)(?:\+asyncpg)?://"
    r"(?P<authority>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_ADDRESS = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?")
_DEFAULT_PORT = 5432
_ENCODE = "characters such as @ : / ? % in a user name or password must be percent-encoded"
_FORM = "expected postgresql://user:password@host:port/database"


class _UnreadableError(Exception):
    """It says what is wrong with a URL, without quoting the URL."""


def parse_connection_url(url: str) -> tuple[dict[str, object], list[str]]:
    """Return the settings of ``url`` under the keys of ``storage.postgres``, and a list of what is wrong with it.

    Several hosts become a tuple. If any port is named, there is a tuple of ports too. A setting that the URL does not
    name is left out.
    """
    try:
        return _parse(url), []
    except _UnreadableError as problem:
        reason = str(problem)
    return {}, [reason]


def replaced_settings(url: Secret | None) -> dict[str, Any]:
    """Return the settings that a second URL replaces. If it names a host, the port of the first one is of no use."""
    settings: dict[str, Any] = parse_connection_url(url.reveal())[0] if url else {}
    if "password" in settings:
        settings["password"] = Secret(settings["password"])
    return {"port": None} | settings if "host" in settings else settings


def standby_settings(url: Secret | None) -> dict[str, Any]:
    """Return the same for a URL of standbys. Of several hosts, a standby is preferred, unless it says otherwise."""
    settings = replaced_settings(url)
    kind = "prefer-standby" if isinstance(settings.get("host"), tuple) else None
    return {"target_session_attrs": kind} | settings


def _parse(url: str) -> dict[str, object]:
    match = _URL.fullmatch(url.strip())
    if not match:
        raise _UnreadableError(_FORM)
    authority, database, query = (match[name] or "" for name in ("authority", "database", "query"))
    # An unencoded / or ? inside the password ends the authority too early. The @ is then in the part behind it.
    if "@" in database + query or "/" in database:
        raise _UnreadableError(f"{_FORM}; {_ENCODE}")
    login, _, addresses = authority.rpartition("@")
    user, _, password = login.partition(":")
    named = {"user": _decoded(user), "password": _decoded(password), "database": _decoded(database)}
    named |= _addresses(addresses) | _parameters(query)
    return _with_numbers({key: value for key, value in named.items() if value})


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        pass
    raise _UnreadableError("a percent-encoded part isn't UTF-8")


def _addresses(text: str) -> dict[str, str]:
    """Read `host:port,host:port` into two comma-separated lists."""
    matches = [_ADDRESS.fullmatch(item) for item in text.split(",")]
    found = [match for match in matches if match]
    if len(found) < len(matches):
        raise _UnreadableError(f"its host and port can't be read; {_FORM}, an IPv6 address in [brackets]; {_ENCODE}")
    ports = [match["port"] or "" for match in found]
    hosts = [_decoded(match["host"].strip("[]")) for match in found]
    return {"host": ",".join(hosts), "port": ",".join(ports) if any(ports) else ""}


def _parameters(query: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in query.split("&") if item]
    pairs = [pair for pair in pairs if pair[0] != "options" or not _decoded(pair[2]).startswith(_ROUTES)]
    unknown = sorted({name for name, _, _ in pairs if name not in (*PARAMETERS, *UNNEEDED)})
    if unknown:
        raise _UnreadableError(f"unknown parameter {', '.join(map(_safe, unknown))}; known are {', '.join(PARAMETERS)}")
    named = {PARAMETERS[name]: _decoded(value) for name, _, value in pairs if value and name in PARAMETERS}
    if "pooler" in named:
        named["pooler"] = "transaction" if named["pooler"] == "true" else "none"
    if named.get("ssl_mode") == "true":
        named["ssl_mode"] = "require"
    if named.get("connect_timeout") == "0":  # libpq would wait for ever
        del named["connect_timeout"]
    return named


def _safe(name: str) -> str:
    """Quote a name only if it looks like a parameter's. Anything else may be a piece of a password."""
    return name if re.fullmatch(r"[a-z_]{1,40}", name) else "(not a name)"


def _with_numbers(named: dict[str, str]) -> dict[str, object]:
    hosts = named.get("host", "").split(",")
    ports = named.get("port", "").split(",")
    if not all(re.fullmatch("[0-9]{0,5}", port) for port in ports) or len(ports) not in (1, len(hosts)):
        raise _UnreadableError("its ports can't be read: expected one number, or one for each host")
    settings: dict[str, object] = dict(named)
    if len(hosts) > 1:
        settings["host"] = tuple(hosts)
    if named.get("connect_timeout", "").isdecimal():
        settings["connect_timeout"] = int(named["connect_timeout"])
    if named.get("port"):
        numbers = tuple(int(port or _DEFAULT_PORT) for port in ports)
        settings["port"] = numbers if len(numbers) > 1 else numbers[0]
    return settings
