"""A plane around one place: metres east and north of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from config.catalogue.model import Coordinate

Floats = NDArray[np.float64]

SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_SQUARED = 0.006_694_379_990_14
"""Of the WGS84 ellipsoid [m], [-]."""


@dataclass(frozen=True)
class Frame:
    """Metres east and north of an origin, by the ellipsoid's radii of curvature there.

    Lengths and directions are those of a plane: within 10 km of the origin a point is less than 20 m from where a
    geodesic of the same length and azimuth ends.

    Attributes
    ----------
    origin
        Longitude and latitude. [deg]
    east_m_deg, north_m_deg
        Lengths of a degree of longitude and of latitude at the origin. [m/deg]
    """

    origin: Coordinate
    east_m_deg: float
    north_m_deg: float

    @classmethod
    def around(cls, origin: Coordinate) -> Frame:
        """Return the plane around a place."""
        latitude = np.radians(origin[1])
        bulge = 1.0 - ECCENTRICITY_SQUARED * np.sin(latitude) ** 2
        meridian_m = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / bulge**1.5
        normal_m = SEMI_MAJOR_M / np.sqrt(bulge)
        return cls(origin, float(np.radians(normal_m * np.cos(latitude))), float(np.radians(meridian_m)))

    def to_plane(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Return metres east and north of the origin, in the shapes that came in [m]."""
        east = (np.asarray(lon_deg, dtype=np.float64) - self.origin[0]) * self.east_m_deg
        north = (np.asarray(lat_deg, dtype=np.float64) - self.origin[1]) * self.north_m_deg
        return east, north

    def to_degrees(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[Floats, Floats]:
        """Return longitude and latitude, in the shapes that came in [deg]."""
        lon = self.origin[0] + np.asarray(east_m, dtype=np.float64) / self.east_m_deg
        lat = self.origin[1] + np.asarray(north_m, dtype=np.float64) / self.north_m_deg
        return lon, lat
