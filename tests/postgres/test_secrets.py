"""A password shows nowhere: not in errors, tracebacks, logs or objects."""

from __future__ import annotations

import os

import pytest

from agent_brain_store import ConnectionFailed, StoreConfig, create_backend
from tests.support.internals import representations
from tests.support.stores import mapping

pytestmark = pytest.mark.postgres


async def test_the_password_shows_nowhere(database, caplog, monkeypatch):
    canary = "c4n4ry secret%"
    monkeypatch.setenv("STORE_PASSWORD", canary)
    caplog.set_level(0)
    postgres = {k: v for k, v in database.items() if k != "password"} | {"password_env": "STORE_PASSWORD"}
    setting = mapping(backend="postgres", postgres={**postgres, "user": "abs_nobody"})
    loaded = StoreConfig.from_dict(setting, dict(os.environ))
    store = create_backend(loaded)
    with pytest.raises(ConnectionFailed) as caught:
        await store.initialize()
    shown = [repr(loaded), str(loaded), *representations(store), caplog.text]
    error: BaseException | None = caught.value
    while error is not None:
        shown.append(f"{error!r} {error} {vars(error)}")
        frame = error.__traceback__
        while frame is not None:
            if "agent_brain_store" in frame.tb_frame.f_code.co_filename:
                shown.append(repr(frame.tb_frame.f_locals))
            frame = frame.tb_next
        error = error.__cause__ or error.__context__
    for text in shown:
        assert canary not in text
