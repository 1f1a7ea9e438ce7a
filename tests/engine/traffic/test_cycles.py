from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.traffic.cycles import CycleState, collect
from engine.traffic.frame import Frame
from engine.traffic.layout import Layout
from sensors.columns import VdsColumns
from tests.engine.builders import NS, T0, envelope, vds

LAYOUT = Layout.along(np.array([2_000.0, 0.0, 1_000.0]), lanes=2, speed_limit_kmh=100.0)
GRACE_S = 5.0


def samples(*said: tuple[int, float], volume: float = 10.0, **changes: Any) -> VdsColumns:
    """Samples of (row of the station, seconds after T0)."""
    rows = [row for row, _ in said]
    times = [T0 + int(at * NS) for _, at in said]
    lanes = np.full((len(said), 2), 1.0)
    return vds(envelope(rows, times), lanes * volume, lanes * 80.0, lanes * 9.0, **changes)


NOTHING = samples()


def test_a_cycle_closes_when_everybody_of_the_last_one_has_spoken() -> None:
    state, frames = collect(CycleState.initial(3, 2), samples((0, 30), (1, 30), (2, 30)), T0 + 30 * NS, LAYOUT, GRACE_S)
    assert not frames
    state, frames = collect(state, NOTHING, T0 + 35 * NS, LAYOUT, GRACE_S)
    assert [frame.time_ns for frame in frames] == [T0 + 30 * NS]
    state, frames = collect(state, samples((0, 60), (1, 60)), T0 + 60 * NS, LAYOUT, GRACE_S)
    assert not frames
    state, frames = collect(state, samples((2, 60)), T0 + 61 * NS, LAYOUT, GRACE_S)
    assert [frame.time_ns for frame in frames] == [T0 + 60 * NS]


def test_stations_stand_in_the_order_of_travel() -> None:
    first = samples((0, 30), volume=7.0)
    _, frames = collect(CycleState.initial(3, 2), first, T0 + 40 * NS, LAYOUT, GRACE_S)
    assert np.isnan(frames[0].volume[:2]).all()
    assert frames[0].volume[2].tolist() == [7.0, 7.0]


def test_a_station_that_falls_silent_holds_a_cycle_up_by_the_grace_alone() -> None:
    state, _ = collect(CycleState.initial(3, 2), samples((0, 30), (1, 30)), T0 + 36 * NS, LAYOUT, GRACE_S)
    state, frames = collect(state, samples((0, 60)), T0 + 64 * NS, LAYOUT, GRACE_S)
    assert not frames
    state, frames = collect(state, NOTHING, T0 + 65 * NS, LAYOUT, GRACE_S)
    assert len(frames) == 1
    assert np.isnan(frames[0].volume[0]).all()


def test_counts_of_other_periods_become_those_of_thirty_seconds() -> None:
    minute = samples((1, 60), volume=20.0)
    minute = VdsColumns(
        minute.envelope,
        np.full(1, 60.0),
        minute.fault,
        minute.volume,
        minute.speed_kmh,
        minute.occupancy_pct,
        minute.heavy,
    )
    _, frames = collect(CycleState.initial(3, 2), minute, T0 + 70 * NS, LAYOUT, GRACE_S)
    assert frames[0].volume[0].tolist() == [10.0, 10.0]


def test_late_faulty_and_far_future_samples_are_left_out() -> None:
    state, _ = collect(CycleState.initial(3, 2), samples((0, 60)), T0 + 66 * NS, LAYOUT, GRACE_S)
    late = samples((1, 30), (1, 900))
    state, frames = collect(state, late, T0 + 96 * NS, LAYOUT, GRACE_S)
    assert all(np.isnan(frame.volume).all() for frame in frames)
    _, frames = collect(state, samples((1, 120), fault=True), T0 + 126 * NS, LAYOUT, GRACE_S)
    assert all(np.isnan(frame.volume).all() for frame in frames)


def test_after_hours_of_silence_the_cycles_between_are_not_made_up() -> None:
    state, _ = collect(CycleState.initial(3, 2), samples((0, 30)), T0 + 36 * NS, LAYOUT, GRACE_S)
    state, frames = collect(state, samples((0, 36_000)), T0 + 36_000 * NS, LAYOUT, GRACE_S)
    assert len(frames) <= 2
    state, frames = collect(state, NOTHING, T0 + 36_006 * NS, LAYOUT, GRACE_S)
    assert frames[-1].time_ns == T0 + 36_000 * NS
    assert not np.isnan(frames[-1].volume[2]).any()


def test_a_silence_in_the_midst_of_a_cycle_is_not_made_up_either() -> None:
    state, _ = collect(CycleState.initial(3, 2), samples((0, 30), (1, 60)), T0 + 20 * NS, LAYOUT, GRACE_S)
    state, frames = collect(state, samples((0, 36_000)), T0 + 36_006 * NS, LAYOUT, GRACE_S)
    assert [frame.time_ns for frame in frames] == [T0 + at * NS for at in (30, 60, 36_000)]
    assert not np.isnan(frames[-1].volume[2]).any()


def test_a_clock_that_is_ahead_holds_nobody_up() -> None:
    state, _ = collect(CycleState.initial(3, 2), samples((0, 30), (1, 3_630)), T0 + 30 * NS, LAYOUT, GRACE_S)
    _, frames = collect(state, NOTHING, T0 + 36 * NS, LAYOUT, GRACE_S)
    assert [frame.time_ns for frame in frames] == [T0 + 30 * NS]


@settings(max_examples=50, deadline=None)
@given(
    phase=st.lists(st.integers(0, 29), min_size=3, max_size=3),
    delays=st.lists(st.integers(0, 4), min_size=60, max_size=60),
    every=st.integers(1, 3),
)
def test_every_sample_that_comes_in_time_is_in_one_frame_whatever_phase_and_delay(
    phase: list[int], delays: list[int], every: int
) -> None:
    sent = [(row, turn * 30 + phase[row] + 30) for turn in range(20) for row in range(3)]
    arrivals = sorted((at + delay, row, at) for (row, at), delay in zip(sent, delays, strict=True))
    state, closed = CycleState.initial(3, 2), list[Frame]()
    for now in range(0, 720, every):
        batch = [(row, float(at)) for arrival, row, at in arrivals if now - every < arrival <= now]
        state, frames = collect(state, samples(*batch), T0 + now * NS, LAYOUT, GRACE_S)
        closed += frames
    times = [frame.time_ns for frame in closed]
    assert times == sorted(set(times))
    assert set(np.diff(times)) <= {30 * NS}
    heard = sum(int((~np.isnan(frame.volume[:, 0])).sum()) for frame in closed)
    begun = times[0] - 30 * NS
    assert heard == sum(begun < T0 + at * NS for _, at in sent)
