"""What the soak promises without a server: a seed repeats it, and it is not well by doing nothing."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from benchmarks.soak.__main__ import is_whole
from benchmarks.soak.chroma import planned


def test_a_seed_repeats_the_faults_of_a_soak():
    """However much each of them draws. That depends on the machine."""
    orders = []
    for draws in (0, 9):
        order = []
        for fault, chance in islice(planned(random.Random(7)), 30):
            order.append((fault, chance.random()))
            chance.choices(range(100), k=draws)
        orders.append(order)
    assert orders[0] == orders[1]
    assert len({fault for fault, _ in orders[0]}) > 1


@pytest.mark.parametrize("wrong", [{"acknowledged": 0}, {"lost": 1}, {"in half": 1}, {"damages": ["one"]}])
def test_a_soak_is_not_well_if_something_was_lost_or_nothing_was_done(wrong):
    well = {"acknowledged": 9, "lost": 0, "in half": 0, "damages": []}
    assert is_whole({"postgres": well, "chroma": well})
    assert not is_whole({"postgres": {**well, **wrong}, "chroma": well})
