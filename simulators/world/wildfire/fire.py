"""One forest fire: where it has burnt, when it came, what it gives off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter1d

from config.catalogue.model import Catalogue, Coordinate
from simulators.errors import ScenarioError
from simulators.world.happenings import Ignition
from simulators.world.seeds import stream
from simulators.world.wildfire.air import FireAir
from simulators.world.wildfire.behaviour import (
    LOAD_KG_M2,
    Spread,
    equilibrium_pct,
    next_moisture_pct,
    spread,
)
from simulators.world.wildfire.front import advance
from simulators.world.wildfire.fuel import CELL_M, FuelGrid
from simulators.world.wildfire.outline import outlines
from simulators.world.wildfire.seedling import Seedling
from simulators.world.wildfire.spotting import Spotting

Floats = NDArray[np.float64]

QUANTUM_S = 30.0
"""A fire moves on in steps of this length whatever the length of the calls, and stands still in between [s]."""
RATES_EVERY = 4
"""Rates of spread over the grid are worked out anew each so many steps."""
BAND_M = 240.0
"""How far from the front the field of distances is kept [m]."""
AHEAD_CELLS = 12
"""How far ahead of that the rates are worked out: more than the fastest grass fire, 152 m/min, runs in 2 min [-]."""
SEEDLING_WIDTH_M = 90.0
"""Width from which the grid resolves the fire: three cells [m]."""
RATE_MEMORY_S = 300.0
"""Time over which the rate of burning is averaged: what has caught burns for minutes; own construction [s]."""
BURNING_S = 1_200.0
"""How long ground goes on burning and smoking after the front has passed; own construction [s]."""


class BurningCells(NamedTuple):
    """Ground on fire; arrays of shape (cell,).

    Attributes
    ----------
    lon_deg, lat_deg : ndarray
        Middles. [deg]
    age_s : ndarray
        Time since the front came. [s]
    """

    lon_deg: Floats
    lat_deg: Floats
    age_s: Floats


@dataclass
class Wildfire:
    """A fire from one ignition, moved on by `step`.

    The front grows by the ellipses of the FBP System over fuel and slope: at first as one shape in the fuel of the
    place of ignition, and on a grid of 30 m cells when it is three of them wide. It stops at the edge of the grid,
    10 km from the ignition. Fighting lowers all rates evenly from ``attack_s`` to nothing at ``until_s``.

    Attributes
    ----------
    ignition
        Where and when.
    grid
        Ground and fuel.
    time_s
        Simulation time. [s]
    air
        Air of the last step, None before the first one while the fire burns.
    arrival_s : ndarray, shape (row, column)
        Simulation time at which the fire came to the middle of each cell, NaN where it has not. [s]
    moisture_pct
        Of fine dead fuel; NaN before the fire. [% of dry weight]
    consumption_kg_s
        Fuel burnt per second, averaged over some minutes. [kg/s]
    """

    ignition: Ignition
    grid: FuelGrid
    spotting: Spotting
    time_s: float = 0.0
    air: FireAir | None = None
    arrival_s: Floats = field(init=False)
    moisture_pct: float = float("nan")
    consumption_kg_s: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.grid.axis_m)
        self.arrival_s = np.full((n, n), np.nan)
        self._field: Floats = np.full((n, n), BAND_M)
        self._seedling: Seedling | None = Seedling()
        self._window = (slice(n // 2, n // 2 + 1),) * 2
        self._done_s = self.ignition.from_s
        self._rates: Spread | None = None
        self._rates_left = 0
        self._area_m2 = 0.0
        self._steps = 0
        self._rings: tuple[int, list[Floats]] = (-1, [])
        self._burning: tuple[int, NDArray[np.int64], NDArray[np.int64]] | None = None

    @classmethod
    def build(cls, ignition: Ignition, catalogue: Catalogue, seed: int) -> Wildfire:
        """Return a fire that has not started.

        Raises
        ------
        ScenarioError
            If nothing burns at the place of ignition, or its times are out of order.
        """
        ignition_times(ignition)
        grid = FuelGrid.around(ignition.position, catalogue, seed)
        grid.require_burnable(ignition.id)
        return cls(ignition, grid, Spotting(stream(seed, "spotting", ignition.id)))

    @property
    def steps(self) -> int:
        """How many steps of `QUANTUM_S` the fire has made: what depends on it alone may be kept until it changes."""
        return self._steps

    @property
    def started(self) -> bool:
        """Whether it has begun to burn."""
        return self._steps > 0

    @property
    def out(self) -> bool:
        """Whether it is over."""
        return self.time_s >= self.ignition.until_s

    @property
    def vigour(self) -> float:
        """What fighting leaves of all rates, 1 before the attack, 0 when the fire is out [-]."""
        if self._done_s <= self.ignition.attack_s:
            return 1.0
        left = self.ignition.until_s - self.ignition.attack_s
        return max(1.0 - (self._done_s - self.ignition.attack_s) / left, 0.0) if left > 0.0 else 0.0

    def step(self, dt_s: float, air: FireAir) -> None:
        """Move on by a time of any length, under one air.

        Parameters
        ----------
        dt_s
            At least 0. [s]
        air
            At the fire.

        Raises
        ------
        ValueError
            If the time or the air is not a number in its range.
        """
        if not 0.0 <= dt_s < np.inf:
            raise ValueError(f"dt_s: expected a time of at least 0 s, was {dt_s!r}")
        air.check()
        self.time_s += dt_s
        end_s = min(self.time_s, self.ignition.until_s)
        while self._done_s + QUANTUM_S <= end_s + 1e-6:
            self._quantum(air)
        if self.out:
            self.consumption_kg_s = 0.0

    def _quantum(self, air: FireAir) -> None:
        self.air = air
        if np.isnan(self.moisture_pct):
            self.moisture_pct = equilibrium_pct(air.rh_pct, air.temp_c)[0]
        self.moisture_pct = next_moisture_pct(
            self.moisture_pct, QUANTUM_S, air.rh_pct, air.temp_c, air.wind_kmh, air.rain_mm_h
        )
        before_m2 = self._area_m2
        if self._seedling is not None:
            self._grow_seedling(self._seedling, air)
        else:
            self._grow_front(air)
        self._done_s += QUANTUM_S
        self._steps += 1
        load = self._load_kg_m2()
        keep = float(np.exp(-QUANTUM_S / RATE_MEMORY_S))
        fresh = (self._area_m2 - before_m2) / QUANTUM_S * load
        self.consumption_kg_s = keep * self.consumption_kg_s + (1.0 - keep) * max(fresh, 0.0)

    def _minutes(self) -> float:
        return (self._done_s - self.ignition.from_s + QUANTUM_S / 2.0) / 60.0

    def _spread(self, part: tuple[slice, slice] | tuple[NDArray[np.int64], NDArray[np.int64]], air: FireAir) -> Spread:
        grid = self.grid
        return spread(
            grid.fuel[part],
            grid.share[part].astype(np.float64) * self.vigour,
            grid.slope_east[part].astype(np.float64),
            grid.slope_north[part].astype(np.float64),
            moisture_pct=self.moisture_pct,
            wind_kmh=air.wind_kmh,
            wind_deg=air.wind_deg,
            minutes=self._minutes(),
        )

    def _grow_seedling(self, seedling: Seedling, air: FireAir) -> None:
        middle = len(self.grid.axis_m) // 2
        here = slice(middle, middle + 1)
        seedling.grow(self._spread((here, here), air), QUANTUM_S / 60.0)
        self._area_m2 = seedling.area_m2()
        reach = int(np.ceil((float(seedling.reach_m.max()) + BAND_M) / CELL_M))
        low, high = max(middle - reach, 0), min(middle + reach + 1, len(self.grid.axis_m))
        part = (slice(low, high), slice(low, high))
        axis = self.grid.axis_m[low:high]
        east, north = np.broadcast_arrays(axis[np.newaxis, :], axis[:, np.newaxis])
        after = np.minimum(seedling.distance_m(east, north), BAND_M)
        self._note_arrivals(part, self._field[part], after)
        self._field[part] = after
        self._window = part
        if seedling.width_m >= SEEDLING_WIDTH_M:
            self._seedling = None

    def _grow_front(self, air: FireAir) -> None:
        landed = self.spotting.land(
            self.grid, self._burning_places(), self._field > 0.0, air, self.moisture_pct, QUANTUM_S
        )
        if landed is not None:
            self._light(*landed)
        if self._rates is None or self._rates_left == 0:
            self._window = self._around_front()
            self._rates = self._band_rates(air)
            self._rates_left = RATES_EVERY
        self._rates_left -= 1
        before = self._field[self._window]
        after = np.clip(advance(before, self._rates, QUANTUM_S, CELL_M), -BAND_M, BAND_M)
        self._note_arrivals(self._window, before, after)
        # Half-burnt cells count by how far the front has come; cells behind the window's edge do not change.
        covered = np.clip(0.5 - after / CELL_M, 0.0, 1.0) - np.clip(0.5 - before / CELL_M, 0.0, 1.0)
        self._area_m2 += float(covered.sum()) * CELL_M**2
        self._field[self._window] = after

    def _around_front(self) -> tuple[slice, slice]:
        near = self._field < BAND_M
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        margin = AHEAD_CELLS
        n = len(self.grid.axis_m)
        return (
            slice(max(int(rows[0]) - margin, 0), min(int(rows[-1]) + margin + 1, n)),
            slice(max(int(columns[0]) - margin, 0), min(int(columns[-1]) + margin + 1, n)),
        )

    def _band_rates(self, air: FireAir) -> Spread:
        """Work out the ellipses near the front, and leave them at nothing elsewhere."""
        window = self._window
        field_now = self._field[window]
        wide = (np.abs(field_now) < BAND_M).astype(np.uint8)
        for axis in (0, 1):
            wide = maximum_filter1d(wide, 2 * AHEAD_CELLS + 1, axis=axis)
        rows, columns = np.nonzero(wide)
        rates = self._spread((rows + window[0].start, columns + window[1].start), air)
        grids = []
        for values in rates:
            whole = np.zeros(field_now.shape)
            whole[rows, columns] = values
            grids.append(whole)
        return Spread(*grids)

    def _light(self, row: int, column: int) -> None:
        """Start a spot fire in a cell."""
        axis = self.grid.axis_m
        low_row, low_column = max(row - 8, 0), max(column - 8, 0)
        part = (slice(low_row, row + 9), slice(low_column, column + 9))
        away = np.hypot(axis[part[1]] - axis[column], axis[part[0], np.newaxis] - axis[row]) - CELL_M / 2.0
        before = self._field[part]
        after = np.minimum(before, np.minimum(away, BAND_M))
        self._note_arrivals(part, before, after)
        self._field[part] = after
        self._area_m2 += CELL_M**2
        self._rates_left = 0

    def _note_arrivals(self, part: tuple[slice, slice], before: Floats, after: Floats) -> None:
        new = (after < 0.0) & np.isnan(self.arrival_s[part])
        if new.any():
            came = np.clip(before[new] / np.maximum(before[new] - after[new], 1e-9), 0.0, 1.0)
            self.arrival_s[part][new] = self._done_s + QUANTUM_S * came

    def _load_kg_m2(self) -> float:
        """Fuel on the ground that burns, in the mean: it differs little along the front."""
        rows, columns = self._burning_places()
        if self._seedling is not None or len(rows) == 0:
            middle = len(self.grid.axis_m) // 2
            return float(LOAD_KG_M2[self.grid.fuel[middle, middle]])
        return float((LOAD_KG_M2[self.grid.fuel[rows, columns]] * self.grid.share[rows, columns]).mean())

    def _burning_places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the cells that burn now, kept for one step.

        Those that the front has passed lately, and those that a slow front has not left yet.
        """
        if self._burning is None or self._burning[0] != self._steps:
            came, distance = self.arrival_s[self._window], self._field[self._window]
            burning = (came >= self._done_s - BURNING_S) | ((distance <= 0.0) & (distance > -CELL_M))
            rows, columns = np.nonzero(burning)
            self._burning = (self._steps, rows + self._window[0].start, columns + self._window[1].start)
        return self._burning[1], self._burning[2]

    @property
    def area_ha(self) -> float:
        """Area burnt so far [ha]."""
        return self._area_m2 / 10_000.0

    def burning_cells(self) -> BurningCells:
        """Return the ground that burns now; none before the first cell's middle is reached, and when it is out."""
        rows, columns = self._burning_places() if not self.out else (np.zeros(0, dtype=np.int64),) * 2
        lon, lat = self.grid.frame.to_degrees(self.grid.axis_m[columns], self.grid.axis_m[rows])
        return BurningCells(lon, lat, self._done_s - self.arrival_s[rows, columns])

    def outlines_m(self) -> list[Floats]:
        """Return the outer rings of the burnt area, largest first, in the plane of ``grid.frame`` [m]."""
        if self._rings[0] != self._steps:
            self._rings = (self._steps, self._outlines())
        return self._rings[1]

    def _outlines(self) -> list[Floats]:
        if not self.started:
            return []
        if self._seedling is not None:
            ring = self._seedling.outline_m()
            return [np.concatenate([ring, ring[:1]])]
        near = self._around_front()
        axis = self.grid.axis_m
        return outlines(self._field[near], CELL_M, float(axis[near[1].start]), float(axis[near[0].start]))

    def perimeter(self) -> tuple[Coordinate, ...]:
        """Return the outer ring of the burnt area, closed; of the largest part when spot fires burn apart [deg]."""
        rings = self.outlines_m()
        if not rings:
            return ()
        lon, lat = self.grid.frame.to_degrees(rings[0][:, 0], rings[0][:, 1])
        return tuple(zip(np.round(lon, 7).tolist(), np.round(lat, 7).tolist(), strict=True))

    def distance_m(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Return the distance of places to the burnt area, 0 inside, infinite before the fire; any shape [m]."""
        east, north = self.grid.frame.to_plane(lon_deg, lat_deg)
        rings = self.outlines_m()
        if not rings:
            return np.full(east.shape, np.inf)
        burnt = shapely.multipolygons(shapely.polygons([shapely.linearrings(ring) for ring in rings]))
        distance: Floats = np.asarray(shapely.distance(burnt, shapely.points(east, north)), dtype=np.float64)
        return distance

    def arrival_at_s(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Return when the fire came to the cells of some places, NaN where it has not; any shape [s]."""
        east, north = self.grid.frame.to_plane(lon_deg, lat_deg)
        n = len(self.grid.axis_m)
        column = np.rint(east / CELL_M).astype(np.int64) + n // 2
        row = np.rint(north / CELL_M).astype(np.int64) + n // 2
        inside = (row >= 0) & (row < n) & (column >= 0) & (column < n)
        came: Floats = np.where(inside, self.arrival_s[np.clip(row, 0, n - 1), np.clip(column, 0, n - 1)], np.nan)
        return came


def ignition_times(ignition: Ignition) -> None:
    """Check that a fire's times come in order.

    Raises
    ------
    ScenarioError
        If it ends before it starts, or is fought before it burns.
    """
    if not ignition.until_s > ignition.from_s:
        raise ScenarioError(
            f"ignition {ignition.id}: until_s: expected more than from_s = {ignition.from_s:g}, "
            f"was {ignition.until_s:g}"
        )
    if ignition.attack_s < ignition.from_s:
        raise ScenarioError(
            f"ignition {ignition.id}: attack_s: expected at least from_s = {ignition.from_s:g}, "
            f"was {ignition.attack_s:g}"
        )
