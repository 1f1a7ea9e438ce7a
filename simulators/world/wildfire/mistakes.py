"""What a watchtower's camera takes for smoke, and when: dust, fog, the low sun, cloud. Own construction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.world.happenings import FalseSource

SUNSET_DEG = (-3.0, 9.0)
"""Height of the sun between which its light dazzles the camera or reddens the haze [deg]."""
FOG_SUN_DEG = (-12.0, 22.0)
"""Height of the morning's sun between which fog rises out of the valleys [deg]."""
WET_MM_H = 0.2
"""Rain that lays the dust [mm/h]."""
CLOUD_DEG, CLOUD_CLIMB_DEG_MIN = 2.5, 0.1
"""Height of a cloud above the horizon when it is first taken for smoke, and its climb [deg], [deg/min]."""
DUST_PERIOD_S = 210.0
"""Time between two gusts that raise dust [s]."""


class Mistake(NamedTuple):
    """How something that is not smoke looks from a tower at one instant; angles in degrees.

    ``chance`` is the probability that one look takes it for smoke, `elevation_deg` is of its foot.
    """

    azimuth_deg: float
    confidence: float
    chance: float
    elevation_deg: float
    width_deg: float
    height_deg: float


def mistake(
    source: FalseSource, at_s: float, *, sun_elevation_deg: float, morning: bool, rain_mm_h: float
) -> Mistake | None:
    """Return how a false source looks, None while there is nothing of it.

    Parameters
    ----------
    source
        What it is and where.
    at_s
        Simulation time. [s]
    sun_elevation_deg
        Height of the sun. [deg]
    morning
        Whether local time is before noon.
    rain_mm_h
        At the tower. [mm/h]
    """
    if not source.from_s <= at_s < source.until_s:
        return None
    since_s = at_s - source.from_s
    azimuth = (source.azimuth_deg + source.drift_deg_min * since_s / 60.0) % 360.0
    sure = source.confidence
    match source.cause:
        case "sunset":
            low, high = SUNSET_DEG
            if not low <= sun_elevation_deg <= high:
                return None
            return Mistake(azimuth, sure, 0.8, max(sun_elevation_deg - 1.0, -0.5), 6.0, 3.0)
        case "fog":
            low, high = FOG_SUN_DEG
            if not morning or not low <= sun_elevation_deg <= high:
                return None
            # It thins as the sun climbs.
            left = float(np.clip((high - sun_elevation_deg) / (high - 5.0), 0.2, 1.0))
            return Mistake(azimuth, sure * (0.6 + 0.4 * left), 0.6 * left, -1.0, 8.0, 0.8)
        case "dust":
            if rain_mm_h > WET_MM_H:
                return None
            gust = 0.5 + 0.5 * float(np.cos(2.0 * np.pi * since_s / DUST_PERIOD_S))
            return Mistake(azimuth, sure * (0.7 + 0.3 * gust), 0.15 + 0.75 * gust, -0.6, 1.0 + 1.5 * gust, 0.5)
        case "cloud":
            return Mistake(azimuth, sure, 0.7, CLOUD_DEG + CLOUD_CLIMB_DEG_MIN * since_s / 60.0, 5.0, 1.5)
