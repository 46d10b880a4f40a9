"""Configurations that are wrong, and passwords that must not show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import agent_brain_store
from agent_brain_store.config import PostgresConfig, StoreConfig
from agent_brain_store.errors import ConfigError

CANARY = "c4n4ry-p4ss"


def postgres_config(env: Mapping[str, str] | None = None, /, **settings: Any) -> PostgresConfig:
    """Return ``storage.postgres`` of these settings, as a configuration has it."""
    return StoreConfig.from_dict({"storage": {"backend": "postgres", "postgres": settings}}, env).postgres


def from_url(url: str) -> PostgresConfig:
    """Return the same for a DATABASE_URL."""
    return postgres_config({"DATABASE_URL": url})


def problems_of(mapping: Any, env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return what is wrong with a configuration. Something must be."""
    with pytest.raises(ConfigError) as caught:
        StoreConfig.from_dict(mapping, env)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def problem_of(mapping: Any, env: Mapping[str, str] | None = None) -> str:
    """Return the one thing that is wrong with a configuration."""
    problems = problems_of(mapping, env)
    assert len(problems) == 1, problems
    return problems[0]


def postgres_problem(env: Mapping[str, str] | None = None, /, **settings: Any) -> str:
    """Return the one thing that is wrong with settings of ``storage.postgres``."""
    return problem_of({"storage": {"backend": "postgres", "postgres": settings}}, env)


def revealed(config: PostgresConfig) -> str | None:
    """Return the password as plain text."""
    return config.password.reveal() if config.password else None


# --- what must not show ----------------------------------------------------------------------------------------------


def assert_hidden(error: BaseException) -> None:
    """Look for the canary in a message, in every chained exception, and in the library's variables."""
    seen: BaseException | None = error
    while seen is not None:
        assert CANARY not in f"{seen!s} {seen!r} {seen.args} {vars(seen)}"
        assert_frames_hidden(seen.__traceback__)
        assert not (seen.__context__ and seen.__cause__ is None), "an exception is chained by accident"
        seen = seen.__cause__


def assert_frames_hidden(trace: TracebackType | None) -> None:
    """Look for the canary in the variables of the library's frames."""
    package = str(Path(agent_brain_store.__file__).parent)
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename.startswith(package) or frame.f_code.co_filename == "<string>":
            shown = "".join(f"{name}={value!r}" for name, value in frame.f_locals.items())
            assert CANARY not in shown, frame.f_code.co_name
        trace = trace.tb_next
