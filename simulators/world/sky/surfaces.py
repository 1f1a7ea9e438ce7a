"""State of road surfaces: their temperature, and the water, ice and snow on them, which outlast the weather."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulators.world.sky.air import Air, Floats, Places, Sun
from simulators.world.sky.humidity import saturation_hpa, saturation_slope_hpa_k

RoadState = Literal["dry", "moist", "wet", "snow", "ice"]
ROAD_STATES: tuple[RoadState, ...] = ("dry", "moist", "wet", "snow", "ice")
"""What a road station calls a surface, by the codes of `Surfaces.road_state`."""
DRY, MOIST, WET, SNOW, ICE = range(5)

MOIST_MM, WET_MM, ICE_MM, SNOW_MM = 0.02, 0.1, 0.03, 0.4
"""Water from which a surface is called so; own construction. Snow counts as water, so 0.4 mm lies about 4 mm high."""
TEXTURE_MM = 0.3
"""Water in the texture of the asphalt, which only dries; own construction."""
_PATH_M, _CROSSFALL, _MANNING = 8.0, 0.02, 0.016
"""Way of the water to the edge of two lanes, usual crossfall, and Manning's n of asphalt (Chow 1959: 0.013-0.016)."""
_ABSORBED = 0.9
"""1 − albedo of asphalt, new 0.05, worn 0.15."""
_HEAT_J_M2_K = 0.05 * 2.1e6
"""Heat that the top 5 cm of asphalt hold."""
_GROUND_W_M2_K = 4.0
"""Conductivity of 1.2 W/m/K over 0.3 m down to the base."""
_BASE_S = 43_200.0
"""Time over which the base follows the surface; own construction."""
_STEFAN = 5.670374e-8
_EMISSIVITY = 0.95
_VAPORISATION_J_KG = 2.5e6
_MELT_MM_H_K = 0.5
"""Melting by warmth of the surface, own construction."""
_FUSION_J_KG = 3.34e5
_FREEZING_S = 900.0
"""Time in which a film of water below 0 °C freezes; own construction."""
_SNOW_BELOW_C, _RAIN_ABOVE_C = 0.0, 2.0
_LONGEST_STEP_S = 60.0


