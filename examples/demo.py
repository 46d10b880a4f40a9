"""Index real text into Chroma and into PostgreSQL, ask both the same questions, and show the answers side by side.

    make demo                                   the prepared questions
    python examples/demo.py "your question"     your own, embedded on the spot

It indexes this project's documentation and a bundled sample. The second run finds everything there and is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

try:
    import display
except ModuleNotFoundError as error:
    sys.exit(f"the demo needs the package {error.name!r}: pip install -e '.[demo,embedded]'")
import corpus
from asking import MODES, QUESTIONS, TOP_K, Question, ask
from indexing import Indexed, embed, missing, update
from rich.console import Console
from rich.markup import escape
from stores import ROOT, demo_config

from agent_brain_store import StorageBackend, StorageError, open_store
from agent_brain_store.demo.embedder import HOW_TO_INSTALL, Embedder, Vectors

BACKENDS = ("chroma", "postgres")
Stores = dict[str, StorageBackend]


def main() -> int:
    """Run the demo. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="*", help="asked instead of the prepared questions")
    parser.add_argument("--no-model", action="store_true", help="do as if no embedding model were installed")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    own = " ".join(given.question).strip()
    embedder = Embedder() if Embedder.is_available() and not given.no_model else None
    try:
        asyncio.run(_run([Question(own)] if own else QUESTIONS, embedder))
    except StorageError as error:
        print(f"{type(error).__name__}: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _run(questions: Sequence[Question], embedder: Embedder | None) -> None:
    screen = display.console()
    async with AsyncExitStack() as stack:
        stores: Stores = {}
        for backend in BACKENDS:
            started = time.perf_counter()
            stores[backend] = await stack.enter_async_context(open_store(demo_config(backend)))
            screen.print(f"Opened {backend} in {time.perf_counter() - started:.1f} s")
        indexed = await _index(stores, embedder, screen)
        await _ask(stores, questions, embedder, indexed, screen)
    _what_next(screen)


async def _index(stores: Stores, embedder: Embedder | None, screen: Console) -> dict[str, Indexed]:
    passages = corpus.sample()
    if embedder is None:
        screen.print(
            "[yellow]No embedding model is installed[/]: only the bundled sample is indexed, and questions are asked "
            f"by keyword. To plug one in: {escape(HOW_TO_INSTALL)}; or put your own model into "
            "agent_brain_store/demo/embedder.py, whose embed() turns texts into vectors."
        )
    else:
        passages += corpus.documentation(ROOT)
    new = await missing(list(stores.values()), passages)
    bare = sum(passage.vector is None for passage in new)
    screen.print(f"{len(passages)} passages, {len(new)} of them new, {bare} to embed")
    started = time.perf_counter()
    with display.bars(screen) as progress:
        vectors = await asyncio.to_thread(embed, new, embedder, progress)
    if bare:
        screen.print(f"Embedded {bare} in {time.perf_counter() - started:.1f} s")
    indexed = {}
    for backend, store in stores.items():
        with display.bars(screen) as progress:
            indexed[backend] = await update(store, passages, vectors, progress)
    return indexed


async def _ask(
    stores: Stores,
    questions: Sequence[Question],
    embedder: Embedder | None,
    indexed: dict[str, Indexed],
    screen: Console,
) -> None:
    modes = MODES if embedder else ("keyword",)
    asked = []
    screen.print(display.LEGEND)
    for question in questions:
        vector = await asyncio.to_thread(_question_vector, embedder, question)
        answers = {
            mode: {backend: await ask(store, mode, question, vector) for backend, store in stores.items()}
            for mode in modes
        }
        screen.print(display.answers(question, answers, TOP_K if len(questions) == 1 else 3))
        asked.append(answers)
    screen.print(display.summary(indexed, asked))


def _question_vector(embedder: Embedder | None, question: Question) -> Vectors | None:
    vector: Vectors | None = embedder.embed([question.text])[0] if embedder else None
    return vector


def _what_next(screen: Console) -> None:
    screen.print("\n[bold]What to try next[/]")
    screen.print('  .venv/bin/python examples/demo.py "your own question"')
    screen.print("  make psql      the same PostgreSQL store, in psql, with the very query files that just answered:")
    for name in ("vector_search", "keyword_search", "hybrid_search"):
        screen.print(f"                   sql/queries/{name}.sql")


if __name__ == "__main__":
    sys.exit(main())
