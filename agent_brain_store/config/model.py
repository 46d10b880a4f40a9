"""Turn a YAML file and the environment into frozen, checked dataclasses.

What is passed in code wins over the environment, the environment wins over a file, and a file wins over the defaults. A
`StoreConfig` that you make by hand, or by ``from_dict`` without ``env``, does not read the environment. A class checks
itself however it is made. ``load_config`` and ``StoreConfig.from_dict`` check everything first and raise one
``ConfigError`` that lists all problems.

``AGENT_BRAIN_CONFIG``           the file that ``load_config()`` reads
``AGENT_BRAIN_STORAGE_BACKEND``  ``storage.backend``
``CHROMA_PERSIST_DIR``           ``storage.chroma.path``
``COLLECTION_NAME``              ``storage.chroma.collection``
``EMBEDDING_MODEL``              ``embedding.model``; if the file names another model, its dimensions are ignored
``EMBEDDING_DIMENSIONS``         ``embedding.dimensions``
``DATABASE_URL``                 replaces the file's host, port, database, user, password and embedded_path,
                                 and the TLS settings that the URL names
``POSTGRES_PASSWORD``            the password, if neither the file nor a URL nor libpq's variables give one
``POSTGRES_PORT``                the port, if neither the file nor libpq's variable gives one, and only without a URL
``AGENT_BRAIN_STATE_DIR``        the directory in which relative values of ``chroma.path`` and ``embedded_path`` start,
                                 so that every part of a service finds the same data in any working directory

URLs, password sources and certificate files are read only if the backend is PostgreSQL. A setting of the connection
that nothing sets stays None, so that libpq's own ``PGHOST``, ``PGPASSFILE``, ... keep working.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from agent_brain_store.config.embedding_models import DEFAULT_MODEL
from agent_brain_store.config.rules import LANGUAGES, Secret, Section, choice, config_error, ruled_fields, setting
from agent_brain_store.config.sections import ChromaConfig, EmbeddingConfig, KeywordConfig, PostgresConfig
from agent_brain_store.config.sources import Gathered, gather
from agent_brain_store.config.yaml_file import read_yaml

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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreConfig(Section):
    """The whole configuration of a store: the backend, the settings that both backends share, and a part for each.

    ``on_invalid_text`` says what happens to characters that cannot be stored (NUL and lone surrogates). ``replace``
    puts U+FFFD in their place, and ``reject`` refuses the chunk.
    """

    _name = "storage"
    backend: str = setting(choice("chroma", "postgres"), "chroma")
    distance: str = setting(choice("cosine", "l2", "inner_product"), "cosine")
    on_invalid_text: str = setting(choice("replace", "reject"), "replace")
    embedding: EmbeddingConfig = field(default_factory=lambda: EmbeddingConfig(*DEFAULT_MODEL))
    chroma: ChromaConfig = field(default_factory=ChromaConfig)
    postgres: PostgresConfig = field(default_factory=PostgresConfig)
    keyword: KeywordConfig = field(default_factory=KeywordConfig)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], env: Mapping[str, str] | None = None) -> StoreConfig:
        """Check a whole configuration, in the form in which YAML gives it. ``env`` overrides it, as it overrides a file.

        Only ``storage`` and ``embedding`` are read. The rest of the file belongs to the application. Raises
        `ConfigError`, which lists every problem.
        """
        gathered = gather(_SECTIONS, mapping, env or {})
        del mapping, env  # a traceback that shows local variables must not show a password
        return _build(gathered, None)


class Sourced(NamedTuple):
    """A configuration, and where its values come from.

    ``sources`` has each key, like ``storage.backend``, with a variable, a file, another key, or ``default``. A key of the
    connection that nothing sets has ``libpq``. ``notes`` says in words which source was preferred to which other.
    """

    config: StoreConfig
    sources: dict[str, str]
    notes: tuple[str, ...]


def load_config(path: str | os.PathLike[str] | None = None, env: Mapping[str, str] = os.environ) -> StoreConfig:
    """Read a YAML file and apply ``env``, the environment by default.

    The file is ``path``, or else the one that ``AGENT_BRAIN_CONFIG`` names. Without either, the defaults count. Raises
    `ConfigError`, which lists every problem.
    """
    read = _read(path, env)
    del env  # as in from_dict
    return _checked(*read).config


def read_config(
    source: Mapping[str, Any] | str | os.PathLike[str] | None = None, env: Mapping[str, str] = os.environ
) -> Sourced:
    """Do what `load_config` does, and say where each value comes from.

    ``source`` may also be a mapping, which wins over ``env``. Each preference of one source to another is logged once, at
    level info. Raises `ConfigError`, which lists every problem.
    """
    read = _read(source, env)
    del env, source  # as in from_dict
    return _checked(*read)


def _read(
    source: Mapping[str, Any] | str | os.PathLike[str] | None, env: Mapping[str, str]
) -> tuple[Gathered, str, str | None]:
    """Return the settings of all sources, what the source is called, and the same for the title of an error."""
    if isinstance(source, Mapping):
        return gather(_SECTIONS, source, env, env_wins=False), "code", None
    named = source if source is not None else env.get("AGENT_BRAIN_CONFIG") or None
    if named is None:
        return gather(_SECTIONS, {}, env), "default", None
    name = os.fspath(named)
    mapping, problem = read_yaml(named)
    gathered = Gathered({}, [problem], {}, frozenset(), []) if problem else gather(_SECTIONS, mapping, env)
    return gathered, name, name + (" (named by AGENT_BRAIN_CONFIG)" if source is None else "")


def _checked(gathered: Gathered, origin: str, title: str | None) -> Sourced:
    config = _build(gathered, title)
    for note in gathered.notes:
        _log_once(note)
    return Sourced(config, _sources(config, gathered, origin), tuple(gathered.notes))


@cache
def _log_once(note: str) -> None:
    log.info(note)


_SECTIONS: dict[str, type[Section]] = {
    cls._name: cls for cls in (StoreConfig, EmbeddingConfig, ChromaConfig, PostgresConfig, KeywordConfig)
}


def _build(gathered: Gathered, title: str | None) -> StoreConfig:
    """Return the configuration. Raises `ConfigError` if there is a problem. ``title`` names the file."""
    parts, problems = gathered.parts, gathered.problems
    del gathered  # as in from_dict
    if problems:
        del parts
        raise config_error(problems, title)
    return StoreConfig(
        embedding=EmbeddingConfig(**parts["embedding"]),
        chroma=ChromaConfig(**parts["storage.chroma"]),
        postgres=PostgresConfig(**parts["storage.postgres"]),
        keyword=KeywordConfig(**parts["storage.keyword"]),
        **parts["storage"],
    )


def _sources(config: StoreConfig, gathered: Gathered, origin: str) -> dict[str, str]:
    """Return where each value comes from. ``origin`` names the file or the mapping."""
    found = {}
    for name, section in _SECTIONS.items():
        values = config if name == "storage" else getattr(config, name.removeprefix("storage."))
        for key in ruled_fields(section):
            place = f"{name}.{key}"
            said = origin if place in gathered.said else "default"
            unset = "libpq" if getattr(values, key) is None and key != "embedded_path" else said
            found[place] = gathered.origins.get(place, unset)
    return found
