from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world import traffic
from simulators.world.corridors import build_corridors
from simulators.world.demand import Demand
from simulators.world.detectors import MIN_HEADWAY_S, Marks, Samples, Stations, mark, place_stations, sample
from simulators.world.seeds import stream
from tests.simulators.region import small_region

REGION = small_region()
CORRIDORS = build_corridors(REGION)
DEMAND = Demand.draw(CORRIDORS, stream(1, "demand"))
STATIONS = place_stations(REGION.vds, CORRIDORS, stream(1, "vds"))
ALL = np.arange(len(REGION.vds))


def draw(flow_lane_veh_h: float, density_lane_veh_km: float, period_s: float, seed: int, **more: object) -> Samples:
    """Samples of all stations under a steady flow and density."""
    zeros = np.zeros(len(ALL))
    passed = np.full(len(ALL), flow_lane_veh_h / 3_600 * period_s) * STATIONS.lanes
    held = density_lane_veh_km / 1_000 * STATIONS.lanes * CORRIDORS.length_m[STATIONS.cell] * period_s
    before, after = Marks(zeros, zeros, zeros), Marks(zeros + period_s, passed, held)
    closed = more.get("closed", {})
    return sample(STATIONS, ALL, before, after, CORRIDORS, closed, 0.15, np.random.default_rng(seed))  # type: ignore[arg-type]


def real_lanes(stations: Stations = STATIONS) -> np.ndarray:
    return np.arange(stations.lane_bias.shape[1]) < stations.lanes[:, np.newaxis]


@settings(deadline=None)
@given(flow=st.floats(0, 3_000), density=st.floats(0, 150), period_s=st.floats(1, 120), seed=st.integers(0, 1_000))
def test_samples_are_possible_for_any_traffic(flow: float, density: float, period_s: float, seed: int) -> None:
    samples = draw(flow, density, period_s, seed)
    lanes = real_lanes()
    assert np.all(samples.volume[~lanes] == 0)
    assert np.all(samples.volume <= max(1, period_s / MIN_HEADWAY_S))
    assert np.all(samples.heavy <= samples.volume)
    assert np.array_equal(np.isnan(samples.speed_kmh), samples.volume == 0)
    assert np.all((samples.occupancy_pct >= 0) & (samples.occupancy_pct <= 100))
    assert np.all(samples.speed_kmh[samples.volume > 0] < 200)


def test_counts_speed_and_occupancy_agree_with_the_traffic_on_average() -> None:
    lanes = real_lanes()
    samples = [draw(1_200.0, 11.5, 30.0, seed) for seed in range(60)]
    volume = np.mean([s.volume[lanes].mean() for s in samples])
    assert volume == pytest.approx(10.0, rel=0.02)
    speed = np.nanmean([s.speed_kmh for s in samples])
    assert speed == pytest.approx(np.mean(CORRIDORS.free_mps[STATIONS.cell]) * 3.6, rel=0.05)
    occupancy = np.mean([s.occupancy_pct[lanes].mean() for s in samples])
    assert occupancy == pytest.approx(100 * volume * (0.85 * 6.2 + 0.15 * 13.0) / (speed / 3.6) / 30, rel=0.06)


def test_a_standing_queue_is_seen_as_occupancy_without_counts() -> None:
    samples = draw(0.0, 130.0, 30.0, 1)
    lanes = real_lanes()
    assert np.all(samples.volume == 0)
    assert np.all(samples.occupancy_pct[lanes] > 60.0)
    assert np.all(draw(0.0, 0.0, 30.0, 1).occupancy_pct == 0.0)


def test_a_closed_lane_counts_nothing_and_the_others_carry_its_traffic() -> None:
    closed = {int(STATIONS.cell[0]): frozenset({1, 2})}
    samples = [draw(500.0, 10.0, 30.0, seed, closed=closed) for seed in range(100)]
    assert all(np.all(s.volume[0, :2] == 0) for s in samples)
    assert np.mean([s.volume[0, 2] for s in samples]) == pytest.approx(3 * 500 / 120, rel=0.05)
    assert np.mean([s.volume[1, 0] for s in samples]) == pytest.approx(500 / 120, rel=0.2)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.1, 40.0), min_size=1, max_size=8))
def test_marks_within_a_step_add_up_to_what_passed(gaps_s: list[float]) -> None:
    state = traffic.start(CORRIDORS, DEMAND, 9 * 3600)
    rng = np.random.default_rng(0)
    marks = [Marks(*(np.zeros(len(ALL)) for _ in range(3)))]
    for at_s in np.cumsum(gaps_s):
        while state.time_s < at_s:
            state = traffic.step(state, 5.0, CORRIDORS, DEMAND.at(9 * 3600), np.ones(len(CORRIDORS)), rng)
        marks.append(mark(STATIONS, ALL, state, np.full(len(ALL), at_s)))
    counts = np.diff([m.passed for m in marks], axis=0)
    assert np.all(counts >= -1e-9)
    end = replace(state)
    f = STATIONS.fraction
    exact = (1 - f) * end.passed_in[STATIONS.cell] + f * end.passed_out[STATIONS.cell]
    assert np.all(counts.sum(axis=0) <= exact + 1e-9)
    if state.time_s == marks[-1].time_s[0]:
        assert counts.sum(axis=0) == pytest.approx(exact)
