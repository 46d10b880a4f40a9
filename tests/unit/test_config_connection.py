"""Where PostgreSQL is: URLs, Docker's variables, TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_brain_store.config import StoreConfig
from agent_brain_store.config import url as connection_url
from agent_brain_store.errors import ConfigError
from tests.support.configs import CANARY, assert_hidden, from_url, postgres_config, postgres_problem, revealed

# --- URLs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/d", {"host": "h", "database": "d"}),
        (
            "postgres://u:p@h:5433/d",
            {"host": "h", "port": 5433, "database": "d", "user": "u", "password": "p"},
        ),
        ("postgresql+asyncpg://u@h/d", {"host": "h", "database": "d", "user": "u"}),
        ("POSTGRESQL://h", {"host": "h"}),
        ("postgresql://", {}),
        (" postgresql://h/d\n", {"host": "h", "database": "d"}),
        ("postgresql://u%40x:p@h/d", {"host": "h", "database": "d", "user": "u@x", "password": "p"}),
        ("postgresql://u:a%20b@h/", {"host": "h", "user": "u", "password": "a b"}),
        ("postgresql://u:a+b@h/", {"host": "h", "user": "u", "password": "a+b"}),
        ("postgresql://u:%2F%3F%23%40%3A%25@h", {"host": "h", "user": "u", "password": "/?#@:%"}),
        ("postgresql://u:a#b@h/d", {"host": "h", "database": "d", "user": "u", "password": "a#b"}),
        ("postgresql://u:a@b@h/d", {"host": "h", "database": "d", "user": "u", "password": "a@b"}),
        ("postgresql://u:a:b@h/d", {"host": "h", "database": "d", "user": "u", "password": "a:b"}),
        (
            "postgresql://u:%C3%A9@h/caf%C3%A9",
            {"host": "h", "database": "café", "user": "u", "password": "é"},
        ),
        ("postgresql:///d?host=/var/run/postgresql", {"host": "/var/run/postgresql", "database": "d"}),
        ("postgresql://u@%2Fvar%2Frun/d", {"host": "/var/run", "database": "d", "user": "u"}),
        (
            "postgresql:///d?host=/tmp&port=5433&user=u+v",
            {"host": "/tmp", "port": 5433, "database": "d", "user": "u+v"},
        ),
        ("postgresql://?dbname=d&password=a%20b%2B", {"database": "d", "password": "a b+"}),
        ("postgresql://[::1]:5433/d", {"host": "::1", "port": 5433, "database": "d"}),
        ("postgresql://u@[fe80::1%25eth0]/d", {"host": "fe80::1%eth0", "database": "d", "user": "u"}),
        ("postgresql://h1:1,h2:2/d", {"host": ("h1", "h2"), "port": (1, 2), "database": "d"}),
        ("postgresql://h1,h2:2/d", {"host": ("h1", "h2"), "port": (5432, 2), "database": "d"}),
        ("postgresql://h1,[::1]/d", {"host": ("h1", "::1"), "database": "d"}),
        ("postgresql:///d?host=a,b&port=7", {"host": ("a", "b"), "port": 7, "database": "d"}),
        ("postgresql://h/d?sslmode=require", {"host": "h", "database": "d", "ssl_mode": "require"}),
        ("postgresql+asyncpg://h/d?ssl=prefer", {"host": "h", "database": "d", "ssl_mode": "prefer"}),
        ("postgresql://h/d?ssl=true", {"host": "h", "database": "d", "ssl_mode": "require"}),
        ("postgresql://h/d?sslmode=&", {"host": "h", "database": "d"}),
        (
            "postgresql://h/d?sslmode=require&channel_binding=require&application_name=x&gssencmode=disable",
            {"host": "h", "database": "d", "ssl_mode": "require", "application_name": "x"},
        ),
        (
            "postgresql://h/d?sslmode=verify-full&sslrootcert=system",
            {"host": "h", "database": "d", "ssl_mode": "verify-full", "ssl_root_cert": "system"},
        ),
    ],
)
def test_url_is_read(url: str, expected: dict[str, Any]) -> None:
    config = from_url(url)
    keys = ("host", "port", "database", "user", "ssl_mode", "ssl_root_cert")
    found = {key: getattr(config, key) for key in keys if getattr(config, key) is not None}
    if config.application_name != "agent_brain_store":
        found["application_name"] = config.application_name
    if config.password:
        found["password"] = config.password.reveal()
    assert found == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"mysql://u:{CANARY}@h/d", "expected postgresql://"),
        (CANARY, "expected postgresql://"),
        (f"postgresql:/u:{CANARY}@h", "expected postgresql://"),
        (f"postgresql://u:1/{CANARY}@h/d", "percent-encoded"),
        (f"postgresql://u:1?{CANARY}=x@h/d", "percent-encoded"),
        (f"postgresql://u:{CANARY}/x@h/d", "percent-encoded"),
        (f"postgresql://u:{CANARY}", "percent-encoded"),
        (f"postgresql://h/d/{CANARY}", "percent-encoded"),
        (f"postgresql://u:{CANARY}@h:port/d", "host and port"),
        (f"postgresql://u:{CANARY}@[::1/d", "host and port"),
        (f"postgresql://u:{CANARY}%FF@h/d", "UTF-8"),
        (f"postgresql://u:{CANARY}@h/d?sslmod=require", "unknown parameter sslmod"),
        (f"postgresql://h/d?{CANARY}", "unknown parameter (not a name)"),
        (f"postgresql://u:{CANARY}@h1,h2/d?port=1,2,3", "ports"),
        (f"postgresql://u:{CANARY}@h/d?port=x", "ports"),
        (f"postgresql://u:{CANARY}@h:70000/d", "storage.postgres.port (from DATABASE_URL)"),
        (f"postgresql://u:{CANARY}@h/d?sslmode=on", "storage.postgres.ssl_mode (from DATABASE_URL)"),
        (f"postgresql://u:{CANARY}%00@h/d", "storage.postgres.password (from DATABASE_URL): **** is not"),
    ],
)
def test_wrong_url_is_explained_and_never_quoted(url: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_url(url)
    assert expected in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)
    assert_hidden(caught.value)


def test_known_parameters_are_listed_for_an_unknown_one() -> None:
    with pytest.raises(ConfigError) as caught:
        from_url("postgresql://h/d?options=x")
    assert all(name in str(caught.value) for name in connection_url.PARAMETERS)


def test_database_url_replaces_the_connection_and_keeps_the_rest(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.touch()
    settings = {
        "host": "file",
        "port": 1,
        "database": "file",
        "user": "file",
        "password_env": "NOT_SET",
        "ssl_mode": "verify-full",
        "ssl_root_cert": str(ca),
        "schema": "kept",
        "language": "german",
        "hnsw_m": 24,
        "pool_size": 3,
    }
    mapping = {"storage": {"backend": "postgres", "postgres": settings}}
    config = StoreConfig.from_dict(mapping, {"DATABASE_URL": f"postgresql://u:{CANARY}@h/d"})
    found = config.postgres
    assert (found.host, found.port, found.database, found.user) == ("h", None, "d", "u")
    assert revealed(found) == CANARY
    assert (found.schema, found.hnsw_m, found.pool_size, config.keyword.language) == ("kept", 24, 3, "german")
    # A URL that says nothing of TLS must not turn it off.
    assert (found.ssl_mode, found.ssl_root_cert) == ("verify-full", ca)
    weaker = StoreConfig.from_dict(mapping, {"DATABASE_URL": "postgresql://h/d?sslmode=require"}).postgres
    assert (weaker.ssl_mode, weaker.ssl_root_cert) == ("require", ca)


def test_database_url_replaces_the_files_password_and_private_server() -> None:
    env = {"DATABASE_URL": "postgresql://u@h/d"}
    assert postgres_config(env, password=CANARY).password is None
    assert postgres_config(env, embedded_path="pg").embedded_path is None


def test_url_of_the_file_does_the_same_and_the_variable_wins() -> None:
    url = f"postgresql://u:{CANARY}@file/d"
    config = postgres_config(url=url, host="ignored", port=1, hnsw_m=20)
    assert (config.host, config.port, config.hnsw_m, revealed(config)) == ("file", None, 20, CANARY)
    assert postgres_config({"DATABASE_URL": "postgresql://env/d"}, url=url).host == "env"
    assert postgres_problem(url=f"mysql://u:{CANARY}@h").startswith("storage.postgres.url: expected postgresql://")


def test_url_of_the_file_is_completed_by_a_password_source() -> None:
    config = postgres_config({"PW": CANARY}, url="postgresql://u@h/d", password_env="PW")
    assert revealed(config) == CANARY
    assert revealed(postgres_config({"PW": "x"}, url=f"postgresql://u:{CANARY}@h/d", password_env="PW")) == CANARY


def test_url_in_a_wrong_place_is_not_quoted() -> None:
    for key in ("host", "database", "schema", "index", "ssl_mode"):
        problem = postgres_problem(**{key: f"postgresql://u:{CANARY}@h/d"})
        assert problem.startswith(f"storage.postgres.{key}: ****")
        assert CANARY not in problem


# --- other places ----------------------------------------------------------------------------------------------------


def test_docker_port_is_the_last_resort() -> None:
    docker = {"POSTGRES_PORT": "5433"}
    assert postgres_config(docker).port == 5433
    assert postgres_config(docker, host="localhost").port == 5433
    assert postgres_config(docker, port=1).port == 1
    assert postgres_config(docker | {"PGPORT": "2"}).port is None
    assert postgres_config(docker | {"DATABASE_URL": "postgresql://h/d"}).port is None
    assert postgres_config(docker, embedded_path="pg").port is None
    assert postgres_config({"POSTGRES_PORT": "tcp://10.0.0.1:5432"}).port is None
    assert "(from POSTGRES_PORT)" in postgres_problem({"POSTGRES_PORT": "x"})


def test_private_server_and_an_address_are_a_conflict() -> None:
    others: list[dict[str, Any]] = [{"host": "h"}, {"port": 1}, {"url": "postgresql://h/d"}]
    for other in others:
        assert postgres_problem(embedded_path="pg", **other).startswith("storage.postgres.embedded_path: ")


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_certificate_files_must_exist_and_come_together(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    files = {
        "ssl_root_cert": tmp_path / "ca",
        "ssl_cert": str(tmp_path / "cert"),
        "ssl_key": tmp_path / "key",
    }
    config = postgres_config(ssl_mode="verify-ca", **files)
    assert (config.ssl_root_cert, config.ssl_cert) == (tmp_path / "ca", tmp_path / "cert")
    assert "is not a file" in postgres_problem(**files | {"ssl_key": tmp_path / "none"})
    assert "is not a file" in postgres_problem(ssl_root_cert=str(tmp_path))
    for alone in ("ssl_cert", "ssl_key"):
        assert "come together" in postgres_problem(**{alone: files[alone]})


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full", "Verify-Full"])
def test_verification_needs_a_root_certificate(tmp_path: Path, mode: str) -> None:
    problem = postgres_problem({"HOME": str(tmp_path)}, ssl_mode=mode)
    assert problem.startswith("storage.postgres.ssl_root_cert: missing")
    assert postgres_config({"PGSSLROOTCERT": "/ca"}, ssl_mode=mode).ssl_root_cert is None
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql/root.crt").touch()
    assert postgres_config({"HOME": str(tmp_path)}, ssl_mode=mode).ssl_root_cert is None


def test_the_systems_certificates_verify_everything() -> None:
    for mode in ("verify-full", "Verify-Full", None):
        assert postgres_config(ssl_mode=mode, ssl_root_cert="system").ssl_root_cert == "system"
    for mode in ("disable", "prefer", "require", "verify-ca"):
        problem = postgres_problem(ssl_mode=mode, ssl_root_cert="system")
        assert f"{mode} does not go with ssl_root_cert: system, expected verify-full" in problem


# --- poolers ---------------------------------------------------------------------------------------------------------


def test_a_pooler_is_recognised_in_a_url():
    assert from_url("postgresql://h/d?pgbouncer=true&connection_limit=1&pool_timeout=0").pooler == "transaction"
    assert from_url("postgresql://h/d?pgbouncer=false").pooler == from_url("postgresql://h/d").pooler == "none"


@pytest.mark.parametrize(
    ("rest", "pooler"),
    [
        ("ep-x-1-pooler.example.org/d?sslmode=require&channel_binding=require", "none"),
        (
            "ep-x-1-pooler.example.org/d?sslmode=require&pgbouncer=true&connect_timeout=15&pool_timeout=15",
            "transaction",
        ),
        ("ep-x-1.example.org/d?sslmode=require&options=endpoint%3Dep-x-1", "none"),
        ("ep-x-1.example.org/d?sslmode=require&options=project=ep-x-1", "none"),
        ("pooler.example.org:6543/postgres?pgbouncer=true&connection_limit=1", "transaction"),
        ("pooler.example.org:6543/postgres?sslmode=require&supa=base-pooler.x&gssencmode=disable", "none"),
        ("pooler.example.org:6543/postgres?uselibpqcompat=true&sslmode=require&workaround=other.client", "none"),
        ("eu.example.org/postgres?sslmode=require&sslnegotiation=direct", "none"),
    ],
)
def test_the_urls_of_services_are_taken_as_they_are(rest: str, pooler: str):
    config = from_url(f"postgresql://postgres.ref:{CANARY}@{rest}")
    assert (config.user, config.pooler, revealed(config)) == ("postgres.ref", pooler, CANARY)


def test_a_socket_of_a_proxy_may_hold_colons():
    assert (
        from_url("postgresql://u@/d?host=/cloudsql/project:region:instance").host == "/cloudsql/project:region:instance"
    )


def test_a_time_to_connect_is_read_from_a_url():
    assert from_url("postgresql://h/d?connect_timeout=15").connect_timeout == 15
    assert from_url("postgresql://h/d?connect_timeout=0").connect_timeout == 30
    with pytest.raises(ConfigError, match=r"connect_timeout \(from DATABASE_URL\)"):
        from_url("postgresql://h/d?connect_timeout=soon")


def test_a_direct_url_replaces_what_it_names():
    pooled = {"host": "pooler", "port": 6432, "database": "d", "user": "u", "password": "p", "pooler": "transaction"}
    direct = postgres_config({"DIRECT": "postgresql://h:5433"}, **pooled, direct_url="secret://env/DIRECT").direct()
    assert (direct.host, direct.port, direct.database, direct.user, revealed(direct)) == ("h", 5433, "d", "u", "p")
    assert (direct.pooler, direct.direct_url) == ("none", None)
    assert postgres_config(**pooled, direct_url="postgresql://h").direct().port is None


def test_a_read_url_replaces_what_it_names():
    main = {"url": f"postgresql://u:{CANARY}@h:6432/d", "pooler": "transaction"}
    one = postgres_config(**main, read_url="postgresql://s").reading()
    assert (one.host, one.port, one.user, one.database, one.pooler) == ("s", None, "u", "d", "transaction")
    assert (one.read_url, one.target_session_attrs, revealed(one)) == (None, None, CANARY)
    two = postgres_config(**main, read_url="postgresql://s1,s2?target_session_attrs=standby").reading()
    assert (two.host, two.target_session_attrs) == (("s1", "s2"), "standby")
    assert postgres_config(**main, read_url="postgresql://s1,s2").reading().target_session_attrs == "prefer-standby"
    assert CANARY not in repr(postgres_config(read_url=f"postgresql://u:{CANARY}@h/d"))
    assert "read_url: expected postgresql://" in postgres_problem(read_url=f"{CANARY}://h")


@pytest.mark.parametrize("key", ["direct_url", "read_url"])
def test_a_second_url_is_checked_with_the_rest(key: str) -> None:
    """When a store is opened, it would be late, and the error would name another key."""
    with pytest.raises(ConfigError) as caught:
        postgres_config(**{key: f"postgresql://u:{CANARY}@h/d?sslmode=maybe"})
    assert_hidden(caught.value)
    (problem,) = caught.value.problems
    assert problem.startswith(f"storage.postgres.{key}: ssl_mode: 'maybe' is not accepted, expected one of")
    assert "****" in postgres_problem(**{key: f"{CANARY}\0"})


def test_a_direct_url_hides_its_password():
    config = postgres_config(direct_url=f"postgresql://u:{CANARY}@h/d")
    assert CANARY not in repr(config)
    assert "direct_url: expected postgresql://" in postgres_problem(direct_url=f"{CANARY}://h")
