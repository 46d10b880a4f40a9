"""A server of Chroma: the real one, ``chroma run``, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class ChromaServer:
    """One server with a directory of its own. It can be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: Any = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    @property
    def place(self) -> dict[str, Any]:
        """What ``storage.chroma`` says to reach it."""
        return {"host": "127.0.0.1", "port": self.port}

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        program = Path(sys.executable).with_name("chroma")
        command = [str(program), "run", "--path", str(self.directory), "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory)
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, (self.directory / "log").read_text()
            time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """End the server at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def chroma_server() -> Iterator[ChromaServer]:
    """Run a server in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="abs-chroma-") as directory:
        server = ChromaServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.kill()
