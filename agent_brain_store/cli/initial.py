"""``init``: write a commented configuration."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template

import click
import yaml

from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import FILE
from agent_brain_store.cli.running import WRONG, Failure, command
from agent_brain_store.config import StoreConfig
from agent_brain_store.config.embedding_models import known_dimensions

_FILE = Template("""\
# The configuration of a store of agent-brain-store. docs/configuration.md lists every key.
# Environment variables override this file; agent-brain-store status shows where each value comes from.

# The model whose vectors fill the store. To change it later, give the store new vectors first: docs/reembedding.md.
embedding:
  provider: $provider
  model: $model
  dimensions: $dimensions

storage:
  backend: $backend             # chroma or postgres
  # distance: cosine            # cosine, l2 or inner_product; fixed once the store is made
  # keyword:
  #   language: english         # of the chunks; fixed once the store is made
$place""")

_CHROMA = """\
  chroma:
    path: ./chroma_db           # a directory that one process at a time may use
    # collection: agent_brain   # the name of the store
"""
_EMBEDDED = """\
  postgres:
    embedded_path: ./postgres   # a private server; it needs pip install 'agent-brain-store[embedded]'
    # schema: agent_brain       # the name of the store
    # hnsw_ef_search: 100       # more finds more of the nearest chunks, and takes longer
"""
_SERVER = Template("""\
  postgres:
    host: $host
    database: $database
    user: $user
    password_env: POSTGRES_PASSWORD   # the variable with the password; or password_file
    # port: 5432
    # ssl_mode: verify-full     # for a server that is not in your own network
    # ssl_root_cert: system
    # schema: agent_brain       # the name of the store
    # pool_size: 10             # with pool_max_overflow, the most connections of one process
    # hnsw_ef_search: 100       # more finds more of the nearest chunks, and takes longer
""")


@command("init")
@click.argument("file", default=FILE, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--backend", type=click.Choice(["chroma", "postgres", "embedded"]), help="Where the chunks are kept.")
@click.option("--provider", help="Who makes the embeddings.")
@click.option("--model", help="The embedding model.")
@click.option("--dimensions", type=click.IntRange(1, 16000), help="The length of its vectors.")
@click.option("--host", default="localhost", show_default=True, help="The server, for --backend postgres.")
@click.option("--database", default="agent_brain", show_default=True)
@click.option("--user", default="agent_brain", show_default=True)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def init(
    file: Path,
    backend: str | None,
    provider: str | None,
    model: str | None,
    dimensions: int | None,
    force: bool,
    **server: str,
) -> None:
    """Write a commented configuration to FILE. It asks for what no option says."""
    if file.exists() and not force:
        raise Failure(f"{file} exists already", "name another file, or say --force", WRONG)
    kind = backend or _asked("Backend: chroma, postgres, or embedded (a private PostgreSQL)", "--backend", "chroma")
    if kind not in ("chroma", "postgres", "embedded"):
        raise Failure(f"{kind!r} is no backend", "it is chroma, postgres or embedded", WRONG)
    provider = provider or _asked("Provider of the embeddings", "--provider", "openai")
    model = model or _asked("Embedding model", "--model", "text-embedding-3-small")
    size = dimensions or known_dimensions(model) or _number(_asked("Length of its vectors", "--dimensions", None))
    values = {name: _scalar(value) for name, value in server.items()}
    place = {"chroma": _CHROMA, "embedded": _EMBEDDED, "postgres": _SERVER.substitute(values)}[kind]
    text = _FILE.substitute(
        provider=_scalar(provider),
        model=_scalar(model),
        dimensions=size,
        backend="chroma" if kind == "chroma" else "postgres",
        place=place,
    )
    StoreConfig.from_dict(
        yaml.safe_load(text), {"POSTGRES_PASSWORD": "unknown"}
    )  # what was typed may be no valid value
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}", "name another file", WRONG) from error
    click.echo(f"wrote {file}")
    if kind == "postgres":
        screen.note("next: export POSTGRES_PASSWORD=...")
    option = "" if file == Path(FILE) else f" -c {file}"
    screen.note(
        f"next: agent-brain-store migrate{option} makes the store, and agent-brain-store load{option} FILE fills it"
    )


def _scalar(text: str) -> str:
    """Return a text as YAML has it: in quotes if it would be something else without them."""
    try:
        is_plain = yaml.safe_load(f"key: {text}") == {"key": text}
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain else json.dumps(text)


def _asked(question: str, option: str, default: str | None) -> str:
    if not sys.stdin.isatty():
        if default is None:
            raise Failure(f"{option} is missing, and nobody can answer here", f"say {option}", WRONG)
        return default
    return str(click.prompt(question, default=default, err=True))


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Failure(f"{text!r} is no number", exit_code=WRONG)
    return int(text)
