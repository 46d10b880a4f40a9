"""Environment variables, embedding models, and what only the chosen backend reads."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from agent_brain_store import create_backend
from agent_brain_store.config import ChromaConfig, EmbeddingConfig, StoreConfig, load_config, read_config
from tests.support.configs import postgres_config, problem_of

# --- environment -----------------------------------------------------------------------------------------------------


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
    assert postgres_config(env, embedded_path="pg").embedded_path == Path("/state/pg")
    assert postgres_config(embedded_path="pg").embedded_path == Path("pg")
    assert "storage.chroma.path" in problem_of({"storage": {"chroma": {"path": ""}}}, env)


def test_chroma_does_not_read_the_connection() -> None:
    settings = {"password_env": "NOT_SET", "ssl_cert": "/none", "ssl_key": "/none", "ssl_mode": "verify-full"}
    env = {"DATABASE_URL": "mysql://someone-elses/db", "POSTGRES_PORT": "tcp://x"}
    config = StoreConfig.from_dict({"storage": {"backend": "chroma", "postgres": settings}}, env)
    assert config.postgres.password is None
    assert config.postgres.host is None
    assert "pool_size" in problem_of({"storage": {"backend": "chroma", "postgres": {"pool_size": 0}}})


# --- a mapping in code -----------------------------------------------------------------------------------------------

IN_CODE = {
    "embedding": {"provider": "example", "model": "by-hand", "dimensions": 3},
    "storage": {
        "backend": "postgres",
        "chroma": {"path": "/code", "collection": "mine"},
        "postgres": {"embedded_path": "/code/pg"},
    },
}
SOMEBODY_ELSES = {
    "AGENT_BRAIN_STORAGE_BACKEND": "chroma",
    "CHROMA_PERSIST_DIR": "/env",
    "COLLECTION_NAME": "otherapp",
    "EMBEDDING_MODEL": "text-embedding-3-small",
    "EMBEDDING_DIMENSIONS": "1536",
    "DATABASE_URL": "sqlite:///app.db",
}


def test_what_is_passed_in_code_beats_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The variables of another application change nothing, and each is named in the log once."""
    caplog.set_level(logging.INFO)
    for name, value in SOMEBODY_ELSES.items():
        monkeypatch.setenv(name, value)
    made = [create_backend(IN_CODE).config for _ in range(2)]  # type: ignore[attr-defined]
    assert made == [StoreConfig.from_dict(IN_CODE)] * 2
    for name in SOMEBODY_ELSES:
        assert caplog.text.count(f"{name} is not read") == 1


def test_the_environment_fills_in_what_a_mapping_leaves_out() -> None:
    env = {"DATABASE_URL": "postgresql://u@h/d", "COLLECTION_NAME": "other", "EMBEDDING_DIMENSIONS": "7"}
    config = read_config({"storage": {"backend": "postgres"}}, env).config
    assert (config.postgres.host, config.chroma.collection, config.embedding.dimensions) == ("h", "other", 7)
    named = read_config({"embedding": {"model": "text-embedding-3-small"}}, env).config
    assert named.embedding.dimensions == 1536, "the dimensions of the environment are those of another model"


def test_any_part_of_a_connection_in_code_is_a_whole_connection() -> None:
    for own in ({"host": "mine"}, {"url": "postgresql://mine/d"}, {"database": "mine"}):
        read = read_config(
            {"storage": {"backend": "postgres", "postgres": own}}, {"DATABASE_URL": "postgresql://u@h/d"}
        )
        assert read.config.postgres.user is None
        assert read.notes == (f"DATABASE_URL is not read, because the mapping has storage.postgres.{next(iter(own))}",)


def test_each_value_says_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("storage: {backend: postgres, chroma: {collection: file}, postgres: {host: h, password_env: P}}")
    env = {"COLLECTION_NAME": "variable", "P": "secret", "DATABASE_URL": "postgresql://u@other/d"}
    config, sources, notes = read_config(file, env)
    assert (config.chroma.collection, config.postgres.host) == ("variable", "other")
    assert sources["storage.backend"] == str(file)
    assert sources["storage.chroma.collection"] == "COLLECTION_NAME"
    assert sources["storage.chroma.path"] == "default"
    assert sources["storage.postgres.host"] == "DATABASE_URL"
    assert sources["storage.postgres.port"] == "libpq"
    assert sorted(notes) == [
        "COLLECTION_NAME overrides storage.chroma.collection of the configuration file",
        "DATABASE_URL overrides storage.postgres.host, storage.postgres.password_env of the configuration file",
    ]
    assert read_config(file, {"P": "secret"}).sources["storage.postgres.password"] == "storage.postgres.password_env"


# --- embedding models ------------------------------------------------------------------------------------------------


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
    assert problem.startswith("embedding.dimensions: is missing")
    assert "'home-made'" in problem
    problem = problem_of({"embedding": {"provider": "ollama", "model": "snowflake-arctic-embed:22m"}})
    assert problem.startswith("embedding.dimensions: is missing")


def test_dimensions_of_a_variables_model_are_asked_for_by_a_variable() -> None:
    problem = problem_of(
        {"embedding": {"provider": "ollama", "model": "one", "dimensions": 3}}, {"EMBEDDING_MODEL": "two"}
    )
    assert problem == (
        "embedding.dimensions: is missing; EMBEDDING_MODEL names the model 'two': set EMBEDDING_DIMENSIONS, too"
    )


def test_given_dimensions_beat_the_known_ones() -> None:
    assert StoreConfig.from_dict({"embedding": {"dimensions": 256}}).embedding.dimensions == 256


def test_another_provider_needs_a_model() -> None:
    assert problem_of({"embedding": {"provider": "ollama"}}).startswith("embedding.model: is missing")


def test_model_of_the_environment_drops_another_models_dimensions() -> None:
    mapping = {"embedding": {"model": "text-embedding-3-large", "dimensions": 1024}}
    small = {"EMBEDDING_MODEL": "text-embedding-3-small"}
    same = {"EMBEDDING_MODEL": "text-embedding-3-large"}
    assert StoreConfig.from_dict(mapping, small).embedding.dimensions == 1536
    assert StoreConfig.from_dict(mapping, same).embedding.dimensions == 1024


# --- language --------------------------------------------------------------------------------------------------------


def test_the_language_may_stand_in_two_places() -> None:
    assert StoreConfig.from_dict({"storage": {"postgres": {"language": "German"}}}).keyword.language == "german"
    assert StoreConfig.from_dict({"storage": {"keyword": {"language": "dutch"}}}).keyword.language == "dutch"
    both = {"postgres": {"language": "dutch"}, "keyword": {"language": "Dutch"}}
    assert StoreConfig.from_dict({"storage": both}).keyword.language == "dutch"


def test_two_languages_are_a_conflict() -> None:
    both = {"postgres": {"language": "dutch"}, "keyword": {"language": "german"}}
    problem = problem_of({"storage": both})
    assert problem.startswith("storage.postgres.language: 'dutch' differs from storage.keyword.language, 'german'")
