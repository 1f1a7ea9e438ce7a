"""Shares add up, and what is spread keeps apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue.generate.spread import apportion, fill_gaps, pick_apart, pick_far

WEIGHTS = st.lists(st.floats(0.01, 100), min_size=1, max_size=12)


@given(count=st.integers(0, 1_000), weights=WEIGHTS)
def test_shares_add_up_and_are_within_one_of_exact(count: int, weights: list[float]) -> None:
    shares = np.array(apportion(count, weights))
    assert shares.sum() == count
    assert (np.abs(shares - count * np.array(weights) / sum(weights)) < 1 + 1e-9).all()


@given(
    places=st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=1, max_size=60),
    count=st.integers(0, 20),
)
def test_picked_places_keep_apart(places: list[tuple[float, float]], count: int) -> None:
    positions = np.array(places)
    chosen = pick_apart(positions, np.arange(len(places), dtype=float), count, 1_000.0)
    assert len(chosen) == len(set(chosen)) <= count
    for number, index in enumerate(chosen):
        for other in chosen[:number]:
            assert np.hypot(*(positions[index] - positions[other])) >= 100.0
    if count:
        assert chosen[0] == len(places) - 1


def test_farthest_first() -> None:
    assert pick_far(np.array([[0.0], [1.0], [10.0], [5.0]]), 3, 0) == [0, 2, 3]


def test_gaps_are_filled_longest_first() -> None:
    # 10 with a mark at 2: gaps 2 and 8; 4 with none. Middle of 2..10 is 6, then of the first 4 long gap, 2..6.
    assert fill_gaps([10.0, 4.0], [1.0, 1.0], [[2.0], []], 2) == [[6.0, 4.0], []]
    assert fill_gaps([10.0, 4.0], [1.0, 5.0], [[], []], 1) == [[], [2.0]]
