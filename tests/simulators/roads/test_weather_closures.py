from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.world.happenings import Closure, ClosureCause
from simulators.world.roads.closures import RUBBERNECKING_LOSS, RUBBERNECKING_SPEED, block, capacity_left
from simulators.world.roads.conditions import road_conditions, weather_effects
from simulators.world.roads.grid import build_grid
from tests.simulators.roads.networks import straight

GRID = build_grid(straight([3, 3, 3, 2]))


@given(st.floats(0, 200), st.floats(0, 200), st.floats(1, 20_000), st.floats(1, 20_000), st.booleans())
def test_worse_weather_never_helps(rain: float, more: float, sight: float, less: float, ice: bool) -> None:
    better = weather_effects(min(rain, more), max(sight, less), False)
    worse = weather_effects(max(rain, more), min(sight, less), ice)
    for fine, foul in zip(better, worse, strict=True):
        assert 0.0 < foul <= fine <= 1.0


def test_figures_of_the_manuals() -> None:
    speed, capacity = weather_effects([0.0, 4.5, 10.0, 0.0, 0.0], [2e4, 2e4, 2e4, 400.0, 80.0])
    assert capacity == pytest.approx([1.0, 0.93, 0.86, 0.88, 0.7071], abs=1e-3)
    assert speed == pytest.approx([1.0, 0.94, 0.92, 0.91, 0.443], abs=1e-3)
    assert weather_effects(0.0, 2e4, True) == pytest.approx((0.5, 0.78))
    assert road_conditions(np.array([np.nan]), np.array([np.nan])).speed_factor == pytest.approx([1.0])


@given(st.integers(1, 10), st.integers(0, 12))
def test_each_blocked_lane_costs_capacity(lanes: int, blocked: int) -> None:
    left = capacity_left(lanes, blocked)
    assert (left == 0.0) == (blocked >= lanes)
    assert (left == 1.0) == (blocked == 0)
    assert capacity_left(lanes, blocked + 1) <= left
    # Blocked lanes cost more than their share: people slow down and look.
    assert left <= max(lanes - blocked, 0) / lanes + 1e-9


def close(cause: ClosureCause, lanes: set[int], **more: object) -> Closure:
    rows = {"id": cause, "link": "E1up-n01n02", "offset_m": 500.0, "length_m": 100.0, "from_s": 0.0, "until_s": 1.0}
    return Closure(cause=cause, lanes=frozenset(lanes), **(rows | more))  # type: ignore[arg-type]


def test_closures_do_what_they_say_where_they_are() -> None:
    cell = GRID.locate("E1up-n01n02", 500.0)[0]
    effect = block(GRID, [close("crash", {1, 2})])
    assert effect.capacity_left[cell] == 0.17
    assert effect.lanes == {cell: frozenset({1, 2})}
    assert effect.capacity_left[GRID.opposite[cell]] == 1.0 - RUBBERNECKING_LOSS
    assert (effect.capacity_left < 1.0).sum() == 2
    assert effect.shut == frozenset()
    # Heads turn on the other carriageway.
    assert np.flatnonzero(np.isfinite(effect.limit_mps)).tolist() == [GRID.opposite[cell]]
    assert effect.limit_mps[GRID.opposite[cell]] == pytest.approx(RUBBERNECKING_SPEED * GRID.free_mps[cell])


def test_closures_at_one_place_add_up_until_it_is_shut() -> None:
    cell = GRID.locate("E1up-n01n02", 500.0)[0]
    effect = block(GRID, [close("debris", {1, 2}), close("work_zone", {3}, id="w", speed_limit_kmh=50.0)])
    assert effect.capacity_left[cell] == 0.0
    assert effect.shut == {"debris", "w"}
    assert effect.limit_mps[cell] == pytest.approx(52.5 / 3.6)
    assert np.all(effect.capacity_left[np.arange(len(GRID)) != cell] == 1.0)


def test_a_work_zone_is_long_and_keeps_what_the_manual_gives_its_lanes() -> None:
    effect = block(GRID, [close("work_zone", {1}, length_m=6_000.0)])
    cells = effect.cells["work_zone"]
    assert GRID.length_m[cells].sum() == pytest.approx(6_000.0, abs=400.0)
    wide = cells[GRID.lanes[cells] == 3]
    assert effect.capacity_left[wide] == pytest.approx(2 * 1_600 / (3 * 2_200))
    assert effect.capacity_left[cells[GRID.lanes[cells] == 2]] == pytest.approx(1_600 / (2 * 2_200))
    slowed = block(GRID, [close("smoke", set(), speed_limit_kmh=40.0)])
    assert np.all(slowed.capacity_left == 1.0)
    assert np.isfinite(slowed.limit_mps).sum() == 1
