"""A YAML file and the environment become frozen, checked dataclasses.

Precedence: argument, environment, file, default. A class checks itself however it is made; ``load_config``
and ``StoreConfig.from_dict`` check everything first and raise one ``ConfigError`` that lists all problems.

``AGENT_BRAIN_CONFIG``           the file that ``load_config()`` reads
``AGENT_BRAIN_STORAGE_BACKEND``  ``storage.backend``
``CHROMA_PERSIST_DIR``           ``storage.chroma.path``
``COLLECTION_NAME``              ``storage.chroma.collection``
``EMBEDDING_MODEL``              ``embedding.model``; the file's dimensions count only for its own model
``EMBEDDING_DIMENSIONS``         ``embedding.dimensions``
``DATABASE_URL``                 replaces the file's host, port, database, user, password and embedded_path,
                                 and of its TLS settings those that the URL names
``POSTGRES_PASSWORD``            the password, if neither the file nor a URL nor libpq's variables give one
``POSTGRES_PORT``                the port, likewise, but never that of a URL
``AGENT_BRAIN_STATE_DIR``        where relative values of ``chroma.path`` and ``embedded_path`` start, so that
                                 every part of a service finds the same data, whatever its working directory

What only PostgreSQL needs (URLs, password sources, certificate files) is read for that backend alone.
What it isn't told stays None there, so that libpq's own ``PGHOST``, ``PGPASSFILE``, ... keep working.
"""

# ruff: noqa: RUF009 - _setting() makes a dataclass field

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from agent_brain_store.connection_url import parse_connection_url
from agent_brain_store.errors import ConfigError

# fmt: off
LANGUAGES = (
    "simple", "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french",
    "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali",
    "norwegian", "portuguese", "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish",
    "yiddish",
)
# fmt: on
"""The text search configurations that PostgreSQL 16 ships."""

_DIMENSIONS = {
    3072: "text-embedding-3-large gemini-embedding-001",
    1536: "text-embedding-3-small text-embedding-ada-002 embed-v4.0",
    1024: "embed-english-v3.0 embed-multilingual-v3.0 mxbai-embed-large mxbai-embed-large-v1 bge-m3 "
    "bge-large bge-large-en-v1.5 multilingual-e5-large snowflake-arctic-embed snowflake-arctic-embed2",
    768: "all-mpnet-base-v2 multi-qa-mpnet-base-dot-v1 paraphrase-multilingual-mpnet-base-v2 "
    "nomic-embed-text nomic-embed-text-v1.5 bge-base-en-v1.5 multilingual-e5-base text-embedding-004 "
    "embeddinggemma",
    384: "all-minilm all-minilm-l6-v2 all-minilm-l12-v2 paraphrase-multilingual-minilm-l12-v2 "
    "bge-small-en-v1.5 multi-qa-minilm-l6-cos-v1 multilingual-e5-small embed-english-light-v3.0 "
    "embed-multilingual-light-v3.0",
}
_KNOWN_MODELS = {model: size for size, models in _DIMENSIONS.items() for model in models.split()}
_DEFAULT_MODEL = "openai", "text-embedding-3-large", 3072


class Secret:
    """A password that doesn't show: not in repr, str, format, the result of ``asdict``, or a pickle.

    asyncpg takes ``secret.reveal`` itself as ``password``, which keeps the text out of asyncpg's reprs too.
    """

    __slots__ = ("_reveal",)
    _reveal: Callable[[], str]

    def __init__(self, value: str) -> None:
        # A closure, because tools that print an object's attributes don't look into one.
        object.__setattr__(self, "_reveal", lambda: value)

    def reveal(self) -> str:
        """Return the password."""
        return self._reveal()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret can't be changed")

    def __repr__(self) -> str:
        return "****"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a Secret isn't pickled: load the configuration again in the other process")


class _Rule(NamedTuple):
    """What a value must be, in words and as a test, and the form in which it is kept."""

    expected: str
    accepts: Callable[[Any], bool]
    keep: Callable[[Any], Any] = lambda value: value


