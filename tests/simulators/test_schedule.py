from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.devices.schedule import Schedule


def run(schedule: Schedule, until_s: float, tick_s: float = 1.0) -> list[list[float]]:
    """Instants of sampling of each device."""
    times: list[list[float]] = [[] for _ in schedule.period_s]
    for tick in np.arange(tick_s, until_s + tick_s / 2, tick_s):
        due = schedule.due(float(tick))
        for which, at_s in zip(due.which.tolist(), due.at_s.tolist(), strict=True):
            assert at_s <= tick
            times[which].append(at_s)
    return times


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 80), period_s=st.sampled_from([10.0, 30.0, 60.0, 240.0]), early=st.booleans())
def test_first_soon_then_exactly_one_each_period(count: int, period_s: float, early: bool) -> None:
    for times in run(Schedule([period_s] * count, early=early), 3 * period_s + 10):
        if early:
            assert 2.0 <= times[0] <= 3.0
            assert period_s / 6 <= times[1] - times[0] <= period_s * 7 / 6 + 1e-6
            assert np.diff(times[1:]) == pytest.approx(period_s, abs=2e-3)
        else:
            assert times[0] <= period_s * 7 / 6
            assert np.diff(times) == pytest.approx(period_s, abs=2e-3)


def test_load_is_even() -> None:
    times = np.concatenate(run(Schedule([30.0] * 300, early=False), 300.0))
    per_second = np.histogram(times[times >= 60], bins=np.arange(60, 301))[0]
    assert per_second.max() <= 13


def test_after_a_pause_a_device_is_due_once_with_its_latest_instant() -> None:
    schedule = Schedule([30.0], early=False)
    due = schedule.due(1_000.0)
    assert due.at_s.tolist() == [990.0]
    assert len(schedule.due(1_019.0).which) == 0
    assert schedule.due(1_020.0).at_s.tolist() == [1_020.0]


def test_a_faster_period_takes_hold_at_once_and_a_slower_one_after_the_next_sample() -> None:
    schedule = Schedule([600.0, 600.0])
    schedule.due(10.0)
    schedule.set_period(np.array([60.0, 600.0]), 10.0)
    quick = run(schedule, 300.0)
    assert len(quick[0]) >= 4
    schedule.set_period(np.array([600.0, 600.0]), 300.0)
    assert len(run(schedule, 1_800.0)[0]) <= 4


def test_no_devices_are_never_due() -> None:
    assert len(Schedule([]).due(1e6).which) == 0
