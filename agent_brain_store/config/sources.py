"""Gather the settings from a file and the environment, section by section, before they become a ``StoreConfig``.

Problems are returned and not raised, because a traceback from here would hold the passwords that were read.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from agent_brain_store.config.embedding_models import DEFAULT_MODEL, known_dimensions
from agent_brain_store.config.passwords import PASSWORDS, Passwords
from agent_brain_store.config.rules import (
    ANYTHING,
    LANGUAGE,
    PATH,
    TEXT,
    Rule,
    Section,
    check_values,
    choice,
    expanded,
    is_path,
    refusal,
    ruled_fields,
    shown_value,
)
from agent_brain_store.config.url import parse_connection_url

log = logging.getLogger(__name__)

_FILE_ONLY: dict[str, dict[str, Rule]] = {
    "storage": dict.fromkeys(("chroma", "postgres", "keyword"), ANYTHING),
    "embedding": dict.fromkeys(("api_key", "api_key_env", "base_url", "params"), ANYTHING),
    "storage.postgres": {
        "url": TEXT,
        "password_env": TEXT,
        "password_file": PATH,
        "password_command": TEXT,
        "language": LANGUAGE,
        "debug": ANYTHING,
        "cloud_sql_instance": ANYTHING,
        "connection_strategy": choice("direct", "cloud_sql_proxy")._replace(
            expected="direct or cloud_sql_proxy; run the Cloud SQL Auth Proxy and set host to its address"
        ),
    },
}
_VARIABLES = {
    "AGENT_BRAIN_STORAGE_BACKEND": ("storage", "backend"),
    "CHROMA_PERSIST_DIR": ("storage.chroma", "path"),
    "COLLECTION_NAME": ("storage.chroma", "collection"),
    "EMBEDDING_MODEL": ("embedding", "model"),
    "EMBEDDING_DIMENSIONS": ("embedding", "dimensions"),
}
_REPLACED_BY_URL = ("host", "port", "database", "user")
_CONNECTION = ("url", "embedded_path", *_REPLACED_BY_URL, *PASSWORDS)
_PG = "storage.postgres"
_UNREPLACED = (
    "holds ${...}, which is not replaced by a variable; write the value itself, or use password_env, password_file, "
    "or a variable that overrides the file, such as DATABASE_URL"
)
_PLACEHOLDER = r"\$\{[A-Za-z_]\w*(?::?[-+?=].*)?\}"  # ${NAME}, ${NAME:-default}


class Gathered(NamedTuple):
    """The settings of all sources, section by section.

    ``origins`` says for a key like ``storage.backend`` which variable or other key it comes from. A key that the file or
    the mapping has itself is in ``said``. ``notes`` says in words which source was preferred to which other.
    """

    parts: dict[str, dict[str, Any]]
    problems: list[str]
    origins: dict[str, str]
    said: frozenset[str]
    notes: list[str]


def gather(
    sections: Mapping[str, type[Section]], mapping: Any, env: Mapping[str, str], env_wins: bool = True
) -> Gathered:
    """Return the checked values of each section, and all problems in words.

    If the environment does not win, it only fills in what the mapping leaves out. The connection to PostgreSQL counts as
    one thing: ``DATABASE_URL`` is not read if the mapping names any part of it.
    """
    draft = _Draft(sections, mapping, env, env_wins)
    origins = {f"{section}.{key}": origin for (section, key), origin in draft.origins.items()}
    said = frozenset(f"{section}.{key}" for section, key in draft.said)
    return Gathered(draft.checked(), draft.problems, origins, said, draft.notes)


def _number_if_any(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", text) else text


def _is_unreplaced(key: str, value: object) -> bool:
    """Return whether a value has a ``${NAME}`` that nobody replaced. Inside a password, this may be meant."""
    find = re.fullmatch if key == "password" else re.search
    return isinstance(value, str) and find(_PLACEHOLDER, value) is not None


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file() fails below a directory that we may not read


class _Draft(Passwords):
    """The settings of a file and the environment, section by section, on their way to a ``StoreConfig``."""

    def __init__(
        self, sections: Mapping[str, type[Section]], mapping: Any, env: Mapping[str, str], env_wins: bool
    ) -> None:
        self.sections, self.env_wins = sections, env_wins
        self.env = {name: value for name, value in env.items() if value}
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.said: set[tuple[str, str]] = set()
        self.origins: dict[tuple[str, str], str] = {}
        self.given: dict[str, dict[str, Any]] = {section: {} for section in sections}
        self._read(mapping)
        self._apply_variables()
        self._settle_embedding()
        self._settle_language()
        self._settle_connection()
        self._settle_headers()
        self._settle_paths()

    def checked(self) -> dict[str, dict[str, Any]]:
        """Return the values of each section, and report those that are wrong."""
        parts = {}
        for section, cls in self.sections.items():
            parts[section], problems = check_values(cls, self.given[section])
            for key, text in problems:
                self.report(section, key, text)
        return parts

    def report(self, section: str, key: str, text: str) -> None:
        origin = self.origins.get((section, key))
        self.problems.append(f"{section}.{key}{f' (from {origin})' if origin else ''}: {text}")

    def _override(self, section: str, key: str, value: Any, origin: str) -> None:
        self.given[section][key] = value
        self.origins[section, key] = origin

    def _read(self, mapping: Any) -> None:
        if not isinstance(mapping, Mapping):
            self.problems.append(f"a {type(mapping).__name__}, expected a mapping with the keys storage and embedding")
            return
        others = [str(key) for key in mapping if key not in ("storage", "embedding")]
        for key in others:
            if near := get_close_matches(key.lower(), ("storage", "embedding"), n=1, cutoff=0.8):
                self.problems.append(f"{key}: unknown key, did you mean {near[0]}?")
        if unread := [key for key in others if re.fullmatch(r"[\w-]{1,40}", key)]:
            log.warning("only storage and embedding are read here. The configuration also has: %s", ", ".join(unread))
        self._read_section("storage", mapping.get("storage"))
        self._read_section("embedding", mapping.get("embedding"))
        for part in ("chroma", "postgres", "keyword"):
            self._read_section(f"storage.{part}", self.given["storage"].pop(part, None))

    def _read_section(self, section: str, values: Any) -> None:
        if isinstance(values, Mapping):
            for key, value in values.items():
                self._read_key(section, key, value)
        elif values is not None:
            self.problems.append(f"{section}: a {type(values).__name__} is not accepted, expected a mapping")

    def _read_key(self, section: str, key: Any, value: Any) -> None:
        rule = self._known(section).get(key)
        if rule is None:
            # If a space is missing, as in {password:text}, the password becomes part of a key.
            name = key if re.fullmatch(r"[\w-]{1,40}", str(key)) else "(a key)"
            self.report(section, str(name), f"unknown key, {self._suggestion(section, str(key))}")
        elif value is None or (value == "" and self._optional(section, key)):
            pass
        elif rule is not ANYTHING and _is_unreplaced(key, value):
            self.report(section, key, _UNREPLACED)
        elif key in _FILE_ONLY.get(section, {}) and not rule.accepts(value):
            self.report(section, key, refusal(key, value, rule))
        else:
            self.given[section][key] = value
            self.said.add((section, key))

    def _known(self, section: str) -> dict[str, Rule]:
        own = {key: item.metadata["rule"] for key, item in ruled_fields(self.sections[section]).items()}
        return own | _FILE_ONLY.get(section, {})

    def _optional(self, section: str, key: str) -> bool:
        return key in _FILE_ONLY.get(section, {}) or ruled_fields(self.sections[section])[key].default is None

    def _suggestion(self, section: str, key: str) -> str:
        places = {name: other for other in (*self.sections, section) for name in self._known(other)}
        for near in get_close_matches(key.lower(), places, n=1):
            return f"did you mean {places[near]}.{near}?"
        return f"known keys are {', '.join(self._known(section))}"

    def _apply_variables(self) -> None:
        embedding = self.given["embedding"]
        if self.env_wins and self.env.get("EMBEDDING_MODEL", "") not in ("", embedding.get("model", DEFAULT_MODEL[1])):
            embedding.pop("dimensions", None)
            embedding.pop("params", None)
        for variable, (section, key) in _VARIABLES.items():
            # the dimensions of the environment belong to the model of the environment
            said = self._said(section, (key, "model") if key == "dimensions" else (key,))
            if variable in self.env and said:
                self._leave_out(variable, section, said)
            elif variable in self.env:
                if (section, key) in self.said:
                    self._note_override(variable, section, key)
                text = self.env[variable]
                self._override(section, key, _number_if_any(text) if key == "dimensions" else text, variable)

    def _note_override(self, variable: str, section: str, *keys: str) -> None:
        named = ", ".join(f"{section}.{key}" for key in keys)
        self.notes.append(f"{variable} overrides {named} of the configuration file")

    def _said(self, section: str, keys: tuple[str, ...]) -> list[str]:
        """Return which of the keys stand in the mapping, if a mapping wins over the environment."""
        return [] if self.env_wins else [key for key in keys if (section, key) in self.said]

    def _leave_out(self, variable: str, section: str, said: list[str]) -> None:
        self.notes.append(f"{variable} is not read, because the mapping has {section}.{said[0]}")

    def _settle_embedding(self) -> None:
        given = self.given["embedding"]
        self._settle_params(given)
        if str(given.setdefault("provider", DEFAULT_MODEL[0])).lower() == DEFAULT_MODEL[0]:
            given.setdefault("model", DEFAULT_MODEL[1])
        if "model" not in given:
            self.report("embedding", "model", "is missing; set it to the name of the provider's model")
        elif "dimensions" not in given:
            size = known_dimensions(str(given["model"]))
            if size is None:
                model, origin = shown_value("model", given["model"]), self.origins.get(("embedding", "model"))
                text = f"is missing; set it to the length of the vectors of {model}"
                if origin:
                    text = f"is missing; {origin} names the model {model}: set EMBEDDING_DIMENSIONS, too"
                self.report("embedding", "dimensions", text)
            given["dimensions"] = size or 1

    def _settle_params(self, given: dict[str, Any]) -> None:
        """Read ``params.dimensions``, by which a model is told to make shorter vectors."""
        params = given.pop("params", None)
        size = params.get("dimensions") if isinstance(params, Mapping) else None
        if size is None or ("embedding", "dimensions") in self.origins:
            return
        size = _number_if_any(size) if isinstance(size, str) else size
        if given.setdefault("dimensions", size) != size:
            other, shown = (shown_value("dimensions", value) for value in (given["dimensions"], size))
            self.report(
                "embedding", "dimensions", f"{other} differs from embedding.params.dimensions, {shown}; expected one"
            )

    def _settle_language(self) -> None:
        keyword = self.given["storage.keyword"]
        language = self.given[_PG].pop("language", None)
        if language and str(keyword.setdefault("language", language)).lower() != language.lower():
            other = shown_value("language", keyword["language"])
            self.report(_PG, "language", f"{language!r} differs from storage.keyword.language, {other}; expected one")

    def _settle_connection(self) -> None:
        postgres = self.given[_PG]
        postgres.pop("connection_strategy", None)
        unused = [f"{_PG}.{key}" for key in ("debug", "cloud_sql_instance") if postgres.pop(key, None)]
        if unused:
            log.warning("the configuration has keys without an effect here: %s", ", ".join(unused))
        if str(self.given["storage"].get("backend", "chroma")).lower() == "chroma":
            for unread in ("url", "direct_url", "read_url", *PASSWORDS[1:]):
                postgres.pop(unread, None)
            return
        self._settle_address(postgres)
        self.settle_password(postgres)
        for key in ("direct_url", "read_url"):
            if isinstance(postgres.get(key), str):
                postgres[key] = self.resolved(postgres[key], f"{_PG}.{key}")
        self._check_certificates(postgres)

    def _settle_headers(self) -> None:
        """Put the variables that ``secret://env/NAME`` names into the headers for a Chroma server."""
        headers = self.given["storage.chroma"].get("headers")
        if isinstance(headers, Mapping):
            found = {
                name: self.resolved(value, f"storage.chroma.headers.{name}") if isinstance(value, str) else value
                for name, value in headers.items()
            }
            self.given["storage.chroma"]["headers"] = {k: value for k, value in found.items() if value is not None}

    def _settle_address(self, postgres: dict[str, Any]) -> None:
        url = postgres.pop("url", None)
        variable = self.env.get("DATABASE_URL")
        if "embedded_path" in postgres and (url or postgres.keys() & {"host", "port"}):
            self.report(_PG, "embedded_path", "is set together with a server's address; set only one of the two")
        said = self._said(_PG, _CONNECTION)
        if variable and said:
            self._leave_out("DATABASE_URL", _PG, said)
            variable = None
        if variable and _is_unreplaced("url", variable):
            self.problems.append(f"DATABASE_URL: {_UNREPLACED.partition(';')[0]}; write the value itself")
        elif variable:
            for key in (*PASSWORDS, "embedded_path"):
                postgres.pop(key, None)
            self._apply_url(postgres, variable, "DATABASE_URL")
        elif url:
            self._apply_url(postgres, url, f"{_PG}.url")
        elif "embedded_path" not in postgres:
            self._apply_docker_port(postgres)

    def _apply_url(self, postgres: dict[str, Any], url: str, origin: str) -> None:
        settings, problems = parse_connection_url(self.resolved(url, origin) or "postgresql://")
        self.problems += [f"{origin}: {problem}" for problem in problems]
        replaced = [key for key in _CONNECTION if (_PG, key) in self.said]
        if origin == "DATABASE_URL" and replaced:
            self._note_override(origin, _PG, *replaced)
        for key in (*_REPLACED_BY_URL, *(PASSWORDS if "password" in settings else ())):
            postgres.pop(key, None)
        for key, value in settings.items():
            self._override(_PG, key, value, origin)

    def _apply_docker_port(self, postgres: dict[str, Any]) -> None:
        # Kubernetes sets POSTGRES_PORT to tcp://address:port when a service is called postgres.
        text = self.env.get("POSTGRES_PORT", "")
        if text and "://" not in text and "port" not in postgres and "PGPORT" not in self.env:
            self._override(_PG, "port", _number_if_any(text), "POSTGRES_PORT")

    def _check_certificates(self, postgres: dict[str, Any]) -> None:
        for key in ("ssl_root_cert", "ssl_cert", "ssl_key"):
            value = postgres.get(key)
            system = key == "ssl_root_cert" and value == "system"
            if isinstance(value, (str, Path)) and not system and not _is_file(expanded(value)):
                self.report(_PG, key, f"{shown_value(key, value)} is not a file")
        mode = str(postgres.get("ssl_mode")).lower()
        default = Path(self.env.get("HOME", "/nowhere"), ".postgresql/root.crt")
        known = "ssl_root_cert" in postgres or "PGSSLROOTCERT" in self.env or _is_file(default)
        if mode.startswith("verify-") and not known:
            self.report(_PG, "ssl_root_cert", f"missing, expected a certificate file or system for ssl_mode {mode}")

    def _settle_paths(self) -> None:
        base = self.env.get("AGENT_BRAIN_STATE_DIR")
        for section, key in (("storage.chroma", "path"), (_PG, "embedded_path")):
            value = self.given[section].get(key, ruled_fields(self.sections[section])[key].default)
            if base and isinstance(value, (str, Path)) and is_path(value):
                self.given[section][key] = expanded(base) / expanded(value)
