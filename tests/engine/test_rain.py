from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.slopes.rain import HOURS, RainState, add_counters, intensity_duration_excess, rain_sums
from tests.engine.builders import HOUR, NS, SLOPE, T0

H0 = T0 // HOUR
MAX_MM_H = 300.0


class Gauge:
    """The same rules, said the slow way: a list of (hour, rain) and nothing that comes round."""

    def __init__(self) -> None:
        self.newest: tuple[int, float] | None = None
        self.rain: list[tuple[int, float]] = []

    def read(self, time_ns: int, total_mm: float) -> None:
        if self.newest is not None:
            before_ns, before_mm = self.newest
            if time_ns <= before_ns:
                return
            step = total_mm - before_mm
            step = total_mm if step < -0.05 else max(step, 0.0)
            if step <= MAX_MM_H * max((time_ns - before_ns) / HOUR, 1 / 6):
                self.rain.append((time_ns // HOUR, step))
        self.newest = (time_ns, total_mm)

    def sum(self, hours: int, now_ns: int) -> float:
        if self.newest is None:
            return 0.0
        newest_hour = self.newest[0] // HOUR
        until = min(max(now_ns // HOUR, newest_hour), newest_hour + 1)
        return sum(step for hour, step in self.rain if until - hours < hour <= until)


# Quarter hours apart, now and then days; readings of one time are told apart by the larger counter.
batches = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.one_of(st.integers(0, 40), st.integers(0, 900)),
            st.one_of(st.floats(0, 60), st.just(np.nan), st.sampled_from([0.0, 10.0, 10.02, 9.98])),
        ),
        max_size=6,
    ),
    max_size=6,
)


@settings(max_examples=120)
@given(batches, st.integers(0, 1200))
def test_the_ring_of_bins_does_what_a_list_does(told, now_quarter):
    state, gauges, earlier = RainState.initial(3), [Gauge() for _ in range(3)], 0
    for readings in told:
        earlier += 3  # so that batches move on, and their samples overlap
        rows = np.array([row for row, _, _ in readings], dtype=np.int64)
        times = np.array([T0 + (earlier + quarter) * 900 * NS for _, quarter, _ in readings], dtype=np.int64)
        totals = np.array([total for _, _, total in readings])
        state = add_counters(state, rows, times, totals, MAX_MM_H)
        for time_ns, total, row in sorted(zip(times.tolist(), totals.tolist(), rows.tolist(), strict=True)):
            same = [t for r, q, t in readings if r == row and T0 + (earlier + q) * 900 * NS == time_ns and t == t]
            if total == total and total == max(same):
                gauges[row].read(time_ns, total)
    now_ns = T0 + now_quarter * 900 * NS
    expected = [[gauge.sum(hours, now_ns) for hours in range(1, HOURS + 1)] for gauge in gauges]
    np.testing.assert_allclose(rain_sums(state, now_ns), expected, atol=1e-9)


def _read(state: RainState, *readings: tuple[int, float]) -> RainState:
    """Readings of gauge 0 as (minutes, counter)."""
    times = np.array([T0 + minutes * 60 * NS for minutes, _ in readings], dtype=np.int64)
    totals = np.array([total for _, total in readings], dtype=np.float64)
    return add_counters(state, np.zeros(len(readings), dtype=np.int64), times, totals, MAX_MM_H)


def _sums(state: RainState, minutes: int) -> list[float]:
    return np.round(rain_sums(state, T0 + minutes * 60 * NS)[0, :4], 9).tolist()


def test_the_first_reading_is_no_rain():
    assert _sums(_read(RainState.initial(1), (0, 812.5)), 0) == [0, 0, 0, 0]


def test_rain_goes_into_the_hour_of_the_later_reading():
    # 09:00 100, 09:30 104 (+4 at 9 h), 10:10 110 (+6 at 10 h); at 11:20 the running hour 11 holds nothing
    state = _read(RainState.initial(1), (0, 100.0), (30, 104.0), (70, 110.0))
    assert _sums(state, 70) == [6, 10, 10, 10]
    assert _sums(state, 140) == [0, 6, 10, 10]


def test_a_silent_gauges_rain_does_not_run_off():
    state = _read(RainState.initial(1), (0, 100.0), (30, 150.0))
    assert _sums(state, 60 * 24 * 30) == _sums(state, 60) == [0, 50, 50, 50]


def test_a_reset_counts_what_the_counter_shows_since():
    assert _sums(_read(RainState.initial(1), (0, 990.0), (30, 3.0)), 30)[0] == 3.0


def test_a_counter_that_came_back_from_32_bits_did_not_fall():
    stored = float(np.float32(1500.3))
    assert stored > 1500.3
    assert _sums(_read(RainState.initial(1), (0, stored), (10, 1500.3)), 10)[0] == 0.0


def test_a_counter_that_was_set_anew_is_no_rain():
    assert _sums(_read(RainState.initial(1), (0, 5.0), (30, 5000.0), (60, 5003.0)), 59)[:2] == [3.0, 3.0]


def test_a_burst_of_tips_within_a_minute_is_rain():
    # 300 mm/h is 5 mm in a minute; the least gap that is asked for is ten minutes, so 50 mm
    assert _sums(_read(RainState.initial(1), (0, 0.0), (1, 50.0)), 1)[0] == 50.0
    assert _sums(_read(RainState.initial(1), (0, 0.0), (1, 50.1)), 1)[0] == 0.0


def test_a_late_reading_adds_nothing():
    state = _read(RainState.initial(1), (0, 0.0), (60, 10.0))
    assert _read(state, (30, 8.0)) is state


def test_a_gap_longer_than_the_record_leaves_only_its_end():
    state = _read(RainState.initial(1), (0, 0.0), (30, 20.0), (60 * 200, 25.0))
    assert rain_sums(state, T0 + 200 * HOUR)[0, -1] == 5.0


def test_inputs_are_left_alone():
    state = _read(RainState.initial(1), (0, 0.0), (30, 20.0))
    copy = state.bins_mm.copy()
    _read(state, (600, 30.0))
    np.testing.assert_array_equal(state.bins_mm, copy)


def test_the_worst_duration_is_found():
    # Korea: I = 9.64 D^-0.27. 40 mm in 4 h: 10 mm/h against 9.64 * 4^-0.27 = 6.630, so 1.508;
    # 100 mm in 10 h: 10 against 9.64 * 10^-0.27 = 5.177, so 1.932.
    for hours, excess in ((4, 1.508), (10, 1.932)):
        sums = np.minimum(np.arange(1, 97) * 10.0, hours * 10.0)[None, :]
        found, duration = intensity_duration_excess(sums, 9.64, -0.27, 4.0, 76.0)
        assert found[0] == pytest.approx(excess, abs=5e-4)
        assert duration[0] == hours


def test_hours_outside_the_curve_do_not_count():
    sums = np.full((1, 96), 30.0)  # one burst, all of it in the first hour
    found, duration = intensity_duration_excess(sums, 9.64, -0.27, 4.0, 76.0)
    assert duration[0] == 4
    assert found[0] == pytest.approx(30 / 4 / (9.64 * 4**-0.27))


def test_a_curve_beyond_the_record_is_refused():
    with pytest.raises(ValueError, match="expected a range with one of the hours 1 to 96, was 100 to 200"):
        intensity_duration_excess(np.zeros((1, 96)), 9.64, -0.27, 100, 200)


@given(st.integers(0, 2**32 - 1), st.integers(0, 95), st.floats(0, 20))
def test_more_rain_is_never_less_excess(seed, hour, more):
    bins = np.random.default_rng(seed).exponential(2.0, 96)
    less, added = np.array([bins]), np.array([bins])
    added[0, hour] += more
    limits = (SLOPE.rain_id_a.value, SLOPE.rain_id_b.value, SLOPE.rain_id_min_h.value, SLOPE.rain_id_max_h.value)
    first, _ = intensity_duration_excess(np.cumsum(less, axis=1), *limits)
    second, _ = intensity_duration_excess(np.cumsum(added, axis=1), *limits)
    assert second[0] >= first[0] - 1e-12
