"""Embed the bundled sample, or show how alike texts are to the demo's embedding model.

python examples/make_sample.py                  make examples/sample/embeddings.npy anew
python examples/make_sample.py "some" "texts"   print how alike texts are
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from agent_brain_store.demo.embedder import Embedder

SAMPLE = Path(__file__).with_name("sample")


def _make_sample() -> None:
    lines = (SAMPLE / "passages.jsonl").read_text(encoding="utf-8").splitlines()
    passages = [json.loads(line) for line in lines]
    vectors = Embedder().embed([passage["text"] for passage in passages])
    np.save(SAMPLE / "embeddings.npy", vectors.astype(np.float16))
    print(f"{len(passages)} passages embedded into {SAMPLE / 'embeddings.npy'}")


def _compare(texts: list[str]) -> None:
    vectors = Embedder().embed(texts)
    for text, row in zip(texts, vectors @ vectors.T, strict=True):
        print(" ".join(f"{cosine:5.2f}" for cosine in row), text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _compare(sys.argv[1:])
    else:
        _make_sample()
