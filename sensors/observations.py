"""The messages of wire protocol 1, one frozen struct per kind and stream.

These types are the single source of the published JSON Schemas and of the AsyncAPI document. A bound given here is
a bound of the *format* (what can be written at all); what is physically plausible is data, in
``config/thresholds/plausibility.toml``. Every number is bounded, so that NaN and infinity, which MessagePack can
carry, fit nowhere. Descriptions end in the unit, in square brackets.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DeviceId = Annotated[
    # The look-ahead keeps out a newline at the end, which Python's $ would let pass.
    str, Meta(pattern=r"^[A-Za-z0-9_-]{1,48}$(?!\n)", description="Identifier of the device, as in the topic.")
]
Time = Annotated[
    datetime,
    Meta(
        tz=True,
        description="RFC 3339 with Z or an offset; UTC is expected.",
        extra_json_schema={"pattern": r"^(19[7-9]|2[01][0-9]|22[0-5])[0-9]-"},
    ),
]
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1, description="Number of the message, one more each time.")]
Text = Annotated[str, Meta(max_length=500)]
Confidence = Annotated[float, Meta(ge=0, le=1, description="How sure the device is, 0 to 1.")]
MessageId = Annotated[str, Meta(min_length=1, max_length=64, description="Identifier of the message.")]


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every message has."""

    device: DeviceId
    time: Annotated[Time, Meta(description="Device time of the reading, RFC 3339 with Z or an offset.")]
    seq: Sequence


