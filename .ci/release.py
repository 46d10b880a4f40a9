"""Builds the release into dist/ and tries it: ``make release-check``, and the workflow that publishes.

    python .ci/release.py [TAG]     with a tag, it must be that of the version

The variable PROJECT_URL names the repository, as in https://HOST/OWNER/NAME. Without it, the README's links lead nowhere on
a package index.

The version is written once, in the package. The changelog must have a dated heading for it. The sdist holds what git
tracks and nothing else, and the wheel is built from the sdist. A fresh environment installs the wheel and runs
``.ci/smoke.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from datetime import date
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
OLD_STORES = ROOT / "tests" / "postgres" / "old_stores"
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "hatch_build.py")


def run(*command: object, directory: Path = ROOT) -> str:
    """Run a program. What it prints, or the end of this one."""
    done = subprocess.run([*map(str, command)], cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def require(condition: bool, problem: str) -> None:
    if not condition:
        sys.exit(problem)


def version_of_the_package() -> str:
    text = (ROOT / "agent_brain_store" / "__init__.py").read_text(encoding="utf-8")
    found = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    require(len(found) == 1, "agent_brain_store/__init__.py has no __version__")
    return str(found[0])


def check_changelog(version: str) -> None:
    """The newest dated heading is that of the version, and nothing is left under Unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    dated = [(name, day) for name, day in headings if day]
    require(bool(dated), "CHANGELOG.md has no dated heading")
    name, day = dated[0]
    require(name == version, f"the newest release in CHANGELOG.md is {name}, the package is {version}")
    date.fromisoformat(day)
    unreleased = text.split("## [Unreleased]")[1].split(f"## [{version}]")[0]
    require(not unreleased.strip(), f"CHANGELOG.md has changes under Unreleased: they belong under {version}")


def build() -> tuple[Path, Path]:
    """The sdist, and the wheel that was built from it."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    tracked = set(run("git", "ls-files", "agent_brain_store", "sql", "docs", *PAGES).splitlines())
    with tarfile.open(sdist) as archive:
        packed = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
    difference = packed ^ (tracked | {"pyproject.toml", ".gitignore", "PKG-INFO"})
    require(not difference, f"the sdist and git differ: {', '.join(sorted(difference))}")
    modules = {name for name in tracked if name.startswith("agent_brain_store/")}
    files = modules | {f"agent_brain_store/{name}" for name in tracked if name.startswith("sql/")}
    with zipfile.ZipFile(wheel) as archive_:
        names = {name for name in archive_.namelist() if ".dist-info/" not in name}
    require(names == files, f"the wheel and git differ: {', '.join(sorted(names ^ files))}")


def check_metadata(wheel: Path, version: str) -> None:
    """As an index checks them: unknown classifiers, licenses and fields are refused."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Metadata.from_email(archive.read(name), validate=True)
    require(str(metadata.version) == version, f"the wheel is of version {metadata.version}, the package of {version}")
    require(metadata.description_content_type == "text/markdown", "the README is not in the wheel's metadata")
    if os.environ.get("PROJECT_URL"):
        relative = re.findall(r'(?:\]\(|src="|srcset=")(?!\w+:|#)([^)"]+)', metadata.description or "")
        require(not relative, f"links of the README lead nowhere: {', '.join(relative)}")
        require(bool(metadata.project_urls), "the metadata name no address of the project")
    else:
        print("PROJECT_URL is not set: on a package index, the README's links would lead nowhere")


def try_it(wheel: Path, version: str) -> None:
    """Install the wheel with what it depends on into a fresh environment, and use it there."""
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        directory = Path(name)
        venv.create(directory / "venv", with_pip=True)
        scripts = directory / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        run(scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
        shutil.copy(ROOT / ".ci" / "smoke.py", directory)
        printed = run(scripts / "python", "-I", "smoke.py", directory=directory)
        require(printed.startswith(f"{version} {directory.resolve()}"), f"another package was tried: {printed}")


def main(tag: str = "") -> None:
    version = version_of_the_package()
    require(tag in ("", f"v{version}"), f"the tag is {tag}, the package is {version}")
    check_changelog(version)
    require((OLD_STORES / f"{version}.sql").exists(), f"{OLD_STORES.name} has no store of {version} for later versions")
    sdist, wheel = build()
    check_contents(sdist, wheel)
    check_metadata(wheel, version)
    try_it(wheel, version)
    print(f"Release {version} is good: {sdist.name}, {wheel.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
