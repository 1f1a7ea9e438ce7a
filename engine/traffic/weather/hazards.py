"""From what a station measures to the level of each hazard, all stations at once."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.findings import HazardLevel
from engine.traffic.weather.air import dew_point_c, frost_point_c, stopping_speed_kmh
from engine.traffic.weather.thresholds import RoadWeatherThresholds
from sensors.columns import ROAD_STATES

Floats = NDArray[np.float64]
Levels = NDArray[np.int8]

UNKNOWN = -1
"""Level of what is not measured. Not known is not fine."""
_MOIST, _WET, _SNOW, _ICE = (ROAD_STATES.index(name) for name in ("moist", "wet", "snow", "ice"))
_NO_WORD = (-1, ROAD_STATES.index("unknown"))
_SPEED_STEP_KMH = 10.0
_LEAST_SPEED_KMH = 20.0


class Hazard(enum.StrEnum):
    """What a road can suffer from the weather, in the order of the columns of levels."""

    FOG = "fog"
    ICING = "icing"
    FLOODING = "flooding"
    WIND = "wind"


HAZARDS = tuple(Hazard)


@dataclass(frozen=True)
class Conditions:
    """What is known of each station's place, shape (n,), float64; NaN = not known.

    ``road_state`` is a place in ``sensors.columns.ROAD_STATES`` or -1. ``surface_trend_c_h`` is the slope of the
    surface's temperature [°C/h] and ``surface_sigma_c_h`` its standard error.
    """

    visibility_m: Floats
    temp_c: Floats
    rh_pct: Floats
    surface_c: Floats
    surface_trend_c_h: Floats
    surface_sigma_c_h: Floats
    road_state: NDArray[np.int8]
    rain_1h_mm: Floats
    rain_3h_mm: Floats
    wind_m_s: Floats
    wind_deg: Floats

    @property
    def is_silent(self) -> NDArray[np.bool_]:
        """Where the sensor of the surface says nothing."""
        return np.asarray((self.road_state == _NO_WORD[0]) | (self.road_state == _NO_WORD[1]))

    def is_wet(self, thresholds: RoadWeatherThresholds) -> NDArray[np.bool_]:
        """Tell where there is water on the road, by its sensor or else by the rain of the last hour."""
        says = (self.road_state == _MOIST) | (self.road_state == _WET)
        silent = self.is_silent
        return np.asarray(says | (silent & (self.rain_1h_mm >= thresholds.wet_rain_mm.value)))

    def predicted_surface_c(self, thresholds: RoadWeatherThresholds) -> Floats:
        """Return the surface's temperature ``forecast_s`` from now where it falls for certain, else NaN. [°C]."""
        falls = self.surface_trend_c_h + 2.0 * self.surface_sigma_c_h < 0.0
        ahead_h = thresholds.forecast_s.value / 3600.0
        return np.asarray(np.where(falls, self.surface_c + ahead_h * self.surface_trend_c_h, np.nan))


def levels(now: Conditions, thresholds: RoadWeatherThresholds, *, holding: bool = False) -> Levels:
    """Grade every hazard.

    Parameters
    ----------
    now : Conditions
    thresholds : RoadWeatherThresholds
    holding : bool
        Whether steps are moved by the margins of return: what comes out then is the level down to which one may fall.

    Returns
    -------
    ndarray, shape (n, 4), int8
        0 = none, else a `HazardLevel`; ``UNKNOWN`` where what it takes is not measured. Columns as `HAZARDS`.

    Source
    ------
    Of each step: ``config/thresholds/traffic_weather.toml``. Joining surface, water and dew to icing: own construction.
    """
    share = thresholds.release_share.value if holding else 0.0
    shift_c = thresholds.release_c.value if holding else 0.0
    columns = (
        _fog(now, thresholds, 1.0 + share),
        _icing(now, thresholds, shift_c),
        _flooding(now, thresholds, 1.0 - share),
        _wind(now, thresholds, 1.0 - share),
    )
    return np.stack(columns, axis=1)


def _steps(values: Floats, limits: tuple[tuple[HazardLevel, float], ...]) -> Levels:
    level = np.zeros(len(values), dtype=np.int8)
    for step, limit in limits:
        level[values >= limit] = step
    level[np.isnan(values)] = UNKNOWN
    return level


def _fog(now: Conditions, t: RoadWeatherThresholds, scale: float) -> Levels:
    steps = (
        (HazardLevel.ATTENTION, t.fog_attention_m),
        (HazardLevel.CAUTION, t.fog_caution_m),
        (HazardLevel.ALERT, t.fog_alert_m),
        (HazardLevel.SERIOUS, t.fog_serious_m),
    )
    return _steps(-now.visibility_m, tuple((step, -limit.value * scale) for step, limit in steps))


