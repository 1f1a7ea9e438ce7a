"""What truly happened on a corridor: the labels beside each detector array, and both files' form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

M_PER_MILE = 1_609.344
KMH_PER_MPH = 1.609344
WORK = "work-"
"""Identifiers of planned work begin so, as causes of queues."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Lanes blocked by something that nobody planned. Times as ``time_s`` of the array, lanes from 1 at the median."""

    id: str
    cause: str
    onset_s: float
    end_s: float
    milemarker: float
    lanes_blocked: tuple[int, ...]
    """Empty for one on the shoulder."""
    lanes: int
    """Of the road there."""
    flow_veh_h_lane: float
    """Over the two minutes before the onset."""
    all_lanes: bool
    demand_over_left: float
    """That flow over the capacity that is left: above 1 a queue grows. [-]"""
    secondary: bool = False
    """In the queue of another one."""
    in_queue: bool = False
    """Traffic was queued there before the onset."""


class Slowing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that slows traffic and is no incident on this carriageway, over a time and a stretch of road."""

    cause: str
    """Recurrent queues: ``bottleneck``, ``wave`` or ``demand``. Others: ``work_zone``, ``fog``, ``rain``,
    ``rubbernecking``, ``convoy``."""
    onset_s: float
    end_s: float
    head_mile: float
    tail_mile: float
    """Furthest tail."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """One queue at one instant."""

    time_s: float
    id: str
    head_mile: float
    tail_mile: float
    cause: str
    """Identifier of the incident that it stands behind, or a cause as in `Slowing`."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A detector that lies; lane and station index the arrays of the file."""

    lane: int
    station: int
    kind: str
    start_s: float
    end_s: float


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A travel time over the whole corridor that was truly realised."""

    depart_s: float
    minutes: float


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """All about one corridor."""

    source: str
    split: str
    seed: int
    rising: bool
    """Traffic flows towards higher milemarkers."""
    length_km: float
    lanes: int
    spacing_m: float
    limit_kmh: float
    hours: float
    incidents: tuple[Incident, ...]
    recurrent: tuple[Slowing, ...]
    others: tuple[Slowing, ...]
    queues: tuple[Queue, ...]
    faults: tuple[Fault, ...]
    trips: tuple[Trip, ...]
    trip_from_mile: float
    trip_to_mile: float
    interchange_miles: tuple[float, ...] = ()
    lane_drop_miles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Arrays:
    """Measurements in the order of travel: shape (lane, station, time), NaN = not measured."""

    speed_kmh: Floats
    occupancy_pct: Floats
    volume: Floats
    mile: Floats
    """Of each station, in the order of travel: rising or falling."""
    time_s: Floats


def write(folder: Path, name: str, arrays: Arrays, labels: Labels) -> None:
    """Write ``name.npz``, stations by ascending milemarker, and ``name.json``."""
    order = np.argsort(arrays.mile)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    faults = tuple(msgspec.structs.replace(one, station=int(place[one.station])) for one in labels.faults)
    np.savez_compressed(
        folder / f"{name}.npz",
        raw_speed_mph=(arrays.speed_kmh[:, order] / KMH_PER_MPH).astype(np.float32),
        raw_occ_pct=arrays.occupancy_pct[:, order].astype(np.float32),
        raw_vol_veh30s=arrays.volume[:, order].astype(np.float32),
        milemarker=arrays.mile[order],
        time_s=arrays.time_s,
    )
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(labels, faults=faults)), indent=1)
    (folder / f"{name}.json").write_bytes(text)


def read_labels(path: Path) -> Labels:
    """Read the labels of a corridor.

    Raises
    ------
    msgspec.MsgspecError
        If they do not have their form.
    """
    return msgspec.json.decode(path.read_bytes(), type=Labels)