class LaneSample(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One lane of a detection station over one period."""

    lane: Annotated[int, Meta(ge=1, le=16, description="1 is the lane nearest the median.")]
    volume: Annotated[int, Meta(ge=0, le=10_000, description="Vehicles counted. [veh/period]")]
    speed_kmh: (
        Annotated[float, Meta(ge=0, le=1e9, description="Mean speed; null when none was measured. [km/h]")] | None
    )
    occupancy_pct: Annotated[float, Meta(ge=0, le=100, description="Share of time with a vehicle above. [%]")]
    heavy: Annotated[int, Meta(ge=0, le=10_000, description="Heavy vehicles among them. [veh/period]")] | None = None


class VdsObservation(Message, frozen=True, kw_only=True, gc=False):
    """Periodic sample of a vehicle detection station."""

    period_s: Annotated[float, Meta(gt=0, le=3600, description="Length of the period that ends at `time`. [s]")]
    lanes: Annotated[
        tuple[LaneSample, ...], Meta(min_length=1, max_length=16, description="Each lane at most once, in any order.")
    ]
    fault: (
        Annotated[Text, Meta(description="What is wrong with the station; its numbers are then not used.")] | None
    ) = None


class SlopeObservation(Message, frozen=True, kw_only=True, gc=False):
    """Periodic sample of a landslide sensor node; any value may be null."""

    rain_mm_total: (
        Annotated[float, Meta(ge=0, le=1e9, description="Counter since installation, not reset. [mm]")] | None
    ) = None
    tilt_x_deg: Annotated[float, Meta(ge=-180, le=180, description="Tilt about the first axis. [deg]")] | None = None
    tilt_y_deg: Annotated[float, Meta(ge=-180, le=180, description="Tilt about the second axis. [deg]")] | None = None
    soil_moisture_frac: (
        Annotated[
            tuple[Annotated[float, Meta(ge=0, le=1)] | None, ...],
            Meta(max_length=8, description="Volumetric water content by depth, shallowest first. [m³/m³]"),
        ]
        | None
    ) = None
    pore_pressure_kpa: (
        Annotated[float, Meta(ge=-1e9, le=1e9, description="Pore water pressure; suction is negative. [kPa]")] | None
    ) = None
    extension_mm: Annotated[float, Meta(ge=-1e9, le=1e9, description="Of a wire extensometer. [mm]")] | None = None
    battery_v: Annotated[float, Meta(ge=0, le=1e9, description="Battery voltage. [V]")] | None = None
    rssi_dbm: Annotated[float, Meta(ge=-200, le=30, description="Signal strength at the gateway. [dBm]")] | None = None


class WeatherObservation(Message, frozen=True, kw_only=True, gc=False):
    """Periodic sample of a weather station; any value may be null."""

    temp_c: Annotated[float, Meta(ge=-100, le=100, description="Air temperature. [°C]")] | None = None
    rh_pct: Annotated[float, Meta(ge=0, le=100, description="Relative humidity. [%]")] | None = None
    wind_kmh: Annotated[float, Meta(ge=0, le=1e9, description="Mean wind speed. [km/h]")] | None = None
    wind_deg: (
        Annotated[float, Meta(ge=0, le=360, description="Where the wind comes from, clockwise from true north. [deg]")]
        | None
    ) = None
    rain_mm_total: (
        Annotated[float, Meta(ge=0, le=1e9, description="Counter since installation, not reset. [mm]")] | None
    ) = None
    visibility_m: Annotated[float, Meta(ge=0, le=1e9, description="Meteorological visibility. [m]")] | None = None
    road_surface_c: Annotated[float, Meta(ge=-100, le=120, description="Road surface temperature. [°C]")] | None = None
    road_state: Literal["dry", "moist", "wet", "snow", "ice", "unknown"] | None = None


class TowerEvent(Message, frozen=True, kw_only=True, gc=False):
    """Smoke or flame seen from a watchtower, as a bearing."""

    detection: Annotated[str, Meta(min_length=1, max_length=64, description="Identifier of the detection.")]
    azimuth_deg: Annotated[float, Meta(ge=0, le=360, description="Bearing, clockwise from true north. [deg]")]
    azimuth_sigma_deg: Annotated[
        float, Meta(gt=0, le=90, description="Standard error of the bearing, that of the mount included. [deg]")
    ]
    elevation_deg: Annotated[float, Meta(ge=-90, le=90, description="Above the horizontal. [deg]")] | None = None
    confidence: Confidence
    bbox: (
        Annotated[
            tuple[
                Annotated[float, Meta(ge=0, le=1)],
                Annotated[float, Meta(ge=0, le=1)],
                Annotated[float, Meta(ge=0, le=1)],
                Annotated[float, Meta(ge=0, le=1)],
            ],
            Meta(description="Box in the picture: left, top, right, bottom as shares of its width and height."),
        ]
        | None
    ) = None
    hfov_deg: Annotated[float, Meta(gt=0, le=360, description="Horizontal field of view. [deg]")] | None = None
    source: Literal["camera", "watcher"]


CctvEventKind = Literal[
    "stopped_vehicle", "wrong_way", "pedestrian", "debris", "smoke", "flooding", "low_visibility", "queue"
]


class CctvEvent(Message, frozen=True, kw_only=True, gc=False):
    """Something that the analysis of a camera picture found."""

    event: CctvEventKind
    confidence: Confidence
    lane: Annotated[int, Meta(ge=1, le=16, description="1 is the lane nearest the median.")] | None = None


class DeviceStatus(Message, frozen=True, kw_only=True, gc=False):
    """Retained state of a device; the last will of its connection says ``online: false``."""

    online: bool
    fault: Annotated[Text, Meta(description="What is wrong with the device.")] | None = None


class CameraStatus(DeviceStatus, frozen=True, kw_only=True):
    """Retained state of a CCTV camera or of a watchtower's camera."""

    pan_deg: (
        Annotated[float, Meta(ge=0, le=360, description="Where it looks, clockwise from true north. [deg]")] | None
    ) = None
    tilt_deg: Annotated[float, Meta(ge=-90, le=90, description="Above the horizontal. [deg]")] | None = None
    zoom: Annotated[float, Meta(ge=0, le=1e9, description="Magnification, 1 is the widest. [1]")] | None = None
    frame_time: Annotated[Time, Meta(description="Time of the newest real picture, not of a repeated one.")] | None = (
        None
    )
    stream_url: Annotated[str, Meta(max_length=2_000, description="Where the picture can be seen.")] | None = None


class SignCommand(Message, frozen=True, kw_only=True, gc=False):
    """What a sign is asked to show."""

    message: MessageId
    multi: Annotated[str, Meta(max_length=2_000, description="NTCIP 1203 MULTI string; empty blanks the sign.")]
    priority: Annotated[int, Meta(ge=0, le=255, description="Higher goes first.")]
    expires: Annotated[Time, Meta(description="When the message ends by itself.")]


class SignAck(Message, frozen=True, kw_only=True, gc=False):
    """What a sign did with a command, and what its face shows now."""

    message: Annotated[str, Meta(min_length=1, max_length=64, description="Identifier of the command's message.")]
    shown: bool
    multi: Annotated[str, Meta(max_length=2_000, description="What the face shows now.")]
    pixel_errors: Annotated[int, Meta(ge=0, le=10_000_000, description="Pixels that do not obey.")] = 0
    reason: Annotated[Text, Meta(description="Why it is not shown.")] | None = None


CellId = Annotated[str, Meta(min_length=1, max_length=48)]
Page = Annotated[
    str,
    Meta(
        pattern=r"^([0-9a-f]{2}){1,88}$(?!\n)",
        description="One page as it goes on air, hexadecimal; at most 88 octets (3GPP TS 23.041, 9.4.1).",
    ),
]


class CellBroadcast(Message, frozen=True, kw_only=True, gc=False):
    """What a district's cell broadcast centre is asked to send to phones, to change, or to stop sending."""

    message: MessageId
    message_id: Annotated[
        int, Meta(ge=0, le=65535, description="CBS message identifier, such as 4370 (3GPP TS 23.041, 9.4.1.2.2).")
    ]
    serial: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="CBS serial number: geographical scope (2 bits), message code (10), update number (4).",
        ),
    ]
    language: Annotated[str, Meta(pattern=r"^[a-z]{2}$(?!\n)", description="Of the text, ISO 639-1.")]
    text: Annotated[str, Meta(max_length=1395, description="What phones show; empty only when cancelling.")]
    pages: Annotated[tuple[Page, ...], Meta(max_length=15, description="The text as encoded pages.")] | None = None
    cells: (
        Annotated[
            tuple[CellId, ...],
            Meta(min_length=1, max_length=1000, description="Cells of the district; null for all of them."),
        ]
        | None
    ) = None
    repetition_s: Annotated[
        float, Meta(ge=1, le=7713, description="Time from one broadcast to the next, CBSP knows 1.883 to 7,711. [s]")
    ]
    broadcasts: (
        Annotated[int, Meta(ge=1, le=65535, description="How often it is sent; null for until it expires.")] | None
    ) = None
    expires: Annotated[Time, Meta(description="When it is not sent any more; null for after `broadcasts`.")] | None = (
        None
    )
    cancel: Annotated[bool, Meta(description="Stop sending the message with this `message_id` and `serial`.")] = False


class CellAck(Message, frozen=True, kw_only=True, gc=False):
    """What a cell broadcast centre did with a command."""

    message: Annotated[str, Meta(min_length=1, max_length=64, description="Identifier of the command's message.")]
    cells_ok: Annotated[int, Meta(ge=0, le=1_000_000, description="Cells that do as they were told.")]
    cells_failed: Annotated[tuple[CellId, ...], Meta(max_length=1000, description="Cells that do not.")] = ()
    reason: Annotated[Text, Meta(description="Why cells failed, or why nothing was done.")] | None = None
