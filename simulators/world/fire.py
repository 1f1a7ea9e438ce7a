"""One forest fire as watchtowers see it: a column of smoke that grows, at a true bearing. Own construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import GEOD
from config.catalogue.model import Coordinate, Terrain, Tower
from simulators.world.terrain import EARTH_RADIUS_M, REFRACTION, elevation_m, hidden_below_m

Floats = NDArray[np.float64]

SMOKE_START_M = 30.0
SMOKE_GROWTH_M_MIN = 45.0
SMOKE_LIMIT_M = 350.0
"""Height of the smoke: at the first moment, its growth per minute, and where it levels off."""
POSE_SHARE = 0.6
"""Part of a tower's bearing error that stays (a mast not quite at north); the rest is new in each picture."""


@dataclass(frozen=True)
class FireSource:
    """A fire at one place, and how each tower stands to it; arrays of shape (tower,).

    Attributes
    ----------
    position
        Longitude and latitude. [deg]
    from_s, until_s
        When it smokes, in simulation time. [s]
    azimuth_deg : ndarray
        True geodesic azimuth from each tower. [deg]
    distance_m : ndarray
        Geodesic distance from each tower. [m]
    hidden_below_m : ndarray
        Height above ground at which smoke comes into each tower's sight. [m]
    in_range : ndarray of bool
        Whether it lies within each tower's range.
    rise_m : ndarray
        Height of the fire's ground above each tower's eye. [m]
    """

    position: Coordinate
    from_s: float
    until_s: float
    azimuth_deg: Floats
    distance_m: Floats
    hidden_below_m: Floats
    in_range: NDArray[np.bool_]
    rise_m: Floats

    def smoke_height_m(self, time_s: float) -> float:
        """Return the height of the smoke above the ground, 0 when there is none [m]."""
        if not self.from_s <= time_s < self.until_s:
            return 0.0
        return min(SMOKE_START_M + SMOKE_GROWTH_M_MIN * (time_s - self.from_s) / 60.0, SMOKE_LIMIT_M)

    def visible(self, time_s: float) -> NDArray[np.bool_]:
        """Return which towers have the smoke in sight, shape (tower,)."""
        height = self.smoke_height_m(time_s)
        seen: NDArray[np.bool_] = self.in_range & (self.hidden_below_m < height)
        return seen

    def elevation_deg(self, tower: int, time_s: float) -> float:
        """Return the vertical angle to the middle of the smoke from a tower [deg]."""
        distance = float(self.distance_m[tower])
        drop = distance**2 * (1 - REFRACTION) / (2 * EARTH_RADIUS_M)
        rise = float(self.rise_m[tower]) + self.smoke_height_m(time_s) / 2 - drop
        return float(np.degrees(np.arctan2(rise, distance)))


class Pose(NamedTuple):
    """Errors of one tower's bearings: what stays, and the standard deviation of what changes [deg]."""

    error_deg: float
    noise_sigma_deg: float


def draw_pose(tower: Tower, rng: np.random.Generator) -> Pose:
    """Split a tower's stated sigma into a lasting and a changing part whose squares add up to it."""
    return Pose(
        error_deg=float(rng.normal(0.0, POSE_SHARE * tower.azimuth_sigma_deg)),
        noise_sigma_deg=float(np.sqrt(1 - POSE_SHARE**2) * tower.azimuth_sigma_deg),
    )


def light_fire(
    position: Coordinate, from_s: float, until_s: float, towers: Sequence[Tower], terrain: Terrain | None
) -> FireSource:
    """Work out how every tower stands to a fire."""
    lon, lat = position
    eyes_lon = np.array([tower.position[0] for tower in towers], dtype=np.float64)
    eyes_lat = np.array([tower.position[1] for tower in towers], dtype=np.float64)
    eyes_m = np.array([tower.ground_elevation_m + tower.mast_m for tower in towers], dtype=np.float64)
    azimuth, _, distance = GEOD.inv(eyes_lon, eyes_lat, np.full_like(eyes_lon, lon), np.full_like(eyes_lat, lat))
    in_range = distance <= np.array([tower.range_m for tower in towers], dtype=np.float64)
    hidden = np.full(len(towers), np.inf)
    for place in np.flatnonzero(in_range):
        hidden[place] = hidden_below_m(terrain, eyes_lon[place], eyes_lat[place], eyes_m[place], lon, lat)
    return FireSource(
        position=position,
        from_s=from_s,
        until_s=until_s,
        azimuth_deg=azimuth % 360.0,
        distance_m=distance,
        hidden_below_m=hidden,
        in_range=in_range,
        rise_m=float(elevation_m(terrain, lon, lat)) - eyes_m,
    )
