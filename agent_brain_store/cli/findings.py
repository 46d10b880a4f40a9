"""What the doctor finds: a level, the evidence, and the command that mends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from agent_brain_store.cli.opening import Look
from agent_brain_store.cli.screen import counted
from agent_brain_store.config import StoreConfig
from agent_brain_store.results import EmbeddingMetadata

ERROR, WARNING, NOTE = "error", "warning", "note"

# Commands of agent-brain-store. The doctor puts the name of the program and the configuration in front.
MIGRATE, REINDEX, REDERIVE, STATUS = "migrate", "reindex", "rederive", "status"
RELOAD = '-c "select pg_reload_conf()"'  # the end of a command that changes a setting of the server
AS_SAID = "Do what this message says."  # of evidence that is an error with its own remedy
NAME_MODEL = "load /dev/null"  # loading nothing records the configured model


class Finding(NamedTuple):
    """Something that is not as it should be.

    ``level`` is ``error`` if the store cannot be used or can lose something, ``warning`` if it will be slow or fail some
    day, and ``note`` if it is only good to know. ``mend`` is a command of agent-brain-store, or a sentence that ends with
    a period if no command can do it.
    """

    level: str
    what: str
    evidence: str
    mend: str


Check = Callable[[StoreConfig, Look], Awaitable[list[Finding]]]
"""It looks for one kind of finding on PostgreSQL."""


def in_psql(statement: str, role: str = "") -> str:
    """Return the command that runs a statement on the configured server, as the configured role or as another."""
    login = f"-U {role} " if role else ""
    return f'psql {login}-c "{statement}"'


def no_profile(config: StoreConfig, profile: EmbeddingMetadata | None, chunks: int) -> list[Finding]:
    """Find a store with chunks whose embedding model nobody has named. Another model would not be noticed."""
    if profile is not None or not chunks:
        return []
    model = config.embedding
    evidence = (
        f"{counted(chunks, 'chunk')}, and no embedding profile; the configuration says {model.provider}/{model.model}"
    )
    return [Finding(WARNING, "another embedding model would not be noticed", evidence, NAME_MODEL)]


def mebibytes(size: float) -> str:
    """Return a size in words."""
    return f"{size / 2**20:,.0f} MiB"
