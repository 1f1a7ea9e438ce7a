from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.geometry import GEOD
from config.catalogue.model import Terrain
from simulators.world.fire import draw_pose, light_fire
from simulators.world.terrain import EARTH_RADIUS_M, REFRACTION, elevation_m, hidden_below_m
from tests.simulators.region import small_region, spot

REGION = small_region()


def terrain_with_wall(height_m: float) -> Terrain:
    """Flat sea with a wall that runs north to south about 5 km east of the region's corner."""
    heights = np.zeros((80, 400), dtype=np.float32)
    heights[:, 100] = height_m
    return Terrain(west_deg=127.806, south_deg=36.7, step_lon_deg=0.0025, step_lat_deg=0.01, elevation_m=heights)


@settings(deadline=None)
@given(lon=st.floats(127.0, 130.0), lat=st.floats(36.0, 38.0))
def test_elevation_is_bilinear_and_clamped(lon: float, lat: float) -> None:
    grid = np.array([[0.0, 10.0], [20.0, 30.0]], dtype=np.float32)
    terrain = Terrain(west_deg=128.0, south_deg=37.0, step_lon_deg=0.5, step_lat_deg=0.5, elevation_m=grid)
    x, y = np.clip((lon - 128.0) / 0.5, 0, 1), np.clip((lat - 37.0) / 0.5, 0, 1)
    assert float(elevation_m(terrain, lon, lat)) == pytest.approx(10 * x + 20 * y, abs=1e-4)


def test_the_bulge_of_the_earth_hides_what_is_far_and_low() -> None:
    eye, target = spot(0, 0), spot(40_000, 0)
    hidden = hidden_below_m(None, *eye, 20.0, *target)
    # The horizon of a 20 m eye, then the rest of the way down the other side.
    curve = 2 * EARTH_RADIUS_M / (1 - REFRACTION)
    horizon_m = np.sqrt(20.0 * curve)
    assert hidden == pytest.approx((40_000 - horizon_m) ** 2 / curve, rel=0.02)
    assert hidden_below_m(None, *eye, 20.0, *spot(5_000, 0)) == 0.0


def test_a_ridge_hides_what_lies_below_the_line_over_it() -> None:
    terrain = terrain_with_wall(200.0)
    wall_m = GEOD.inv(128.0, 37.0, 127.806 + 100 * 0.0025, 37.0)[2]
    hidden = hidden_below_m(terrain, *spot(0, 0), 100.0, *spot(2 * wall_m, 0))
    assert hidden == pytest.approx(300.0, abs=8.0)
    assert hidden_below_m(terrain, *spot(0, 0), 900.0, *spot(2 * wall_m, 0)) == 0.0


def test_bearings_are_true_geodesic_azimuths() -> None:
    place = spot(9_000, 3_000)
    fire = light_fire(place, 10.0, 100.0, REGION.tower, REGION.terrain)
    for tower, azimuth, distance in zip(REGION.tower, fire.azimuth_deg, fire.distance_m, strict=True):
        lon, lat, _ = GEOD.fwd(*tower.position, azimuth, distance)
        assert (lon, lat) == pytest.approx(place, abs=1e-9)


def test_smoke_is_seen_while_it_rises_in_range_and_above_what_hides_it() -> None:
    fire = light_fire(spot(9_000, 3_000), 10.0, 1_000.0, REGION.tower, REGION.terrain)
    assert not fire.visible(9.9).any()
    assert fire.visible(10.0).tolist() == [True, True, True, False]
    assert not fire.visible(1_000.0).any()
    assert fire.smoke_height_m(400.0) > fire.smoke_height_m(100.0) > 0.0
    half_hidden = replace(fire, hidden_below_m=np.array([0.0, 100.0, 1e9, 0.0]))
    assert half_hidden.visible(10.0).tolist() == [True, False, False, False]
    assert half_hidden.visible(300.0).tolist() == [True, True, False, False]


def test_the_parts_of_a_bearings_error_add_up_to_the_stated_sigma() -> None:
    tower = msgspec.structs.replace(REGION.tower[0], azimuth_sigma_deg=0.8)
    rng = np.random.default_rng(1)
    poses = [draw_pose(tower, rng) for _ in range(2_000)]
    errors = [pose.error_deg + pose.noise_sigma_deg * rng.standard_normal() for pose in poses]
    assert np.std(errors) == pytest.approx(0.8, rel=0.05)
