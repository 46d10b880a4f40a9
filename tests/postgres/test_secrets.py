"""A password shows nowhere: not in errors, tracebacks, logs or objects."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from agent_brain_store import ConnectionFailed, StorageError, StoreConfig, create_backend
from tests.support.internals import representations
from tests.support.postgres import make_role
from tests.support.stores import mapping

pytestmark = pytest.mark.postgres

CANARY = "c4n4ry secret%"


def shown_by(error: BaseException) -> list[str]:
    """Return what an error, those that it is chained to, and the variables of all their frames show.

    The frames of the tests are left out, because the canary is made there.
    """
    shown, waiting, seen = [], [error], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        shown.append(f"{current!r} {current} {vars(current)}")
        trace = current.__traceback__
        while trace is not None:
            if "/tests/" not in trace.tb_frame.f_code.co_filename:
                variables = trace.tb_frame.f_locals.values()
                shown += [repr(value) for value in variables]
                shown += [repr(vars(value)) for value in variables if hasattr(value, "__dict__")]
            trace = trace.tb_next
        waiting += [other for other in (current.__cause__, current.__context__) if other is not None]
    return shown


def opened_as(database: dict[str, Any], /, **changes: Any) -> Any:
    return create_backend(StoreConfig.from_dict(mapping(backend="postgres", postgres={**database, **changes})))


@pytest.fixture
def silent() -> Iterator[dict[str, Any]]:
    """Yield the address of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield {"host": "127.0.0.1", "port": listening.getsockname()[1], "connect_timeout": 0.3}


async def test_a_failed_connection_shows_no_password_in_any_frame(database, silent):
    """The driver has it as plain text in its variables while it connects."""
    for changes in [*PLACES, silent]:
        with pytest.raises(ConnectionFailed) as caught:
            await opened_as(database, password=CANARY, **changes).initialize()
        assert not [text for text in shown_by(caught.value) if CANARY in text], changes


def command(password: str) -> str:
    """Return a command that prints a password, which is not in the command itself."""
    return f"{sys.executable} -c 'print(bytes.fromhex(\"{password.encode().hex()}\").decode())'"


async def asked() -> str:
    return CANARY


def url_of(place: dict[str, Any]) -> str:
    """Return a URL with the password for a place, of which only some parts are named."""
    login = f"{place.get('user', '')}:{quote(CANARY)}"
    query = f"?host={quote(place['host'])}&port={place.get('port', 5432)}&connect_timeout=1"
    return f"postgresql://{login}@/{place['database']}{query}"


PLACES: list[dict[str, Any]] = [
    {"user": "abs_nobody"},
    {"database": "abs_no_database"},
    {"host": "127.0.0.1", "port": 1, "connect_timeout": 0.3},
]
SOURCES: dict[str, Any] = {
    "command": {"password_command": command(CANARY)},
    "function": {"password": lambda: CANARY},
    "coroutine": {"password": asked},
}


@pytest.mark.parametrize("source", SOURCES)
async def test_a_password_that_was_fetched_shows_in_no_frame(database, silent, caplog, source):
    caplog.set_level(0)
    place = {key: value for key, value in database.items() if key != "password"}
    for changes in [*PLACES, silent]:
        store = opened_as(place, **SOURCES[source], **changes)
        with pytest.raises(ConnectionFailed) as caught:
            await store.initialize()
        assert not [text for text in shown_by(caught.value) if CANARY in text], changes
        assert CANARY not in "".join([caplog.text, *representations(store)])


@pytest.mark.slow  # a start tries for half a minute, here and there
async def test_the_password_of_a_way_past_the_pooler_shows_in_no_frame(database, silent, caplog):
    caplog.set_level(0)
    for changes in [*PLACES, silent]:
        store = opened_as(database, direct_url=url_of({**database, **changes}))
        with pytest.raises(ConnectionFailed) as caught:
            await store.initialize()
        shown = [*shown_by(caught.value), caplog.text, *representations(store)]
        assert not [text for text in shown if CANARY in text or quote(CANARY) in text], changes


async def test_the_password_of_a_standby_that_is_away_shows_nowhere(database, silent, caplog):
    """The store goes on without it. So there is no error, but there are logs."""
    caplog.set_level(0)
    for changes in [*PLACES, silent]:
        store = opened_as(database, read_url=url_of({**database, **changes}))
        await store.initialize()
        assert await store.get_by_ids(["a"]) == {}
        errors = [record.exc_info[1] for record in caplog.records if record.exc_info and record.exc_info[1]]
        shown = [text for error in errors for text in shown_by(error)] + [caplog.text, *representations(store)]
        await store.close()
        assert not [text for text in shown if CANARY in text or quote(CANARY) in text], changes


async def test_a_cancelled_connection_shows_no_password_in_any_frame(database, silent):
    store = opened_as(database, password=CANARY, **silent | {"connect_timeout": 30})
    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(store.initialize(), timeout=0.3)
    assert not [text for text in shown_by(caught.value) if CANARY in text]


async def test_a_pool_that_cannot_connect_again_shows_no_password(database, plain, opened):
    await make_role(plain, "abs_locked_out")
    await plain.execute(f"alter role abs_locked_out superuser login password '{CANARY}'")
    store = await opened({**database, "user": "abs_locked_out", "password": CANARY})
    await plain.execute("alter role abs_locked_out nologin")
    await plain.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'abs_locked_out'")
    with pytest.raises(StorageError) as caught:
        await store.get_count()
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)
    assert not [text for text in shown_by(caught.value) if CANARY in text]


async def test_the_password_shows_nowhere(database, caplog, monkeypatch):
    monkeypatch.setenv("STORE_PASSWORD", CANARY)
    caplog.set_level(0)
    postgres = {k: v for k, v in database.items() if k != "password"} | {"password_env": "STORE_PASSWORD"}
    setting = mapping(backend="postgres", postgres={**postgres, "user": "abs_nobody"})
    loaded = StoreConfig.from_dict(setting, dict(os.environ))
    store = create_backend(loaded)
    with pytest.raises(ConnectionFailed) as caught:
        await store.initialize()
    for text in [repr(loaded), str(loaded), *representations(store), caplog.text, *shown_by(caught.value)]:
        assert CANARY not in text
