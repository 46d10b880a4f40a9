"""Several hosts: a standby that serves readers, a promotion, and the old primary that comes back as a standby."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store import ConnectionFailed, QueryFailed, create_backend, open_store
from tests.support.clusters import Cluster
from tests.support.postgres import config, connect, until
from tests.support.proxy import proxy
from tests.support.servers import Server
from tests.support.stores import fill, ids

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def clusters(server: Server) -> Iterator[list[Cluster]]:
    """Yield a primary and a standby of it, and the place for a third server. The last test stops the primary."""
    with tempfile.TemporaryDirectory(prefix="abs-failover-") as directory:
        Path(directory).chmod(0o755)
        made = [Cluster(Path(directory) / name) for name in ("one", "two", "three")]
        made[0].make()
        made[1].follow(made[0])
        yield made
        for cluster in made:
            with suppress(AssertionError):
                cluster.stop()


async def test_a_connection_that_leads_to_a_standby_is_given_up_after_one_refusal(opened, clusters):
    one, two, _ = clusters
    async with proxy(one.location) as front:
        store = await opened(front.postgres())
        await fill(store, ("a", "apple"))
        look = await connect(two.location)
        await until(look, "select to_regclass('agent_brain.chunks') is not null")
        await look.close()
        front.lead_to(two.location)
        front.forget()
        with pytest.raises(QueryFailed, match="25006"):
            await store.delete_by_ids(["a"])
        front.lead_to(one.location)
        assert await store.delete_by_ids(["a"]) == 1
        await store.reset()


async def test_a_failover_is_followed_and_the_old_primary_is_left_alone(opened, clusters):
    one, two, three = clusters
    hosts = {**one.location, "host": f"{three.directory},{one.directory},{two.directory}", "connect_timeout": 10}
    store = await opened(hosts)
    await fill(store, ("a", "apple"))
    await readers_see(two, 1)
    one.stop()
    two.promote()
    await fill(store, ("b", "pear"))
    assert await store.get_count() == 2
    # The first in the list is now a standby. A new store and new connections pass it by.
    three.follow(two)
    async with open_store(config(hosts)) as other:
        await fill(other, ("c", "plum"))
    await asyncio.gather(*(fill(store, (f"{i}", "fig")) for i in range(8)))
    assert await store.get_count() == 11


async def readers_see(standby: Cluster, count: int) -> None:
    """Let a reader use a standby that has caught up."""
    look = await connect(standby.location)
    await until(look, "select count(*) = 1 from chunks")
    await look.close()
    strict: dict[str, Any] = {**standby.location, "target_session_attrs": "read-write", "connect_timeout": 0.5}
    with pytest.raises(ConnectionFailed, match="no host is of the kind"):
        await create_backend(config(strict)).initialize()
    async with open_store(config(standby.location), read_only=True) as reader:
        assert await ids(reader, "apple") == ["a"]
        assert await reader.get_count() == count
        assert (await reader.health()).details["in_recovery"]
