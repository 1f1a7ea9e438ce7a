from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world.roads.detectors import (
    MIN_HEADWAY_S,
    Marks,
    Noise,
    Samples,
    Stations,
    mark,
    place_stations,
    sample,
)
from simulators.world.roads.grid import build_grid
from simulators.world.roads.model import RoadModel
from simulators.world.seeds import stream
from tests.simulators.region import small_region

REGION = small_region()
GRID = build_grid(REGION)
STATIONS = place_stations(REGION.vds, GRID, stream(1, "vds"))
ALL = np.arange(len(REGION.vds))


def noise(seed: int) -> Noise:
    return Noise(*(stream(seed, quantity) for quantity in Noise._fields))


def draw(flow_lane_veh_h: float, density_lane_veh_km: float, period_s: float, seed: int, **more: object) -> Samples:
    """Samples of all stations under a steady flow and density."""
    zeros = np.zeros(len(ALL))
    passed = np.full(len(ALL), flow_lane_veh_h / 3_600 * period_s) * STATIONS.lanes
    held = density_lane_veh_km / 1_000 * STATIONS.lanes * GRID.length_m[STATIONS.cell] * period_s
    before, after = Marks(zeros, zeros, zeros), Marks(zeros + period_s, passed, held)
    closed = more.get("closed", {})
    return sample(STATIONS, ALL, before, after, GRID, closed, 0.15, noise(seed))  # type: ignore[arg-type]


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
    samples = [draw(1_200.0, 15.0, 30.0, seed) for seed in range(60)]
    volume = np.mean([s.volume[lanes].mean() for s in samples])
    assert volume == pytest.approx(10.0, rel=0.02)
    speed = np.nanmean([s.speed_kmh for s in samples])
    assert speed == pytest.approx(80.0, rel=0.02)
    heavy = 0.15 * GRID.heavy_of_mean[STATIONS.cell].mean()
    occupancy = np.mean([s.occupancy_pct[lanes].mean() for s in samples])
    assert occupancy == pytest.approx(100 * volume * ((1 - heavy) * 6.2 + heavy * 13.0) / (speed / 3.6) / 30, rel=0.06)


def test_outer_lanes_are_slower_and_carry_more_lorries() -> None:
    samples = [draw(1_200.0, 11.5, 30.0, seed) for seed in range(60)]
    wide = STATIONS.lanes == 3
    speed = np.nanmean([s.speed_kmh[wide] for s in samples], axis=(0, 1))
    heavy = np.mean([s.heavy[wide] for s in samples], axis=(0, 1))
    assert np.all(np.diff(speed) < -2.0)
    assert np.all(np.diff(heavy) > 0.2)


def test_a_standing_queue_is_seen_as_occupancy_without_counts() -> None:
    samples = draw(0.0, 115.0, 30.0, 1)
    lanes = real_lanes()
    assert np.all(samples.volume == 0)
    assert np.all(samples.occupancy_pct[lanes] > 60.0)
    assert np.all(draw(0.0, 0.0, 30.0, 1).occupancy_pct == 0.0)


def test_a_closed_lane_counts_nothing_and_is_left_before_it() -> None:
    cell = int(STATIONS.cell[5])
    closed = {cell: frozenset({1, 2})}
    samples = [draw(500.0, 10.0, 30.0, seed, closed=closed) for seed in range(100)]
    assert all(np.all(s.volume[5, :2] == 0) for s in samples)
    assert np.mean([s.volume[5, 2] for s in samples]) == pytest.approx(3 * 500 / 120, rel=0.06)
    assert np.mean([s.volume[6, 0] for s in samples]) == pytest.approx(500 / 120, rel=0.2)
    ahead = {int(GRID.downstream[cell]): frozenset({1})}
    counts = np.mean([draw(500.0, 10.0, 30.0, seed, closed=ahead).volume[5] for seed in range(200)], axis=0)
    assert 0.25 < counts[0] / counts[1:].mean() < 0.45
    assert counts.sum() == pytest.approx(3 * 500 / 120, rel=0.06)


def test_the_use_of_a_closed_lane_beside_it_is_that_of_the_table() -> None:
    cell = int(STATIONS.cell[np.flatnonzero(STATIONS.lanes >= 2)[0]])
    zeros = np.zeros(len(ALL))
    passed = np.full(len(ALL), 10.0) * STATIONS.lanes
    before, after = Marks(zeros, zeros, zeros), Marks(zeros + 30.0, passed, passed * 10.0)

    def counted(neighbours: tuple[tuple[int, float], ...]) -> float:
        closed = {cell + 1: frozenset({1})}
        rows = [
            sample(STATIONS, ALL, before, after, GRID, closed, 0.15, noise(seed), neighbours).volume
            for seed in range(40)
        ]
        return float(np.mean([row[STATIONS.cell == cell, 0].mean() for row in rows]))

    assert counted(((-1, 0.2),)) < 0.5 * counted(((-1, 0.9),)) <= counted(())


@settings(deadline=None, max_examples=6)
@given(st.lists(st.floats(0.1, 40.0), min_size=1, max_size=8))
def test_marks_within_a_step_add_up_to_what_passed(gaps_s: list[float]) -> None:
    model = RoadModel.build(REGION, time_of_day_s=9 * 3600, seed=1, warm_up_s=60.0)
    marks = [Marks(*(np.zeros(len(ALL)) for _ in range(3)))]
    for at_s in np.cumsum(gaps_s):
        while model.state.time_s < at_s:
            model.step(5.0, 9 * 3600)
        marks.append(mark(STATIONS, ALL, model.state, np.full(len(ALL), at_s)))
    counts = np.diff([m.passed for m in marks], axis=0)
    assert np.all(counts >= -1e-9)
    back_s = model.state.time_s - marks[-1].time_s[0]
    f, cell = STATIONS.fraction, STATIONS.cell
    exact = (1 - f) * model.state.passed_in[cell] + f * model.state.passed_out[cell]
    rest = (1 - f) * model.state.inflow_veh_s[cell] + f * model.state.outflow_veh_s[cell]
    assert counts.sum(axis=0) == pytest.approx(exact - back_s * rest)


def test_free_traffic_is_measured_at_free_speed() -> None:
    model = RoadModel.build(REGION, time_of_day_s=10 * 3600, seed=1, warm_up_s=600.0)
    zeros = np.zeros(len(ALL))
    for number in range(24):
        model.step(5.0, 10 * 3600 + 5 * number)
    after = mark(STATIONS, ALL, model.state, np.full(len(ALL), 120.0))
    speed = after.passed * GRID.length_m[STATIONS.cell] / after.held_veh_s
    assert speed == pytest.approx(GRID.free_mps[STATIONS.cell], rel=0.02)
    samples = sample(STATIONS, ALL, Marks(zeros, zeros, zeros), after, GRID, {}, model.heavy_share, noise(1))
    assert samples.volume.sum() == pytest.approx(after.passed.sum(), rel=0.1)
