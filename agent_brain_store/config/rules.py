"""Check dataclasses by rules. Each field has a rule that says what the field accepts, and in which form it is kept."""

from __future__ import annotations

import math
import numbers
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

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


class Secret:
    """A password that stays hidden. It does not show in repr, str, format or the result of ``asdict``, and has no
    pickle.

    Pass ``secret.reveal`` itself to asyncpg as ``password``. This keeps the text out of asyncpg's reprs too.
    """

    __slots__ = ("_reveal", "is_fixed")
    _reveal: Callable[[], Any]
    is_fixed: bool

    def __init__(self, value: str | Callable[[], Any]) -> None:
        # The password is in a closure, because tools that print an object's attributes do not look into one.
        object.__setattr__(self, "_reveal", value if callable(value) else lambda: value)
        object.__setattr__(self, "is_fixed", not callable(value))

    def reveal(self) -> Any:
        """Return the password. If it comes from a function, return what the function returns now: a text, or an awaitable."""
        return self._reveal()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret can't be changed")

    def __repr__(self) -> str:
        return "****"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> object:
        """Return what makes two secrets equal: the text, or the function that fetches it."""
        return self.reveal() if self.is_fixed else self._reveal

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a Secret isn't pickled: load the configuration again in the other process")


class Rule(NamedTuple):
    """One rule for a value.

    ``expected`` says it in words, ``accepts`` tests it, and ``convert`` returns the form in which the value is kept.
    """

    expected: str
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value


def as_integer(value: object) -> int | None:
    """Return a Python or numpy integer as an ``int``, and None for anything else. True and False do not count as integers."""
    return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else None


