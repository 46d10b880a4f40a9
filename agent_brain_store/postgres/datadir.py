"""The directory of a private server: make it, start and stop its server, and say where that listens."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from agent_brain_store.errors import ConnectionFailed
from agent_brain_store.postgres.wheel import ProgramFailed, give_to_server, require_name, run_program

STARTING, USERS = "agent_brain.starting", "agent_brain.users"
_HALF, _MADE = "agent_brain.new", "agent_brain.made"  # the new data before and after initdb has finished
_OURS = {STARTING, USERS, _HALF, _MADE, "lost+found"}
_LONGEST_SOCKET = 80  # bytes of a directory; the system allows some hundred for the whole name of a socket
_SOCKET = ".s.PGSQL.{port}"


class DataDirectory:
    """The data of one server. A caller holds the lock `STARTING` while it makes, starts or stops it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._link: tempfile.TemporaryDirectory[str] | None = None

    def check_place(self) -> None:
        """Make the directory if it does not exist. Raises `ConnectionFailed` if it holds something else.

        Nothing has been touched then.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            there = {entry.name for entry in self.path.iterdir()}
        except (FileExistsError, NotADirectoryError):
            there = {self.path.name}
        except OSError as error:
            raise ConnectionFailed(
                f"the directory {self.path.name!r} (storage.postgres.embedded_path) cannot be made or read: {error.strerror}",
                "postgres",
            ) from error
        if not (there <= _OURS or there & {"PG_VERSION", STARTING}):
            raise ConnectionFailed(
                f"{self.path.name!r} (storage.postgres.embedded_path) holds no PostgreSQL, but something else: name "
                "a new or an empty directory, or delete what an interrupted first start has left",
                "postgres",
            )

    def ensure_running(self) -> dict[str, Any]:
        """Make the data unless they are there, and start the server unless it runs. Returns where it listens.

        Raises `ProgramFailed`, `ConnectionFailed` and `OSError`.
        """
        if not (self.path / "PG_VERSION").exists():
            self._make()
        if location := self.location():
            return location
        give_to_server(self.path)
        self._forget_killed()
        run_program(self.path, "pg_ctl", "start", "--wait", "-D", ".", "-l", "log", "-o", _listening())
        if location := self.location():
            return location
        raise ProgramFailed("the server was started, but it does not answer")

    def stop(self) -> None:
        """Stop the server, and wait until it has stopped. Raises `ProgramFailed`."""
        try:
            self._forget_killed()
            if self._lock_file.exists():
                run_program(self.path, "pg_ctl", "stop", "--wait", "-D", ".")
        finally:
            if self._link is not None:
                self._link.cleanup()
                self._link = None

    def location(self) -> dict[str, Any] | None:
        """Return asyncpg's arguments for the server, or None if nobody answers."""
        try:
            # the process, the directory, the start, the port, the directory of the socket, the address
            *_, port, directory, host = self._lock_file.read_text().splitlines()[:6]
        except (OSError, ValueError):
            return None
        place = self._short(self.path / directory) if directory else host
        arguments = {"host": str(place), "port": int(port), "user": "postgres", "database": "postgres"}
        return arguments if _answers(arguments) else None

    @property
    def _lock_file(self) -> Path:
        return self.path / "postmaster.pid"

    def _forget_killed(self) -> None:
        """Remove the lock files of a server that was killed, which PostgreSQL would take for one that runs.

        In a container, maybe nobody collects dead processes, and another program soon gets the same number.
        """
        import psutil  # the wheel needs it too

        try:
            process = psutil.Process(int(self._lock_file.read_text().split()[0]))
            is_alive = process.cwd() == str(self.path)
        except psutil.ZombieProcess:
            is_alive = False
        except (OSError, ValueError, IndexError, psutil.Error):
            return  # PostgreSQL sees for itself that there is no process
        if not is_alive:
            for file in (self._lock_file, *self.path.glob(".s.PGSQL.*.lock")):
                file.unlink()

    def _make(self) -> None:
        """Make the data in a directory inside, and move them up. So an interrupted start does no harm."""
        half, made = self.path / _HALF, self.path / _MADE
        if not made.exists():
            require_name(self.path)
            give_to_server(self.path)
            shutil.rmtree(half, ignore_errors=True)
            locale = {"win32": [], "darwin": ["--locale=en_US.UTF-8"]}.get(sys.platform, ["--locale=C.UTF-8"])
            run_program(
                self.path, "initdb", "-D", _HALF, "--auth=trust", "--encoding=UTF8", "--username=postgres", *locale
            )
            half.rename(made)
        for entry in sorted(made.iterdir(), key=lambda entry: entry.name == "PG_VERSION"):  # it says that all is there
            entry.rename(self.path / entry.name)
        made.rmdir()

    def _short(self, directory: Path) -> Path:
        """Return a name of a socket's directory that the system accepts: the name of a link, if its own is too long.

        A comma would separate two hosts for PostgreSQL's programs.
        """
        if len(str(directory).encode()) <= _LONGEST_SOCKET and "," not in str(directory):
            return directory
        if self._link is None:
            self._link = tempfile.TemporaryDirectory(prefix="agent-brain-")
            Path(self._link.name, "s").symlink_to(directory)
        return Path(self._link.name, "s")


def _listening() -> str:
    """Return the server's options. Its socket is in its own directory; Windows gets a port instead."""
    if sys.platform == "win32":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return f"-h 127.0.0.1 -p {probe.getsockname()[1]}"
    return "-c listen_addresses= -c port=5432 -k ."


def _answers(arguments: dict[str, Any]) -> bool:
    try:
        if arguments["host"].startswith("/"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{arguments['host']}/{_SOCKET.format(port=arguments['port'])}")
        else:
            socket.create_connection((arguments["host"], arguments["port"]), 5).close()
    except OSError:
        return False
    return True
