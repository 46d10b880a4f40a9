"""A process, a role or a database that is not as usual: it works, or a typed error says what to do."""

from __future__ import annotations

import os

import pytest

from agent_brain_store import QueryFailed, SchemaError, create_backend, open_store
from tests.support.postgres import config, make_role
from tests.support.programs import run
from tests.support.stores import ANIMALS, fill

pytestmark = pytest.mark.postgres

AS_NOBODY = """
    import asyncio, os, sys
    import asyncpg, getpass, pwd, pgvector.asyncpg, encodings.idna  # while this user may still read Python's own files
    import agent_brain_store.postgres.repository
    from agent_brain_store import StorageError, create_backend
    home, user, port = sys.argv[1:]
    os.environ.pop("HOME", None)
    os.environ |= {"HOME": home} if home else {}
    os.setgroups([])
    os.setresgid(54321, 54321, 54321)
    os.setresuid(54321, 54321, 54321)
    postgres = {"host": "127.0.0.1", "port": int(port), "connect_timeout": 30} | ({"user": user} if user else {})
    try:
        asyncio.run(create_backend({"storage": {"backend": "postgres", "postgres": postgres}}).initialize())
    except StorageError as error:
        print(type(error).__name__, error.message)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize(
    ("home", "user", "expected"),
    [
        ("", "", "ConfigError connecting: storage.postgres.user is not set, and the system knows no name"),
        ("{closed}", "me", "ConfigError connecting: this user may not read {closed}/.postgresql/root.crt"),
    ],
)
def test_a_process_without_a_name_or_a_home_is_told_what_to_set(tmp_path, home, user, expected):
    """So are containers that run with any user id. It isn't tried for 30 s: the port is closed."""
    closed = tmp_path / "closed"
    (closed / ".postgresql").mkdir(parents=True)
    closed.chmod(0o700)
    said = run(AS_NOBODY, home.format(closed=closed), user, "1")
    assert said.startswith(expected.format(closed=closed))


async def test_settings_of_a_database_do_not_change_what_is_read(database, plain):
    """Names in quotes, escapes in strings and rows that are left out would be misread."""
    for setting in ("quote_all_identifiers = on", "standard_conforming_strings = off", "gin_fuzzy_search_limit = 1"):
        await plain.execute(f"alter database {database['database']} set {setting}")
    for schema in ("agent_brain", "second"):
        async with open_store(config({**database, "schema": schema})) as store:
            await fill(store, *ANIMALS)
            assert {hit.chunk_id for hit in await store.keyword_search("bear's", 5)} == {"a", "c"}
            assert (await store.health()).ok
            await store.reindex()


async def test_a_short_transaction_timeout_is_named(database, plain):
    if await plain.fetchval("select current_setting('server_version_num')::int < 170000"):
        pytest.skip("transaction_timeout came with PostgreSQL 17")
    store = create_backend(config(database))
    await store.initialize()
    await store.close()
    await plain.execute(f"alter database {database['database']} set transaction_timeout = '100ms'")
    await plain.execute(
        "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(5); return new; end'"
    )
    await plain.execute("create trigger slow before insert on agent_brain.chunks for each row execute function slow()")
    async with open_store(config(database)) as store:
        with pytest.raises(QueryFailed, match="transaction timeout .*alter role … set transaction_timeout = 0"):
            await fill(store, *ANIMALS)


async def test_a_role_with_usage_alone_is_told_what_it_lacks(database, plain):
    await make_role(plain, "abs_usage")
    await plain.execute("grant usage on schema agent_brain to abs_usage")
    with pytest.raises(SchemaError, match="this role may not read the tables of the store .*roles and privileges"):
        await create_backend(config({**database, "user": "abs_usage", "password": "secret"})).initialize()
