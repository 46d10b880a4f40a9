"""``explain``: how PostgreSQL finds what a search asks for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import IO, Any

import click

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import (
    config_option,
    configured,
    json_option,
    looking,
    no_store,
    require_postgres,
    where_option,
)
from agent_brain_store.cli.plans import Step, milliseconds, scans_in_words, steps, verdict
from agent_brain_store.cli.running import command
from agent_brain_store.cli.vectors import (
    embed_option,
    embedded,
    load_embedder,
    read_vector,
    top_k_option,
    vector_option,
)
from agent_brain_store.config import StoreConfig

_HYBRID = {"fusion": "convex", "vector_weight": 0.5, "keyword_weight": 0.5, "rrf_k": 60}


@command("explain")
@click.argument("question", default="")
@vector_option
@embed_option
@top_k_option
@where_option
@config_option
@json_option
def explain(
    path: Path | None,
    wants_json: bool,
    question: str,
    vector_file: IO[str] | None,
    embedder: str | None,
    top_k: int,
    where: Any,
) -> None:
    """Run a search on PostgreSQL, and say which indexes it uses and what it reads whole.

    QUESTION, --vector and --embed mean the same as for search.
    """
    if not question and vector_file is None:
        raise click.UsageError("Give a QUESTION, a --vector, or both.")
    config = configured(path).config
    require_postgres(config, "explain")
    vector = None if vector_file is None else read_vector(vector_file)
    found = asyncio.run(_explain(config, question, vector, embedder, top_k, where))
    if wants_json:
        screen.as_json(found)
    else:
        _show(found)


async def _explain(
    config: StoreConfig, question: str, vector: list[float] | None, embedder: str | None, top_k: int, where: Any
) -> dict[str, Any]:
    from agent_brain_store.filters.parse import parse
    from agent_brain_store.postgres.searching import filter_values

    if vector is None and embedder is not None:
        (vector,) = await embedded(load_embedder(embedder), [question])
    values = {"top_k": top_k, **filter_values(parse(where))}
    kind = "keyword" if vector is None else "hybrid" if question else "vector"
    asked = values | ({} if vector is None else {"query_embedding": vector}) | ({"query": question} if question else {})
    if kind == "hybrid":
        asked |= _HYBRID | {"candidates": max(50, 2 * top_k)}
    async with looking(config) as look:
        if not look.version:
            raise no_store(config)
        plan, scans = await look.plan(f"{kind}_search", **asked)
        plans, terms = {f"{kind}_search": plan}, []
        if question:
            known = {"query": question, "budget": config.keyword.budget}
            plans["keyword_plan"], _ = await look.plan("keyword_plan", **values, **known)
            terms = await look.query("question", **known)
        chunks = int((await look.row("count_chunks"))["chunks"])
    found = {name: steps(plan) for name, plan in plans.items()}
    read_whole = any(row["scans"] for row in scans if not row["by_index"])
    return {
        "search": kind,
        "chunks": chunks,
        "milliseconds": round(milliseconds(plan), 2),
        "terms": [dict(term) for term in terms],
        "reads": scans_in_words(scans),
        "steps": {name: [step._asdict() for step in listed] for name, listed in found.items()},
        "verdict": verdict(read_whole, chunks),
        "plans": plans,
    }


def _show(found: dict[str, Any]) -> None:
    click.echo(f"{found['search']} search over {screen.counted(found['chunks'], 'chunk')}: {found['milliseconds']} ms")
    for said in found["reads"]:
        click.echo(f"  {said}")
    if found["terms"]:
        cells = [
            (term["term"], term["chunks"] or 0, f"{term['weight']:.2f}", term["brings_in"]) for term in found["terms"]
        ]
        click.echo()
        screen.rows(("term", "chunks", "weight", "brings in"), cells, wide="brings in")
    for name, listed in found["steps"].items():
        click.echo(f"\nsql/{'inspect' if name == 'keyword_plan' else 'queries'}/{name}.sql")
        screen.rows(("step", "rows", "ms"), [_cells(Step(**step)) for step in listed], wide="step")
    click.echo(f"\n{found['verdict']}")


def _cells(step: Step) -> tuple[str, str, str]:
    return step.what, f"{step.rows:,}", f"{step.milliseconds:.2f}"
