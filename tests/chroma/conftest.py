"""Fixtures of the tests of Chroma alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.chroma import opened


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Any]:
    """Open an empty store."""
    async with opened(tmp_path) as store:
        yield store
