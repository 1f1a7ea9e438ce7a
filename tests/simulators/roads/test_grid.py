from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.errors import SimulatorError
from simulators.world.roads.grid import build_grid
from tests.simulators.region import small_region
from tests.simulators.roads.networks import bypass, catalogue

GRID = build_grid(small_region())


def test_cells_cover_each_link_without_a_gap() -> None:
    for index, link in enumerate(GRID.links):
        cells = slice(GRID.link_first[index], GRID.link_last[index] + 1)
        assert GRID.length_m[cells].sum() == pytest.approx(link.length_m)
        assert np.allclose(np.diff(GRID.start_m[cells]), GRID.length_m[cells][:-1])
        assert np.all(GRID.link[cells] == index)
    assert GRID.length_m.min() > 250
    assert GRID.length_m.max() < 500


@given(st.integers(0, len(GRID) - 1), st.floats(0.01, 0.99))
def test_place_and_locate_are_inverse(cell: int, fraction: float) -> None:
    link, offset_m = GRID.place(cell, fraction)
    assert GRID.locate(link, offset_m) == (cell, pytest.approx(fraction, abs=1e-6))


def test_neighbours_follow_the_road_over_nodes() -> None:
    grid = build_grid(bypass())
    down = grid.downstream
    assert np.all(grid.upstream[down[down >= 0]] == np.flatnonzero(down >= 0))
    assert (down < 0).sum() == len(grid.runs) == 4
    for run in range(4):
        cells = np.arange(grid.run_first[run], grid.run_last[run] + 1)
        assert np.all(np.diff(grid.chainage_m[cells]) == pytest.approx(grid.length_m[cells][:-1]))


def test_the_other_carriageway_lies_beside() -> None:
    assert np.all(GRID.opposite >= 0)
    assert np.array_equal(GRID.opposite[GRID.opposite], np.arange(len(GRID)))
    apart_deg = np.hypot(GRID.lon_deg - GRID.lon_deg[GRID.opposite], GRID.lat_deg - GRID.lat_deg[GRID.opposite])
    assert apart_deg.max() < 1e-4
    directions = np.array([direction for _, direction in GRID.runs])[GRID.run]
    assert np.all(directions != directions[GRID.opposite])


def test_a_stretch_goes_on_past_the_end_of_its_link() -> None:
    link = next(link for link in GRID.links if link.id == "E1up03")
    cells = GRID.stretch("E1up03", link.length_m - 100.0, 2_500.0)
    assert GRID.link[cells[0]] == GRID.link_index["E1up03"]
    assert GRID.link[cells[-1]] == GRID.link_index["E1up05"]
    assert len(GRID.stretch("E1up03", 100.0, 1.0)) == 1
    assert GRID.stretch("E1up11", 1_900.0, 1e6)[-1] == GRID.run_last[GRID.run[GRID.locate("E1up11", 0.0)[0]]]


def test_bad_input_is_named() -> None:
    with pytest.raises(SimulatorError, match="link: expected the id of a link of the region, was nowhere"):
        GRID.locate("nowhere", 0.0)
    with pytest.raises(SimulatorError, match="offset_m: expected a distance on link E1up03, was nan"):
        GRID.locate("E1up03", float("nan"))
    with pytest.raises(SimulatorError, match="cell_length_m: expected more than 0 m, was 0"):
        build_grid(small_region(), 0.0)
    with pytest.raises(SimulatorError, match="links: expected at least one in region hand, was none"):
        build_grid(catalogue({}, [], []))


def test_waves_travel_at_the_observed_speed_on_every_road() -> None:
    critical = GRID.capacity_pc_s / GRID.free_mps
    wave_kmh = 3.6 * GRID.capacity_pc_s / (GRID.jam_pc_m - critical)
    assert np.all((wave_kmh >= 15) & (wave_kmh <= 20))
    jam_km_lane = 1_000 * GRID.jam_pc_m / GRID.lanes
    assert np.all((jam_km_lane > 110) & (jam_km_lane < 160))
