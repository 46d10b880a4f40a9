"""What the doctor looks at on the server: versions, rights, encryption and memory.

Each function looks for one kind of finding.
"""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent_brain_store.cli.findings import ERROR, NOTE, RELOAD, WARNING, Check, Finding, in_psql, mebibytes
from agent_brain_store.cli.opening import Look
from agent_brain_store.config import StoreConfig

OLDEST, _OLDEST_VECTOR, _SOUND_VECTOR = 160000, (0, 8, 0), (0, 8, 4)
# These changed the size of a struct that extensions use. An extension that was built for another one can crash them.
BROKEN = {160005: "16.6", 170001: "17.2"}
_SHARED_MEMORY = Path("/dev/shm")
_CREATE_EXTENSION = "create extension vector"
_UPDATE_EXTENSION = "alter extension vector update"
_GRANT_READ = "grant select on all tables in schema {schema} to {role}"
_GRANT_WRITE = "grant select, insert, update, delete, truncate on all tables in schema {schema} to {role}"
_GRANT_OWNER = "grant {owner} to {role}"
_SET_BUFFERS = "alter system set shared_buffers = '{size}MB'"
_SET_WORK = "alter system set maintenance_work_mem = '{size}MB'"


async def server_version(_: StoreConfig, look: Look) -> list[Finding]:
    """Find a server that is too old, or a minor version that is known to be bad."""
    number, version = look.server["server_number"], look.server["server_version"]
    if number < OLDEST:
        return [
            Finding(ERROR, "the server is too old", f"PostgreSQL {version}", "Upgrade it to PostgreSQL 16 or newer.")
        ]
    if number in BROKEN:
        evidence = f"PostgreSQL {version} can crash with an extension that was built for another minor version"
        return [
            Finding(WARNING, "the server's version is known to be bad", evidence, f"Upgrade it to {BROKEN[number]}.")
        ]
    return []


async def extension(_: StoreConfig, look: Look) -> list[Finding]:
    """Find a pgvector that is missing, too old, known to be bad, or older than the files of the server."""
    version, newest = look.server["vector_version"], look.server["vector_newest"]
    if version is None and newest is None:
        return [
            Finding(ERROR, "the server has no pgvector", "no such extension", "Install pgvector 0.8.4 or newer on it.")
        ]
    if version is None:
        evidence = f"version {newest} is there to be created; it takes a superuser"
        return [Finding(ERROR, "pgvector is not created in this database", evidence, in_psql(_CREATE_EXTENSION))]
    mend = in_psql(_UPDATE_EXTENSION) if newest != version else "Install pgvector 0.8.4 or newer on the server."
    evidence = f"the database has {version}, the server's files have {newest}"
    if _parts(version) < _OLDEST_VECTOR:
        return [Finding(ERROR, "pgvector is too old", evidence, mend)]
    if _parts(version) < _SOUND_VECTOR:
        return [Finding(WARNING, "this pgvector can corrupt an index", evidence, mend)]
    return [Finding(NOTE, "pgvector can be updated", evidence, mend)] if newest != version else []


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3])


async def privileges(config: StoreConfig, look: Look) -> list[Finding]:
    """Find what this role may not do with the store."""
    if not look.version:
        return []
    may = await look.row("privileges")
    names = {"schema": config.postgres.schema, "role": may["role"], "owner": may["owner"]}
    lacks = {
        "may_search": (ERROR, "search", _GRANT_READ),
        "may_write": (WARNING, "write and delete chunks", _GRANT_WRITE),
        "may_name_model": (WARNING, "record the embedding model", _GRANT_WRITE),
        "may_derive_terms": (NOTE, "derive the search terms anew", _GRANT_WRITE),
        "may_reset": (NOTE, "reset the store", _GRANT_WRITE),
        "may_count_terms": (WARNING, "count the terms, which keyword ranking needs", _GRANT_WRITE),
        "may_build_indexes": (NOTE, "build indexes or apply an upgrade", _GRANT_OWNER),
    }
    evidence = f"the store belongs to {may['owner']}, and only that role can grant it"
    return [
        Finding(level, f"the role {may['role']} may not {what}", evidence, in_psql(grant.format(**names), may["owner"]))
        for right, (level, what, grant) in lacks.items()
        if not may[right]
    ]


