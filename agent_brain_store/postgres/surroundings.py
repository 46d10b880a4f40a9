"""Say what is wrong when the driver misses something of the process: a user's name, a home directory, a readable file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from agent_brain_store.config.rules import expanded
from agent_brain_store.errors import ConfigError

_LOOKED_FOR = ("root.crt", "root.crl", "postgresql.key", "postgresql.crt")


@contextmanager
def surroundings_explained() -> Iterator[None]:
    """Turn errors that the process's surroundings cause into `ConfigError`. Trying again would not help."""
    try:
        yield
    except PermissionError as error:
        if (path := _unreadable_file()) is None:
            raise
        raise _error(
            f"connecting: this user may not read {path}, where PostgreSQL's clients look for certificates and passwords; "
            "set the variable HOME to a directory of this user"
        ) from error
    except (KeyError, OSError) as error:
        if "getpwuid" not in str(error) and "username" not in str(error):
            raise
        raise _error(
            "connecting: storage.postgres.user is not set, and the system knows no name for the user of this process; "
            "set storage.postgres.user, or the variable PGUSER"
        ) from error


def _unreadable_file() -> str | None:
    """Return the first of the driver's default files that exists, or may exist, and cannot be read."""
    for path in (*(expanded("~") / ".postgresql" / name for name in _LOOKED_FOR), expanded("~") / ".pgpass"):
        try:
            path.stat()
        except PermissionError:
            return str(path)
        except OSError:
            continue
        if not os.access(path, os.R_OK):
            return str(path)
    return None


def _error(message: str) -> ConfigError:
    return ConfigError(message, "postgres")
