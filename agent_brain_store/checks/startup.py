"""Compare a store with the configuration when the store is opened. Both backends use these checks and their messages.

A mismatch is never repaired silently. Every message names both values, and says what you can do.
"""

from __future__ import annotations

from agent_brain_store.checks.chunks import clean_text
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import DimensionMismatchError, InvalidQueryError, ProviderMismatchError, SchemaError
from agent_brain_store.protocol import EmbeddingMetadata


def check_dimensions(config: StoreConfig, stored: int, backend: str) -> None:
    """Raise `DimensionMismatchError` unless the stored vectors are as long as the configured model's vectors."""
    wanted = config.embedding.dimensions
    if stored != wanted:
        raise DimensionMismatchError(
            f"the store holds vectors of {stored} dimensions, but the configuration says {wanted} "
            f"({config.embedding.provider}/{config.embedding.model}). Configure the model that filled the store, "
            f"or {_another_store(backend)} and index again",
            backend,
            expected=stored,
            actual=wanted,
        )


def check_distance(config: StoreConfig, stored: str, backend: str) -> None:
    """Raise `SchemaError` if another distance is configured. A store's distance is fixed when it is made."""
    _check("storage.distance", stored, config.distance, backend)


def check_language(config: StoreConfig, stored: str, backend: str) -> None:
    """Raise `SchemaError` if another language is configured. Chunks and questions must be reduced to the same terms."""
    _check("storage.keyword.language", stored, config.keyword.language, backend)


def _check(key: str, stored: str, wanted: str, backend: str) -> None:
    if stored != wanted:
        raise SchemaError(
            f"the store was made with {key} {stored!r}, but the configuration says {wanted!r}. Set it back, "
            f"or {_another_store(backend)} and copy the chunks with copy_documents, which needs no new embeddings",
            backend,
        )


def check_profile(provider: str, model: str, dimensions: int, stored: EmbeddingMetadata | None, backend: str) -> None:
    """Raise `ProviderMismatchError` if the stored profile is not the current one.

    Vectors of two models cannot be compared. ``stored`` is None if the store has no profile yet, and then nothing is
    raised. Upper and lower case in a provider's name make no difference.
    """
    if stored is None:
        return
    if (_plain_provider(stored.provider), stored.model, stored.dimensions) == (
        _plain_provider(provider),
        model,
        dimensions,
    ):
        return
    raise ProviderMismatchError(
        f"the store was filled with {stored.provider}/{stored.model} ({stored.dimensions} dimensions), "
        f"but {provider}/{model} ({dimensions} dimensions) is in use now. Configure the model that filled the store, "
        f"or {_another_store(backend)} and index again",
        backend,
        current_provider=provider,
        current_model=model,
        indexed_provider=stored.provider,
        indexed_model=stored.model,
    )


def _plain_provider(provider: str) -> str:
    """Return ``openai`` for ``OpenAI``, and also for ``EmbeddingProvider.OPENAI``, an enumeration's member as text."""
    return provider.lower().rpartition(".")[2]


def new_profile(provider: str, model: str, dimensions: int, stored: int) -> EmbeddingMetadata:
    """Return a profile that can be stored. ``stored`` is the length of the store's vectors.

    Raises `InvalidQueryError` for a name that is empty or that no database stores, and `DimensionMismatchError` if
    ``dimensions`` is not ``stored``.
    """
    for name, value in (("provider", provider), ("model", model)):
        if not isinstance(value, str) or not value or clean_text(value) != value:
            raise InvalidQueryError(f"{name} is {value!a}; it must be a non-empty text")
    if dimensions != stored:
        raise DimensionMismatchError(
            f"the profile says {dimensions} dimensions, but the store holds vectors of {stored}: "
            "use the model that filled it, or another store for the other model",
            expected=stored,
            actual=dimensions,
        )
    return EmbeddingMetadata(provider, model, stored)


def _another_store(backend: str) -> str:
    if backend == "postgres":
        return "open another store (storage.postgres.schema)"
    return "open another store (storage.chroma.collection)"
