from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import yaml

from agent_brain_store import config as config_module
from agent_brain_store import connection_url, create_backend
from agent_brain_store.chroma.repository import ChromaBackend
from agent_brain_store.config import (
    LANGUAGES,
    ChromaConfig,
    EmbeddingConfig,
    KeywordConfig,
    PostgresConfig,
    Secret,
    StoreConfig,
    load_config,
)
from agent_brain_store.errors import ConfigError

CANARY = "c4n4ry-p4ss"


def postgres(env: Mapping[str, str] | None = None, /, **settings: Any) -> PostgresConfig:
    return StoreConfig.from_dict({"storage": {"backend": "postgres", "postgres": settings}}, env).postgres


def from_url(url: str) -> PostgresConfig:
    return postgres({"DATABASE_URL": url})


def problems_of(mapping: Any, env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        StoreConfig.from_dict(mapping, env)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def problem_of(mapping: Any, env: Mapping[str, str] | None = None) -> str:
    problems = problems_of(mapping, env)
    assert len(problems) == 1, problems
    return problems[0]


def postgres_problem(env: Mapping[str, str] | None = None, /, **settings: Any) -> str:
    return problem_of({"storage": {"backend": "postgres", "postgres": settings}}, env)


def revealed(config: PostgresConfig) -> str | None:
    return config.password.reveal() if config.password else None


# Defaults and shape


def test_no_configuration_gives_the_documented_defaults() -> None:
    config = load_config(env={})
    assert config == StoreConfig.from_dict({}) == StoreConfig()
    assert (config.backend, config.distance, config.on_invalid_text) == ("chroma", "cosine", "replace")
    assert config.embedding == EmbeddingConfig("openai", "text-embedding-3-large", 3072)
    assert config.chroma == ChromaConfig(Path("chroma_db"), "agent_brain")
    assert config.keyword == KeywordConfig("english", 1.2, 0.75, 3.0, 2.0)
    numbers = {"pool_size": 10, "pool_max_overflow": 10, "pool_timeout": 30.0, "command_timeout": 60.0}
    numbers |= {"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 100}
    numbers |= {"ivfflat_lists": 0, "ivfflat_probes": 0}
    given = dataclasses.asdict(config.postgres)
    assert {key: given[key] for key in numbers} == numbers
    assert (config.postgres.schema, config.postgres.index) == ("agent_brain", "hnsw")


def test_connection_stays_none_so_that_libpq_variables_decide() -> None:
    env = {"PGHOST": "h", "PGPORT": "1", "PGUSER": "u", "PGPASSWORD": CANARY, "PGSSLMODE": "require"}
    config = postgres(env)
    connection = ("host", "port", "database", "user", "password", "ssl_mode", "ssl_root_cert", "ssl_cert")
    assert [getattr(config, key) for key in connection] == [None] * len(connection)


@pytest.mark.parametrize("part", [StoreConfig(), StoreConfig().postgres, StoreConfig().embedding])
def test_configurations_are_frozen_slotted_and_hashable(part: Any) -> None:
    name = dataclasses.fields(part)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(part, name, "other")
    assert not hasattr(part, "__dict__")
    assert hash(part) == hash(dataclasses.replace(part))


def test_languages_are_the_29_of_postgresql_16() -> None:
    assert len(set(LANGUAGES)) == len(LANGUAGES) == 29
    assert {"simple", "english", "german", "yiddish"} <= set(LANGUAGES)
    assert "estonian" not in LANGUAGES  # from PostgreSQL 18 on


def test_importing_loads_no_driver_and_no_yaml() -> None:
    code = (
        "import sys, agent_brain_store.config as c; c.load_config(env={});"
        "print({'asyncpg', 'chromadb', 'numpy', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_from_dict_leaves_its_arguments_alone() -> None:
    mapping = {
        "storage": {
            "backend": "postgres",
            "chroma": {},
            "postgres": {"url": "postgres://h/d", "language": "german"},
        },
        "embedding": {"model": "text-embedding-3-small"},
    }
    env = {"DATABASE_URL": "postgres://other/d", "AGENT_BRAIN_STATE_DIR": "/s"}
    before = copy.deepcopy((mapping, env))
    StoreConfig.from_dict(mapping, env)
    assert (mapping, env) == before


# Files


def test_documented_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        """
embedding: {provider: ollama, model: nomic-embed-text, dimensions: 768, base_url: http://x/v1, params: {a: 1}}
summarization: {provider: anthropic, model: m}
storage:
  backend: postgres
  distance: l2
  on_invalid_text: reject
  chroma: {path: ./data, collection: docs}
  keyword: {k1: 1, b: 0.5, heading_weight: 4, summary_weight: 1}
  postgres:
    host: db.example
    port: 5433
    database: brain
    user: me
    password_env: DB_PASSWORD
    ssl_mode: prefer
    embedded_path: null
    schema: brain
    language: german
    pool_size: 3
    hnsw_m: 8
    index: none
""",
        encoding="utf-8",
    )
    config = load_config(file, {"DB_PASSWORD": CANARY})
    assert config.embedding == EmbeddingConfig("ollama", "nomic-embed-text", 768)
    assert (config.backend, config.distance, config.on_invalid_text) == ("postgres", "l2", "reject")
    assert config.chroma == ChromaConfig(Path("data"), "docs")
    assert config.keyword == KeywordConfig("german", 1.0, 0.5, 4.0, 1.0)
    assert config.postgres == PostgresConfig(
        host="db.example",
        port=5433,
        database="brain",
        user="me",
        password=Secret(CANARY),
        ssl_mode="prefer",
        schema="brain",
        pool_size=3,
        hnsw_m=8,
        index="none",
    )


def test_client_file_keeps_working() -> None:
    settings = {
        "host": "localhost",
        "port": 5432,
        "database": "agent_brain",
        "user": "agent_brain",
        "password": "",
        "pool_size": 10,
        "pool_max_overflow": 10,
        "pool_timeout": 30,
        "language": "spanish",
        "hnsw_m": 16,
        "hnsw_ef_construction": 64,
        "debug": False,
        "ssl_mode": "disable",
        "ssl_root_cert": None,
        "connection_strategy": "direct",
        "cloud_sql_instance": None,
    }
    embedding = {"provider": "OpenAI", "model": "text-embedding-3-small", "api_key_env": "OPENAI_API_KEY"}
    mapping = {
        "embedding": embedding,
        "storage": {"backend": "postgres", "postgres": settings},
        **{key: {"a": 1} for key in ("summarization", "reranker", "graphrag", "server", "project", "bm25")},
    }
    config = StoreConfig.from_dict(mapping)
    assert config.embedding == EmbeddingConfig("openai", "text-embedding-3-small", 1536)
    assert config.keyword.language == "spanish"
    assert config.postgres.password is None
    assert config.postgres.pool_timeout == 30.0


def test_environment_names_the_file_and_an_argument_wins(tmp_path: Path) -> None:
    for name in ("env", "argument"):
        (tmp_path / name).write_text(f"storage: {{chroma: {{collection: from-{name}}}}}", encoding="utf-8")
    env = {"AGENT_BRAIN_CONFIG": str(tmp_path / "env")}
    assert load_config(env=env).chroma.collection == "from-env"
    assert load_config(tmp_path / "argument", env).chroma.collection == "from-argument"
    assert load_config(str(tmp_path / "argument"), env).chroma.collection == "from-argument"


def test_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTION_NAME", "from-process")
    monkeypatch.delenv("AGENT_BRAIN_CONFIG", raising=False)
    assert load_config().chroma.collection == "from-process"
    assert StoreConfig.from_dict({}).chroma.collection == "agent_brain"


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_missing_file_is_named(tmp_path: Path, by: str) -> None:
    path = str(tmp_path / "none.yaml")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {}) if by == "argument" else load_config(env={"AGENT_BRAIN_CONFIG": path})
    assert path in str(caught.value)
    assert "No such file" in str(caught.value)
    assert ("AGENT_BRAIN_CONFIG" in str(caught.value)) == (by == "variable")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"storage: {{\n  a: *{CANARY}\n", "line 2"),
        (f"a: b\n{CANARY}\nc: d\n", "line 3"),
        (f"a: !{CANARY} b\n", "line 1"),
        (f"a: '{CANARY}\n", "not valid YAML"),
        (b"a: \xff\xfe" + CANARY.encode(), "not valid YAML"),
        (f"a: 2024-99-99 # {CANARY}", "not valid YAML"),
    ],
)
def test_broken_yaml_is_located_but_never_quoted(tmp_path: Path, content: str | bytes, expected: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(file, {})
    assert expected in str(caught.value)
    assert str(file) in str(caught.value)
    assert_hidden(caught.value)


def test_empty_file_and_empty_sections_mean_defaults(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    for content in (
        "",
        "# nothing\n",
        "storage:\nembedding:\n",
        "storage: {postgres: , chroma: , keyword: }",
    ):
        file.write_text(content, encoding="utf-8")
        assert load_config(file, {}) == StoreConfig()


@pytest.mark.parametrize(
    ("mapping", "place"),
    [
        ([], "a list"),
        ("text", "a str"),
        ({"storage": []}, "storage:"),
        ({"storage": {"postgres": "postgres://u:p@h/d"}}, "storage.postgres:"),
        ({"embedding": "x"}, "embedding:"),
    ],
)
def test_sections_must_be_mappings(mapping: Any, place: str) -> None:
    problem = problem_of(mapping)
    assert place in problem
    assert "expected a mapping" in problem


# Unknown keys


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


def test_unknown_key_like_none_lists_the_known_ones() -> None:
    problem = problem_of({"storage": {"chroma": {"zzz": 1}}})
    assert "known keys are path, collection" in problem


def test_keys_that_are_no_text_are_reported() -> None:
    assert len(problems_of({"storage": {1: 2, "chroma": {None: 4, ("a", "b"): 5}}})) == 3


def test_key_that_swallowed_a_password_is_not_quoted() -> None:
    problem = postgres_problem(**{f"password:{CANARY}": None})
    assert "storage.postgres.(a key): unknown key" in problem
    assert CANARY not in problem


# Values


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
    assert postgres(hnsw_m=32, hnsw_ef_construction=64).hnsw_m == 32
    assert "at least twice hnsw_m, 66" in postgres_problem(hnsw_m=33)


def test_cloud_sql_connector_says_what_to_use() -> None:
    assert "Cloud SQL Auth Proxy" in postgres_problem(connection_strategy="cloud_sql_connector")


def test_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert ChromaConfig(Path("~/x")).path == Path("/home/me/x")


# Construction without a file


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


# Environment


def test_environment_beats_the_file() -> None:
    mapping = {
        "embedding": {"model": "text-embedding-3-small", "dimensions": 512},
        "storage": {"backend": "postgres", "chroma": {"path": "/file", "collection": "file"}},
    }
    env = {
        "AGENT_BRAIN_STORAGE_BACKEND": "chroma",
        "CHROMA_PERSIST_DIR": "/env",
        "COLLECTION_NAME": "2024",
        "EMBEDDING_MODEL": "unheard-of",
        "EMBEDDING_DIMENSIONS": "77",
    }
    config = StoreConfig.from_dict(mapping, env)
    assert config.backend == "chroma"
    assert config.chroma == ChromaConfig(Path("/env"), "2024")
    assert config.embedding == EmbeddingConfig("openai", "unheard-of", 77)


def test_environment_without_env_argument_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_BRAIN_STORAGE_BACKEND", "postgres")
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/d")
    assert StoreConfig.from_dict({}) == StoreConfig()


def test_empty_variables_count_as_unset() -> None:
    names = ["AGENT_BRAIN_CONFIG", "AGENT_BRAIN_STORAGE_BACKEND", "DATABASE_URL", "CHROMA_PERSIST_DIR"]
    names += ["COLLECTION_NAME", "EMBEDDING_MODEL", "EMBEDDING_DIMENSIONS", "AGENT_BRAIN_STATE_DIR"]
    assert load_config(env=dict.fromkeys(names, "")) == StoreConfig()


@pytest.mark.parametrize(
    ("variable", "value", "place"),
    [
        ("AGENT_BRAIN_STORAGE_BACKEND", "sqlite", "storage.backend"),
        ("EMBEDDING_DIMENSIONS", "many", "embedding.dimensions"),
        ("EMBEDDING_DIMENSIONS", "0", "embedding.dimensions"),
        ("EMBEDDING_DIMENSIONS", "9" * 5000, "embedding.dimensions"),
        ("COLLECTION_NAME", "x", "storage.chroma.collection"),
    ],
)
def test_problem_of_a_variable_names_it(variable: str, value: str, place: str) -> None:
    problem = problem_of({}, {variable: value})
    assert problem.startswith(f"{place} (from {variable}): ")
    assert len(problem) < 200


def test_state_directory_is_the_base_of_relative_paths() -> None:
    env = {"AGENT_BRAIN_STATE_DIR": "/state"}
    assert StoreConfig.from_dict({}, env).chroma.path == Path("/state/chroma_db")
    assert StoreConfig.from_dict({}, env | {"CHROMA_PERSIST_DIR": "./d"}).chroma.path == Path("/state/d")
    assert StoreConfig.from_dict({"storage": {"chroma": {"path": "/abs"}}}, env).chroma.path == Path("/abs")
    assert postgres(env, embedded_path="pg").embedded_path == Path("/state/pg")
    assert postgres(embedded_path="pg").embedded_path == Path("pg")
    assert "storage.chroma.path" in problem_of({"storage": {"chroma": {"path": ""}}}, env)


# Embedding


@pytest.mark.parametrize(
    ("provider", "model", "dimensions"),
    [
        ("openai", "text-embedding-3-large", 3072),
        ("openai", "text-embedding-3-small", 1536),
        ("openai", "text-embedding-ada-002", 1536),
        ("cohere", "embed-english-v3.0", 1024),
        ("ollama", "nomic-embed-text:latest", 768),
        ("ollama", "mxbai-embed-large", 1024),
        ("sentence-transformers", "sentence-transformers/all-MiniLM-L6-v2", 384),
        ("sentence-transformers", "BAAI/bge-base-en-v1.5", 768),
    ],
)
def test_dimensions_of_known_models(provider: str, model: str, dimensions: int) -> None:
    config = StoreConfig.from_dict({"embedding": {"provider": provider, "model": model}})
    assert config.embedding == EmbeddingConfig(provider, model, dimensions)


def test_dimensions_of_an_unknown_model_are_asked_for() -> None:
    problem = problem_of({"embedding": {"provider": "ollama", "model": "home-made"}})
    assert problem.startswith("embedding.dimensions: missing")
    assert "'home-made'" in problem
    problem = problem_of({"embedding": {"provider": "ollama", "model": "snowflake-arctic-embed:22m"}})
    assert problem.startswith("embedding.dimensions: missing")


def test_given_dimensions_beat_the_known_ones() -> None:
    assert StoreConfig.from_dict({"embedding": {"dimensions": 256}}).embedding.dimensions == 256


def test_another_provider_needs_a_model() -> None:
    assert problem_of({"embedding": {"provider": "ollama"}}).startswith("embedding.model: missing")


def test_model_of_the_environment_drops_another_models_dimensions() -> None:
    mapping = {"embedding": {"model": "text-embedding-3-large", "dimensions": 1024}}
    small = {"EMBEDDING_MODEL": "text-embedding-3-small"}
    same = {"EMBEDDING_MODEL": "text-embedding-3-large"}
    assert StoreConfig.from_dict(mapping, small).embedding.dimensions == 1536
    assert StoreConfig.from_dict(mapping, same).embedding.dimensions == 1024


# Language


def test_language_of_either_place() -> None:
    assert StoreConfig.from_dict({"storage": {"postgres": {"language": "German"}}}).keyword.language == "german"
    assert StoreConfig.from_dict({"storage": {"keyword": {"language": "dutch"}}}).keyword.language == "dutch"
    both = {"postgres": {"language": "dutch"}, "keyword": {"language": "Dutch"}}
    assert StoreConfig.from_dict({"storage": both}).keyword.language == "dutch"


def test_two_languages_are_a_conflict() -> None:
    both = {"postgres": {"language": "dutch"}, "keyword": {"language": "german"}}
    problem = problem_of({"storage": both})
    assert problem.startswith("storage.postgres.language: 'dutch' differs from storage.keyword.language, 'german'")


# URLs


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
            "postgresql://h/d?sslmode=verify-full&sslrootcert=system",
            {"host": "h", "database": "d", "ssl_mode": "verify-full", "ssl_root_cert": "system"},
        ),
    ],
)
def test_url_is_read(url: str, expected: dict[str, Any]) -> None:
    config = from_url(url)
    keys = ("host", "port", "database", "user", "ssl_mode", "ssl_root_cert")
    found = {key: getattr(config, key) for key in keys if getattr(config, key) is not None}
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
    assert postgres(env, password=CANARY).password is None
    assert postgres(env, embedded_path="pg").embedded_path is None


