"""Slowly varying weather over a region, and what stations measure of it. Own construction, after everyday climate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from simulators.world.demand import DAY_S

Floats = NDArray[np.float64]

LAPSE_C_PER_M = 0.0065
"""Fall of temperature with height: the standard atmosphere (ISO 2533) [°C/m]."""
RAIN_TIP_MM = 0.2
"""Rain per tip of the gauge's bucket, a usual size [mm]."""
DRYING_MM_H = 0.6
"""Water that a road loses in dry weather; own construction [mm/h]."""
MEMORY_S = 3_600.0
"""Time over which a spell of weather is forgotten; own construction [s]."""


class Climate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The day that the weather varies around."""

    temp_c: Annotated[float, Meta(ge=-40, le=45)] = 13.0
    """Mean of the day at sea level [°C]."""
    temp_swing_c: Annotated[float, Meta(ge=0, le=15)] = 5.0
    """Half the difference between afternoon and dawn [°C]."""
    rh_pct: Annotated[float, Meta(ge=0, le=100)] = 60.0
    wind_kmh: Annotated[float, Meta(ge=0, le=150)] = 9.0
    wind_deg: Annotated[float, Meta(ge=0, le=360)] = 270.0
    """Where the wind comes from, clockwise from north [deg]."""
    rain_mm_h: Annotated[float, Meta(ge=0, le=150)] = 0.0


@dataclass(frozen=True)
class Sites:
    """How the stations of a set differ from the region, each of shape (station,)."""

    elevation_m: Floats
    temp_offset_c: Floats
    rh_offset_pct: Floats
    wind_factor: Floats
    wind_offset_deg: Floats
    rain_factor: Floats

    @classmethod
    def draw(cls, elevation_m: Floats, rng: np.random.Generator) -> Sites:
        """Draw small lasting differences between places."""
        n = len(elevation_m)
        return cls(
            elevation_m=np.asarray(elevation_m, dtype=np.float64),
            temp_offset_c=rng.normal(0.0, 0.5, n),
            rh_offset_pct=rng.normal(0.0, 2.5, n),
            wind_factor=rng.uniform(0.7, 1.3, n),
            wind_offset_deg=rng.normal(0.0, 12.0, n),
            rain_factor=rng.uniform(0.75, 1.25, n),
        )


@dataclass(frozen=True)
class WeatherState:
    """Weather at one instant.

    Attributes
    ----------
    time_s
        Simulation time. [s]
    spell : ndarray, shape (5,)
        Deviations of temperature, humidity, wind speed, wind direction and rain, each of unit variance.
    rain_mm : ndarray, shape (station,)
        Rain at each station since the start. [mm]
    film_mm : ndarray, shape (station,)
        Water on the road at each station. [mm]
    """

    time_s: float
    spell: Floats
    rain_mm: Floats
    film_mm: Floats


class WeatherReadings(NamedTuple):
    """What stations measure, each of shape (station,); ``film_mm`` is the water on the road [mm]."""

    temp_c: Floats
    rh_pct: Floats
    wind_kmh: Floats
    wind_deg: Floats
    rain_mm_total: Floats
    visibility_m: Floats
    road_surface_c: Floats
    film_mm: Floats


def start(sites: Sites, climate: Climate, rng: np.random.Generator) -> WeatherState:
    """Return the weather at the start; a rainy day begins with wet roads."""
    n = len(sites.elevation_m)
    film_mm = np.full(n, 0.5 if climate.rain_mm_h > 0 else 0.0)
    return WeatherState(0.0, 0.3 * rng.standard_normal(5), np.zeros(n), film_mm)


def rain_mm_h(state: WeatherState, climate: Climate) -> float:
    """Return the region's rain rate: the climate's, swelling and fading by a third [mm/h]."""
    return climate.rain_mm_h * float(np.clip(1.0 + 0.33 * state.spell[4], 0.0, 2.0))


def step(state: WeatherState, dt_s: float, sites: Sites, climate: Climate, rng: np.random.Generator) -> WeatherState:
    """Move the weather on by ``dt_s`` seconds."""
    fade = np.exp(-dt_s / MEMORY_S)
    spell = fade * state.spell + np.sqrt(1 - fade**2) * rng.standard_normal(5)
    fallen_mm = rain_mm_h(state, climate) * sites.rain_factor * dt_s / 3600.0
    film_mm = np.clip(state.film_mm + fallen_mm - DRYING_MM_H * dt_s / 3600.0, 0.0, 1.0)
    return replace(state, time_s=state.time_s + dt_s, spell=spell, rain_mm=state.rain_mm + fallen_mm, film_mm=film_mm)


def temperature_c(state: WeatherState, climate: Climate, time_of_day_s: float, elevation_m: Floats) -> Floats:
    """Return the air temperature at heights, warmest at three in the afternoon [°C]."""
    swing = climate.temp_swing_c * np.cos(2 * np.pi * (time_of_day_s / DAY_S - 15 / 24))
    temperature: Floats = climate.temp_c + swing + state.spell[0] - LAPSE_C_PER_M * elevation_m
    return temperature


def read(
    state: WeatherState,
    sites: Sites,
    climate: Climate,
    time_of_day_s: float,
    which: NDArray[np.int64],
    rng: np.random.Generator,
) -> WeatherReadings:
    """Return what some stations measure now, with the noise of their instruments; shapes (n,) of ``which``."""
    n = len(which)
    temp_c = temperature_c(state, climate, time_of_day_s, sites.elevation_m[which]) + sites.temp_offset_c[which]
    warmth = np.cos(2 * np.pi * (time_of_day_s / DAY_S - 15 / 24))
    rain = rain_mm_h(state, climate)
    rh_pct = climate.rh_pct - 12.0 * warmth + 4.0 * state.spell[1] + sites.rh_offset_pct[which] + 6.0 * min(rain, 4.0)
    gust = 1.0 + 0.15 * state.spell[2] + 0.15 * rng.standard_normal(n)
    wind_kmh = np.maximum(climate.wind_kmh * sites.wind_factor[which] * gust, 0.0)
    direction = climate.wind_deg + 15.0 * state.spell[3] + sites.wind_offset_deg[which] + 8.0 * rng.standard_normal(n)
    sun = max(np.sin(np.pi * (time_of_day_s % DAY_S - 6 * 3600) / (12 * 3600)), 0.0) if rain == 0 else 0.0
    visibility_m = 20_000.0 / (1.0 + 0.5 * rain) * np.exp(0.05 * rng.standard_normal(n))
    tips = np.floor(state.rain_mm[which] / RAIN_TIP_MM + 1e-9)
    return WeatherReadings(
        temp_c=np.round(temp_c + rng.normal(0.0, 0.1, n), 1),
        rh_pct=np.round(np.clip(rh_pct + rng.normal(0.0, 0.8, n), 3.0, 100.0), 1),
        wind_kmh=np.round(wind_kmh, 1),
        wind_deg=np.round(direction % 360.0, 0) % 360.0,
        rain_mm_total=np.round(tips * RAIN_TIP_MM, 1),
        visibility_m=np.round(visibility_m, -1),
        road_surface_c=np.round(temp_c + 9.0 * sun - 1.0 + rng.normal(0.0, 0.2, n), 1),
        film_mm=state.film_mm[which],
    )