def as_number(value: object) -> float | None:
    """Return a Python or numpy number as a ``float``, and None for anything else.

    A number that no float can hold becomes infinite. True and False do not count as numbers.
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond 1e308
        return math.inf if int(value) > 0 else -math.inf  # type: ignore[call-overload]


def integer(low: int, high: int) -> Rule:
    """Return a rule for integers from ``low`` to ``high``. Both are included."""

    def accepts(value: Any) -> bool:
        number = as_integer(value)
        return number is not None and low <= number <= high

    return Rule(f"an integer from {low} to {high}", accepts, int)


def number(low: float, high: float) -> Rule:
    """Return a rule for numbers from ``low`` to ``high``. Both are included."""

    def accepts(value: Any) -> bool:
        number = as_number(value)
        return number is not None and low <= number <= high

    return Rule(f"a number from {low} to {high}", accepts, float)


def choice(*names: str) -> Rule:
    """Return a rule for one of several lower case names. Upper case is accepted too."""
    return Rule(f"one of {', '.join(names)}", lambda v: isinstance(v, str) and v.lower() in names, str.lower)


def matching(pattern: str, expected: str, convert: Callable[[str], str] = str) -> Rule:
    """Return a rule for strings that match a whole regular expression. ``expected`` describes them."""
    return Rule(expected, lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None, convert)


def is_path(value: object) -> bool:
    """Return whether a value can be a path: a string or a ``Path``, not empty, without NUL and without an unknown home."""
    if not isinstance(value, (str, Path)) or str(value) == "" or "\0" in str(value):
        return False
    return not str(expanded(value)).startswith("~")  # an unknown home stays a ~, and would become a folder of that name


def expanded(value: str | os.PathLike[str]) -> Path:
    """Return a path with a leading ``~`` replaced by the home directory."""
    return Path(os.path.expanduser(value))  # noqa: PTH111 - Path.expanduser() fails where there is no home


def host_list(value: object) -> list[object]:
    """Return the hosts of a value: a string with commas, a tuple, or a single value."""
    return [*value.split(",")] if isinstance(value, str) else [*value] if isinstance(value, tuple) else [value]


def _is_host(value: object) -> bool:
    return all(isinstance(host, str) and re.fullmatch(r"/[^\0]*|[^\s\0/@]+", host) for host in host_list(value))


def _is_port(value: object) -> bool:
    ports = [as_integer(port) for port in (value if isinstance(value, tuple) else (value,))]
    return all(port is not None and 1 <= port <= 65535 for port in ports)


def _kept_port(value: Any) -> int | tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, tuple) else int(value)


TEXT = matching("[^\0\ud800-\udfff]*[^\0\\s\ud800-\udfff][^\0\ud800-\udfff]*", "a text")  # what can be sent as UTF-8
NAME = Rule("a name (a URL belongs in storage.postgres.url)", lambda v: TEXT.accepts(v) and "://" not in v)
_PATH = "a path; if it starts with ~, the home directory must be known"
PATH = Rule(_PATH, is_path, expanded)
ROOT_CERT = Rule(f"{_PATH}; or system", is_path, lambda v: v if v == "system" else expanded(v))
HOST = Rule(
    "a host name, an address, or a socket directory that starts with /; several with commas",
    _is_host,
    lambda v: v if isinstance(v, str) and "," not in v else tuple(host_list(v)),
)
PORT = Rule("an integer from 1 to 65535", _is_port, _kept_port)
PASSWORD = Rule(
    "a text, in quotes",
    lambda v: (
        isinstance(v, Secret) or callable(v) or (isinstance(v, str) and re.search("[\0\ud800-\udfff]", v) is None)
    ),
    lambda v: v if isinstance(v, Secret) else Secret(v),
)
SERVER = matching(r"[^\s\0/@:]+|[0-9a-fA-F]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*", "a host name or an address, without a port")
COLLECTION = matching(
    r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]", "3 to 512 of a-z A-Z 0-9 . _ - with a letter or digit at both ends"
)
FLAG = Rule("true or false", lambda v: isinstance(v, bool))
HEADERS = Rule(
    "a mapping of names to texts",
    lambda v: (
        all(
            isinstance(name, str)
            and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
            and PASSWORD.accepts(value)
            and value
            for name, value in (v.items() if isinstance(v, Mapping) else v)
        )
        if isinstance(v, Mapping | tuple)
        else False
    ),
    lambda v: tuple(
        sorted((name, PASSWORD.convert(value)) for name, value in (v.items() if isinstance(v, Mapping) else v))
    ),
)
LANGUAGE = choice(*LANGUAGES)
SECONDS = number(0.001, 86400)
ANYTHING = Rule("anything", lambda _: True)


def setting(rule: Rule, default: Any = MISSING, *, shown: bool = True) -> Any:
    """Make a dataclass field that takes what ``rule`` accepts."""
    return field(default=default, repr=shown, metadata={"rule": rule})


def ruled_fields(cls: Any) -> dict[str, Field[Any]]:
    """Return the fields of a dataclass that have a rule, by name."""
    return {item.name: item for item in fields(cls) if "rule" in item.metadata}


def shown_value(key: str, value: object) -> str:
    """Quote a wrong value, unless it may hold a password. A URL may hold one too, wherever it stands."""
    if not isinstance(value, (str, int, float, Path)):
        return f"a {type(value).__name__}"
    text = str(value)
    hidden = key.endswith("url") or key.startswith("password") or "@" in text or "://" in text
    return "****" if hidden else repr(text[:80] if isinstance(value, (str, Path)) else value)


def refusal(key: str, value: object, rule: Rule) -> str:
    """Say that a value is not accepted, and what is expected instead."""
    return f"{shown_value(key, value)} is not accepted, expected {rule.expected}"


def check_values(cls: type[Section], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the correct values of ``given`` in the form in which they are kept, and each wrong key with the reason."""
    clean: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    problems = []
    for key, item in ruled_fields(cls).items():
        value, rule = given.get(key), item.metadata["rule"]
        if key not in given:
            defaults[key] = item.default
        elif rule.accepts(value):
            clean[key] = rule.convert(value)
        elif value is not None or item.default is not None:
            problems.append((key, refusal(key, value, rule)))
    return clean, [*problems, *cls._conflicts(defaults | clean)]


def config_error(problems: list[str], source: str | None = None) -> ConfigError:
    """Return one `ConfigError` that lists all problems. ``source`` names the file."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    title = f"{count} in the configuration{f' {source}' if source else ''}:"
    return ConfigError("\n  ".join([title, *problems]), problems=tuple(problems))


class Section:
    """The base of a dataclass that checks its fields by their rules whenever one is made. Raises `ConfigError`."""

    __slots__ = ()
    _name: ClassVar[str]

    def __post_init__(self) -> None:
        clean, problems = check_values(type(self), {key: getattr(self, key) for key in ruled_fields(type(self))})
        for key, value in clean.items():
            object.__setattr__(self, key, value)
        if problems:
            raise config_error([f"{self._name}.{key}: {text}" for key, text in problems])

    @classmethod
    def _conflicts(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ARG003
        """Yield each key whose value conflicts with another, and why. ``values`` holds only values that are correct alone."""
        yield from ()
