"""The messages of wire protocol 1, one frozen struct per kind and stream.

These types are the single source of the published JSON Schemas and of the AsyncAPI document. A bound given here is
a bound of the *format* (what can be written at all); what is physically plausible is data, in
``config/thresholds/plausibility.toml``. Every number is bounded, so that NaN and infinity, which MessagePack can
carry, fit nowhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DeviceId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,48}$", description="Identifier of the device.")]
Time = Annotated[datetime, Meta(tz=True, description="Device time, RFC 3339 with offset; UTC is expected.")]
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1, description="Number of the message, one more each time.")]
Text = Annotated[str, Meta(max_length=500)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Azimuth = Annotated[float, Meta(ge=0, le=360, description="Clockwise from true north. [deg]")]
NonNegative = Annotated[float, Meta(ge=0, le=1e9)]
Signed = Annotated[float, Meta(ge=-1e9, le=1e9)]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What every message has."""

    device: DeviceId
    time: Time
    seq: Sequence


class LaneSample(msgspec.Struct, frozen=True, kw_only=True):
    """One lane of a detection station over one period."""

    lane: Annotated[int, Meta(ge=1, le=16, description="1 is the lane nearest the median.")]
    volume: Annotated[int, Meta(ge=0, le=10_000, description="Vehicles counted. [veh/period]")]
    speed_kmh: NonNegative | None
    occupancy_pct: Percent
    heavy: Annotated[int, Meta(ge=0, le=10_000, description="Heavy vehicles among them. [veh/period]")] | None = None


class VdsObservation(Message, frozen=True, kw_only=True):
    """Periodic sample of a vehicle detection station."""

    period_s: Annotated[float, Meta(gt=0, le=3600)]
    lanes: Annotated[tuple[LaneSample, ...], Meta(min_length=1, max_length=16)]
    fault: Text | None = None


class SlopeObservation(Message, frozen=True, kw_only=True):
    """Periodic sample of a landslide sensor node; any value may be null."""

    rain_mm_total: NonNegative | None = None
    tilt_x_deg: Annotated[float, Meta(ge=-180, le=180)] | None = None
    tilt_y_deg: Annotated[float, Meta(ge=-180, le=180)] | None = None
    soil_moisture_frac: Annotated[tuple[Fraction | None, ...], Meta(max_length=8)] | None = None
    pore_pressure_kpa: Signed | None = None
    extension_mm: Signed | None = None
    battery_v: NonNegative | None = None
    rssi_dbm: Annotated[float, Meta(ge=-200, le=30)] | None = None


class WeatherObservation(Message, frozen=True, kw_only=True):
    """Periodic sample of a weather station; any value may be null."""

    temp_c: Annotated[float, Meta(ge=-100, le=100)] | None = None
    rh_pct: Percent | None = None
    wind_kmh: NonNegative | None = None
    wind_deg: Azimuth | None = None
    rain_mm_total: NonNegative | None = None
    visibility_m: NonNegative | None = None
    road_surface_c: Annotated[float, Meta(ge=-100, le=120)] | None = None
    road_state: Literal["dry", "moist", "wet", "snow", "ice", "unknown"] | None = None


class TowerEvent(Message, frozen=True, kw_only=True):
    """Smoke or flame seen from a watchtower, as a bearing."""

    detection: Annotated[str, Meta(min_length=1, max_length=64, description="Identifier of the detection.")]
    azimuth_deg: Azimuth
    azimuth_sigma_deg: Annotated[float, Meta(gt=0, le=90)]
    elevation_deg: Annotated[float, Meta(ge=-90, le=90)] | None = None
    confidence: Fraction
    bbox: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    hfov_deg: Annotated[float, Meta(gt=0, le=360)] | None = None
    source: Literal["camera", "watcher"]


CctvEventKind = Literal[
    "stopped_vehicle", "wrong_way", "pedestrian", "debris", "smoke", "flooding", "low_visibility", "queue"
]


class CctvEvent(Message, frozen=True, kw_only=True):
    """Something that the analysis of a camera picture found."""

    event: CctvEventKind
    confidence: Fraction
    lane: Annotated[int, Meta(ge=1, le=16)] | None = None


class DeviceStatus(Message, frozen=True, kw_only=True):
    """Retained state of a device; the last will of its connection says ``online: false``."""

    online: bool
    fault: Text | None = None


class CameraStatus(DeviceStatus, frozen=True, kw_only=True):
    """Retained state of a CCTV camera or of a watchtower's camera."""

    pan_deg: Azimuth | None = None
    tilt_deg: Annotated[float, Meta(ge=-90, le=90)] | None = None
    zoom: NonNegative | None = None
    frame_time: Time | None = None
    stream_url: Annotated[str, Meta(max_length=2_000)] | None = None


class SignCommand(Message, frozen=True, kw_only=True):
    """What a sign is asked to show."""

    message: Annotated[str, Meta(min_length=1, max_length=64, description="Identifier of the message.")]
    multi: Annotated[str, Meta(max_length=2_000, description="NTCIP 1203 MULTI string; empty blanks the sign.")]
    priority: Annotated[int, Meta(ge=0, le=255)]
    expires: Time


class SignAck(Message, frozen=True, kw_only=True):
    """What a sign did with a command, and what its face shows now."""

    message: Annotated[str, Meta(min_length=1, max_length=64)]
    shown: bool
    multi: Annotated[str, Meta(max_length=2_000)]
    pixel_errors: Annotated[int, Meta(ge=0)] = 0
    reason: Text | None = None
