"""The functions that tests name with --embed."""

from __future__ import annotations

from tests.support.stores import embed


def plain(texts: list[str]) -> list[list[float]]:
    """Embed texts as a toy does."""
    return [embed(text) for text in texts]


async def waiting(texts: list[str]) -> list[list[float]]:
    """Do the same as an async function."""
    return plain(texts)


def broken(texts: list[str]) -> list[list[float]]:
    """Fail, as a service without a key does."""
    raise ValueError("no key for the service")


def forgetful(texts: list[str]) -> list[list[float]]:
    """Lose one of the texts."""
    return plain(texts[1:])


def wordy(texts: list[str]) -> list[list[float]]:
    """Fail with a message of two lines, as clients of services do."""
    raise RuntimeError("no answer\nfrom the service")
