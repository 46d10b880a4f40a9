"""Defaults, files, and sections of a configuration."""

from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_brain_store import create_backend
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
from tests.support.configs import CANARY, assert_hidden, postgres_config, problem_of, problems_of, revealed
from tests.support.internals import is_chroma

# --- defaults and shape ----------------------------------------------------------------------------------------------


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
    config = postgres_config(env)
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


def test_a_backend_is_made_from_whatever_a_configuration_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = {"storage": {"backend": "chroma", "chroma": {"path": str(tmp_path / "chroma")}}}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(mapping))
    for source in (mapping, StoreConfig.from_dict(mapping), file, str(file)):
        assert is_chroma(create_backend(source))
    monkeypatch.setenv("AGENT_BRAIN_CONFIG", str(file))
    monkeypatch.setenv("AGENT_BRAIN_STORAGE_BACKEND", "sqlite")
    with pytest.raises(ConfigError, match="AGENT_BRAIN_STORAGE_BACKEND"):
        create_backend()
    assert not (tmp_path / "chroma").exists()


# --- files -----------------------------------------------------------------------------------------------------------


DOCUMENTED = """
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
"""


def test_the_documented_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(DOCUMENTED, encoding="utf-8")
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


def test_a_file_of_the_former_client_is_read() -> None:
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


def test_params_may_name_the_dimensions() -> None:
    def dimensions(embedding: dict[str, Any], env: dict[str, str] | None = None) -> int:
        return StoreConfig.from_dict({"embedding": embedding}, env).embedding.dimensions

    shorter: dict[str, Any] = {"model": "text-embedding-3-large", "params": {"dimensions": 256, "batch_size": 100}}
    assert dimensions(shorter) == 256
    assert dimensions({**shorter, "params": {"dimensions": "512"}}) == 512
    assert dimensions({**shorter, "dimensions": 256}) == 256
    assert dimensions(shorter, {"EMBEDDING_DIMENSIONS": "1024"}) == 1024
    assert dimensions(shorter, {"EMBEDDING_MODEL": "text-embedding-3-small"}) == 1536
    assert dimensions({**shorter, "params": None}) == 3072
    differ = problem_of({"embedding": {**shorter, "dimensions": 3072}})
    assert differ == "embedding.dimensions: 3072 differs from embedding.params.dimensions, 256; expected one"
    assert "is not accepted, expected an integer" in problem_of(
        {"embedding": {**shorter, "params": {"dimensions": 0.5}}}
    )


@pytest.mark.parametrize(
    ("embedding", "expected"),
    [
        ({"model": "text-embedding-3-large", "params": {"batch_size": 100, "dimensions": 1024}}, 1024),
        ({"provider": "ollama", "model": "nomic-embed-text", "base_url": "http://localhost:11434/v1"}, 768),
        ({"provider": "cohere", "model": "embed-english-v3.0", "params": {"input_type": "search_document"}}, 1024),
    ],
)
def test_the_models_of_the_former_clients_example_are_read(
    embedding: dict[str, Any], expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    mapping = {"embedding": {"provider": "openai", "api_key_env": "KEY", **embedding}}
    config = StoreConfig.from_dict({**mapping, "summarization": {"provider": "grok", "params": {"max_tokens": 300}}})
    assert config.embedding == EmbeddingConfig(mapping["embedding"]["provider"], embedding["model"], expected)
    assert caplog.messages == ["only storage and embedding are read here. The configuration also has: summarization"]


def test_keys_without_an_effect_are_named_in_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    postgres_config(debug=True, cloud_sql_instance="a:b:c", connection_strategy="cloud_sql_proxy", host="127.0.0.1")
    assert caplog.messages == [
        "the configuration has keys without an effect here: storage.postgres.debug, storage.postgres.cloud_sql_instance"
    ]
    caplog.clear()
    postgres_config(debug=False, cloud_sql_instance="", connection_strategy="direct")
    assert not caplog.messages


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
def test_a_missing_file_is_named(tmp_path: Path, by: str) -> None:
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


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f"storage: {{}}\nstorage: {{chroma: {{path: {CANARY}}}}}\n", "line 2, column 1"),
        (f"storage:\n  postgres:\n    host: a\n    password: {CANARY}\n    host: b\n", "line 5, column 5"),
        ("application: [{a: 1, 'a': 2}]\n", "line 1, column 22"),
    ],
)
def test_a_key_that_is_there_twice_is_refused(tmp_path: Path, content: str, place: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=f"a key is there twice in one mapping; keep one of them, near {place}") as e:
        load_config(file, {})
    assert_hidden(e.value)


def test_a_merged_mapping_may_be_overridden(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "x: {y: &base {collection: one, path: a}}\nz: {<<: *base, path: c}\n"
        "storage: {chroma: {<<: *base, path: b}}\nembedding: {}\n"
    )
    assert load_config(file, {}).chroma == ChromaConfig(Path("b"), "one")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", "${DB_HOST}"),
        ("host", "db-${STAGE}.example"),
        ("database", "${DB:-brain}"),
        ("password", "${DB_PASSWORD}"),
        ("password_file", "${HOME}/secret"),
        ("url", f"postgresql://me:{CANARY}@${{DB_HOST}}/brain"),
        ("port", "${DB_PORT}"),
        ("ssl_mode", "${MODE:?}"),
    ],
)
def test_a_variable_that_nobody_replaced_is_refused(key: str, value: str) -> None:
    problems = problems_of({"storage": {"backend": "postgres", "postgres": {key: value}}})
    assert f"storage.postgres.{key}: holds ${{...}}, which is not replaced by a variable" in problems[0]
    assert CANARY not in str(problems)


def test_it_is_refused_in_every_section_and_in_a_url_of_the_environment() -> None:
    assert "storage.chroma.path: holds ${...}" in problem_of({"storage": {"chroma": {"path": "${DATA}/chroma"}}})
    assert "embedding.model: holds ${...}" in problem_of({"embedding": {"model": "${M}", "dimensions": 3}})
    url = {"DATABASE_URL": f"postgresql://me:{CANARY}@${{DB_HOST}}/brain"}
    problem = problem_of({"storage": {"backend": "postgres"}}, url)
    assert "DATABASE_URL: holds ${...}" in problem
    assert CANARY not in problem


def test_a_password_and_the_keys_of_the_application_may_hold_anything() -> None:
    assert revealed(postgres_config(password="p${a}w")) == "p${a}w"
    assert revealed(postgres_config({"W": "${a}"}, password_env="W")) == "${a}"
    StoreConfig.from_dict({"embedding": {"api_key": "${KEY}", "params": {"a": "${B}"}}, "other": "${X}"})


def test_a_home_that_is_unknown_is_not_taken_for_a_folder() -> None:
    assert "if it starts with ~, the home directory must be known" in problem_of(
        {"storage": {"chroma": {"path": "~no-such-user-here/chroma"}}}
    )


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
