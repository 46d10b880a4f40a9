"""LangChain's own tests of a vector store and of a retriever, on both backends, and what they do not test."""

from __future__ import annotations

from typing import Any

import pytest

from agent_brain_store import InvalidFilterError, InvalidQueryError, NotInitialized
from tests.support.stores import ANIMALS, DIMENSIONS, embed

pytest.importorskip("langchain_core", reason="LangChain is not installed: pip install -e '.[langchain]'")
suites = pytest.importorskip("langchain_tests.integration_tests", reason="langchain-tests is not installed")

from langchain_core.documents import Document  # noqa: E402
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings  # noqa: E402
from langchain_core.indexing import InMemoryRecordManager, aindex, index  # noqa: E402

from agent_brain_store.integrations.langchain import AgentBrainRetriever, AgentBrainVectorStore  # noqa: E402

IDS = [animal[0] for animal in ANIMALS]
TEXTS = [animal[1] for animal in ANIMALS]
METADATAS = [animal[2] for animal in ANIMALS]


class Toy(Embeddings):
    """The toy embedding of the other tests."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [embed(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return embed(text)


class TestVectorStore(suites.VectorStoreIntegrationTests):  # type: ignore[name-defined]
    """All of LangChain's tests, with and without await. None is left out."""

    @pytest.fixture
    def vectorstore(self, opened) -> AgentBrainVectorStore:
        # get_embeddings() is the same with 6 dimensions, but the stores of these tests have others
        return AgentBrainVectorStore(opened(), DeterministicFakeEmbedding(size=DIMENSIONS))


class TestRetriever(suites.RetrieversIntegrationTests):  # type: ignore[name-defined]
    """All of LangChain's tests of a retriever."""

    @pytest.fixture(autouse=True)
    def filled(self, vectors) -> None:
        self._vectors = vectors

    @property
    def retriever_constructor(self) -> type[AgentBrainRetriever]:
        return AgentBrainRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"vectorstore": self._vectors, "search_type": "hybrid"}

    @property
    def retriever_query_example(self) -> str:
        return "the bear and the cat"


@pytest.fixture
def vectors(opened) -> AgentBrainVectorStore:
    store = AgentBrainVectorStore(opened(), Toy())
    assert store.add_texts(TEXTS, METADATAS, ids=IDS) == IDS
    return store


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_filters_are_those_of_this_library(vectors):
    assert set(ids(vectors.similarity_search("bear", filter={"language": {"$in": ["en", "de"]}}))) == {"a", "b", "c"}
    assert ids(vectors.similarity_search_by_vector(embed(TEXTS[0]), k=1, filter={"n": {"$gt": 1}})) != ["a"]
    with pytest.raises(InvalidFilterError, match=r"\$near"):
        vectors.similarity_search("bear", filter={"n": {"$near": 1}})


def test_scores_are_similarities(vectors):
    scored = vectors.similarity_search_with_score(TEXTS[0], k=4)
    assert scored[0][0] == Document(id="a", page_content=TEXTS[0], metadata=METADATAS[0])
    assert scored[0][1] == pytest.approx(1)
    assert [score for _, score in scored] == sorted((score for _, score in scored), reverse=True)
    near = vectors.similarity_search_with_relevance_scores(TEXTS[0], k=4, score_threshold=0.99)
    assert [(document.id, score) for document, score in near] == [("a", pytest.approx(1))]


def test_hybrid_and_keyword_search_go_by_search_type(vectors):
    assert set(ids(vectors.search("cat", "keyword"))) == {"b", "c"}
    assert len(vectors.search("cat", "hybrid", k=4)) == 4
    assert ids(vectors.search("cat", "hybrid", k=4, filter={"language": "de"}, fusion="relative_score")) == ["c"]
    assert set(ids(vectors.as_retriever(search_type="keyword", k=5).invoke("cat"))) == {"b", "c"}
    assert len(vectors.as_retriever(search_type="hybrid", search_kwargs={"k": 2}).invoke("cat")) == 2
    threshold = {"score_threshold": 0.99}
    retriever = vectors.as_retriever(search_type="similarity_score_threshold", search_kwargs=threshold)
    assert ids(retriever.invoke(TEXTS[1])) == ["b"]
    with pytest.raises(ValueError, match="nonsense"):
        vectors.search("cat", "nonsense")


async def test_the_async_methods_give_the_same(vectors):
    for search_type in ("similarity", "hybrid", "keyword", "mmr"):
        assert await vectors.asearch("the cat", search_type, k=3) == vectors.search("the cat", search_type, k=3)
    by_vector = await vectors.asimilarity_search_by_vector(embed("cat"), k=2)
    assert by_vector == vectors.similarity_search_by_vector(embed("cat"), k=2)
    assert await vectors.aget_by_ids(["a", "x"]) == vectors.get_by_ids(["a", "x"])
    assert ids(await vectors.as_retriever(search_type="mmr").ainvoke("bear")) == ids(vectors.search("bear", "mmr"))


def test_mmr_prefers_documents_that_differ(vectors):
    vectors.add_texts(["the bear", "the bear", "the bear"], ids=["x", "y", "z"])
    assert set(ids(vectors.similarity_search("the bear", k=3))) == {"x", "y", "z"}
    chosen = ids(vectors.max_marginal_relevance_search("the bear", k=3, lambda_mult=0.3))
    assert len({"x", "y", "z"} & set(chosen)) == 1
    assert ids(vectors.max_marginal_relevance_search("the bear", k=3, filter={"n": 2})) == ["b"]
    near = vectors.max_marginal_relevance_search_by_vector(embed("the bear"), k=3, lambda_mult=1)
    assert set(ids(near)) == {"x", "y", "z"}


