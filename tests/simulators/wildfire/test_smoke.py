from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.geometry import GEOD
from config.catalogue.model import Terrain
from simulators.world.terrain import EARTH_RADIUS_M, REFRACTION
from simulators.world.wildfire.fire import Wildfire
from simulators.world.wildfire.sight import Eyes, SmokeSight, hidden_heights_m
from simulators.world.wildfire.smoke import CLEAR_M, MIXED_LAYER_M, ground_visibility_m, plumes, rise_m
from tests.simulators.region import small_region, spot
from tests.simulators.wildfire.stage import FOEHN, MILD, PLACE, burn, even_fire, hilly_region, ignition


def eyes(*places: tuple[float, float], height_m: float = 20.0, range_m: float = 1e5) -> Eyes:
    lon, lat = np.array(places).T
    return Eyes(lon, lat, np.full(len(places), height_m), np.full(len(places), range_m))


def hidden(terrain: Terrain | None, eye: tuple[float, float], height_m: float, target: tuple[float, float]) -> float:
    pair = (np.array([target[0]]), np.array([target[1]]))
    return float(hidden_heights_m(terrain, eyes(eye, height_m=height_m), np.array([0]), *pair)[0])


def test_the_bulge_of_the_earth_hides_what_is_far_and_low() -> None:
    curve = 2 * EARTH_RADIUS_M / (1 - REFRACTION)
    wanted = (40_000 - np.sqrt(20.0 * curve)) ** 2 / curve
    assert hidden(None, spot(0, 0), 20.0, spot(40_000, 0)) == pytest.approx(wanted, rel=0.02)
    assert hidden(None, spot(0, 0), 20.0, spot(5_000, 0)) == 0.0


def test_a_ridge_hides_what_lies_below_the_line_over_it() -> None:
    heights = np.zeros((80, 400), dtype=np.float32)
    heights[:, 99:102] = 200.0
    wall = Terrain(west_deg=127.806, south_deg=36.7, step_lon_deg=0.0025, step_lat_deg=0.01, elevation_m=heights)
    wall_m = GEOD.inv(128.0, 37.0, 127.806 + 100 * 0.0025, 37.0)[2]
    # The line goes over the nearer edge of a wall that is two cells of 222 m thick.
    over = 100.0 + 100.0 * 2 * wall_m / (wall_m - 222.0)
    assert hidden(wall, spot(0, 0), 100.0, spot(2 * wall_m, 0)) == pytest.approx(over, abs=4.0)
    assert hidden(wall, spot(0, 0), 900.0, spot(2 * wall_m, 0)) == 0.0


@settings(deadline=None, max_examples=40)
@given(flux=st.floats(0.1, 1e5), wind=st.floats(1.5, 40.0), along=st.floats(0.0, 2e4), more=st.floats(0.0, 1e3))
def test_plumes_rise_along_the_wind_and_level_off(flux: float, wind: float, along: float, more: float) -> None:
    here, further = float(rise_m(along, flux, wind)), float(rise_m(along + more, flux, wind))
    assert 0.0 <= here <= further <= MIXED_LAYER_M
    assert float(rise_m(along, 2.0 * flux, wind)) >= here
    assert float(rise_m(along, flux, wind + 1.0)) <= here


def test_a_plumes_final_rise_is_the_textbooks() -> None:
    # Δh = 38.71·F^(3/5)/u for F ≥ 55 m⁴/s³, within the rounding of the constants.
    assert float(rise_m(1e5, 200.0, 8.0)) == pytest.approx(38.71 * 200.0**0.6 / 8.0, rel=0.01)


def test_smoke_grows_with_the_fire_and_leans_with_the_wind() -> None:
    fire = even_fire()
    assert plumes(fire) is None
    tops, lengths = [], []
    for _ in range(6):
        smoke = plumes(burn(fire, 300.0))
        assert smoke is not None
        tops.append(float(smoke.height_m.max()))
        lengths.append(float((smoke.east_m[0] - smoke.east_m[0, 0]).max()))
    assert tops[0] < 150.0 < tops[-1]
    assert tops == sorted(tops)
    assert lengths == sorted(lengths)
    assert smoke.weight.sum() == pytest.approx(1.0)
    assert np.all(np.diff(smoke.height_m, axis=1) >= 0.0)
    assert np.all(np.abs(smoke.north_m - smoke.north_m[:, :1]) < 1.0)
    turned = plumes(burn(fire, 30.0, FOEHN._replace(wind_deg=0.0)))
    assert turned is not None
    assert np.all(np.diff(turned.north_m, axis=1) < 0.0)
    windless = plumes(burn(even_fire(), 7_200.0, MILD._replace(wind_kmh=0.0)))
    assert windless is not None
    assert windless.height_m.max() / np.ptp(windless.east_m) > 3.0 * tops[-1] / lengths[-1]


