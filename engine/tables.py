"""The devices of a region as arrays, one table a kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StationTable:
    """Detection stations, shape (n_station,), in catalogue order.

    ``corridor`` numbers road and direction; ``chainage_m`` grows in the direction of travel along a corridor.
    """

    ids: tuple[str, ...]
    corridor: Ints
    corridor_names: tuple[str, ...]
    chainage_m: Floats
    speed_limit_kmh: Floats
    lanes: Ints
    lon_deg: Floats
    lat_deg: Floats


@dataclass(frozen=True)
class PointTable:
    """Devices that stand at a point, shape (n_device,), in catalogue order."""

    ids: tuple[str, ...]
    lon_deg: Floats
    lat_deg: Floats


@dataclass(frozen=True)
class TowerTable(PointTable):
    """Watchtowers; ``azimuth_sigma_deg`` is the error of their pose, ``range_m`` how far they can see."""

    azimuth_sigma_deg: Floats
    range_m: Floats


@dataclass(frozen=True)
class WeatherTable(PointTable):
    """Weather stations, and the road that each stands beside.

    Attributes
    ----------
    road : tuple of str
        Empty beside all roads: then the station says nothing of a road's surface, fog or wind.
    road_deg : ndarray, shape (n_device,), float64
        Which way the road runs there, clockwise from true north. NaN beside all roads. [deg]
    speed_limit_kmh : ndarray, shape (n_device,), float64
        Of the road. NaN beside all roads. [km/h]
    """

    road: tuple[str, ...]
    road_deg: Floats
    speed_limit_kmh: Floats

    @classmethod
    def none(cls) -> WeatherTable:
        """Return a table of no stations."""
        nothing = np.empty(0)
        return cls((), nothing, nothing, (), nothing, nothing)
