"""The sun's height and its radiation, and the course of a day's temperature that follows it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_S = 86_400.0
_WARMEST_AFTER_NOON_H = 1.86
_NIGHT_DECAY = 2.20
"""Coefficients a and b for air at 1.5 m of Parton & Logan 1981, Agricultural Meteorology 23:205-216, table for Denver;
their c, the lag of the minimum behind sunrise, is -0.17 h and left out."""


def declination_rad(day_of_year: float) -> float:
    """Return the sun's declination: Cooper 1969, δ = 23.45° sin(2π (284 + n) / 365) [rad]."""
    return math.radians(23.45) * math.sin(2 * math.pi * (284 + day_of_year) / 365)


def day_length_h(day_of_year: float, latitude_deg: float) -> float:
    """Return the time from sunrise to sunset, cos ω = −tan φ tan δ, held to 1 to 23 h near the poles [h]."""
    cosine = -math.tan(math.radians(latitude_deg)) * math.tan(declination_rad(day_of_year))
    return min(max(24.0 / math.pi * math.acos(min(max(cosine, -1.0), 1.0)), 1.0), 23.0)


def sine_of_height(day_of_year: float, latitude_deg: float, solar_time_s: float) -> float:
    """Return the sine of the sun's height above the horizon, negative at night [-].

    sin h = sin φ sin δ + cos φ cos δ cos ω (any text on solar engineering, such as Duffie & Beckman, ch. 1), with the
    hour angle ω counted from noon of solar time [s since midnight].
    """
    latitude, declination = math.radians(latitude_deg), declination_rad(day_of_year)
    hour_angle = 2 * math.pi * (solar_time_s / DAY_S - 0.5)
    return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
        hour_angle
    )


def clear_sky_w_m2(sine_height: float) -> float:
    """Return global radiation on level ground under a clear sky [W/m²].

    Haurwitz 1945, Journal of Meteorology 2:154-166, in the form 1098 sin h · exp(−0.059 / sin h).
    """
    return 1_098.0 * sine_height * math.exp(-0.059 / sine_height) if sine_height > 0.001 else 0.0


def under_cloud(irradiance_w_m2: float, cloud_frac: Floats) -> Floats:
    """Return what is left of clear-sky radiation, 1 − 0.75 N^3.4: Kasten & Czeplak 1980, Solar Energy 24:177-189."""
    return np.asarray(irradiance_w_m2 * (1.0 - 0.75 * np.clip(cloud_frac, 0.0, 1.0) ** 3.4), dtype=np.float64)


class DayCourse:
    """Course of the air's temperature over a day, of mean 0 and range 2.

    A sine from sunrise to sunset, warmest 1.86 h after noon, and an exponential fall through the night, after Parton &
    Logan 1981; the fall is stretched so that it ends where the next day begins (own construction).
    """

    def __init__(self, day_of_year: float, latitude_deg: float) -> None:
        self._day_h = day_length_h(day_of_year, latitude_deg)
        self._mean = float(np.mean([self._raw(hour) for hour in np.arange(0.0, 24.0, 0.05)]))

    def _raw(self, hour: float) -> float:
        since_sunrise_h = (hour - 12.0 + self._day_h / 2) % 24.0
        rise = self._day_h + 2 * _WARMEST_AFTER_NOON_H
        if since_sunrise_h <= self._day_h:
            return math.sin(math.pi * since_sunrise_h / rise)
        night = (since_sunrise_h - self._day_h) / (24.0 - self._day_h)
        left = (math.exp(-_NIGHT_DECAY * night) - math.exp(-_NIGHT_DECAY)) / (1.0 - math.exp(-_NIGHT_DECAY))
        return math.sin(math.pi * self._day_h / rise) * left

    def at(self, solar_time_s: float) -> float:
        """Return the deviation from the day's mean at a solar time of day, −1 to 1 but for the mean's place [-]."""
        return 2.0 * (self._raw(solar_time_s % DAY_S / 3_600.0) - self._mean)
