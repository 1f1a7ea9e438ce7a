from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.errors import SimulatorError
from simulators.world import traffic
from simulators.world.corridors import build_corridors
from simulators.world.demand import Demand, heavy_fraction, profile
from simulators.world.seeds import stream
from tests.simulators.region import small_region

CORRIDORS = build_corridors(small_region())
DEMAND = Demand.draw(CORRIDORS, stream(1, "demand"))
EXPRESS_UP = next(i for i, row in enumerate(CORRIDORS.rows) if (row.road.id, row.direction) == ("E1", "up"))


def test_cells_cover_each_corridor_without_a_gap() -> None:
    assert len(CORRIDORS.rows) == 4
    for row in CORRIDORS.rows:
        cells = slice(row.first, row.last + 1)
        assert CORRIDORS.length_m[cells].sum() == pytest.approx(row.length_m)
        assert np.allclose(np.diff(CORRIDORS.start_m[cells]), CORRIDORS.length_m[cells][:-1])
    assert CORRIDORS.length_m.min() > 250
    assert CORRIDORS.length_m.max() < 500


def test_place_and_locate_are_inverse() -> None:
    for cell in range(len(CORRIDORS)):
        link, offset_m = CORRIDORS.place(cell)
        assert CORRIDORS.locate(link.id, offset_m) == (cell, pytest.approx(0.5))


def test_waves_of_expressways_travel_at_the_observed_speed() -> None:
    wave_kmh = CORRIDORS.wave_mps * 3.6
    assert np.all((wave_kmh >= 15) & (wave_kmh <= 20))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1_000),
    hour=st.floats(0, 23.9),
    left=st.lists(st.floats(0, 1), min_size=len(CORRIDORS), max_size=len(CORRIDORS)),
    steps=st.integers(1, 60),
)
def test_vehicles_are_conserved_and_fit(seed: int, hour: float, left: list[float], steps: int) -> None:
    rng = np.random.default_rng(seed)
    state = traffic.start(CORRIDORS, DEMAND, hour * 3600)
    before = state.vehicles.sum()
    for _ in range(steps):
        state = traffic.step(state, 5.0, CORRIDORS, 1.4 * DEMAND.at(hour * 3600), np.array(left), rng)
    balance = before + state.entered.sum() - state.left.sum()
    assert state.vehicles.sum() == pytest.approx(balance, rel=1e-9)
    assert np.all(state.vehicles >= 0)
    assert np.all(state.vehicles <= CORRIDORS.jam_veh_m * CORRIDORS.length_m * (1 + 1e-9))
    assert np.all(state.outflow_veh_s <= CORRIDORS.capacity_veh_s * (1 + 1e-9))
    assert np.all(state.waiting >= 0)


def test_a_step_that_lets_vehicles_jump_a_cell_is_refused() -> None:
    state = traffic.start(CORRIDORS, DEMAND, 0.0)
    too_long_s = traffic.largest_step_s(CORRIDORS) + 0.1
    with pytest.raises(SimulatorError, match="dt_s: expected more than 0 and at most"):
        traffic.step(state, too_long_s, CORRIDORS, DEMAND.at(0.0), np.ones(len(CORRIDORS)), np.random.default_rng(0))


def run_crash(clear_after_s: float, until_s: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Speeds [km/h] and flows [veh/s] of the expressway by (step, cell), with one lane's worth left at a cell."""
    row = CORRIDORS.rows[EXPRESS_UP]
    cell = (row.first + row.last) // 2
    left = np.ones(len(CORRIDORS))
    state = traffic.start(CORRIDORS, DEMAND, 8 * 3600)
    rng = np.random.default_rng(3)
    speeds, flows = [], []
    for step in range(int(until_s / 5)):
        left[cell] = 0.17 if step * 5 < clear_after_s else 1.0
        state = traffic.step(state, 5.0, CORRIDORS, DEMAND.at(8 * 3600), left, rng)
        speed = 3.6 * traffic.speed_mps(state.vehicles / CORRIDORS.length_m, CORRIDORS)
        speeds.append(speed[row.first : row.last + 1])
        flows.append(state.outflow_veh_s[row.first : row.last + 1])
    return np.array(speeds), np.array(flows), cell - row.first


def test_a_queue_grows_upstream_and_the_road_ahead_empties() -> None:
    speeds, flows, at = run_crash(clear_after_s=1e9, until_s=1_200)
    queued = (speeds < 40.0).sum(axis=1)
    assert np.all(np.diff(queued) >= -1)
    assert 1 <= queued[int(300 / 5)] < queued[-1]
    assert np.all(speeds[-1, at + 1 :] > 95.0)
    assert np.all(speeds[-1, at - queued[-1] + 1 : at] < 40.0)
    assert flows[-1, at + 3] == pytest.approx(0.17 * 3 * 2_100 / 3_600, rel=0.02)


def test_a_cleared_queue_dissolves_from_its_head_at_wave_speed_with_a_capacity_drop() -> None:
    speeds, flows, at = run_crash(clear_after_s=900, until_s=1_700)
    capacity = 3 * 2_100 / 3_600
    discharge = flows[int(1_000 / 5), at + 1]
    assert 0.88 * capacity < discharge < 0.97 * capacity
    cleared_s = [5.0 * (180 + int(np.argmax(speeds[180:, at - back] > 60.0))) for back in (1, 4)]
    metres = 3 * float(CORRIDORS.length_m[CORRIDORS.rows[EXPRESS_UP].first])
    assert 12.0 < metres / (cleared_s[1] - cleared_s[0]) * 3.6 < 20.0


def test_a_calm_day_stays_free() -> None:
    rng = np.random.default_rng(5)
    state = traffic.start(CORRIDORS, DEMAND, 7 * 3600)
    for step in range(int(7_200 / 5)):
        wanted = DEMAND.at(7 * 3600 + step * 5)
        state = traffic.step(state, 5.0, CORRIDORS, wanted, np.ones(len(CORRIDORS)), rng)
        speed = traffic.speed_mps(state.vehicles / CORRIDORS.length_m, CORRIDORS)
        assert np.all(speed > 0.9 * CORRIDORS.free_mps)


@settings(deadline=None)
@given(st.floats(0, 200_000))
def test_profiles_are_shares_and_periodic(time_s: float) -> None:
    shares = profile(time_s)
    assert np.all((shares > 0) & (shares <= 1))
    assert shares == pytest.approx(profile(time_s + 86_400), abs=1e-6)
    assert 0.1 < heavy_fraction(time_s) < 0.4
