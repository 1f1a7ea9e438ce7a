"""Travel times: through the speeds of now, and through those that a driver will really meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_KMH_PER_M_S = 3.6
_NARROWEST = 0.2


@dataclass(frozen=True)
class TravelTimeThresholds:
    """Of the cells and of the spread around predicted times."""

    cell_m: Sourced
    slowest_kmh: Sourced
    steady_s: Sourced
    spread_memory: Sourced
    spread_least: Sourced
    spread_delay: Sourced
    spread_change: Sourced


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


def routes_along(cells: Cells, routes: Sequence[Ints]) -> tuple[Ints, Cells]:
    """Return routes as cells of their own, for the times along them.

    Parameters
    ----------
    cells : Cells
    routes : sequence of ndarray, shape (n_cell_of_route,), int64
        Cells of each route in the order in which they are driven, of any corridors; no route is empty.

    Returns
    -------
    index : ndarray, shape (n_cell_of_all_routes,), int64
        Take fields of ``cells`` there: ``driven_s(fields[:, index], step_s, along)``.
    along : Cells
        One "corridor" a route.
    """
    count = np.array([len(route) for route in routes], dtype=np.int64)
    index = np.concatenate([np.zeros(0, dtype=np.int64), *routes]).astype(np.int64)
    return index, Cells(
        corridor=np.repeat(np.arange(len(routes), dtype=np.int64), count),
        chainage_m=cells.chainage_m[index],
        length_m=cells.length_m[index],
        station=cells.station[index],
        starts=np.concatenate(([0], np.cumsum(count))).astype(np.int64),
    )


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


def steadied(
    before: Floats, predicted_s: Floats, at_once_s: Floats, elapsed_s: float, thresholds: TravelTimeThresholds
) -> tuple[Floats, Floats]:
    """Smooth how much longer than at once it is predicted to take, so that what is posted does not jump.

    Parameters
    ----------
    before : ndarray, shape (n_corridor,), float64
        The logarithm as it was; NaN at first.
    predicted_s, at_once_s : ndarray, shape (n_corridor,), float64
        [s]
    elapsed_s : float
        Since then. [s]
    thresholds : TravelTimeThresholds

    Returns
    -------
    smoothed, predicted_s : ndarray, shape (n_corridor,), float64
        The logarithm to hand in next time, and the predicted time that it makes. [s]

    Source
    ------
    Own construction: the instantaneous time is smooth already and is not held back.
    """
    known = (predicted_s > 0) & (at_once_s > 0)
    now = np.log(np.where(known, predicted_s, 1.0) / np.where(known, at_once_s, 1.0))
    weight = -np.expm1(-elapsed_s / thresholds.steady_s.value)
    smoothed = np.where(np.isnan(before), now, before + weight * (now - before))
    return smoothed, np.where(known, at_once_s * np.exp(smoothed), predicted_s)


@dataclass(frozen=True)
class Spread:
    """Percentiles of realised over predicted times, in units of `doubt`; arrays of shape (n_corridor,), float64."""

    low: Floats
    high: Floats

    @classmethod
    def initial(cls, n_corridor: int) -> Spread:
        """Return the spread before any realised time is known."""
        return cls(np.full(n_corridor, -1.0), np.full(n_corridor, 1.0))

    def around(self, predicted_s: Floats, doubts: Floats) -> tuple[Floats, Floats]:
        """Return the 10th and 90th percentile of times predicted with these doubts. [s], [s]."""
        return predicted_s * np.exp(self.low * doubts), predicted_s * np.exp(self.high * doubts)


def doubt(predicted_s: Floats, at_once_s: Floats, free_s: Floats, thresholds: TravelTimeThresholds) -> Floats:
    """Return how far off predictions of this kind are, as a logarithm.

    Parameters
    ----------
    predicted_s, at_once_s, free_s : ndarray, shape (n_corridor,), float64
        Predicted, instantaneous and free travel time; 0 on a corridor of one station. [s]
    thresholds : TravelTimeThresholds

    Source
    ------
    Own construction: it grows with the delay, and with the change that is predicted.
    """
    known = (predicted_s > 0) & (at_once_s > 0) & (free_s > 0)
    predicted = np.where(known, predicted_s, 1.0)
    delay = np.clip(np.log(predicted / np.where(known, free_s, 1.0)), 0.0, 1.0)
    change = np.abs(np.log(predicted / np.where(known, at_once_s, 1.0)))
    return np.asarray(
        thresholds.spread_least.value + thresholds.spread_delay.value * delay + thresholds.spread_change.value * change
    )


def learn_spread(
    spread: Spread, predicted_s: Floats, doubts: Floats, realised_s: Floats, thresholds: TravelTimeThresholds
) -> Spread:
    """Move the 10th and 90th percentile by one departure.

    Parameters
    ----------
    spread : Spread
    predicted_s, realised_s : ndarray, shape (n_corridor,), float64
        Of a departure that has arrived. NaN = none. [s]
    doubts : ndarray, shape (n_corridor,), float64
        As they were at the departure, > 0.
    thresholds : TravelTimeThresholds

    Source
    ------
    Stochastic quantile (Robbins and Monro 1951) with steps in proportion to the present width.
    """
    known = (predicted_s > 0) & (realised_s > 0)
    off = np.log(np.where(known, realised_s, 1.0) / np.where(known, predicted_s, 1.0)) / doubts
    step = np.maximum(spread.high - spread.low, _NARROWEST) * (4.0 / thresholds.spread_memory.value)
    low = spread.low + np.where(off < spread.low, -0.9, 0.1) * step
    high = spread.high + np.where(off > spread.high, 0.9, -0.1) * step
    low, high = np.minimum(low, high - _NARROWEST), np.maximum(high, low + _NARROWEST)
    return Spread(np.where(known, low, spread.low), np.where(known, high, spread.high))
