"""Stretches of two lengths: between neighbours, and, where stations stand close, between every second or so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.region import StationTable
from engine.traffic.layout import NONE, Layout

Ints = NDArray[np.int64]

COARSE_M = 800.0
"""Shortest stretch of the coarse scale. A station just behind a blocked lane sees vehicles that gather speed, one a
kilometre on sees what came through; own construction. [m]"""


@dataclass(frozen=True)
class Scales:
    """A layout and its coarse companion.

    ``stations`` are the coarse layout's stations in the fine one. ``home`` gives for each coarse stretch the fine one
    in its middle, by the station at its upstream end; both of shape (n_coarse,), int64.
    """

    fine: Layout
    coarse: Layout
    stations: Ints
    home: Ints

    @classmethod
    def of(cls, fine: Layout) -> Scales:
        """Return the scales of a layout; done once."""
        kept: list[int] = []
        for start, stop in zip(fine.starts[:-1].tolist(), fine.starts[1:].tolist(), strict=True):
            last_m = -np.inf
            for place in range(start, stop):
                if fine.chainage_m[place] - last_m >= COARSE_M:
                    kept.append(place)
                    last_m = float(fine.chainage_m[place])
        stations = np.array(kept, dtype=np.int64)
        nowhere = np.zeros(len(stations))
        table = StationTable(
            ids=tuple(str(place) for place in kept),
            corridor=fine.corridor[stations],
            corridor_names=("",),
            chainage_m=fine.chainage_m[stations],
            speed_limit_kmh=fine.speed_limit_kmh[stations],
            lanes=fine.lanes[stations],
            lon_deg=nowhere,
            lat_deg=nowhere,
        )
        coarse = Layout.of(table)
        ahead = np.where(coarse.down != NONE, stations[np.where(coarse.down != NONE, coarse.down, 0)], stations)
        return cls(fine, coarse, stations, (stations + ahead) // 2)
