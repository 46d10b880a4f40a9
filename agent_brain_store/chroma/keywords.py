"""Keep keyword indexes in files beside those of Chroma. A file may lag behind the rows, because it is written last.

There is no file if Chroma is behind a server. The folder is None then.

Chroma numbers everything that it writes, and it keeps the number with the row. The file has these numbers too. So a
start sees which chunks were written or deleted since, by whom or by which version of this library ever, and only these
are read again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from agent_brain_store.chroma import client
from agent_brain_store.config import KeywordConfig

if TYPE_CHECKING:
    from agent_brain_store.textsearch.index import KeywordIndex

log = logging.getLogger(__name__)

_PREFIX = "agent_brain-keywords-"
FORMAT = 1  # of the file; another one is made anew
MAY_LAG = 1000  # chunks, or a fifth of all if that is more; with more unsaved ones the file is written

Indexed: TypeAlias = Callable[[int, int], None]
"""It is called with the number of chunks that were read so far, and the number of all that have to be read."""


def build(
    rows: client.Rows, folder: Path | None, config: KeywordConfig, indexed: Indexed | None = None
) -> KeywordIndex:
    """Return an index of all rows. What its file has is not read again."""
    from agent_brain_store.textsearch import kept
    from agent_brain_store.textsearch.index import KeywordIndex

    index, versions = KeywordIndex(config), rows.versions()
    arrays = None if folder is None else kept.read(_file(rows, folder, config), _made_from(rows, config))
    known = {} if arrays is None else index.restore(arrays)
    index.remove(known.keys() - versions.keys())
    changed = [chunk_id for chunk_id, version in versions.items() if version < 0 or known.get(chunk_id) != version]
    for start in range(0, len(changed), client.PAGE):
        for chunk_id, (text, metadata) in rows.contents(changed[start : start + client.PAGE]).items():
            index.put(chunk_id, text, json.loads(metadata))
        if indexed is not None:
            indexed(min(start + client.PAGE, len(changed)), len(changed))
    save(rows, folder, config, index, MAY_LAG)
    return index


def save(rows: client.Rows, folder: Path | None, config: KeywordConfig, index: KeywordIndex, may_lag: int = 0) -> None:
    """Write the file of an index, unless it lags by only a few chunks. Nothing may write to the rows meanwhile.

    If that fails, the next start has more to read. So it is only logged.
    """
    from agent_brain_store.textsearch import kept

    if folder is None or index.unsaved <= max(may_lag, len(index) // 5 if may_lag else 0):
        return
    try:
        kept.write(_file(rows, folder, config), _made_from(rows, config), index.arrays(rows.versions()))
        index.unsaved = 0
    except Exception:
        log.warning("the keyword index could not be written to its file", exc_info=True)


def delete(rows: client.Rows, folder: Path | None) -> None:
    """Delete the files of all indexes of these rows."""
    for file in () if folder is None else folder.glob(f"{_stem(rows)}*"):
        file.unlink(missing_ok=True)


def unusable(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file of a keyword index that no start can use, and why."""
    from agent_brain_store.textsearch import kept

    for file in sorted(folder.glob(f"{_PREFIX}*.index")):
        made_from = kept.made_from(file)
        if made_from is None:
            yield file, "is damaged"
        elif (made_from[0], made_from[-1]) != (FORMAT, kept.fingerprint()):
            yield file, "was made by another version of this library or of the stemmer"


def _file(rows: client.Rows, folder: Path, config: KeywordConfig) -> Path:
    return folder / f"{_stem(rows)}{hashlib.blake2b(repr(config).encode(), digest_size=8).hexdigest()}.index"


def _stem(rows: client.Rows) -> str:
    return f"{_PREFIX}{rows.collection_id}-"


def _made_from(rows: client.Rows, config: KeywordConfig) -> list[Any]:
    from agent_brain_store.textsearch import kept

    return [FORMAT, rows.collection_id, repr(config), kept.fingerprint()]
