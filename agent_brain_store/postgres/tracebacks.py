"""Keep secrets out of tracebacks. Tools that report errors show the variables of every frame."""

from __future__ import annotations

from pathlib import Path

import asyncpg

_DRIVER = str(Path(asyncpg.__file__).parent)


def cut_driver_frames(error: BaseException) -> None:
    """Take the driver's frames out of an error and of the errors that it is chained to.

    While the driver connects, its variables hold the password as plain text.
    """
    waiting, seen = [error], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        _cut(current)
        waiting += [other for other in (current.__cause__, current.__context__) if other is not None]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions


def _cut(error: BaseException) -> None:
    """End a traceback before the first frame of the driver."""
    frames = []
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(_DRIVER):
        frames.append(trace)
        trace = trace.tb_next
    if trace is None:
        return
    if frames:
        frames[-1].tb_next = None
    else:
        error.__traceback__ = None
