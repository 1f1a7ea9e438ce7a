"""The lines of ``truth.jsonl``: one frozen struct a kind of line, told apart by ``kind``. See ``docs/truth.md``.

All times are aware; all lengths in metres; positions are WGS84, longitude before latitude. Of an entity (everything
with an ``id``, and a fault by device, fault and start) the last line counts; samples add up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from config.catalogue.model import Coordinate
from simulators.world.happenings import ClosureCause, FalseCause, FaultKind

Longitude = Annotated[float, Meta(ge=-180.0, le=180.0)]
Latitude = Annotated[float, Meta(ge=-90.0, le=90.0)]
Length = Annotated[float, Meta(ge=0.0)]
RECURRENT = "recurrent"
"""Cause of a queue that no incident made."""


class Spot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place on a road."""

    lon_deg: Longitude
    lat_deg: Latitude
    link: str
    offset_m: Length
    """From the start of the link, in the direction of travel. [m]"""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of every line."""


class Incident(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="incident"):
    """Lanes of a link that are blocked."""

    id: str
    cause: ClosureCause
    link: str
    offset_m: Length
    lon_deg: Longitude
    lat_deg: Latitude
    lanes: tuple[int, ...]
    """Numbers of the blocked lanes, 1 at the median."""
    all_lanes: bool
    road: str
    direction: Literal["up", "down"]
    district: str
    start: datetime
    end: datetime | None = None
    """None while it goes on."""
    part_of: str | None = None
    """Identifier of the incident that this closure belongs to: the other links and the other tube of a tunnel on fire,
    the other carriageway under a slide; None for one of its own."""
    flow_veh_h_lane: float | None = None
    """Traffic at the place at its onset, per lane; None if it is not known. [veh/h]"""


class Queue(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="queue"):
    """A stretch of congested road."""

    id: str
    cause: str
    """Identifier of the incident at its head, or ``recurrent``."""
    road: str
    direction: Literal["up", "down"]
    start: datetime
    end: datetime | None = None


class QueueSample(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="queue_sample"):
    """Where a queue is at an instant; the head is where it discharges, the tail where drivers meet it."""

    queue: str
    time: datetime
    head: Spot
    tail: Spot
    length_m: Length
    speed_kmh: float
    """Mean over the queue. [km/h]"""


class SlopeFailure(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="slope_failure"):
    """A slope that creeps, and when it failed, if it did."""

    id: str
    """The slope node's."""
    lon_deg: Longitude
    lat_deg: Latitude
    creep_onset: datetime
    creep_end: datetime | None = None
    """When it came to rest without failing."""
    failure: datetime | None = None
    links: tuple[str, ...] = ()
    """Links that the failure blocks."""


class Fire(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fire"):
    """A forest fire."""

    id: str
    lon_deg: Longitude
    lat_deg: Latitude
    ignition: datetime
    out: datetime | None = None


class FireSample(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fire_sample"):
    """How far a fire is at an instant."""

    fire: str
    time: datetime
    area_ha: Length
    perimeter: tuple[Coordinate, ...] = ()
    """Closed ring; empty where the model knows no extent."""
    smoke: tuple[Coordinate, ...] = ()
    """Places on roads, some two kilometres apart, where its smoke leaves less than a kilometre of sight."""


class FireReach(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fire_reach"):
    """A fire arrives at a village or a road link."""

    fire: str
    target_kind: Literal["village", "link"]
    target: str
    time: datetime


class FalseSource(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="false_source"):
    """Something that a tower took for smoke."""

    id: str
    tower: str
    cause: FalseCause
    azimuth_deg: float
    start: datetime
    end: datetime | None = None


class Fault(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fault"):
    """A device that did not tell the truth."""

    device: str
    fault: FaultKind
    start: datetime
    end: datetime | None = None
    value: float = 0.0


class Phones(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="phones"):
    """How many phones are inside an area, whatever was sent to them."""

    area: str
    area_kind: Literal["village", "district", "fire", "circle", "polygon"]
    time: datetime
    inside: Annotated[int, Meta(ge=0)]
    cells: dict[str, int]
    """Of these, by the cell that serves them."""


class Reception(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reception"):
    """Phones that showed a message since the last line of that message."""

    message: str
    time: datetime
    phones: dict[str, int]
    """By cell."""
    repeated: Annotated[int, Meta(ge=0)]
    """Phones that had it already and stayed silent."""


class RunEnd(Line, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="run_end"):
    """The run came to its end; a file without it is of a run that was cut short."""

    time: datetime


TruthLine = (
    Incident
    | Queue
    | QueueSample
    | SlopeFailure
    | Fire
    | FireSample
    | FireReach
    | FalseSource
    | Fault
    | Phones
    | Reception
    | RunEnd
)
