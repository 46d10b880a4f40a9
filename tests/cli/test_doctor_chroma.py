"""Each finding of the doctor on Chroma, provoked in a real directory."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent_brain_store import open_store
from agent_brain_store.chroma.lock import LOCK_FILE, DirectoryLock
from agent_brain_store.textsearch import kept
from tests.support.chroma_server import chroma_server
from tests.support.commands import Configure, Run, many_lines
from tests.support.stores import ANIMALS, DIMENSIONS, fill


@pytest.fixture
def place(tmp_path: Path) -> dict[str, Any]:
    """Keep the store in Chroma."""
    return {"backend": "chroma", "chroma": {"path": str(tmp_path / "chroma")}}


def only(run: Run, *arguments: object) -> dict[str, str]:
    """Return the one thing that the doctor finds."""
    (finding,) = json.loads(run("doctor", "--json", *arguments).stdout)["findings"]
    return dict(finding)


def test_a_healthy_store_has_no_finding(filled: Run) -> None:
    done = filled("doctor")
    assert (done.exit_code, done.stdout) == (0, "10 checks: all is well\n")


def test_a_store_that_is_not_there_is_found(run: Run) -> None:
    finding = only(run)
    assert (finding["what"], finding["mend"]) == ("there is no store", "agent-brain-store migrate")
    assert run("migrate").exit_code == 0
    assert run("doctor").exit_code == 0


def test_a_directory_without_this_store_is_found(filled: Run, configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = configure({"backend": "chroma", "chroma": {"path": str(tmp_path / "empty")}}, "empty.yaml")
    assert only(filled, "-c", empty)["evidence"] == f"{tmp_path / 'empty'} has no chroma.sqlite3"
    there = {"path": str(tmp_path / "chroma"), "collection": "another"}
    other = configure({"backend": "chroma", "chroma": there}, "other.yaml")
    finding = only(filled, "-c", other)
    assert (finding["what"], finding["mend"]) == ("there is no store", f"agent-brain-store migrate --config {other}")
    assert finding["evidence"] == "the directory has no collection 'another'"


def test_a_directory_that_cannot_be_written_is_found(filled: Run, tmp_path: Path) -> None:
    """Root may write everywhere, but not even root can write into a directory where the lock should be."""
    (tmp_path / "chroma" / LOCK_FILE).unlink()
    (tmp_path / "chroma" / LOCK_FILE).mkdir()
    finding = only(filled)
    assert (finding["level"], finding["what"]) == ("error", "the directory cannot be written")
    assert finding["mend"] == f"Run: chmod -R u+rwX {tmp_path / 'chroma'}."


def test_a_store_whose_model_nobody_has_named_is_found(run: Run, config_file: Path) -> None:
    async def store_chunks() -> None:
        async with open_store(config_file) as store:
            await fill(store, *ANIMALS)

    asyncio.run(store_chunks())
    finding = only(run)
    assert (finding["level"], finding["what"]) == ("warning", "another embedding model would not be noticed")
    assert run(*shlex.split(finding["mend"])[1:]).exit_code == 0
    assert run("doctor").stdout == "10 checks: all is well\n"


def test_a_package_that_is_missing_is_found(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rank_bm25", None)
    finding = only(filled)
    assert (finding["level"], finding["what"]) == ("error", "a package is missing")
    assert finding["evidence"].endswith("pip install rank-bm25")


def test_a_package_of_another_version_is_found(filled: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pip knows of a package stands in a folder beside it."""
    (tmp_path / "PyStemmer-3.0.0.dist-info").mkdir()
    (tmp_path / "PyStemmer-3.0.0.dist-info" / "METADATA").write_text("Name: PyStemmer\nVersion: 3.0.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    finding = only(filled)
    assert (finding["level"], finding["what"]) == ("warning", "a package has a version that does not fit")
    assert finding["evidence"] == "pystemmer 3.0.0"
    assert finding["mend"] == "Run: pip install 'pystemmer<3,>=2.2.0.3'."


def test_a_server_of_chroma_is_looked_at_and_missed(run: Run, configure: Configure) -> None:
    with chroma_server() as server:
        config = configure({"backend": "chroma", "chroma": server.place}, "server.yaml")
        assert only(run, "-c", config)["evidence"] == "the server has no collection 'agent_brain'"
        assert run("load", "-", "-c", config, stdin=many_lines(3)).exit_code == 0
        assert run("doctor", "-c", config).exit_code == 0
        server.kill()
        finding = only(run, "-c", config)
    assert (finding["level"], finding["what"]) == ("error", "the server cannot be reached")
    assert finding["evidence"].endswith(" (storage.chroma.host): nothing answers there")


def test_the_process_that_holds_the_directory_is_named(filled: Run, tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "chroma")
    finding = only(filled)
    lock.release()
    assert finding["what"] == "another process has the directory open"
    assert finding["mend"] == f"Stop that process: kill {os.getpid()}."


def test_a_damaged_database_is_found(filled: Run, tmp_path: Path) -> None:
    file = tmp_path / "chroma" / "chroma.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * 40960 + whole[8192 + 40960 :])
    finding = only(filled)
    assert (finding["level"], finding["what"]) == ("error", "the database file is damaged")
    file.write_bytes(whole)
    assert filled("doctor").exit_code == 0


def delete_copies(path: Path) -> None:
    """Delete the copies of vector files, which would take the place of damaged ones."""
    for copy in (path / "chroma").glob("agent_brain-spare-*"):
        shutil.rmtree(copy)


def test_a_vector_index_that_is_damaged_is_found(run: Run, tmp_path: Path) -> None:
    """Chroma writes its files after a thousand chunks. Until then the vectors are in the database."""
    assert run("load", "-", stdin=many_lines(1100)).exit_code == 0
    delete_copies(tmp_path)
    (header,) = (tmp_path / "chroma").glob("*/header.bin")
    whole = header.read_bytes()
    header.write_bytes(b"\xff" * len(whole))
    finding = only(run)
    assert (finding["level"], finding["what"]) == ("error", "the store cannot be opened")
    assert "its vector index is damaged" in finding["evidence"]
    header.write_bytes(whole)
    assert run("doctor").exit_code == 0
    delete_copies(tmp_path)
    shutil.rmtree(header.parent)
    finding = only(run)
    assert (finding["level"], finding["mend"].split()[0]) == ("error", "Restore")


def test_a_keyword_index_that_cannot_be_used_is_found_and_made_anew(filled: Run, tmp_path: Path) -> None:
    def ask() -> Path:
        assert json.loads(filled("search", "bears", "--json").stdout)
        (file,) = (tmp_path / "chroma").glob("agent_brain-keywords-*.index")
        return file

    file = ask()
    whole = file.read_bytes()
    for wrong, why in ((whole[:16] + b"\xff" * 8 + whole[24:], "is damaged"), (whole[:-60], "is damaged")):
        file.write_bytes(wrong)
        finding = only(filled)
        assert finding["evidence"].startswith(f"{file} {why}")
        Path(finding["mend"].removeprefix("Run: rm ").partition(". ")[0]).unlink()
        assert filled("doctor").exit_code == 0
        ask()
        assert json.loads(filled("doctor", "--json").stdout)["findings"] == []


def test_a_keyword_index_of_another_version_is_found(
    filled: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filled("search", "bears").exit_code == 0
    monkeypatch.setattr(kept, "fingerprint", lambda: "another")
    finding = only(filled)
    assert (finding["level"], finding["what"]) == ("note", "a keyword index will be made anew")
    assert "made by another version" in finding["evidence"]
    assert filled("search", "bears").exit_code == 0
    assert json.loads(filled("doctor", "--json").stdout)["findings"] == []


def test_a_chunk_that_has_lost_its_vector_is_found(filled: Run, tmp_path: Path) -> None:
    """Chroma keeps the vectors of so few chunks in a table of its database."""
    with closing(sqlite3.connect(tmp_path / "chroma" / "chroma.sqlite3")) as connection, connection:
        connection.execute("delete from embeddings_queue where id = 'a'")
    finding = only(filled)
    assert (finding["level"], finding["what"]) == ("error", "the vector index cannot be read")
    assert finding["mend"].startswith("Restore the directory from a backup")


@pytest.mark.parametrize(
    ("embedding", "what", "cure"),
    [
        ({"dimensions": 8}, "the dimensions differ", f"its vectors have {DIMENSIONS} dimensions"),
        ({"model": "other"}, "another embedding model filled the store", "embedding.model to hashed"),
    ],
)
def test_a_configuration_of_another_model_is_found(
    filled: Run, configure: Configure, place: dict[str, Any], embedding: Any, what: str, cure: str
) -> None:
    finding = only(filled, "-c", configure(place, "other.yaml", **embedding))
    assert (finding["level"], finding["what"]) == ("error", what)
    assert cure in finding["mend"]


def test_a_wrong_configuration_is_found_problem_by_problem(run: Run, config_file: Path) -> None:
    config_file.write_text("storage: {backend: sqlite, chroma: {collection: x}}", encoding="utf-8")
    done = run("doctor", "--json")
    assert done.exit_code == 1
    findings = json.loads(done.stdout)["findings"]
    assert {finding["what"] for finding in findings} == {"the configuration is wrong"}
    evidence = [finding["evidence"] for finding in findings]
    assert [text.split(":")[0] for text in evidence] == ["storage.backend", "storage.chroma.collection"]
    assert findings[0]["mend"] == f"Mend {config_file}, or the variable that it names."
    assert run("doctor").stdout.endswith("\n\n1 check, 2 findings\n")


def test_traces_that_chroma_would_send_are_found(filled: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", "http://127.0.0.1:1")
    (tmp_path / "chroma" / "chroma.sqlite3").unlink()  # so the doctor does not open it, and nothing is sent
    found = {finding["what"]: finding for finding in json.loads(filled("doctor", "--json").stdout)["findings"]}
    assert found["Chroma sends traces of its calls"]["mend"] == "Unset CHROMA_OTEL_COLLECTION_ENDPOINT."


@pytest.mark.parametrize(
    ("change", "level", "what"),
    [
        (
            "insert into migrations values ('sysdb', 99999, 'new', '', '')",
            "error",
            "a newer Chroma made the directory",
        ),
        ("delete from migrations where dir = 'metadb' and version > 4", "note", "an older Chroma made the directory"),
    ],
)
def test_a_directory_of_another_chroma_is_found(
    filled: Run, tmp_path: Path, change: str, level: str, what: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "chroma" / "chroma.sqlite3")) as connection, connection:
        connection.execute(change)
    found = json.loads(filled("doctor", "--json").stdout)["findings"]
    (finding,) = [finding for finding in found if finding["what"].endswith("Chroma made the directory")]
    assert (finding["level"], finding["what"]) == (level, what)
    assert "the directory is at" in finding["evidence"]
