"""Draw the pictures of the documentation from what the benchmarks have recorded: ``make plots``.

Each picture is an SVG file for light and one for dark pages. It says what was measured, on which processor and when. Its
metadata hold a digest of the recorded figures, so that a test notices a picture that is older than they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PICTURES = ROOT / "benchmarks" / "results", ROOT / "docs" / "pictures"
# Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
PLAIN = tuple((colour, 1.0) for colour in COLOURS)
THEMES = {"light": ("#ffffff", "#24292f", "#d0d7de"), "dark": ("#0d1117", "#e6edf3", "#30363d")}

Result = dict[str, Any]


def latency(results: Sequence[Result], axes: Axes) -> str:
    """Draw the median time of each operation beside the same statement by bare asyncpg."""
    (result,) = results
    names = {"bare": "the same by bare asyncpg", "pooled": "by a pool of asyncpg", "ours": "agent-brain-store"}
    ways = [way for way in names if any(way in found for found in result["figures"].values())]
    heights = {names[way]: [found.get(way, 0) for found in result["figures"].values()] for way in ways}
    _bars(axes, [name.replace(" ", "\n", 1) for name in result["figures"]], heights, "{:.1f}")
    axes.set_yscale("log")
    axes.set_ylabel("ms, median, logarithmic")
    return f"Operations on PostgreSQL, {result['size'].removesuffix(', ms, median')}"


def ndcg(results: Sequence[Result], axes: Axes) -> str:
    """Draw how well each way of searching ranks, for each judged collection."""
    ways = {
        "vector": "vector",
        "keyword": "keyword",
        "hybrid": "hybrid (convex)",
        "hybrid, relative score": "hybrid (relative score)",
        "hybrid, RRF": "hybrid (RRF)",
    }
    labels = [f"{result['name'].removeprefix('retrieval-')}\n{result['size'].split(',  ')[0]}" for result in results]
    labels = [
        label.replace(" judged questions, nDCG@10", " questions").replace("documents, ", "documents,\n")
        for label in labels
    ]
    heights = {shown: [result["figures"][way]["PostgreSQL"] for result in results] for way, shown in ways.items()}
    _bars(axes, labels, heights, "{:.2f}")
    axes.set_ylabel("nDCG@10 on PostgreSQL")
    return "How well each search ranks"


def recall(results: Sequence[Result], axes: Axes) -> str:
    """Draw what an approximate index finds of the true neighbours, and what it takes."""
    (result,) = results
    ours = {name: f for name, f in result["figures"].items() if name.startswith("PostgreSQL")}
    times, shares = [f["p50"] for f in ours.values()], [f["recall"] for f in ours.values()]
    axes.plot(times, shares, marker="o", color=COLOURS[0], label="PostgreSQL, by hnsw_ef_search")
    for name, time, share in zip(ours, times, shares, strict=True):
        axes.annotate(name.rpartition(" ")[2], (time, share), (4, -12), textcoords="offset points", fontsize=8)
    chroma = result["figures"]["Chroma"]
    axes.plot([chroma["p50"]], [chroma["recall"]], marker="s", linestyle="", color=COLOURS[1], label="Chroma")
    axes.set_xlabel("ms, median")
    axes.set_ylabel("recall@10")
    axes.grid(visible=True, linewidth=0.5)
    return f"Recall against latency: {result['size']}"


def sizes(results: Sequence[Result], axes: Axes) -> str:
    """Draw how much room a chunk takes on disk, by the length of its vector."""
    (result,) = results
    lengths = list(result["figures"])
    names = {
        "PostgreSQL": "PostgreSQL, all",
        "of it the vector index": "of it the vector index",
        "Chroma": "Chroma, all",
    }
    heights = {shown: [result["figures"][n][name] for n in lengths] for name, shown in names.items()}
    _bars(axes, [f"{length}\ndimensions" for length in lengths], heights, "{:.1f}")
    axes.set_ylabel("KiB a chunk")
    return f"Room on disk: {result['size'].removesuffix(', KiB a chunk')}"


def scale(results: Sequence[Result], axes: Axes) -> str:
    """Draw what each search takes while one store grows."""
    (result,) = results
    found = {int(size): figures for size, figures in result["figures"].items() if "hybrid, within a file" in figures}
    searches = ("vector", "keyword", "hybrid", "hybrid, 2 % match", "hybrid, within a file")
    for colour, search in zip(COLOURS, searches, strict=True):
        taken = [figures[search]["processor"] for figures in found.values()]
        axes.plot(list(found), taken, marker="o", color=colour, label=search)
    axes.set_xscale("log")
    axes.set_xticks(list(found), [f"{size:,}" for size in found])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("chunks, logarithmic")
    axes.set_ylabel("ms of processor time, mean")
    axes.grid(visible=True, linewidth=0.5)
    return f"A search while a store grows: {result['size'].split(';')[0]}"


def precision(results: Sequence[Result], axes: Axes) -> str:
    """Draw how much the vector index takes for a chunk, and its build in memory, by length and precision of the vectors."""
    by_length = {int(result["name"].rpartition("-")[2]): result["figures"] for result in results}
    lengths, heights = sorted(by_length), {}
    for name in ("single", "half", "binary"):
        for figure, shown in (("bytes a chunk", name), ("build, bytes a chunk", f"{name}, to build it")):
            # Where the column itself has half precision, there is no index of single precision.
            values = [by_length[length].get(name, {}).get(figure, 0) / 1024 for length in lengths]
            if any(values):
                heights[shown] = values
    pairs = [(colour, strength) for colour in COLOURS[:3] for strength in (1, 0.4)]
    _bars(
        axes, [f"{length}\ndimensions" for length in lengths], heights, "{:.1f}", pairs if len(heights) > 3 else PLAIN
    )
    axes.set_ylabel("KiB a chunk")
    return "The vector index by precision: room on disk, and in memory when all of it is read"


def callers(results: Sequence[Result], axes: Axes) -> str:
    """Draw how long a hybrid search takes when many callers ask at once."""
    (result,) = results
    for number, (backend, counts) in enumerate(result["figures"].items()):
        places = [int(count) for count in counts]
        for share, line in (("p50", "-"), ("p95", "--")):
            times = [found[share] for found in counts.values()]
            axes.plot(places, times, line, marker="o", color=COLOURS[number], label=f"{backend}, {share}")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(places, [str(place) for place in places])
    axes.set_xlabel("callers at once")
    axes.set_ylabel("ms, median and p95, logarithmic")
    axes.grid(visible=True, linewidth=0.5)
    return f"Callers at once: {result['size'].partition(' ')[0]} chunks, hybrid search"


# What draws each picture, and which files of results it needs.
DRAWINGS: dict[str, tuple[Callable[[Sequence[Result], Axes], str], str]] = {
    "callers": (callers, "callers"),
    "latency": (latency, "operations"),
    "ndcg": (ndcg, "retrieval-*"),
    "precision": (precision, "precision-*"),
    "recall": (recall, "recall"),
    "sizes": (sizes, "sizes"),
    "scale": (scale, "scale"),
}


def _bars(
    axes: Axes,
    groups: Sequence[str],
    heights: dict[str, list[float]],
    form: str,
    colours: Sequence[tuple[str, float]] = PLAIN,
) -> None:
    """Draw groups of bars with their figures above them. A colour comes with its strength."""
    width = 0.8 / len(heights)
    for number, (name, values) in enumerate(heights.items()):
        places = [place - 0.4 + width * (number + 0.5) for place in range(len(groups))]
        bars = axes.bar(places, values, width * 0.94, color=colours[number], label=name)
        axes.bar_label(bars, [form.format(value) if value else "" for value in values], fontsize=7, padding=2)
    axes.set_xticks(range(len(groups)), groups)
    axes.tick_params(axis="x", length=0)
    axes.margins(y=0.15)


def digest(pattern: str) -> str:
    """Return a digest of the recorded figures that a picture is drawn from."""
    texts = [path.read_bytes() for path in sorted(RESULTS.glob(f"{pattern}.json"))]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:16]


def measured(result: Result) -> str:
    """Return the machine and the date of a result, in words."""
    machine = result["machine"]
    return f"{machine['processor']}, {machine['cores']} cores, {result['date']}"


def draw(name: str, theme: str, folder: Path) -> None:
    """Write one picture for one theme."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    drawing, pattern = DRAWINGS[name]
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob(f"{pattern}.json"))]
    ground, ink, line = THEMES[theme]
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9, "font.family": "sans-serif"}
    settings |= dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), ink)
    settings |= {"axes.edgecolor": line, "grid.color": line, "axes.facecolor": ground, "figure.facecolor": ground}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        axes = figure.subplots()
        figure.suptitle(drawing(results, axes), fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=6)
        axes.set_title("; ".join(sorted({measured(result) for result in results})), loc="right", fontsize=7)
        about = {"Date": None, "Creator": "benchmarks/plots.py", "Description": digest(pattern)}
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / f"{name}-{theme}.svg", metadata=about)


def main() -> None:
    """Draw every picture for both themes."""
    for name in DRAWINGS:
        for theme in THEMES:
            draw(name, theme, PICTURES)


if __name__ == "__main__":
    main()
