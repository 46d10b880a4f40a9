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
    except KeyboardInterrupt:  # while modules are loaded, which can take seconds the first time
        sys.exit(130)
    app(prog_name="agent-brain-store")