def _wind(now: Conditions, t: RoadWeatherThresholds, scale: float) -> Levels:
    steps = (
        (HazardLevel.ATTENTION, t.wind_attention_m_s),
        (HazardLevel.CAUTION, t.wind_caution_m_s),
        (HazardLevel.ALERT, t.wind_alert_m_s),
        (HazardLevel.SERIOUS, t.wind_serious_m_s),
    )
    return _steps(now.wind_m_s, tuple((step, limit.value * scale) for step, limit in steps))


def _flooding(now: Conditions, t: RoadWeatherThresholds, scale: float) -> Levels:
    hour, three = now.rain_1h_mm / scale, now.rain_3h_mm / scale
    level = _steps(hour, ((HazardLevel.ATTENTION, t.rain_attention_1h_mm.value),))
    level[three >= t.rain_caution_3h_mm.value] = HazardLevel.CAUTION
    level[three >= t.rain_alert_3h_mm.value] = HazardLevel.ALERT
    both = (hour >= t.rain_serious_1h_mm.value) & (three >= t.rain_serious_with_3h_mm.value)
    level[both | (hour >= t.rain_extreme_1h_mm.value)] = HazardLevel.SERIOUS
    return level


def _icing(now: Conditions, t: RoadWeatherThresholds, shift_c: float) -> Levels:
    surface_c = now.surface_c - shift_c
    wet = now.is_wet(t)
    frost_c = frost_point_c(now.temp_c, now.rh_pct) + t.frost_margin_c.value
    predicted_c = now.predicted_surface_c(t) - shift_c
    soon = (predicted_c <= t.ice_c.value) & (surface_c <= t.forecast_below_c.value)
    level = np.zeros(len(surface_c), dtype=np.int8)
    level[np.isnan(surface_c) & now.is_silent] = UNKNOWN
    level[soon & (predicted_c <= frost_c)] = HazardLevel.ATTENTION
    level[soon & wet] = HazardLevel.CAUTION
    level[(surface_c <= t.ice_c.value) & (surface_c <= frost_c)] = HazardLevel.CAUTION
    level[wet & (surface_c <= t.near_ice_c.value)] = HazardLevel.CAUTION
    level[now.road_state == _SNOW] = HazardLevel.CAUTION
    level[wet & (surface_c <= t.ice_c.value)] = HazardLevel.ALERT
    level[now.road_state == _ICE] = HazardLevel.ALERT
    return level


def advised_speed_kmh(now: Conditions, limit_kmh: Floats, thresholds: RoadWeatherThresholds) -> Floats:
    """Return the speed that the law and what one sees leave of a speed limit.

    Parameters
    ----------
    now : Conditions
    limit_kmh : ndarray, shape (n,), float64
        NaN = NaN. [km/h]
    thresholds : RoadWeatherThresholds

    Returns
    -------
    ndarray, shape (n,), float64
        In steps of 10 down, at least 20; the limit itself where nothing is known to be wrong. [km/h]

    Source
    ------
    Enforcement Rule of the Road Traffic Act of Korea (도로교통법 시행규칙), article 19 (2): a fifth less on a wet
    road or under 20 mm of snow, half in rain, snow or fog with 100 m of visibility or less, on ice, and on more snow.
    Stations do not measure the depth of snow. Stopping sight distance: `stopping_speed_kmh`.
    """
    wet, half = thresholds.wet_reduction.value, thresholds.half_reduction.value
    blind = now.visibility_m <= thresholds.fog_alert_m.value
    frozen = (now.road_state == _ICE) | (now.is_wet(thresholds) & (now.surface_c <= thresholds.ice_c.value))
    slippery = now.is_wet(thresholds) | (now.road_state == _SNOW)
    by_law = limit_kmh * (1.0 - np.where(blind | frozen, half, np.where(slippery, wet, 0.0)))
    by_sight = stopping_speed_kmh(now.visibility_m, thresholds.reaction_s.value, thresholds.deceleration_m_s2.value)
    speed = np.fmin(by_law, by_sight)
    stepped = np.floor(speed / _SPEED_STEP_KMH + 1e-9) * _SPEED_STEP_KMH
    result = np.where(speed < limit_kmh, np.minimum(np.maximum(stepped, _LEAST_SPEED_KMH), limit_kmh), limit_kmh)
    return np.asarray(np.where(np.isnan(limit_kmh), np.nan, result))


def crosswind_m_s(wind_m_s: Floats, wind_deg: Floats, road_deg: Floats) -> Floats:
    """Return the part of the wind that blows across a road; NaN where a direction is not known. [m/s], [deg]."""
    return np.asarray(np.abs(wind_m_s * np.sin(np.radians(wind_deg - road_deg))))


def wetness_point_c(now: Conditions) -> Floats:
    """Return the temperature below which a surface takes water from the air: dew above 0 °C, frost below. [°C]."""
    dew = dew_point_c(now.temp_c, now.rh_pct)
    return np.asarray(np.where(dew < 0.0, frost_point_c(now.temp_c, now.rh_pct), dew))
