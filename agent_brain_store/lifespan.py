"""A store that lives as long as a web application: for FastAPI, Starlette, and whatever else speaks ASGI lifespan.

    app = FastAPI(lifespan=lifespan("config.yaml"))

    @app.get("/search")
    async def search(request: Request, q: str):
        return await request.app.state.store.keyword_search(q, top_k=5)

An application with a lifespan of its own nests this one: ``async with lifespan(config)(app) as state: yield state``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

from agent_brain_store.factory import Source, open_store
from agent_brain_store.protocol import StorageBackend

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[dict[str, StorageBackend]]]


def lifespan(config: Source = None) -> Lifespan:
    """An ASGI lifespan that opens a store when the application starts, and closes it when the application stops.

    ``config`` is what `open_store` takes; None reads `load_config()`'s default, at the start and not before. The store
    is ``app.state.store``, and also ``request.state.store``. When it cannot be opened the application does not start.
    """

    @asynccontextmanager
    async def opened(app: Any) -> AsyncIterator[dict[str, StorageBackend]]:
        async with open_store(config) as store:
            app.state.store = store
            yield {"store": store}

    return opened
