"""The ground of a region: elevation, slope and aspect anywhere, and a plane in metres to build on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer
from scipy import ndimage

from config.catalogue.model import Terrain

FloatArray = NDArray[np.float64]

_BOW_M = 100.0


class Ground:
    """Terrain with what the generator asks of it.

    Positions are metres east and north in a transverse Mercator plane centred on the region (scale error below
    5e-5 within 60 km of the central meridian, 4e-4 within 170 km); grid indices are row (northward) and column
    (eastward).

    Parameters
    ----------
    terrain
        Elevations; the sea is at or below zero.
    """

    def __init__(self, terrain: Terrain) -> None:
        self.terrain = terrain
        self.elevation_m = terrain.elevation_m.astype(np.float64)
        rows, columns = self.elevation_m.shape
        centre_lon = terrain.west_deg + terrain.step_lon_deg * (columns - 1) / 2
        centre_lat = terrain.south_deg + terrain.step_lat_deg * (rows - 1) / 2
        plane = f"+proj=tmerc +lat_0={centre_lat} +lon_0={centre_lon} +k=1 +ellps=WGS84 +units=m +no_defs"
        self._to_plane = Transformer.from_crs("EPSG:4326", plane, always_xy=True)
        self._to_wgs84 = Transformer.from_crs(plane, "EPSG:4326", always_xy=True)
        middle = self.to_plane(self.lon_lat(np.array([[rows / 2, columns / 2], [rows / 2 + 1, columns / 2 + 1]])))
        self.step_x_m, self.step_y_m = (float(step) for step in middle[1] - middle[0])
        north, east = np.gradient(self.elevation_m, self.step_y_m, self.step_x_m)
        self.slope_deg = np.degrees(np.arctan(np.hypot(north, east)))
        self.aspect_deg = np.degrees(np.arctan2(-east, -north)) % 360
        """Direction of steepest descent, clockwise from north. [deg]"""
        self.land = self.elevation_m > 0

    def lon_lat(self, cells: ArrayLike) -> FloatArray:
        """Return longitude and latitude of (row, column) pairs, shape (n, 2). [deg]."""
        row, column = np.asarray(cells, dtype=np.float64).T
        terrain = self.terrain
        lon = terrain.west_deg + column * terrain.step_lon_deg
        return np.stack([lon, terrain.south_deg + row * terrain.step_lat_deg], axis=-1)

    def to_plane(self, lon_lat: ArrayLike) -> FloatArray:
        """Return the plane positions of longitudes and latitudes, shape (n, 2). [m]."""
        lon, lat = np.asarray(lon_lat, dtype=np.float64).T
        return np.stack(self._to_plane.transform(lon, lat), axis=-1)

    def to_wgs84(self, positions: ArrayLike) -> FloatArray:
        """Return longitude and latitude of plane positions, shape (n, 2), to 1e-6 degrees. [deg]."""
        x, y = np.asarray(positions, dtype=np.float64).T
        return np.round(np.stack(self._to_wgs84.transform(x, y), axis=-1), 6)

    def cells_to_plane(self, cells: ArrayLike) -> FloatArray:
        """Return the plane positions of (row, column) pairs, shape (n, 2). [m]."""
        return self.to_plane(self.lon_lat(cells))

    def cells(self, positions: ArrayLike) -> FloatArray:
        """Return fractional (row, column) of plane positions, shape (n, 2)."""
        x, y = np.asarray(positions, dtype=np.float64).T
        lon, lat = self._to_wgs84.transform(x, y)
        terrain = self.terrain
        row = (lat - terrain.south_deg) / terrain.step_lat_deg
        return np.stack([row, (lon - terrain.west_deg) / terrain.step_lon_deg], axis=-1)

    def sample(self, grid: NDArray[np.generic], positions: ArrayLike) -> FloatArray:
        """Return a grid's values at plane positions, bilinear, shape (n,); beyond the edge, the edge's."""
        cells = self.cells(positions).T
        values = np.asarray(grid, dtype=np.float64)
        return np.asarray(ndimage.map_coordinates(values, cells, order=1, mode="nearest"))

    def sample_nearest(self, grid: NDArray[np.generic], positions: ArrayLike) -> NDArray[np.generic]:
        """Return a grid's values at the grid points nearest to plane positions, shape (n,)."""
        rows, columns = grid.shape
        cells = np.rint(self.cells(positions)).astype(np.intp)
        return np.asarray(grid[np.clip(cells[:, 0], 0, rows - 1), np.clip(cells[:, 1], 0, columns - 1)])

    def bounds(self, margin_m: float = 0.0) -> tuple[float, float, float, float]:
        """Return west, south, east, north of a plane rectangle inside the grid, less a margin of 100 m or more. [m]."""
        rows, columns = self.elevation_m.shape
        corners = self.cells_to_plane([[0, 0], [0, columns - 1], [rows - 1, 0], [rows - 1, columns - 1]])
        west, east = max(corners[0, 0], corners[2, 0]), min(corners[1, 0], corners[3, 0])
        south, north = max(corners[0, 1], corners[1, 1]), min(corners[2, 1], corners[3, 1])
        # Parallels bow away from the equator's side of the plane; the margin covers the first hundred metres of that.
        middle = self.cells_to_plane([[0, (columns - 1) / 2], [rows - 1, (columns - 1) / 2]])
        south, north = max(south, middle[0, 1] - _BOW_M), min(north, middle[1, 1] + _BOW_M)
        return west + margin_m, south + margin_m, east - margin_m, north - margin_m
