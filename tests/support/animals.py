"""Four chunks about animals and rockets."""

from __future__ import annotations

ANIMALS = (
    ("a", "the growling bear sleeps in the forest", {"source_type": "doc", "language": "en", "n": 1}),
    ("b", "a small cat chases the mouse", {"source_type": "code", "language": "en", "n": 2}),
    ("c", "the bear and the cat are friends", {"source_type": "doc", "language": "de", "n": 3}),
    ("d", "rockets fly to the moon", {"source_type": "test", "n": 4}),
)
