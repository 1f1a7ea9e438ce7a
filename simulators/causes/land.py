"""Causes on the ground: weak and creeping slopes, forest fires, and what towers take for smoke."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from simulators.causes.base import Cause, TimedCause
from simulators.causes.fields import (
    AtSeconds,
    Azimuth,
    EventName,
    FireSeconds,
    Fraction,
    Identifier,
    Latitude,
    Longitude,
)
from simulators.world.happenings import FalseCause


class WeakSlopes(Cause, frozen=True, kw_only=True, tag="weak_slopes"):
    """Slopes that rain may bring down; whether and when is the answer of the slope model.

    Which: ``nodes`` by identifier, or ``count`` of the ``among`` nodes nearest to the path of the storm ``under``,
    drawn by the seed from those above a road (of the whole region without ``under``).
    """

    nodes: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=1_000)] | None = None
    count: Annotated[int, Meta(ge=1, le=1_000, description="a whole number from 1 to 1000")] | None = None
    among: Annotated[int, Meta(ge=1, le=10_000, description="a whole number from 1 to 10000")] = 40
    under: EventName | None = None
    margin_frac: Annotated[float, Meta(gt=0, le=0.6, description="a share above 0 and up to 0.6")]
    """Share of the strength that is missing [-]."""


class SlopeCreep(TimedCause, frozen=True, kw_only=True, tag="slope_creep"):
    """A slope node that tilts at a steady rate, whatever the rain."""

    node: Identifier | None = None
    place: Literal["road_slope"] | None = None
    """A node above a road, drawn by the seed."""
    rate_deg_h: Annotated[float, Meta(gt=0, le=100, description="a rate greater than 0 and at most 100 deg/h")]


class Fire(TimedCause, frozen=True, kw_only=True, tag="fire"):
    """A forest fire: at ``lon_deg`` and ``lat_deg``, or beside a road and near a village, in sight of towers."""

    at_s: FireSeconds
    """Ignition, from the start of the run; negative for a fire that burns already when the run begins [s]."""
    attack_s: AtSeconds | None = None
    """From when it is fought, from the start of the run; never when not given [s]."""
    toward: Literal["expressway_and_village"] | None = None
    """What the wind of that time drives it to."""
    towers: Annotated[int, Meta(ge=1, le=20, description="a whole number of towers from 1 to 20")] = 3
    """How many towers must have it in sight."""
    road_within_m: Annotated[float, Meta(ge=500, le=5_000, description="a distance from 500 to 5000 m")] = 1_500.0
    village_within_m: Annotated[float, Meta(ge=500, le=20_000, description="a distance from 500 to 20000 m")] = 4_000.0
    lon_deg: Longitude | None = None
    lat_deg: Latitude | None = None


class FalseDetection(TimedCause, frozen=True, kw_only=True, tag="false_detection"):
    """Something that a tower's camera takes for smoke.

    By ``tower``; by the one nearest to another event, looking at it (``near``); or ``away_from_fire``: the tower
    furthest from the fires that burn then, looking the other way, any tower, drawn by the seed, when none burns. The
    last is the rule when none is given. A sunset stands where the sun stands.
    """

    cause: FalseCause
    confidence: Fraction
    place: Literal["away_from_fire"] | None = None
    tower: Identifier | None = None
    near: EventName | None = None
    """Name of an event with a place, such as a fog."""
    azimuth_deg: Azimuth | None = None
    drift_deg_min: Annotated[float, Meta(ge=-10, le=10, description="a drift from -10 to 10 deg/min")] | None = None
    """By its cause when not given [deg/min]."""
