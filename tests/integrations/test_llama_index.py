"""The vector store of LlamaIndex on both backends: nodes, filters as LlamaIndex itself decides them, and modes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store import InvalidFilterError, InvalidQueryError, NotInitialized, SyncStore
from tests.support.stores import DIMENSIONS, embed, fill

pytest.importorskip("llama_index.core", reason="LlamaIndex is not installed: pip install -e '.[llama-index]'")

from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.schema import (
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from agent_brain_store.integrations.llama_index import AgentBrainVectorStore

PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"name": "Ada", "born": 1815, "score": 0.5, "fields": ["maths", "machines"]},
    "grace": {"name": "Grace", "born": 1906, "fields": ["compilers"], "rank": ""},
    "alan": {"name": "Alan", "born": 1912, "fields": [], "rank": "none"},
    "kurt": {"name": "Kurt", "born": 1906, "score": 2},
}
DOCUMENTS = {"ada": "first", "grace": "second", "alan": "second", "kurt": "second"}
TEXTS = {
    "ada": "notes on the analytical engine",
    "grace": "the first compiler, and a moth in the engine",
    "alan": "computable numbers",
    "kurt": "an incomplete list of theorems",
}


def node(name: str) -> TextNode:
    return TextNode(
        id_=name,
        text=TEXTS[name],
        metadata=PEOPLE[name],
        embedding=embed(TEXTS[name]),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=DOCUMENTS[name])},
    )


@pytest.fixture
def store(opened: Callable[..., SyncStore]) -> SyncStore:
    return opened()


@pytest.fixture
def vectors(store) -> AgentBrainVectorStore:
    vectors = AgentBrainVectorStore(store)
    assert vectors.add([node(name) for name in PEOPLE]) == list(PEOPLE)
    return vectors


def one(key: str, value: Any, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])


def asked(vectors: AgentBrainVectorStore, text: str, mode: str = "default", top_k: int = 4, **more: Any) -> list[str]:
    options = more.pop("options", {})
    query = VectorStoreQuery(embed(text), top_k, query_str=text, mode=VectorStoreQueryMode(mode), **more)
    found = vectors.query(query, **options)
    assert [node.node_id for node in found.nodes or []] == found.ids
    return found.ids or []


# --- nodes -----------------------------------------------------------------------------------------------------------


def test_nodes_come_back_as_they_were(vectors):
    (found,) = vectors.get_nodes(["ada", "nobody"])
    assert found == node("ada").model_copy(update={"embedding": None})
    assert found.ref_doc_id == "first"
    nodes = [
        TextNode(
            id_="null", text="a\n\x85b", metadata={"none": None, "nested": {"a": [1, None]}}, embedding=embed("x")
        ),
        IndexNode(id_="index", text="see there", index_id="other", embedding=embed("y")),
        ImageNode(id_="image", text="a cat", image="aGVsbG8=", embedding=embed("z")),
        Node(
            id_="media", image_resource=MediaResource(path=Path("cat.png"), mimetype="image/png"), embedding=embed("m")
        ),
    ]
    vectors.add(nodes)
    for was in nodes:
        (back,) = vectors.get_nodes([was.node_id])
        assert type(back) is type(was)
        assert back == was.model_copy(update={"embedding": None})


def test_a_node_without_an_embedding_is_refused(vectors):
    with pytest.raises(ValueError, match="embedding not set"):
        vectors.add([TextNode(text="x")])


async def test_chunks_of_others_are_text_nodes(make):
    store = make()
    await store.initialize()
    await fill(store, ("a", "a text", {"n": 1}))
    vectors = AgentBrainVectorStore(store)
    assert await vectors.aget_nodes() == [TextNode(id_="a", text="a text", metadata={"n": 1})]
    with pytest.raises(NotInitialized, match="can only be awaited"):
        vectors.get_nodes()


def test_nodes_are_deleted(vectors, store):
    vectors.delete_nodes(["ada", "nobody"])
    vectors.delete_nodes(["grace", "alan"], one("born", 1906))
    assert {found.node_id for found in vectors.get_nodes()} == {"alan", "kurt"}
    with pytest.raises(InvalidFilterError):
        vectors.delete_nodes()
    vectors.delete("second")
    assert store.get_count() == 0
    vectors.add([node("ada")])
    vectors.clear()
    assert store.get_count() == 0


# --- filters ---------------------------------------------------------------------------------------------------------

VALUES: dict[FilterOperator, list[tuple[str, Any]]] = {
    FilterOperator.EQ: [("name", "Ada"), ("born", 1906), ("score", 2.0), ("missing", 1)],
    FilterOperator.NE: [("name", "Ada"), ("score", 2), ("missing", 1)],
    FilterOperator.GT: [("born", 1906), ("name", "B")],
    FilterOperator.GTE: [("born", 1906), ("score", 0.5)],
    FilterOperator.LT: [("born", 1906), ("score", 2)],
    FilterOperator.LTE: [("born", 1815), ("name", "Alan")],
    FilterOperator.IN: [("name", ["Ada", "Kurt"]), ("born", [1906]), ("born", [])],
    FilterOperator.NIN: [("name", ["Ada", "Kurt"]), ("score", [2]), ("born", [])],
    FilterOperator.ANY: [("fields", ["maths", "compilers"]), ("fields", [])],
    FilterOperator.ALL: [("fields", ["maths", "machines"]), ("fields", ["maths", "compilers"])],
    FilterOperator.CONTAINS: [("fields", "maths"), ("fields", "nothing")],
    FilterOperator.IS_EMPTY: [("fields", None), ("rank", None), ("name", None), ("missing", None)],
}
REFUSED = {FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE}


def test_every_operator_is_mapped_or_refused():
    assert VALUES.keys() | REFUSED == set(FilterOperator)


@pytest.mark.parametrize("condition", FilterCondition)
def test_filters_match_what_llama_index_itself_matches(vectors, condition):
    """LlamaIndex filters its own store in memory by `build_metadata_filter_fn`."""
    for operator, cases in VALUES.items():
        for key, value in cases:
            parts = [MetadataFilter(key=key, value=value, operator=operator), MetadataFilter(key="born", value=1906)]
            filters = MetadataFilters(filters=parts, condition=condition)  # type: ignore[arg-type]
            decides = build_metadata_filter_fn(PEOPLE.__getitem__, filters)
            expected = {name for name in PEOPLE if decides(name)}
            assert {found.node_id for found in vectors.get_nodes(filters=filters)} == expected, (operator, key, value)


def test_filters_may_be_nested(vectors):
    either = MetadataFilters(
        filters=[MetadataFilter(key="name", value="Ada"), MetadataFilter(key="born", value=1912)],
        condition=FilterCondition.OR,
    )
    both = MetadataFilters(filters=[either, MetadataFilter(key="score", value=0, operator=FilterOperator.GT)])
    assert asked(vectors, "engine", filters=both) == ["ada"]


@pytest.mark.parametrize("operator", sorted(REFUSED))
def test_an_operator_that_is_not_there_is_named(vectors, operator):
    with pytest.raises(InvalidFilterError, match=operator.name):
        vectors.get_nodes(filters=one("name", "da", operator))


def test_a_list_operator_needs_a_list(vectors):
    with pytest.raises(InvalidFilterError, match="ANY needs a list"):
        vectors.get_nodes(filters=one("fields", "maths", FilterOperator.ANY))


# --- modes -----------------------------------------------------------------------------------------------------------

SCOPES: list[dict[str, Any]] = [
    {},
    {"filters": one("born", 1906)},
    {"filters": one("unknown", 1906)},
    {"filters": MetadataFilters(filters=[*one("born", 1815).filters, *one("born", 1906).filters])},
    {"node_ids": ["kurt", "ada"]},
    {"node_ids": ["kurt", "ada"], "filters": one("born", 1906)},
]


MODES: list[tuple[str, dict[str, Any], int]] = [
    ("default", {}, 4),
    ("default", {}, 1),
    ("mmr", {"mmr_threshold": 0.2}, 3),
    ("mmr", {"mmr_threshold": 0.9}, 2),
]


@pytest.mark.parametrize("scope", SCOPES, ids=range(len(SCOPES)))
def test_a_query_finds_what_the_store_of_llama_index_finds(vectors, scope):
    """`SimpleVectorStore` keeps its nodes in memory and compares all of them. Its own tests ask such questions."""
    theirs = SimpleVectorStore()
    theirs.add([node(name) for name in PEOPLE])
    for deleted in (None, "first"):
        if deleted:
            theirs.delete(deleted)
            vectors.delete(deleted)
        for mode, options, top_k in MODES:
            query = VectorStoreQuery(embed("engine"), top_k, mode=VectorStoreQueryMode(mode), **scope)
            expected, found = theirs.query(query, **options), vectors.query(query, **options)
            assert found.ids == expected.ids, (mode, top_k, deleted)
            if mode == "default":  # of MMR, theirs says how much a node was worth for the choice
                scores = [max(0, score) for score in expected.similarities or []]
                assert found.similarities == pytest.approx(scores, abs=1e-5)


def test_the_default_mode_searches_by_vector(vectors):
    for name, text in TEXTS.items():
        assert asked(vectors, text, top_k=1) == [name]
    assert len(asked(vectors, "engine", top_k=9)) == 4
    assert asked(vectors, "engine", filters=one("born", 1912)) == ["alan"]
    assert set(asked(vectors, "engine", doc_ids=["second"], node_ids=["ada", "alan", "kurt"])) == {"alan", "kurt"}
    assert asked(vectors, TEXTS["kurt"], options={"similarity_threshold": 0.99}) == ["kurt"]


def test_the_sparse_mode_searches_by_words(vectors):
    for mode in ("sparse", "text_search"):
        assert set(asked(vectors, "engine", mode)) == {"ada", "grace"}
        assert len(asked(vectors, "engine", mode, sparse_top_k=1)) == 1
        assert asked(vectors, "engine", mode, filters=one("born", 1906)) == ["grace"]


def test_the_hybrid_mode_weighs_by_alpha(vectors):
    assert set(asked(vectors, "engine", "hybrid")) == set(PEOPLE)
    assert set(asked(vectors, "engine", "hybrid", alpha=0.0)) == {"ada", "grace"}
    assert asked(vectors, TEXTS["kurt"], "hybrid", alpha=1.0, hybrid_top_k=1) == ["kurt"]
    assert asked(vectors, "engine", "hybrid", options={"fusion": "relative_score"}, top_k=1)[0] in {"ada", "grace"}


def test_mmr_prefers_nodes_that_differ(vectors):
    twins = [TextNode(id_=name, text=TEXTS["ada"], embedding=embed(TEXTS["ada"])) for name in ("x", "y")]
    vectors.add(twins)
    assert set(asked(vectors, TEXTS["ada"], top_k=3)) == {"ada", "x", "y"}
    chosen = asked(vectors, TEXTS["ada"], "mmr", top_k=3, options={"mmr_threshold": 0.3})
    assert len({"ada", "x", "y"} & set(chosen)) == 1
    assert set(asked(vectors, TEXTS["ada"], "mmr", top_k=3, mmr_threshold=1.0)) == {"ada", "x", "y"}
    assert asked(vectors, "engine", "mmr", filters=one("name", "nobody")) == []


def test_a_search_takes_the_options_of_the_contract(vectors):
    twice = {"ada": TEXTS["ada"], "copy": TEXTS["ada"]}
    vectors.add([TextNode(id_=name, text=text, embedding=embed(text)) for name, text in twice.items()])
    assert asked(vectors, "analytical engine", "sparse", options={"match": "all"}) == ["ada", "copy"]
    assert asked(vectors, "analytical engine", "sparse", options={"match": "all", "distinct": "text"}) == ["ada"]
    assert asked(vectors, "theo", "sparse", options={"prefix": True}) == ["kurt"]
    hybrid = {"normalize": True, "min_score": 0.99, "distinct": "text", "fusion": "rrf"}
    assert asked(vectors, TEXTS["kurt"], "hybrid", options=hybrid) == ["kurt"]
    for mode, option in (("default", "fusion"), ("sparse", "fusion"), ("hybrid", "match"), ("mmr", "where")):
        with pytest.raises(TypeError, match=f"_search has no option '{option}': its options are"):
            asked(vectors, "engine", mode, options={option: "all"})


def test_highlights_are_in_the_metadata_and_not_shown_to_a_model(vectors):
    passage = {"text": TEXTS["ada"], "start": 0, "end": len(TEXTS["ada"]), "words": [[24, 30]]}
    index = VectorStoreIndex.from_vector_store(vectors, embed_model=MockEmbedding(DIMENSIONS))
    for mode in ("default", "sparse", "hybrid", "mmr"):
        retriever = index.as_retriever(
            vector_store_query_mode=mode, similarity_top_k=4, vector_store_kwargs={"highlights": True}
        )
        (found,) = (hit.node for hit in retriever.retrieve("engines") if hit.node.node_id == "ada")
        assert found.metadata["_highlights"] == [passage]
        assert "_highlights" not in found.get_content(MetadataMode.LLM) + found.get_content(MetadataMode.EMBED)


def test_other_modes_are_refused_by_name(vectors):
    supported = {"default", "sparse", "text_search", "hybrid", "mmr"}
    for mode in VectorStoreQueryMode:
        if mode.value not in supported:
            with pytest.raises(InvalidQueryError, match=mode.name):
                asked(vectors, "engine", mode.value)


async def test_the_async_methods_do_the_same(store):
    vectors = AgentBrainVectorStore(store)
    assert await vectors.async_add([node(name) for name in PEOPLE]) == list(PEOPLE)
    for mode in ("default", "sparse", "hybrid", "mmr"):
        query = VectorStoreQuery(embed("engine"), 3, query_str="engine", mode=VectorStoreQueryMode(mode))
        assert await vectors.aquery(query) == vectors.query(query)
    assert await vectors.aget_nodes(["ada"]) == vectors.get_nodes(["ada"])
    await vectors.adelete("first")
    await vectors.adelete_nodes(["alan"])
    assert {found.node_id for found in await vectors.aget_nodes(filters=one("born", 1906))} == {"grace", "kurt"}
    await vectors.aclear()
    assert await vectors.aget_nodes() == []


def test_an_index_of_llama_index_works_on_it(vectors):
    index = VectorStoreIndex.from_vector_store(vectors, embed_model=MockEmbedding(DIMENSIONS))
    index.insert_nodes([TextNode(id_="new", text="a new engine", metadata={"born": 2000})])
    retriever = index.as_retriever(vector_store_query_mode="sparse", similarity_top_k=5)
    assert {hit.node.node_id for hit in retriever.retrieve("engine")} == {"ada", "grace", "new"}
    hybrid = index.as_retriever(vector_store_query_mode="hybrid", filters=one("born", 2000))
    assert [hit.node.get_content() for hit in hybrid.retrieve("engine")] == ["a new engine"]
    index.delete_ref_doc("second")
    assert {found.node_id for found in vectors.get_nodes()} == {"ada", "new"}
