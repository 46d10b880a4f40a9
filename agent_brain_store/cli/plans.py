"""Say in words what a plan of PostgreSQL does with the chunks: which indexes it uses, and what it reads whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from agent_brain_store.cli.screen import counted

_INDEXES = {
    "chunks_embedding_ann": "the vector index",
    "chunks_tsv_gin": "the index of terms",
    "chunks_metadata_gin": "the index of metadata",
    "chunks_source_btree": "the index of folders",
    "chunks_pkey": "the index of ids",
}
_INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
_FEW = 10_000  # chunks; reading so many takes some milliseconds
_FETCHES = ("Bitmap Heap Scan", "Tid Scan", "Tid Range Scan")


class Step(NamedTuple):
    """One step of a plan. ``rows`` is how many rows it gave in all, and ``milliseconds`` how long it took in all.

    ``is_whole`` says that it read a whole table.
    """

    what: str
    rows: int
    milliseconds: float
    is_whole: bool = False


def steps(plan: dict[str, Any]) -> list[Step]:
    """Return the steps of an analyzed plan that touch a table or call a function. Steps that never ran are left out."""
    return list(_steps(plan["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[Step]:
    for child in node.get("Plans", ()):
        yield from _steps(child)
    loops = node.get("Actual Loops", 0)
    what = _in_words(node)
    if loops and what:
        is_whole = node["Node Type"] == "Seq Scan"
        # the server gives the mean of all loops
        yield Step(what, round(node["Actual Rows"] * loops), node["Actual Total Time"] * loops, is_whole)


def _in_words(node: dict[str, Any]) -> str:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    if kind in _INDEX_SCANS:
        name = node["Index Name"]
        known = _INDEXES.get(name)
        return f"uses {known} ({name})" if known else f"uses the index {name}"
    if kind == "Seq Scan":
        if table == "store_settings":  # it has one row
            return ""
        return f"reads all of {table} (sequential scan)"
    if kind in _FETCHES:
        return f"fetches rows of {table} by their places"
    if kind == "Function Scan" and "Function Name" in node:  # unnest() of several arrays has no name
        return f"calls {node['Function Name']}()"
    return ""


def milliseconds(plan: dict[str, Any]) -> float:
    """Return how long the statement took, with planning."""
    return float(plan["Planning Time"] + plan["Execution Time"])


def scans_in_words(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say how often the chunks were read, by each index and whole. ``rows`` are those of ``scans.sql``."""
    by_index = [
        (row["scans"], _INDEXES.get(row["name"], row["name"])) for row in rows if row["by_index"] and row["scans"]
    ]
    whole = sum(row["scans"] for row in rows if not row["by_index"])
    said = [f"read {name} {_times(count)}" for count, name in by_index]
    return said + [f"read every chunk {_times(whole)} (sequential scan)"] * bool(whole)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def verdict(read_whole: bool, chunks: int) -> str:
    """Say whether the search read every chunk, and why that may be."""
    if not read_whole:
        return "good: an index led to each chunk that was read"
    if chunks < _FEW:
        return f"every chunk was read; for {counted(chunks, 'chunk')} that is often the fastest way"
    return (
        "every chunk was read: an index is missing (agent-brain-store doctor), no index serves the filter, or the "
        "planner's statistics are old"
    )
