"""The options of a search, and its vectors: from a file, from standard input, or from a function that embeds texts."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import click

from agent_brain_store.cli.running import WRONG, Failure
from agent_brain_store.cli.screen import counted, one_line

Embedder = Callable[[list[str]], Any]

embed_option: Callable[..., Any] = click.option(
    "--embed",
    "embedder",
    metavar="MODULE:FUNCTION",
    help="A function that takes a list of texts and returns their vectors. It may be async.",
)

vector_option: Callable[..., Any] = click.option(
    "--vector", "vector_file", type=click.File(encoding="utf-8"), help="A file with a vector as a JSON list, or -."
)

top_k_option: Callable[..., Any] = click.option(
    "-k", "--top-k", default=5, show_default=True, type=click.IntRange(1), help="How many chunks."
)


def read_vector(file: IO[str]) -> list[float]:
    """Return the numbers of a JSON list."""
    try:
        vector = json.load(file)
    except (ValueError, RecursionError) as error:
        raise Failure(f"the vector is not JSON: {error}", "write a list of numbers: [0.1, 0.2]", WRONG) from error
    if not isinstance(vector, list):
        raise Failure("the vector is not a list", "write a list of numbers: [0.1, 0.2]", WRONG)
    return vector


def load_embedder(name: str) -> Embedder:
    """Import a function by ``module:function``. A module of the current folder is found, too."""
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), function)
    except Exception as error:  # the module is the user's, so it can fail in any way
        hint = "name it as module:function, where the module is installed or in this folder"
        raise Failure(f"the embedder {name!r} cannot be imported: {_in_words(error)}", hint, WRONG) from error
    finally:
        sys.path.pop(0)
    if not callable(found):
        raise Failure(f"the embedder {name!r} is no function", exit_code=WRONG)
    return found  # type: ignore[no-any-return]


async def embedded(embedder: Embedder, texts: Sequence[str]) -> list[Any]:
    """Return the vectors of texts. Raises `Failure` if the embedder fails, or returns another number of them."""
    try:
        vectors = embedder(list(texts))
        vectors = list(await vectors if inspect.isawaitable(vectors) else vectors)
    except Exception as error:
        raise Failure(f"the embedder failed: {_in_words(error)}") from error
    if len(vectors) != len(texts):
        raise Failure(f"the embedder returned {counted(len(vectors), 'vector')} for {counted(len(texts), 'text')}")
    return vectors


def _in_words(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")
