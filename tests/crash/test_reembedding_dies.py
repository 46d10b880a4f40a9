"""A process that is killed while it embeds a store anew: in each phase, the store is whole, and the next call ends the work."""

from __future__ import annotations

import pytest

from tests.support.reembedding import check_and_end, filled, killed
from tests.support.stores import mapping

pytestmark = pytest.mark.postgres

STEPS = [
    "filling",
    "before build_index",
    "after build_index",
    "before begin_generation",
    "after begin_generation",
    "before switch_generation",
    "after switch_generation",
    "before finish_generation",
]


@pytest.mark.parametrize("keep", ["keep", pytest.param("drop", marks=pytest.mark.slow)])
@pytest.mark.parametrize("where", STEPS)
async def test_postgres(database, where, keep):
    settings = mapping(backend="postgres", postgres=database)
    await filled(settings)
    await killed(settings, where, keep)
    await check_and_end(settings)
