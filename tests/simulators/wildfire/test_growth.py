from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.errors import ScenarioError
from simulators.world.seeds import stream
from simulators.world.wildfire.air import FireAir
from simulators.world.wildfire.behaviour import BARE, CONIFER, GRASS, Spread
from simulators.world.wildfire.fire import Wildfire
from simulators.world.wildfire.fuel import CELL_M, CLEARED_SHARE, FuelGrid
from simulators.world.wildfire.outline import outlines
from simulators.world.wildfire.seedling import Seedling
from simulators.world.wildfire.spotting import Spotting
from tests.simulators.region import small_region, spot
from tests.simulators.wildfire.stage import FOEHN, MILD, PLACE, burn, even_fire, even_grid, hilly_region, ignition


def one(half: float, drift: float, flank: float, toward_deg: float) -> Spread:
    angle = np.radians(toward_deg)
    return Spread(*(np.array([value]) for value in (half, drift, flank, np.sin(angle), np.cos(angle))))


def reach(fire: Wildfire, toward_deg: float) -> float:
    """How far the fire has come in a direction [m]."""
    ring = np.asarray(fire.perimeter())
    east, north = fire.grid.frame.to_plane(ring[:, 0], ring[:, 1])
    angle = np.radians(toward_deg)
    return float((east * np.sin(angle) + north * np.cos(angle)).max())


@settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(
        st.tuples(st.floats(0.5, 20.0), st.floats(0.0, 0.98), st.floats(0.1, 1.0), st.floats(0, 360)),
        min_size=1,
        max_size=5,
    )
)
def test_a_seedling_is_the_sum_of_its_ellipses(steps: list[tuple[float, float, float, float]]) -> None:
    seedling = Seedling()
    for half, share, flat, toward in steps:
        seedling.grow(one(half, share * half, flat * half, toward), 1.0)
    for direction in (0.0, 77.0, 200.0):
        normal = np.array([np.sin(np.radians(direction)), np.cos(np.radians(direction))])
        wanted = 0.0
        for half, share, flat, toward in steps:
            along = np.array([np.sin(np.radians(toward)), np.cos(np.radians(toward))])
            aside = np.array([-along[1], along[0]])
            wanted += share * half * normal @ along + np.hypot(half * normal @ along, flat * half * normal @ aside)
        outline = seedling.outline_m()
        assert (outline @ normal).max() == pytest.approx(wanted, rel=0.02, abs=0.05)
    assert shapely.Polygon(seedling.outline_m()).is_valid
    assert seedling.area_m2() == pytest.approx(shapely.Polygon(seedling.outline_m()).area)
    inside = seedling.outline_m().mean(axis=0)
    assert seedling.distance_m(inside[:1], inside[1:])[0] < 0.0
    assert seedling.distance_m(np.array([500.0]), np.array([0.0]))[0] > 0.0


def test_marching_squares_find_a_circle_and_its_neighbour() -> None:
    axis = np.arange(-20, 21) * 10.0
    east, north = np.meshgrid(axis, axis)
    field = np.minimum(np.hypot(east + 50, north) - 80.0, np.hypot(east - 120, north - 60) - 30.0)
    large, small = outlines(field, 10.0, axis[0], axis[0])
    assert shapely.Polygon(large).area == pytest.approx(np.pi * 80**2, rel=0.01)
    assert shapely.Polygon(small).area == pytest.approx(np.pi * 30**2, rel=0.03)
    assert np.array_equal(large[0], large[-1])
    assert np.hypot(large[:, 0] + 50, large[:, 1]) == pytest.approx(80.0, abs=0.5)
    assert outlines(np.ones((5, 5)), 10.0, 0.0, 0.0) == []


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_every_field_has_valid_closed_outlines(seed: int) -> None:
    field = np.random.default_rng(seed).standard_normal((9, 11))
    rings = outlines(field, 1.0, 0.0, 0.0)
    assert rings or not (field < 0).any()
    for ring in rings:
        assert np.array_equal(ring[0], ring[-1])
        assert shapely.Polygon(ring).is_valid
    areas = [shapely.Polygon(ring).area for ring in rings]
    assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize("wind_deg", [270.0, 225.0, 250.0])
