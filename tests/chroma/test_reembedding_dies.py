"""A process that is killed while it embeds a store anew. Renaming two collections takes several steps."""

from __future__ import annotations

import pytest

from tests.support.reembedding import check_and_end, filled, killed
from tests.support.stores import mapping

BOTH = ["filling", "before set_facts", "after set_facts", "before rename", "after rename"]
STEPS = [
    *((where, "keep") for where in BOTH),
    *(pytest.param(where, "drop", marks=pytest.mark.slow) for where in BOTH),
    ("after delete_collection", "drop"),
    ("after second rename", "keep"),
    ("after third rename", "keep"),
]


@pytest.mark.parametrize(("where", "keep"), STEPS)
async def test_chroma(tmp_path, where, keep):
    settings = mapping(backend="chroma", chroma={"path": str(tmp_path / "chroma")})
    await filled(settings)
    await killed(settings, where, keep)
    await check_and_end(settings)
