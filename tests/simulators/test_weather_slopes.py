from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world import slopes, weather
from simulators.world.seeds import stream

SITES = weather.Sites.draw(np.array([0.0, 300.0, 900.0]), stream(1, "sites"))
NODES = slopes.Nodes.draw(5, stream(1, "nodes"))
ALL = np.arange(3)


def a_day(climate: weather.Climate, seed: int = 2) -> list[weather.WeatherReadings]:
    """Readings every 10 min of a day."""
    rng = stream(seed, "day")
    state = weather.start(SITES, climate, rng)
    readings = []
    while state.time_s < 86_400:
        state = weather.step(state, 30.0, SITES, climate, rng)
        if state.time_s % 600 == 0:
            readings.append(weather.read(state, SITES, climate, state.time_s, ALL, rng))
    return readings


def test_afternoons_are_warm_nights_moist_and_heights_cold() -> None:
    day = a_day(weather.Climate(temp_c=14.0, temp_swing_c=6.0))
    temperature = np.array([reading.temp_c for reading in day])
    afternoon, night = temperature[84:96].mean(), temperature[12:24].mean()
    assert 7.0 < afternoon - night < 16.0
    assert np.all(temperature.mean(axis=0)[:2] > temperature.mean(axis=0)[2])
    humidity = np.array([reading.rh_pct for reading in day])
    assert humidity[12:24].mean() > humidity[84:96].mean() + 10


def test_a_dry_day_keeps_counters_still_and_rain_only_raises_them() -> None:
    assert all(np.all(reading.rain_mm_total == 0.0) for reading in a_day(weather.Climate()))
    totals = np.array([reading.rain_mm_total for reading in a_day(weather.Climate(rain_mm_h=2.0))])
    assert np.all(np.diff(totals, axis=0) >= 0)
    assert np.all((totals[-1] > 24) & (totals[-1] < 90))
    tips = totals / weather.RAIN_TIP_MM
    assert tips == pytest.approx(np.round(tips), abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    temp=st.floats(-40, 45), rh=st.floats(0, 100), wind=st.floats(0, 150), rain=st.floats(0, 150),
    seed=st.integers(0, 999), day_s=st.floats(0, 86_399),
)  # fmt: skip
def test_readings_stay_within_the_wire_format(
    temp: float, rh: float, wind: float, rain: float, seed: int, day_s: float
) -> None:
    climate = weather.Climate(temp_c=temp, rh_pct=rh, wind_kmh=wind, rain_mm_h=rain)
    rng = stream(seed, "any")
    state = weather.step(weather.start(SITES, climate, rng), 30.0, SITES, climate, rng)
    reading = weather.read(state, SITES, climate, day_s, ALL, rng)
    assert np.all((reading.rh_pct >= 0) & (reading.rh_pct <= 100))
    assert np.all((reading.wind_deg >= 0) & (reading.wind_deg < 360))
    assert np.all(reading.wind_kmh >= 0)
    assert np.all(np.abs(reading.temp_c) < 100)
    assert np.all(np.abs(reading.road_surface_c) < 100)


def slope_run(rain_mm_h: float, creep: np.ndarray, hours: float) -> slopes.SlopeState:
    state = slopes.start(NODES)
    while state.time_s < hours * 3_600:
        state = slopes.step(state, 30.0, NODES, rain_mm_h, creep)
    return state


def tilts(state: slopes.SlopeState, count: int, temp_c: float = 13.0) -> np.ndarray:
    """Tilt vectors, shape (sample, node, 2)."""
    rng = np.random.default_rng(8)
    reads = [slopes.read(state, NODES, temp_c, 0.0, np.arange(5), rng) for _ in range(count)]
    return np.array([[r.tilt_x_deg, r.tilt_y_deg] for r in reads]).transpose(0, 2, 1)


def test_a_slope_at_rest_shows_the_noise_of_its_sensor_only() -> None:
    spread = tilts(slope_run(0.0, np.zeros(5), 6.0), 400).std(axis=0)
    assert spread == pytest.approx(slopes.TILT_NOISE_DEG, rel=0.2)


def test_a_creeping_node_tilts_at_its_rate_and_the_others_do_not() -> None:
    creep = np.array([0.0, 0.05, 0.0, 0.0, 0.0])
    moved = tilts(slope_run(0.0, creep, 4.0), 200).mean(axis=0) - tilts(slopes.start(NODES), 200).mean(axis=0)
    size = np.hypot(moved[:, 0], moved[:, 1])
    assert size[1] == pytest.approx(0.2, abs=0.002)
    assert np.all(np.delete(size, 1) < 0.001)


def test_rain_wets_from_above_raises_pressure_and_drains_again() -> None:
    wet = slope_run(20.0, np.zeros(5), 3.0)
    assert np.all(np.diff(wet.wetness_frac, axis=1) < 0)
    assert wet.rain_mm == pytest.approx(60.0 * NODES.rain_factor)
    rng = np.random.default_rng(1)
    pressure = slopes.read(wet, NODES, 13.0, 0.0, np.arange(5), rng).pore_pressure_kpa
    assert np.all(pressure > NODES.pressure_kpa + 1.0)
    later = wet
    for _ in range(2_880):
        later = slopes.step(later, 30.0, NODES, 0.0, np.zeros(5))
    assert np.all(later.wetness_frac < 0.9 * wet.wetness_frac)


@settings(deadline=None, max_examples=20)
@given(rain=st.floats(0, 150), hours=st.floats(0.1, 8))
def test_soil_never_holds_more_water_than_its_pores(rain: float, hours: float) -> None:
    state = slope_run(rain, np.zeros(5), hours)
    assert np.all(state.wetness_frac + NODES.dry_frac <= slopes.POROSITY_FRAC + 1e-12)