def _integer(low: int, high: int) -> _Rule:
    # type() and not isinstance(): True is an int too.
    return _Rule(f"an integer from {low} to {high}", lambda v: type(v) is int and low <= v <= high)


def _number(low: float, high: float) -> _Rule:
    return _Rule(f"a number from {low} to {high}", lambda v: type(v) in (int, float) and low <= v <= high, float)


def _choice(*names: str) -> _Rule:
    return _Rule(f"one of {', '.join(names)}", lambda v: isinstance(v, str) and v.lower() in names, str.lower)


def _matching(pattern: str, expected: str, keep: Callable[[str], str] = str) -> _Rule:
    return _Rule(expected, lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None, keep)


def _is_path(value: object) -> bool:
    return isinstance(value, (str, Path)) and str(value) != "" and "\0" not in str(value)


def _path(value: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(value))  # noqa: PTH111 - Path.expanduser() fails where there is no home


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a directory above it that we may not read
        return False


def _hosts(value: object) -> list[object]:
    return [*value.split(",")] if isinstance(value, str) else [*value] if isinstance(value, tuple) else [value]


def _is_host(value: object) -> bool:
    return all(isinstance(host, str) and re.fullmatch(r"/[^\0]*|[^\s\0/@]+", host) for host in _hosts(value))


def _is_port(value: object) -> bool:
    ports = value if isinstance(value, tuple) else (value,)
    return all(type(port) is int and 1 <= port <= 65535 for port in ports)


_TEXT = _matching(r"[^\0]*[^\0\s][^\0]*", "a text")
_NAME = _Rule("a name (a URL belongs in storage.postgres.url)", lambda v: _TEXT.accepts(v) and "://" not in v)
_PATH = _Rule("a path", _is_path, _path)
_ROOT_CERT = _Rule("a path, or system", _is_path, lambda v: v if v == "system" else _path(v))
_HOST = _Rule(
    "a host name, an address, or a socket directory that starts with /; several with commas",
    _is_host,
    lambda v: v if isinstance(v, str) and "," not in v else tuple(_hosts(v)),
)
_PORT = _Rule("an integer from 1 to 65535", _is_port)
_PASSWORD = _Rule(
    "a text, in quotes",
    lambda v: isinstance(v, Secret) or (isinstance(v, str) and "\0" not in v),
    lambda v: v if isinstance(v, Secret) else Secret(v),
)
_LANGUAGE = _choice(*LANGUAGES)
_SECONDS = _number(0.001, 86400)
_ANYTHING = _Rule("anything", lambda _: True)


def _setting(rule: _Rule, default: Any = MISSING, *, shown: bool = True) -> Any:
    return field(default=default, repr=shown, metadata={"rule": rule})


def _fields(cls: Any) -> dict[str, Field[Any]]:
    return {item.name: item for item in fields(cls) if "rule" in item.metadata}


def _shown(key: str, value: object) -> str:
    """Quote a wrong value, but nothing that may hold a password: not even a URL in a wrong place."""
    if not isinstance(value, (str, int, float, Path)):
        return f"a {type(value).__name__}"
    text = str(value)
    hidden = key == "url" or key.startswith("password") or "@" in text or "://" in text
    return "****" if hidden else repr(text[:80] if isinstance(value, (str, Path)) else value)


def _refusal(key: str, value: object, rule: _Rule) -> str:
    return f"{_shown(key, value)} is not accepted, expected {rule.expected}"


