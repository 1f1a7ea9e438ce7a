"""The road in cells for the model ahead: how fields and stations map to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from engine.traffic.layout import Layout
from engine.traffic.travel_time import Cells

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOGETHER = 2
"""Cells of the speed field in one of the model's: half a kilometre each."""


@dataclass(frozen=True)
class Road:
    """Cells of the model, each some neighbouring cells of the speed field.

    Attributes
    ----------
    cells : Cells
    group : ndarray, shape (n_field_cell,), int64
        Which cell of the model each cell of the field lies in.
    field_length_m : ndarray, shape (n_field_cell,), float64
        [m]
    before, after : ndarray, shape (n_cell,), int64
        Stations of the layout on both sides of each cell's middle; the same at an end.
    share : ndarray, shape (n_cell,), float64
        Weight of ``after``.
    spread : csr_array, shape (n_cell, n_station)
        Share of the gap that begins at a station which lies in a cell.
    last : ndarray, shape (n_corridor,), int64
        Last cell of each corridor.
    under : ndarray, shape (n_station,), int64
        Cell under each station.
    """

    cells: Cells
    group: Ints
    field_length_m: Floats
    before: Ints
    after: Ints
    share: Floats
    spread: csr_array
    last: Ints
    under: Ints

    @classmethod
    def of(cls, layout: Layout, field_cells: Cells) -> Road:
        """Return the road under the cells of a speed field, which reach from first to last station of each corridor."""
        count = np.diff(field_cells.starts)
        fewer = np.maximum(count // _TOGETHER, np.minimum(count, 1))
        starts = np.concatenate(([0], np.cumsum(fewer))).astype(np.int64)
        corridor = field_cells.corridor
        hop = np.arange(len(corridor)) - field_cells.starts[corridor]
        group = (starts[corridor] + hop * fewer[corridor] // np.maximum(count[corridor], 1)).astype(np.int64)
        n_cell = int(starts[-1])
        length_m = np.bincount(group, field_cells.length_m, minlength=n_cell).astype(np.float64)
        own = np.repeat(np.arange(len(fewer)), fewer)
        first_m = layout.chainage_m[layout.starts[:-1]] if len(layout) else np.zeros(0)
        ends_m = np.cumsum(length_m)
        begin_m = ends_m - length_m
        if n_cell:
            begin_m = begin_m + (first_m - begin_m[starts[:-1]])[own]
        middle_m = begin_m + length_m / 2.0
        before = _station_before(layout, own, middle_m)
        # The station before the middle, and the one behind it; at the end of a corridor there is none behind.
        after = np.where(layout.down[before] < 0, before, layout.down[before]) if n_cell else before
        gap_m = layout.chainage_m[after] - layout.chainage_m[before]
        share = np.divide(middle_m - layout.chainage_m[before], gap_m, out=np.zeros(n_cell), where=gap_m > 0)
        nearest = np.where(share > 0.5, after, before)
        cells = Cells(own.astype(np.int64), middle_m, length_m, nearest.astype(np.int64), starts)
        spread = _overlap(layout, own, begin_m, begin_m + length_m)
        under = _cell_under(layout, own, begin_m, starts)
        share = np.clip(share, 0.0, 1.0)
        return cls(cells, group, field_cells.length_m, before, after, share, spread, starts[1:] - 1, under)

    def coarse(self, field_kmh: Floats) -> Floats:
        """Return a speed field (n_field_cell,), without gaps, on the model's cells: length over time [km/h]."""
        length_m = self.cells.length_m
        hours = np.bincount(self.group, self.field_length_m / field_kmh, minlength=len(length_m)).astype(np.float64)
        return np.asarray(np.divide(length_m, hours, out=np.full(len(hours), 100.0), where=hours > 0))

    def at_cells(self, stations: Floats) -> Floats:
        """Return values of stations (n_station,), without gaps, between them."""
        return np.asarray(stations[self.before] * (1.0 - self.share) + stations[self.after] * self.share)


def filled_stations(values: Floats, layout: Layout) -> Floats:
    """Fill NaN of stations from the nearest known ones on both sides, linearly; NaN is left where a corridor has none.

    Parameters
    ----------
    values : ndarray, shape (n_station,), float64
    layout : Layout
    """
    unknown = np.isnan(values)
    if not unknown.any():
        return values
    place = np.arange(len(values))
    number = np.repeat(np.arange(len(layout.starts) - 1), np.diff(layout.starts))
    low = np.maximum.accumulate(np.where(unknown, -1, place))
    high = np.minimum.accumulate(np.where(unknown, len(values), place)[::-1])[::-1]
    below = (low >= 0) & (number[np.maximum(low, 0)] == number)
    above = (high < len(values)) & (number[np.minimum(high, len(values) - 1)] == number)
    low, high = np.where(below, low, high), np.where(above, high, low)
    known = below | above
    low, high = np.where(known, low, 0), np.where(known, high, 0)
    gap_m = layout.chainage_m[high] - layout.chainage_m[low]
    share = np.divide(layout.chainage_m - layout.chainage_m[low], gap_m, out=np.zeros(len(values)), where=gap_m > 0)
    between = values[low] * (1.0 - share) + values[high] * share
    return np.where(unknown, np.where(known, between, np.nan), values)


def _station_before(layout: Layout, corridor: Ints, middle_m: Floats) -> Ints:
    if not len(layout):
        return np.zeros(0, dtype=np.int64)
    low = float(layout.chainage_m.min())
    # One axis for all corridors, wide enough between them.
    span = float(layout.chainage_m.max()) - low + 1.0
    number = np.repeat(np.arange(len(layout.starts) - 1), np.diff(layout.starts))
    stations = number * span + (layout.chainage_m - low)
    found = np.searchsorted(stations, corridor * span + (middle_m - low), side="right") - 1
    return np.clip(found, layout.starts[corridor], layout.starts[corridor + 1] - 1).astype(np.int64)


def _cell_under(layout: Layout, corridor: Ints, begin_m: Floats, starts: Ints) -> Ints:
    if not len(layout):
        return np.zeros(0, dtype=np.int64)
    low = float(layout.chainage_m.min())
    span = float(layout.chainage_m.max()) - low + 1.0
    number = np.repeat(np.arange(len(layout.starts) - 1), np.diff(layout.starts))
    cells = corridor * span + (begin_m - low)
    found = np.searchsorted(cells, number * span + (layout.chainage_m - low), side="right") - 1
    return np.clip(found, starts[number], starts[number + 1] - 1).astype(np.int64)


def _overlap(layout: Layout, corridor: Ints, begin_m: Floats, end_m: Floats) -> csr_array:
    """Return the share of each gap between stations that lies in each cell; a gap of no length lies in one."""
    first = _station_before(layout, corridor, begin_m)
    final = _station_before(layout, corridor, end_m)
    count = final - first + 1
    cell = np.repeat(np.arange(len(corridor)), count)
    station = np.repeat(first, count) + np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    gap_m = layout.gap_m[station]
    far_m = layout.chainage_m[station] + np.nan_to_num(gap_m)
    common_m = np.minimum(end_m[cell], far_m) - np.maximum(begin_m[cell], layout.chainage_m[station])
    known = (gap_m > 0) & (common_m > 0)
    weight = common_m[known] / gap_m[known]
    return csr_array((weight, (cell[known], station[known])), shape=(len(corridor), len(layout)))
