"""Distances along lines on the WGS84 ellipsoid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod

from config.catalogue.model import Coordinate

GEOD = Geod(ellps="WGS84")
"""Geodesics on WGS84 (Karney 2013, doi 10.1007/s00190-012-0578-z, as PROJ computes them)."""


def distances_along_m(line: Sequence[Coordinate]) -> NDArray[np.float64]:
    """Return the distance of every position of a line from its start.

    Parameters
    ----------
    line
        At least two positions. [deg]

    Returns
    -------
    ndarray, shape (position,)
        Geodesic distance along the line; the last one is its length. [m]
    """
    lon, lat = np.asarray(line, dtype=np.float64).T
    steps = GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2]
    return np.concatenate([[0.0], np.cumsum(steps)])


def positions_along(line: Sequence[Coordinate], offsets_m: ArrayLike) -> NDArray[np.float64]:
    """Return the positions on a line at distances from its start.

    Parameters
    ----------
    line
        At least two positions. [deg]
    offsets_m
        Shape (offset,). Beyond the ends, the end itself. [m]

    Returns
    -------
    ndarray, shape (offset, 2)
        Longitude and latitude, linear between the positions of the line, which is exact to well under a metre
        for segments of a few kilometres. [deg]
    """
    along = distances_along_m(line)
    lon, lat = np.asarray(line, dtype=np.float64).T
    offsets = np.asarray(offsets_m, dtype=np.float64)
    return np.stack([np.interp(offsets, along, lon), np.interp(offsets, along, lat)], axis=-1)
