"""Causes on roads: crashes, fires in tunnels, work zones, things on the lanes, and more traffic than usual."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from simulators.causes.base import Cause, TimedCause
from simulators.causes.fields import AfterSeconds, Duration, EventName, Identifier, LaneCount, Offset, SpeedLimit

RoadRule = Literal["longest_expressway", "longest_national_road"]
Side = Literal["median", "shoulder"]
"""From which side the blocked lanes count."""


class LaneCause(TimedCause, frozen=True, kw_only=True):
    """Base of what blocks lanes at one point of a road.

    Where: ``link`` with ``offset_m``, or the rule ``place``, or ``near`` another event (fog or storm); the rule
    ``longest_expressway`` when none is given. When: ``at_s`` until ``duration_s`` later.
    """

    lanes_blocked: LaneCount
    """All lanes of the place close it."""
    side: Side = "median"
    place: RoadRule | None = None
    link: Identifier | None = None
    offset_m: Offset | None = None
    near: EventName | None = None
    """Name of a fog or a storm in whose middle it happens."""


class Crash(LaneCause, frozen=True, kw_only=True, tag="crash"):
    """A crash that blocks lanes."""


class Debris(LaneCause, frozen=True, kw_only=True, tag="debris"):
    """Something that fell on the lanes and lies there until it is taken away."""


class SecondaryCrash(Cause, frozen=True, kw_only=True, tag="secondary_crash"):
    """A crash into the tail of the queue behind another event, wherever the tail is by then."""

    of: EventName
    """Name of a crash, debris, work_zone or tunnel_fire."""
    after_s: AfterSeconds
    """Time after the beginning of the other event [s]."""
    duration_s: Duration
    lanes_blocked: LaneCount


class TunnelFire(TimedCause, frozen=True, kw_only=True, tag="tunnel_fire"):
    """A vehicle on fire in a tunnel: it closes the tunnel, and the other tube as well unless told otherwise."""

    place: Literal["longest_tunnel"] | None = None
    """The longest tunnel of an expressway with a way around it, of any expressway when none has one, or of any road
    when expressways have no tunnel."""
    link: Identifier | None = None
    both_directions: bool = True


class WorkZone(TimedCause, frozen=True, kw_only=True, tag="work_zone"):
    """Lanes taken for road works, with a lower limit past them."""

    lanes_blocked: LaneCount
    side: Side = "shoulder"
    length_m: Annotated[float, Meta(ge=50, le=20_000, description="a length from 50 to 20000 m")]
    speed_limit_kmh: SpeedLimit
    place: Literal["long_multilane_section"] | None = None
    """A long stretch of two or more lanes without a tunnel, where the open lanes do until the peak comes: beyond its
    middle, where a queue has room behind."""
    link: Identifier | None = None
    offset_m: Offset | None = None


class Surge(TimedCause, frozen=True, kw_only=True, tag="surge"):
    """More traffic than usual (or less), on one road or in the whole region."""

    factor: Annotated[float, Meta(ge=0, le=5, description="a factor from 0 to 5")]
    place: RoadRule | None = None
    road: Identifier | None = None
    """A road by identifier; the whole region when neither road nor place is given."""
