"""``demo``: a question over a folder of yours, answered by a store that is made for it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import json_option
from agent_brain_store.cli.running import NO, WRONG, Failure, command, interruptible
from agent_brain_store.config import StoreConfig
from agent_brain_store.demo.embedder import DIMENSIONS, HOW_TO_INSTALL, MODEL, PROVIDER, Embedder
from agent_brain_store.demo.folder import sources
from agent_brain_store.factory import open_store
from agent_brain_store.in_step import SyncReport, sync_documents
from agent_brain_store.protocol import StorageBackend
from agent_brain_store.results import SearchResult

_TOP = 5
_FOUND = "{passages} of {files} ({new:,} new, {changed:,} changed, {removed:,} removed), in {place}"


def _data_folder() -> Path:
    """Return where programs keep data of an account, as the XDG base directories say."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "agent-brain-store" / "demo"


@command("demo", interrupted="the files that were indexed stay; run the same command again, and it goes on")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("questions", nargs=-1)
@click.option(
    "--backend",
    type=click.Choice(("chroma", "postgres")),
    default="chroma",
    show_default=True,
    help="Where to index. postgres is a private server, from the extra embedded.",
)
@click.option(
    "--data",
    envvar="AGENT_BRAIN_DEMO_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=_data_folder,
    show_default="a folder of your account",
    help="The folder that keeps what was indexed.",
)
@json_option
def demo(folder: Path, questions: tuple[str, ...], backend: str, data: Path, wants_json: bool) -> None:
    """Index the text files of FOLDER, and answer QUESTIONS about them by hybrid search.

    Without a question it asks for one. The first time, a small model embeds every file, about fifteen pages a second on a
    processor core. From then on only what has changed. Nothing leaves this machine, and FOLDER is only read.
    """
    if not Embedder.is_available():
        raise Failure("the demo's embedding model is not installed", HOW_TO_INSTALL, WRONG)
    if not questions and not sys.stdin.isatty():
        raise Failure(
            "there is no question, and nobody can answer here", "agent-brain-store demo FOLDER QUESTION", WRONG
        )
    answers = asyncio.run(_run(folder.resolve(), questions, backend, data.resolve(), wants_json))
    if wants_json:
        screen.as_json(answers)


async def _run(folder: Path, questions: Sequence[str], backend: str, data: Path, wants_json: bool) -> list[Any]:
    place = data / hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    embedder, answers = Embedder(), []
    async with open_store(_config(backend, place)) as store:
        report = await _index(store, folder, embedder)
        chunks, files = await store.get_count(), report.new + report.changed + report.unchanged
        if not chunks:
            raise Failure(f"there is no text in {folder}", "it reads text files of up to 1 MB in UTF-8", NO)
        found = {"passages": screen.counted(chunks, "passage"), "files": screen.counted(files, "file")}
        screen.note(_FOUND.format(**found, place=place, **asdict(report)))
        for question in questions or _asked():
            (vector,) = await asyncio.to_thread(embedder.embed, [question])
            hits = await store.hybrid_search(question, vector, _TOP, explain=True, highlights=True)
            answers.append({"question": question, "hits": [asdict(hit) for hit in hits]})
            if not wants_json:
                _show(question, hits)
    return answers


def _config(backend: str, place: Path) -> StoreConfig:
    return StoreConfig.from_dict(
        {
            "embedding": {"provider": PROVIDER, "model": MODEL, "dimensions": DIMENSIONS},
            "storage": {
                "backend": backend,
                "chroma": {"path": str(place / "chroma")},
                "postgres": {"embedded_path": str(place / "postgres")},
            },
        }
    )


async def _index(store: StorageBackend, folder: Path, embedder: Embedder) -> SyncReport:
    await store.set_embedding_metadata(PROVIDER, MODEL, DIMENSIONS)
    with screen.bars() as progress:
        return await sync_documents(store, sources(folder, embedder), progress=progress)


def _asked() -> Iterator[str]:
    """Ask for questions until there is none."""
    while True:
        with interruptible():
            question = click.prompt("Your question (Enter to end)", default="", show_default=False, err=True)
        if not question.strip():
            return
        yield question


def _show(question: str, hits: list[SearchResult]) -> None:
    if not hits:
        screen.note(f"nothing found for {question!r}")
    cells = []
    for place, hit in enumerate(hits, 1):
        where = f"{hit.metadata['source']} · {hit.metadata['title']}"
        cells.append((place, f"{hit.score:.3f}", where, screen.snippet(hit.text, hit.highlights or ())))
    screen.rows(("", "score", "file · heading", "text"), cells, wide="text")
