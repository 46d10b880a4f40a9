"""The wheel has every file, and works by itself."""

from __future__ import annotations

import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

import agent_brain_store
from agent_brain_store.demo.embedder import Embedder
from tests.support.pages import clean_environment
from tests.support.programs import run
from tests.support.wheels import URL, build_wheel, unpack

PACKAGE = Path(agent_brain_store.__file__).parent
ROOT = PACKAGE.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_is_whole(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in (ROOT / "sql").rglob("*.sql"):
        assert f"agent_brain_store/sql/{file.relative_to(ROOT / 'sql')}" in names
    for file in PACKAGE.rglob("*"):
        if file.suffix in (".py", ".typed", ".txt"):
            assert str(file.relative_to(ROOT)) in names
    assert not any(name.startswith(("tests", "benchmarks", "examples")) for name in names)


def test_the_links_of_the_readme_lead_somewhere_on_a_package_index(wheel):
    """There are no files beside the README there."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Metadata.from_email(archive.read(name), validate=True)
    assert metadata.project_urls is not None
    assert metadata.project_urls["Repository"] == URL
    text, tag = metadata.description or "", f"v{agent_brain_store.__version__}"
    targets = re.findall(r'\]\(([^)]+)\)|\b(?:src|srcset)="([^"]+)"', text)
    assert len(targets) > 40
    for target in map("".join, targets):
        assert target.startswith(("https://", "#")), target
        if target.startswith(URL):
            assert (ROOT / re.sub(rf"^{URL}/(blob|raw)/{tag}/|#.*$", "", target)).is_file(), target
    assert f"{URL}/raw/{tag}/docs/pictures/question.svg" in text
    assert f"{URL}/blob/{tag}/docs/cli.md" in text


def test_the_wheel_alone_finds_its_files(wheel, tmp_path):
    """It is unpacked away from the checkout. Chroma runs there, and the SQL is found."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    out = run(
        """
        import sys
        sys.path[:0] = [sys.argv[1]]
        import asyncio
        import agent_brain_store
        from agent_brain_store.postgres.sql import queries, sql_directory
        assert agent_brain_store.__file__.startswith(sys.argv[1])
        assert str(sql_directory()).startswith(sys.argv[1])
        from agent_brain_store import open_store
        async def main():
            setting = {"embedding": {"provider": "t", "model": "m", "dimensions": 3},
                       "storage": {"chroma": {"path": sys.argv[1] + "/data"}}}
            async with open_store(setting) as store:
                await store.upsert_documents(["a"], [[1, 2, 3]], ["hello world"], [{}])
                print([hit.chunk_id for hit in await store.hybrid_search("hello", [1, 2, 3], 1)], len(queries()) > 10)
        asyncio.run(main())
        """,
        str(tmp_path / "site"),
    )
    assert out == "['a'] True"


@pytest.mark.skipif(not Embedder.is_available(), reason="the demo's embedding model is not installed")
def test_the_wheel_alone_answers_a_question_over_a_folder(wheel, tmp_path):
    """As after pip install, there is no checkout, and the folder of the account is a new one."""
    program = unpack(wheel, tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "garden.txt").write_text("Prune the roses in March.")
    done = subprocess.run(
        [program, "demo", "notes", "when are roses cut?"],
        cwd=tmp_path,
        env=clean_environment(HOME=str(tmp_path / "home"), XDG_DATA_HOME=""),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1\t1.000\tgarden.txt · garden\tPrune the roses in March.")
    (data,) = (tmp_path / "home").rglob("chroma.sqlite3")
    assert data.parent.parent.parent.name == "demo"
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["garden.txt"], "the folder is only read"