def test_url_of_the_file_does_the_same_and_the_variable_wins() -> None:
    url = f"postgresql://u:{CANARY}@file/d"
    config = postgres(url=url, host="ignored", port=1, hnsw_m=20)
    assert (config.host, config.port, config.hnsw_m, revealed(config)) == ("file", None, 20, CANARY)
    assert postgres({"DATABASE_URL": "postgresql://env/d"}, url=url).host == "env"
    assert postgres_problem(url=f"mysql://u:{CANARY}@h").startswith("storage.postgres.url: expected postgresql://")


def test_url_of_the_file_is_completed_by_a_password_source() -> None:
    config = postgres({"PW": CANARY}, url="postgresql://u@h/d", password_env="PW")
    assert revealed(config) == CANARY
    assert revealed(postgres({"PW": "x"}, url=f"postgresql://u:{CANARY}@h/d", password_env="PW")) == CANARY


def test_url_in_a_wrong_place_is_not_quoted() -> None:
    for key in ("host", "database", "schema", "index", "ssl_mode"):
        problem = postgres_problem(**{key: f"postgresql://u:{CANARY}@h/d"})
        assert problem.startswith(f"storage.postgres.{key}: ****")
        assert CANARY not in problem


# What only the chosen backend needs


def test_chroma_does_not_read_the_connection() -> None:
    settings = {"password_env": "NOT_SET", "ssl_cert": "/none", "ssl_key": "/none", "ssl_mode": "verify-full"}
    env = {"DATABASE_URL": "mysql://someone-elses/db", "POSTGRES_PORT": "tcp://x"}
    config = StoreConfig.from_dict({"storage": {"backend": "chroma", "postgres": settings}}, env)
    assert config.postgres.password is None
    assert config.postgres.host is None
    assert "pool_size" in problem_of({"storage": {"backend": "chroma", "postgres": {"pool_size": 0}}})


