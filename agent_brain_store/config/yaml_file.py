"""Read a configuration file. Problems are returned and not raised, as in `sources.py`."""

from __future__ import annotations

import os
from typing import Any

from agent_brain_store.config.rules import expanded

_TWICE = "a key is there twice in one mapping"


def read_yaml(path: str | os.PathLike[str]) -> tuple[Any, str | None]:
    """Return a file's content, or why it cannot be read. The parser's own message is dropped: it may quote a password."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a key that a mapping has twice. YAML forbids it, but by default the last one wins in silence."""

        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _ in node.value:
                named = (key.tag, str(key.value))
                if named in seen:
                    raise yaml.composer.ComposerError(None, None, _TWICE, key.start_mark)
                seen.add(named)
            return node

    try:
        content = yaml.load(expanded(path).read_bytes(), Loader)
    except OSError as error:
        return None, f"the file can't be read: {error.strerror}"
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", near line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        is_twice = getattr(error, "problem", None) == _TWICE
        return None, f"{_TWICE}; keep one of them{place}" if is_twice else f"not valid YAML{place}"
    return ({} if content is None else content), None
