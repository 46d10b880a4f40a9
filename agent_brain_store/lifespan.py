"""Keep a store open as long as a web application runs: FastAPI, Starlette, or anything else with an ASGI lifespan.

    app = FastAPI(lifespan=lifespan("config.yaml"))

    @app.get("/search")
    async def search(request: Request, q: str):
        return await request.app.state.store.keyword_search(q, top_k=5)

If your application has a lifespan of its own, nest this one in it: ``async with lifespan(config)(app) as state: yield
state``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

from agent_brain_store.factory import Source, open_store
from agent_brain_store.protocol import StorageBackend

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[dict[str, StorageBackend]]]


def lifespan(config: Source = None) -> Lifespan:
    """Return an ASGI lifespan. It opens a store when the application starts and closes it when the application stops.

    ``config`` is passed to `open_store`. None stands for `load_config()`'s default, which is read when the application
    starts and not before. You find the store in ``app.state.store`` and in ``request.state.store``. If the store cannot
    be opened, the application does not start.
    """

    @asynccontextmanager
    async def opened(app: Any) -> AsyncIterator[dict[str, StorageBackend]]:
        async with open_store(config) as store:
            app.state.store = store
            yield {"store": store}

    return opened