# Passwords


def test_password_sources(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{CANARY} \r\n", encoding="utf-8")
    assert revealed(postgres(password=CANARY)) == CANARY
    assert revealed(postgres(password=Secret(CANARY))) == CANARY
    assert revealed(postgres({"PW": CANARY}, password_env="PW")) == CANARY
    assert revealed(postgres(password_file=str(file))) == f"{CANARY} "
    assert revealed(postgres({"PW": CANARY}, password="secret://env/PW")) == CANARY


def test_docker_password_is_the_last_resort() -> None:
    docker = {"POSTGRES_PASSWORD": CANARY}
    assert revealed(postgres(docker)) == CANARY
    assert revealed(postgres(docker, password="file")) == "file"
    assert revealed(postgres(docker | {"PW": "named"}, password_env="PW")) == "named"
    assert revealed(postgres(docker | {"DATABASE_URL": "postgresql://u:url@h/d"})) == "url"
    assert revealed(postgres(docker | {"DATABASE_URL": "postgresql://u@h/d"})) == CANARY
    assert postgres(docker | {"PGPASSWORD": "libpq"}).password is None
    assert postgres(docker | {"PGPASSFILE": "/f"}).password is None
    assert postgres(docker, embedded_path="pg").password is None


def test_docker_port_is_the_last_resort() -> None:
    docker = {"POSTGRES_PORT": "5433"}
    assert postgres(docker).port == 5433
    assert postgres(docker, host="localhost").port == 5433
    assert postgres(docker, port=1).port == 1
    assert postgres(docker | {"PGPORT": "2"}).port is None
    assert postgres(docker | {"DATABASE_URL": "postgresql://h/d"}).port is None
    assert postgres(docker, embedded_path="pg").port is None
    assert postgres({"POSTGRES_PORT": "tcp://10.0.0.1:5432"}).port is None
    assert "(from POSTGRES_PORT)" in postgres_problem({"POSTGRES_PORT": "x"})


@pytest.mark.parametrize(
    ("settings", "place", "reason"),
    [
        ({"password_env": "NOT_SET"}, "storage.postgres.password_env: ", "NOT_SET is not set"),
        ({"password_env": CANARY}, "storage.postgres.password_env: ", "the environment variable is not set"),
        ({"password_file": "/none/file"}, "storage.postgres.password_file: ", "/none/file"),
        ({"password_file": CANARY}, "storage.postgres.password_file: ", "No such file"),
        ({"password": 123}, "storage.postgres.password: ****", "in quotes"),
        ({"password_env": 123}, "storage.postgres.password_env: ****", "expected a text"),
        ({"password": [CANARY]}, "storage.postgres.password: a list", "in quotes"),
        ({"password": f"{CANARY}\0"}, "storage.postgres.password: ****", "in quotes"),
        ({"password": "x", "password_env": "Y"}, "storage.postgres.password: ", "expected one of them"),
        ({"password": "secret://env/NOT_SET"}, "storage.postgres.password: ", "NOT_SET is not set"),
        ({"password": f"secret://gcp/{CANARY}"}, "storage.postgres.password: ", "password_env"),
        ({"url": f"secret://vault/{CANARY}"}, "storage.postgres.url: ", "password_file"),
    ],
)
def test_missing_password_is_reported_and_never_quoted(settings: dict[str, Any], place: str, reason: str) -> None:
    problem = postgres_problem(**settings)
    assert problem.startswith(place)
    assert reason in problem
    assert CANARY not in problem
    assert "123" not in problem


def test_unreadable_password_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "password"
    for content, reason in ((b"\n", "empty"), (b"\xff" + CANARY.encode(), "UTF-8")):
        file.write_bytes(content)
        problem = postgres_problem(password_file=str(file))
        assert str(file) in problem
        assert reason in problem
        assert CANARY not in problem


def test_secret_reference_to_a_whole_url() -> None:
    env = {"DATABASE_URL": "secret://env/REAL_URL", "REAL_URL": f"postgresql://u:{CANARY}@h/d"}
    assert revealed(postgres(env)) == CANARY
    problem = postgres_problem({"DATABASE_URL": "secret://gcp/projects/x"})
    assert problem.startswith("DATABASE_URL: ")
    assert "password_env" in problem
    assert "password_file" in problem


def test_private_server_and_an_address_are_a_conflict() -> None:
    others: list[dict[str, Any]] = [{"host": "h"}, {"port": 1}, {"url": "postgresql://h/d"}]
    for other in others:
        assert postgres_problem(embedded_path="pg", **other).startswith("storage.postgres.embedded_path: ")


# TLS


def test_certificate_files_must_exist_and_come_together(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    files = {
        "ssl_root_cert": tmp_path / "ca",
        "ssl_cert": str(tmp_path / "cert"),
        "ssl_key": tmp_path / "key",
    }
    config = postgres(ssl_mode="verify-ca", **files)
    assert (config.ssl_root_cert, config.ssl_cert) == (tmp_path / "ca", tmp_path / "cert")
    assert "is not a file" in postgres_problem(**files | {"ssl_key": tmp_path / "none"})
    assert "is not a file" in postgres_problem(ssl_root_cert=str(tmp_path))
    for alone in ("ssl_cert", "ssl_key"):
        assert "come together" in postgres_problem(**{alone: files[alone]})


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full", "Verify-Full"])
def test_verification_needs_a_root_certificate(tmp_path: Path, mode: str) -> None:
    problem = postgres_problem({"HOME": str(tmp_path)}, ssl_mode=mode)
    assert problem.startswith("storage.postgres.ssl_root_cert: missing")
    assert postgres({"PGSSLROOTCERT": "/ca"}, ssl_mode=mode).ssl_root_cert is None
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql/root.crt").touch()
    assert postgres({"HOME": str(tmp_path)}, ssl_mode=mode).ssl_root_cert is None


def test_the_systems_certificates_verify_everything() -> None:
    for mode in ("verify-full", "Verify-Full", None):
        assert postgres(ssl_mode=mode, ssl_root_cert="system").ssl_root_cert == "system"
    for mode in ("disable", "prefer", "require", "verify-ca"):
        problem = postgres_problem(ssl_mode=mode, ssl_root_cert="system")
        assert f"{mode} does not go with ssl_root_cert: system, expected verify-full" in problem


# Nothing shows a password


def assert_hidden(error: BaseException) -> None:
    """Look for the canary in a message, in every chained exception, and in our frames' variables."""
    seen: BaseException | None = error
    while seen is not None:
        assert CANARY not in f"{seen!s} {seen!r} {seen.args} {vars(seen)}"
        assert_frames_hidden(seen.__traceback__)
        assert not (seen.__context__ and seen.__cause__ is None), "an exception is chained by accident"
        seen = seen.__cause__


def assert_frames_hidden(trace: TracebackType | None) -> None:
    package = str(Path(config_module.__file__).parent)
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename.startswith(package) or frame.f_code.co_filename == "<string>":
            shown = "".join(f"{name}={value!r}" for name, value in frame.f_locals.items())
            assert CANARY not in shown, frame.f_code.co_name
        trace = trace.tb_next


def test_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>3}", "%s %r" % (secret, [secret])):  # noqa: UP031
        assert CANARY not in shown
        assert "****" in shown
    assert secret == Secret(CANARY) != Secret("other")
    assert secret != CANARY
    assert hash(secret) == hash(Secret(CANARY))
    assert CANARY not in repr([getattr(secret, name) for name in secret.__slots__])
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret.extra = 1
    with pytest.raises(AttributeError):
        secret._reveal = lambda: "other"


def test_secret_is_not_pickled_but_copied() -> None:
    config = PostgresConfig(password=Secret(CANARY))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="isn't pickled") as caught:
            pickle.dumps(config, protocol)
        assert CANARY not in str(caught.value)
    assert pickle.loads(pickle.dumps(PostgresConfig())) == PostgresConfig()
    assert copy.copy(config) == copy.deepcopy(config) == config


