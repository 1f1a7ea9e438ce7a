from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.findings import HazardLevel
from engine.slopes.level import SlopeState, evidence_level, update_slopes
from tests.engine.builders import AGAIN, HOUR, NS, SLOPE, T0, changed, envelope, points, slope

SITE = points(3, "L")
NONE, ATTENTION, CAUTION, ALERT, SERIOUS = range(5)
MINUTE = 60 * NS


@pytest.mark.parametrize(
    ("rate", "sigma", "excess", "level"),
    [
        (np.nan, np.nan, np.nan, NONE),
        (0.0, 0.0, 0.99, NONE),
        (0.0, 0.0, 1.0, ATTENTION),
        (np.nan, np.nan, 2.0, ATTENTION),
        (0.011, 0.0, np.nan, CAUTION),
        (0.011, 0.001, np.nan, NONE),  # 0.011 - 2 * 0.001 = 0.009
        (0.013, 0.001, np.nan, CAUTION),  # 0.013 - 2 * 0.001 = 0.011
        (0.013, 0.001, 1.5, ALERT),
        (0.25, 0.01, 0.5, ALERT),
        (0.25, 0.01, 1.5, SERIOUS),
    ],
)
def test_tilt_and_rain_join_to_a_level(rate, sigma, excess, level):
    assert evidence_level(np.array([rate]), np.array([sigma]), np.array([excess]), SLOPE).tolist() == [level]


rates = st.floats(0, 1)


@given(rates, rates, st.floats(0, 0.1), st.floats(0, 3), st.floats(0, 3))
def test_faster_or_wetter_is_never_lower(rate, more, sigma, excess, wetter):
    def level(rate_deg_h, rain):
        return evidence_level(np.array([rate_deg_h]), np.array([sigma]), np.array([rain]), SLOPE)[0]

    assert level(rate + more, excess + wetter) >= level(rate, excess)
    assert level(rate, excess + wetter) >= level(rate, excess)


