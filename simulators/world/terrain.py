"""Heights of the ground, and whether one place sees another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from config.catalogue.geometry import GEOD
from config.catalogue.model import Terrain

Floats = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_000.0
REFRACTION = 0.13
"""Share of the earth's curvature that the bending of light takes back, the surveyors' usual value [-]."""
SIGHT_STEP_M = 150.0


def elevation_m(terrain: Terrain | None, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
    """Return the height of the ground, bilinear between grid points; the sea, and no terrain at all, count as 0.

    Parameters
    ----------
    terrain
        Grid, or None.
    lon_deg, lat_deg
        Places of one common shape; outside the grid the nearest edge counts. [deg]
    """
    lon, lat = np.broadcast_arrays(np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64))
    if terrain is None:
        return np.zeros(lon.shape)
    grid = terrain.elevation_m
    rows, columns = grid.shape
    x = np.clip((lon - terrain.west_deg) / terrain.step_lon_deg, 0, columns - 1)
    y = np.clip((lat - terrain.south_deg) / terrain.step_lat_deg, 0, rows - 1)
    left = np.clip(x.astype(np.int64), 0, max(columns - 2, 0))
    below = np.clip(y.astype(np.int64), 0, max(rows - 2, 0))
    right, above = np.minimum(left + 1, columns - 1), np.minimum(below + 1, rows - 1)
    fx, fy = x - left, y - below
    south = (1 - fx) * grid[below, left] + fx * grid[below, right]
    north = (1 - fx) * grid[above, left] + fx * grid[above, right]
    height: Floats = np.maximum((1 - fy) * south + fy * north, 0.0)
    return height


def hidden_below_m(
    terrain: Terrain | None,
    eye_lon_deg: float,
    eye_lat_deg: float,
    eye_height_m: float,
    lon_deg: float,
    lat_deg: float,
) -> float:
    """Return how high above its ground a target must stand to be seen.

    Parameters
    ----------
    terrain
        Ground, or None for the bare curved earth.
    eye_lon_deg, eye_lat_deg
        Place of the eye. [deg]
    eye_height_m
        Height of the eye above sea level. [m]
    lon_deg, lat_deg
        Place of the target. [deg]

    Returns
    -------
    float
        0 when the ground itself is in sight. The ray is straight over ground that bulges by
        d₁·d₂·(1 − k)/(2R) between the two, with refraction k. [m]
    """
    distance_m = GEOD.inv(eye_lon_deg, eye_lat_deg, lon_deg, lat_deg)[2]
    # The last stretch is left out: a target is not hidden by the ground that it stands on.
    n = max(int(distance_m / SIGHT_STEP_M), 2)
    share = np.arange(1, n) / n
    lon = eye_lon_deg + share * (lon_deg - eye_lon_deg)
    lat = eye_lat_deg + share * (lat_deg - eye_lat_deg)
    bulge = share * (1 - share) * distance_m**2 * (1 - REFRACTION) / (2 * EARTH_RADIUS_M)
    ground = elevation_m(terrain, lon, lat) + bulge
    needed = np.max(eye_height_m + (ground - eye_height_m) / share)
    foot_m = float(elevation_m(terrain, lon_deg, lat_deg))
    return max(float(needed) - foot_m, 0.0)