def test_password_is_in_no_view_of_a_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    config = StoreConfig.from_dict(
        {"storage": {"backend": "postgres"}}, {"DATABASE_URL": f"postgresql://u:{CANARY}@h/d"}
    )
    assert revealed(config.postgres) == CANARY
    for part in (config, config.postgres):
        views = [repr(part), str(part), f"{part}", dataclasses.asdict(part), dataclasses.astuple(part)]
        assert CANARY not in repr(views)
    assert "password" not in repr(config.postgres)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize("how", ["file", "literal", "variable", "url", "direct"])
def test_password_is_in_no_traceback(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    url = f"postgresql://u:{CANARY}@h/d"
    file = tmp_path / "config.yaml"
    file.write_text(f"storage: {{backend: postgres, postgres: {{password: {CANARY}, hnsw_m: 0}}}}", encoding="utf-8")
    broken = {"backend": "postgres", "postgres": {"hnsw_m": 0}}
    literal = {"backend": "postgres", "postgres": {"hnsw_m": 0, "password": CANARY, "pool_size": 0}}
    calls: dict[str, Callable[[], object]] = {
        "file": lambda: load_config(file, {}),
        "literal": lambda: StoreConfig.from_dict({"storage": literal}, {}),
        "variable": lambda: StoreConfig.from_dict({"storage": broken}, {"POSTGRES_PASSWORD": CANARY}),
        "url": lambda: load_config(env={"DATABASE_URL": url, "AGENT_BRAIN_STORAGE_BACKEND": "x"}),
        "direct": lambda: PostgresConfig(password=Secret(CANARY), hnsw_m=0),
    }
    with pytest.raises(ConfigError) as caught:
        calls[how]()
    assert_hidden(caught.value)
    assert CANARY not in caplog.text


def test_a_backend_is_made_from_whatever_a_configuration_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = {"storage": {"backend": "chroma", "chroma": {"path": str(tmp_path / "chroma")}}}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(mapping))
    for source in (mapping, StoreConfig.from_dict(mapping), file, str(file)):
        assert isinstance(create_backend(source), ChromaBackend)
    monkeypatch.setenv("AGENT_BRAIN_CONFIG", str(file))
    monkeypatch.setenv("AGENT_BRAIN_STORAGE_BACKEND", "sqlite")
    with pytest.raises(ConfigError, match="AGENT_BRAIN_STORAGE_BACKEND"):
        create_backend()
    assert not (tmp_path / "chroma").exists()
