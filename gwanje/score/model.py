"""What is compared: events that happened and claims that were made, on a plane and in seconds since the run's start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gwanje.score.tolerances import Hazard

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]
"""Shapely geometries on the plane. [m]"""


@dataclass(frozen=True)
class Reach:
    """A fire arrives somewhere."""

    target_kind: str
    target: str
    time_s: float


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes
    ----------
    counts
        Whether it should be found. One that does not only explains what is said of it.
    group
        Finer kind: the cause of an incident, ``recurrent`` or ``incident`` of a queue.
    start_s, end_s
        Since the start of the run; of what went on at the end of it, that end. [s]
    due_s
        When a slope failed; None otherwise. [s]
    road
        ``road:direction``, or None where the direction is of no account.
    times_s : ndarray, shape (sample,)
        When each shape begins to hold, ascending; at least one. [s]
    shapes : ndarray, shape (sample,)
        Where it is.
    heads, tails : ndarray, shape (sample, 2)
        Ends of a queue; empty for all else. [m]
    """

    hazard: Hazard
    id: str
    counts: bool
    group: str
    start_s: float
    end_s: float
    times_s: Floats
    shapes: Shapes
    due_s: float | None = None
    road: str | None = None
    heads: Floats = field(default_factory=lambda: np.empty((0, 2)))
    tails: Floats = field(default_factory=lambda: np.empty((0, 2)))
    reaches: tuple[Reach, ...] = ()


@dataclass(frozen=True)
class Claims:
    """What was said about one kind of hazard: a row for every wording of every active finding.

    Attributes
    ----------
    situations
        Identifiers of the situations.
    devices
        Devices that each situation's findings of this kind rest on.
    situation, finding : ndarray, shape (row,), int64
        Index of the situation, and of the finding within the run.
    time_s : ndarray, shape (row,)
        When it was said. [s]
    level : ndarray, shape (row,), int64
        Level of the finding.
    placed : ndarray, shape (row,), bool
        Whether it gives a position, not just a bearing.
    slack_m : ndarray, shape (row,)
        Semi-major axis of its ellipse, 0 without one. [m]
    road
        ``road:direction`` of each row, or "" where the direction is not known.
    shapes : ndarray, shape (row,)
    heads, tails : ndarray, shape (row, 2)
        Ends of a queue, NaN without them. [m]
    """

    hazard: Hazard
    situations: tuple[str, ...]
    devices: tuple[frozenset[str], ...]
    situation: NDArray[np.int64]
    finding: NDArray[np.int64]
    time_s: Floats
    level: NDArray[np.int64]
    placed: NDArray[np.bool_]
    slack_m: Floats
    road: NDArray[np.str_]
    shapes: Shapes
    heads: Floats
    tails: Floats


@dataclass(frozen=True)
class Liar:
    """A device that did not tell the truth, or was deceived, for a time."""

    kind: Literal["fault", "false_source"]
    id: str
    """Of a false source its own, of a fault ``device:kind``."""
    device: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class EventScore:
    """How one event that counts was found. Times in seconds, None where there is nothing to measure."""

    hazard: Hazard
    group: str
    id: str
    start_s: float
    detected: bool
    time_to_detect_s: float | None
    """From its start to the first thing said of it; negative when it was foreseen."""
    position_error_m: float | None
    """Of the first position given."""
    level: int | None
    """Highest reached, of a slope before it failed."""
    lead_s: float | None
    """Of a slope: from the first thing said to the failure; negative when it came after it."""
    warning_lead_s: float | None
    """The same from the level of warning on; None when that was not reached before the failure."""
    reaches: tuple[tuple[Reach, float | None], ...]
    """What a fire reached, each with the time from the warning to it; None without a warning."""
    tail_errors_m: Floats
    """Distance of the tail said from the true one, for each wording; negative when the true tail is further
    upstream than what is said. [m]"""


@dataclass(frozen=True)
class FalseAlarm:
    """A situation that nothing explains."""

    hazard: Hazard
    situation: str
    first_s: float
    level: int
    devices: tuple[str, ...]
    blamed_on: tuple[Liar, ...]
    """Faults and false sources of its devices at the time."""


@dataclass(frozen=True)
class HazardScore:
    """One kind of hazard in one run."""

    hazard: Hazard
    hours: float
    decisions: float
    events: tuple[EventScore, ...]
    false_alarms: tuple[FalseAlarm, ...]
    claims: int
    """Situations that spoke of this kind."""
    duplicates: int
    """Of these, how many more than events that they speak of."""
    liars: tuple[Liar, ...] = ()
    """Of the devices that this kind of hazard is known by."""


def shapes(values: Sequence[object]) -> Shapes:
    """Return geometries as an array, also when there are none."""
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array
