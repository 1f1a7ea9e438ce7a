"""Stations in the order of travel, corridor after corridor: the axis that all traffic computations share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.tables import StationTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NONE = -1
"""No such station."""


@dataclass(frozen=True)
class Layout:
    """Where stations stand to each other; arrays of shape (n_station,) unless said otherwise.

    Attributes
    ----------
    row : ndarray, int64
        Row of each in the table that it was made from.
    corridor : ndarray, int64
        Road and direction, rising.
    chainage_m : ndarray, float64
        Grows in the direction of travel, never falls within a corridor. Two stations may stand at one place. [m]
    speed_limit_kmh : ndarray, float64
        [km/h]
    lanes : ndarray, int64
        Lanes that the station watches.
    up, down : ndarray, int64
        Next station upstream and downstream on the same corridor; ``NONE`` at its ends.
    gap_m : ndarray, float64
        Distance to ``down``. NaN at the end of a corridor. [m]
    starts : ndarray, shape (n_corridor + 1,), int64
        Corridor ``i`` is ``starts[i]:starts[i + 1]``.
    """

    row: Ints
    corridor: Ints
    chainage_m: Floats
    speed_limit_kmh: Floats
    lanes: Ints
    up: Ints
    down: Ints
    gap_m: Floats
    starts: Ints

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def place(self) -> Ints:
        """Return the place in this layout of every row of the table, shape (n_station,); worked out once."""
        place = np.empty(len(self.row), dtype=np.int64)
        place[self.row] = np.arange(len(self.row))
        return place

    @classmethod
    def of(cls, stations: StationTable) -> Layout:
        """Return the layout of a table of stations."""
        row = np.lexsort((stations.chainage_m, stations.corridor)).astype(np.int64)
        corridor, chainage_m = stations.corridor[row], stations.chainage_m[row]
        n_station = len(row)
        place = np.arange(n_station, dtype=np.int64)
        joined = corridor[1:] == corridor[:-1]
        down = np.append(np.where(joined, place[1:], NONE), np.full(min(n_station, 1), NONE)).astype(np.int64)
        up = np.append(np.full(min(n_station, 1), NONE), np.where(joined, place[:-1], NONE)).astype(np.int64)
        gap_m = np.append(np.where(joined, np.diff(chainage_m), np.nan), np.full(min(n_station, 1), np.nan))
        inner = np.flatnonzero(~joined) + 1
        starts = np.concatenate(([0], inner, [n_station])) if n_station else np.zeros(1)
        return cls(
            row=row,
            corridor=corridor,
            chainage_m=chainage_m,
            speed_limit_kmh=stations.speed_limit_kmh[row],
            lanes=stations.lanes[row],
            up=up,
            down=down,
            gap_m=gap_m,
            starts=starts.astype(np.int64),
        )

    @classmethod
    def along(cls, chainage_m: Floats, lanes: int, speed_limit_kmh: float) -> Layout:
        """Return the layout of one corridor.

        Parameters
        ----------
        chainage_m : ndarray, shape (n_station,), float64
            In any order; ``row`` says which is which. [m]
        lanes : int
        speed_limit_kmh : float
        """
        n_station = len(chainage_m)
        nowhere = np.zeros(n_station)
        return cls.of(
            StationTable(
                ids=tuple(str(row) for row in range(n_station)),
                corridor=np.zeros(n_station, dtype=np.int64),
                corridor_names=("",),
                chainage_m=np.asarray(chainage_m, dtype=np.float64),
                speed_limit_kmh=np.full(n_station, float(speed_limit_kmh)),
                lanes=np.full(n_station, lanes, dtype=np.int64),
                lon_deg=nowhere,
                lat_deg=nowhere,
            )
        )