class Surfaces:
    """Road surfaces at a fixed set of places.

    The energy balance of a slab of asphalt: sunshine, long-wave radiation, wind, evaporation, the base below. Water
    comes from the sky, runs off as a sheet (Manning) and dries by Penman's evaporation; it freezes, melts, and comes
    as dew or frost. No traffic, no ploughs, no salt; bridges and tunnels are like the rest.

    Parameters
    ----------
    places
        Where the surfaces are.
    air, sun
        Weather at the start: dry surfaces that are as warm as it makes them, but wet where it rains.

    Attributes
    ----------
    surface_c, base_c : ndarray, shape (place,)
        Temperature of the surface and of the base below. [°C]
    film_mm, ice_mm, snow_mm : ndarray, shape (place,)
        Water, ice and snow on the surface, as water. [mm]
    rain_mm, runoff_mm, dried_mm : ndarray, shape (place,)
        Water that came from the sky, ran off and evaporated since the start; dew counts as dried below 0. [mm]
    """

    def __init__(self, places: Places, air: Air, sun: Sun) -> None:
        self.places = places
        n = len(places)
        self.film_mm: Floats = np.where(air.rain_mm_h > 0, TEXTURE_MM, 0.0)
        self.ice_mm: Floats = np.zeros(n)
        self.snow_mm: Floats = np.zeros(n)
        self.rain_mm: Floats = np.zeros(n)
        self.runoff_mm: Floats = np.zeros(n)
        self.dried_mm: Floats = np.zeros(n)
        self.base_c: Floats = air.temp_c.copy()
        self.surface_c: Floats = air.temp_c.copy()
        for _ in range(4):
            gain, loss = self._heat(air, sun)
            self.surface_c = self.surface_c + gain / loss

    @property
    def road_state(self) -> NDArray[np.int8]:
        """What each surface is called, a place in `ROAD_STATES`, shape (place,)."""
        conditions = [self.ice_mm >= ICE_MM, self.snow_mm >= SNOW_MM, self.film_mm >= WET_MM, self.film_mm >= MOIST_MM]
        return np.select(conditions, [ICE, SNOW, WET, MOIST], DRY).astype(np.int8)

    def step(self, dt_s: float, air: Air, sun: Sun) -> None:
        """Move the surfaces on.

        Parameters
        ----------
        dt_s
            Length of the step, above 0. [s]
        air, sun
            Weather at the places during the step.

        Raises
        ------
        ValueError
            If the step is not a number above 0, or the weather is of other places.
        """
        if not (math.isfinite(dt_s) and dt_s > 0):
            raise ValueError(f"dt_s: expected a number above 0, was {dt_s}")
        if air.temp_c.shape != self.surface_c.shape or sun.cloud_frac.shape != self.surface_c.shape:
            raise ValueError(f"air, sun: expected shape {self.surface_c.shape}, was {air.temp_c.shape}")
        parts = math.ceil(dt_s / _LONGEST_STEP_S)
        for _ in range(parts):
            self._warm(dt_s / parts, air, sun)
            self._wet(dt_s / parts, air)

    def _heat(self, air: Air, sun: Sun) -> tuple[Floats, Floats]:
        """Heat gained now [W/m²], and what each degree more would take from it [W/m²/K]."""
        wind_m_s = air.wind_kmh / 3.6
        kelvin = air.temp_c + 273.15
        vapour_hpa = saturation_hpa(air.temp_c) * air.rh_pct / 100.0
        # Brunt's clear sky, and cloud that shines as the air: Brutsaert 1982, "Evaporation into the Atmosphere", ch. 6.
        clear_sky = 0.52 + 0.065 * np.sqrt(vapour_hpa)
        sky = clear_sky + (1.0 - clear_sky) * sun.cloud_frac**2
        radiating = 4.0 * _EMISSIVITY * _STEFAN * kelvin**3
        # McAdams 1954: heat that wind takes from a plate.
        wind_w_m2_k = 5.7 + 3.8 * np.minimum(wind_m_s, 5.0) + 2.0 * np.maximum(wind_m_s - 5.0, 0.0)
        warmer = self.surface_c - air.temp_c
        gain = _ABSORBED * sun.irradiance_w_m2 - _EMISSIVITY * _STEFAN * kelvin**4 * (1.0 - sky)
        gain = gain - (radiating + wind_w_m2_k) * warmer - _GROUND_W_M2_K * (self.surface_c - self.base_c)
        drying_mm_h = self._drying_mm_h(air)
        gain = gain - drying_mm_h * _VAPORISATION_J_KG / 3_600.0
        # A warm wet surface loses most of its heat so: without this a first guess runs away in calm, hot air.
        more_mm_h_k = _drying_mm_h_hpa(air) * saturation_slope_hpa_k(self.surface_c)
        evaporating = np.where(drying_mm_h != 0.0, more_mm_h_k * _VAPORISATION_J_KG / 3_600.0, 0.0)
        frozen = (self.ice_mm + self.snow_mm > 0) & (self.surface_c > 0)
        melting = np.where(frozen, _MELT_MM_H_K * _FUSION_J_KG / 3_600.0, 0.0)
        # Rain takes the surface to its own temperature.
        rain_w_m2_k = air.rain_mm_h * 4_186.0 / 3_600.0
        gain = gain - melting * self.surface_c - rain_w_m2_k * warmer
        evaporating = self._drying_mm_h(air, 0.5) - self._drying_mm_h(air, -0.5)
        evaporating_w_m2_k = np.maximum(evaporating, 0.0) * _VAPORISATION_J_KG / 3_600.0
        return gain, radiating + wind_w_m2_k + _GROUND_W_M2_K + melting + rain_w_m2_k + evaporating_w_m2_k

    def _drying_mm_h(self, air: Air, warmer_c: float = 0.0) -> Floats:
        """Water that evaporates, or below 0 condenses."""
        missing_hpa = saturation_hpa(self.surface_c + warmer_c) - saturation_hpa(air.temp_c) * air.rh_pct / 100.0
        rate = _drying_mm_h_hpa(air) * missing_hpa
        covered = (self.film_mm + self.ice_mm + self.snow_mm) > 0
        return np.where(covered | (rate < 0), rate, 0.0)

    def _warm(self, dt_s: float, air: Air, sun: Sun) -> None:
        gain, loss = self._heat(air, sun)
        # Exact for a balance that is linear over the step, so stable at any length.
        self.surface_c = self.surface_c + gain / loss * -np.expm1(-loss * dt_s / _HEAT_J_M2_K)
        self.base_c = self.base_c + (self.surface_c - self.base_c) * -math.expm1(-dt_s / _BASE_S)

    def _wet(self, dt_s: float, air: Air) -> None:
        hours = dt_s / 3_600.0
        fallen = air.rain_mm_h * hours
        as_snow = np.clip((_RAIN_ABOVE_C - air.temp_c) / (_RAIN_ABOVE_C - _SNOW_BELOW_C), 0.0, 1.0)
        self.rain_mm = self.rain_mm + fallen
        film = self.film_mm + fallen * (1.0 - as_snow)
        snow = self.snow_mm + fallen * as_snow
        ice = self.ice_mm

        melted = _MELT_MM_H_K * np.maximum(self.surface_c, 0.0) * hours
        from_ice = np.minimum(ice, melted)
        from_snow = np.minimum(snow, melted - from_ice)
        # Freezing gives its heat to the surface, and stops when that is as warm as ice.
        coldness_mm = _HEAT_J_M2_K * np.maximum(-self.surface_c, 0.0) / _FUSION_J_KG
        frozen = np.minimum(film, coldness_mm) * -math.expm1(-dt_s / _FREEZING_S)
        self.surface_c = self.surface_c + frozen * _FUSION_J_KG / _HEAT_J_M2_K
        film = film + from_ice + from_snow - frozen
        ice, snow = ice - from_ice + frozen, snow - from_snow

        drying = self._drying_mm_h(air) * hours
        dew = np.maximum(-drying, 0.0)
        frost = np.where(self.surface_c < 0.0, dew, 0.0)
        film, ice = film + dew - frost, ice + frost
        taken = np.maximum(drying, 0.0)
        off_film = np.minimum(film, taken)
        off_ice = np.minimum(ice, taken - off_film)
        off_snow = np.minimum(snow, taken - off_film - off_ice)
        self.dried_mm = self.dried_mm + off_film + off_ice + off_snow - dew

        wet = film - off_film
        self.film_mm = _drained(wet, dt_s)
        self.runoff_mm = self.runoff_mm + wet - self.film_mm
        self.ice_mm, self.snow_mm = ice - off_ice, snow - off_snow


def _drying_mm_h_hpa(air: Air) -> Floats:
    """Water that evaporates per hPa that the air lacks: Penman 1948, E = 0.26 (1 + 0.54 u) Δe mm/day [mm/h/hPa]."""
    return np.asarray(0.26 / 24.0 * (1.0 + 0.54 * air.wind_kmh / 3.6), dtype=np.float64)


def _drained(film_mm: Floats, dt_s: float) -> Floats:
    """Return what a sheet of water is after running off for a time: dh/dt = −√S h^(5/3) / (n L), implicitly [mm]."""
    free_m = np.maximum(film_mm - TEXTURE_MM, 0.0) / 1_000.0
    rate = dt_s * math.sqrt(_CROSSFALL) / (_MANNING * _PATH_M)
    left_m = free_m.copy()
    # Newton from above: the function is convex, so that it comes down to the root and never passes it.
    for _ in range(6):
        power = left_m ** (2.0 / 3.0)
        left_m = left_m - (left_m + rate * left_m * power - free_m) / (1.0 + 5.0 / 3.0 * rate * power)
    return np.asarray(np.minimum(film_mm, TEXTURE_MM) + np.maximum(left_m, 0.0) * 1_000.0, dtype=np.float64)