def test_a_fire_on_even_ground_grows_into_the_systems_ellipse(wind_deg: float) -> None:
    air = FOEHN._replace(wind_deg=wind_deg)
    fire = burn(even_fire(), 5_400.0, air)
    toward = wind_deg - 180.0
    # 28.3 m/min once up to speed; from a point it takes 1/0.115 min of way to get there.
    head_m = 28.27 * (90.0 - 1.0 / 0.115)
    assert reach(fire, toward) == pytest.approx(head_m, rel=0.10)
    # The ellipse is 5 times as long as wide, the grid makes it a little rounder.
    width_m = reach(fire, toward + 90) + reach(fire, toward - 90)
    assert 3.8 < (reach(fire, toward) + reach(fire, toward + 180)) / width_m < 6.0
    assert fire.area_ha == pytest.approx(shapely.Polygon(fire.outlines_m()[0]).area / 1e4, rel=0.05)


def test_a_calm_fire_is_round_and_slow_and_runs_uphill() -> None:
    calm = MILD._replace(wind_kmh=0.0)
    flat = burn(even_fire(even_grid(2_000.0)), 10_800.0, calm, dt_s=600.0)
    reaches = [reach(flat, toward) for toward in range(0, 360, 45)]
    assert max(reaches) / min(reaches) < 1.1
    assert 0.15 < max(reaches) / 180.0 < 1.0
    hill = burn(even_fire(even_grid(2_000.0, slope_east=0.4)), 10_800.0, calm, dt_s=600.0)
    assert reach(hill, 90.0) > 2.0 * reach(hill, 270.0)
    assert reach(hill, 90.0) > 1.5 * max(reaches)


def test_a_shift_of_the_wind_turns_the_flank_into_a_head() -> None:
    fire = burn(even_fire(), 3_600.0)
    north_before, area_before = reach(fire, 0.0), fire.area_ha
    shifted = burn(even_fire(), 3_600.0)
    burn(fire, 1_800.0)
    burn(shifted, 1_800.0, FOEHN._replace(wind_deg=180.0))
    assert reach(fire, 0.0) < 2.0 * north_before
    assert reach(shifted, 0.0) > north_before + 500.0
    # Föhn on the long flank burns more than on the head.
    assert shifted.area_ha - area_before > 1.5 * (fire.area_ha - area_before)


def test_arrivals_are_in_order_along_the_run_and_match_the_outline() -> None:
    fire = burn(even_fire(), 3_600.0)
    lon, lat = fire.grid.frame.to_degrees(np.arange(100.0, 1_300.0, 90.0), np.zeros(14))
    arrival = fire.arrival_at_s(lon, lat)
    assert np.all(np.diff(arrival) > 0.0)
    assert np.all((arrival > 0.0) & (arrival <= 3_600.0))
    assert np.isnan(fire.arrival_at_s(*fire.grid.frame.to_degrees(3_000.0, 0.0)))
    assert np.isnan(fire.arrival_at_s(0.0, 0.0))
    assert fire.distance_m(lon, lat) == pytest.approx(0.0)
    east, north = np.meshgrid(fire.grid.axis_m, fire.grid.axis_m)
    inside = shapely.contains_xy(shapely.Polygon(fire.outlines_m()[0]), east, north)
    assert np.mean(inside == np.isfinite(fire.arrival_s)) > 0.998
    assert np.nanmax(fire.arrival_s) <= fire.time_s


def test_the_same_calls_in_other_lengths_give_the_same_fire() -> None:
    grid = even_grid(2_000.0)
    coarse, fine, odd = even_fire(grid), even_fire(grid), even_fire(grid)
    burn(coarse, 2_400.0, dt_s=120.0)
    burn(fine, 2_400.0, dt_s=5.0)
    burn(odd, 2_400.0, dt_s=7.5)
    for other in (fine, odd):
        assert np.array_equal(coarse.arrival_s, other.arrival_s, equal_nan=True)
        assert coarse.area_ha == other.area_ha
        assert coarse.perimeter() == other.perimeter()
        assert coarse.consumption_kg_s == other.consumption_kg_s


