"""This module says how long background work waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Timings:
    """Times in seconds. You may change them while a store is open, as tests do."""

    index_retry: float = 30.0
    """The pause between two tries to build an index, if another session prevents it."""

    lock_wait: float = 30.0
    """How long one large call waits for other transactions, at each step, before it gives up on dropping the index."""

    build_poll: float = 0.5
    """The pause between two looks at how far an index build has come."""

    watch: float = 10.0
    """The pause between two looks at whether the server still does long work, or the connection has died in silence."""

    count_interval: float = 2.0
    """The least time from one count of changed terms to the next, unless much has changed."""

    recount_interval_per_chunk: float = 0.00125
    """The time from one count of all terms to the next, for each chunk of the store.

    It is fifty times as long as counting one chunk takes.
    """

    count_check_interval: float = 10.0
    """The time after which a search looks again whether a count is due."""

    count_retry: float = 1.0
    """The pause before asking again whether another session has finished its count."""
