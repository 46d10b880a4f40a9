"""Compare a store with the configuration when the store is opened. Both backends use these checks and their messages.

A mismatch is never repaired silently. Every message names both values, and says what you can do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent_brain_store.checks.chunks import clean_text
from agent_brain_store.config import EmbeddingConfig, StoreConfig
from agent_brain_store.errors import DimensionMismatchError, InvalidQueryError, ProviderMismatchError, SchemaError
from agent_brain_store.results import EmbeddingMetadata

_EMPTY_IT = "To use this one, open it with on_mismatch='warn' and call reset(), which deletes its chunks"


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a store was made for: the length and the distance of its vectors, and the language of its texts.

    ``profile`` is the stored embedding profile, or None if none was set. ``generation`` counts how often all vectors were
    replaced by those of another model.
    """

    dimensions: int
    distance: str
    language: str
    profile: EmbeddingMetadata | None = None
    generation: int = 0

    @property
    def fixed(self) -> tuple[int, str, str]:
        """What only an empty store can change."""
        return self.dimensions, self.distance, self.language


def configured_facts(config: StoreConfig) -> StoreFacts:
    """Return the facts of a new store of this configuration."""
    return StoreFacts(config.embedding.dimensions, config.distance, config.keyword.language)


def config_of(config: StoreConfig, stored: StoreFacts) -> StoreConfig:
    """Return the configuration that describes the store as it is."""
    profile, embedding = stored.profile, replace(config.embedding, dimensions=stored.dimensions)
    if profile is not None:
        embedding = EmbeddingConfig(profile.provider, profile.model, stored.dimensions)
    keyword = replace(config.keyword, language=stored.language)
    return replace(config, embedding=embedding, distance=stored.distance, keyword=keyword)


def check_store(config: StoreConfig, stored: StoreFacts, backend: str) -> None:
    """Raise the first mismatch of a store and the configuration.

    It is a `DimensionMismatchError`, `SchemaError` or `ProviderMismatchError`.
    """
    wanted = config.embedding
    check_dimensions(config, stored.dimensions, backend)
    check_distance(config, stored.distance, backend)
    check_language(config, stored.language, backend)
    check_profile(wanted.provider, wanted.model, wanted.dimensions, stored.profile, backend)


def check_unchanged(opened: StoreFacts, now: StoreFacts, backend: str) -> None:
    """Raise an error if the store is for other vectors now than when it was opened.

    It is a `ProviderMismatchError` if the chunks were embedded anew with another model. It is a `SchemaError` if somebody
    has emptied the store and given it to another configuration.
    """
    if opened.generation != now.generation:
        raise _embedded_anew(opened.profile, now.profile, now.dimensions, backend)
    if opened.fixed != now.fixed:
        raise SchemaError(
            f"since this store was opened, it was emptied and made anew for {_in_words(now)}; this process has opened "
            f"it for {_in_words(opened)}. Nothing was written. Open the store again, with the configuration that is right",
            backend,
        )


def _embedded_anew(
    opened: EmbeddingMetadata | None, now: EmbeddingMetadata | None, dimensions: int, backend: str
) -> ProviderMismatchError:
    model = "another model" if now is None else f"{now.provider}/{now.model}"
    return ProviderMismatchError(
        f"since this store was opened, its chunks were embedded anew with {model} ({dimensions} dimensions). Open the "
        "store again with the configuration of that model, and embed questions and chunks with it",
        backend,
        current_provider=opened.provider if opened else "",
        current_model=opened.model if opened else "",
        indexed_provider=now.provider if now else "",
        indexed_model=now.model if now else "",
    )


def _in_words(facts: StoreFacts) -> str:
    return f"{facts.dimensions} dimensions, {facts.distance} and {facts.language}"


def check_dimensions(config: StoreConfig, stored: int, backend: str) -> None:
    """Raise `DimensionMismatchError` unless the stored vectors are as long as the configured model's vectors."""
    wanted = config.embedding.dimensions
    if stored != wanted:
        raise DimensionMismatchError(
            f"the store holds vectors of {stored} dimensions, but the configuration says {wanted} "
            f"({config.embedding.provider}/{config.embedding.model}). Configure the model that filled the store, "
            f"or {_another_store(backend)} and index again. {_EMPTY_IT}",
            backend,
            expected=stored,
            actual=wanted,
        )


def check_distance(config: StoreConfig, stored: str, backend: str) -> None:
    """Raise `SchemaError` if another distance is configured. Only an empty store takes another distance."""
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
        f"or {_another_store(backend)} and index again. {_EMPTY_IT}",
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
