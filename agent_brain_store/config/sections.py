"""The sections of a configuration: the embedding model, each backend, and the ranking by keywords.

Each is a frozen dataclass that checks itself, however it is made.
"""

# ruff: noqa: RUF009 - setting() makes a dataclass field

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from agent_brain_store.config.rules import (
    COLLECTION,
    FLAG,
    HEADERS,
    HOST,
    LANGUAGE,
    NAME,
    PASSWORD,
    PATH,
    PORT,
    ROOT_CERT,
    SECONDS,
    SERVER,
    TEXT,
    Secret,
    Section,
    check_values,
    choice,
    host_list,
    integer,
    matching,
    number,
    setting,
)
from agent_brain_store.config.url import parse_connection_url, replaced_settings, standby_settings


@dataclass(frozen=True, slots=True)
class EmbeddingConfig(Section):
    """The model whose vectors fill the store.

    ``provider`` is kept in lower case. ``dimensions`` is the length of the vectors, from 1 to 16000. A file may leave
    out the dimensions of a well-known model. It may also leave out everything, which means OpenAI's
    text-embedding-3-large.
    """

    _name = "embedding"
    provider: str = setting(TEXT._replace(convert=str.lower))
    model: str = setting(TEXT)
    dimensions: int = setting(integer(1, 16000))


@dataclass(frozen=True, slots=True)
class ChromaConfig(Section):
    """Where Chroma keeps its data: a directory, or a server if there is a ``host``, and a collection in it."""

    _name = "storage.chroma"
    path: Path = setting(PATH, Path("chroma_db"))
    collection: str = setting(COLLECTION, "agent_brain")
    host: str | None = setting(SERVER, None)
    port: int = setting(integer(1, 65535), 8000)
    ssl: bool = setting(FLAG, False)
    headers: tuple[tuple[str, Secret], ...] | None = setting(HEADERS, None)


@dataclass(frozen=True, slots=True)
class KeywordConfig(Section):
    """How both backends rank by keywords.

    ``language`` is the name of a PostgreSQL text search configuration. ``k1`` and ``b`` are the parameters of BM25.
    ``heading_weight`` and ``summary_weight`` say how much more a word counts in a chunk's headings or summary than in
    its text. ``budget`` is about how many chunks PostgreSQL scores for a question. With 0 it scores every match, as
    Chroma always does.
    """

    _name = "storage.keyword"
    language: str = setting(LANGUAGE, "english")
    k1: float = setting(number(0, 100), 1.2)
    b: float = setting(number(0, 1), 0.75)
    heading_weight: float = setting(number(1, 1000), 3.0)
    summary_weight: float = setting(number(1, 1000), 2.0)
    budget: int = setting(integer(0, 2**31 - 1), 400)


