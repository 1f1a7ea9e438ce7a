"""How many vehicles want to travel at which time of day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.world.corridors import Corridors

Floats = NDArray[np.float64]

DAY_S = 86_400.0

# Share of the peak hour's flow at each full hour, linear between. Own construction, in the shape of a working day
# on an interurban road: towards town the morning is the peak, away from it the evening.
_TOWARDS = np.array(
    [12, 8, 6, 6, 9, 24, 58, 92, 100, 82, 68, 64, 62, 63, 64, 66, 70, 76, 72, 58, 44, 36, 28, 19], dtype=np.float64
)
_AWAY = np.array(
    [16, 11, 8, 7, 8, 16, 36, 60, 68, 64, 60, 60, 62, 64, 68, 76, 88, 98, 100, 80, 58, 46, 36, 25], dtype=np.float64
)
_PROFILE = np.stack([_TOWARDS, _AWAY]) / 100.0

HEAVY_DAY_FRACTION = 0.14
HEAVY_NIGHT_FRACTION = 0.35
"""Share of heavy vehicles by day and by night; own construction after the usual range of interurban roads."""


def profile(time_of_day_s: float) -> Floats:
    """Return the share of the peak flow towards town (direction up) and away from it (down), shape (2,)."""
    hour = time_of_day_s % DAY_S / 3600.0
    hours = np.arange(25.0)
    return np.array([np.interp(hour, hours, np.append(row, row[0])) for row in _PROFILE])


def heavy_fraction(time_of_day_s: float) -> float:
    """Return the share of heavy vehicles, highest at 3 in the morning [-]."""
    phase = np.cos(2 * np.pi * (time_of_day_s / DAY_S - 3 / 24))
    return float(HEAVY_DAY_FRACTION + (HEAVY_NIGHT_FRACTION - HEAVY_DAY_FRACTION) * max(phase, 0.0) ** 2)


@dataclass(frozen=True)
class Demand:
    """What each corridor is asked to carry.

    Attributes
    ----------
    peak_veh_s : ndarray, shape (corridor,)
        Flow of the peak hour. [veh/s]
    away : ndarray, shape (corridor,), int64
        Row of the profile: 0 towards town, 1 away from it.
    """

    peak_veh_s: Floats
    away: NDArray[np.int64]

    @classmethod
    def draw(
        cls, corridors: Corridors, rng: np.random.Generator, lowest: float = 0.68, highest: float = 0.84
    ) -> Demand:
        """Draw each corridor's peak as a share of its narrowest place's capacity, so that a calm day stays free."""
        narrowest = np.array([corridors.capacity_veh_s[row.first : row.last + 1].min() for row in corridors.rows])
        return cls(
            peak_veh_s=narrowest * rng.uniform(lowest, highest, len(narrowest)),
            away=np.array([row.direction == "down" for row in corridors.rows], dtype=np.int64),
        )

    def at(self, time_of_day_s: float) -> Floats:
        """Return the mean demand of each corridor, shape (corridor,) [veh/s]."""
        wanted: Floats = self.peak_veh_s * profile(time_of_day_s)[self.away]
        return wanted
