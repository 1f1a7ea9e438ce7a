"""Sun, vapour, noise and the plane: against figures worked out elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue.geometry import GEOD
from simulators.world.seeds import stream
from simulators.world.sky.air import Places, Plane, swell
from simulators.world.sky.climate import Climate
from simulators.world.sky.humidity import dew_point_c, saturation_hpa
from simulators.world.sky.noise import SmoothNoise
from simulators.world.sky.sun import DayCourse, clear_sky_w_m2, day_length_h, sine_of_height, under_cloud


@pytest.mark.parametrize(
    ("day", "height_deg"),
    [(81, 90 - 37.5), (172, 90 - 37.5 + 23.45), (355, 90 - 37.5 - 23.45)],
)
def test_the_noon_sun_stands_where_almanacs_say(day: int, height_deg: float) -> None:
    height = math.degrees(math.asin(sine_of_height(day, 37.5, 43_200.0)))
    assert height == pytest.approx(height_deg, abs=0.3)


def test_days_are_long_in_summer_and_the_sun_is_down_at_midnight() -> None:
    # Seoul: 14 h 45 min and 9 h 34 min with refraction, which makes a day about 10 min longer.
    assert day_length_h(172, 37.5) == pytest.approx(14.75, abs=0.25)
    assert day_length_h(355, 37.5) == pytest.approx(9.57, abs=0.25)
    assert sine_of_height(172, 37.5, 0.0) < 0
    assert clear_sky_w_m2(-0.2) == 0.0
    assert 900 < clear_sky_w_m2(math.sin(math.radians(75.0))) < 1_050


def test_cloud_takes_three_quarters_of_the_sun_at_most() -> None:
    left = under_cloud(1_000.0, np.array([0.0, 0.5, 1.0]))
    assert left == pytest.approx([1_000.0, 1_000.0 * (1 - 0.75 * 0.5**3.4), 250.0])


@given(day=st.integers(1, 366), latitude=st.floats(-60, 60))
def test_a_day_deviates_by_nothing_on_average_and_is_warmest_after_noon(day: int, latitude: float) -> None:
    course = DayCourse(day, latitude)
    hours = np.arange(0, 24, 0.1)
    deviation = np.array([course.at(hour * 3_600.0) for hour in hours])
    assert deviation.mean() == pytest.approx(0.0, abs=0.02)
    assert np.ptp(deviation) == pytest.approx(2.0, abs=0.03)
    assert 13.5 < hours[np.argmax(deviation)] < 14.5
    # Continuous, over midnight and sunrise too.
    assert np.abs(np.diff(np.append(deviation, deviation[0]))).max() < 0.35


def test_vapour_pressure_is_that_of_the_tables() -> None:
    # WMO tables: 6.11, 12.27, 23.37, 42.43 hPa.
    assert saturation_hpa([0.0, 10.0, 20.0, 30.0]) == pytest.approx([6.11, 12.27, 23.37, 42.43], rel=3e-3)


@given(st.floats(-40, 45))
def test_the_dew_point_undoes_saturation(temp_c: float) -> None:
    assert float(dew_point_c(saturation_hpa(temp_c))) == pytest.approx(temp_c, abs=1e-6)


def test_noise_is_standard_normal_everywhere_and_begins_again_at_its_period() -> None:
    fields = [SmoothNoise(stream(seed, "n"), (7, 5)) for seed in range(600)]
    for place in ((0.0, 0.0), (0.5, 0.5), (3.3, 1.8)):
        values = np.array([float(field.at(*place)) for field in fields])
        assert values.mean() == pytest.approx(0.0, abs=0.15)
        assert values.std() == pytest.approx(1.0, abs=0.1)
    line = np.linspace(0, 7, 50)
    assert fields[0].at(line, 1.2) == pytest.approx(fields[0].at(line + 14.0, 1.2 - 5.0), abs=1e-9)
    with pytest.raises(ValueError, match="expected 2 axes, was 1"):
        fields[0].at(line)


def test_metres_are_those_of_the_ellipsoid() -> None:
    plane = Plane.around((128.4, 37.4, 129.2, 38.1))
    east, north = plane.metres(np.array([129.1, 128.8]), np.array([37.75, 38.05]))
    assert east[0] == pytest.approx(GEOD.inv(128.8, 37.75, 129.1, 37.75)[2], rel=1e-4)
    assert north[1] == pytest.approx(GEOD.inv(128.8, 37.75, 128.8, 38.05)[2], rel=1e-4)
    with pytest.raises(ValueError, match="bbox: expected west < east"):
        Plane.around((129.0, 37.0, 128.0, 38.0))


def test_what_swells_is_full_in_the_middle_and_nothing_at_its_ends() -> None:
    assert [swell(time, 10.0, 30.0, 5.0) for time in (0.0, 10.0, 12.5, 20.0, 27.5, 30.0)] == [0, 0, 0.5, 1, 0.5, 0]


def test_places_are_of_one_length_and_are_numbers() -> None:
    with pytest.raises(ValueError, match=r"elevation_m: expected shape \(2,\), was \(1,\)"):
        Places(np.zeros(2), np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match="lat_deg: expected numbers, was nan at place 1"):
        Places(np.zeros(2), np.array([0.0, np.nan]), np.zeros(2))


def test_a_climate_without_temperature_takes_that_of_the_season() -> None:
    assert Climate().mean_temp_c(20) < 3 < 20 < Climate().mean_temp_c(210)
    assert Climate(temp_c=13.0).mean_temp_c(20) == 13.0
