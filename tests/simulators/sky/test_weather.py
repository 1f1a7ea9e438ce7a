"""Weather over a region: storms, fog, wind, the course of a day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.geometry import GEOD
from simulators.world.happenings import FogBank, Storm, WindChange
from simulators.world.sky.air import Air, Places
from simulators.world.sky.climate import Climate
from simulators.world.sky.field import WeatherField
from simulators.world.sky.rain import PATCH_LIMIT, PATCH_SPREAD, UPLIFT_PER_KM

BBOX = (128.0, 37.0, 129.0, 38.0)
CENTRE = (128.3, 37.5)
STORM = Storm("s", CENTRE, 600.0, 600.0 + 6 * 3_600.0, 50.0, 8_000.0, 90.0, 18.0)


def field(climate: Climate | None = None, seed: int = 5, day: int = 200, hour: float = 0.0, **coming) -> WeatherField:
    return WeatherField(
        climate or Climate(), **coming, bbox=BBOX, day_of_year=day, time_of_day_s=hour * 3_600.0, seed=seed
    )


def places(east_m, north_m=0.0, elevation_m=0.0, start=CENTRE) -> Places:
    east, north, height = np.broadcast_arrays(*np.atleast_1d(east_m, north_m, elevation_m))
    lon, lat, _ = GEOD.fwd(np.full(len(east), start[0]), np.full(len(east), start[1]), np.full(len(east), 90.0), east)
    lon, lat, _ = GEOD.fwd(lon, lat, np.zeros(len(east)), north)
    return Places(np.asarray(lon), np.asarray(lat), height.astype(float))


AREA = Places(
    *(axis.ravel() for axis in np.meshgrid(np.linspace(128, 129, 60), np.linspace(37, 38, 60))), np.zeros(3600)
)


def at(weather: WeatherField, time_s: float, where: Places) -> Air:
    if time_s > weather.time_s:
        weather.step(time_s - weather.time_s)
    return weather.at(where)


def test_a_storm_travels_at_its_speed_in_its_direction_and_comes_and_goes() -> None:
    weather = field(storms=(replace(STORM, radius_m=5_000.0),))
    middles = []
    for time_s in (300.0, 4_200.0, 9_000.0, 23_000.0):
        rain = at(weather, time_s, AREA).rain_mm_h
        middles.append((rain @ AREA.lon_deg / rain.sum(), rain @ AREA.lat_deg / rain.sum()) if rain.any() else None)
    assert middles[0] is None
    assert middles[3] is None
    azimuth, _, moved_m = GEOD.inv(*middles[1], *middles[2])
    assert moved_m == pytest.approx(24_000.0, rel=0.15)
    assert azimuth == pytest.approx(90.0, abs=12.0)


def test_rain_in_a_storm_is_patchy_but_of_its_strength() -> None:
    weather = [field(storms=(replace(STORM, speed_kmh=0.0),), seed=seed) for seed in range(40)]
    rain = np.array([at(one, 10_800.0, places([0.0, 5_000.0, -5_000.0])).rain_mm_h for one in weather])
    assert rain[:, 0].mean() == pytest.approx(50.0, rel=0.15)
    assert rain.max() < 50.0 * np.exp(PATCH_LIMIT * PATCH_SPREAD)
    # Two places 5 km apart hardly know of each other.
    assert abs(np.corrcoef(rain[:, 0], rain[:, 1])[0, 1]) < 0.5
    assert np.abs(rain[:, 0] - rain[:, 1]).mean() > 10.0


def test_rain_of_a_place_swells_and_fades_without_jumps() -> None:
    weather = field(storms=(STORM,))
    here = places(20_000.0)
    rain = np.array([at(weather, time_s, here).rain_mm_h[0] for time_s in np.arange(30.0, 9_000.0, 30.0)])
    assert rain.max() > 25.0
    assert rain[-1] < 0.5 * rain.max()
    assert np.abs(np.diff(rain)).max() < 6.0


def test_mountains_get_more_of_the_rain() -> None:
    low, high = (at(field(Climate(rain_mm_h=5.0)), 600.0, replace(AREA, elevation_m=np.full(3600, e))).rain_mm_h
                 for e in (0.0, 800.0))  # fmt: skip
    assert low.mean() == pytest.approx(5.0, rel=0.15)
    assert high == pytest.approx(low * (1.0 + 0.8 * UPLIFT_PER_KM))


def test_weather_depends_on_neither_the_steps_nor_the_other_places() -> None:
    coming = {
        "storms": (STORM,),
        "fogs": (FogBank("f", CENTRE, 9_000.0, 80.0, 0.0, 20_000.0),),
        "winds": (WindChange(3_600.0, 1_800.0, 60.0, 250.0, 20.0, 25.0),),
    }
    one, other = field(**coming), field(**coming)
    for _ in range(240):
        one.step(30.0)
    other.step(7_200.0)
    alone, among = one.at(places(3_000.0, 500.0)), other.at(places([9_000.0, 3_000.0], 500.0))
    for few, many in zip(alone, among, strict=True):
        assert few[0] == many[1]
    assert not np.array_equal(field(seed=6, **coming).at(AREA).wind_kmh, field(**coming).at(AREA).wind_kmh)


def test_afternoons_are_warm_and_dry_nights_cool_and_moist() -> None:
    weather = field(Climate(temp_c=14.0, temp_swing_c=6.0), day=100)
    here = places(np.zeros(3), 0.0, [0.0, 500.0, 1_000.0])
    day = [at(weather, 600.0 * step, here) for step in range(1, 145)]
    temp, humidity = (np.array([getattr(air, name) for air in day]) for name in ("temp_c", "rh_pct"))
    assert temp[84:92].mean() - temp[24:34].mean() > 6.0
    assert humidity[24:34].mean() - humidity[84:92].mean() > 15.0
    assert temp.mean(axis=0)[0] - temp.mean(axis=0)[2] == pytest.approx(6.5, abs=0.1)
    assert temp[:, 0].mean() == pytest.approx(14.0, abs=1.0)


def test_rain_cools_and_moistens_the_air_and_takes_the_sun_away() -> None:
    dry, wet = field(hour=14.0, day=100), field(hour=14.0, day=100, storms=(replace(STORM, from_s=-9_000.0),))
    here = places(42_000.0)
    assert at(wet, 60.0, here).rain_mm_h[0] > 10.0
    assert at(wet, 60.0, here).temp_c[0] < at(dry, 60.0, here).temp_c[0] - 1.0
    assert at(wet, 60.0, here).rh_pct[0] > 80.0
    assert wet.sun(here).irradiance_w_m2[0] < 0.4 * dry.sun(here).irradiance_w_m2[0]


def test_a_foehn_brings_wind_from_its_side_and_dry_warm_air() -> None:
    change = WindChange(3_600.0, 3_600.0, 60.0, 250.0, rh_pct=15.0, temp_c=24.0)
    weather, usual = field(hour=9.0, day=110, winds=(change,)), field(hour=9.0, day=110)
    before = at(weather, 3_600.0, AREA)
    assert before.temp_c == pytest.approx(at(usual, 3_600.0, AREA).temp_c)
    after = at(weather, 7_200.0, AREA)
    assert after.temp_c.mean() == pytest.approx(24.0, abs=1.2)
    assert after.rh_pct.mean() == pytest.approx(15.0, abs=3.0)
    assert after.wind_kmh.mean() == pytest.approx(60.0, rel=0.2)
    assert np.degrees(np.angle(np.exp(1j * np.radians(after.wind_deg - 250.0)).mean())) == pytest.approx(0, abs=25)
    halfway = at(field(hour=9.0, day=110, winds=(change,)), 5_400.0, AREA)
    assert before.temp_c.mean() < halfway.temp_c.mean() < after.temp_c.mean()
    # Dry air that sank is colder above by 9.8 degrees per km.
    up = places([0.0, 0.0], 0.0, [0.0, 1_000.0])
    assert np.diff(weather.at(up).temp_c) == pytest.approx(-9.8)


def test_fog_is_thickest_in_its_middle_and_its_time() -> None:
    weather = field(fogs=(FogBank("f", CENTRE, 5_000.0, 80.0, 0.0, 14_400.0),))
    line = places([0.0, 3_500.0, 8_000.0])
    rising = at(weather, 1_800.0, line).visibility_m[0]
    thick = at(weather, 7_200.0, line)
    lifting = at(weather, 13_500.0, line).visibility_m[0]
    assert thick.visibility_m[0] == pytest.approx(80.0, rel=0.02)
    assert thick.visibility_m[0] < thick.visibility_m[1] < 2_000.0 < thick.visibility_m[2]
    assert 80.0 < rising < 400.0
    assert lifting > rising
    assert thick.rh_pct[0] >= 98.0


def test_heavy_rain_hides_the_road() -> None:
    weather = field(storms=(replace(STORM, peak_mm_h=80.0, speed_kmh=0.0),))
    air = at(weather, 10_800.0, places(0.0))
    assert 300.0 < air.visibility_m[0] < 1_500.0


@settings(deadline=None, max_examples=40)
@given(
    temp=st.floats(-40, 45), swing=st.floats(0, 15), rh=st.floats(0, 100), wind=st.floats(0, 150),
    rain=st.floats(0, 150), seed=st.integers(0, 999), day=st.integers(1, 366), hour=st.floats(0, 23.9),
    later=st.floats(1, 200_000), elevation=st.floats(-50, 2_000),
)  # fmt: skip
def test_weather_stays_within_what_air_can_be(
    temp: float, swing: float, rh: float, wind: float, rain: float, seed: int, day: int, hour: float, later: float,
    elevation: float,
) -> None:  # fmt: skip
    climate = Climate(temp_c=temp, temp_swing_c=swing, rh_pct=rh, wind_kmh=wind, rain_mm_h=rain)
    storm = Storm("s", CENTRE, 0.0, 90_000.0, 150.0, 9_000.0, 10.0, 3.0)
    fog = FogBank("f", CENTRE, 4_000.0, 30.0, 0.0, 90_000.0)
    weather = field(climate, seed, day, hour, storms=(storm,), fogs=(fog,))
    air = at(weather, later, places(np.linspace(-20_000, 20_000, 9), 0.0, elevation))
    assert all(np.isfinite(column).all() for column in air)
    assert np.all((air.rh_pct > 0) & (air.rh_pct <= 100))
    assert np.all((air.wind_deg >= 0) & (air.wind_deg < 360))
    assert np.all(air.wind_kmh >= 0)
    assert np.all(air.rain_mm_h >= 0)
    assert np.all((air.visibility_m > 0) & (air.visibility_m <= 20_000.0))
    assert np.all(np.abs(air.temp_c) < 90)
    sun = weather.sun(places(np.linspace(-20_000, 20_000, 9)))
    assert np.all((sun.irradiance_w_m2 >= 0) & (sun.irradiance_w_m2 < 1_100))


@pytest.mark.parametrize(
    ("coming", "message"),
    [
        ({"storms": (replace(STORM, radius_m=0.0),)}, "storm s: radius_m: expected a number above 0, was 0.0"),
        ({"storms": (replace(STORM, until_s=0.0),)}, "storm s: until_s: expected a number after from_s = 600.0, was 0"),
        ({"fogs": (FogBank("f", CENTRE, 1.0, 0.0, 0.0, 1.0),)}, "fog f: visibility_m: expected .* was 0.0"),
        ({"winds": (WindChange(0.0, 1.0, -5.0, 0.0),)}, r"winds\[0\].wind_kmh: expected 0 to 200, was -5.0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(coming: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        field(**coming)


def test_a_day_and_a_step_have_to_be_some() -> None:
    with pytest.raises(ValueError, match="day_of_year: expected 1 to 366, was 0"):
        field(day=0)
    with pytest.raises(ValueError, match=r"time_of_day_s: expected 0 to below 86400, was 86400\.0"):
        field(hour=24.0)
    with pytest.raises(ValueError, match="dt_s: expected a number above 0, was 0"):
        field().step(0.0)
