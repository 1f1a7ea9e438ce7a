"""California algorithm #7: cases reckoned by hand, and that the batch is the steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.traffic.california import CaliforniaState, CaliforniaThresholds, Phase, california, step_california
from engine.traffic.layout import Layout
from ingest.thresholds import load_group

NAN = float("nan")


@pytest.fixture(scope="module")
def thresholds() -> CaliforniaThresholds:
    return load_group(CaliforniaThresholds, "traffic_california")


def pair() -> Layout:
    return Layout.along(np.array([0.0, 1_000.0]), 3, 100.0)


def run(rows: list[tuple[float, float]], thresholds: CaliforniaThresholds) -> tuple[list[int], list[int]]:
    """Phases of the first station after each period, and the periods that confirmed."""
    state, phases, confirmed = CaliforniaState.initial(2), [], []
    for number, row in enumerate(rows):
        state, found = step_california(state, np.array(row), pair(), thresholds)
        assert not found[1]
        phases.append(int(state.phase[0]))
        if found[0]:
            confirmed.append(number)
    return phases, confirmed


def test_an_incident_by_hand(thresholds: CaliforniaThresholds) -> None:
    # Third period: OCCDF 25 - 6 = 19 > 8, OCCRDF 19 / 25 = 0.76 > 0.5, DOCCTD (10 - 6) / 10 = 0.4 > 0.3.
    rows = [(10.0, 10.0), (11.0, 10.0), (25.0, 6.0), (30.0, 6.0), (30.0, 6.0), (12.0, 9.0)]
    phases, confirmed = run(rows, thresholds)
    assert phases == [Phase.FREE, Phase.FREE, Phase.TENTATIVE, Phase.CONFIRMED, Phase.CONTINUING, Phase.FREE]
    assert confirmed == [3]


@pytest.mark.parametrize(
    "third",
    [
        (13.0, 6.0),  # OCCDF 7
        (25.0, 12.6),  # OCCRDF 0.496
        (25.0, 7.0),  # DOCCTD exactly 0.3
        (NAN, 6.0),
        (25.0, NAN),
    ],
)
def test_each_test_must_pass(third: tuple[float, float], thresholds: CaliforniaThresholds) -> None:
    phases, confirmed = run([(10.0, 10.0), (11.0, 10.0), third, (25.0, 8.0)], thresholds)
    assert phases[2] == Phase.FREE
    assert not confirmed


def test_what_does_not_persist_is_dropped_and_silence_decides_nothing(thresholds: CaliforniaThresholds) -> None:
    start = [(10.0, 10.0), (11.0, 10.0), (25.0, 6.0)]
    assert run([*start, (12.0, 10.0)], thresholds) == ([0, 0, 1, 0], [])
    assert run([*start, (NAN, 6.0), (28.0, 6.0)], thresholds) == ([0, 0, 1, 1, 2], [4])


def test_corridors_do_not_mix(thresholds: CaliforniaThresholds) -> None:
    one = Layout.along(np.array([0.0, 1_000.0]), 3, 100.0)
    assert one.down.tolist() == [1, -1]
    alone = Layout.along(np.array([0.0]), 3, 100.0)
    assert not california(np.array([[10.0], [10.0], [90.0], [90.0]]), alone, thresholds).any()


@settings(max_examples=60, deadline=None)
@given(
    occupancy=arrays(
        np.float64, (12, 5), elements=st.one_of(st.just(NAN), st.sampled_from([0.0, 5.0, 9.0, 20.0, 60.0, 100.0]))
    )
)
def test_the_batch_is_the_steps(occupancy: np.ndarray) -> None:
    thresholds = load_group(CaliforniaThresholds, "traffic_california")
    layout = Layout.along(np.arange(5) * 500.0, 3, 100.0)
    state, rows = CaliforniaState.initial(5), []
    for row in occupancy:
        state, found = step_california(state, row, layout, thresholds)
        rows.append(found)
    assert np.array_equal(california(occupancy, layout, thresholds), np.array(rows))
