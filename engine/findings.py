"""What the engine says: findings, each with its receipt.

A finding is a value. The engine never forgets to close one: when its cause is gone it is said once more with
``active`` false.
"""

from __future__ import annotations

import enum

import msgspec


class HazardLevel(enum.IntEnum):
    """The four national hazard levels 관심, 주의, 경계, 심각. Not an operator's priority."""

    ATTENTION = 1
    CAUTION = 2
    ALERT = 3
    SERIOUS = 4


class Rule(enum.StrEnum):
    """Which computation speaks."""

    CONGESTION = "traffic.congestion"
    INCIDENT = "traffic.incident"
    CAMERA_EVENT = "traffic.camera_event"
    ROAD_WEATHER = "traffic.road_weather"
    SLOPE_LEVEL = "slope.level"
    FIRE_POSITION = "fire.position"
    FIRE_BEARING = "fire.bearing"


class Ellipse(msgspec.Struct, frozen=True):
    """A 95 % confidence ellipse on the ground."""

    semi_major_m: float
    semi_minor_m: float
    azimuth_deg: float
    """Of the major axis, clockwise from true north, 0 to 180."""


class ReceiptLine(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity that led to a finding, beside the threshold it was held against."""

    quantity: str
    """Key of the quantity; the languages are in ``config/templates/quantities.toml``."""
    value: float
    unit: str
    threshold: float | None = None
    source: str = ""
    """Where the threshold or the computation comes from."""

    def __post_init__(self) -> None:
        """Make whole numbers real ones, so that what was stored and read again is the same byte for byte."""
        msgspec.structs.force_setattr(self, "value", float(self.value))
        if self.threshold is not None:
            msgspec.structs.force_setattr(self, "threshold", float(self.threshold))


class Observation(msgspec.Struct, frozen=True):
    """One message that a finding rests on."""

    device: str
    seq: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the engine holds to be so."""

    id: str
    rule: Rule
    level: HazardLevel
    active: bool
    onset_ns: int
    """Device time at which it began. [ns since 1970 UTC]"""
    updated_ns: int
    """Engine time of this wording. [ns since 1970 UTC]"""
    confidence: float
    """0 to 1."""
    lon_deg: float
    lat_deg: float
    ellipse: Ellipse | None = None
    line: tuple[tuple[float, float], ...] = ()
    """Longitude and latitude along a queue or a bearing, if the finding has an extent."""
    subject: str
    """What it is about: a road's direction, a slope node, a camera, a detection."""
    detail: str = ""
    """The kind of camera event, and the like."""
    devices: tuple[str, ...]
    observations: tuple[Observation, ...]
    receipt: tuple[ReceiptLine, ...]
