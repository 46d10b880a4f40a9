"""The wheel has every file, and works by itself."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import agent_brain_store
from agent_brain_store.demo.embedder import Embedder
from tests.support.pages import clean_environment
from tests.support.programs import run

PACKAGE = Path(agent_brain_store.__file__).parent
ROOT = PACKAGE.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(next(directory.glob("*.whl")))


def test_the_wheel_is_whole(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in (ROOT / "sql").rglob("*.sql"):
        assert f"agent_brain_store/sql/{file.relative_to(ROOT / 'sql')}" in names
    for file in PACKAGE.rglob("*"):
        if file.suffix in (".py", ".typed", ".txt"):
            assert str(file.relative_to(ROOT)) in names
    assert not any(name.startswith(("tests", "benchmarks", "examples")) for name in names)


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
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "garden.txt").write_text("Prune the roses in March.")
    program = "from agent_brain_store.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "notes", "when are roses cut?"],
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(tmp_path / "site"), HOME=str(tmp_path / "home"), XDG_DATA_HOME=""),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1\t1.000\tgarden.txt · garden\tPrune the roses in March.")
    (data,) = (tmp_path / "home").rglob("chroma.sqlite3")
    assert data.parent.parent.parent.name == "demo"
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["garden.txt"], "the folder is only read"
