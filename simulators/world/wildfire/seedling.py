"""A fire that is still smaller than the grid's cells: a convex shape that grows by ellipses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.world.wildfire.behaviour import Spread

Floats = NDArray[np.float64]

DIRECTIONS = 180


class Seedling:
    """A fire in uniform fuel, by its support function: how far it reaches in each direction.

    Growth by ellipses in uniform fuel is a Minkowski sum (Huygens' principle), in which support functions simply
    add: so it is exact, also when wind and rates change on the way.

    Attributes
    ----------
    normal : ndarray, shape (direction, 2)
        Unit vectors east and north. [-]
    reach_m : ndarray, shape (direction,)
        Support function: greatest distance from the origin along each of them. [m]
    """

    def __init__(self) -> None:
        angle = 2.0 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        self.normal: Floats = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        self.reach_m: Floats = np.zeros(DIRECTIONS)

    def grow(self, spread: Spread, minutes: float) -> None:
        """Grow by one ellipse; the fields of ``spread`` hold one value."""
        east, north = float(spread.east.item()), float(spread.north.item())
        half, flank = float(spread.half_m_min.item()), float(spread.flank_m_min.item())
        along = self.normal @ np.array([east, north])
        across = self.normal @ np.array([-north, east])
        rate = float(spread.drift_m_min.item()) * along + np.hypot(half * along, flank * across)
        self.reach_m = self.reach_m + rate * minutes

    @property
    def width_m(self) -> float:
        """Smallest width of the shape [m]."""
        return float((self.reach_m + np.roll(self.reach_m, DIRECTIONS // 2)).min())

    def outline_m(self) -> Floats:
        """Return the corners of the shape, shape (direction, 2), metres east and north of the origin."""
        turned = np.roll(self.reach_m, -1)
        ahead = np.roll(self.normal, -1, axis=0)
        # Each corner is where two neighbouring tangents cross; their normals turn clockwise.
        determinant = -np.sin(2.0 * np.pi / DIRECTIONS)
        east = (self.reach_m * ahead[:, 1] - turned * self.normal[:, 1]) / determinant
        north = (turned * self.normal[:, 0] - self.reach_m * ahead[:, 0]) / determinant
        return np.stack([east, north], axis=-1)

    def area_m2(self) -> float:
        """Return the area inside the corners [m²]."""
        east, north = self.outline_m().T
        return float(abs(np.sum(east * np.roll(north, -1) - np.roll(east, -1) * north)) / 2.0)

    def distance_m(self, east_m: Floats, north_m: Floats) -> Floats:
        """Return how far points lie outside the shape's tangents, negative inside; any one shape [m]."""
        distance = np.full(east_m.shape, -np.inf)
        for (east, north), reach_m in zip(self.normal.tolist(), self.reach_m.tolist(), strict=True):
            np.maximum(distance, east_m * east + north_m * north - reach_m, out=distance)
        return distance