async def encryption(_: StoreConfig, look: Look) -> list[Finding]:
    """Find a connection over a network that anybody on the way can read."""
    address = look.server["address"]
    if address is None or look.server["encrypted"] or ipaddress.ip_address(address).is_loopback:
        return []
    mend = "Set storage.postgres.ssl_mode to verify-full, and ssl_root_cert to system or a file."
    level = NOTE if ipaddress.ip_address(address).is_private else WARNING
    return [Finding(level, "the connection is not encrypted", f"the server is {address}", mend)]


async def index_in_memory(_: StoreConfig, look: Look) -> list[Finding]:
    """Find a vector index that does not fit into the server's own cache."""
    if not look.version:
        return []
    row = await look.row("memory")
    if row["vector_index"] <= row["shared_buffers"]:
        return []
    evidence = (
        f"the vector index has {mebibytes(row['vector_index'])}, shared_buffers {mebibytes(row['shared_buffers'])}"
    )
    statement = _SET_BUFFERS.format(size=int(row["vector_index"] * 1.5) // 2**20 + 1)
    mend = f"{in_psql(statement)}, and restart the server"
    return [Finding(WARNING, "the vector index does not fit into shared_buffers", evidence, mend)]


async def next_build(config: StoreConfig, look: Look) -> list[Finding]:
    """Find too little memory for the next build of the vector index."""
    from agent_brain_store.postgres.index_builds import LARGEST_MEMORY, SMALLEST_MEMORY, build_bytes
    from agent_brain_store.postgres.indexes import wants_index

    if not look.version or not wants_index(config):
        return []
    row = await look.row("memory")
    needed = build_bytes(config, int((await look.row("count_chunks"))["chunks"]))
    granted = max(row["maintenance_work_mem"], min(max(SMALLEST_MEMORY, needed), LARGEST_MEMORY))
    found = []
    if needed > granted:
        evidence = f"a build needs {mebibytes(needed)} and gets {mebibytes(granted)}"
        statement = _SET_WORK.format(size=int(needed) // 2**20 + 1)
        mend = f"{in_psql(statement)} {RELOAD}"
        found.append(Finding(WARNING, "the next build of the vector index will be slow", evidence, mend))
    free = free_shared_memory(row, look)
    if free is not None and free < min(needed, granted):
        evidence = (
            f"a build takes {mebibytes(min(needed, granted))} of {_SHARED_MEMORY}, which has {mebibytes(free)} free"
            f"{_largest_there()}"
        )
        mend = f"Free room in {_SHARED_MEMORY}, or give it more: docker run --shm-size=1g."
        found.append(Finding(WARNING, "the next build of the vector index may fail", evidence, mend))
    return found


def _largest_there() -> str:
    """Name the largest file in shared memory that is not PostgreSQL's."""
    sizes = {}
    for file in _SHARED_MEMORY.rglob("*"):
        with suppress(OSError):  # it has gone meanwhile
            if file.is_file() and not file.name.startswith("PostgreSQL."):
                sizes[file] = file.stat().st_size
    largest = max(sizes, key=sizes.__getitem__, default=None)
    return f"; the largest file there is {largest}, with {mebibytes(sizes[largest])}" if largest else ""


def free_shared_memory(row: Mapping[str, Any], look: Look) -> int | None:
    """Return the free bytes of shared memory, if the server is on this machine and builds there. Otherwise None."""
    is_here = look.server["address"] is None and row["dynamic_shared_memory"] == "posix" and _SHARED_MEMORY.is_dir()
    return shutil.disk_usage(_SHARED_MEMORY).free if is_here else None


CHECKS: tuple[Check, ...] = (
    server_version,
    extension,
    privileges,
    encryption,
    index_in_memory,
    next_build,
)