def _checked(cls: type[_Section], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the right values of ``given`` as they are kept, and each wrong key with the reason."""
    clean: dict[str, Any] = {}
    problems = []
    known = _fields(cls)
    for key in [key for key in known if key in given]:
        value, rule = given[key], known[key].metadata["rule"]
        if rule.accepts(value):
            clean[key] = rule.keep(value)
        elif value is not None or known[key].default is not None:
            problems.append((key, _refusal(key, value, rule)))
    defaults = {key: item.default for key, item in known.items() if key not in given}
    return clean, [*problems, *cls._conflicts(defaults | clean)]


def _config_error(problems: list[str], source: str | None = None) -> ConfigError:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    title = f"{count} in the configuration{f' {source}' if source else ''}:"
    return ConfigError("\n  ".join([title, *problems]), problems=tuple(problems))


class _Section:
    """Checks a dataclass by the rules of its fields whenever one is made."""

    __slots__ = ()
    _name: ClassVar[str]

    def __post_init__(self) -> None:
        clean, problems = _checked(type(self), {key: getattr(self, key) for key in _fields(type(self))})
        for key, value in clean.items():
            object.__setattr__(self, key, value)
        if problems:
            raise _config_error([f"{self._name}.{key}: {text}" for key, text in problems])

    @classmethod
    def _conflicts(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ARG003
        """Yield each key whose value doesn't go with the others, and why; wrong values are left out."""
        yield from ()


@dataclass(frozen=True, slots=True)
class EmbeddingConfig(_Section):
    """The model whose vectors fill the store: provider (kept in lower case), model, dimensions (1 to 16000).

    A file may leave out the dimensions of a well-known model, or everything: OpenAI's text-embedding-3-large.
    """

    _name = "embedding"
    provider: str = _setting(_TEXT._replace(keep=str.lower))
    model: str = _setting(_TEXT)
    dimensions: int = _setting(_integer(1, 16000))


@dataclass(frozen=True, slots=True)
class ChromaConfig(_Section):
    """Where Chroma keeps its data: a directory, and a collection in it."""

    _name = "storage.chroma"
    path: Path = _setting(_PATH, Path("chroma_db"))
    collection: str = _setting(
        _matching(
            r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]",
            "3 to 512 of a-z A-Z 0-9 . _ - with a letter or digit at both ends",
        ),
        "agent_brain",
    )


@dataclass(frozen=True, slots=True)
class KeywordConfig(_Section):
    """How both backends rank keywords.

    ``language`` is the name of a PostgreSQL text search configuration; ``k1`` and ``b`` are BM25's; the
    weights say how much more a word counts in a chunk's headings or summary than in its text.
    """

    _name = "storage.keyword"
    language: str = _setting(_LANGUAGE, "english")
    k1: float = _setting(_number(0, 100), 1.2)
    b: float = _setting(_number(0, 1), 0.75)
    heading_weight: float = _setting(_number(0, 1000), 2.0)
    summary_weight: float = _setting(_number(0, 1000), 1.5)


