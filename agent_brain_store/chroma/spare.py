"""Keep a copy of the files of a vector index, because Chroma is not safe from dying while it writes them.

Chroma writes these files anew after every thousand changes, in place, and it has forgotten its log of what is in them.
If the process dies meanwhile, they are torn, and with them all vectors of the collection are lost. So a copy is made
whenever Chroma has finished, before it can begin again.

Chroma's database says up to which number of the log the files go. It says so after it has written them. A copy has this
number in its name. If the number is still that of the copy, and the files are others, then Chroma died while it wrote
them. The copy takes their place, and Chroma applies its log again.

If there is no number, Chroma has not finished its first files, and its log still has everything. It writes the file
of the ids last. So if that one is there, Chroma died while it wrote it, or soon after, and would read what is torn.
The files are deleted then, and Chroma makes new ones from its log.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from agent_brain_store.chroma.database import FILE, statement

log = logging.getLogger(__name__)

_PREFIX = "agent_brain-spare-"
_NEW = ".new"

IDS = "index_metadata.pickle"  # the file that says which chunk each label is of; Chroma writes it last


class VectorIndex(NamedTuple):
    """The vector index of a collection. ``number`` is that of the log, or None if Chroma has not written files yet.

    ``is_ours`` says whether this library has made the collection. Older versions of Chroma kept no number.
    """

    folder: Path
    number: int | None
    is_ours: bool

    @property
    def spare(self) -> Path:
        """Where the copy of these files is."""
        return self.folder.with_name(f"{_PREFIX}{self.folder.name}-{self.number}")

    def spares(self) -> list[Path]:
        """Return all copies that are there, also older and unfinished ones."""
        return list(self.folder.parent.glob(f"{_PREFIX}{self.folder.name}-*"))


def vector_indexes(directory: Path, collection: str) -> list[VectorIndex]:
    """Return the vector indexes of a collection, or none if the database is broken. Chroma has a message for that."""
    uri = f"{(directory / FILE).absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            rows = connection.execute(statement("vector_index"), (collection,)).fetchall()
    except sqlite3.Error:
        return []
    return [VectorIndex(directory / folder, number, bool(is_ours)) for folder, number, is_ours in rows]


def keep(directory: Path, collection: str) -> None:
    """Copy the files if Chroma has written them. Call it between two writes. A failure is only logged."""
    for index in vector_indexes(directory, collection):
        if index.number is None or index.spare.exists():
            continue
        new = index.spare.with_suffix(_NEW)
        try:
            shutil.rmtree(new, ignore_errors=True)
            shutil.copytree(index.folder, new)
            new.rename(index.spare)
        except OSError:
            log.warning("the files of the vector index could not be copied", exc_info=True)
            shutil.rmtree(new, ignore_errors=True)
        else:
            delete(index, but=index.spare)


def restore(directory: Path, collection: str) -> None:
    """Put the copy in the place of files that Chroma has not finished, or delete them if they are its first ones.

    Call it before Chroma opens the collection.
    """
    for index in vector_indexes(directory, collection):
        if index.number is None:
            if index.is_ours and (index.folder / IDS).exists():
                log.warning(
                    "the first files of the vector index were not finished, and are made anew from Chroma's log"
                )
                shutil.rmtree(index.folder)
        elif index.spare.exists() and not _is_same(index.folder, index.spare):
            log.warning("the files of the vector index are not as Chroma left them, and are replaced by their copy")
            shutil.copytree(index.spare, index.folder, dirs_exist_ok=True)


def delete(index: VectorIndex, but: Path | None = None) -> None:
    """Delete the copies, except one."""
    for path in index.spares():
        if path != but:
            shutil.rmtree(path, ignore_errors=True)


def is_spare(folder: Path) -> bool:
    """Return whether a folder is a copy, finished or not."""
    return folder.name.startswith(_PREFIX)


def _is_same(folder: Path, spare: Path) -> bool:
    """Compare sizes and times. A copy has the times of its files."""
    return all(_stamp(folder / path.name) == _stamp(path) for path in spare.iterdir())


def _stamp(path: Path) -> tuple[int, int] | None:
    if not path.is_file():
        return None
    found = path.stat()
    return found.st_size, found.st_mtime_ns