@settings(deadline=None, max_examples=4)
@given(
    airs=st.lists(
        st.builds(
            FireAir,
            wind_kmh=st.floats(0, 90),
            wind_deg=st.floats(0, 360),
            rh_pct=st.floats(5, 100),
            temp_c=st.floats(-5, 35),
            rain_mm_h=st.sampled_from([0.0, 0.0, 3.0]),
        ),
        min_size=3,
        max_size=6,
    )
)
def test_a_fire_only_grows_and_never_unburns(airs: list[FireAir]) -> None:
    fire = even_fire(even_grid(1_200.0))
    area, came = 0.0, fire.arrival_s.copy()
    for air in airs:
        burn(fire, 600.0, air, dt_s=60.0)
        assert fire.area_ha >= area - 1e-9
        known = np.isfinite(came)
        assert np.array_equal(fire.arrival_s[known], came[known])
        area, came = fire.area_ha, fire.arrival_s.copy()
        assert fire.consumption_kg_s >= 0.0
        for ring in fire.outlines_m():
            assert shapely.Polygon(ring).is_valid


def test_nothing_burns_where_nothing_can() -> None:
    grid = even_grid(2_000.0)
    column = int(np.searchsorted(grid.axis_m, 500.0))
    grid.fuel[:, column : column + 5] = BARE
    grid.share[:, column : column + 5] = 0.0
    fire = burn(even_fire(grid), 5_400.0)
    assert np.isfinite(fire.arrival_s[:, :column]).any()
    assert np.isnan(fire.arrival_s[:, column:]).all()


def test_rain_and_fighting_stop_a_fire_and_it_is_out_at_its_time() -> None:
    fire = burn(even_fire(attack_s=1_800.0, until_s=5_400.0), 1_800.0)
    fast = fire.area_ha
    burn(fire, 1_800.0)
    assert fire.vigour == pytest.approx(0.5)
    assert fire.area_ha > fast
    burn(fire, 1_800.0)
    assert fire.out
    assert fire.vigour == 0.0
    assert fire.consumption_kg_s == 0.0
    assert len(fire.burning_cells().age_s) == 0
    at_end = fire.area_ha
    assert burn(fire, 600.0).area_ha == at_end

    free = burn(even_fire(), 4_200.0)
    assert at_end < 0.9 * free.area_ha
    wet = burn(burn(even_fire(), 1_800.0), 3_600.0, FOEHN._replace(rain_mm_h=8.0, rh_pct=95.0))
    assert wet.area_ha < 1.7 * fast


def test_a_fire_waits_for_its_time_and_may_be_older_than_the_run() -> None:
    later = burn(even_fire(from_s=600.0), 600.0)
    assert not later.started
    assert later.perimeter() == ()
    assert later.distance_m(*PLACE) == np.inf
    assert burn(later, 300.0).started
    older = even_fire(from_s=-1_200.0)
    older.step(30.0, FOEHN)
    assert older.steps == 41
    assert older.area_ha == pytest.approx(burn(even_fire(), 1_230.0).area_ha)


def test_the_perimeter_is_a_closed_ring_around_the_start() -> None:
    for minutes in (2.0, 10.0, 60.0):
        fire = burn(even_fire(), 60.0 * minutes)
        ring = fire.perimeter()
        assert ring[0] == ring[-1]
        assert len(ring) > 8
        east, _ = fire.grid.frame.to_plane(*np.asarray(ring).T)
        assert east.max() > -2.0 * east.min()
        assert shapely.Polygon(ring).buffer(1e-6).contains(shapely.Point(PLACE))
        assert len(fire.burning_cells().lon_deg) > 0


