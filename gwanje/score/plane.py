"""A flat map of a run's surroundings: positions to metres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Proj

from config.catalogue.model import Coordinate

Floats = NDArray[np.float64]


class Plane:
    """Transverse Mercator around the middle of the given positions.

    Conformal: within 200 km of the middle a length is true to 1 in 2,000 (its scale grows by half the square of the
    distance east or west over the radius of the earth), which is nothing beside tolerances of kilometres.

    Parameters
    ----------
    positions
        Any number. [deg]
    """

    def __init__(self, positions: Sequence[Coordinate]) -> None:
        table = np.array(positions, dtype=np.float64).reshape(-1, 2)
        lon, lat = (table.min(axis=0) + table.max(axis=0)) / 2.0 if len(table) else (0.0, 0.0)
        self._project = Proj(proj="tmerc", lat_0=float(lat), lon_0=float(lon), k=1, ellps="WGS84", units="m")

    def metres(self, positions_deg: ArrayLike) -> Floats:
        """Return positions on the plane.

        Parameters
        ----------
        positions_deg
            Longitude and latitude, shape (n, 2). [deg]

        Returns
        -------
        ndarray, shape (n, 2)
            East and north of the middle; NaN stays NaN. [m]
        """
        table = np.asarray(positions_deg, dtype=np.float64).reshape(-1, 2)
        x, y = self._project(table[:, 0], table[:, 1])
        result: Floats = np.stack([x, y], axis=-1)
        result[~np.isfinite(result).all(axis=1)] = np.nan
        return result
