"""Places, and the weather at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MAJOR_M = 6_378_137.0
_ECCENTRICITY_SQUARED = 0.00669437999014
"""Of the WGS84 ellipsoid."""


@dataclass(frozen=True)
class Places:
    """A fixed set of places, each array of shape (place,).

    Raises
    ------
    ValueError
        If the arrays are not of one length, or a coordinate is not a number.
    """

    lon_deg: Floats
    lat_deg: Floats
    elevation_m: Floats
    """Above sea level; what lies lower counts as the sea's surface."""

    def __post_init__(self) -> None:
        for name in ("lon_deg", "lat_deg", "elevation_m"):
            column = np.asarray(getattr(self, name), dtype=np.float64)
            if column.ndim != 1 or len(column) != len(self.lon_deg):
                raise ValueError(f"{name}: expected shape ({len(self.lon_deg)},), was {column.shape}")
            if not np.isfinite(column).all():
                place = int(np.flatnonzero(~np.isfinite(column))[0])
                raise ValueError(f"{name}: expected numbers, was {column[place]} at place {place}")
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.lon_deg)

    def take(self, which: Ints) -> Places:
        """Return some of the places."""
        return Places(self.lon_deg[which], self.lat_deg[which], self.elevation_m[which])


class Air(NamedTuple):
    """Weather at places, each of shape (place,); never NaN."""

    temp_c: Floats
    rh_pct: Floats
    """Above 0, at most 100."""
    wind_kmh: Floats
    """Mean over half a minute, with the gusts of that time, 10 m above ground."""
    wind_deg: Floats
    """Where it comes from, clockwise from north, from 0 to below 360."""
    rain_mm_h: Floats
    """Water that falls, as rain or as snow."""
    visibility_m: Floats
    """Meteorological optical range."""

    def take(self, which: Ints) -> Air:
        """Return the air at some of the places."""
        return Air(*(column[which] for column in self))


class Sun(NamedTuple):
    """What the sky sends down at places, each of shape (place,)."""

    irradiance_w_m2: Floats
    """Sunshine on level ground."""
    cloud_frac: Floats

    def take(self, which: Ints) -> Sun:
        """Return the sky over some of the places."""
        return Sun(*(column[which] for column in self))


@dataclass(frozen=True)
class Plane:
    """Metres east and north of a middle: exact to half a per cent over a region of 200 km, enough for weather."""

    lon_deg: float
    lat_deg: float

    @classmethod
    def around(cls, bbox: tuple[float, float, float, float]) -> Plane:
        """Return the plane around the middle of west, south, east, north [deg]."""
        west, south, east, north = bbox
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise ValueError(f"bbox: expected west < east and south < north in degrees, was {bbox}")
        return cls((west + east) / 2, (south + north) / 2)

    def metres(self, lon_deg: Floats, lat_deg: Floats) -> tuple[Floats, Floats]:
        """Return the distances east and north of the middle [m], with the ellipsoid's two radii of curvature there."""
        sine = np.sin(np.radians(self.lat_deg))
        bulge = 1.0 - _ECCENTRICITY_SQUARED * sine**2
        across_m = _MAJOR_M / np.sqrt(bulge)
        along_m = across_m * (1.0 - _ECCENTRICITY_SQUARED) / bulge
        east_m = np.radians(lon_deg - self.lon_deg) * across_m * np.cos(np.radians(self.lat_deg))
        return np.asarray(east_m, dtype=np.float64), np.asarray(np.radians(lat_deg - self.lat_deg) * along_m)


def smoothstep(share: Floats) -> Floats:
    """Return the S-curve 3 s² − 2 s³ of shares, which are held to 0 to 1."""
    held = np.clip(share, 0.0, 1.0)
    return np.asarray(held * held * (3.0 - 2.0 * held), dtype=np.float64)


def swell(time_s: float, from_s: float, until_s: float, ramp_s: float) -> float:
    """Return how much of something there is that comes and goes within ``ramp_s`` seconds each, 0 to 1."""
    edges = np.array([time_s - from_s, until_s - time_s]) / max(ramp_s, 1e-9)
    return float(np.prod(smoothstep(edges)))
