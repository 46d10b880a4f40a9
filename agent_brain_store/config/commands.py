"""Fetch a password that expires, by running a command whenever a connection is opened."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable

from agent_brain_store.errors import ConnectionFailed


def from_command(command: str) -> Callable[[], Awaitable[str]]:
    """Return a function that runs a command and returns what it prints, without the newline at the end.

    There is no shell. The command is cut into words as a shell would cut it. The function raises `ConnectionFailed`
    if the command cannot be run, fails, or prints nothing. What it prints is in no message.
    """

    async def fetch() -> str:
        problem, password = "", ""
        try:
            process = await asyncio.create_subprocess_exec(
                *shlex.split(command), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
            )
        except (OSError, ValueError) as error:
            problem = f"cannot be run ({getattr(error, 'strerror', None) or 'its quotes do not match'})"
        else:
            try:
                printed, _ = await process.communicate()
            except BaseException:
                process.kill()
                await process.wait()
                raise
            password = printed.decode(errors="replace").rstrip("\r\n")
            if process.returncode or not password:
                problem = f"ended with code {process.returncode}" if process.returncode else "has printed nothing"
        if problem:
            raise ConnectionFailed(f"the command of storage.postgres.password_command {problem}", "postgres")
        return password

    return fetch
