"""What goes wrong in a simulated region, at its place and time: causes only, the world works out what follows.

Times are simulation time: seconds since the start of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.catalogue.model import Coordinate

ClosureCause = Literal["crash", "secondary_crash", "work_zone", "tunnel_fire", "slope_failure", "smoke", "debris"]
FalseCause = Literal["dust", "fog", "sunset", "cloud"]
FaultKind = Literal[
    "dropout",
    "stuck",
    "zero",
    "offset",
    "noise",
    "spike",
    "missed_lane",
    "clock_offset",
    "stale_frame",
    "refuse",
    "dead_pixels",
    "silent",
]


@dataclass(frozen=True)
class Closure:
    """Lanes of one link that are blocked for a time, or slowed when ``lanes`` is empty."""

    id: str
    cause: ClosureCause
    link: str
    offset_m: float
    """Where it begins, from the start of the link [m]."""
    length_m: float
    lanes: frozenset[int]
    """Numbers of the blocked lanes, 1 at the median; all lanes of the link close it."""
    from_s: float
    until_s: float
    speed_limit_kmh: float | None = None
    """Limit past the place, None for the link's own [km/h]."""

    def active(self, time_s: float) -> bool:
        """Whether the lanes are blocked at an instant."""
        return self.from_s <= time_s < self.until_s


@dataclass(frozen=True)
class SecondaryCrash:
    """A crash into the tail of the queue behind a closure, wherever that tail is when its time comes."""

    id: str
    behind: str
    """Identifier of the closure whose queue it is."""
    lanes_blocked: int
    from_s: float
    until_s: float


@dataclass(frozen=True)
class DemandSurge:
    """More traffic than usual for a time, over the whole region or on one road."""

    factor: float
    from_s: float
    until_s: float
    road: str | None = None


@dataclass(frozen=True)
class Storm:
    """A moving field of rain: an ellipse of Gaussian profile that travels at a steady speed."""

    id: str
    centre: Coordinate
    """Where its centre is at ``from_s``. [deg]"""
    from_s: float
    until_s: float
    peak_mm_h: float
    radius_m: float
    """Standard deviation of the profile across the direction of travel. [m]"""
    heading_deg: float
    """Where it travels to, clockwise from north. [deg]"""
    speed_kmh: float
    stretch: float = 1.6
    """Length along over width across the direction of travel [-]."""


@dataclass(frozen=True)
class FogBank:
    """Fog over a place, thickening and lifting in a quarter of its time each."""

    id: str
    centre: Coordinate
    radius_m: float
    visibility_m: float
    """In the middle, at its thickest. [m]"""
    from_s: float
    until_s: float


@dataclass(frozen=True)
class WindChange:
    """The wind of the whole region from a time on, reached over ``over_s`` seconds, with the air it brings."""

    from_s: float
    over_s: float
    wind_kmh: float
    wind_deg: float
    rh_pct: float | None = None
    temp_c: float | None = None


@dataclass(frozen=True)
class WeakSlope:
    """A slope whose ground is weak enough that rain may bring it down; whether and when is the model's answer."""

    node: int
    """Index of the node in the catalogue's order."""
    margin_frac: float
    """How much weaker than its sound neighbours: share of strength that is missing, 0 to 1."""


@dataclass(frozen=True)
class Creep:
    """A slope node that tilts at a steady rate for a time, whatever the rain."""

    node: int
    """Index of the node in the catalogue's order."""
    rate_deg_h: float
    from_s: float
    until_s: float


@dataclass(frozen=True)
class Ignition:
    """Where and when a forest fire starts; fought from ``attack_s`` on, out at ``until_s`` at the latest."""

    id: str
    position: Coordinate
    from_s: float
    attack_s: float
    until_s: float


@dataclass(frozen=True)
class FalseSource:
    """Something that a tower's camera takes for smoke."""

    id: str
    tower: str
    cause: FalseCause
    azimuth_deg: float
    """True azimuth from the tower at ``from_s``. [deg]"""
    drift_deg_min: float
    """How it moves along the horizon. [deg/min]"""
    confidence: float
    from_s: float
    until_s: float


@dataclass(frozen=True)
class DeviceFault:
    """A device that does not tell the truth for a time."""

    device: str
    kind: FaultKind
    from_s: float
    until_s: float
    value: float = 0.0
    """Size of the fault, in the unit of what is measured: offset, spread of noise, height of spikes, lane number of a
    missed lane, seconds of a clock's offset (positive = ahead), share of dead pixels."""


@dataclass(frozen=True)
class Happenings:
    """Everything that a scenario causes, placed in a region."""

    closures: tuple[Closure, ...] = ()
    secondary: tuple[SecondaryCrash, ...] = ()
    surges: tuple[DemandSurge, ...] = ()
    storms: tuple[Storm, ...] = ()
    fogs: tuple[FogBank, ...] = ()
    winds: tuple[WindChange, ...] = ()
    weak_slopes: tuple[WeakSlope, ...] = ()
    creeps: tuple[Creep, ...] = ()
    ignitions: tuple[Ignition, ...] = ()
    false_sources: tuple[FalseSource, ...] = ()
    faults: tuple[DeviceFault, ...] = ()
