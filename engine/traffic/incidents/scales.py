"""Stretches of several lengths: between neighbours, and over a station or more that stands between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.tables import StationTable
from engine.traffic.layout import NONE, Layout

Ints = NDArray[np.int64]

COARSE_M = (800.0, 1_600.0)
"""Shortest stretches of the coarse scales. A station just behind or before a blocked lane sees vehicles that gather
speed or crawl; one a kilometre on sees what came through; own construction. [m]"""


@dataclass(frozen=True)
class Scale:
    """Some stations of a layout as a layout of their own.

    ``stations`` are those in the whole layout. ``home`` gives for each stretch the one of the whole layout in its
    middle, by the station at its upstream end; both of shape (n_station,), int64.
    """

    layout: Layout
    stations: Ints
    home: Ints


@dataclass(frozen=True)
class Scales:
    """A layout and its coarse companions."""

    fine: Layout
    coarse: tuple[Scale, ...]

    @classmethod
    def of(cls, fine: Layout) -> Scales:
        """Return the scales of a layout; done once. One that would be the layout itself or another is left out."""
        found: list[Scale] = []
        seen = {tuple(range(len(fine)))}
        for shortest_m in COARSE_M:
            for phase in (0, 1):
                stations = _every(fine, shortest_m, phase)
                if tuple(stations.tolist()) not in seen:
                    seen.add(tuple(stations.tolist()))
                    found.append(_scale(fine, stations))
        return cls(fine, tuple(found))


def _every(fine: Layout, shortest_m: float, phase: int) -> Ints:
    """Return stations at least so far apart, from the first or the second of each corridor on."""
    kept: list[int] = []
    for start, stop in zip(fine.starts[:-1].tolist(), fine.starts[1:].tolist(), strict=True):
        last_m = -np.inf
        for place in range(start + phase, stop):
            if fine.chainage_m[place] - last_m >= shortest_m:
                kept.append(place)
                last_m = float(fine.chainage_m[place])
    return np.array(kept, dtype=np.int64)


def _scale(fine: Layout, stations: Ints) -> Scale:
    nowhere = np.zeros(len(stations))
    layout = Layout.of(
        StationTable(
            ids=tuple(str(place) for place in stations.tolist()),
            corridor=fine.corridor[stations],
            corridor_names=("",),
            chainage_m=fine.chainage_m[stations],
            speed_limit_kmh=fine.speed_limit_kmh[stations],
            lanes=fine.lanes[stations],
            lon_deg=nowhere,
            lat_deg=nowhere,
        )
    )
    ahead = np.where(layout.down != NONE, stations[np.where(layout.down != NONE, layout.down, 0)], stations)
    return Scale(layout, stations, (stations + ahead) // 2)
