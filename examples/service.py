"""Run a small search service. The store opens and closes with the application.

    AGENT_BRAIN_CONFIG=config.yaml uvicorn --app-dir examples --factory service:create_app

    GET  /health
    GET  /search?q=...&top_k=5&source_type=doc&mode=hybrid        mode: hybrid, vector or keyword
    POST /documents   {"documents": [{"id": ..., "text": ..., "metadata": {...}, "embedding": [...]}]}

The service embeds a document that comes without an embedding. Without an embedding model, it searches by keyword alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agent_brain_store import (
    ConnectionFailed,
    DimensionMismatchError,
    InvalidDocumentError,
    InvalidFilterError,
    InvalidQueryError,
    NotInitialized,
    OutcomeUnknown,
    PoolTimeout,
    SearchResult,
    StorageBackend,
    StorageError,
    StoreConfig,
    lifespan,
    load_config,
)
from agent_brain_store.demo.embedder import DIMENSIONS, MODEL, Embedder

log = logging.getLogger(__name__)

Embed = Callable[[Sequence[str]], Any]

_CLIENT_ERRORS = (InvalidDocumentError, InvalidFilterError, InvalidQueryError, DimensionMismatchError)
_TRANSIENT_ERRORS = (ConnectionFailed, NotInitialized, OutcomeUnknown, PoolTimeout)  # every call may be repeated safely


def create_app(config: StoreConfig | None = None, embed: Embed | None = None) -> Starlette:
    """Return the application. It opens nothing before it starts. ``config`` is `load_config()`'s by default."""
    config = config or load_config()
    app = Starlette(
        routes=[
            Route("/health", health),
            Route("/search", search),
            Route("/documents", add_documents, methods=["POST"]),
        ],
        exception_handlers={StorageError: _storage_error, HTTPException: _http_error},
        lifespan=lifespan(config),
    )
    app.state.embed = embed or _local_model(config)
    return app


def _local_model(config: StoreConfig) -> Embed | None:
    fits = (config.embedding.model, config.embedding.dimensions) == (MODEL, DIMENSIONS)
    return Embedder().embed if fits and Embedder.is_available() else None


# --- endpoints -------------------------------------------------------------------------------------------------------


async def health(request: Request) -> JSONResponse:
    """Answer 200 if the store answers a real query, and 503 otherwise."""
    found = await _store(request).health()
    return JSONResponse({"ok": found.ok, "backend": found.backend}, 200 if found.ok else 503)


async def search(request: Request) -> JSONResponse:
    """Answer with the best chunks for ``q``."""
    store, question = _store(request), request.query_params.get("q", "")
    mode = request.query_params.get("mode", "hybrid" if request.app.state.embed else "keyword")
    top_k = _whole_number(request, "top_k", 5)
    source_type = request.query_params.get("source_type")
    where = {"source_type": source_type} if source_type else None
    if mode == "keyword":
        results = await store.keyword_search(question, top_k, where=where)
    elif mode in ("hybrid", "vector"):
        vector = (await _vectors(request, [question]))[0]
        results = (
            await store.vector_search(vector, top_k, where=where)
            if mode == "vector"
            else await store.hybrid_search(question, vector, top_k, where=where)
        )
    else:
        raise HTTPException(400, "mode is hybrid, vector or keyword")
    return JSONResponse({"mode": mode, "results": [_plain(result) for result in results]})


async def add_documents(request: Request) -> JSONResponse:
    """Store the chunks of a JSON body, in one call."""
    documents = await _documents(request)
    texts = [document["text"] for document in documents]
    bare = [position for position, document in enumerate(documents) if document.get("embedding") is None]
    embeddings: list[Any] = [document.get("embedding") for document in documents]
    if bare:
        for position, vector in zip(bare, await _vectors(request, [texts[at] for at in bare]), strict=True):
            embeddings[position] = vector
    written = await _store(request).upsert_documents(
        ids=[document["id"] for document in documents],
        embeddings=embeddings,
        documents=texts,
        metadatas=[document.get("metadata", {}) for document in documents],
    )
    return JSONResponse({"written": written}, 201)


def _store(request: Request) -> StorageBackend:
    store: StorageBackend = request.app.state.store
    return store


def _whole_number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        raise HTTPException(400, f"{name} is not a whole number") from None


async def _vectors(request: Request, texts: list[str]) -> Any:
    embed: Embed | None = request.app.state.embed
    if embed is None:
        raise HTTPException(400, "no embedding model is set up here: search with mode=keyword, send embeddings along")
    return await asyncio.to_thread(embed, texts)


async def _documents(request: Request) -> list[dict[str, Any]]:
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise HTTPException(400, "the body is not JSON") from None
    documents = body.get("documents") if isinstance(body, dict) else None
    if not isinstance(documents, list) or not all(_is_document(item) for item in documents):
        raise HTTPException(400, 'expected {"documents": [{"id": "...", "text": "...", ...}]}')
    return documents


def _is_document(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get("text"), str)


def _plain(result: SearchResult) -> dict[str, Any]:
    return {name: value for name, value in asdict(result).items() if value is not None}


# --- errors ----------------------------------------------------------------------------------------------------------


async def _storage_error(_: Request, error: Exception) -> JSONResponse:
    """Turn the library's errors into statuses. The caller sees only errors that it can fix. The others are logged."""
    if isinstance(error, _CLIENT_ERRORS):
        return JSONResponse({"error": error.message}, 422)
    log.error("a request failed", exc_info=error)
    if isinstance(error, _TRANSIENT_ERRORS):
        return JSONResponse({"error": "the store is not available; try again"}, 503, {"Retry-After": "1"})
    return JSONResponse({"error": "internal error"}, 500)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "internal error"
    return JSONResponse({"error": detail}, status)
