"""A process that is killed while it embeds a store anew. Renaming two collections takes several steps."""

from __future__ import annotations

import pytest

from tests.support.reembedding import check_and_end, filled, killed
from tests.support.stores import mapping

EACH = ["filling", "before set_facts", "after set_facts", "before rename", "after rename"]
STEPS = [
    ("before set_facts", "keep"),
    ("after rename", "keep"),
    ("after second rename", "keep"),
    ("after delete_collection", "drop"),
    *(pytest.param(where, "keep", marks=pytest.mark.slow) for where in ("filling", *EACH[2:4], "after third rename")),
    *(pytest.param(where, "drop", marks=pytest.mark.slow) for where in EACH),
]


@pytest.mark.parametrize(("where", "keep"), STEPS)
async def test_chroma(tmp_path, where, keep):
    settings = mapping(backend="chroma", chroma={"path": str(tmp_path / "chroma")})
    await filled(settings)
    await killed(settings, where, keep)
    await check_and_end(settings)