@pytest.mark.parametrize(
    ("air", "text"),
    [
        (FOEHN._replace(rh_pct=120.0), "air.rh_pct: expected 0 to 100, was 120.0"),
        (FOEHN._replace(wind_kmh=float("nan")), "air.wind_kmh: expected 0 to 400, was nan"),
    ],
)
def test_air_that_is_none_is_refused(air: FireAir, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        even_fire().step(30.0, air)
    with pytest.raises(ValueError, match="dt_s: expected a time of at least 0 s, was -1"):
        even_fire().step(-1.0, FOEHN)


def test_fires_in_a_region_start_on_ground_that_burns() -> None:
    region = hilly_region()
    fire = Wildfire.build(ignition(), region, 3)
    burn(fire, 1_800.0)
    assert fire.area_ha > 1.0
    with pytest.raises(ScenarioError, match="ignition F: position: expected ground that burns, was water"):
        Wildfire.build(ignition(position=(128.45, 37.0)), region, 3)
    with pytest.raises(ScenarioError, match="until_s: expected more than from_s = 0, was 0"):
        Wildfire.build(ignition(until_s=0.0), region, 3)
    with pytest.raises(ScenarioError, match="attack_s: expected at least from_s = 0, was -5"):
        Wildfire.build(ignition(attack_s=-5.0), region, 3)


def test_the_forest_is_the_regions_not_the_fires() -> None:
    region = hilly_region()
    here = FuelGrid.around(spot(6_000, 6_000), region, 3)
    there = FuelGrid.around(spot(6_000 + 40 * CELL_M, 6_000), region, 3)
    assert np.mean(here.fuel[:, 40:] == there.fuel[:, :-40]) > 0.99
    other = FuelGrid.around(spot(6_000, 6_000), region, 4)
    assert np.mean(here.fuel == other.fuel) < 0.8
    shares = np.bincount(here.fuel.ravel(), minlength=5) / here.fuel.size
    assert np.all(shares[1:4] > 0.12)
    roads, village = here.share[:, len(here.axis_m) // 2], here.frame.to_plane(*spot(8_000, 2_200))
    assert 0.0 < roads.min() < 1.0
    column, row = (round(float(part) / CELL_M) + len(here.axis_m) // 2 for part in village)
    assert here.share[row, column] == pytest.approx(CLEARED_SHARE)
    flat = FuelGrid.around(PLACE, small_region(terrain=None), 3)
    assert set(np.unique(flat.fuel)) == {2}


def test_brands_fly_with_the_wind_rarely_and_by_seed() -> None:
    grid = even_grid(4_000.0)
    n = len(grid.axis_m)
    rows, columns = np.full(1_000, n // 2), np.full(1_000, n // 2)
    unburnt = np.ones((n, n), dtype=np.bool_)

    def spots(seed: int, air: FireAir, moisture: float = 7.0) -> list[tuple[int, int]]:
        spotting = Spotting(stream(seed, "spotting"))
        landed = [spotting.land(grid, (rows, columns), unburnt, air, moisture, 30.0) for _ in range(2_000)]
        return [(spot.row - n // 2, spot.column - n // 2) for spot in landed if spot is not None]

    found = spots(1, FOEHN)
    assert found == spots(1, FOEHN)
    assert found != spots(2, FOEHN)
    # 0.9 km² for 1,000 minutes at 6 per km² and hour.
    assert len(found) == pytest.approx(90, abs=35)
    away = np.array(found) * CELL_M
    assert np.all(away[:, 1] > 0)
    assert 100.0 < np.median(away[:, 1]) < 600.0
    assert np.abs(away).max() <= 2_000.0 + CELL_M
    assert spots(1, MILD) == []
    assert spots(1, FOEHN, moisture=15.0) == []


def test_a_brand_starts_a_second_fire() -> None:
    fire = even_fire()
    burn(fire, 1_800.0)
    assert len(fire.outlines_m()) == 1
    n = len(fire.grid.axis_m) // 2
    landed = iter([(n + 40, n + 20)])
    fire.spotting.land = lambda *args: next(landed, None)  # type: ignore[method-assign]
    burn(fire, 600.0)
    assert len(fire.outlines_m()) == 2
    assert fire.arrival_s[n + 40, n + 20] == pytest.approx(1_800.0, abs=60.0)


def test_grass_runs_ahead_of_pine() -> None:
    pine = burn(even_fire(even_grid(fuel=CONIFER)), 1_500.0)
    grass = burn(even_fire(even_grid(fuel=GRASS)), 1_500.0)
    assert reach(grass, 90.0) > 2.5 * reach(pine, 90.0) > 700.0
    areas = [burn(even_fire(even_grid(fuel=GRASS)), minutes * 60.0).area_ha for minutes in (4, 8, 12)]
    assert all(later > 2.0 * sooner for sooner, later in pairwise(areas))
