"""This module lists well-known embedding models and the length of their vectors.

It also says which lengths are stored in half precision.
"""

from __future__ import annotations

DEFAULT_MODEL = "openai", "text-embedding-3-large", 3072
"""The provider, the model and its dimensions, if a configuration does not name any."""

HALFVEC_DIMENSIONS = range(2001, 4001)
"""Vectors of these dimensions are stored in half precision.

They are too long for pgvector's indexes on ``vector``, but short enough for its indexes on ``halfvec``.
"""

_DIMENSIONS = {
    3072: "text-embedding-3-large gemini-embedding-001",
    1536: "text-embedding-3-small text-embedding-ada-002 embed-v4.0",
    1024: "embed-english-v3.0 embed-multilingual-v3.0 mxbai-embed-large mxbai-embed-large-v1 bge-m3 "
    "bge-large bge-large-en-v1.5 multilingual-e5-large snowflake-arctic-embed snowflake-arctic-embed2",
    768: "all-mpnet-base-v2 multi-qa-mpnet-base-dot-v1 paraphrase-multilingual-mpnet-base-v2 "
    "nomic-embed-text nomic-embed-text-v1.5 bge-base-en-v1.5 multilingual-e5-base text-embedding-004 "
    "embeddinggemma",
    384: "all-minilm all-minilm-l6-v2 all-minilm-l12-v2 paraphrase-multilingual-minilm-l12-v2 "
    "bge-small-en-v1.5 multi-qa-minilm-l6-cos-v1 multilingual-e5-small embed-english-light-v3.0 "
    "embed-multilingual-light-v3.0",
}
_KNOWN_MODELS = {model: size for size, models in _DIMENSIONS.items() for model in models.split()}


def known_dimensions(model: str) -> int | None:
    """Return the dimensions of ``model``, or None for an unknown one.

    Upper and lower case, a leading ``organization/`` and a trailing ``:latest`` make no difference.
    """
    return _KNOWN_MODELS.get(model.lower().rpartition("/")[2].removesuffix(":latest"))
