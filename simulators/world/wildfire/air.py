"""The air at a fire."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LIMITS = {
    "wind_kmh": (0.0, 400.0),
    "wind_deg": (0.0, 360.0),
    "rh_pct": (0.0, 100.0),
    "temp_c": (-60.0, 60.0),
    "rain_mm_h": (0.0, 500.0),
}


class AirAtPlaces(Protocol):
    """Weather at a set of places, arrays of shape (place,)."""

    @property
    def wind_kmh(self) -> Floats:
        """Speed at 10 m [km/h]."""

    @property
    def wind_deg(self) -> Floats:
        """Where the wind comes from [deg]."""

    @property
    def rh_pct(self) -> Floats:
        """Relative humidity [%]."""

    @property
    def temp_c(self) -> Floats:
        """Temperature [°C]."""

    @property
    def rain_mm_h(self) -> Floats:
        """Rain [mm/h]."""


class FireAir(NamedTuple):
    """Air at a fire, at 10 m above open ground; ``wind_deg`` is where the wind comes from."""

    wind_kmh: float
    wind_deg: float
    rh_pct: float
    temp_c: float
    rain_mm_h: float

    @classmethod
    def at(cls, air: AirAtPlaces, place: int) -> FireAir:
        """Return the air at one of a set of places."""
        return cls(
            wind_kmh=float(air.wind_kmh[place]),
            wind_deg=float(air.wind_deg[place]),
            rh_pct=float(air.rh_pct[place]),
            temp_c=float(air.temp_c[place]),
            rain_mm_h=float(air.rain_mm_h[place]),
        )

    def check(self) -> None:
        """Check that every value is a number in its range.

        Raises
        ------
        ValueError
            If one is not; it names the field.
        """
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"air.{name}: expected {low:g} to {high:g}, was {value!r}")
