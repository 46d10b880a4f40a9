"""Write docs/settings.md, the list of every key of the configuration, from the dataclasses that check it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from agent_brain_store.config import model
from agent_brain_store.config.rules import Section, ruled_fields

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
SECTIONS: tuple[type[Section], ...] = (
    model.EmbeddingConfig,
    model.StoreConfig,
    model.ChromaConfig,
    model.KeywordConfig,
    model.PostgresConfig,
)
HEAD = """# Every setting

The code that checks the configuration made this page (`make docs`). [Configuration](configuration.md) explains the keys, and
says what wins when two sources give one. A key without a default is required, or well known for your model. With `null`,
libpq's variables and files decide about a connection, and nothing else is set.
"""


def page() -> str:
    """Return the whole page."""
    variables = dict(re.findall(r"^``([A-Z_]+)`` +``([a-z._]+)``", model.__doc__ or "", re.MULTILINE))
    by_key = {key: name for name, key in variables.items()}
    return "\n".join([HEAD, *(_section(cls, by_key) for cls in SECTIONS)])


def _section(cls: type[Section], variables: dict[str, str]) -> str:
    rows = []
    for key, item in ruled_fields(cls).items():
        variable = variables.get(f"{cls._name}.{key}")
        shown = f"`{variable}`" if variable else ""
        rows.append(f"| `{key}` | {_default(item)} | {item.metadata['rule'].expected} | {shown} |")
    table = "\n".join(["| key | default | accepts | variable |", "|---|---|---|---|", *rows])
    return f"## {cls._name}\n\n{table}\n"


def _default(item: dataclasses.Field[Any]) -> str:
    if item.default is dataclasses.MISSING:
        return ""
    if item.default is None:
        return "`null`"
    return f"`{item.default:g}`" if isinstance(item.default, float) else f"`{item.default}`"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
