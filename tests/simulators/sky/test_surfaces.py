"""Road surfaces: warmth, water, ice and snow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world.sky.air import Air, Places, Sun
from simulators.world.sky.surfaces import DRY, ICE, MOIST, ROAD_STATES, SNOW, TEXTURE_MM, WET, Surfaces

ONE = Places(np.array([128.0]), np.array([37.0]), np.array([100.0]))


def air(temp_c: float = 12.0, rh_pct: float = 60.0, wind_kmh: float = 8.0, rain_mm_h: float = 0.0) -> Air:
    return Air(*(np.array([float(value)]) for value in (temp_c, rh_pct, wind_kmh, 270.0, rain_mm_h, 10_000.0)))


def sun(irradiance_w_m2: float = 0.0, cloud_frac: float = 0.2) -> Sun:
    return Sun(np.array([irradiance_w_m2]), np.array([cloud_frac]))


def run(surface: Surfaces, hours: float, weather: Air, sky: Sun) -> Surfaces:
    for _ in range(int(hours * 120)):
        surface.step(30.0, weather, sky)
    return surface


def test_asphalt_is_hot_in_the_sun_and_colder_than_the_air_on_a_clear_night() -> None:
    noon = run(Surfaces(ONE, air(25.0), sun(900.0)), 3.0, air(25.0), sun(900.0))
    assert 40.0 < noon.surface_c[0] < 62.0
    clear = run(Surfaces(ONE, air(2.0), sun()), 8.0, air(2.0, wind_kmh=4.0), sun())
    covered = run(Surfaces(ONE, air(2.0), sun()), 8.0, air(2.0, wind_kmh=4.0), sun(cloud_frac=1.0))
    assert -5.0 < clear.surface_c[0] < 0.5
    assert clear.surface_c[0] < covered.surface_c[0] - 2.0


def test_warmth_is_remembered_for_an_hour_not_for_a_minute() -> None:
    surface = run(Surfaces(ONE, air(25.0), sun(900.0)), 1.0, air(25.0), sun(900.0))
    hot = surface.surface_c[0]
    run(surface, 1 / 60, air(25.0), sun())
    assert surface.surface_c[0] > hot - 2.0
    run(surface, 4.0, air(25.0), sun())
    assert surface.surface_c[0] < hot - 15.0


def test_a_road_wets_in_rain_stays_wet_after_it_and_dries() -> None:
    surface = Surfaces(ONE, air(), sun())
    assert surface.road_state[0] == DRY
    states = []
    run(surface, 1.0, air(rain_mm_h=10.0, rh_pct=95), sun(cloud_frac=1.0))
    deep_mm = surface.film_mm[0]
    states.append(int(surface.road_state[0]))
    assert 0.5 < deep_mm < 1.2
    run(surface, 0.5, air(rh_pct=70.0), sun(300.0))
    states.append(int(surface.road_state[0]))
    assert surface.film_mm[0] < TEXTURE_MM + 0.1
    while surface.film_mm[0] >= 0.1:
        run(surface, 1 / 12, air(rh_pct=60.0), sun(400.0))
    states.append(int(surface.road_state[0]))
    run(surface, 3.0, air(rh_pct=60.0), sun(400.0))
    states.append(int(surface.road_state[0]))
    assert states == [WET, WET, MOIST, DRY]


def test_more_rain_makes_a_deeper_film_of_the_depth_that_manning_gives() -> None:
    depths = [
        run(Surfaces(ONE, air(), sun()), 0.5, air(rain_mm_h=rain, rh_pct=100.0), sun(cloud_frac=1.0)).film_mm[0]
        for rain in (5.0, 50.0)
    ]
    # h = (n L R / √S)^0.6 with n = 0.016, L = 8 m, S = 2 %.
    expected = [TEXTURE_MM + 1_000.0 * (0.016 * 8.0 * rain / 3.6e6 / 0.02**0.5) ** 0.6 for rain in (5.0, 50.0)]
    assert depths == pytest.approx(expected, abs=0.03)


def test_a_wet_road_freezes_and_thaws() -> None:
    dull = sun(cloud_frac=1.0)
    surface = run(Surfaces(ONE, air(3.0), dull), 0.5, air(3.0, 95.0, rain_mm_h=2.0), dull)
    assert surface.road_state[0] == WET
    run(surface, 5.0, air(-4.0, 70.0), sun())
    assert surface.surface_c[0] < 0
    assert surface.road_state[0] == ICE
    run(surface, 6.0, air(6.0), sun(500.0))
    assert surface.road_state[0] in {DRY, MOIST, WET}


def test_a_clear_night_frosts_a_dry_road() -> None:
    surface = run(Surfaces(ONE, air(0.5, 97.0), sun()), 8.0, air(0.5, 97.0, 5.0), sun(cloud_frac=0.0))
    assert surface.surface_c[0] < 0
    assert ROAD_STATES[surface.road_state[0]] == "ice"
    assert surface.dried_mm[0] < 0


def test_snow_lies_on_a_cold_road() -> None:
    surface = run(Surfaces(ONE, air(-3.0), sun()), 1.0, air(-3.0, 95.0, rain_mm_h=2.0), sun(cloud_frac=1.0))
    assert surface.road_state[0] == SNOW
    assert surface.snow_mm[0] == pytest.approx(2.0, abs=0.1)


@settings(deadline=None, max_examples=30)
@given(
    temp=st.floats(-30, 45), rh=st.floats(1, 100), wind=st.floats(0, 200), rain=st.floats(0, 200),
    irradiance=st.floats(0, 1_050), cloud=st.floats(0, 1), dt_s=st.floats(1, 300), later=st.floats(-20, 40),
)  # fmt: skip
def test_no_water_is_lost_or_made_and_temperatures_stay_sane(
    temp: float, rh: float, wind: float, rain: float, irradiance: float, cloud: float, dt_s: float, later: float
) -> None:
    surface = Surfaces(ONE, air(temp, rh, wind, rain), sun(irradiance, cloud))
    before = surface.film_mm + surface.ice_mm + surface.snow_mm
    for step in range(40):
        if step < 20:
            surface.step(dt_s, air(temp, rh, wind, rain), sun(irradiance, cloud))
        else:
            surface.step(dt_s, air(later, rh, wind, 0.0), sun(irradiance, cloud))
    held = surface.film_mm + surface.ice_mm + surface.snow_mm
    assert surface.rain_mm - surface.runoff_mm - surface.dried_mm + before == pytest.approx(held, abs=1e-8)
    for water in (surface.film_mm, surface.ice_mm, surface.snow_mm, surface.runoff_mm):
        assert np.all(water >= 0)
    assert -60 < surface.surface_c[0] < 100


@pytest.mark.parametrize(("temp", "rh", "irradiance"), [(44.0, 75.0, 299.0), (45.0, 1.0, 1_050.0), (40.0, 100.0, 0.0)])
def test_a_wet_road_in_calm_hot_air_begins_in_balance(temp: float, rh: float, irradiance: float) -> None:
    hot = air(temp, rh, 0.0, 0.01)
    begun = Surfaces(ONE, hot, sun(irradiance, 0.0))
    # Half a minute later the film is what it was, so the temperature is too.
    later = run(Surfaces(ONE, hot, sun(irradiance, 0.0)), 30.0 / 3_600.0, hot, sun(irradiance, 0.0))
    assert later.surface_c[0] == pytest.approx(begun.surface_c[0], abs=0.5)
    assert temp - 25.0 < begun.surface_c[0] < temp + 40.0


def test_a_bad_step_is_refused() -> None:
    surface = Surfaces(ONE, air(), sun())
    with pytest.raises(ValueError, match="dt_s: expected a number above 0, was -1"):
        surface.step(-1.0, air(), sun())
    with pytest.raises(ValueError, match=r"expected shape \(1,\), was \(2,\)"):
        surface.step(1.0, Air(*(np.zeros(2) for _ in range(6))), sun())