class Node:
    """Drives node 1 with one sample every five minutes."""

    def __init__(self) -> None:
        self.state = SlopeState.initial(3)
        self.now_ns = T0
        self.tilt_deg = 0.0
        self.seq = 0
        self.said = []

    def go(self, minutes: int, rate_deg_h: float, *, silent: bool = False, rain_mm: float = np.nan) -> None:
        for _ in range(minutes // 5):
            self.now_ns += 5 * MINUTE
            self.tilt_deg += rate_deg_h / 12
            self.seq += 1
            head = envelope([] if silent else [1], self.now_ns, seq=[] if silent else [self.seq])
            sample = slope(head, tilt_x_deg=self.tilt_deg, tilt_y_deg=0.0, rain_mm_total=rain_mm)
            self.state, said = update_slopes(self.state, sample, self.now_ns, SITE, SLOPE, AGAIN)
            self.said += said

    @property
    def level(self) -> int:
        return int(self.state.level[1])


def test_a_level_rises_at_once_and_falls_only_after_the_hold():
    node = Node()
    node.go(60, 0.0)
    assert node.level == NONE
    node.go(60, 0.05)
    assert node.level == CAUTION
    moving_until = node.now_ns
    while node.level == CAUTION and node.now_ns < moving_until + 4 * HOUR:
        node.go(5, 0.0)
    assert node.level == NONE
    # The rate over an hour is under 0.01 deg/h at the earliest when most of the hour was still; then 30 min of hold.
    calm_s = (node.now_ns - moving_until) / NS
    assert SLOPE.hold_s.value < calm_s <= 3600 + SLOPE.hold_s.value + 600
    opened, closed = node.said[0], node.said[-1]
    assert (opened.id, opened.active, opened.level) == (closed.id, True, HazardLevel.CAUTION)
    assert not closed.active
    assert [finding.active for finding in node.said].count(False) == 1


@pytest.mark.parametrize(("pause", "kept"), [(15, True), (120, False)])
def test_a_pause_shorter_than_the_hold_changes_nothing(pause, kept):
    # With a window of 15 min the rate knows of a pause after 15 min, and of its end as soon.
    quick = changed(SLOPE, tilt_window_s=900, tilt_min_span_s=600)
    state, site, tilt_deg, seen, rates = SlopeState.initial(1), points(1, "L"), 0.0, [], []
    for minute in range(0, 120 + pause + 60, 5):
        tilt_deg += 0.0 if 120 <= minute < 120 + pause else 0.05 / 12
        sample = slope(envelope([0], T0 + minute * MINUTE), tilt_x_deg=tilt_deg, tilt_y_deg=0.0)
        state, _ = update_slopes(state, sample, T0 + minute * MINUTE, site, quick, AGAIN)
        seen.append(int(state.level[0]))
        rates.append(float(state.rate_deg_h[0]))
    first = seen.index(CAUTION)
    assert min(rates[first:]) < 0.01  # there was evidence for nothing
    assert (set(seen[first:]) == {CAUTION}) is kept
    assert seen[-1] == CAUTION


def test_a_node_that_falls_silent_keeps_its_level():
    node = Node()
    node.go(60, 0.05)
    node.go(60 * 24, 0.0, silent=True)
    assert node.level == CAUTION
    assert all(finding.active for finding in node.said)


def test_silence_after_one_calm_sample_is_no_calm():
    node = Node()
    node.go(60, 0.2)
    level = node.level
    while node.level == level and node.state.lower_since_ns[1] < 0:
        node.go(5, 0.0)
    node.go(60 * 24, 0.0, silent=True)
    assert node.level == level == ALERT


def test_rain_that_nobody_measures_any_more_does_not_end():
    node = Node()
    node.go(60, 0.0, rain_mm=0.0)
    node.go(60, 0.0, rain_mm=45.0)
    assert node.level == ATTENTION
    assert node.said == []  # a colour on the map, no finding
    node.go(60 * 24, 0.0, silent=True)
    assert node.level == ATTENTION


def test_a_level_that_rain_raised_still_names_the_threshold_that_tilt_passed():
    node = Node()
    node.go(60, 0.05, rain_mm=0.0)
    node.go(60, 0.05, rain_mm=45.0)
    assert node.level == ALERT
    (tilt,) = [line for line in node.said[-1].receipt if line.quantity == "tilt_rate"]
    assert tilt.threshold == SLOPE.tilt_caution_deg_h.value
    assert tilt.value == pytest.approx(0.05)
    assert node.said[-1].confidence == 0.999


def test_what_is_not_measured_is_not_in_the_receipt():
    node = Node()
    node.go(60, 0.05)
    assert [line.quantity for line in node.said[-1].receipt] == ["tilt_rate", "tilt_rate_sigma"]


def test_a_finding_names_the_samples_it_rests_on_and_is_said_again_when_due():
    node = Node()
    node.go(60, 0.2)
    last = node.said[-1]
    assert last.devices == ("L1",)
    assert last.observations[-1].seq == node.seq
    assert len(last.observations) <= 20
    times = [finding.updated_ns for finding in node.said]
    assert all(later - sooner >= AGAIN.value * NS for sooner, later in pairwise(times[1:]))


def test_a_stored_sample_without_a_number_is_no_observation():
    head = envelope([0] * 4, [T0 + minute * MINUTE for minute in (0, 10, 20, 30)], seq=[-1] * 4)
    sample = slope(head, tilt_x_deg=np.arange(4) * 0.1, tilt_y_deg=0.0)
    _, said = update_slopes(SlopeState.initial(1), sample, T0 + HOUR, points(1, "L"), SLOPE, AGAIN)
    assert said[0].observations == ()


def test_only_the_nodes_that_spoke_are_computed_anew():
    both = slope(envelope([0, 2], T0), tilt_x_deg=[0.0, 0.0], tilt_y_deg=0.0)
    state, _ = update_slopes(SlopeState.initial(3), both, T0, SITE, SLOPE, AGAIN)
    assert state.level.tolist() == [0, -1, 0]
    same, said = update_slopes(state, slope(envelope([])), T0 + NS, SITE, SLOPE, AGAIN)
    assert said == []
    assert same.rain_excess is state.rain_excess
    assert same.rate_deg_h is state.rate_deg_h


def test_rain_of_one_node_is_summed_as_if_all_had_been():
    state = SlopeState.initial(3)
    for minute, row, total in ((0, 0, 0.0), (1, 2, 5.0), (30, 0, 12.0), (59, 2, 9.0), (61, 1, 1.0), (70, 0, 20.0)):
        now_ns = T0 + minute * MINUTE
        sample = slope(envelope([row], now_ns), rain_mm_total=total)
        state, _ = update_slopes(state, sample, now_ns, SITE, SLOPE, AGAIN)
    # node 0: 12 mm in hour 0, 8 in hour 1; node 2: 4 mm in hour 0; node 1: one reading
    assert state.rain_1h_mm.tolist() == [8.0, 0.0, 0.0]
    assert state.rain_24h_mm.tolist() == [20.0, 0.0, 4.0]
    assert state.rain_excess[0] == pytest.approx(20 / 4 / (9.64 * 4**-0.27))