def test_smoke_lies_on_the_ground_downwind_only_and_thins_out() -> None:
    fire = burn(even_fire(attack_s=3_650.0, until_s=3_700.0), 3_600.0)
    frame, smoke = fire.grid.frame, plumes(fire)
    assert smoke is not None
    front = float(smoke.east_m[:, 0].max())
    downwind = ground_visibility_m(fire, smoke, *frame.to_degrees(front + np.array([300.0, 1e3, 3e3, 1e4]), 0.0))
    assert np.all(np.diff(downwind) > 0.0)
    assert downwind[0] < 200.0
    assert downwind[2] < 2_500.0
    upwind = ground_visibility_m(fire, smoke, *frame.to_degrees(np.array([-300.0, -3e3]), np.zeros(2)))
    beside = ground_visibility_m(fire, smoke, *frame.to_degrees(front + 500.0, np.array([3e3, -3e3])))
    assert upwind == pytest.approx(CLEAR_M)
    assert beside == pytest.approx(CLEAR_M)
    assert ground_visibility_m(fire, None, *PLACE) == pytest.approx(CLEAR_M)
    burn(fire, 120.0)
    assert plumes(fire) is None


def test_towers_see_the_foot_of_the_smoke_at_its_geodesic_bearing() -> None:
    region = hilly_region()
    fire = burn(Wildfire.build(ignition(), region, 3), 900.0)
    sight = SmokeSight.from_towers(fire, region)
    view = sight.view()
    assert view.seen.tolist() == [True, True, True, False]
    assert np.isnan(view.azimuth_deg[3])
    cells = fire.burning_cells()
    for tower in range(3):
        lon, lat = region.tower[tower].position
        azimuth, _, distance = GEOD.inv(lon, lat, cells.lon_deg.mean(), cells.lat_deg.mean())
        assert (view.azimuth_deg[tower] - azimuth + 180) % 360 - 180 == pytest.approx(0.0, abs=2.0)
        assert view.distance_m[tower] == pytest.approx(distance, rel=0.05)
        assert view.left_deg[tower] < 0.0 < view.right_deg[tower]
        assert view.top_deg[tower] > view.elevation_deg[tower]
    # The wind blows to the east: seen from the north it drifts to the left, from the south to the right.
    assert -view.left_deg[1] > view.right_deg[1]
    assert view.right_deg[2] > -view.left_deg[2]
    assert sight.view() is view


def test_smoke_grows_in_the_picture_and_is_gone_when_the_fire_is_out() -> None:
    region = hilly_region()
    fire = Wildfire.build(ignition(until_s=7_200.0, attack_s=7_000.0), region, 3)
    sight = SmokeSight.from_towers(fire, region)
    assert not sight.view().seen.any()
    sizes = []
    for _ in range(4):
        view = burn(fire, 300.0, dt_s=60.0) and sight.view()
        sizes.append(float(view.right_deg[0] - view.left_deg[0]))
    assert sizes[0] < 6.0 < 2.0 * sizes[0] < sizes[-1]
    burn(fire, 6_000.0, dt_s=600.0)
    assert fire.out
    assert not sight.view().seen.any()


def test_a_ridge_hides_the_foot_and_the_bearing_goes_to_what_stands_above_it() -> None:
    heights = np.full((160, 200), 20.0, dtype=np.float32)
    ridge = Terrain(west_deg=127.9, south_deg=36.9, step_lon_deg=0.0025, step_lat_deg=0.0025, elevation_m=heights)
    _, north = spot(6_000, 6_000)
    row = round((north + 0.012 - 36.9) / 0.0025)
    heights[row, :] = 120.0
    region = small_region(terrain=ridge)
    fire = burn(Wildfire.build(ignition(), region, 3), 900.0)
    look_from = eyes(spot(6_000, 14_000), height_m=60.0, range_m=2e4)
    hidden_view = SmokeSight(fire, look_from, ridge).view()
    open_view = SmokeSight(fire, look_from, None).view()
    assert hidden_view.seen[0]
    assert open_view.seen[0]
    assert hidden_view.elevation_deg[0] > open_view.elevation_deg[0] + 0.2
    # Only smoke that has risen and drifted east with the wind is in sight: the bearing is east of the fire's.
    apart = (hidden_view.azimuth_deg[0] - open_view.azimuth_deg[0] + 180) % 360 - 180
    assert apart < 0.0
    heights[row, :] = 3_000.0
    assert not SmokeSight(fire, look_from, ridge).view().seen.any()


def test_out_of_range_is_out_of_sight() -> None:
    fire = burn(even_fire(), 1_200.0)
    near = SmokeSight(fire, eyes(spot(6_000, 9_000), height_m=1_500.0, range_m=2_000.0), None)
    far = SmokeSight(fire, eyes(spot(6_000, 9_000), height_m=1_500.0, range_m=5_000.0), None)
    assert not near.view().seen.any()
    assert far.view().seen.all()