@dataclass(frozen=True, slots=True)
class PostgresConfig(_Section):
    """How to reach PostgreSQL, and how to build and use the index.

    The connection: ``host``, ``port``, ``database``, ``user``, ``password`` and ``ssl_*`` are what the file
    or a URL says, and None where they say nothing, which leaves the word to libpq's variables and files. A
    host that starts with / is a socket directory; several hosts are a tuple, with one port or as many.
    ``ssl_root_cert`` may be ``"system"``, the system's store. ``embedded_path`` is the directory of a private
    server, instead of all that.

    Pools: ``pool_size`` connections stay open and ``pool_max_overflow`` more come and go under load;
    ``pool_timeout`` is how long to wait for a free one. ``connect_timeout`` is how long to try to reach the
    server, for one attempt and in all; ``command_timeout`` is how long one statement may take. All in seconds.

    The index: ``ivfflat_lists`` and ``ivfflat_probes`` of 0 are chosen by the number of chunks.
    """

    _name = "storage.postgres"
    host: str | tuple[str, ...] | None = _setting(_HOST, None)
    port: int | tuple[int, ...] | None = _setting(_PORT, None)
    database: str | None = _setting(_NAME, None)
    user: str | None = _setting(_NAME, None)
    password: Secret | None = _setting(_PASSWORD, None, shown=False)
    ssl_mode: str | None = _setting(_choice("disable", "allow", "prefer", "require", "verify-ca", "verify-full"), None)
    ssl_root_cert: Path | Literal["system"] | None = _setting(_ROOT_CERT, None)
    ssl_cert: Path | None = _setting(_PATH, None)
    ssl_key: Path | None = _setting(_PATH, None)
    embedded_path: Path | None = _setting(_PATH, None)
    schema: str = _setting(
        _matching("(?!pg_)[a-z_][a-z0-9_]{0,62}", "up to 63 of a-z 0-9 _ that start with neither a digit nor pg_"),
        "agent_brain",
    )
    pool_size: int = _setting(_integer(1, 1000), 10)
    pool_max_overflow: int = _setting(_integer(0, 1000), 10)
    pool_timeout: float = _setting(_SECONDS, 30.0)
    connect_timeout: float = _setting(_SECONDS, 30.0)
    command_timeout: float = _setting(_SECONDS, 60.0)
    index: str = _setting(_choice("hnsw", "ivfflat", "none"), "hnsw")
    hnsw_m: int = _setting(_integer(2, 100), 16)
    hnsw_ef_construction: int = _setting(_integer(4, 1000), 64)
    hnsw_ef_search: int = _setting(_integer(1, 1000), 100)
    ivfflat_lists: int = _setting(_integer(0, 32768), 0)
    ivfflat_probes: int = _setting(_integer(0, 32768), 0)

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
        hosts, ports = _hosts(values.get("host")), values.get("port")
        if isinstance(ports, tuple) and len(ports) != len(hosts):
            yield "port", f"{len(ports)} ports for {len(hosts)} hosts, expected one port or as many as hosts"


@dataclass(frozen=True, slots=True)
class StoreConfig(_Section):
    """Everything a store needs to know: the backend, what both share, and a part for each.

    ``on_invalid_text`` says what happens to text that can't be stored (NUL, lone surrogates): ``replace``
    puts U+FFFD in its place, ``reject`` refuses the chunk.
    """

    _name = "storage"
    backend: str = _setting(_choice("chroma", "postgres"), "chroma")
    distance: str = _setting(_choice("cosine", "l2", "inner_product"), "cosine")
    on_invalid_text: str = _setting(_choice("replace", "reject"), "replace")
    embedding: EmbeddingConfig = field(default_factory=lambda: EmbeddingConfig(*_DEFAULT_MODEL))
    chroma: ChromaConfig = field(default_factory=ChromaConfig)
    postgres: PostgresConfig = field(default_factory=PostgresConfig)
    keyword: KeywordConfig = field(default_factory=KeywordConfig)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], env: Mapping[str, str] | None = None) -> StoreConfig:
        """Check a whole configuration, as YAML gives it; ``env`` overrides it where given.

        Only ``storage`` and ``embedding`` are looked at: the rest of an application's file is its own.
        """
        config, problems = _build(mapping, env or {})
        del mapping, env  # a traceback that shows local variables must not show a password
        if config is None:
            raise _config_error(problems)
        return config


def load_config(path: str | os.PathLike[str] | None = None, env: Mapping[str, str] = os.environ) -> StoreConfig:
    """Read the YAML file ``path``, else the one that ``AGENT_BRAIN_CONFIG`` names, and apply ``env``."""
    config, problems, source = _load(path, env)
    del env  # as in from_dict
    if config is None:
        raise _config_error(problems, source)
    return config


def _load(
    path: str | os.PathLike[str] | None, env: Mapping[str, str]
) -> tuple[StoreConfig | None, list[str], str | None]:
    named = path if path is not None else env.get("AGENT_BRAIN_CONFIG") or None
    if named is None:
        return *_build({}, env), None
    source = os.fspath(named) + (" (named by AGENT_BRAIN_CONFIG)" if path is None else "")
    mapping, problem = _read_yaml(named)
    return *((None, [problem]) if problem else _build(mapping, env)), source


