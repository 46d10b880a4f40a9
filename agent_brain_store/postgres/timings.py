"""How long background work waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Timings:
    """Times in seconds. They may be changed while a store is open, which tests do."""

    index_retry: float = 30.0
    """Between two tries to build an index that another session prevents."""

    lock_wait: float = 30.0
    """How long a single call waits at each step for transactions of others before it gives up suspending the index."""

    build_poll: float = 0.5
    """Between two looks at how far an index build has come."""

    statistics_rest: float = 0.00125
    """From one count of the terms to the next, for each chunk: fifty times what counting it takes."""

    statistics_look: float = 10.0
    """How often searches look whether a count is due."""

    statistics_pause: float = 1.0
    """Until asking again whether another session has finished its count."""
