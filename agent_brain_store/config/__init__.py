"""Configure a store by a YAML file, a mapping and the environment. All of it is checked at once."""

from agent_brain_store.config.model import (
    ChromaConfig,
    EmbeddingConfig,
    KeywordConfig,
    PostgresConfig,
    Sourced,
    StoreConfig,
    load_config,
    read_config,
)
from agent_brain_store.config.rules import LANGUAGES, Secret

__all__ = [
    "LANGUAGES",
    "ChromaConfig",
    "EmbeddingConfig",
    "KeywordConfig",
    "PostgresConfig",
    "Secret",
    "Sourced",
    "StoreConfig",
    "load_config",
    "read_config",
]
