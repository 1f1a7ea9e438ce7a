"""What weather and surface do to free speed and capacity.

Capacity in rain and in low visibility: HCM 2010, exhibit 10-15, as given in FHWA-HOP-13-042, table 33. Free speed in
rain: default speed adjustment factors of HCM 6th edition, exhibit 11-21, at 65–70 mi/h. What these do not cover (thick
fog, snow and ice) follows the Enforcement Rule of the Korean Road Traffic Act, article 19: half the limit below 100 m
of sight or on ice, taken as what drivers do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# At the middle of the manual's classes of rain (0.1 and 0.25 in/h are 2.5 and 6.4 mm/h), linear between; beyond the
# last class the heavy rain's upper range (17.67 %).
RAIN_MM_H = (0.0, 1.25, 4.5, 10.0, 60.0)
RAIN_CAPACITY = (1.0, 0.98, 0.93, 0.86, 0.82)
RAIN_SPEED = (1.0, 0.98, 0.94, 0.92, 0.85)
"""Heaviest rain's speed is the 16 % loss that FHWA gives as its upper value."""

VISIBILITY_M = (30.0, 100.0, 400.0, 800.0, 1_600.0)
VISIBILITY_CAPACITY = (0.60, 0.75, 0.88, 0.90, 1.0)
"""From 400 m up the manual's 12 % and 10 %; below own construction, between stopping distance and halved speed."""
VISIBILITY_SPEED = (0.30, 0.50, 0.91, 0.94, 1.0)

SLIPPERY_SPEED = 0.50
SLIPPERY_CAPACITY = 0.78
"""Snow or ice on the road. Capacity: snow above 0.5 in/h, 22.43 % less (HCM 2010, exhibit 10-15)."""


@dataclass(frozen=True)
class RoadConditions:
    """What weather leaves of the roads, per cell of the grid.

    Attributes
    ----------
    speed_factor, capacity_factor : ndarray, shape (cell,)
        Of free speed and of capacity, above 0 and at most 1. [-]
    """

    speed_factor: Floats
    capacity_factor: Floats

    @classmethod
    def fair(cls, n_cell: int) -> RoadConditions:
        """Return fair weather everywhere."""
        return cls(np.ones(n_cell), np.ones(n_cell))


def weather_effects(
    rain_mm_h: ArrayLike, visibility_m: ArrayLike, slippery: ArrayLike = False
) -> tuple[Floats, Floats]:
    """Return what weather leaves of free speed and of capacity.

    Parameters
    ----------
    rain_mm_h
        Rain. [mm/h]
    visibility_m
        Meteorological visibility on the road. [m]
    slippery
        Whether snow or ice lies on the road.

    Returns
    -------
    speed_factor, capacity_factor : ndarray
        Broadcast shape of the three, above 0 and at most 1; the worst cause counts, not their product, for the manual's
        figures of rain were measured with the visibility of that rain. Unknown (NaN) weather changes nothing. [-]
    """
    rain = np.nan_to_num(np.asarray(rain_mm_h, dtype=np.float64), nan=0.0)
    sight = np.nan_to_num(np.asarray(visibility_m, dtype=np.float64), nan=np.inf)
    ice = np.asarray(slippery, dtype=np.bool_)
    speed = np.minimum(np.interp(rain, RAIN_MM_H, RAIN_SPEED), np.interp(sight, VISIBILITY_M, VISIBILITY_SPEED))
    capacity = np.minimum(
        np.interp(rain, RAIN_MM_H, RAIN_CAPACITY), np.interp(sight, VISIBILITY_M, VISIBILITY_CAPACITY)
    )
    return (
        np.asarray(np.minimum(speed, np.where(ice, SLIPPERY_SPEED, 1.0))),
        np.asarray(np.minimum(capacity, np.where(ice, SLIPPERY_CAPACITY, 1.0))),
    )


def road_conditions(rain_mm_h: ArrayLike, visibility_m: ArrayLike, slippery: ArrayLike = False) -> RoadConditions:
    """Return `weather_effects` of the weather at the road cells, each of shape (cell,)."""
    return RoadConditions(*weather_effects(rain_mm_h, visibility_m, slippery))
