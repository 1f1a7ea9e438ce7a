"""Travel times: through the speeds of now, and through those that a driver will really meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced
from engine.traffic.fronts.extent import QueueExtents
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HORIZON_STEP_S = 60.0
N_HORIZON = 46
"""Fields of now and of every minute for three quarters of an hour; who is still on the way then meets the last."""
_KMH_PER_M_S = 3.6


@dataclass(frozen=True)
class TravelTimeThresholds:
    """Of the predicted field and of its spread."""

    cell_m: Sourced
    slowest_kmh: Sourced
    mixing_s: Sourced
    """After this time the speed at a place in a queue is the mean of its surroundings."""
    mixing_m: Sourced
    free_again_ratio: Sourced
    settling_s: Sourced
    """A front slows down over this time."""
    spread_memory: Sourced
    first_spread_frac: Sourced


@dataclass(frozen=True)
class Cells:
    """The road in short pieces, corridor after corridor in the order of travel.

    Attributes
    ----------
    corridor : ndarray, shape (n_cell,), int64
        Place of the corridor among those of the layout, from 0.
    chainage_m, length_m : ndarray, shape (n_cell,), float64
        Middle and length. [m]
    station : ndarray, shape (n_cell,), int64
        Nearest station of the layout.
    starts : ndarray, shape (n_corridor + 1,), int64
        Corridor ``i`` is ``starts[i]:starts[i + 1]``.
    """

    corridor: Ints
    chainage_m: Floats
    length_m: Floats
    station: Ints
    starts: Ints

    @classmethod
    def of(cls, layout: Layout, corridor: Ints, chainage_m: Floats) -> Cells:
        """Return the cells at these places, as a `LiveKernel` has them.

        Parameters
        ----------
        layout : Layout
        corridor : ndarray, shape (n_cell,), int64
            As numbered in the layout, rising.
        chainage_m : ndarray, shape (n_cell,), float64
            Middles, rising within a corridor; the cells reach from the first to the last station. [m]
        """
        begins = np.append(True, corridor[1:] != corridor[:-1])[: len(corridor)]
        number = np.cumsum(begins) - 1
        starts = np.append(np.flatnonzero(begins), len(corridor)).astype(np.int64)
        span_m = layout.chainage_m[layout.starts[1:] - 1] - layout.chainage_m[layout.starts[:-1]]
        length_m = np.maximum(span_m[number] / np.diff(starts)[number], 0.0)
        station = np.zeros(len(corridor), dtype=np.int64)
        for place in range(len(starts) - 1):
            cells = slice(starts[place], starts[place + 1])
            first, stop = layout.starts[place], layout.starts[place + 1]
            edges = (layout.chainage_m[first : stop - 1] + layout.chainage_m[first + 1 : stop]) / 2.0
            station[cells] = first + np.searchsorted(edges, chainage_m[cells])
        return cls(number.astype(np.int64), chainage_m, length_m, station, starts)


def filled(field_kmh: Floats, free_kmh: Floats, thresholds: TravelTimeThresholds) -> Floats:
    """Return a field without gaps.

    Parameters
    ----------
    field_kmh : ndarray, shape (n_cell,), float64
        NaN = nothing known. [km/h]
    free_kmh : ndarray, shape (n_cell,), float64
        Taken where nothing is known: an empty road is free. [km/h]
    thresholds : TravelTimeThresholds
    """
    return np.maximum(np.where(np.isnan(field_kmh), free_kmh, field_kmh), thresholds.slowest_kmh.value)


def predicted_fields(
    now_kmh: Floats,
    mean_kmh: Floats,
    free_kmh: Floats,
    extents: QueueExtents,
    cells: Cells,
    layout: Layout,
    thresholds: TravelTimeThresholds,
) -> Floats:
    """Return the speeds that are to be expected.

    Parameters
    ----------
    now_kmh, mean_kmh : ndarray, shape (n_cell,), float64
        Now, and mean of the last minutes; without gaps. [km/h]
    free_kmh : ndarray, shape (n_cell,), float64
        [km/h]
    extents : QueueExtents
        With the growth of their tails.
    cells : Cells
    layout : Layout
    thresholds : TravelTimeThresholds

    Returns
    -------
    ndarray, shape (46, n_cell), float64
        At 0, 1, … 45 minutes. [km/h]

    Notes
    -----
    A tail goes on at its speed, ever slower over ``settling_s``; a head stays. Where a queue will be, pace (time per
    way) passes over within ``mixing_s`` from what it is there now to the mean of the queue's pace around; where one
    will have gone, traffic is free; elsewhere it is as it is.

    Source
    ------
    Own construction.
    """
    ahead_s = np.arange(N_HORIZON) * HORIZON_STEP_S
    fields = np.tile(now_kmh, (N_HORIZON, 1))
    in_queue_now = np.zeros(len(now_kmh), dtype=bool)
    in_queue = np.zeros(fields.shape, dtype=bool)
    queue_pace = np.zeros(len(now_kmh))
    settle_s = thresholds.settling_s.value
    effective_s = settle_s * -np.expm1(-ahead_s / settle_s)
    for place in range(len(extents)):
        corridor = int(np.searchsorted(layout.starts, extents.first[place], side="right") - 1)
        where = slice(int(cells.starts[corridor]), int(cells.starts[corridor + 1]))
        x = cells.chainage_m[where]
        tail, head = float(extents.tail_m[place]), float(extents.head_m[place])
        inside = (x >= tail) & (x <= head)
        in_queue_now[where] |= inside
        growth = float(np.nan_to_num(extents.growth_kmh[place])) / _KMH_PER_M_S
        tails = np.minimum(tail - growth * effective_s, head)
        in_queue[:, where] |= (x >= tails[:, None]) & (x <= head) & (tails[:, None] < head)
        pace = 1.0 / np.where(inside, mean_kmh[where], np.nan)
        queue_pace[where] = np.maximum(queue_pace[where], _around(pace, x, tail, head, thresholds.mixing_m.value))
    weight = np.exp(-ahead_s / thresholds.mixing_s.value)[:, None]
    start_pace = np.where(in_queue_now, 1.0 / now_kmh, queue_pace)
    pace = weight * start_pace + (1.0 - weight) * np.maximum(queue_pace, 1e-9)
    fields = np.where(in_queue & (queue_pace > 0.0), 1.0 / np.maximum(pace, 1e-9), fields)
    gone = in_queue_now & ~in_queue
    fields = np.where(gone, np.maximum(thresholds.free_again_ratio.value * free_kmh, now_kmh), fields)
    return np.maximum(fields, thresholds.slowest_kmh.value)


def _around(pace: Floats, x: Floats, tail_m: float, head_m: float, within_m: float) -> Floats:
    """Return the mean pace of the queue within a distance of each cell; upstream of the tail that at the tail."""
    known = ~np.isnan(pace)
    if not known.any():
        return np.zeros(len(x))
    total, count = np.cumsum(np.where(known, pace, 0.0)), np.cumsum(known)
    at = np.clip(x, max(tail_m, float(x[known].min())), min(head_m, float(x[known].max())))
    low = np.searchsorted(x, at - within_m, side="left")
    high = np.searchsorted(x, at + within_m, side="right") - 1
    before = np.where(low > 0, low - 1, 0)
    sums = total[high] - np.where(low > 0, total[before], 0.0)
    counts = count[high] - np.where(low > 0, count[before], 0)
    mean = np.divide(sums, counts, out=np.zeros(len(x)), where=counts > 0)
    return np.where(x <= head_m, mean, 0.0)


def instantaneous_s(field_kmh: Floats, cells: Cells) -> Floats:
    """Return the time through every corridor at the speeds of one moment.

    Parameters
    ----------
    field_kmh : ndarray, shape (n_cell,), float64
        > 0. [km/h]
    cells : Cells

    Returns
    -------
    ndarray, shape (n_corridor,), float64
        [s]
    """
    return np.bincount(
        cells.corridor, cells.length_m / (field_kmh / _KMH_PER_M_S), minlength=len(cells.starts) - 1
    ).astype(np.float64)


def driven_s(fields_kmh: Floats, step_s: float, cells: Cells) -> Floats:
    """Drive through fields that change.

    Parameters
    ----------
    fields_kmh : ndarray, shape (n_field, n_cell), float64
        One every ``step_s``, the first at departure; the last holds on. > 0. [km/h]
    step_s : float
        [s]
    cells : Cells

    Returns
    -------
    ndarray, shape (n_corridor,), float64
        Time of a vehicle that departs at the first station of each corridor, to its last. [s]

    Source
    ------
    Trajectory through a speed field, e.g. van Lint (2010); all corridors at once, cell by cell.
    """
    n_corridor = len(cells.starts) - 1
    spent = np.zeros(n_corridor)
    count = np.diff(cells.starts)
    last = len(fields_kmh) - 1
    for hop in range(int(count.max(initial=0))):
        on = np.flatnonzero(count > hop)
        cell = cells.starts[on] + hop
        field = np.minimum((spent[on] / step_s).astype(np.int64), last)
        spent[on] += cells.length_m[cell] / (fields_kmh[field, cell] / _KMH_PER_M_S)
    return spent


@dataclass(frozen=True)
class Spread:
    """What realised times were over predicted ones, as logarithms; arrays of shape (n_corridor,), float64."""

    low: Floats
    high: Floats

    @classmethod
    def initial(cls, n_corridor: int, thresholds: TravelTimeThresholds) -> Spread:
        """Return the spread before any realised time is known."""
        first = np.log1p(thresholds.first_spread_frac.value)
        return cls(np.full(n_corridor, -first), np.full(n_corridor, first))


def learn_spread(spread: Spread, predicted_s: Floats, realised_s: Floats, thresholds: TravelTimeThresholds) -> Spread:
    """Move the 10th and 90th percentile by one departure.

    Parameters
    ----------
    spread : Spread
    predicted_s, realised_s : ndarray, shape (n_corridor,), float64
        Of a departure that has arrived. NaN = none. [s]
    thresholds : TravelTimeThresholds

    Source
    ------
    Stochastic quantile (Robbins and Monro 1951) with steps in proportion to the present width.
    """
    known = (predicted_s > 0) & (realised_s > 0)
    ratio = np.log(np.where(known, realised_s, 1.0) / np.where(known, predicted_s, 1.0))
    step = np.maximum(spread.high - spread.low, 0.01) * (4.0 / thresholds.spread_memory.value)
    low = spread.low + np.where(ratio < spread.low, -0.9, 0.1) * step
    high = spread.high + np.where(ratio > spread.high, 0.9, -0.1) * step
    low, high = np.minimum(low, high - 0.005), np.maximum(high, low + 0.005)
    return Spread(np.where(known, low, spread.low), np.where(known, high, spread.high))
