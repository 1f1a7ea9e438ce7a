"""Corridors and alarms made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.incidents.corridors import Labelled, load
from benchmarks.incidents.labels import Arrays, Fault, Incident, Labels, Queue, Slowing, write


@dataclass(frozen=True)
class Said:
    """An alarm."""

    detected_s: float
    onset_s: float
    chainage_m: float
    kind: str = "incident"


def incident(name: str = "a", *, onset_s: float = 1_000.0, mile: float = 15.0, blocked: int = 1) -> Incident:
    return Incident(
        id=name, cause="crash", onset_s=onset_s, end_s=onset_s + 600.0, milemarker=mile,
        lanes_blocked=tuple(range(1, blocked + 1)), lanes=3, flow_veh_h_lane=1_200.0, all_lanes=blocked == 3,
        demand_over_left=1.5,
    )  # fmt: skip


def labels(
    *,
    rising: bool = True,
    incidents: tuple[Incident, ...] = (),
    queues: tuple[Queue, ...] = (),
    others: tuple[Slowing, ...] = (),
    faults: tuple[Fault, ...] = (),
) -> Labels:
    return Labels(
        source="world", split="test", seed=1, rising=rising, length_km=16.0, lanes=3, spacing_m=500.0,
        limit_kmh=100.0, hours=1.0, incidents=incidents, recurrent=(), others=others, queues=queues, faults=faults,
        trips=(), trip_from_mile=10.0, trip_to_mile=20.0,
    )  # fmt: skip


def corridor(folder: Path, what: Labels, spacing: str = "500m", volume: float = 10.0) -> Labelled:
    """Write and read a corridor of 21 stations from mile 10 to 20, half a mile apart, with steady traffic."""
    mile = np.linspace(10.0, 20.0, 21)
    shape = (3, 21, 120)
    arrays = Arrays(
        np.full(shape, 90.0),
        np.full(shape, 8.0),
        np.full(shape, volume),
        mile if what.rising else mile[::-1],
        np.arange(1.0, 121.0) * 30.0,
    )
    write(folder, "test_one", arrays, what)
    return load(folder / "test_one.npz", spacing)