@dataclass(frozen=True, slots=True)
class PostgresConfig(Section):
    """How to reach PostgreSQL, and how to build and use the vector index.

    ``host``, ``port``, ``database``, ``user``, ``password`` and ``ssl_*`` come from the file or a URL. Each is None if
    these do not set it, and then libpq's variables and files decide. A host that starts with / is a socket directory.
    Several hosts are a tuple, with one port for all or one for each. ``ssl_root_cert`` may be ``"system"``, which means
    the system's own certificates. ``embedded_path`` is the directory of a private server, which replaces a server's
    address.

    ``target_session_attrs`` says which of several hosts will do, as in libpq. If it is not set, one of several hosts has
    to be writable, and a single host may be anything.

    ``pooler`` says in which mode a pooler between this program and the server works. ``direct_url`` leads past it. Work
    that needs a session of its own goes there. Parts of the connection that the URL does not name stay the same, except
    the port of another host.

    ``read_url`` leads to standbys, which then answer searches and look-ups. Such a call waits for ``read_your_writes``
    seconds until the standby has what this store has written. Then the server answers itself.

    If ``migrate`` is ``never``, the start applies no migration, no function and no index. It refuses a store that lacks
    one, and says what its owner has to run.

    ``pool_size`` plus ``pool_max_overflow`` is the largest number of connections in the pools. A quarter of them are
    for writing. They open when they are needed. Work on indexes takes one more.

    The timeouts are in seconds. ``pool_timeout`` is how long to wait for a free connection. ``connect_timeout`` is how
    long one attempt to connect may take, and also how long attempts go on in all. ``command_timeout`` is how long one
    statement may take.

    ``application_name`` is what the server calls the connections, as in ``pg_stat_activity``.

    ``index_precision`` is how precise the vector index is; the stored vectors are as they were given. ``auto`` is half
    precision for the cosine, single precision for other distances, and bits beyond 4,000 dimensions.

    ``distributed: citus`` spreads the chunks of a new store over the nodes of a Citus cluster, in so many ``shards``.

    If ``ivfflat_lists`` is 0, the number of chunks decides. If ``ivfflat_probes`` is 0, it is the square root of
    ``ivfflat_lists``, or 10 if that is 0 too.
    """

    _name = "storage.postgres"
    host: str | tuple[str, ...] | None = setting(HOST, None)
    port: int | tuple[int, ...] | None = setting(PORT, None)
    database: str | None = setting(NAME, None)
    user: str | None = setting(NAME, None)
    password: Secret | None = setting(PASSWORD, None, shown=False)
    ssl_mode: str | None = setting(choice("disable", "allow", "prefer", "require", "verify-ca", "verify-full"), None)
    ssl_root_cert: Path | Literal["system"] | None = setting(ROOT_CERT, None)
    ssl_cert: Path | None = setting(PATH, None)
    ssl_key: Path | None = setting(PATH, None)
    embedded_path: Path | None = setting(PATH, None)
    target_session_attrs: str | None = setting(
        choice("any", "read-write", "read-only", "primary", "standby", "prefer-standby"), None
    )
    pooler: str = setting(choice("none", "session", "transaction"), "none")
    direct_url: Secret | None = setting(PASSWORD._replace(expected="a URL"), None, shown=False)
    read_url: Secret | None = setting(PASSWORD._replace(expected="a URL"), None, shown=False)
    read_your_writes: float = setting(number(0, 86400), 1.0)
    schema: str = setting(
        matching("(?!pg_)[a-z_][a-z0-9_]{0,62}", "up to 63 of a-z 0-9 _ that start with neither a digit nor pg_"),
        "agent_brain",
    )
    migrate: str = setting(choice("auto", "never"), "auto")
    application_name: str = setting(matching("[ -~]{1,63}", "up to 63 printable ASCII characters"), "agent_brain_store")
    distributed: str = setting(choice("none", "citus"), "none")
    shards: int = setting(integer(2, 1000), 32)
    pool_size: int = setting(integer(1, 1000), 10)
    pool_max_overflow: int = setting(integer(0, 1000), 10)
    pool_timeout: float = setting(SECONDS, 30.0)
    connect_timeout: float = setting(SECONDS, 30.0)
    command_timeout: float = setting(SECONDS, 60.0)
    index: str = setting(choice("hnsw", "ivfflat", "none"), "hnsw")
    index_precision: str = setting(choice("auto", "single", "half", "binary"), "auto")
    hnsw_m: int = setting(integer(2, 100), 16)
    hnsw_ef_construction: int = setting(integer(4, 1000), 64)
    hnsw_ef_search: int = setting(integer(1, 1000), 100)
    ivfflat_lists: int = setting(integer(0, 32768), 0)
    ivfflat_probes: int = setting(integer(0, 32768), 0)

    @classmethod
    def _conflicts(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        ef_construction, m = values.get("hnsw_ef_construction", 1000), values.get("hnsw_m", 2)
        if ef_construction < 2 * m:
            yield (
                "hnsw_ef_construction",
                f"{ef_construction} is too small, expected at least twice hnsw_m, {2 * m}",
            )
        if (values.get("ssl_cert") is None) != (values.get("ssl_key") is None):
            yield "ssl_cert", "ssl_cert and ssl_key come together, expected both or neither"
        mode = values.get("ssl_mode") or "verify-full"
        if values.get("ssl_root_cert") == "system" and mode != "verify-full":
            yield "ssl_mode", f"{mode} does not go with ssl_root_cert: system, expected verify-full"
        hosts, ports = host_list(values.get("host")), values.get("port")
        if isinstance(ports, tuple) and len(ports) != len(hosts):
            yield "port", f"{len(ports)} ports for {len(hosts)} hosts, expected one port or as many as hosts"
        for key in ("direct_url", "read_url"):
            for problem in cls._problems_of(values[key], values) if values.get(key) else ():
                yield key, problem

    @classmethod
    def _problems_of(cls, url: Secret, values: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with a second URL, which replaces some of ``values``."""
        problems = parse_connection_url(url.reveal())[1]
        named = replaced_settings(url)
        _, wrong = check_values(cls, {**values, "direct_url": None, "read_url": None, **named})
        return problems + [f"{name}: {text}" for name, text in wrong if name in named]

    def direct(self) -> PostgresConfig:
        """Return the connection that ``direct_url`` names, past the pooler."""
        return replace(self, **replaced_settings(self.direct_url) | {"pooler": "none", "direct_url": None})

    def reading(self) -> PostgresConfig:
        """Return the connection that ``read_url`` names, to standbys."""
        return replace(self, **standby_settings(self.read_url) | {"read_url": None})
