"""What the commands do, on both backends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agent_brain_store import open_store, reembed
from agent_brain_store.cli import loads
from tests.support.commands import Configure, Run, lines
from tests.support.stores import ANIMALS, DIMENSIONS, embed

BEARS = '{"n": {"$in": [1, 3]}}'


# --- loading and looking up ------------------------------------------------------------------------------------------


def test_a_file_is_loaded_and_loading_it_again_changes_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "chunks.jsonl"
    file.write_text(lines(*ANIMALS), encoding="utf-8")
    for _ in range(2):
        done = run("load", file, "--json")
        assert (done.exit_code, json.loads(done.stdout)["loaded"], done.stderr) == (0, 4, "")
        assert run("count").stdout == "4\n"
    assert json.loads(run("count", "--where", BEARS, "--json").stdout) == {"chunks": 2}


def test_a_load_says_how_many_and_how_fast() -> None:
    assert loads.in_words(1, 0.04) == "loaded 1 chunk in 0.0 s"
    assert loads.in_words(3, 1.5) == "loaded 3 chunks in 1.5 s"
    assert loads.in_words(30_000, 12.0) == "loaded 30,000 chunks in 12.0 s (2,500/s)"


def test_loading_records_the_configured_model(filled: Run, config_file: Path) -> None:
    assert "test/hashed, 16 dimensions" in filled("status").stdout
    config_file.write_text(config_file.read_text().replace("hashed", "other"), encoding="utf-8")
    refused = filled("count")
    assert refused.exit_code == 3
    assert "test/hashed" in refused.stderr


@pytest.mark.parametrize("function", ["plain", "waiting"])
def test_an_embedder_makes_the_embeddings_that_are_missing(run: Run, function: str) -> None:
    bare = [{"id": "a", "text": "a growling bear"}, {"id": "b", "text": "a cat", "embedding": embed("a cat")}]
    stdin = "".join(json.dumps(chunk) + "\n" for chunk in bare)
    assert run("load", "-", "--embed", f"tests.support.embedder:{function}", stdin=stdin).exit_code == 0
    hit = json.loads(run("search", "cat", "--embed", f"tests.support.embedder:{function}", "-k", 1, "--json").stdout)[0]
    assert (hit["id"], hit["vector_rank"], hit["keyword_rank"]) == ("b", 1, 1)


def test_chunks_are_shown_by_their_ids(filled: Run) -> None:
    shown = filled("get", "c", "a")
    assert shown.stdout.index("the bear and the cat are friends") < shown.stdout.index("the growling bear")
    found = json.loads(filled("get", "a", "--json").stdout)
    assert found == [{"id": "a", "text": ANIMALS[0][1], "metadata": ANIMALS[0][2]}]


def test_an_unknown_id_is_an_answer_of_no(filled: Run) -> None:
    missing = filled("get", "a", "nobody", "--json")
    assert (missing.exit_code, missing.stderr) == (1, "error: there is no chunk 'nobody'\n")
    assert [chunk["id"] for chunk in json.loads(missing.stdout)] == ["a"]


# --- searching -------------------------------------------------------------------------------------------------------


def test_words_are_searched(filled: Run) -> None:
    hits = json.loads(filled("search", "growling bears", "--json").stdout)
    assert [hit["id"] for hit in hits] == ["a", "c"]
    assert hits[0]["matched_terms"] == ["growling", "bears"]
    assert hits[0]["highlights"] == [{"start": 0, "end": 38, "words": [[4, 12], [13, 17]]}]
    best = json.loads(filled("search", "growling bears", "--json", "--min-score", "0.9").stdout)
    assert best == hits[:1]
    assert "vector_rank" not in hits[0]
    assert filled("search", "growling bears").stdout.splitlines()[0] == f"1\t1.000\ta\t{ANIMALS[0][1]}"


def test_a_vector_comes_from_a_file_or_from_standard_input(filled: Run, tmp_path: Path) -> None:
    vector = json.dumps(embed(ANIMALS[3][1]))
    (tmp_path / "vector.json").write_text(vector, encoding="utf-8")
    for source in (tmp_path / "vector.json", "-"):
        (hit,) = json.loads(filled("search", "--vector", source, "-k", 1, "--json", stdin=vector).stdout)
        assert hit["id"] == "d"
        assert hit["score"] == pytest.approx(1, abs=1e-3)


def test_both_are_fused_under_a_filter(filled: Run) -> None:
    vector = json.dumps(embed(ANIMALS[0][1]))
    asked = ("search", "bear", "--vector", "-", "--where", '{"n": 3}', "--fusion", "relative_score", "--json")
    (hit,) = json.loads(filled(*asked, stdin=vector).stdout)
    assert (hit["id"], hit["vector_rank"], hit["keyword_rank"]) == ("c", 1, 1)


def test_every_word_is_required_and_a_star_lets_the_last_one_go_on(filled: Run) -> None:
    assert [hit["id"] for hit in json.loads(filled("search", "cat bear", "--all", "--json").stdout)] == ["c"]
    assert [hit["id"] for hit in json.loads(filled("search", "rock*", "--json").stdout)] == ["d"]


def test_copies_are_folded_and_metadata_count(filled: Run) -> None:
    boost = ("--boost", '{"n": {"scale": 1, "weight": 0.9}}')
    hits = json.loads(filled("search", "bear", "--json", "--distinct", *boost).stdout)
    assert [hit["id"] for hit in hits] == ["c", "a"]
    assert hits[0]["score"] == pytest.approx(0.1 + 0.9 * 3 / 4, abs=0.05)
    wrong = filled("search", "bear", "--boost", "{")
    assert wrong.exit_code == 2
    assert "is not JSON" in wrong.stderr


def test_nothing_found_is_no_error(filled: Run) -> None:
    nothing = filled("search", "zeppelin")
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "nothing found\n")
    assert filled("search", "zeppelin", "--json").stdout == "[]\n"


def test_a_filter_with_a_key_that_no_chunk_has_is_told(filled: Run) -> None:
    for asked in (("search", "bear"), ("count",)):
        done = filled(*asked, "--where", '{"langauge": "en"}')
        assert "warning: a filter names the metadata key 'langauge', which no chunk has" in done.stderr
        assert done.exit_code == 0


# --- deleting --------------------------------------------------------------------------------------------------------


def test_deleting_says_how_many_and_needs_a_yes(filled: Run) -> None:
    refused = filled("delete", "--where", BEARS)
    assert refused.exit_code == 2
    assert refused.stderr == "error: 2 of 4 chunks would be deleted, and nobody can answer here\nhint: say --yes\n"
    assert filled("count").stdout == "4\n"
    assert filled("delete", "--where", BEARS, "--yes").stdout == "deleted 2 chunks\n"
    assert json.loads(filled("delete", "b", "nobody", "-y", "--json").stdout) == {"deleted": 1}
    assert filled("count").stdout == "1\n"


def test_deleting_needs_ids_or_a_filter(filled: Run) -> None:
    for arguments in ((), ("a", "--where", BEARS), ("--where", "{}")):
        assert filled("delete", *arguments, "-y").exit_code == 2
    assert filled("count").stdout == "4\n"


@pytest.mark.usefixtures("on_one_node")
def test_a_reset_needs_the_name_of_the_store(filled: Run) -> None:
    assert filled("reset").exit_code == 2
    wrong = filled("reset", "--name", "agent-brain")
    assert (wrong.exit_code, "the store is 'agent_brain'" in wrong.stderr) == (2, True)
    assert filled("count").stdout == "4\n"
    assert filled("reset", "--name", "agent_brain").stdout == "deleted 4 chunks; the store is empty\n"
    assert filled("count").stdout == "0\n"
    assert json.loads(filled("reset", "--name", "agent_brain", "--json").stdout) == {"deleted": 0}


# --- moving and rebuilding -------------------------------------------------------------------------------------------


def test_a_store_is_exported_imported_and_copied(
    filled: Run, elsewhere, configure, backend: str, tmp_path: Path
) -> None:
    exported = json.loads(filled("export", tmp_path / "backup", "--json").stdout)
    assert exported["chunks"] == 4
    second = configure({"backend": backend, **elsewhere("second")}, "second.yaml")
    assert json.loads(filled("import", tmp_path / "backup", "-c", second, "--json").stdout) == exported
    third = configure({"backend": backend, **elsewhere("third")}, "third.yaml")
    assert filled("copy", third).stdout.startswith("copied 4 chunks, verified (sha256 ")
    for config in (second, third):
        assert filled("count", "-c", config).stdout == "4\n"


def test_vectors_of_another_model_are_not_moved_into_a_store(filled: Run, configure: Configure, tmp_path: Path) -> None:
    """The store would get them, and its next start would refuse it."""
    other = configure({"backend": "chroma", "chroma": {"path": str(tmp_path / "other")}}, "other.yaml", model="other")
    assert filled("export", tmp_path / "backup").exit_code == 0
    for asked in (("copy", other), ("import", tmp_path / "backup", "-c", other)):
        refused = filled(*asked)
        assert refused.exit_code == 3
        assert "the vectors are of test/hashed" in refused.stderr
        assert "is configured for test/other" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_indexes_are_rebuilt(filled: Run, backend: str) -> None:
    rebuilt = json.loads(filled("reindex", "--json").stdout)["rebuilt"]
    assert ("chunks_embedding_ann" in rebuilt) == (backend == "postgres")
    assert json.loads(filled("rederive", "--json").stdout) == {"changed": 0}


# --- the state -------------------------------------------------------------------------------------------------------


def test_the_status_says_what_the_store_holds_and_where_each_setting_comes_from(
    filled: Run, config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDING_DIMENSIONS", str(DIMENSIONS))
    status = json.loads(filled("status", "--json").stdout)
    assert (status["state"], status["chunks"]) == ("ready", 4)
    settings = status["configuration"]
    assert settings["embedding.dimensions"] == {"value": "16", "from": "EMBEDDING_DIMENSIONS"}
    assert settings["embedding.model"] == {"value": "hashed", "from": str(config_file)}
    assert settings["storage.distance"]["from"] == "default"
    assert status["preferences"] == ["EMBEDDING_DIMENSIONS overrides embedding.dimensions of the configuration file"]
    lines = filled("status").stdout.splitlines()
    assert "chunks\t4" in lines
    assert f"embedding.model\thashed\t{config_file}" in lines


def test_the_status_says_how_far_a_new_model_is(filled: Run, config_file: Path) -> None:
    vectors = [[embed("x", 24)]]

    async def stops_after_one() -> None:
        async with open_store(config_file) as store:
            await reembed(store, lambda _: vectors.pop(), "test", "larger", 24, batch_size=1)

    assert "second generation" not in filled("status").stdout
    with pytest.raises(IndexError):
        asyncio.run(stops_after_one())
    assert "second generation\ttest/larger, 24 dimensions: 1 of 4 chunks embedded\n" in filled("status").stdout
    assert filled("search", "growling").exit_code == 0


def test_looking_never_makes_a_store(run: Run, elsewhere, configure, backend: str, tmp_path: Path) -> None:
    """A misspelt name is an error, and not a new store."""
    misspelt = configure({"backend": backend, **elsewhere("mispelt")}, "misspelt.yaml")
    for arguments in (("count",), ("search", "x"), ("get", "a"), ("delete", "a", "-y"), ("export", tmp_path / "e")):
        done = run(*arguments, "-c", misspelt)
        assert done.exit_code == 1, arguments
        assert done.stderr.startswith("error: there is no store in the ")
    assert json.loads(run("status", "-c", misspelt, "--json").stdout)["state"] == "there is no store yet"
    assert not (tmp_path / "mispelt").exists()
    assert run("migrate", "-c", misspelt).stdout == "the store is up to date\n"
    assert run("count", "-c", misspelt).stdout == "0\n"


def test_describe_shows_keys_and_every_value_of_one(filled: Run) -> None:
    shown = [line.split("\t") for line in filled("describe").stdout.splitlines()]
    assert shown[0] == ["n", "4", "number", "4", "1 (1), 2 (1), 3 (1), 4 (1)"]
    assert shown[1] == ["source_type", "4", "string", "3", "doc (2), code (1), test (1)"]
    assert filled("describe", "language").stdout == "en\t2\nde\t1\n"
    part = json.loads(filled("describe", "language", "--where", '{"source_type": "doc"}', "--json").stdout)
    assert part["chunks"] == 2
    assert sorted(part["keys"][0]["values"]) == [["de", 1], ["en", 1]]
    missing = filled("describe", "langauge")
    assert missing.exit_code == 1
    assert "agent-brain-store describe lists the keys" in missing.stderr
