"""Rain at places: storms that travel, and widespread rain, both in patches. Own construction but where said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulators.world.happenings import Storm
from simulators.world.seeds import stream
from simulators.world.sky.air import Plane, swell
from simulators.world.sky.noise import SmoothNoise

Floats = NDArray[np.float64]

COARSE_M, FINE_M = 7_000.0, 2_500.0
"""Sizes of the patches in a storm: cells of 10-50 km² and less, as radar sees them."""
PATCH_LIFE_S = 1_500.0
"""Time over which a patch changes, the half hour or so that a convective cell lives."""
PATCH_SPREAD, PATCH_LIMIT = 0.45, 1.5
"""Standard deviation of the logarithm of the rain within a storm, and how many of these a patch comes near at most."""
WIDE_M, WIDE_LIFE_S = 15_000.0, 3_600.0
DRIZZLE_MM_H = 0.05
"""What is less does not reach the ground."""
UPLIFT_PER_KM = 0.25
UPLIFT_TOP_M = 1_200.0
"""Gain of rain with height, and where it ends; mountains of this height gain a few tens of per cent per km."""
RAMP_SHARE, RAMP_MOST_S = 0.2, 2_700.0
"""Part of a storm's time in which it grows, and decays, and the longest that this takes."""
STEERING = 1.5
"""Speed at which patches of widespread rain drift over that of the wind at the ground."""
CLOUD_WIDTH = 1.6
"""Width of a storm's cloud over that of its rain."""


class _Patches:
    """Factor of mean about 1, at most 1.8, that varies over a plane that moves with the rain."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._coarse = SmoothNoise(rng, (32, 32, 32))
        self._fine = SmoothNoise(rng, (64, 64, 16))

    def at(self, along_m: Floats, across_m: Floats, time_s: float, coarse_m: float, life_s: float) -> Floats:
        age = time_s / life_s
        fine_m = coarse_m * FINE_M / COARSE_M
        noise = 0.8 * self._coarse.at(along_m / coarse_m, across_m / coarse_m, age)
        noise = noise + 0.6 * self._fine.at(along_m / fine_m, across_m / fine_m, 2.0 * age)
        noise = PATCH_LIMIT * np.tanh(noise / PATCH_LIMIT)
        return np.asarray(np.exp(PATCH_SPREAD * noise - 0.5 * PATCH_SPREAD**2), dtype=np.float64)


class RainField:
    """Rain and its clouds over a region, as functions of place and time.

    Parameters
    ----------
    storms
        Storms of the run.
    widespread_mm_h
        Mean of the rain that falls everywhere, at sea level. [mm/h]
    wind_kmh, wind_deg
        Wind with which the patches of widespread rain drift. [km/h], [deg]
    plane
        Where metres are counted from.
    seed
        Seed of the run.

    Raises
    ------
    ValueError
        If a storm makes no sense; the message names it.
    """

    def __init__(
        self,
        storms: Sequence[Storm],
        widespread_mm_h: float,
        wind_kmh: float,
        wind_deg: float,
        plane: Plane,
        seed: int,
    ) -> None:
        for storm in storms:
            _check(storm)
        self._storms = tuple(storms)
        self._patches = tuple(_Patches(stream(seed, "sky", "storm", storm.id)) for storm in storms)
        self._centres = [plane.metres(*(np.array([part]) for part in storm.centre)) for storm in storms]
        self._widespread_mm_h = widespread_mm_h
        self._wide = _Patches(stream(seed, "sky", "rain"))
        towards = math.radians(wind_deg + 180.0)
        drift_m_s = STEERING * wind_kmh / 3.6
        self._drift = (drift_m_s * math.sin(towards), drift_m_s * math.cos(towards))

    def rain_mm_h(self, east_m: Floats, north_m: Floats, elevation_m: Floats, time_s: float) -> Floats:
        """Return the rain at places [mm/h], shape (place,)."""
        rain: Floats = np.zeros(len(east_m))
        if self._widespread_mm_h > 0:
            east, north = east_m - self._drift[0] * time_s, north_m - self._drift[1] * time_s
            rain += self._widespread_mm_h * self._wide.at(east, north, time_s, WIDE_M, WIDE_LIFE_S)
        for number, storm in enumerate(self._storms):
            grown = _strength(storm, time_s)
            if grown > 0:
                along, across = self._frame(number, east_m, north_m, time_s)
                profile = storm.peak_mm_h * grown * _bell(storm, along, across, 1.0)
                near = np.flatnonzero(profile > 0.2 * DRIZZLE_MM_H)
                patches = self._patches[number].at(along[near], across[near], time_s, COARSE_M, PATCH_LIFE_S)
                rain[near] += profile[near] * patches
        rain *= 1.0 + UPLIFT_PER_KM * np.clip(elevation_m, 0.0, UPLIFT_TOP_M) / 1_000.0
        return np.where(rain < DRIZZLE_MM_H, 0.0, rain)

    def cloud_frac(self, east_m: Floats, north_m: Floats, time_s: float, fair_frac: float) -> Floats:
        """Return the share of the sky that is covered, at least ``fair_frac``, shape (place,)."""
        clear = np.full(len(east_m), 1.0 - fair_frac)
        for number, storm in enumerate(self._storms):
            grown = _strength(storm, time_s)
            if grown > 0:
                along, across = self._frame(number, east_m, north_m, time_s)
                clear *= 1.0 - grown * np.minimum(2.0 * _bell(storm, along, across, CLOUD_WIDTH), 1.0)
        return 1.0 - clear

    def _frame(self, number: int, east_m: Floats, north_m: Floats, time_s: float) -> tuple[Floats, Floats]:
        """Distances ahead of a storm's centre and to the right of it [m]."""
        storm = self._storms[number]
        heading = math.radians(storm.heading_deg)
        travelled_m = storm.speed_kmh / 3.6 * (time_s - storm.from_s)
        centre_east, centre_north = self._centres[number]
        east, north = east_m - centre_east, north_m - centre_north
        along = east * math.sin(heading) + north * math.cos(heading) - travelled_m
        across = east * math.cos(heading) - north * math.sin(heading)
        return along, across


def _strength(storm: Storm, time_s: float) -> float:
    ramp_s = min(RAMP_SHARE * (storm.until_s - storm.from_s), RAMP_MOST_S)
    return swell(time_s, storm.from_s, storm.until_s, ramp_s)


def _bell(storm: Storm, along_m: Floats, across_m: Floats, width: float) -> Floats:
    radius_m = width * storm.radius_m
    return np.asarray(np.exp(-0.5 * ((across_m / radius_m) ** 2 + (along_m / (radius_m * storm.stretch)) ** 2)))


def _check(storm: Storm) -> None:
    for name, value, fits, wanted in (
        ("peak_mm_h", storm.peak_mm_h, storm.peak_mm_h >= 0, "at least 0"),
        ("radius_m", storm.radius_m, storm.radius_m > 0, "above 0"),
        ("stretch", storm.stretch, storm.stretch > 0, "above 0"),
        ("speed_kmh", storm.speed_kmh, storm.speed_kmh >= 0, "at least 0"),
        ("until_s", storm.until_s, storm.until_s > storm.from_s, f"after from_s = {storm.from_s}"),
    ):
        if not (math.isfinite(value) and fits):
            raise ValueError(f"storm {storm.id}: {name}: expected a number {wanted}, was {value}")
