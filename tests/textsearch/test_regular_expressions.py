"""A session of PostgreSQL keeps 32 regular expressions. If it needs more, it compiles them anew for each text."""

from __future__ import annotations

import json

import pytest

from tests.support.odd_texts import ODD_TEXTS
from tests.support.what_people_ask import COLLECTIONS

pytestmark = pytest.mark.postgres

KEPT = 32  # by PostgreSQL
SPARE = 1


async def test_a_session_of_all_scripts_keeps_its_regular_expressions(plain):
    """Chunks and questions of every script, with every odd spelling, in one session that writes and searches."""
    texts = [*ODD_TEXTS, *(text for collection in COLLECTIONS for text in collection.paragraphs)]
    for text in texts:
        await plain.execute("select chunk_terms($1, $2)", text, json.dumps({"title": text}))
    for question in (
        "Where is getUserById in `src/app.py`?",
        'what says "MER-0237"',
        "e-mail",
        "über קצת",
        "\uff21\uff30",
    ):
        await plain.execute("select from plan_query($1, 400), question_names($1)", question)
    kept = await plain.fetchval(
        "select array_agg(ident) from pg_backend_memory_contexts where name = 'RegexpMemoryContext'"
    )
    assert 20 < len(kept) <= KEPT - SPARE, kept
