"""Firebrands that start new fires ahead of the front: rare, seeded; own construction."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simulators.world.wildfire.behaviour import CONIFER_SHARE
from simulators.world.wildfire.fuel import CELL_M, FuelGrid

Floats = NDArray[np.float64]

SPOT_WIND_KMH = 30.0
SPOT_MOISTURE_PCT = 10.0
"""Brands fly in wind above this, and light fuel drier than that; own construction [km/h], [% of dry weight]."""
SPOTS_PER_KM2_H = 6.0
"""Brands that light something, per burning square kilometre of pine; own construction [1/(km² h)]."""
MEDIAN_M_PER_KMH = 7.0
SPREAD_LOG = 0.6
LONGEST_M = 2_000.0
"""Flight: log-normal about this median per km/h of wind, its spread, and its end. Own construction; in the east coast
fires of Korea in 2000 and 2019 brands were seen to carry up to two kilometres."""
ASIDE_DEG = 12.0
"""Standard deviation of the direction; own construction [deg]."""


class Wind(Protocol):
    """The part of the air that carries brands."""

    @property
    def wind_kmh(self) -> float:
        """Speed [km/h]."""

    @property
    def wind_deg(self) -> float:
        """Where it comes from [deg]."""


class Spot(NamedTuple):
    """Cell of the grid in which a brand has lit something."""

    row: int
    column: int


class Spotting:
    """Brands of one fire.

    Parameters
    ----------
    rng
        Its own random stream; a fixed number of draws per call keeps the calls independent of what came of them.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def land(
        self,
        grid: FuelGrid,
        burning: tuple[NDArray[np.int64], NDArray[np.int64]],
        unburnt: NDArray[np.bool_],
        wind: Wind,
        moisture_pct: float,
        dt_s: float,
    ) -> Spot | None:
        """Return the cell that a brand lights in this step, or None.

        Parameters
        ----------
        grid
            Fuel.
        burning
            Rows and columns of the burning cells.
        unburnt
            Which cells of the grid have not burnt, shape (row, column).
        wind
            Carries the brands.
        moisture_pct
            Of fine dead fuel. [% of dry weight]
        dt_s
            Length of the step. [s]
        """
        chance, pick, far, aside = self._rng.random(), self._rng.random(), *self._rng.standard_normal(2)
        if wind.wind_kmh < SPOT_WIND_KMH or moisture_pct > SPOT_MOISTURE_PCT:
            return None
        rows, columns = burning
        pine = CONIFER_SHARE[grid.fuel[rows, columns]] * grid.share[rows, columns]
        total_km2 = float(pine.sum()) * CELL_M**2 / 1e6
        if chance >= -np.expm1(-SPOTS_PER_KM2_H * total_km2 * dt_s / 3600.0):
            return None
        source = int(np.searchsorted(np.cumsum(pine), pick * pine.sum(), side="right"))
        source = min(source, len(rows) - 1)
        flight_m = min(MEDIAN_M_PER_KMH * wind.wind_kmh * float(np.exp(SPREAD_LOG * far)), LONGEST_M)
        course = np.radians(wind.wind_deg + 180.0 + ASIDE_DEG * aside)
        row = int(rows[source] + round(flight_m * float(np.cos(course)) / CELL_M))
        column = int(columns[source] + round(flight_m * float(np.sin(course)) / CELL_M))
        n = len(grid.axis_m)
        if not (0 <= row < n and 0 <= column < n) or grid.share[row, column] <= 0.0 or not unburnt[row, column]:
            return None
        return Spot(row, column)
