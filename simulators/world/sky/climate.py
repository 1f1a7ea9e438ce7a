"""The day that a region's weather varies around."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta, Struct

_YEAR_MEAN_C = 13.0
_YEAR_SWING_C = 12.0
_COLDEST_DAY = 20
"""A year at sea level in the middle of Korea, as a cosine; own construction in round numbers."""


class Climate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The day that the weather varies around."""

    temp_c: Annotated[float, Meta(ge=-40, le=45, description="a temperature from -40 to 45 °C")] | None = None
    """Mean of the day at sea level, None for what the season brings. [°C]"""
    temp_swing_c: Annotated[float, Meta(ge=0, le=15, description="degrees from 0 to 15 °C")] = 5.0
    """Half the difference between afternoon and dawn under a clear sky. [°C]"""
    rh_pct: Annotated[float, Meta(ge=0, le=100, description="a humidity from 0 to 100 %")] = 60.0
    """At the day's mean temperature; drier in the afternoon, moister at night. [%]"""
    wind_kmh: Annotated[float, Meta(ge=0, le=150, description="a wind from 0 to 150 km/h")] = 9.0
    wind_deg: Annotated[
        float, Meta(ge=0, le=360, description="degrees clockwise from north, a number from 0 to 360")
    ] = 270.0
    """Where the wind comes from, clockwise from north. [deg]"""
    rain_mm_h: Annotated[float, Meta(ge=0, le=150, description="rain from 0 to 150 mm/h")] = 0.0
    """Widespread rain, mean at sea level; storms come on top. [mm/h]"""

    def mean_temp_c(self, day_of_year: float) -> float:
        """Return the mean of the day at sea level: as given, or of the season [°C]."""
        if self.temp_c is not None:
            return self.temp_c
        return _YEAR_MEAN_C - _YEAR_SWING_C * math.cos(2 * math.pi * (day_of_year - _COLDEST_DAY) / 365)
