"""SQL functions in a database. The start applies a file when it has changed, and says who may when this role may not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agent_brain_store import SchemaError, SchemaTooNew, create_backend, open_store
from agent_brain_store.postgres.migrate import migrate
from agent_brain_store.postgres.sql import load_functions, sql_directory
from tests.support.postgres import config, connect, make_role
from tests.support.servers import run_psql
from tests.support.stores import fill, ids

pytestmark = pytest.mark.postgres

FOLDER = sql_directory() / "functions"


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    """Copy the functions, so that a test can change one."""
    return Path(shutil.copytree(FOLDER, tmp_path / "functions"))


def change(functions: Path, name: str, old: str, new: str) -> None:
    file = functions / f"{name}.sql"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


async def noted(plain: asyncpg.Connection) -> dict[str, str]:
    return {row["name"]: row["hash"] for row in await plain.fetch("select name, hash from schema_functions")}


async def test_a_new_store_has_every_function(plain):
    assert await noted(plain) == {function.name: function.hash for function in load_functions()}


async def test_a_changed_function_is_applied_at_the_next_start(database, plain, functions):
    change(functions, "impact_levels", "{1, 1.4,", "{1, 1.5,")
    before = await plain.fetch("select name, applied_at from schema_functions")
    await migrate(plain, config(database), functions=functions)
    assert await plain.fetchval("select (impact_levels())[2]") == 1.5
    after = await plain.fetch("select name, applied_at from schema_functions")
    assert {row["name"] for row in set(after) - set(before)} == {"impact_levels"}, "the others are left alone"


async def test_a_function_that_somebody_dropped_is_made_again(database, plain):
    await plain.execute("drop function quoted(text) cascade")
    async with open_store(config(database)) as store:
        await fill(store, ("a", "growling bears"))
        assert await ids(store, "bear") == ["a"]


async def test_a_failing_function_leaves_the_database_as_it_was(database, plain, functions):
    change(functions, "impact_levels", "{1, 1.4,", "{1, 1.5,")
    change(functions, "keyword_ranking", "return query select", "return quarry select")
    before = await noted(plain)
    with pytest.raises(SchemaError, match="the function keyword_ranking failed"):
        await migrate(plain, config(database), functions=functions)
    assert await noted(plain) == before
    assert await plain.fetchval("select (impact_levels())[2]") == 1.4


async def test_functions_of_a_newer_library_are_left_alone(database, plain):
    await plain.execute("update schema_functions set hash = 'another', library = '99.0' where name = 'bm25'")
    with pytest.raises(SchemaTooNew, match=r"bm25 was applied by agent-brain-store 99\.0"):
        await create_backend(config(database)).initialize()


async def test_a_role_that_may_not_apply_functions_is_told_who_may(database, plain):
    await make_role(plain, "abs_plain")
    await plain.execute("grant usage on schema agent_brain to abs_plain")
    await plain.execute("grant select on all tables in schema agent_brain to abs_plain")
    await plain.execute("update schema_functions set hash = 'another' where name in ('bm25', 'nearest')")
    store = create_backend(config({**database, "user": "abs_plain", "password": "secret"}))
    with pytest.raises(SchemaError, match="nearest, bm25") as caught:
        await store.initialize()
    owner = await plain.fetchval("select relowner::regrole::text from pg_class where oid = 'chunks'::regclass")
    assert f"The owner of the store, {owner}," in caught.value.message


async def test_psql_applies_the_functions_too(database, plain):
    await plain.execute("update schema_functions set hash = 'another'")
    await plain.execute("drop function quoted(text) cascade")
    run_psql(database, "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f", "apply.psql", cwd=FOLDER)
    assert await noted(plain) == {function.name: function.hash for function in load_functions()}
    async with open_store(config(database)) as store:
        await fill(store, ("a", "growling bears"))
        assert await ids(store, "bear") == ["a"]
    assert await plain.fetchval("select count(*) from schema_functions where library = ''") == len(load_functions())


@pytest.mark.parametrize("function", load_functions(), ids=lambda function: function.name)
async def test_the_planner_inlines_what_its_header_says(plain, function):
    """A function that was inlined is not in the plan of a query that calls it."""
    row: Any = await plain.fetchrow(
        "select p.proretset, p.prorettype = 'trigger'::regtype as is_trigger, p.proargtypes::regtype[]::text[] as types"
        " from pg_proc p where p.oid = $1::text::regproc",
        function.name,
    )
    if row["is_trigger"]:
        return
    names = [f"a{i}" for i in range(len(row["types"]))]
    columns = ", ".join(f"null::{kind} as {name}" for kind, name in zip(row["types"], names, strict=True))
    values = f"(select {columns or '1'} offset 0) as given"
    call = f"{function.name}({', '.join(names)})"
    query = f"select found from {values}, {call} as found" if row["proretset"] else f"select {call} from {values}"
    plan = "\n".join(r[0] for r in await plain.fetch(f"explain (verbose, costs off) {query}"))
    assert (f"{function.name}(" not in plan) == ("-- inlined: yes" in function.text), plan


async def test_the_ranking_settings_have_defaults(database, plain):
    assert tuple(await plain.fetchrow("select * from ranking_settings()")) == (400, 1.2, 0.75, 3.0, 2.0)
    own = await connect(database)
    await own.execute("set agent_brain.b = 0.5; set agent_brain.keyword_budget = 0")
    assert tuple(await own.fetchrow("select * from ranking_settings()")) == (0, 1.2, 0.5, 3.0, 2.0)
    await own.close()


async def test_the_forms_of_a_long_question_stay_within_the_stack(plain):
    """A tsquery is shown, and on some servers evaluated, by a function that calls itself for each term."""
    await plain.execute("set search_path = agent_brain, public")
    for question in ("zz " * 16_600, "a1b2 " * 10_000, "_".join(f"{i:x}" for i in range(11_000))):
        assert await plain.fetchval(
            "select max(length(form::text)) < 20000 from question_words($1), unnest(forms) form", question
        )
