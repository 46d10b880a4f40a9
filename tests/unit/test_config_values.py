"""Keys and values: each is checked, and every problem names its place."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store.config import ChromaConfig, PostgresConfig, Secret, StoreConfig
from agent_brain_store.errors import ConfigError
from tests.support.configs import CANARY, postgres_config, postgres_problem, problem_of, problems_of

# --- unknown keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "place", "suggestion"),
    [
        (
            {"storage": {"postgres": {"pool_sise": 1}}},
            "storage.postgres.pool_sise",
            "storage.postgres.pool_size",
        ),
        (
            {"storage": {"postgres": {"pasword": CANARY}}},
            "storage.postgres.pasword",
            "storage.postgres.password",
        ),
        ({"storage": {"hnsw_m": 1}}, "storage.hnsw_m", "storage.postgres.hnsw_m"),
        ({"storage": {"chroma": {"pth": 1}}}, "storage.chroma.pth", "storage.chroma.path"),
        ({"storage": {"keyword": {"langauge": 1}}}, "storage.keyword.langauge", "storage.keyword.language"),
        ({"storage": {"postgres": {"langauge": 1}}}, "storage.postgres.langauge", "storage.postgres.language"),
        ({"storage": {"postgress": {}}}, "storage.postgress", "storage.postgres"),
        ({"embedding": {"dimension": 3}}, "embedding.dimension", "embedding.dimensions"),
        ({"storages": {}}, "storages", "storage"),
        ({"Storage": {}}, "Storage", "storage"),
        ({"embeddings": {}}, "embeddings", "embedding"),
    ],
)
def test_unknown_key_names_the_nearest_known_one(mapping: Any, place: str, suggestion: str) -> None:
    problem = problem_of(mapping)
    assert problem.startswith(f"{place}: unknown key")
    assert f"did you mean {suggestion}?" in problem
    assert CANARY not in problem


def test_a_key_like_no_other_lists_the_known_ones() -> None:
    problem = problem_of({"storage": {"chroma": {"zzz": 1}}})
    assert "known keys are path, collection" in problem


def test_keys_that_are_no_text_are_reported() -> None:
    assert len(problems_of({"storage": {1: 2, "chroma": {None: 4, ("a", "b"): 5}}})) == 3


def test_a_key_that_holds_a_password_is_not_quoted() -> None:
    problem = postgres_problem(**{f"password:{CANARY}": None})
    assert "storage.postgres.(a key): unknown key" in problem
    assert CANARY not in problem


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "key", "good", "bad"),
    [
        ("storage", "backend", ["chroma", "Postgres"], ["", "sqlite", 1]),
        ("storage", "distance", ["cosine", "l2", "inner_product"], ["ip", "euclid"]),
        ("storage", "on_invalid_text", ["replace", "reject"], ["drop", True]),
        (
            "storage.chroma",
            "collection",
            ["abc", "a.b_c-d1", "a" * 512],
            ["ab", "a" * 513, "-abc", "abc_", "a b"],
        ),
        ("storage.chroma", "path", ["x", Path("/x")], ["", 1, "a\0b", ["x"]]),
        ("storage.keyword", "language", ["simple", "German"], ["klingon", "", "english'); drop table x"]),
        ("storage.keyword", "k1", [0, 1.2], [-0.1, "1.2", True, float("nan"), float("inf")]),
        ("storage.keyword", "b", [0, 1, 0.75], [-0.01, 1.01, float("nan")]),
        ("storage.keyword", "heading_weight", [1, 5.5], [-1, 0.9, float("inf"), "2"]),
        ("storage.keyword", "summary_weight", [1, 5.5], [-1, 0.9, float("inf"), "2"]),
        (
            "storage.postgres",
            "host",
            ["h", "10.0.0.1", "::1", "/run/pg"],
            ["a b", "u:p@h", "a/b", 5, ["h"], "a,,b"],
        ),
        ("storage.postgres", "port", [1, 65535], [0, 65536, "5432", True, 5432.0, -1]),
        ("storage.postgres", "database", ["d", "ü b"], [" ", 5, "a\0", "postgres://h/d"]),
        ("storage.postgres", "user", ["u@host"], [" ", 5, "u\0"]),
        (
            "storage.postgres",
            "schema",
            ["a", "_a1", "a" * 63],
            ["", "A", "1a", "a" * 64, "pg_x", "a-b", "a;b", 'a"'],
        ),
        ("storage.postgres", "ssl_mode", ["disable", "allow", "prefer", "require"], ["on", False, "verify"]),
        ("storage.postgres", "index", ["hnsw", "ivfflat", "none"], ["HNSWX", "btree"]),
        ("storage.postgres", "pool_size", [1, 1000], [0, 1001, "10", True, 1.0, [1]]),
        ("storage.postgres", "pool_max_overflow", [0, 1000], [-1, 1001, "1"]),
        ("storage.postgres", "pool_timeout", [0.5, 30], [0, -1, "30", True, float("nan"), float("inf")]),
        ("storage.postgres", "connect_timeout", [0.5, 30], [0, -1, float("nan")]),
        ("storage.postgres", "command_timeout", [0.5, 30], [0, -1, float("nan")]),
        ("storage.postgres", "hnsw_m", [2, 32], [1, 101, "16", 16.0]),
        ("storage.postgres", "hnsw_ef_construction", [32, 1000], [3, 1001]),
        ("storage.postgres", "hnsw_ef_search", [1, 1000], [0, 1001]),
        ("storage.postgres", "ivfflat_lists", [0, 32768], [-1, 32769]),
        ("storage.postgres", "ivfflat_probes", [0, 32768], [-1, 32769]),
        (
            "storage.postgres",
            "connection_strategy",
            ["direct", "cloud_sql_proxy"],
            ["cloud_sql_connector", 1],
        ),
        ("embedding", "dimensions", [1, 16000], [0, 16001, "3072", True, 3072.0]),
        ("embedding", "provider", ["openai"], ["", 1]),
        ("embedding", "model", ["text-embedding-3-small"], ["", "  ", 1]),
    ],
)
def test_each_value_is_checked(section: str, key: str, good: list[Any], bad: list[Any]) -> None:
    def wrapped(value: Any) -> dict[str, Any]:
        inner = {key: value}
        outer, _, part = section.partition(".")
        return {outer: {part: inner} if part else inner}

    for value in good:
        StoreConfig.from_dict(wrapped(value))
    for value in bad:
        assert any(
            problem.startswith(f"{section}.{key}: ") and ("expected" in problem)
            for problem in problems_of(wrapped(value))
        ), value


def test_problem_names_path_value_and_expectation() -> None:
    assert postgres_problem(hnsw_m=1) == (
        "storage.postgres.hnsw_m: 1 is not accepted, expected an integer from 2 to 100"
    )
    assert "'10' is not accepted" in postgres_problem(pool_size="10")
    assert "a dict is not accepted" in postgres_problem(host={"password": CANARY})


def test_all_problems_are_raised_together() -> None:
    mapping = {
        "embeding": {},
        "embedding": {"dimensions": 0, "modl": "x"},
        "storage": {
            "backend": "postgres",
            "distance": "ip",
            "chroma": {"collection": "x"},
            "keyword": {"b": 2, "language": "english"},
            "postgres": {
                "pool_size": 0,
                "hnsw_m": 50,
                "hnsw_ef_construction": 64,
                "language": "german",
                "password_env": "NOT_SET",
                "ssl_cert": "/none.crt",
                "connection_strategy": "cloud_sql_connector",
                "embedded_path": "x",
                "host": "h",
            },
        },
    }
    places = {
        "embeding",
        "embedding.dimensions",
        "embedding.modl",
        "storage.distance",
        "storage.chroma.collection",
        "storage.keyword.b",
        "storage.postgres.pool_size",
        "storage.postgres.hnsw_ef_construction",
        "storage.postgres.language",
        "storage.postgres.password_env",
        "storage.postgres.ssl_cert",
        "storage.postgres.connection_strategy",
        "storage.postgres.embedded_path",
    }
    problems = problems_of(mapping)
    assert {problem.split(":")[0] for problem in problems} == places
    assert len(problems) == len(places) + 1  # ssl_cert: not a file, and without its key


def test_message_counts_and_lists_the_problems() -> None:
    with pytest.raises(ConfigError) as caught:
        StoreConfig.from_dict({"storage": {"backend": "x", "distance": "y"}})
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 problems in the configuration:"
    assert [line.strip() for line in lines[1:]] == list(caught.value.problems)


def test_ef_construction_must_be_twice_m() -> None:
    assert postgres_config(hnsw_m=32, hnsw_ef_construction=64).hnsw_m == 32
    assert "at least twice hnsw_m, 66" in postgres_problem(hnsw_m=33)


def test_cloud_sql_connector_says_what_to_use() -> None:
    assert "Cloud SQL Auth Proxy" in postgres_problem(connection_strategy="cloud_sql_connector")


def test_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert ChromaConfig(Path("~/x")).path == Path("/home/me/x")


# --- construction without a file -------------------------------------------------------------------------------------


def test_direct_construction_is_checked_too() -> None:
    with pytest.raises(ConfigError) as caught:
        PostgresConfig(schema="x; drop schema y", hnsw_m=1, ssl_key=Path("/k"))
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "storage.postgres.schema",
        "storage.postgres.hnsw_m",
        "storage.postgres.ssl_cert",
    ]
    with pytest.raises(ConfigError, match=r"storage\.backend: "):
        dataclasses.replace(StoreConfig(), backend="sqlite")
    with pytest.raises(ConfigError, match=r"pool_size: a NoneType"):
        PostgresConfig(pool_size=None)  # type: ignore[arg-type]


def test_direct_construction_keeps_values_in_one_form() -> None:
    config = PostgresConfig(host="a,b", port=(1, 2), pool_timeout=5, password=CANARY)  # type: ignore[arg-type]
    assert config.host == ("a", "b")
    assert isinstance(config.pool_timeout, float)
    assert config.password == Secret(CANARY)
    assert ChromaConfig("x").path == Path("x")  # type: ignore[arg-type]


def test_ports_must_match_hosts() -> None:
    assert PostgresConfig(host=("a", "b"), port=5).port == 5
    with pytest.raises(ConfigError, match="3 ports for 2 hosts"):
        PostgresConfig(host=("a", "b"), port=(1, 2, 3))