def _read_yaml(path: str | os.PathLike[str]) -> tuple[Any, str | None]:
    """Return a file's content, or why there is none. The parser's own words may quote a password."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        content = yaml.safe_load(_path(path).read_bytes())
    except OSError as error:
        return None, f"the file can't be read: {error.strerror}"
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        return (
            None,
            f"not valid YAML{f', near line {mark.line + 1}, column {mark.column + 1}' if mark else ''}",
        )
    return ({} if content is None else content), None


_SECTIONS: dict[str, type[_Section]] = {
    cls._name: cls for cls in (StoreConfig, EmbeddingConfig, ChromaConfig, PostgresConfig, KeywordConfig)
}
_FILE_ONLY: dict[str, dict[str, _Rule]] = {
    "storage": dict.fromkeys(("chroma", "postgres", "keyword"), _ANYTHING),
    "embedding": dict.fromkeys(("api_key", "api_key_env", "base_url", "params"), _ANYTHING),
    "storage.postgres": {
        "url": _TEXT,
        "password_env": _TEXT,
        "password_file": _PATH,
        "language": _LANGUAGE,
        "debug": _ANYTHING,
        "cloud_sql_instance": _ANYTHING,
        "connection_strategy": _choice("direct", "cloud_sql_proxy")._replace(
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
_PASSWORDS = ("password", "password_env", "password_file")
_REPLACED_BY_URL = ("host", "port", "database", "user")
_PG = PostgresConfig._name


def _build(mapping: Mapping[str, Any], env: Mapping[str, str]) -> tuple[StoreConfig | None, list[str]]:
    draft = _Draft(mapping, env)
    parts = draft.checked()
    if draft.problems:
        return None, draft.problems
    config = StoreConfig(
        embedding=EmbeddingConfig(**parts["embedding"]),
        chroma=ChromaConfig(**parts["storage.chroma"]),
        postgres=PostgresConfig(**parts["storage.postgres"]),
        keyword=KeywordConfig(**parts["storage.keyword"]),
        **parts["storage"],
    )
    return config, []


def _known(section: str) -> dict[str, _Rule]:
    own = {key: item.metadata["rule"] for key, item in _fields(_SECTIONS[section]).items()}
    return own | _FILE_ONLY.get(section, {})


def _optional(section: str, key: str) -> bool:
    own = _fields(_SECTIONS[section])
    return key not in own or own[key].default is None


def _suggestion(section: str, key: str) -> str:
    elsewhere = {name: f"{other}.{name}" for other in _SECTIONS for name in _known(other)}
    here = {name: f"{section}.{name}" for name in _known(section)}
    near = get_close_matches(key.lower(), elsewhere | here, n=1)
    return f"did you mean {(elsewhere | here)[near[0]]}?" if near else f"known keys are {', '.join(here)}"


def _number_if_any(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", text) else text


def _if_named(text: str, pattern: str) -> str:
    """Quote the name of a variable or file only if it looks like one: a password may stand there."""
    return f" {text}" if re.fullmatch(pattern, text) else ""


class _Draft:
    """What a file and the environment say, section by section, on the way to a ``StoreConfig``."""

    def __init__(self, mapping: Mapping[str, Any], env: Mapping[str, str]) -> None:
        self.env = {name: value for name, value in env.items() if value}
        self.problems: list[str] = []
        self.origins: dict[tuple[str, str], str] = {}
        self.given: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
        self._read(mapping)
        self._apply_variables()
        self._settle_embedding()
        self._settle_language()
        self._settle_connection()
        self._settle_paths()

    def checked(self) -> dict[str, dict[str, Any]]:
        """Return the values of each section, and report those that are wrong."""
        parts = {}
        for section, cls in _SECTIONS.items():
            parts[section], problems = _checked(cls, self.given[section])
            for key, text in problems:
                self._report(section, key, text)
        return parts

    def _report(self, section: str, key: str, text: str) -> None:
        origin = self.origins.get((section, key))
        self.problems.append(f"{section}.{key}{f' (from {origin})' if origin else ''}: {text}")

    def _override(self, section: str, key: str, value: Any, origin: str) -> None:
        self.given[section][key] = value
        self.origins[section, key] = origin

    def _read(self, mapping: Any) -> None:
        if not isinstance(mapping, Mapping):
            self.problems.append(f"a {type(mapping).__name__}, expected a mapping with the keys storage and embedding")
            return
        for key in mapping:
            near = get_close_matches(str(key).lower(), ("storage", "embedding"), n=1, cutoff=0.8)
            if near and key not in ("storage", "embedding"):
                self.problems.append(f"{key}: unknown key, did you mean {near[0]}?")
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
        rule = _known(section).get(key)
        if rule is None:
            # A missing space, as in {password:text}, makes a password part of a key.
            name = key if re.fullmatch(r"[\w-]{1,40}", str(key)) else "(a key)"
            self._report(section, str(name), f"unknown key, {_suggestion(section, str(key))}")
        elif value is None or (value == "" and _optional(section, key)):
            pass
        elif key in _FILE_ONLY.get(section, {}) and not rule.accepts(value):
            self._report(section, key, _refusal(key, value, rule))
        else:
            self.given[section][key] = value

    def _apply_variables(self) -> None:
        embedding = self.given["embedding"]
        if self.env.get("EMBEDDING_MODEL", "") not in ("", embedding.get("model", _DEFAULT_MODEL[1])):
            embedding.pop("dimensions", None)
        for variable, (section, key) in _VARIABLES.items():
            if variable in self.env:
                text = self.env[variable]
                self._override(section, key, _number_if_any(text) if key == "dimensions" else text, variable)

    def _settle_embedding(self) -> None:
        given = self.given["embedding"]
        if str(given.setdefault("provider", _DEFAULT_MODEL[0])).lower() == _DEFAULT_MODEL[0]:
            given.setdefault("model", _DEFAULT_MODEL[1])
        if "model" not in given:
            self._report("embedding", "model", "missing, expected the name of the provider's model")
        elif "dimensions" not in given:
            size = _KNOWN_MODELS.get(str(given["model"]).lower().rpartition("/")[2].removesuffix(":latest"))
            if size is None:
                model = _shown("model", given["model"])
                self._report("embedding", "dimensions", f"missing, expected the length of {model}'s vectors")
            given["dimensions"] = size or 1

    def _settle_language(self) -> None:
        keyword = self.given["storage.keyword"]
        language = self.given[_PG].pop("language", None)
        if language and str(keyword.setdefault("language", language)).lower() != language.lower():
            other = _shown("language", keyword["language"])
            self._report(_PG, "language", f"{language!r} differs from storage.keyword.language, {other}; expected one")

    def _settle_connection(self) -> None:
        postgres = self.given[_PG]
        for ignored in ("debug", "cloud_sql_instance", "connection_strategy"):
            postgres.pop(ignored, None)
        if str(self.given["storage"].get("backend", "chroma")).lower() == "chroma":
            for unread in ("url", "password_env", "password_file"):
                postgres.pop(unread, None)
            return
        self._settle_address(postgres)
        self._settle_password(postgres)
        self._check_certificates(postgres)

    def _settle_address(self, postgres: dict[str, Any]) -> None:
        url = postgres.pop("url", None)
        variable = self.env.get("DATABASE_URL")
        if "embedded_path" in postgres and (url or postgres.keys() & {"host", "port"}):
            self._report(_PG, "embedded_path", "given together with the address of a server, expected one of the two")
        if variable:
            for key in (*_PASSWORDS, "embedded_path"):
                postgres.pop(key, None)
            self._apply_url(postgres, variable, "DATABASE_URL")
        elif url:
            self._apply_url(postgres, url, f"{_PG}.url")
        elif "embedded_path" not in postgres:
            self._apply_docker_port(postgres)

    def _apply_url(self, postgres: dict[str, Any], url: str, origin: str) -> None:
        settings, problems = parse_connection_url(self._resolved(url, origin) or "postgresql://")
        self.problems += [f"{origin}: {problem}" for problem in problems]
        for key in (*_REPLACED_BY_URL, *(_PASSWORDS if "password" in settings else ())):
            postgres.pop(key, None)
        for key, value in settings.items():
            self._override(_PG, key, value, origin)

    def _apply_docker_port(self, postgres: dict[str, Any]) -> None:
        # Kubernetes sets POSTGRES_PORT to tcp://address:port when a service is called postgres.
        text = self.env.get("POSTGRES_PORT", "")
        if text and "://" not in text and "port" not in postgres and "PGPORT" not in self.env:
            self._override(_PG, "port", _number_if_any(text), "POSTGRES_PORT")

    def _settle_password(self, postgres: dict[str, Any]) -> None:
        given = {key: postgres.pop(key) for key in _PASSWORDS if key in postgres}
        if len(given) > 1:
            self._report(_PG, "password", f"{' and '.join(given)} are given together, expected one of them")
        elif "password_env" in given:
            postgres["password"] = self._variable(given["password_env"], f"{_PG}.password_env")
        elif "password_file" in given:
            postgres["password"] = self._password_from(_path(given["password_file"]))
        elif isinstance(given.get("password"), str):
            postgres["password"] = self._resolved(given["password"], f"{_PG}.password")
        elif given:
            postgres.update(given)
        elif not self.env.keys() & {"PGPASSWORD", "PGPASSFILE"} and "embedded_path" not in postgres:
            postgres["password"] = self._resolved(self.env.get("POSTGRES_PASSWORD"), "POSTGRES_PASSWORD")

    def _password_from(self, path: Path) -> str | None:
        try:
            text = path.read_text(encoding="utf-8").rstrip("\r\n")
            reason = "" if text else "it is empty"
        except (OSError, ValueError) as error:
            text, reason = "", getattr(error, "strerror", None) or "it isn't UTF-8 text"
        if reason:
            name = _if_named(str(path), r".*[/\\].*")
            self._report(_PG, "password_file", f"the file{name} gives no password: {reason}")
        return text or None

    def _resolved(self, text: str | None, origin: str) -> str | None:
        """Follow ``secret://env/NAME``; other text is returned as it is."""
        if text is None or not text.startswith("secret://"):
            return text
        if text.startswith("secret://env/"):
            return self._variable(text.removeprefix("secret://env/"), origin)
        self.problems.append(
            f"{origin}: of secret:// references only secret://env/NAME is followed; have your platform put "
            f"the secret in a variable or a file, and name that by {_PG}.password_env or {_PG}.password_file"
        )
        return None

    def _variable(self, name: str, origin: str) -> str | None:
        if name not in self.env:
            named = _if_named(name, "[A-Z_][A-Z0-9_]*")
            self.problems.append(f"{origin}: the environment variable{named} is not set, expected the password in it")
        return self.env.get(name)

    def _check_certificates(self, postgres: dict[str, Any]) -> None:
        for key in ("ssl_root_cert", "ssl_cert", "ssl_key"):
            value = postgres.get(key)
            system = key == "ssl_root_cert" and value == "system"
            if isinstance(value, (str, Path)) and not system and not _is_file(_path(value)):
                self._report(_PG, key, f"{_shown(key, value)} is not a file")
        mode = str(postgres.get("ssl_mode")).lower()
        default = Path(self.env.get("HOME", "/nowhere"), ".postgresql/root.crt")
        known = "ssl_root_cert" in postgres or "PGSSLROOTCERT" in self.env or _is_file(default)
        if mode.startswith("verify-") and not known:
            self._report(_PG, "ssl_root_cert", f"missing, expected a certificate file or system for ssl_mode {mode}")

    def _settle_paths(self) -> None:
        base = self.env.get("AGENT_BRAIN_STATE_DIR")
        self.given["storage.chroma"].setdefault("path", "chroma_db")
        for section, key in (("storage.chroma", "path"), (_PG, "embedded_path")):
            value = self.given[section].get(key)
            if base and isinstance(value, (str, Path)) and _is_path(value):
                self.given[section][key] = _path(base) / _path(value)
