"""``load``: JSON lines into a store."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import config_option, configured, json_option
from agent_brain_store.cli.running import WRONG, Failure, command, interruptible
from agent_brain_store.cli.vectors import Embedder, embed_option, embedded, load_embedder
from agent_brain_store.config import StoreConfig
from agent_brain_store.factory import open_store
from agent_brain_store.protocol import BulkLoader, StorageBackend

_HINT = 'a line is like {"id": "a", "text": "A text.", "metadata": {"source": "a.md"}, "embedding": [0.1, 0.2]}'
_IN_UTF8 = "convert it first, as with: iconv -f latin1 -t utf-8 FILE > NEW"
_MARK = "\ufeff"  # what a file of Windows may begin with
_KEYS = {"id", "text", "metadata", "embedding"}
_MANY = 1000  # chunks; from so many on, a rate is shown
_INTERRUPTED = "what was loaded is stored; run the same command again, and it skips what is stored already"


class Line(NamedTuple):
    """One chunk of the file. ``embedding`` is None if the embedder makes it."""

    chunk_id: str
    text: str
    metadata: dict[str, Any]
    embedding: list[float] | None


@command("load", interrupted=_INTERRUPTED)
@click.argument("file", type=click.File(encoding="utf-8"))
@embed_option
@click.option(
    "--batch", default=1000, show_default=True, type=click.IntRange(1), help="How many chunks are sent at a time."
)
@config_option
@json_option
def load(path: Path | None, file: IO[str], embedder: str | None, batch: int, wants_json: bool) -> None:
    """Load chunks from FILE, one JSON object a line, or from standard input if FILE is -.

    The keys are id, text, metadata and embedding. --embed makes the embeddings that are missing. The store is made if it
    does not exist. A file is read twice, so that nothing is loaded if a line is wrong.
    """
    function = None if embedder is None else load_embedder(embedder)
    total = None
    if file.seekable() and file.name != "<stdin>":
        total = sum(1 for _ in _lines(file, function is not None))
        file.seek(0)
    loaded, seconds = asyncio.run(_load(configured(path).config, file, function, batch, total))
    if wants_json:
        screen.as_json({"loaded": loaded, "seconds": round(seconds, 3)})
    else:
        click.echo(in_words(loaded, seconds))


def in_words(loaded: int, seconds: float) -> str:
    """Return what was loaded, and how fast. A few chunks say nothing of the speed."""
    speed = f" ({screen.rate(loaded / max(seconds, 0.001))})" if loaded >= _MANY else ""
    return f"loaded {screen.counted(loaded, 'chunk')} in {seconds:.1f} s{speed}"


async def _load(
    config: StoreConfig, file: IO[str], embedder: Embedder | None, size: int, total: int | None
) -> tuple[int, float]:
    """Load a file. Returns how many chunks it had, and the seconds from the moment when the store was open."""
    loaded = 0
    async with open_store(config) as store:
        began = time.perf_counter()
        with screen.bars(total) as progress:
            async with store.bulk_load(progress) as loader:
                try:
                    lines = _lines(file, embedder is not None)
                    while batch := _next(lines, size):
                        loaded += await _send(loader, batch, embedder)
                except (asyncio.CancelledError, KeyboardInterrupt):
                    screen.note("stopping: the vector index is brought up to date first")
                    raise
        await _name_model(store, config)
        return loaded, time.perf_counter() - began


def _next(lines: Iterator[Line], size: int) -> list[Line]:
    with interruptible():
        return list(islice(lines, size))


async def _send(loader: BulkLoader, lines: list[Line], embedder: Embedder | None) -> int:
    """Store one batch, after making the embeddings that are missing."""
    bare = [line.text for line in lines if line.embedding is None]
    made = iter(await embedded(embedder, bare) if embedder and bare else ())
    vectors = [next(made) if line.embedding is None else line.embedding for line in lines]
    return await loader.upsert_documents(
        [line.chunk_id for line in lines], vectors, [line.text for line in lines], [line.metadata for line in lines]
    )


async def _name_model(store: StorageBackend, config: StoreConfig) -> None:
    """Record the configured model in a store that has none. From then on another model is refused."""
    if await store.get_embedding_metadata() is None:
        model = config.embedding
        await store.set_embedding_metadata(model.provider, model.model, model.dimensions)


# --- lines -----------------------------------------------------------------------------------------------------------


def _lines(file: Iterable[str], may_lack_embeddings: bool) -> Iterator[Line]:
    """Read the lines. Raises `Failure` for the first one that is wrong. Empty lines are skipped."""
    for number, text in _numbered(file):
        if text.strip():
            problem, line = _parsed(text)
            if line is not None and line.embedding is None and not may_lack_embeddings:
                problem = "has no embedding; bring one, or name a function with --embed"
            if problem or line is None:
                raise Failure(f"line {number} {problem}", _HINT, WRONG)
            yield line


def _numbered(file: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Number the lines. Python reads ahead, so of a byte that is wrong it only says which line was read before it."""
    number = 0
    try:
        for number, text in enumerate(file, 1):
            yield number, text.removeprefix(_MARK)
    except UnicodeDecodeError as error:
        wrong = f"the byte {error.object[error.start]:#04x}, somewhere after line {number}"
        raise Failure(f"the file is not UTF-8: it has {wrong}", _IN_UTF8, WRONG) from error


def _parsed(text: str) -> tuple[str, Line | None]:
    """Return what is wrong with a line, or its chunk."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"is not JSON: {error}", None
    if not isinstance(given, dict):
        return "is no JSON object", None
    unknown = given.keys() - _KEYS
    if unknown:
        return f"has the unknown key {sorted(unknown)[0]!r}", None
    for key in ("id", "text"):
        if not isinstance(given.get(key), str):
            return f"has no {key}", None
    if not isinstance(given.get("metadata") or {}, dict):
        return "has metadata that is no object", None
    return "", Line(given["id"], given["text"], given.get("metadata") or {}, given.get("embedding"))
