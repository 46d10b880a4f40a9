"""``export``, ``import`` and ``copy``: a whole store to a directory, from one, and to another store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from agent_brain_store.checks.startup import check_profile
from agent_brain_store.cli import screen
from agent_brain_store.cli.opening import config_option, configured, json_option, opened
from agent_brain_store.cli.running import Failure, command
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import ProviderMismatchError
from agent_brain_store.factory import open_store
from agent_brain_store.results import EmbeddingMetadata
from agent_brain_store.transfer.files import read_manifest
from agent_brain_store.transfer.moving import TransferReport, copy_documents, export_documents, import_documents

_GOES_ON = "run the same command again, and it goes on where it was"


def _done(report: TransferReport, did: str, wants_json: bool) -> None:
    if wants_json:
        screen.as_json({"chunks": report.chunks, "sha256": report.sha256})
    else:
        click.echo(f"{did} {screen.counted(report.chunks, 'chunk')}, verified (sha256 {report.sha256[:12]}…)")


def require_model(config: StoreConfig, profile: EmbeddingMetadata | None) -> None:
    """Refuse vectors of another model than the configured one. The next start would refuse a store that got them."""
    ours = config.embedding
    try:
        check_profile(ours.provider, ours.model, ours.dimensions, profile, config.backend)
    except ProviderMismatchError as error:
        assert profile is not None
        raise Failure(
            f"the vectors are of {profile.provider}/{profile.model} ({profile.dimensions} dimensions), and the store that they "
            f"go to is configured for {ours.provider}/{ours.model} ({ours.dimensions}): nothing was written",
            "configure that store for the model of the vectors; docs/reembedding.md says how it gets another model later",
        ) from error


@command("export", interrupted=_GOES_ON)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@config_option
@json_option
def export(path: Path | None, directory: Path, wants_json: bool) -> None:
    """Write every chunk with its embedding into DIRECTORY."""

    async def work() -> TransferReport:
        async with opened(configured(path).config) as store:
            with screen.bars() as progress:
                return await export_documents(store, directory, progress)

    _done(asyncio.run(work()), "exported", wants_json)


@command("import", interrupted=_GOES_ON)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@config_option
@json_option
def import_(path: Path | None, directory: Path, wants_json: bool) -> None:
    """Load an export from DIRECTORY. The store is made if it does not exist."""

    config = configured(path).config
    profile = read_manifest(directory)["profile"]
    require_model(config, profile and EmbeddingMetadata(**profile))

    async def work() -> TransferReport:
        async with open_store(config) as store:
            with screen.bars() as progress:
                return await import_documents(store, directory, progress)

    _done(asyncio.run(work()), "imported", wants_json)


@command("copy", interrupted=_GOES_ON)
@click.argument("target", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@json_option
def copy(path: Path | None, target: Path, wants_json: bool) -> None:
    """Copy every chunk into the store of another configuration, the file TARGET. That store is made if need be."""

    async def work() -> TransferReport:
        config = configured(target).config
        async with opened(configured(path).config) as source:
            require_model(config, await source.get_embedding_metadata())
            async with open_store(config) as store:
                with screen.bars() as progress:
                    return await copy_documents(source, store, progress)

    _done(asyncio.run(work()), "copied", wants_json)
