"""The command line ``agent-brain-store``, for a person who looks after a store. It comes with the extra ``cli``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. This is the entry point of the package."""
    try:
        from agent_brain_store.cli.app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("click", "rich"):
            raise
        sys.exit("error: the command line needs the extra: pip install 'agent-brain-store[cli]'")
    app(prog_name="agent-brain-store")
