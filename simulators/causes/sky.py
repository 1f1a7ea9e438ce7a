"""Causes in the air: storms, fog and changes of wind."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from simulators.causes.base import Cause, TimedCause
from simulators.causes.fields import AtSeconds, Azimuth, Duration, Latitude, Longitude

StormRule = Literal["slopes", "expressway", "region"]


class Storm(TimedCause, frozen=True, kw_only=True, tag="storm"):
    """A moving field of rain.

    With ``lon_deg`` and ``lat_deg`` that is its centre at ``at_s``; with ``over`` it passes over that place at half
    its time: ``slopes`` where its path sweeps most slope nodes above roads, ``expressway`` the middle of the longest
    one, ``region`` the middle of the region.
    """

    peak_mm_h: Annotated[float, Meta(gt=0, le=150, description="rain greater than 0 and at most 150 mm/h")]
    radius_km: Annotated[float, Meta(ge=0.5, le=100, description="a radius from 0.5 to 100 km")]
    """Standard deviation of the rain's profile across the direction of travel [km]."""
    heading_deg: Azimuth
    """Where it travels to [deg]."""
    speed_kmh: Annotated[float, Meta(ge=0, le=120, description="a speed from 0 to 120 km/h")]
    over: StormRule | None = None
    lon_deg: Longitude | None = None
    lat_deg: Latitude | None = None


class Fog(TimedCause, frozen=True, kw_only=True, tag="fog"):
    """Fog over a place; ``expressway`` is the part of the longest one that has most cameras."""

    radius_km: Annotated[float, Meta(ge=0.2, le=50, description="a radius from 0.2 to 50 km")]
    visibility_m: Annotated[float, Meta(ge=10, le=2_000, description="a visibility from 10 to 2000 m")]
    """In the middle, at its thickest [m]."""
    over: Literal["expressway"] | None = None
    lon_deg: Longitude | None = None
    lat_deg: Latitude | None = None


class Wind(Cause, frozen=True, kw_only=True, tag="wind"):
    """Another wind over the whole region, and the air that it brings."""

    at_s: AtSeconds
    over_s: Duration = 1_800.0
    """How long the change takes [s]."""
    wind_kmh: Annotated[float, Meta(ge=0, le=150, description="a wind from 0 to 150 km/h")]
    wind_deg: Azimuth
    """Where it comes from [deg]."""
    rh_pct: Annotated[float, Meta(ge=0, le=100, description="a humidity from 0 to 100 %")] | None = None
    temp_c: Annotated[float, Meta(ge=-40, le=45, description="a temperature from -40 to 45 °C")] | None = None
