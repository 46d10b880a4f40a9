"""Where a password comes from, and that nothing shows it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store.config import PostgresConfig, Secret, StoreConfig, load_config
from agent_brain_store.errors import ConfigError
from tests.support.configs import CANARY, assert_hidden, postgres_config, postgres_problem, revealed
from tests.support.internals import overwrite_secret

# --- sources ---------------------------------------------------------------------------------------------------------


def test_password_sources(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{CANARY} \r\n", encoding="utf-8")
    assert revealed(postgres_config(password=CANARY)) == CANARY
    assert revealed(postgres_config(password=Secret(CANARY))) == CANARY
    assert revealed(postgres_config({"PW": CANARY}, password_env="PW")) == CANARY
    assert revealed(postgres_config(password_file=str(file))) == f"{CANARY} "
    assert revealed(postgres_config({"PW": CANARY}, password="secret://env/PW")) == CANARY


def test_docker_password_is_the_last_resort() -> None:
    docker = {"POSTGRES_PASSWORD": CANARY}
    assert revealed(postgres_config(docker)) == CANARY
    assert revealed(postgres_config(docker, password="file")) == "file"
    assert revealed(postgres_config(docker | {"PW": "named"}, password_env="PW")) == "named"
    assert revealed(postgres_config(docker | {"DATABASE_URL": "postgresql://u:url@h/d"})) == "url"
    assert revealed(postgres_config(docker | {"DATABASE_URL": "postgresql://u@h/d"})) == CANARY
    assert postgres_config(docker | {"PGPASSWORD": "libpq"}).password is None
    assert postgres_config(docker | {"PGPASSFILE": "/f"}).password is None
    assert postgres_config(docker, embedded_path="pg").password is None


@pytest.mark.parametrize(
    ("settings", "place", "reason"),
    [
        ({"password_env": "NOT_SET"}, "storage.postgres.password_env: ", "NOT_SET is not set"),
        ({"password_env": CANARY}, "storage.postgres.password_env: ", "the environment variable is not set"),
        ({"password_file": "/none/file"}, "storage.postgres.password_file: ", "/none/file"),
        ({"password_file": CANARY}, "storage.postgres.password_file: ", "No such file"),
        ({"password": 123}, "storage.postgres.password: ****", "in quotes"),
        ({"password_env": 123}, "storage.postgres.password_env: ****", "expected a text"),
        ({"password": [CANARY]}, "storage.postgres.password: a list", "in quotes"),
        ({"password": f"{CANARY}\0"}, "storage.postgres.password: ****", "in quotes"),
        ({"password": "x", "password_env": "Y"}, "storage.postgres.password: ", "set only one of them"),
        ({"password": "secret://env/NOT_SET"}, "storage.postgres.password: ", "NOT_SET is not set"),
        ({"password": f"secret://gcp/{CANARY}"}, "storage.postgres.password: ", "password_env"),
        ({"url": f"secret://vault/{CANARY}"}, "storage.postgres.url: ", "password_file"),
    ],
)
def test_missing_password_is_reported_and_never_quoted(settings: dict[str, Any], place: str, reason: str) -> None:
    problem = postgres_problem(**settings)
    assert problem.startswith(place)
    assert reason in problem
    assert CANARY not in problem
    assert "123" not in problem


def test_a_mark_that_windows_writes_before_a_text_is_no_part_of_the_password(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"\xef\xbb\xbf" + CANARY.encode() + b"\r\n")
    assert revealed(postgres_config(password_file=str(file))) == CANARY


@pytest.mark.parametrize("key", ["password", "user", "database"])
def test_what_cannot_be_sent_is_refused(key: str) -> None:
    """A variable that is not UTF-8 arrives so. The driver would wait for an answer until its timeout."""
    assert f"storage.postgres.{key}: " in postgres_problem(**{key: "a\udc80"})


def test_unreadable_password_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "password"
    for content, reason in ((b"\n", "empty"), (b"\xff" + CANARY.encode(), "UTF-8")):
        file.write_bytes(content)
        problem = postgres_problem(password_file=str(file))
        assert str(file) in problem
        assert reason in problem
        assert CANARY not in problem


def test_secret_reference_to_a_whole_url() -> None:
    env = {"DATABASE_URL": "secret://env/REAL_URL", "REAL_URL": f"postgresql://u:{CANARY}@h/d"}
    assert revealed(postgres_config(env)) == CANARY
    problem = postgres_problem({"DATABASE_URL": "secret://gcp/projects/x"})
    assert problem.startswith("DATABASE_URL: ")
    assert "password_env" in problem
    assert "password_file" in problem


# --- nothing shows it ------------------------------------------------------------------------------------------------


def test_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>3}", "%s %r" % (secret, [secret])):  # noqa: UP031
        assert CANARY not in shown
        assert "****" in shown
    assert secret == Secret(CANARY) != Secret("other")
    assert secret != CANARY
    assert hash(secret) == hash(Secret(CANARY))
    assert CANARY not in repr([getattr(secret, name) for name in secret.__slots__])
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret.extra = 1
    with pytest.raises(AttributeError):
        overwrite_secret(secret, "other")


def test_secret_is_not_pickled_but_copied() -> None:
    config = PostgresConfig(password=Secret(CANARY))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="isn't pickled") as caught:
            pickle.dumps(config, protocol)
        assert CANARY not in str(caught.value)
    assert pickle.loads(pickle.dumps(PostgresConfig())) == PostgresConfig()
    assert copy.copy(config) == copy.deepcopy(config) == config


def test_password_is_in_no_view_of_a_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    config = StoreConfig.from_dict(
        {"storage": {"backend": "postgres"}}, {"DATABASE_URL": f"postgresql://u:{CANARY}@h/d"}
    )
    assert revealed(config.postgres) == CANARY
    for part in (config, config.postgres):
        views = [repr(part), str(part), f"{part}", dataclasses.asdict(part), dataclasses.astuple(part)]
        assert CANARY not in repr(views)
    assert "password" not in repr(config.postgres)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize("how", ["file", "literal", "variable", "url", "direct"])
def test_password_is_in_no_traceback(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    url = f"postgresql://u:{CANARY}@h/d"
    file = tmp_path / "config.yaml"
    file.write_text(f"storage: {{backend: postgres, postgres: {{password: {CANARY}, hnsw_m: 0}}}}", encoding="utf-8")
    broken = {"backend": "postgres", "postgres": {"hnsw_m": 0}}
    literal = {"backend": "postgres", "postgres": {"hnsw_m": 0, "password": CANARY, "pool_size": 0}}
    calls: dict[str, Callable[[], object]] = {
        "file": lambda: load_config(file, {}),
        "literal": lambda: StoreConfig.from_dict({"storage": literal}, {}),
        "variable": lambda: StoreConfig.from_dict({"storage": broken}, {"POSTGRES_PASSWORD": CANARY}),
        "url": lambda: load_config(env={"DATABASE_URL": url, "AGENT_BRAIN_STORAGE_BACKEND": "x"}),
        "direct": lambda: PostgresConfig(password=Secret(CANARY), hnsw_m=0),
    }
    with pytest.raises(ConfigError) as caught:
        calls[how]()
    assert_hidden(caught.value)
    assert CANARY not in caplog.text
