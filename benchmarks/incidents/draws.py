"""What happens in a run of the world: incidents, and what looks like one and is none, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.incidents.labels import WORK
from benchmarks.incidents.road import Course
from simulators.world.happenings import ClosureCause

Floats = NDArray[np.float64]
Kind = Literal["incidents", "quiet"]

SHOULDER_LEFT = {2: 0.81, 3: 0.83, 4: 0.85}
"""Capacity beside a crash on the shoulder: HCM 2010, exhibit 10-17 (FHWA-HOP-13-042, table 40)."""
PASSING_KMH = (45.0, 85.0)
"""Speed at which traffic passes a blocked lane; own construction."""
END_M = 1_500.0
"""No incident nearer than this to the ends of a corridor: nobody watches beyond them."""


@dataclass(frozen=True)
class Planned:
    """One incident or work zone to be."""

    id: str
    cause: ClosureCause
    label: str
    at_m: float
    length_m: float
    lanes: frozenset[int]
    from_s: float
    until_s: float
    passing_kmh: float
    secondary: bool
    reopened: int
    """Lanes that are given free halfway."""
    seeks_queue: bool = False
    """Happens in a queue that stands there by itself, if there is one."""


@dataclass(frozen=True)
class Patch:
    """A stretch in which speed or capacity is less for a time, perhaps moving; what is gentle grows over ``ramp_s``."""

    cause: str
    from_s: float
    until_s: float
    from_m: float
    to_m: float
    pace_mps: float
    speed: float
    capacity: float
    ramp_s: float

    def factors(self, time_s: float, middle_m: Floats) -> tuple[Floats, Floats]:
        """Return what it leaves of speed and capacity at some places."""
        edge = min(time_s - self.from_s, self.until_s - time_s)
        strength = float(np.clip(edge / self.ramp_s, 0.0, 1.0)) if self.ramp_s > 0.0 else float(edge >= 0.0)
        moved = self.pace_mps * (time_s - self.from_s)
        inside = (middle_m >= self.from_m + moved) & (middle_m < self.to_m + moved)
        return (
            np.where(inside, 1.0 - strength * (1.0 - self.speed), 1.0),
            np.where(inside, 1.0 - strength * (1.0 - self.capacity), 1.0),
        )


def draw_incidents(rng: np.random.Generator, course: Course, hours: float, per_hour: float) -> list[Planned]:
    """Draw incidents one after the other, each in its own time but for secondary ones."""
    found: list[Planned] = []
    time_s = float(rng.uniform(900.0, 2_400.0))
    while time_s < hours * 3_600.0 - 900.0:
        one = _incident(rng, course, f"inc-{len(found)}", time_s, _place_m(rng, course), secondary=False)
        found.append(one)
        if one.lanes and rng.random() < 0.12 and one.until_s - one.from_s > 1_200.0:
            later = one.from_s + float(rng.uniform(600.0, 1_000.0))
            back_m = one.at_m - float(rng.uniform(800.0, 3_000.0))
            if back_m > END_M:
                found.append(_incident(rng, course, f"inc-{len(found)}", later, back_m, secondary=True))
        last_s = max(each.until_s for each in found)
        time_s = last_s + float(rng.uniform(900.0, 2.0 * max(3_600.0 / per_hour - 1_500.0, 1_200.0)))
    return found


def _place_m(rng: np.random.Generator, course: Course) -> float:
    kind = rng.random()
    if kind < 0.25:
        return float(np.clip(rng.choice(course.station_m) + rng.normal(0.0, 60.0), END_M, course.length_m - END_M))
    if kind < 0.45 and course.bottlenecks_m:
        at = rng.choice(course.bottlenecks_m) + rng.uniform(-700.0, 700.0)
        return float(np.clip(at, END_M, course.length_m - END_M))
    return float(rng.uniform(END_M, course.length_m - END_M))


def _incident(
    rng: np.random.Generator, course: Course, name: str, from_s: float, at_m: float, *, secondary: bool
) -> Planned:
    lanes = course.lanes_at(at_m)
    size = rng.random()
    blocked = 0 if size < 0.12 else 1 if size < 0.62 else min(2, lanes) if size < 0.85 else lanes
    if lanes == 2 and blocked == 2 and rng.random() < 0.5:
        blocked = 1
    side = rng.random()
    first = 1 if side < 0.4 else lanes - blocked + 1 if side < 0.8 else int(rng.integers(1, lanes - blocked + 2))
    duration_s = float(np.clip(rng.lognormal(np.log(1_200.0), 0.6), 300.0, 3_600.0))
    label = "crash" if blocked != 1 or rng.random() < 0.5 else str(rng.choice(["breakdown", "debris"]))
    return Planned(
        id=name,
        cause="debris" if label == "debris" else "crash",
        label=label if blocked else "shoulder",
        at_m=at_m,
        length_m=100.0,
        lanes=frozenset(range(first, first + blocked)),
        from_s=from_s,
        until_s=from_s + duration_s,
        passing_kmh=float(rng.uniform(*PASSING_KMH)),
        secondary=secondary,
        reopened=int(blocked > 1 and rng.random() < 0.4),
        seeks_queue=not secondary and bool(rng.random() < 0.25),
    )


def draw_work_zone(rng: np.random.Generator, course: Course, hours: float) -> Planned:
    """Draw a work zone that begins within the run."""
    from_s = float(rng.uniform(0.1, 0.5)) * hours * 3_600.0
    at_m = float(rng.uniform(END_M, course.length_m - END_M - 1_000.0))
    lanes = course.lanes_at(at_m)
    return Planned(
        id=f"{WORK}0",
        cause="work_zone",
        label="work_zone",
        at_m=at_m,
        length_m=float(rng.uniform(300.0, 1_500.0)),
        lanes=frozenset({1} if rng.random() < 0.5 else {lanes}),
        from_s=from_s,
        until_s=from_s + float(rng.uniform(3_600.0, 7_200.0)),
        passing_kmh=70.0,
        secondary=False,
        reopened=0,
    )


def draw_patches(rng: np.random.Generator, course: Course, hours: float, kind: Kind) -> list[Patch]:
    """Draw what slows traffic and is no incident here; each kind's figures are own constructions."""
    seconds, length = hours * 3_600.0, course.length_m
    # Waves of the kind that grow out of dense traffic: their heads never stand, they travel upstream.
    patches = [
        _patch(rng, "wave", seconds, length, width_m=250.0, pace_mps=-float(rng.uniform(4.2, 5.0)), speed=1.0,
               capacity=float(rng.uniform(0.45, 0.8)), ramp_s=240.0, duration_s=float(rng.uniform(300.0, 700.0)))
        for _ in range(int(rng.poisson(hours * length / 25_000.0)))
    ]  # fmt: skip
    for _ in range(int(rng.poisson(0.4 * hours * length / 20_000.0))):
        # Lorries that overtake each other.
        pace = float(rng.uniform(17.0, 22.0))
        patches.append(
            _patch(rng, "convoy", seconds, length, width_m=300.0, pace_mps=pace, speed=pace / (course.limit_kmh / 3.43),
                   capacity=float(rng.uniform(0.75, 0.95)), ramp_s=20.0, duration_s=float(rng.uniform(120.0, 500.0)))
        )  # fmt: skip
    if rng.random() < (0.5 if kind == "quiet" else 0.3):
        patches.append(
            _patch(rng, "rubbernecking", seconds, length, width_m=float(rng.uniform(250.0, 600.0)), pace_mps=0.0,
                   speed=0.85, capacity=0.9, ramp_s=30.0, duration_s=float(rng.uniform(900.0, 3_000.0)))
        )  # fmt: skip
    if rng.random() < (0.4 if kind == "quiet" else 0.2):
        rain = rng.random() < 0.6
        patches.append(
            _patch(rng, "rain" if rain else "fog", seconds, length, width_m=float(rng.uniform(3_000.0, 10_000.0)),
                   pace_mps=float(rng.uniform(-5.0, 5.0)) if rain else 0.0,
                   speed=float(rng.uniform(0.86, 0.97) if rain else rng.uniform(0.5, 0.9)),
                   capacity=float(rng.uniform(0.82, 0.97) if rain else rng.uniform(0.75, 0.9)), ramp_s=600.0,
                   duration_s=float(rng.uniform(2_400.0, 7_200.0)))
        )  # fmt: skip
    return patches


def _patch(
    rng: np.random.Generator,
    cause: str,
    seconds: float,
    length_m: float,
    *,
    width_m: float,
    pace_mps: float,
    speed: float,
    capacity: float,
    ramp_s: float,
    duration_s: float,
) -> Patch:
    from_s, from_m = float(rng.uniform(0.0, seconds)), float(rng.uniform(0.0, length_m - width_m))
    return Patch(
        cause=cause,
        from_s=from_s,
        until_s=from_s + duration_s,
        from_m=from_m,
        to_m=from_m + width_m,
        pace_mps=pace_mps,
        speed=min(speed, 1.0),
        capacity=capacity,
        ramp_s=ramp_s,
    )
