"""Configure the demo's two stores: one in Chroma and one in a private PostgreSQL, side by side in ``.demo``."""

from __future__ import annotations

import os
from pathlib import Path

from agent_brain_store import StoreConfig
from agent_brain_store.demo.embedder import DIMENSIONS, MODEL, PROVIDER

ROOT = Path(__file__).resolve().parents[1]


def demo_directory() -> Path:
    """Return the folder of the demo's data: ``.demo`` in the checkout, or the one that ``AGENT_BRAIN_DEMO_DIR`` names."""
    return Path(os.environ.get("AGENT_BRAIN_DEMO_DIR") or ROOT / ".demo").resolve()


def demo_config(backend: str) -> StoreConfig:
    """Return the configuration that a YAML file would give. For both stores, only the backend differs."""
    directory = demo_directory()
    return StoreConfig.from_dict(
        {
            "embedding": {"provider": PROVIDER, "model": MODEL, "dimensions": DIMENSIONS},
            "storage": {
                "backend": backend,
                "chroma": {"path": str(directory / "chroma")},
                "postgres": {"embedded_path": str(directory / "postgres")},
            },
        }
    )