def test_delete_never_means_everything_by_accident(vectors):
    with pytest.raises(InvalidQueryError, match="either"):
        vectors.delete()
    assert vectors.delete(filter={"language": "de"})
    assert vectors.delete(["a", "nobody"])
    assert set(ids(vectors.similarity_search("cat", k=9))) == {"b", "d"}


def test_a_search_takes_the_options_of_the_contract(vectors):
    vectors.add_texts([TEXTS[1]], [{"n": 40}], ids=["copy"])
    boost = {"n": {"scale": 10, "weight": 1}}
    assert ids(vectors.keyword_search("small cat", match="all")) == ["b", "copy"]
    assert ids(vectors.keyword_search("small cat", match="all", distinct="text")) == ["b"]
    assert ids(vectors.keyword_search("small cat", match="all", boost=boost)) == ["copy", "b"]
    assert ids(vectors.keyword_search("rock", prefix=True)) == ["d"]
    assert ids(vectors.keyword_search("the growling bear", min_score=0.9)) == ["a"]
    hybrid = {"fusion": "rrf", "normalize": True, "min_score": 0.99, "distinct": "text"}
    assert ids(vectors.hybrid_search(TEXTS[0], **hybrid)) == ["a"]
    assert len(vectors.similarity_search(TEXTS[1], k=5, distinct="text")) == 4
    retriever = vectors.as_retriever(search_type="keyword", search_kwargs={"match": "all", "distinct": "text"})
    assert ids(retriever.invoke("small cat")) == ["b"]


async def test_highlights_are_in_the_metadata(vectors):
    passage = {"text": TEXTS[0], "start": 0, "end": len(TEXTS[0]), "words": [[13, 17]]}
    for search_type in ("keyword", "hybrid", "similarity", "mmr"):
        found = vectors.search("bears", search_type, k=4, highlights=True)
        assert found == await vectors.asearch("bears", search_type, k=4, highlights=True)
        (marked,) = (document.metadata["_highlights"] for document in found if document.id == "a")
        assert marked == [passage]
        assert all("_highlights" not in document.metadata for document in vectors.search("bears", search_type, k=4))
    near = vectors.similarity_search_by_vector(embed(TEXTS[0]), k=1, highlights="bears")
    assert near[0].metadata["_highlights"] == [passage]


def test_an_unknown_option_is_refused(vectors):
    with pytest.raises(TypeError, match=r"vector_search has no option 'treshold': .*similarity_threshold"):
        vectors.similarity_search("cat", treshold=0.5)
    with pytest.raises(TypeError, match=r"hybrid_search has no option 'match': its options are .*fusion"):
        vectors.as_retriever(search_type="hybrid", search_kwargs={"match": "all"}).invoke("cat")
    with pytest.raises(TypeError, match="keyword_search has no option 'fusion', 'where'"):
        vectors.keyword_search("cat", where={}, fusion="rrf")
    with pytest.raises(TypeError, match="vector_search has no option 'question'"):
        vectors.max_marginal_relevance_search("cat", question="cat")


async def test_an_async_store_serves_the_async_methods(store):
    vectors = await AgentBrainVectorStore.afrom_texts(TEXTS, Toy(), METADATAS, ids=IDS, store=store)
    assert ids(await vectors.asimilarity_search(TEXTS[3], k=1)) == ["d"]
    with pytest.raises(NotInitialized, match="can only be awaited"):
        vectors.similarity_search(TEXTS[3])


def test_from_documents_and_add_documents(opened):
    store = opened()
    documents = [Document(page_content=text, metadata={"n": 1}) for text in TEXTS]
    vectors = AgentBrainVectorStore.from_documents(documents, Toy(), store=store)
    assert store.get_count({"n": 1}) == 4
    assert vectors.add_documents([Document(id="mine", page_content="x"), Document(page_content="y")])[0] == "mine"
    assert store.get_count() == 6


@pytest.mark.parametrize("awaited", [False, True], ids=["index", "aindex"])
async def test_the_indexing_of_langchain_keeps_the_store_in_step(opened, awaited):
    store, record = opened(), InMemoryRecordManager("notes")
    vectors = AgentBrainVectorStore(store, Toy())

    async def brought(*texts: str) -> tuple[int, int, int]:
        record.create_schema()
        documents = [Document(page_content=text, metadata={"source": "notes"}) for text in texts]
        how: dict[str, Any] = {"cleanup": "full", "source_id_key": "source", "key_encoder": "sha256", "batch_size": 2}
        done = await aindex(documents, record, vectors, **how) if awaited else index(documents, record, vectors, **how)
        return done["num_added"], done["num_skipped"], done["num_deleted"]

    assert await brought(*TEXTS) == (4, 0, 0)
    assert await brought(*TEXTS[1:], "an owl") == (1, 3, 1)
    assert {chunk.text for chunk in store.iter_documents()} == {*TEXTS[1:], "an owl"}


def test_one_id_in_place_of_a_list_is_refused(vectors):
    with pytest.raises(InvalidQueryError, match="ids is a str"):
        vectors.get_by_ids("a")
